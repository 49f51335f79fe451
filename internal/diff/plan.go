// Package diff decides which difference becomes which call. Declared pools, the
// state and the live records come in as values; a Plan goes out, complete and
// in order, with what is refused and why. It is pure: it reads no clock, no
// file and no network, and writes no log.
package diff

import (
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Action is what is to be done with an item pool, or what there is to say of it.
type Action string

// The actions that are calls, in the words of pool.Operation.
const (
	Create  = Action(pool.OpCreate)
	Append  = Action(pool.OpAppend)
	Edit    = Action(pool.OpEdit)
	Correct = Action(pool.OpCorrect)
	Replace = Action(pool.OpReplace)
	Retire  = Action(pool.OpRetire)
)

// The actions that call nothing.
const (
	Pending   Action = "pending"   // a job is running on the pool
	Unknown   Action = "unknown"   // it exists and we do not know what it holds
	Halted    Action = "halted"    // its last job failed and nothing is due
	Deferred  Action = "deferred"  // a description that only the next replace can send
	Held      Action = "held"      // unpublished by someone else, and left so
	Touched   Action = "touched"   // written by someone else since our last job
	Orphaned  Action = "orphaned"  // we applied it, no manifest declares it any more
	Unmanaged Action = "unmanaged" // exists in the bank, declared nowhere
	Forgotten Action = "forgotten" // neither declared nor live: its entry goes
)

// Actions lists every action in the order of the plan's summary.
var Actions = []Action{
	Create, Append, Edit, Correct, Replace, Retire,
	Unknown, Deferred, Halted, Held, Touched, Orphaned, Unmanaged, Pending, Forgotten,
}

// IsCall reports whether the action is a call to the bank.
func (a Action) IsCall() bool {
	switch a {
	case Create, Append, Edit, Correct, Replace, Retire:
		return true
	default:
		return false
	}
}

// Call is one pool object of a set or update request, and what will have been
// applied to the pool once it has succeeded.
type Call struct {
	Operation pool.Operation `json:"operation"`
	Verb      pool.Verb      `json:"verb"`
	Request   pool.Request   `json:"request"`
	// Lacked are those of an append's references that the pool was seen to lack.
	Lacked pool.Content `json:"-"`
	After  pool.Sent    `json:"-"`
}

// Field is a difference in one field: Before as it is recorded or live, After
// as it is declared. Before is nil where there was nothing.
type Field struct {
	Path   string `json:"path"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// Delta is what content gains and loses.
type Delta struct {
	Added   pool.Content `json:"added"`
	Removed pool.Content `json:"removed"`
}

// Evidence is what a verdict rests on.
type Evidence struct {
	Rule         string    `json:"rule"`
	Recorded     *Recorded `json:"recorded"`
	Live         *LiveSeen `json:"live"`
	RecordedAt   string    `json:"recorded_at,omitempty"`
	ReadAt       string    `json:"read_at,omitempty"`
	StateVersion string    `json:"state_version"`
}

// Recorded is the part of a pool's entry that a verdict rests on.
type Recorded struct {
	Name      string            `json:"name"`
	Status    pool.Status       `json:"status"`
	Updated   string            `json:"dt_updated,omitempty"`
	Job       pool.JobReference `json:"job_reference,omitempty"`
	LastError string            `json:"last_error,omitempty"`
}

// LiveSeen is the part of a live record that a verdict rests on.
type LiveSeen struct {
	Name    string      `json:"name"`
	Status  pool.Status `json:"status"`
	Updated string      `json:"dt_updated"`
}

// Change is all that the plan has to say of one pool.
type Change struct {
	pool.Key
	Actions []Action        `json:"actions"`
	Source  source.Position `json:"source"`
	Fields  []Field         `json:"fields"`
	Content Delta           `json:"content"`
	// Resolved is what the change brings, where it was looked up in the bank.
	Resolved    *Resolved `json:"resolved,omitempty"`
	Calls       []Call    `json:"calls,omitempty"`
	Evidence    Evidence  `json:"evidence"`
	Blocked     []Refusal `json:"-"` // report writes them, in words
	Notes       []Note    `json:"-"` // the same
	Fingerprint string    `json:"fingerprint,omitempty"`
	// Record is what is recorded where the pool is as declared without a call.
	Record *pool.Sent `json:"-"`
	// Leaving is what a rebuild loses, since the bank cannot copy it as it is now.
	Leaving []Unfit `json:"-"`
	// Dangerous marks a change that a running exam may see.
	Dangerous bool `json:"dangerous,omitempty"`

	Declared *pool.Declared `json:"-"`
	Entry    *pool.Entry    `json:"-"`
	LivePool *pool.Live     `json:"-"`
	need     *Need
	due      bool   // something will be due when the job that runs on the pool has ended
	lifted   []Flag // flags that lifted something for this pool
}

// Has reports whether the change has the action.
func (ch Change) Has(a Action) bool {
	return slices.Contains(ch.Actions, a)
}

// Wanted reports whether the manifest asks for something that was never applied,
// rather than for what was applied and changed since.
func (ch Change) Wanted() bool {
	d := ch.Declared
	if d == nil || ch.Entry == nil || ch.Entry.Sent == nil {
		return true
	}
	s := ch.Entry.Sent
	return d.Fields != s.Fields || !d.Content.Equal(s.Content) || (d.Snapshot != "" && d.Snapshot != s.Snapshot) || ch.Has(Correct)
}

// Stops reports whether the change is refused by a guard, which stops the run,
// rather than held back by a state of its own.
func (ch Change) Stops() bool {
	for _, b := range ch.Blocked {
		if !b.Own {
			return true
		}
	}
	return false
}

// Plan is the whole outcome of a comparison: Changes in the order of their keys.
type Plan struct {
	Changes   []Change
	Unchanged int
	Declared  int
	Digest    string  // over every operation and what it rests on; not over wording or times
	Needs     []Need  // facts to be read before the plan is complete
	Ambiguous []Given // consents whose name several pools bear
	Unneeded  []Given // consents that lift nothing
	Spent     []Given // consents that lift nothing any more, since what they allowed was done
}

// Count tells how many changes have the action.
func (p Plan) Count(a Action) int {
	n := 0
	for _, c := range p.Changes {
		if c.Has(a) {
			n++
		}
	}
	return n
}

// Blocked tells how many changes a guard refuses.
func (p Plan) Blocked() int {
	n := 0
	for _, c := range p.Changes {
		if c.Stops() {
			n++
		}
	}
	return n
}

// HasChanges tells whether anything would be written if nothing were blocked: a
// call, or an entry of the state that has to go.
func (p Plan) HasChanges() bool {
	for _, c := range p.Changes {
		if len(c.Calls) > 0 || c.Record != nil || c.Has(Retire) || c.Has(Forgotten) {
			return true
		}
	}
	return false
}

// Need asks for facts about one pool that only the bank can tell: a carrier for
// an edit, and whether the references of a correction are in the pool.
type Need struct {
	pool.Key
	// Carrier asks for an item that an edit can carry: one of Items, which the
	// state names, or else any that the pool holds.
	Carrier bool
	Items   []string
	// Trusted says that Items are known to be in the pool.
	Trusted bool
	// Copied is when everything in the pool had been copied. A carrier is sought
	// that has not changed since; if it is zero, none can be known to be one.
	Copied time.Time
	// Members are references whose membership is asked for.
	Members pool.Content
	// Published are references of which it is asked whether the bank can copy them.
	Published pool.Content
}

// Facts are the answers to a Need.
type Facts struct {
	// Readable is false where the membership that was asked for could not be read.
	Readable bool
	// Reason says why that, or the rest of what the pool holds, could not be.
	Reason string
	// Unanswered says that it was no refusal: another time the server may answer.
	Unanswered bool
	// Members holds what of the asked references is in the pool.
	Members pool.Content
	// Unfit are those of the references to be copied that are not published in the bank.
	Unfit []Unfit
	// Carriers are candidates that are in the pool, with their record in the bank:
	// up to one that has not changed, if there is one.
	Carriers []Carrier
}

// Unfit is an item or an activity that is not published in the bank. An empty
// Status means that the bank does not have it.
type Unfit struct {
	Reference string
	Status    pool.Status
}

// unfit returns what of a content the bank cannot copy, given the pool's flag.
func (f Facts) unfit(c pool.Content, unpublishedToo bool) (unfit []Unfit, refs pool.Content) {
	for _, u := range f.Unfit {
		if u.Status == pool.Unpublished && unpublishedToo {
			continue
		}
		in := pool.Content{Items: []string{u.Reference}, Activities: []string{u.Reference}}
		if in = in.Minus(in.Minus(c)); in.Len() > 0 {
			unfit, refs = append(unfit, u), refs.Union(in)
		}
	}
	return unfit, refs
}

// Carrier is an item of the pool as the bank has it now. A zero Updated means
// that the bank did not say when the item was changed last.
type Carrier struct {
	Reference string
	Published bool
	Updated   time.Time
	// Unseen says that the pool could not be looked into: that it holds the item is
	// the state's word alone.
	Unseen bool
}

// Unchanged reports whether the carrier's copy in a pool that was copied at a
// time is as the bank has it now, and a call may name it.
func (c Carrier) Unchanged(copied time.Time) bool {
	return c.Published && !c.Updated.IsZero() && c.Updated.Before(copied)
}
