package report

import (
	"fmt"
	"io"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// Result is the outcome of an apply as it is printed.
type Result struct {
	Head
	Run      string        `json:"run"`
	Digest   string        `json:"digest"`
	Summary  Summary       `json:"summary"`
	Outcomes OutcomeCounts `json:"outcomes"`
	Calls    Calls         `json:"calls"`
	Changes  []Outcome     `json:"changes"`
}

// OutcomeCounts counts pools by outcome.
type OutcomeCounts struct {
	Applied      int `json:"applied"`
	Failed       int `json:"failed"`
	StillRunning int `json:"still_running"`
	NotAttempted int `json:"not_attempted"`
}

// Outcome is a change and how it ended.
type Outcome struct {
	diff.Change
	Outcome  apply.State       `json:"outcome"`
	Job      pool.JobReference `json:"job_reference"`
	Error    *apply.Problem    `json:"error"`
	Warnings []string          `json:"warnings,omitempty"`
}

// OutcomesOf takes the outcomes of a result.
func OutcomesOf(r apply.Result) ([]Outcome, OutcomeCounts) {
	out := make([]Outcome, 0, len(r.Outcomes))
	for _, o := range r.Outcomes {
		out = append(out, Outcome{Change: o.Change, Outcome: o.State, Job: o.Job, Error: o.Problem, Warnings: o.Warnings})
	}
	return out, OutcomeCounts{
		Applied: r.Count(apply.Applied), Failed: r.Count(apply.Failed),
		StillRunning: r.Count(apply.StillRunning), NotAttempted: r.Count(apply.NotAttempted),
	}
}

var outcomeSymbols = map[apply.State]string{
	apply.Applied: "+", apply.Failed: "x", apply.StillRunning: ".", apply.NotAttempted: " ",
}

// WriteResult writes the outcome of an apply as text for a person: the pools in
// trouble one by one, the others as a count unless the text is Full.
func (t Text) WriteResult(w io.Writer, r Result) error {
	out := &printer{w: w, text: t}
	if r.Target != nil {
		out.line("poolsync apply: %s, run %s", Safe(r.Target.String()), Safe(r.Run))
		out.line("")
	}
	shown := 0
	for _, o := range r.Changes {
		if o.Outcome == apply.Applied && len(o.Warnings) == 0 && !t.Full && len(r.Changes) > maxOutcomes {
			continue
		}
		out.outcome(o)
		shown++
	}
	if shown > 0 {
		out.line("")
	}
	out.line("Apply: %d applied, %d failed, %d still running, %d not attempted; %d unchanged. %s sent.",
		r.Outcomes.Applied, r.Outcomes.Failed, r.Outcomes.StillRunning, r.Outcomes.NotAttempted, r.Summary.Unchanged,
		plural(r.Calls.Set+r.Calls.Update, "call"))
	return out.err
}

// maxOutcomes is up to how many pools those that went well are listed too.
const maxOutcomes = 20

func (p *printer) outcome(o Outcome) {
	h := headOf(o.Change, false)
	line := fmt.Sprintf("  %s %s   %s: %s", outcomeSymbols[o.Outcome], h.reference, actionWords(o.Change), o.Outcome)
	if o.Job != "" {
		line += "   job " + Safe(string(o.Job))
	}
	if o.Outcome != apply.Applied && o.Source.File != "" {
		line += "   " + Safe(o.Source.String())
	}
	p.line("%s", p.text.paint(outcomeSymbols[o.Outcome], line))
	if o.Error != nil {
		p.line("      %s", Safe(o.Error.Message))
		if o.Error.RequestUUID != "" {
			p.line("      request_uuid %s", Safe(o.Error.RequestUUID))
		}
		if o.Error.Remedy != "" {
			p.line("      %s", Safe(o.Error.Remedy))
		}
	}
	for _, w := range o.Warnings {
		p.line("      warning: %s", Safe(w))
	}
}

// actionWords gives the actions of a change that are calls, or else all.
func actionWords(ch diff.Change) string {
	words := ""
	for _, a := range ch.Actions {
		if a.IsCall() || len(ch.Calls) == 0 {
			if words != "" {
				words += ", "
			}
			words += string(a)
		}
	}
	return words
}
