package report

import (
	"fmt"
	"strings"

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

// problems are why an outcome is not what was asked for: every guard that refused
// it, with its rule, or the one thing that went wrong, without.
func (o Outcome) problems() []diff.Block {
	if o.Error == nil {
		return nil
	}
	if len(o.Blocked) == 0 || o.Outcome != apply.NotAttempted || o.Error.Message != o.Blocked[0].Message {
		return []diff.Block{{Message: o.Error.Message, Remedy: o.Error.Remedy}}
	}
	var out []diff.Block
	for _, b := range o.Blocked {
		out = append(out, unrepeated(b))
	}
	return out
}

// outcomeRow is an outcome, or several pools that came to the same end for the
// same reason.
type outcomeRow struct {
	Outcome
	why []diff.Block
	all []Outcome
}

// outcomeRows joins pools in trouble for the same reason, in the order of the
// outcomes.
func outcomeRows(outcomes []Outcome) []outcomeRow {
	signs := make([]string, len(outcomes))
	counts, at := map[string]int{}, map[string]int{}
	for i, o := range outcomes {
		signs[i] = o.Key.String()
		if p := o.Error; p != nil && o.Outcome != apply.Applied && len(o.Warnings) == 0 {
			signs[i] = fmt.Sprintf("%q %q %d %q %#v", o.Outcome, actionWords(o.Change), p.Code, p.RequestUUID, o.generalProblems())
		}
		counts[signs[i]]++
	}
	var rows []outcomeRow
	for i, o := range outcomes {
		n, seen := at[signs[i]]
		switch {
		case counts[signs[i]] < groupOf:
			rows = append(rows, outcomeRow{o, o.problems(), []Outcome{o}})
		case seen:
			rows[n].all = append(rows[n].all, o)
		default:
			at[signs[i]] = len(rows)
			rows = append(rows, outcomeRow{o, o.generalProblems(), []Outcome{o}})
		}
	}
	return rows
}

// generalProblems are the problems in the words for many pools.
func (o Outcome) generalProblems() []diff.Block {
	out := o.problems()
	for i, b := range out {
		out[i] = common(b, o.Reference)
	}
	return out
}

// words say what was done and how it ended.
func (o Outcome) words() string {
	state := strings.ReplaceAll(string(o.Outcome), "_", " ")
	if actions := actionWords(o.Change); actions != "" {
		return actions + ": " + state
	}
	return state
}

// about gives what support asks for, unless the message has it already.
func (o Outcome) about() string {
	var parts []string
	say := func(name, value string) {
		if value != "" && (o.Error == nil || !strings.Contains(o.Error.Message, value)) {
			parts = append(parts, name+" "+value)
		}
	}
	if o.Error != nil && o.Error.Code != 0 {
		say("code", fmt.Sprint(o.Error.Code))
	}
	say("job", string(o.Job))
	if o.Error != nil {
		say("request_uuid", o.Error.RequestUUID)
	}
	return strings.Join(parts, ", ")
}

// line is the result in one line.
func (r Result) line() string {
	return fmt.Sprintf("Apply: %d applied, %d failed, %d still running, %d not attempted; %d unchanged. %s sent.",
		r.Outcomes.Applied, r.Outcomes.Failed, r.Outcomes.StillRunning, r.Outcomes.NotAttempted, r.Summary.Unchanged,
		plural(r.Calls.Set+r.Calls.Update, "call"))
}

// failedNext says how to go on after failures.
const failedNext = "put right what the failed pools say, then run the same apply again: what is applied stays and is not sent again"

// maxJobs is how many jobs a command to go on with names.
const maxJobs = 20

// next says what to do now.
func (r Result) next() []string {
	var out []string
	if r.Outcomes.Failed > 0 {
		out = append(out, failedNext)
	}
	if r.Outcomes.StillRunning > 0 {
		var jobs []string
		for _, o := range r.Changes {
			if o.Outcome == apply.StillRunning && o.Job != "" {
				jobs = append(jobs, string(o.Job))
			}
		}
		if n := min(len(jobs), maxJobs); n > 0 {
			out = append(out, "the jobs run on without poolsync; to watch them: poolsync jobs "+strings.Join(jobs[:n], " ")+" --watch")
		}
		out = append(out, "to go on, run the same apply again: it waits for what still runs and sends nothing twice")
	}
	return out
}

// actionWords gives the actions of a change that are calls, or else all.
func actionWords(ch diff.Change) string {
	var words []string
	for _, a := range ch.Actions {
		if a.IsCall() || len(ch.Calls) == 0 {
			words = append(words, string(a))
		}
	}
	return strings.Join(words, ", ")
}
