package sandbox

import (
	"container/heap"
	"slices"
	"time"
)

// The statuses of a job (jobs endpoint).
const (
	jobQueued    = "queued"
	jobRunning   = "running"
	jobHalted    = "halted"
	jobCompleted = "completed"
)

// What a job is bound to do whatever its content says.
const (
	fateExists = "exists" // set on an existing pool without overwrite (U1 halt, noop)
	fateHalt   = "halt"   // fault job-halt
)

// job is one asynchronous write to one pool. Its exported members are what the
// data file keeps.
type job struct {
	Reference string    `json:"reference"`
	Bank      int64     `json:"organisation_id"`
	Pool      string    `json:"pool"`
	Action    string    `json:"action"`
	Batch     int64     `json:"batch"` // jobs of one request share it
	Created   time.Time `json:"created"`
	Start     time.Time `json:"start"` // later than Created if it waits for another job
	Due       time.Time `json:"due"`
	Write     poolWrite `json:"write"`
	Fate      string    `json:"fate,omitempty"`
	Never     bool      `json:"never,omitempty"`         // fault job-never-ends
	KeepsPool bool      `json:"keeps_pool,omitempty"`    // fault pool-stays-pending
	Skips     FaultKind `json:"skips,omitempty"`         // what the job leaves undone
	Status    string    `json:"ended,omitempty"`         // completed or halted, once it has ended
	Findings  []finding `json:"findings,omitempty"`      // why it halted
	Foreseen  *finding  `json:"foreseen_halt,omitempty"` // another job of the request halts (U12 all)
	Judged    bool      `json:"judged,omitempty"`
	Before    string    `json:"before,omitempty"` // the pool's status when the job was made
}

// status is the job's status at a moment up to which everything due is done.
func (j *job) status(now time.Time) string {
	switch {
	case j.ended(now):
		return j.Status
	case now.Before(j.Start.Add(j.Due.Sub(j.Start) / 2)):
		return jobQueued
	default:
		return jobRunning
	}
}

// ended reports whether the job had ended by then.
func (j *job) ended(now time.Time) bool { return j.Status != "" && !now.Before(j.Due) }

// jobQueue orders running jobs by the time they end, then by creation.
type jobQueue []*job

// Len is part of heap.Interface.
func (q jobQueue) Len() int { return len(q) }

// Less is part of heap.Interface.
func (q jobQueue) Less(i, j int) bool {
	if !q[i].Due.Equal(q[j].Due) {
		return q[i].Due.Before(q[j].Due)
	}
	return q[i].Batch < q[j].Batch
}

// Swap is part of heap.Interface.
func (q jobQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is part of heap.Interface.
func (q *jobQueue) Push(v any) { *q = append(*q, v.(*job)) }

// Pop is part of heap.Interface.
func (q *jobQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// addJob files a job; one that never ends is not queued.
func (s *Server) addJob(j *job) {
	s.jobs = append(s.jobs, j)
	s.jobRefs[j.Reference] = j
	if j.Status == "" && !j.Never {
		heap.Push(&s.due, j)
	}
}

// advance carries out what is due by now: requests that come late, and jobs.
func (s *Server) advance(now time.Time) {
	for len(s.late) > 0 && !s.late[0].at.After(now) {
		d := s.late[0]
		s.late = s.late[1:]
		s.endJobs(d.at)
		d.x.work()
	}
	s.endJobs(now)
}

// endJobs ends every job that is due by now, in the order of due times.
func (s *Server) endJobs(now time.Time) {
	for len(s.due) > 0 && !s.due[0].Due.After(now) {
		s.finish(heap.Pop(&s.due).(*job))
		s.dirty = true
	}
}

// jobJSON is a record of jobs get: six members whatever include asks for, as
// measured, and U13's others on a halted job.
type jobJSON struct {
	Reference   string    `json:"reference"`
	Type        string    `json:"type"`
	Status      string    `json:"status"`
	DtCreated   string    `json:"dt_created"`
	DtCompleted *string   `json:"dt_completed"`
	Results     []finding `json:"results"`
	Errors      []finding `json:"errors,omitempty"`
	Message     string    `json:"message,omitempty"`
	Data        *jobData  `json:"data,omitempty"`
}

type jobData struct {
	Errors []finding `json:"errors"`
}

func (x *exchange) wireJob(j *job) jobJSON {
	out := jobJSON{
		Reference: j.Reference, Type: "itempool_" + j.Action, Status: j.status(x.seen()),
		DtCreated: x.server.stored(j.Created).Format(time.DateTime), Results: []finding{},
	}
	if !j.ended(x.seen()) {
		return out
	}
	done := x.server.stored(j.Due).Format(time.DateTime)
	out.DtCompleted = &done
	if j.Status != jobHalted {
		return out
	}
	switch x.server.sw.U13 {
	case "errors":
		out.Errors = j.Findings
	case "message":
		out.Message = j.Findings[0].Message
	case "data":
		out.Data = &jobData{j.Findings}
	default:
		out.Results = j.Findings
	}
	return out
}

// getJobs is jobs get: newest first, never more than one page and no next.
func (x *exchange) getJobs(p *params) (result, *apiError) {
	p.list("include", 0)
	limit := p.limit(x.server.opts.PageSize)
	refs := p.list("references", maxFilter)
	status := p.choices("status", jobQueued, jobRunning, jobHalted, jobCompleted)
	organisation, named := p.integer("organisation_id")
	from, hasFrom := p.when("mintime")
	to, hasTo := p.when("maxtime")
	p.take("meta")
	p.finish()
	if *p.err != nil {
		return result{}, *p.err
	}
	if named {
		if _, refused := x.server.bankOf(organisation); refused != nil {
			return result{}, refused
		}
	}
	if len(status) == 0 && x.server.sw.U15 == "completed" {
		status = []string{jobCompleted}
	}
	keep := func(j *job) bool {
		at := x.server.stored(j.Created).Truncate(time.Second)
		return (!named || j.Bank == organisation) && (!hasFrom || !at.Before(from)) && (!hasTo || !at.After(to)) &&
			(len(status) == 0 || slices.Contains(status, j.status(x.seen()))) &&
			!x.seen().Before(j.Created.Add(x.server.sw.jobDelay))
	}
	out := []jobJSON{}
	for _, j := range slices.Backward(x.chosenJobs(refs)) {
		if len(out) < limit && keep(j) {
			out = append(out, x.wireJob(j))
		} else if len(out) == limit || hasFrom && x.server.stored(j.Created).Before(from.Add(-time.Second)) {
			break
		}
	}
	return result{data: out, records: len(out)}, nil
}

// seen is the moment whose jobs and pools the call is shown.
func (x *exchange) seen() time.Time { return x.now.Add(-x.stale) }

// chosenJobs returns the named jobs, or all, oldest first.
func (x *exchange) chosenJobs(refs []string) []*job {
	if len(refs) == 0 {
		return x.server.jobs
	}
	var out []*job
	for _, ref := range refs {
		if j := x.server.jobRefs[ref]; j != nil && !slices.Contains(out, j) {
			out = append(out, j)
		}
	}
	slices.SortStableFunc(out, func(a, b *job) int { return a.Created.Compare(b.Created) })
	return out
}
