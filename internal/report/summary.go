package report

import (
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
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
	words   message.Message
	blocked int
}

// counts lists what a plan can say of a pool: the calls, then what is only told.
func (s *Summary) counts() []count {
	all := []count{
		{action: diff.Create, n: &s.Create, words: message.New("to create")},
		{action: diff.Append, n: &s.Append, words: message.New("to append")},
		{action: diff.Edit, n: &s.Edit, words: message.New("to edit")},
		{action: diff.Correct, n: &s.Correct, words: message.New("to correct")},
		{action: diff.Replace, n: &s.Replace, words: message.New("to replace")},
		{action: diff.Retire, n: &s.Retire, words: message.New("to retire")},
		{action: diff.Unknown, n: &s.Unknown},
		{action: diff.Pending, n: &s.Pending},
		{action: diff.Deferred, n: &s.Deferred},
		{action: diff.Halted, n: &s.Halted},
		{action: diff.Held, n: &s.Held},
		{action: diff.Touched, n: &s.Touched},
		{action: diff.Orphaned, n: &s.Orphaned},
		{action: diff.Forgotten, n: &s.Forgotten},
		{action: diff.Unmanaged, n: &s.Unmanaged},
	}
	for i, c := range all {
		switch {
		case !c.words.Empty():
		case c.action == diff.Deferred:
			all[i].words = message.New("waiting for a rebuild")
		case c.action == diff.Pending:
			all[i].words = message.New("waiting for a job")
		default:
			all[i].words = actionWords[c.action]
		}
	}
	return all
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

// say returns "3 to create (1 blocked)".
func (c count) say() message.Message {
	said := message.New("%s %s", message.Number(*c.n), c.words)
	switch c.blocked {
	case 0:
		return said
	case *c.n:
		return message.New("%s (blocked)", said)
	default:
		return message.New("%s (%s blocked)", said, message.Number(c.blocked))
	}
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

// line is the plan in one line: what is not zero.
func (p Plan) line() message.Message {
	if p.Summary.nothing() && p.Offline != nil {
		return message.New("Nothing differs from what was recorded of %s.", message.Count(p.Pools, "pool"))
	}
	if p.Summary.nothing() {
		return noChanges(p.Pools, p.Summary.Unmanaged)
	}
	var calls, others []message.Message
	for _, c := range p.counts() {
		switch {
		case *c.n == 0:
		case c.action.IsCall():
			calls = append(calls, c.say())
		default:
			others = append(others, c.say())
		}
	}
	if len(calls) == 0 {
		calls = append(calls, message.New("nothing to write"))
	}
	parts := []message.Message{message.Join(", ", calls...), message.Join(", ", others...)}
	if n := p.Summary.Unchanged; n > 0 {
		parts = append(parts, message.New("%s unchanged", message.Number(n)))
	}
	if n := p.Calls.Set + p.Calls.Update; n > 0 {
		parts = append(parts, message.Count(n, "call"))
	}
	if p.Offline != nil {
		return message.New("As recorded: %s.", message.Join(". ", parts...))
	}
	return message.New("Plan: %s.", message.Join(". ", parts...))
}

// noChanges says that everything is as it was applied.
func noChanges(declared, unmanaged int) message.Message {
	said := message.New("No changes. All %s are as they were applied.", message.Count(declared, "pool"))
	switch declared {
	case 0:
		said = message.New("No changes.")
	case 1:
		said = message.New("No changes. The declared pool is as it was applied.")
	}
	if unmanaged > 0 {
		said = message.New("%s %s not managed.", said, message.Number(unmanaged))
	}
	return said
}
