package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
)

const (
	flagPlan       = "plan"
	flagExpectPlan = "expect-plan"
)

// maxPlanSize bounds a saved plan, in bytes.
const maxPlanSize = 256 << 20

// savedPlan is the part of a saved plan that decides.
type savedPlan struct {
	SchemaVersion int           `json:"schema_version"`
	Command       string        `json:"command"`
	Target        report.Target `json:"target"`
	Exit          report.Exit   `json:"exit"`
	Set           string        `json:"set"`
	Digest        string        `json:"digest"`
	Checksum      string        `json:"checksum"`
	Changes       []savedChange `json:"changes"`
	// Offline plans rest on no answer of the bank.
	Offline *report.Offline `json:"offline"`
}

// savedChange is what a plan says of one pool, in the parts that are compared.
type savedChange struct {
	pool.Key
	Actions     []diff.Action `json:"actions"`
	Calls       []diff.Call   `json:"calls"`
	Fields      []diff.Field  `json:"fields"`
	Fingerprint string        `json:"fingerprint"`
	Evidence    struct {
		Recorded json.RawMessage `json:"recorded"`
		Live     json.RawMessage `json:"live"`
	} `json:"evidence"`
}

// readPlan reads a saved plan and makes sure that it is whole.
func readPlan(name string) (savedPlan, error) {
	info, err := os.Stat(name)
	if err != nil {
		return savedPlan{}, fmt.Errorf("read plan: %w", err)
	}
	if info.Size() > maxPlanSize {
		return savedPlan{}, fmt.Errorf("read plan: %s is larger than %d MiB", name, maxPlanSize>>20)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return savedPlan{}, fmt.Errorf("read plan: %w", err)
	}
	p, err := decodePlan(data)
	if err != nil {
		return p, &guardError{message: fmt.Sprintf("plan %s: %v", name, err), hint: "make the plan anew: poolsync plan -o json=" + name}
	}
	return p, nil
}

// decodePlan checks a saved plan by itself: format, completeness and digest.
func decodePlan(data []byte) (savedPlan, error) {
	var p savedPlan
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("it is not a whole plan: %w", err)
	}
	switch {
	case p.SchemaVersion != report.SchemaVersion:
		return p, fmt.Errorf("it has format %d, and this version of poolsync reads format %d", p.SchemaVersion, report.SchemaVersion)
	case p.Command != "plan":
		return p, fmt.Errorf("it is the output of %q, not of plan", p.Command)
	case p.Offline != nil:
		return p, errors.New("it was made offline, without the bank's answers")
	case p.Exit.Code != CodeDone && p.Exit.Code != CodeChanges:
		return p, fmt.Errorf("that plan was not completed: %s", p.Exit.Reason)
	}
	if sum, err := report.Checksum(data); err != nil || sum != p.Checksum {
		return p, errors.New("it was changed after it was made: it does not have the checksum that it states")
	}
	var fingerprints []string
	for _, ch := range p.Changes {
		if ch.Fingerprint != "" {
			fingerprints = append(fingerprints, ch.Fingerprint)
		}
	}
	if diff.Digest(fingerprints) != p.Digest {
		return p, fmt.Errorf("it was changed after it was made: its changes do not have the digest that it states")
	}
	return p, nil
}

// fits refuses a plan that was made for something else.
func (p savedPlan) fits(s *session) error {
	for _, x := range []struct{ what, was, is string }{
		{"endpoint", p.Target.Endpoint, s.Write},
		{"API version", p.Target.APIVersion, s.Version},
		{"item bank", p.Target.Bank.String(), s.target().Bank.String()},
		{"manifest set", p.Set, s.Set},
	} {
		if x.was != x.is {
			return &guardError{
				message: fmt.Sprintf("the plan is for %s %s, and this run is for %s", x.what, x.was, x.is),
				hint:    "apply it where it was made for, or make a plan for this run",
			}
		}
	}
	return nil
}

// against compares the saved plan with the plan of now, which the state is of.
// What is in both alike is kept; what is recorded already counts as done; what the
// saved plan does not have is left out and named. If any planned change moved, or
// nothing asks for it any more, all is refused.
func (p savedPlan) against(now diff.Plan, entries map[pool.Key]pool.Entry) (kept diff.Plan, extra []string, err error) {
	saved := make(map[pool.Key]savedChange, len(p.Changes))
	for _, ch := range p.Changes {
		if ch.Fingerprint != "" {
			saved[ch.Key] = ch
		}
	}
	kept = now
	kept.Changes = nil
	var moved []string
	why := ""
	for _, ch := range now.Changes {
		was, planned := saved[ch.Key]
		switch {
		case planned && ch.Fingerprint == "" && was.recorded(entries): // done, and there is more to be said of the pool
			kept.Changes = append(kept.Changes, ch)
		case planned && was.Fingerprint != ch.Fingerprint:
			moved = append(moved, describeMove(was, ch)...)
			if why == "" {
				why = string(ch.Reference) + movedHow(was, ch)
			}
		case ch.Fingerprint == "" || planned:
			kept.Changes = append(kept.Changes, ch)
		default:
			extra = append(extra, string(ch.Reference))
		}
		delete(saved, ch.Key)
	}
	for _, key := range slices.SortedFunc(maps.Keys(saved), pool.Key.Compare) {
		if was := saved[key]; !was.recorded(entries) {
			moved = append(moved, fmt.Sprintf("  %s: %s was planned, is not recorded as applied, and nothing in this run asks for it", key.Reference, was.words()))
			if why == "" {
				why = "nothing asks for " + string(key.Reference) + " any more"
			}
		}
	}
	if len(moved) > 0 {
		return kept, extra, &guardError{
			message: "the plan is stale: " + why + ":\n" + strings.Join(moved, "\n"),
			hint:    "make a new plan and have it reviewed: poolsync plan -o json=FILE", stale: true,
		}
	}
	return kept, extra, nil
}

