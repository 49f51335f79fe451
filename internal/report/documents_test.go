package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

const (
	digest = "sha256:9b02c41f7a3e5d6c9b02c41f7a3e5d6c9b02c41f7a3e5d6c9b02c41f7a3e5d6c"
	jobA   = "0f5a1c9e-3b1d-4a51-9d0c-6a2f0f0b7a11"
	uuid   = "7d9cf0e2-51b4-4a0e-8a43-1f6c52b8e900"
)

func headOfBank() Head {
	return Head{
		SchemaVersion: SchemaVersion, Command: "plan", Exit: Exit{0, "done"},
		Target: &Target{Endpoint: "https://data.learnosity.com", APIVersion: "v2026.2.LTS", Bank: 505},
	}
}

func in(file string, line, column int) source.Position {
	return source.Position{File: file, Line: line, Column: column}
}

func evidenceOf(rule string, recorded, live pool.Status, was, is string) diff.Evidence {
	e := diff.Evidence{Rule: rule, ReadAt: "2026-11-21T08:00:00Z", StateVersion: "7"}
	if recorded != "" {
		e.Recorded = &diff.Recorded{Name: "N", Status: recorded, Updated: was, Job: jobA}
		e.RecordedAt = "2026-11-02T17:31:08Z"
	}
	if live != "" {
		e.Live = &diff.LiveSeen{Name: "Live name", Status: live, Updated: is}
	}
	return e
}

const (
	t0 = "2026-11-02T17:31:09Z"
	t1 = "2026-11-20T22:14:51Z"
)

func settled() diff.Evidence { return evidenceOf("9", pool.Published, pool.Published, t0, t0) }

// change builds a change with what most of them have.
func change(ref, place string, e diff.Evidence, actions ...diff.Action) diff.Change {
	var p source.Position
	if file, rest, ok := strings.Cut(place, ":"); ok {
		p.File = file
		_, _ = fmt.Sscanf(rest, "%d:%d", &p.Line, &p.Column)
	} else {
		p.File = place
	}
	ch := diff.Change{Key: pool.Key{Bank: 505, Reference: pool.Reference(ref)}, Source: p, Actions: actions, Evidence: e, Fields: []diff.Field{}}
	for _, a := range actions {
		if a.IsCall() {
			ch.Calls = append(ch.Calls, diff.Call{Operation: pool.Operation(a), Verb: pool.Update, Request: pool.Request{Status: pool.Published}})
		}
	}
	return ch
}

func field(path string, before, after any) diff.Field {
	return diff.Field{Path: path, Before: before, After: after}
}

func refs(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%03d", prefix, i+1)
	}
	return out
}

func planOf(unchanged int, changes ...diff.Change) Plan {
	p := diff.Plan{Changes: changes, Unchanged: unchanged, Declared: unchanged + len(changes)}
	calls := Calls{}
	for _, ch := range changes {
		if len(ch.Calls) > 0 && len(ch.Blocked) == 0 {
			calls.Update = 1
		}
	}
	return Plan{Head: headOfBank(), Set: "default", Digest: digest, Summary: SummaryOf(p), Calls: calls, Changes: changes, Files: 6, Pools: p.Declared}
}

// allActions has every action once, as the comparison makes them.
func allActions() Plan {
	create := change("ela-district-b", "pools/ela.yaml:31:5", evidenceOf("3", "", "", "", ""), diff.Create)
	create.Fields = []diff.Field{field("name", nil, "ELA 2015 District B"), field("status", nil, "published")}
	create.Content.Added = pool.Content{Items: refs("i", 2), Activities: []string{"a"}, Tags: []pool.Selector{{Type: "course", Name: "c"}}}
	grow := change("ela-district-a", "pools/ela.yaml:4:9", settled(), diff.Append)
	grow.Content.Added = pool.Content{Items: []string{"dataapi_test_002"}, Tags: []pool.Selector{
		{Type: "subject"}, {Required: []pool.Tag{{Type: "foo", Name: "bar"}, {Type: "baz"}}, Additional: []pool.Tag{{Type: "qux", Name: "q"}, {Type: "corge"}}},
	}}
	edit := change("fr-edit", "pools/fr.yaml:5:11", settled(), diff.Edit, diff.Touched)
	edit.Fields = []diff.Field{field("name", strings.Repeat("Français ", 9)+"A", strings.Repeat("Français ", 9)+"B")}
	edit.Evidence = evidenceOf("9", pool.Published, pool.Published, t0, t1)
	edit.Notes = []diff.Note{{Kind: diff.NoteTouched}}
	correct := change("geo-correct", "pools/geo.yaml:20:9", settled(), diff.Correct)
	correct.Fields, correct.Dangerous = []diff.Field{field("corrections.2026-11-typo-q4", nil, []string{"dataapi_test_001"})}, true
	replace := change("math-grade-5", "pools/math.yaml:9:5", settled(), diff.Replace)
	replace.Content.Removed, replace.Dangerous = pool.Content{Items: []string{"m5-017", "m5-018"}}, true
	replace.Blocked = []diff.Refusal{{Rule: diff.RuleReplace, Leaves: true, Flag: diff.AllowReplace, At: in("pools/math.yaml", 12, 15)}}
	rebuild := change("math-grade-6", "pools/math.yaml:21:15", settled(), diff.Replace)
	rebuild.Fields, rebuild.Dangerous = []diff.Field{field("snapshot", "2026-spring", "2026-fall")}, true
	retire := change("old-pool", "pools/old.yaml", settled(), diff.Retire)
	retire.Fields, retire.Dangerous = []diff.Field{field("status", "published", "unpublished")}, true
	return planOf(38, append([]diff.Change{create, grow, edit, correct, replace, rebuild, retire}, tellings()...)...)
}

