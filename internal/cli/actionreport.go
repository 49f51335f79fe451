package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/ghactions"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/report/annotate"
	"github.com/poolsync/poolsync/internal/report/markdown"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/state"
)

const (
	envKey    = learnosity.EnvKey
	envSecret = learnosity.EnvSecret
)

// told is what the action reads of a command's document, whose names are stable.
type told struct {
	Target *struct {
		Bank json.Number `json:"organisation_id"`
	} `json:"target"`
	Set     string          `json:"set"`
	Digest  string          `json:"digest"`
	Offline *report.Offline `json:"offline"`
	Summary map[string]int  `json:"summary"`
	Changes []struct {
		Bank        json.Number `json:"organisation_id"`
		Reference   string      `json:"reference"`
		Actions     []string    `json:"actions"`
		Fingerprint string      `json:"fingerprint"`
	} `json:"changes"`
	Outcomes struct {
		Applied int `json:"applied"`
	} `json:"outcomes"`
	Drift []struct {
		Bank      json.Number     `json:"organisation_id"`
		Reference string          `json:"reference"`
		Kinds     []string        `json:"kinds"`
		Fields    json.RawMessage `json:"fields"`
	} `json:"drift"`
	Diagnostics source.Diagnostics `json:"diagnostics"`
}

// words are those of the summary, each an output of the action.
var words = []string{
	"create", "append", "edit", "correct", "replace", "retire", "unchanged", "unknown", "deferred", "halted", "held",
	"touched", "orphaned", "unmanaged", "forgotten", "blocked", "pending",
}

// due are the words of what apply would have to do with.
var due = []string{"create", "append", "edit", "correct", "replace", "retire", "forgotten", "blocked", "pending"}

// report puts what came of the command into the form in which it is delivered.
func (s *step) report(d document, x exit) ghactions.Report {
	r := ghactions.Report{
		Code: x.code, Version: version(), Span: message.Span,
		Markdown: func(limit int) string { return s.markdown(d, x, limit) },
	}
	var t told
	if d.json != nil {
		if data, err := json.Marshal(d.json()); err == nil {
			_ = json.Unmarshal(data, &t) // what cannot be read is left out
		}
		r.ResultFile, _ = filepath.Abs(s.result())
		r.SummaryFile = filepath.Join(s.dir, "summary.md")
		if err := os.WriteFile(r.SummaryFile, []byte(s.markdown(d, x, ghactions.MaxSummary)), 0o600); err != nil {
			s.p.say("write the summary: %v", err)
		}
	}
	r.Failure = failureReason(x, t.Diagnostics)
	r.Name = t.name()
	for _, w := range words {
		if n, ok := t.Summary[w]; ok {
			r.Counts = append(r.Counts, ghactions.Output{Name: w, Value: strconv.Itoa(n)})
		}
	}
	switch s.in.Command {
	case ghactions.Plan:
		r.Planned, r.Offline = x.err == nil, t.Offline != nil
		r.HasChanges = slices.ContainsFunc(due, func(w string) bool { return t.Summary[w] > 0 })
		if r.Planned {
			r.PlanFile, r.Digest, r.Changes = r.ResultFile, t.Digest, t.changes()
		}
	case ghactions.Apply:
		r.Applied, r.Digest = t.Outcomes.Applied > 0, t.Digest
	case ghactions.Drift:
		r.HasDrift = x.code == CodeChanges
		r.Digest = t.drift()
	}
	return r
}

// name names the target: the manifest set, unless it is the only one, and the bank.
func (t told) name() string {
	name := "the key's primary item bank"
	if t.Target == nil {
		return ""
	}
	if t.Target.Bank != "" {
		name = "item bank " + t.Target.Bank.String()
	}
	if t.Set != "" && t.Set != "default" {
		name = t.Set + ", " + name
	}
	return name
}

// maxPrint is how many characters of a fingerprint tell it from another one.
const maxPrint = 12

func (t told) changes() []ghactions.Change {
	var out []ghactions.Change
	for _, c := range t.Changes {
		if c.Fingerprint == "" {
			continue
		}
		name := c.Reference
		if c.Bank != "" {
			name = c.Bank.String() + "/" + name
		}
		out = append(out, ghactions.Change{
			Name: name, Words: strings.Join(c.Actions, ", "), Print: c.Fingerprint[:min(len(c.Fingerprint), maxPrint)],
		})
	}
	return out
}

// drift is a digest over what drifted and how; not over when that was seen.
func (t told) drift() string {
	if len(t.Drift) == 0 {
		return ""
	}
	data, err := json.Marshal(t.Drift)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// failureReason tells workflows why a command failed: a closed list of words.
func failureReason(x exit, found source.Diagnostics) string {
	var held *state.HeldError
	var guard *guardError
	switch x.code {
	case CodeDone, CodeChanges:
		return ""
	case CodeUsage:
		return "usage"
	case CodeInterrupted:
		return "interrupted"
	case CodeRunning:
		return "still-running"
	case CodePartial:
		return "partly-applied"
	case CodeGuard:
		switch {
		case errors.As(x.err, &held):
			return "state-held"
		case errors.As(x.err, &guard) && guard.stale:
			return "plan-stale"
		}
		return "blocked"
	}
	if found.HasErrors() {
		return "invalid-manifests"
	}
	return troubleReason(x.err)
}

// troubleReason tells trouble with the bank's credentials and with the network
// from other errors.
func troubleReason(err error) string {
	var config *learnosity.ConfigError
	var api *learnosity.Error
	var remote *state.RemoteError
	switch {
	case errors.As(err, &config) && strings.HasPrefix(config.Setting, "LEARNOSITY_"):
		return "credentials"
	case errors.As(err, &api) && api.Credentials():
		return "credentials"
	case errors.As(err, &api) && api.Unreachable(), errors.As(err, &remote), errors.Is(err, errTimeout):
		return "network"
	}
	return "error"
}

// markdown writes the report in at most so many bytes, and keeps it for later
// steps.
func (s *step) markdown(d document, x exit, limit int) string {
	var b bytes.Buffer
	if d.page == nil {
		fmt.Fprintf(&b, "### poolsync %s could not begin\n\n%s\n", message.Span(s.in.Command), message.Span(fmt.Sprint(x.err)))
		return b.String()
	}
	if err := (markdown.Options{Links: s.p.links(), Limit: limit}).Write(&b, d.page(false)); err != nil {
		return message.Span(err.Error()) + "\n"
	}
	return b.String()
}

// annotate shows what was found beside the lines of the manifests. What kept the
// command from beginning is shown whatever the inputs say.
func (s *step) annotate(d document, x exit, refused bool) {
	to := annotate.Options{Tree: s.p.tree}
	switch {
	case refused:
		_ = to.Write(s.p.Stdout, page.Page{
			Notice: "poolsync action", Failure: &page.Failure{Reason: x.reason, Message: fmt.Sprint(x.err), Hints: x.hints},
		})
	case s.in.Annotate && d.page != nil:
		_ = to.Write(s.p.Stdout, d.page(false))
	}
}

func (s *step) notice(text string) { _ = annotate.Notice(s.p.Stdout, "poolsync", text) }

// plainWriter is a stream that is no terminal.
type plainWriter struct{ io.Writer }
