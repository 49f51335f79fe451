package report

import (
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// Calls counts requests by action.
type Calls struct {
	Set    int `json:"set"`
	Update int `json:"update"`
}

// CallsOf takes the counts by verb.
func CallsOf(n map[pool.Verb]int) Calls { return Calls{Set: n[pool.Set], Update: n[pool.Update]} }

// Summary counts pools by what the plan says of them.
type Summary struct {
	Create    int `json:"create"`
	Append    int `json:"append"`
	Edit      int `json:"edit"`
	Correct   int `json:"correct"`
	Replace   int `json:"replace"`
	Retire    int `json:"retire"`
	Unchanged int `json:"unchanged"`
	Unknown   int `json:"unknown"`
	Deferred  int `json:"deferred"`
	Halted    int `json:"halted"`
	Held      int `json:"held"`
	Touched   int `json:"touched"`
	Orphaned  int `json:"orphaned"`
	Unmanaged int `json:"unmanaged"`
	Forgotten int `json:"forgotten"`
	Blocked   int `json:"blocked"`
	Pending   int `json:"pending"`
}

// count is a number of a summary: how many pools there are of which action, and
// how many of them are blocked.
type count struct {
	action  diff.Action
	n       *int
	words   string
	blocked int
}

// counts lists what a plan can say of a pool: the calls, then what is only told.
func (s *Summary) counts() []count {
	return []count{
		{action: diff.Create, n: &s.Create, words: "to create"},
		{action: diff.Append, n: &s.Append, words: "to append"},
		{action: diff.Edit, n: &s.Edit, words: "to edit"},
		{action: diff.Correct, n: &s.Correct, words: "to correct"},
		{action: diff.Replace, n: &s.Replace, words: "to replace"},
		{action: diff.Retire, n: &s.Retire, words: "to retire"},
		{action: diff.Unknown, n: &s.Unknown, words: "unknown"},
		{action: diff.Pending, n: &s.Pending, words: "pending"},
		{action: diff.Deferred, n: &s.Deferred, words: "deferred"},
		{action: diff.Halted, n: &s.Halted, words: "halted"},
		{action: diff.Held, n: &s.Held, words: "held"},
		{action: diff.Touched, n: &s.Touched, words: "touched"},
		{action: diff.Orphaned, n: &s.Orphaned, words: "orphaned"},
		{action: diff.Forgotten, n: &s.Forgotten, words: "forgotten"},
		{action: diff.Unmanaged, n: &s.Unmanaged, words: "unmanaged"},
	}
}

// SummaryOf counts a plan.
func SummaryOf(p diff.Plan) Summary {
	s := Summary{Unchanged: p.Unchanged, Blocked: p.Blocked()}
	for _, c := range s.counts() {
		*c.n = p.Count(c.action)
	}
	return s
}

// nothing reports whether a plan has nothing to say.
func (s Summary) nothing() bool {
	s.Unchanged, s.Unmanaged = 0, 0
	return s == Summary{}
}

// String gives "3 to create (1 blocked)".
func (c count) String() string {
	if c.blocked == 0 {
		return fmt.Sprintf("%d %s", *c.n, c.words)
	}
	return fmt.Sprintf("%d %s (%d blocked)", *c.n, c.words, c.blocked)
}

// counts are those of the summary, with how many changes are blocked.
func (p Plan) counts() []count {
	all := p.Summary.counts()
	for i := range all {
		for _, ch := range p.Changes {
			if all[i].action.IsCall() && ch.Stops() && ch.Has(all[i].action) {
				all[i].blocked++
			}
		}
	}
	return all
}

// line is the plan in one line. People and programs read it: its wording stays.
func (p Plan) line() string {
	var calls, others []string
	for _, c := range p.counts() {
		switch {
		case c.action.IsCall():
			calls = append(calls, c.String())
		case *c.n > 0 || c.action == diff.Unknown:
			others = append(others, c.String())
		}
	}
	return fmt.Sprintf("Plan: %s; %d unchanged, %s. %s.", strings.Join(calls, ", "), p.Summary.Unchanged,
		strings.Join(others, ", "), plural(p.Calls.Set+p.Calls.Update, "call"))
}