// tellings has every action that calls nothing.
func tellings() []diff.Change {
	pending := change("p-pending", "pools/p.yaml:4:5", evidenceOf("2", pool.Published, pool.Pending, t0, t1), diff.Pending)
	pending.Blocked = []diff.Refusal{{Rule: diff.RuleJobRunning, Own: true}}
	unknown := change("p-unknown", "pools/p.yaml:9:5", evidenceOf("4", "", pool.Published, "", t1), diff.Unknown)
	unknown.Blocked = []diff.Refusal{{Rule: diff.RuleUnknown, Flag: diff.Overwrite, Own: true}}
	halted := change("p-halted", "pools/p.yaml:14:5", evidenceOf("6", pool.Published, pool.Halted, t0, t1), diff.Halted)
	halted.Blocked = []diff.Refusal{{Rule: diff.RuleHalted, Reason: "item x-1 not found", Own: true}}
	deferred := change("p-deferred", "pools/p.yaml:20:18", settled(), diff.Deferred)
	deferred.Fields = []diff.Field{field("description", "old words", "new words")}
	deferred.Notes = []diff.Note{{Kind: diff.NoteDeferred}}
	held := change("p-held", "pools/p.yaml:24:5", evidenceOf("2.6", pool.Published, pool.Unpublished, t0, t1), diff.Held)
	held.Notes = []diff.Note{{Kind: diff.NoteHeld}}
	orphaned := change("p-orphaned", "pools/gone.yaml", settled(), diff.Orphaned)
	orphaned.Notes = []diff.Note{{Kind: diff.NoteOrphaned}}
	unmanaged := change("p-unmanaged", "", evidenceOf("13", "", pool.Published, "", t1), diff.Unmanaged)
	forgotten := change("p-forgotten", "pools/gone.yaml", evidenceOf("14", pool.Published, "", t0, ""), diff.Forgotten)
	return []diff.Change{pending, unknown, halted, deferred, held, orphaned, unmanaged, forgotten}
}

