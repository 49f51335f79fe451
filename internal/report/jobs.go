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
	out := &printer{w: w, text: t}
	if len(l.Jobs) > 0 {
		out.line("%-36s  %-9s  %-19s  %-19s  %s", "JOB", "STATUS", "CREATED", "COMPLETED", "TYPE")
	}
	for _, j := range l.Jobs {
		out.line("%-36s  %-9s  %-19s  %-19s  %s", Safe(string(j.Reference)), Safe(string(j.Status)), Safe(j.Created), Safe(j.Completed), Safe(j.Type))
		if j.Detail != "" {
			out.line("      %s", Safe(j.Detail))
		}
	}
	return out.err
}
