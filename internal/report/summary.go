package report

import (
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

// SummaryOf counts a plan.
func SummaryOf(p diff.Plan) Summary {
	return Summary{
		Create: p.Count(diff.Create), Append: p.Count(diff.Append), Edit: p.Count(diff.Edit),
		Correct: p.Count(diff.Correct), Replace: p.Count(diff.Replace), Retire: p.Count(diff.Retire),
		Unchanged: p.Unchanged, Unknown: p.Count(diff.Unknown), Deferred: p.Count(diff.Deferred),
		Halted: p.Count(diff.Halted), Held: p.Count(diff.Held), Touched: p.Count(diff.Touched),
		Orphaned: p.Count(diff.Orphaned), Unmanaged: p.Count(diff.Unmanaged),
		Forgotten: p.Count(diff.Forgotten), Blocked: p.Blocked(), Pending: p.Count(diff.Pending),
	}
}