// blockedPlan has refusals short and long, alone, together and for many.
func blockedPlan() Plan {
	long := change("a-reference-that-is-as-long-as-people-make-them/district-0042/grade-05/spring", "pools/district-0042/long-file-name.yaml:1234:5", settled(), diff.Edit)
	long.Fields = []diff.Field{field("name", "A", "B")}
	day := func(month time.Month, d, hour int) time.Time {
		return time.Date(2026, month, d, hour, 0, 0, 0, time.UTC)
	}
	long.Blocked = []diff.Refusal{
		{Rule: diff.RuleEditWouldRefresh, Carrier: "m-1", Flag: diff.AllowRefresh},
		{Rule: diff.RuleOlder, Was: &diff.Commit{Hash: "0123456789abcd", At: day(11, 20, 10)}, Is: &diff.Commit{Hash: "ba98765432100", At: day(11, 1, 9)}, Flag: diff.AllowOlder},
	}
	vanished := change("v", "pools/v.yaml:4:5", evidenceOf("3 vanished", pool.Published, "", t0, ""), diff.Create)
	vanished.Blocked = []diff.Refusal{{Rule: diff.RuleVanished, Count: 1, Of: 1, Flag: diff.RecreateVanished}}
	vanished.Content.Added = pool.Content{Items: []string{"i"}}
	publish := change("w", "pools/w.yaml:4:5", evidenceOf("9", pool.Unpublished, pool.Unpublished, t0, t0), diff.Append)
	publish.Fields, publish.Dangerous = []diff.Field{field("status", "unpublished", "published")}, true
	publish.Content.Added = pool.Content{Items: refs("w", 124)}
	both := []diff.Change{long, vanished, publish}
	for i, ref := range refs("x", 12) {
		ch := change(ref, fmt.Sprintf("pools/x.yaml:%d:11", 5+10*i), settled(), diff.Edit)
		ch.Fields = []diff.Field{field("name", ref, strings.ToUpper(ref))}
		ch.Blocked = []diff.Refusal{
			{Rule: diff.RuleVolume, Count: 12, Of: 20, Limit: 30, Flag: diff.MaxChangePercent},
			{Rule: diff.RuleFreeze, Freeze: &diff.Freeze{To: day(12, 20, 0), Reason: "finals"}, Flag: diff.BreakFreeze},
		}
		if i%4 != 0 {
			ch.Blocked = ch.Blocked[:1]
		}
		both = append(both, ch)
	}
	other := change("y", "pools/y.yaml:4:5", evidenceOf("3", "", "", "", ""))
	other.Blocked = []diff.Refusal{{Rule: diff.RuleOtherSet, Set: "finals", File: "pools/y.yaml"}}
	return planOf(5, append(both, other)...)
}

// groupedPlan has pools of two banks that one changed default changes alike.
func groupedPlan() Plan {
	var all []diff.Change
	for i, ref := range refs("maths", 12) {
		ch := change(ref, "pools/maths.yaml:3:11", settled(), diff.Edit)
		ch.Fields, ch.Dangerous = []diff.Field{field("status", "published", "unpublished")}, true
		if i >= 10 {
			ch.Bank = 606
		}
		all = append(all, ch)
	}
	single := change("one", "pools/one.yaml:3:5", settled(), diff.Append)
	single.Bank, single.Content.Added = 606, pool.Content{Items: []string{"i"}}
	for _, ref := range refs("gone", 3) {
		ch := change(ref, "pools/gone.yaml", settled(), diff.Orphaned)
		ch.Notes = []diff.Note{{Kind: diff.NoteOrphaned}}
		all = append(all, ch)
	}
	return planOf(0, append(all, single)...)
}

// restingPlan has changes that rest on more than their difference shows.
func restingPlan() Plan {
	grows := change("grows", "pools/a.yaml:6:9", settled(), diff.Append)
	grows.Entry = &pool.Entry{Sent: &pool.Sent{Spec: pool.Spec{Content: pool.Content{Items: refs("i", 12), Tags: []pool.Selector{{Type: "course"}}}}}}
	grows.Content.Added = pool.Content{Items: []string{"j"}, Tags: []pool.Selector{{Type: "grade"}}}
	grows.Blocked = []diff.Refusal{{Rule: diff.RuleFreeze, Freeze: &diff.Freeze{To: time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC), Reason: "finals"}, Flag: diff.BreakFreeze}}
	again := change("again", "pools/a.yaml:12:11", evidenceOf("9", pool.Published, pool.Halted, t0, t0), diff.Edit)
	again.Fields = []diff.Field{field("name", "A", "B")}
	again.Calls[0].Request.Content.Items = []string{"i-001"}
	again.Evidence.Recorded.LastError = "job " + jobA + " halted: item i-001 not found"
	theirs := change("theirs", "pools/a.yaml:20:9", evidenceOf("8", pool.Published, pool.Unpublished, t0, t0), diff.Append)
	theirs.Content.Added = pool.Content{Items: []string{"j"}}
	all := []diff.Change{grows, again, theirs}
	for i, flag := range []string{"ignore_empty_additional_tags", "set_unpublished_to_published", ""} {
		ch := change(fmt.Sprintf("k-%d", i+1), "pools/b.yaml:4:5", settled(), diff.Replace)
		ch.Dangerous = true
		if ch.Fields = []diff.Field{field(flag, false, true)}; flag == "" {
			ch.Fields = nil
			ch.Content.Added = pool.Content{Tags: []pool.Selector{{Required: []pool.Tag{{Type: "course"}}, Additional: []pool.Tag{{Type: "grade"}}}}}
		}
		ch.Blocked = []diff.Refusal{{Rule: diff.RuleReplace, Flag: diff.AllowReplace, At: ch.Source}}
		all = append(all, ch)
	}
	return planOf(0, all...)
}

