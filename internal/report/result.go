package report

import (
	"fmt"
	"slices"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
)

// Result is the outcome of an apply as it is printed.
type Result struct {
	Head
	Run      string        `json:"run"`
	Digest   string        `json:"digest"`
	Summary  Summary       `json:"summary"`
	Outcomes OutcomeCounts `json:"outcomes"`
	Calls    Calls         `json:"calls"`
	Changes  []Outcome     `json:"-"`
	Written  []ended       `json:"changes"` // Changes in words, made where the document is written
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
	Outcome  apply.State
	Job      pool.JobReference
	Error    *apply.Problem // nil too where the change was refused, which it says itself
	Warnings []string
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
func (w wording) problems(o Outcome, many bool) []page.Reason {
	if o.Error == nil && o.Outcome == apply.Applied {
		return nil
	}
	if o.Error == nil {
		var out []page.Reason
		for _, b := range w.refusals(o.Change, many) {
			r := page.Reason{Message: b.message, Remedy: b.remedy, Rule: string(b.rule)}
			if !b.own {
				r.Lead = message.New("blocked")
			} else if o.Has(diff.Action(b.rule)) {
				r.Rule = ""
			}
			out = append(out, r)
		}
		return out
	}
	said, remedy := o.Error.Message, o.Error.Remedy
	if many {
		said, remedy = general(said, o.Reference), general(remedy, o.Reference)
	}
	return []page.Reason{{Message: message.Optional(said), More: o.about(many), Remedy: message.Optional(remedy)}}
}

// about is what support asks for, unless the message has it already.
func (o Outcome) about(many bool) message.Message {
	var parts []message.Message
	say := func(m message.Message, value string) {
		if value != "" && !contains(o.Error.Message, value) {
			parts = append(parts, m)
		}
	}
	if o.Error.Code != 0 {
		say(message.New("code %s", message.Number(o.Error.Code)), fmt.Sprint(o.Error.Code))
	}
	if !many {
		say(message.New("job %s", message.Code(string(o.Job))), string(o.Job))
	}
	say(message.New("%s %s", message.Code("request_uuid"), message.Code(o.Error.RequestUUID)), o.Error.RequestUUID)
	return message.Join(", ", parts...)
}

// outcomeWords are the outcomes as people read them.
var outcomeWords = map[apply.State]message.Message{
	apply.Applied: message.New("applied"), apply.Failed: message.New("failed"),
	apply.StillRunning: message.New("still running"), apply.NotAttempted: message.New("not attempted"),
}

var outcomeSigns = map[apply.State]page.Sign{
	apply.Applied: page.Done, apply.Failed: page.Failed, apply.StillRunning: page.Wait, apply.NotAttempted: page.None,
}

// verb says what was done and how it ended.
func (o Outcome) verb() message.Message {
	if actions := callsOf(o.Change); !actions.Empty() {
		return message.New("%s: %s", actions, outcomeWords[o.Outcome])
	}
	return outcomeWords[o.Outcome]
}

// callsOf are the actions of a change that are calls, or else all.
func callsOf(ch diff.Change) message.Message {
	var all []diff.Action
	for _, a := range ch.Actions {
		if a.IsCall() || len(ch.Calls) == 0 {
			all = append(all, a)
		}
	}
	return actionsIn(all)
}

// maxOutcomes is up to how many pools those that went well are listed too.
const maxOutcomes = 20

func (r Result) keys() []pool.Key {
	keys := make([]pool.Key, len(r.Changes))
	for i, o := range r.Changes {
		keys[i] = o.Key
	}
	return keys
}

// Page is the result for people: what failed first.
func (r Result) Page(full bool) page.Page {
	banks := r.banks(r.keys())
	w := r.wording(full, len(banks) > 1)
	out := page.Page{Kind: "result", Digest: r.Digest, Failure: r.failure(), Findings: r.Diagnostics, Notice: "poolsync apply"}
	if r.Target != nil {
		out.Title = message.New("poolsync apply: %s, run %s", r.about(banks), message.Code(r.Run))
	}
	out.Headline = message.New("%s", message.Code(r.Exit.Reason))
	if len(r.Changes) > 0 && r.Error == nil {
		out.Headline = message.New("%s: %s", bankNames(banks), r.Sentence())
	}
	out.Sections = w.outcomeSections(r)
	if len(r.Changes) > 0 || r.Exit.Code == 0 {
		out.Counts = r.line()
	}
	out.Next = r.next(w)
	out.Foot = message.Join(", ", message.New("run %s", message.Code(r.Run)), r.where())
	return out
}

// outcomeSections are the outcomes, what failed first. Those that went well are a
// number where there are many.
func (w wording) outcomeSections(r Result) []page.Section {
	order := []apply.State{apply.Failed, apply.StillRunning, apply.NotAttempted, apply.Applied}
	titles := map[apply.State]message.Message{
		apply.Failed: message.New("Failed"), apply.StillRunning: message.New("Still running"),
		apply.NotAttempted: message.New("Not attempted"), apply.Applied: message.New("Applied"),
	}
	found := map[apply.State][]page.Entry{}
	for _, e := range w.outcomeEntries(r.Changes) {
		found[e.state] = append(found[e.state], e.Entry)
	}
	var out []page.Section
	for _, s := range order {
		entries := found[s]
		if len(entries) == 0 {
			continue
		}
		n := 0
		for _, e := range entries {
			n += e.Size()
		}
		sec := page.Section{Title: message.New("%s: %s", titles[s], message.Count(n, "pool")), Entries: entries}
		if s == apply.Applied {
			sec.Fold = page.Always
			if n > maxOutcomes {
				sec.Most, sec.Rest = 1, message.New("%s more that are applied", message.Number(n-1))
			}
		}
		out = append(out, sec)
	}
	return out
}

type outcomeEntry struct {
	page.Entry
	state apply.State
}

// outcomeEntries joins pools in trouble for the same reason, in the order of the
// outcomes.
func (w wording) outcomeEntries(outcomes []Outcome) []outcomeEntry {
	signs := make([]string, len(outcomes))
	counts, at := map[string]int{}, map[string]int{}
	for i, o := range outcomes {
		signs[i] = o.Key.String()
		if (o.Error != nil || len(o.Blocked) > 0) && o.Outcome != apply.Applied && len(o.Warnings) == 0 {
			signs[i] = fmt.Sprintf("%q %q", o.Outcome, callsOf(o.Change))
			for _, r := range w.problems(o, true) {
				signs[i] += fmt.Sprintf("%q %q %q %q", r.Message, r.Remedy, r.Rule, r.More)
			}
		}
		counts[signs[i]]++
	}
	var out []outcomeEntry
	for i, o := range outcomes {
		n, seen := at[signs[i]]
		switch {
		case counts[signs[i]] < groupOf:
			out = append(out, outcomeEntry{w.outcomeEntry(o, false), o.Outcome})
			continue
		case !seen:
			n, at[signs[i]] = len(out), len(out)
			out = append(out, outcomeEntry{w.outcomeEntry(o, true), o.Outcome})
			out[n].Many, out[n].Place.File = message.Count(counts[signs[i]], "pool"), ""
		}
		out[n].Pools = append(out[n].Pools, page.Pool{Name: keyName(o.Key, w.withBank), Job: string(o.Job), Place: o.Source})
	}
	return out
}

// outcomeEntry is what a result says of a pool.
func (w wording) outcomeEntry(o Outcome, many bool) page.Entry {
	e := page.Entry{
		Sign: outcomeSigns[o.Outcome], Name: keyName(o.Key, w.withBank), Verb: o.verb(), Place: o.Source, Reasons: w.problems(o, many),
	}
	switch o.Outcome {
	case apply.Applied:
		e.Place.File = ""
		if o.Job != "" {
			e.Verb = message.New("%s, job %s", e.Verb, message.Code(string(o.Job)))
		}
	case apply.Failed:
		e.Alarm = page.Error
	default:
		e.Alarm = page.Warning
		if o.Stops() && o.Outcome == apply.NotAttempted {
			e.Alarm = page.Error
		}
	}
	for _, warning := range o.Warnings {
		e.Notes = append(e.Notes, message.New("warning: %s", message.Code(warning)))
		e.Alarm = max(e.Alarm, page.Warning)
	}
	if len(e.Notes) > 0 {
		e.Place = o.Source
	}
	return e
}

// Sentence says what happened: "applied 3 of 4 pools; 1 failed".
func (r Result) Sentence() message.Message {
	n := r.Outcomes
	total := n.Applied + n.Failed + n.StillRunning + n.NotAttempted
	if n.Applied == total {
		return message.New("applied %s", message.Count(total, "pool"))
	}
	blocked := 0
	for _, o := range r.Changes {
		if o.Outcome == apply.NotAttempted && len(o.Blocked) > 0 {
			blocked++
		}
	}
	rest := message.Join(", ", some(n.Failed, outcomeWords[apply.Failed]), some(n.StillRunning, outcomeWords[apply.StillRunning]),
		some(blocked, message.New("blocked")), some(n.NotAttempted-blocked, outcomeWords[apply.NotAttempted]))
	if n.Applied == 0 {
		return message.New("nothing was applied: %s", rest)
	}
	return message.New("applied %s of %s; %s", message.Number(n.Applied), message.Count(total, "pool"), rest)
}

// some is a number of something, or nothing.
func some(n int, of message.Message) message.Message {
	if n == 0 {
		return message.Message{}
	}
	return message.New("%s %s", message.Number(n), of)
}

// line is the result in one line: what is not zero, the bad first.
func (r Result) line() message.Message {
	n := r.Outcomes
	counts := message.Join(", ", some(n.Failed, outcomeWords[apply.Failed]), some(n.StillRunning, outcomeWords[apply.StillRunning]),
		some(n.NotAttempted, outcomeWords[apply.NotAttempted]), some(n.Applied, outcomeWords[apply.Applied]))
	if counts.Empty() {
		counts = message.New("nothing to apply")
	}
	sent := message.Message{}
	if calls := r.Calls.Set + r.Calls.Update; calls > 0 {
		sent = message.New("%s sent", message.Count(calls, "call"))
	}
	return message.New("Apply: %s.", message.Join(". ", counts, some(r.Summary.Unchanged, message.New("unchanged")), sent))
}

// maxJobs is how many jobs a command to go on with names.
const maxJobs = 20

// next says what to do now.
func (r Result) next(w wording) []message.Message {
	var out []message.Message
	if r.Outcomes.Failed > 0 {
		out = append(out, message.New("Next: fix the errors above, then run the same command again. What is applied is not sent again."))
	}
	if r.Outcomes.StillRunning == 0 {
		return out
	}
	var jobs []string
	for _, o := range r.Changes {
		if o.Outcome == apply.StillRunning && o.Job != "" && !slices.Contains(jobs, string(o.Job)) {
			jobs = append(jobs, string(o.Job))
		}
	}
	if n := len(jobs); n > 0 && n <= maxJobs {
		out = append(out, message.New("To watch what still runs: %s", w.command(slices.Concat([]string{"jobs"}, jobs, []string{"--watch"})...)))
	}
	return append(out, message.New("To continue, run the same command again: it waits for what still runs and sends nothing twice."))
}