func (was savedChange) words() string {
	var words []string
	for _, a := range was.Actions {
		words = append(words, string(a))
	}
	return strings.Join(words, ", ")
}

// recorded reports whether the state has what the change was to bring about.
func (was savedChange) recorded(entries map[pool.Key]pool.Entry) bool {
	e, known := entries[was.Key]
	if slices.Contains(was.Actions, diff.Forgotten) {
		return !known
	}
	if !known || e.Sent == nil || e.Pending != nil {
		return false
	}
	if slices.Contains(was.Actions, diff.Retire) {
		return e.Retired
	}
	for _, f := range was.Fields {
		id, isCorrection := strings.CutPrefix(f.Path, "corrections.")
		switch {
		case isCorrection && !slices.ContainsFunc(e.Sent.Corrections, func(c pool.Correction) bool { return c.ID == id }):
			return false
		case f.Path == "snapshot" && f.After != e.Sent.Snapshot,
			f.Path == "name" && f.After != e.Sent.Name,
			f.Path == "status" && f.After != string(e.Sent.Status):
			return false
		}
	}
	return !slices.ContainsFunc(was.Calls, func(c diff.Call) bool { return !recordedCall(c, *e.Sent) })
}

// recordedCall reports whether what was applied to a pool holds what a call sent.
// The status is among the fields: what a held pool was sent is not what was asked for.
func recordedCall(c diff.Call, sent pool.Sent) bool {
	r := c.Request
	switch {
	case r.Name != sent.Name:
		return false
	case c.Verb == pool.Set:
		return r.Content.Equal(sent.Content) && (r.Description == nil || *r.Description == sent.Description) &&
			(r.IgnoreEmpty == nil || *r.IgnoreEmpty == sent.IgnoreEmpty) && r.UnpublishedPublished == sent.UnpublishedPublished
	case c.Operation == pool.OpAppend:
		return r.Content.Minus(sent.Content).Len() == 0
	}
	return true
}

// describeMove says field by field what differs between a saved change and the
// one of now.
func describeMove(was savedChange, now diff.Change) []string {
	var current savedChange
	if data, err := json.Marshal(now); err == nil {
		_ = json.Unmarshal(data, &current)
	}
	before, after := flatten(was), flatten(current)
	names := slices.Sorted(maps.Keys(before))
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	var out []string
	for _, name := range names {
		if what := movedWords(name); before[name] != after[name] && what != "" {
			out = append(out, fmt.Sprintf("  %s: its %s was %s, is %s", now.Reference, what, orNothing(before[name]), orNothing(after[name])))
		}
	}
	if len(out) == 0 {
		out = append(out, fmt.Sprintf("  %s: it was applied, or taken over, meanwhile", now.Reference))
	}
	return out
}

// movedWords is what a member of a change is about, or nothing where it only
// follows from others.
func movedWords(name string) string {
	switch name {
	case "evidence.live.name":
		return "live name"
	case "evidence.live.status":
		return "live status"
	case "evidence.live.dt_updated":
		return "last change in the bank"
	case "evidence.recorded.name", "evidence.recorded.status":
		return strings.Replace(strings.TrimPrefix(name, "evidence."), ".", " ", 1)
	case "evidence.recorded.job_reference":
		return "recorded job"
	}
	first, rest, _ := strings.Cut(name, ".")
	switch first {
	case "content":
		verb, list, _ := strings.Cut(rest, ".")
		return "declared content (" + verb + " " + list + ")"
	case "calls":
		if strings.HasPrefix(rest, "0.request.name") || strings.HasPrefix(rest, "0.request.status") {
			return "declared " + strings.TrimPrefix(rest, "0.request.")
		}
	}
	return ""
}

// movedHow says in a few words what became of a pool since the plan.
func movedHow(was savedChange, now diff.Change) string {
	before, after := flatten(was.Evidence.Live), flatten(now.Evidence.Live)
	switch {
	case len(after) == 0 && len(before) > 0:
		return " is gone from the bank"
	case len(before) == 0 && len(after) > 0:
		return " was created outside"
	case before["name"] != after["name"]:
		return " was renamed outside"
	case before["status"] != after["status"]:
		return " is " + after["status"] + " now"
	case before["dt_updated"] != after["dt_updated"]:
		return " was changed outside"
	default:
		return " is declared or recorded otherwise"
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// flatten gives the values of a JSON document by their paths.
func flatten(v any) map[string]string {
	out := map[string]string{}
	data, err := json.Marshal(v)
	if err != nil {
		return out
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var x any
	if d.Decode(&x) == nil {
		flattenInto(out, "", x)
	}
	return out
}

func flattenInto(out map[string]string, path string, v any) {
	join := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch x := v.(type) {
	case map[string]any:
		for name, member := range x {
			flattenInto(out, join(name), member)
		}
	case []any:
		for i, member := range x {
			flattenInto(out, join(fmt.Sprint(i)), member)
		}
	case nil:
	default:
		out[path] = fmt.Sprint(x)
	}
}