// twoBanks are documents about two banks of which only one has something to say.
func twoBanks() (Plan, Result, Drift) {
	target := &Target{Endpoint: "https://data-or.learnosity.com", ReadEndpoint: "https://data-au.learnosity.com", APIVersion: "v2026.2.LTS", Bank: 505, Banks: []pool.Bank{505, 606}}
	ch := change("two-a", "pools/two.yaml:3:5", settled(), diff.Append)
	ch.Bank, ch.Content.Added = 606, pool.Content{Items: []string{"i"}}
	p := planOf(1, ch)
	r := resultOf(0, "1 pool applied and read back", Outcome{Change: ch, Outcome: apply.Applied, Job: jobA})
	d := Drift{Drift: []diff.Drifted{{Key: ch.Key, Kinds: []diff.DriftKind{diff.DriftVanished}, Source: ch.Source, Evidence: evidenceOf("drift", pool.Published, "", t0, "")}}}
	d.Summary = DriftSummary{Managed: 2, Drifted: 1}
	p.Target, r.Target, d.Target = target, target, target
	return p, r, d
}

func bigPlan() Plan {
	var all []diff.Change
	for i, ref := range refs("district", 200) {
		ch := change(ref, fmt.Sprintf("pools/d%03d.yaml:4:5", i), evidenceOf("3", "", "", "", ""), diff.Create)
		ch.Fields = []diff.Field{field("name", nil, "District "+ref), field("description", nil, strings.Repeat("All about it. ", 30))}
		ch.Content.Added = pool.Content{Items: refs("i", 200)}
		all = append(all, ch)
	}
	return planOf(9800, all...)
}

// hostile is text of the kind that others may write.
const hostile = "a\x1b[31m\u202eb\u009b `x` ``y`` </details><script> ![i](http://e.vil) @octocat #123 GH-7 deadbeef1 | --> \n::error::x%0A\r\n::set-output"

func hostilePlan(bad string) Plan {
	ch := change(bad, "pools/"+bad+".yaml", settled(), diff.Append)
	ch.Source.Line, ch.Source.Column = 3, 4
	ch.Fields = []diff.Field{field("name", bad, bad+"x"), field(bad, nil, []string{bad})}
	ch.Content.Added = pool.Content{Items: []string{bad}, Tags: []pool.Selector{{Type: bad, Name: bad}}}
	ch.Notes = []diff.Note{{Kind: diff.NoteCreationHalted, Reason: bad}}
	ch.Evidence = evidenceOf("9", pool.Published, pool.Published, t0, bad)
	ch.Actions = append(ch.Actions, diff.Touched)
	ch.Blocked = []diff.Refusal{{Rule: diff.RuleOtherSet, Set: bad, File: bad}}
	free := change(bad+"-unmanaged", "", evidenceOf("13", "", pool.Published, "", t1), diff.Unmanaged)
	free.Evidence.Live.Name = bad
	p := planOf(1, ch, free)
	p.Diagnostics = source.Diagnostics{{Position: in(bad, 1, 1), Severity: source.Warning, Rule: "yaml-1.1", Message: bad, Hint: bad}}
	p.Target.Endpoint = bad
	return p
}

func outcome(ref, place string, s apply.State, job string, p *apply.Problem, warnings ...string) Outcome {
	return Outcome{Change: change(ref, place, settled(), diff.Edit), Outcome: s, Job: pool.JobReference(job), Error: p, Warnings: warnings}
}

func resultOf(code int, reason string, changes ...Outcome) Result {
	r := Result{Head: headOfBank(), Run: "20261121T202758.955Z", Digest: digest, Changes: changes, Calls: Calls{Update: 2}, Summary: Summary{Unchanged: 4}}
	r.Command, r.Exit = "apply", Exit{code, reason}
	for _, o := range changes {
		switch o.Outcome {
		case apply.Applied:
			r.Outcomes.Applied++
		case apply.Failed:
			r.Outcomes.Failed++
		case apply.StillRunning:
			r.Outcomes.StillRunning++
		default:
			r.Outcomes.NotAttempted++
		}
	}
	return r
}

