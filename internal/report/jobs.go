package report

import (
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/page"
)

// Jobs is a list of jobs as it is printed.
type Jobs struct {
	Head
	Jobs []pool.Job `json:"jobs"`
	// Pools are those that the state knows each job to be about.
	Pools map[pool.JobReference][]string `json:"-"`
}

// Page is the list for people. What a job says beyond its documented members
// stands on a line of its own, and so do the pools that it is about.
func (l Jobs) Page(full bool) page.Page {
	t := &page.Table{Head: []string{"JOB", "STATUS", "CREATED", "COMPLETED", "TYPE", "POOLS"}}
	for _, j := range l.Jobs {
		row := page.Row{Cells: []string{string(j.Reference), string(j.Status), j.Created, j.Completed, j.Type, joined(l.Pools[j.Reference], full)}, Below: j.Detail}
		switch {
		case j.Status == pool.JobHalted:
			row.Sign = page.Failed
		case !j.Ended():
			row.Sign = page.Wait
		}
		t.Rows = append(t.Rows, row)
	}
	return page.Page{Kind: "jobs", Table: t}
}
