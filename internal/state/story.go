package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

// event is what one change of an entry means for a reader of the log.
type event struct {
	stage stage
	op    pool.Operation
}

// stage is how far a call has come.
type stage uint8

const (
	finished stage = iota // applied and read back
	failed                // the bank said no, or the job halted
	dropped               // not carried out
	accepted              // the bank named a job
	sending               // about to be sent
	recorded              // no call: adopted, verified, marked
	forgotten
)

// operations in the order in which a message tells them.
var operations = []pool.Operation{pool.OpCreate, pool.OpAppend, pool.OpEdit, pool.OpCorrect, pool.OpReplace, pool.OpRetire}

// past is the operation when it is done.
var past = map[pool.Operation]string{
	pool.OpCreate: "created", pool.OpAppend: "appended", pool.OpEdit: "edited",
	pool.OpCorrect: "corrected", pool.OpReplace: "replaced", pool.OpRetire: "retired",
}

// String says the event in a few words: "created", "append accepted".
func (e event) String() string {
	switch e.stage {
	case sending:
		return "to " + string(e.op)
	case accepted:
		return string(e.op) + " accepted"
	case finished:
		if word := past[e.op]; word != "" {
			return word
		}
		return string(e.op)
	case failed:
		return string(e.op) + " failed"
	case dropped:
		return string(e.op) + " not carried out"
	case forgotten:
		return "forgotten"
	default:
		return "recorded"
	}
}

// story is what happened to each pool within one commit, in order.
type story map[pool.Key][]event

// add notes an event. A call that goes on within the commit is told once.
func (s story) add(k pool.Key, e event) {
	list := s[k]
	if i := slices.IndexFunc(list, func(o event) bool { return o.op == e.op }); i >= 0 {
		list[i] = e
		return
	}
	s[k] = append(list, e)
}

// put notes what an entry means that comes after another.
func (s story) put(before pool.Entry, known bool, e pool.Entry) {
	var was *pool.PendingCall
	if known {
		was = before.Pending
	}
	switch is := e.Pending; {
	case is != nil && is.Job != "":
		s.add(e.Key, event{accepted, is.Operation})
	case is != nil:
		s.add(e.Key, event{sending, is.Operation})
	case was == nil:
		s.add(e.Key, event{stage: recorded})
	case e.LastError != "" && e.LastError != before.LastError:
		s.add(e.Key, event{failed, was.Operation})
	case e.AppliedAt != nil && (before.AppliedAt == nil || !e.AppliedAt.Equal(*before.AppliedAt)):
		s.add(e.Key, event{finished, was.Operation})
	default:
		s.add(e.Key, event{dropped, was.Operation})
	}
}

// drop notes what it means that an entry goes.
func (s story) drop(before pool.Entry, k pool.Key) {
	if before.Pending != nil {
		s.add(k, event{dropped, before.Pending.Operation})
		return
	}
	s.add(k, event{stage: forgotten})
}

// maxToldPools bounds the pools that a commit message lists.
const maxToldPools = 50

// message tells the story under a head of the form "COMMAND: ABOUT": counts in the
// first line, then the pools.
func (s story) message(head string) string {
	counts := map[event]int{}
	for _, events := range s {
		for _, e := range events {
			counts[e]++
		}
	}
	var told []string
	for _, e := range slices.SortedFunc(maps.Keys(counts), event.compare) {
		told = append(told, fmt.Sprintf("%d %s", counts[e], e))
	}
	command, about, _ := strings.Cut(head, ": ")
	if len(told) == 0 {
		told = []string{"consumer key bound"}
	}
	subject := command + ": " + strings.Join(told, ", ")
	if about != "" {
		subject += "; " + about
	}
	return subject + "\n\n" + s.body()
}

// compare puts what is done before what is under way, in the order of the plan.
func (e event) compare(o event) int {
	if d := cmp.Compare(e.stage, o.stage); d != 0 {
		return d
	}
	return cmp.Compare(slices.Index(operations, e.op), slices.Index(operations, o.op))
}

func (s story) body() string {
	var b strings.Builder
	for i, k := range slices.SortedFunc(maps.Keys(s), pool.Key.Compare) {
		if i == maxToldPools {
			fmt.Fprintf(&b, "and %d more\n", len(s)-i)
			break
		}
		var words []string
		for _, e := range s[k] {
			words = append(words, e.String())
		}
		fmt.Fprintf(&b, "%s: %s\n", k, strings.Join(words, ", "))
	}
	return b.String()
}