func mixedResult() Result {
	return resultOf(3, "applied in part: 2 applied, 2 failed, 1 not attempted",
		outcome("ela-a", "pools/ela.yaml:4:5", apply.Applied, jobA, nil),
		outcome("ela-b", "pools/ela.yaml:12:5", apply.Failed, jobA, &apply.Problem{Message: "job " + jobA + " halted: item x-1 not found", Remedy: "look at the job: poolsync jobs " + jobA}),
		outcome("ela-c", "pools/ela.yaml:31:5", apply.Failed, "", &apply.Problem{Code: 30001, Message: "set pools: 400 invalid content", RequestUUID: uuid, Remedy: "correct the manifest and apply again"}),
		outcome("ela-d", "pools/ela.yaml:40:5", apply.NotAttempted, "", &apply.Problem{Message: "it exists in the bank and poolsync has no record of what it holds", Remedy: "take it over with: poolsync adopt ela-d"}),
		outcome("ela-e", "pools/ela.yaml:50:5", apply.StillRunning, jobA, &apply.Problem{Message: "--timeout has passed"}),
		outcome("ela-f", "pools/ela.yaml:60:5", apply.Applied, jobA, nil, "the server trimmed the name"))
}

// refusedResult has pools that guards left out, alone and in a group.
func refusedResult() Result {
	var all []Outcome
	for _, ch := range blockedPlan().Changes {
		o := Outcome{Change: ch, Outcome: apply.NotAttempted}
		all = append(all, o)
	}
	return resultOf(4, "15 changes blocked by a guard; nothing was written", all...)
}

func groupedResult() Result {
	var all []Outcome
	for i, ref := range refs("m", 60) {
		o := outcome(ref, fmt.Sprintf("pools/m.yaml:%d:5", 4+i), apply.Failed, "", &apply.Problem{Code: 40003, Message: "set pools: 403 no rights", RequestUUID: uuid})
		if i%2 == 0 {
			o = outcome(ref, fmt.Sprintf("pools/m.yaml:%d:5", 4+i), apply.StillRunning, fmt.Sprintf("job-%d", i), &apply.Problem{Message: "--timeout has passed"})
		}
		all = append(all, o)
	}
	return resultOf(5, "30 pools still under way", append(all, outcome("z", "z.yaml:1:1", apply.Applied, jobA, nil))...)
}

func driftDoc(bad string) Drift {
	d := Drift{Head: headOfBank(), Orphaned: []pool.Key{{Bank: 505, Reference: pool.Reference("orphan" + bad)}}}
	d.Drift = []diff.Drifted{
		{
			Key: pool.Key{Bank: 505, Reference: "ela-a"}, Kinds: []diff.DriftKind{diff.DriftChanged, diff.DriftTouched}, Source: in("pools/ela.yaml", 4, 5),
			Fields: []diff.Field{field("name", "ELA", "Renamed by hand"+bad), field("description", strings.Repeat("x", 200), "")}, Evidence: evidenceOf("drift", pool.Published, pool.Published, t0, t1),
		},
		{Key: pool.Key{Bank: 505, Reference: "ela-b"}, Kinds: []diff.DriftKind{diff.DriftChanged, diff.DriftHeld, diff.DriftTouched}, Source: in("pools/ela.yaml", 9, 5), Fields: []diff.Field{field("status", "published", "unpublished")}, Evidence: evidenceOf("drift", pool.Published, pool.Unpublished, t0, t1)},
		{Key: pool.Key{Bank: 505, Reference: "ela-c"}, Kinds: []diff.DriftKind{diff.DriftVanished}, Source: in("pools/ela.yaml", 14, 5), Evidence: evidenceOf("drift", pool.Published, "", t0, "")},
		{Key: pool.Key{Bank: 505, Reference: "ela-d"}, Kinds: []diff.DriftKind{diff.DriftHalted}, Source: in("pools/ela.yaml", 19, 5), Evidence: evidenceOf("drift", pool.Published, pool.Halted, t0, t1)},
	}
	d.Drift[3].Evidence.Recorded.LastError = "job halted: no such item" + bad
	for _, ref := range refs("someone", 30) {
		d.Unmanaged = append(d.Unmanaged, Listed{Live: pool.Live{Reference: pool.Reference(ref), Name: "Theirs" + bad, Status: pool.Published}, Bank: 505})
	}
	d.Changes = []diff.Change{change("ela-e", "pools/ela.yaml:24:5", settled(), diff.Append)}
	d.Summary = DriftSummary{Managed: 41, Drifted: 4, Orphaned: 1, Unmanaged: 30, Changes: 1}
	return d
}

