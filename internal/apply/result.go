// Package apply carries a plan out: it cuts it into batches, records every call
// before it is sent, sends set and update calls, follows the jobs, reads the
// pools back and records what was seen. A plan comes in, one outcome for each
// change goes out. It decides nothing about what should be written.
package apply

import (
	"errors"
	"slices"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
)

// State is how a change ended: the status of its last call, or that none was made.
type State = outcome.Status

// The states.
const (
	Applied      = outcome.Applied
	Failed       = outcome.Failed
	StillRunning = outcome.Running
	NotAttempted = outcome.NotAttempted
	InPart       = outcome.InPart // of a run
)

// doubt is the state of a change whose call may have happened. It is only ever seen
// inside the package.
const doubt State = "in_doubt"

// Problem is why a change was not applied. Code is the API's, 0 if there is none.
type Problem struct {
	Code        int    `json:"code"`
	Message     string `json:"message"`
	RequestUUID string `json:"request_uuid"`
	Remedy      string `json:"remedy,omitempty"`
}

// problemOf takes a problem out of an error of the client.
func problemOf(err error) *Problem {
	p := &Problem{Message: err.Error()}
	var apiErr *learnosity.Error
	if errors.As(err, &apiErr) {
		p.Code, p.RequestUUID, p.Remedy = apiErr.Code, apiErr.RequestUUID, apiErr.Hint()
	}
	return p
}

// Outcome is how one change ended.
type Outcome struct {
	Change   diff.Change
	State    State
	Accepted bool // the bank accepted a write for it
	Job      pool.JobReference
	Problem  *Problem
	Warnings []string

	heldBack bool // not attempted because the server answered nothing
}

// Result is how all changes ended, in the order of their keys.
type Result struct {
	Outcomes []Outcome
	Calls    map[pool.Verb]int // calls that were sent
}

// Count tells how many changes ended in a state.
func (r Result) Count(s State) int {
	n := 0
	for _, o := range r.Outcomes {
		if o.State == s {
			n++
		}
	}
	return n
}

// Accepted reports whether the bank accepted any write.
func (r Result) Accepted() bool {
	return slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return o.Accepted })
}

// Status tells how a run ended as a whole that gave this result and error: Running
// hides the others, since it is not over; Failed means that nothing was written that
// was not applied.
func (r Result) Status(err error) State {
	failed, left := r.Count(Failed), r.Count(NotAttempted)
	switch {
	case r.Count(StillRunning) > 0:
		return StillRunning
	case err != nil && !r.Accepted():
		return Failed
	case failed+left > 0 && (r.Accepted() || failed == 0):
		return InPart
	case failed+left > 0 || err != nil:
		return Failed
	default:
		return Applied
	}
}
