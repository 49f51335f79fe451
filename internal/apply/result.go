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
	"github.com/poolsync/poolsync/internal/pool"
)

// State is how a change ended.
type State string

// The states. Doubt is only ever seen inside the package: a run ends with it
// settled, as Failed, or as StillRunning.
const (
	Applied      State = "applied"
	Failed       State = "failed"
	StillRunning State = "still_running"
	NotAttempted State = "not_attempted"
	doubt        State = "in_doubt"
)

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

// Ending is how a run ended as a whole.
type Ending int

// The endings, in the order in which one hides the other (section 6 of the
// contract on state).
const (
	Running  Ending = iota // jobs run on
	InPart                 // something was written, or could have been, and not all was applied
	Errored                // there was an error, and nothing was written that was not applied
	Complete               // everything is applied and read back
)

// Ending tells how a run ended that gave this result and error.
func (r Result) Ending(err error) Ending {
	failed, left := r.Count(Failed), r.Count(NotAttempted)
	switch {
	case r.Count(StillRunning) > 0:
		return Running
	case err != nil && !r.Accepted():
		return Errored
	case failed+left > 0 && (r.Accepted() || failed == 0):
		return InPart
	case failed+left > 0 || err != nil:
		return Errored
	default:
		return Complete
	}
}

// merge puts newer outcomes in the place of older ones of the same pool. What
// was accepted once stays accepted.
func (r *Result) merge(newer Result) {
	for _, o := range newer.Outcomes {
		i, found := slices.BinarySearchFunc(r.Outcomes, o, func(a, b Outcome) int { return a.Change.Key.Compare(b.Change.Key) })
		if !found {
			r.Outcomes = slices.Insert(r.Outcomes, i, o)
			continue
		}
		old := r.Outcomes[i]
		o.Accepted = o.Accepted || old.Accepted
		o.Warnings = slices.Concat(old.Warnings, o.Warnings)
		if len(old.Change.Calls) > len(o.Change.Calls) {
			o.Change = old.Change // show what was planned, not what was left of it
		}
		r.Outcomes[i] = o
	}
	if r.Calls == nil {
		r.Calls = map[pool.Verb]int{}
	}
	for v, n := range newer.Calls {
		r.Calls[v] += n
	}
}

// retires adds the retires that were held back to those that are decided again,
// once all else is applied or decided again too.
func (r *Result) retires(again map[pool.Key]bool) {
	var back []pool.Key
	for _, o := range r.Outcomes {
		switch {
		case o.Change.Has(diff.Retire) && o.State == NotAttempted && len(o.Change.Blocked) == 0:
			back = append(back, o.Change.Key)
		case o.State != Applied && !again[o.Change.Key]:
			return
		}
	}
	for _, k := range back {
		again[k] = true
	}
}

// heldBack adds the pools that were held back to those that are decided again,
// unless all is still in the dark.
func (r *Result) heldBack(again map[pool.Key]bool) {
	if slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return o.State == doubt }) {
		return
	}
	for _, o := range r.Outcomes {
		if o.heldBack && o.State == NotAttempted {
			again[o.Change.Key] = true
		}
	}
}

// settled marks the pools that were to be decided again and of which the new
// plan wants nothing any more: what was asked for has been applied.
func (r *Result) settled(again map[pool.Key]bool, changes []diff.Change) {
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		open := slices.ContainsFunc(changes, func(ch diff.Change) bool {
			return ch.Key == o.Change.Key && (len(ch.Calls) > 0 || len(ch.Blocked) > 0)
		})
		if again[o.Change.Key] && !open {
			o.State, o.Problem = Applied, nil
		}
	}
}
