package report

import (
	"io"

	"github.com/poolsync/poolsync/internal/pool"
)

// Jobs is a list of jobs as it is printed.
type Jobs struct {
	Head
	Jobs []pool.Job `json:"jobs"`
}

// WriteJobs writes jobs as a table. What a job says beyond its documented
// members stands on a line of its own.
func (t Text) WriteJobs(w io.Writer, l Jobs) error {
	table := [][]string{{"JOB", "STATUS", "CREATED", "COMPLETED", "TYPE"}}
	marks, below := []string{"bold"}, []string{""}
	for _, j := range l.Jobs {
		mark := ""
		switch {
		case j.Status == pool.JobHalted:
			mark = "x"
		case !j.Ended():
			mark = "."
		}
		table = append(table, []string{string(j.Reference), string(j.Status), j.Created, j.Completed, j.Type})
		marks, below = append(marks, mark), append(below, j.Detail)
	}
	out := &printer{w: w, text: t}
	out.table(table, marks, below)
	return out.err
}