func invalid(n int) Validation {
	v := Validation{Head: headOfBank(), Files: 2, Pools: 3}
	v.Target, v.Exit = nil, Exit{1, "the manifests are not valid"}
	for i := range n {
		v.Diagnostics = append(v.Diagnostics, source.Diagnostic{
			Position: in("pools/ela.yaml", 12+i, 13), Severity: source.Error, Rule: "status", Message: `unknown status "live"; want "published" or "unpublished"`,
			Excerpt: "    status: live", Width: 4,
		})
	}
	v.Diagnostics = append(v.Diagnostics, source.Diagnostic{Position: in("pools/ela.yaml", 99, 1), Severity: source.Warning, Rule: "yaml-1.1", Message: "no is text here", Hint: `write "no"`})
	return v
}

// documents are what the golden files show, by name.
func documents() map[string]paged {
	at := time.Date(2026, 11, 2, 17, 31, 8, 0, time.UTC)
	failed := planOf(0)
	failed.Changes, failed.Diagnostics = []diff.Change{}, invalid(2).Diagnostics
	failed.Exit, failed.Error = Exit{1, "the manifests are not valid: 2 errors"}, &Failure{"the state is held by @someone", []string{"wait until that run has ended"}}
	bad := mixedResult()
	bad.Changes = []Outcome{outcome(hostile, "p.yaml:1:2", apply.Failed, hostile, &apply.Problem{Message: hostile, RequestUUID: hostile, Remedy: hostile}, hostile)}
	bankPlan, bankResult, bankDrift := twoBanks()
	return map[string]paged{
		"plan-resting": restingPlan(), "plan-banks": bankPlan, "result-banks": bankResult, "drift-banks": bankDrift,
		"plan-none": planOf(41), "plan-actions": allActions(), "plan-blocked": blockedPlan(), "plan-groups": groupedPlan(), "plan-200": bigPlan(),
		"plan-hostile": hostilePlan(hostile), "plan-failed": failed,
		"result-mixed": mixedResult(), "result-groups": groupedResult(), "result-refused": refusedResult(), "result-hostile": bad,
		"result-done": resultOf(0, "1 pool applied and read back", outcome("ela-a", "pools/ela.yaml:4:5", apply.Applied, jobA, nil)),
		"drift":       driftDoc(""), "drift-none": Drift{Head: headOfBank(), Summary: DriftSummary{Managed: 41}},
		"validation": invalid(2), "validation-12": invalid(12), "validation-ok": Validation{Head: Head{Command: "validate"}, Files: 1, Pools: 2},
		"list": List{Pools: []Listed{
			{Live: pool.Live{Reference: "ela-district-a", Name: "ELA 日本", Status: pool.Published, Updated: t0}, Bank: 505, Managed: new(true)},
			{Live: pool.Live{Reference: "b", Name: strings.Repeat("long ", 50) + "\x1b", Status: pool.Halted, Updated: t1}, Bank: 505},
		}},
		"jobs": Jobs{Jobs: []pool.Job{
			{Reference: jobA, Status: pool.JobCompleted, Created: "2026-11-02 17:31:08", Completed: "2026-11-02 17:31:09", Type: "itembank_pools"},
			{Reference: "j", Status: pool.JobHalted, Created: "2026-11-02 17:31:08", Type: "itembank_pools", Detail: "results: 10000 not\nfound"},
		}},
		"adoption": Adoption{Pools: []Adopted{
			{Key: pool.Key{Bank: 505, Reference: "ela-district-a"}, Outcome: AdoptionDone, Source: in("pools/ela.yaml", 4, 5)},
			{Key: pool.Key{Bank: 505, Reference: "b"}, Outcome: AdoptionRefused, Source: in("pools/ela.yaml", 14, 5), Missing: refs("i", 9), Extra: []string{"x"}, Notes: []string{"its content differs"}},
		}},
		"state": State{Entries: []pool.Entry{
			{Key: pool.Key{Bank: 505, Reference: "ela-district-a"}, Set: "default", File: "pools/ela.yaml", Sent: &pool.Sent{Spec: pool.Spec{Fields: pool.Fields{Status: pool.Published}}}, AppliedAt: &at, Touched: true},
			{Key: pool.Key{Bank: 505, Reference: "b"}, Set: "default", File: "pools/ela.yaml", Pending: &pool.PendingCall{Operation: pool.OpCreate, At: at, Job: jobA}, LastError: "no"},
			{Key: pool.Key{Bank: 505, Reference: "c"}, Set: "default", File: "pools/ela.yaml", Pending: &pool.PendingCall{Operation: pool.OpCreate, At: at}},
		}},
	}
}
