package report

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/source"
)

// Annotations writes workflow commands of GitHub Actions, which show findings,
// changes and outcomes beside the lines of the manifests that cause them.
type Annotations struct {
	// Under is the folder of the repository that file names begin in; empty: its
	// root. GitHub wants names from there.
	Under string
}

// The kinds of annotation.
const (
	kindError   = "error"
	kindWarning = "warning"
	kindNotice  = "notice"
)

// maxAnnotations is how many annotations of a kind GitHub shows for a step.
const maxAnnotations = 10

// write writes up to ten commands of a kind, and says as a notice how many more
// there are: an eleventh would not be shown.
func (a Annotations) write(w io.Writer, all []command) error {
	var b strings.Builder
	counts := map[string]int{}
	put := func(c command) {
		if c.at.File != "" && !path.IsAbs(c.at.File) {
			c.at.File = path.Join(a.Under, c.at.File)
		}
		if strings.Join(c.message, "") == "" {
			c.message = []string{c.title}
		}
		b.WriteString(c.String() + "\n")
	}
	kinds := []string{kindError, kindWarning, kindNotice}
	slices.SortStableFunc(all, func(x, y command) int { return slices.Index(kinds, x.kind) - slices.Index(kinds, y.kind) })
	for _, c := range all {
		if counts[c.kind]++; counts[c.kind] <= maxAnnotations {
			put(c)
		}
	}
	for _, kind := range kinds {
		if rest := counts[kind] - maxAnnotations; rest > 0 {
			put(command{kind: kindNotice, title: "poolsync", message: []string{
				"and " + plural(rest, "more "+kind) + "; the text and JSON outputs have all",
			}})
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// common are the annotations of what every document has: findings and the
// error that ended the command.
func (h Head) common() []command {
	var out []command
	for _, d := range h.Diagnostics {
		kind := kindError
		if d.Severity == source.Warning {
			kind = kindWarning
		}
		out = append(out, command{kind, d.Position, "poolsync: " + d.Rule, nonEmpty(d.Message, d.Hint)})
	}
	if h.Error != nil {
		out = append(out, command{kind: kindError, title: "poolsync " + h.Command, message: append([]string{h.Error.Message}, h.Error.Hints...)})
	}
	return out
}

// WriteValidation annotates what a check of manifests found.
func (a Annotations) WriteValidation(w io.Writer, v Validation) error {
	all := v.common()
	if words := v.line(); words != "" {
		all = append(all, command{kind: kindNotice, title: "poolsync validate", message: []string{words}})
	}
	return a.write(w, all)
}

// WriteDiagnostics annotates findings alone.
func (a Annotations) WriteDiagnostics(w io.Writer, ds source.Diagnostics) error {
	return a.write(w, Head{Diagnostics: ds}.common())
}

// WritePlan annotates a plan: an error for each change that a guard refuses, a
// warning for each that a running exam may see and for each pool that is not as
// it should be, and the counts.
func (a Annotations) WritePlan(w io.Writer, p Plan) error {
	all := p.common()
	withBank := len(p.banks(keysOf(p.Changes))) > 1
	rows, guards := rowsOf(p.Changes)
	for _, g := range guards {
		all = append(all, command{
			kind: kindError, title: "blocked by " + g.Rule,
			message: nonEmpty(g.Message, plural(len(g.keys), "pool")+": "+joined(keyNames(g.keys, withBank), false), g.Remedy),
		})
	}
	for _, r := range rows {
		if c, ok := r.command(withBank); ok {
			all = append(all, c)
		}
	}
	if p.Error == nil && !p.Diagnostics.HasErrors() {
		all = append(all, command{kind: kindNotice, title: "poolsync plan", message: nonEmpty(p.line(), p.HeldBy.line())})
	}
	return a.write(w, all)
}

// command is the annotation of a row, if it needs one.
func (r row) command(withBank bool) (command, bool) {
	c := command{at: r.place, title: r.name(withBank) + ": " + r.actions}
	words := []string{r.effect}
	for _, b := range r.blocks {
		words = append(words, b.Message, b.Remedy)
	}
	c.message = nonEmpty(slices.Concat(words, r.notes, []string{strings.Join(r.evidence, "; ")})...)
	if len(r.keys) > 1 {
		c.message = append(c.message, joined(keyNames(r.keys, withBank), false))
	}
	refused := slices.ContainsFunc(r.blocks, func(b diff.Block) bool { return !b.Own })
	switch {
	case refused:
		c.kind = kindError
		c.title += ", blocked by " + r.blocks[0].Rule
	case len(r.blocks) > 0, r.danger:
		c.kind = kindWarning
	case strings.Contains(r.actions, string(diff.Touched)), strings.Contains(r.actions, string(diff.Held)):
		c.kind = kindWarning
	default:
		return c, false
	}
	if len(c.message) == 0 {
		c.message = []string{r.actions}
	}
	return c, true
}

// WriteResult annotates the outcome of an apply: an error for each pool that
// failed or was refused, a warning for each that is not done otherwise.
func (a Annotations) WriteResult(w io.Writer, r Result) error {
	all := r.common()
	withBank := len(r.allBanks()) > 1
	for _, o := range outcomeRows(r.Changes) {
		if c, ok := o.command(withBank); ok {
			all = append(all, c)
		}
	}
	if len(r.Changes) > 0 || r.Exit.Code == 0 {
		all = append(all, command{kind: kindNotice, title: "poolsync apply", message: append([]string{r.line()}, r.next()...)})
	}
	return a.write(w, all)
}

// command is the annotation of an outcome, if it needs one.
func (o outcomeRow) command(withBank bool) (command, bool) {
	c := command{kind: kindWarning, at: o.Source, title: keyName(o.Key, withBank) + ": " + o.words()}
	about := o.about()
	if len(o.all) > 1 {
		names := make([]string, len(o.all))
		for i, p := range o.all {
			names[i] = keyName(p.Key, withBank)
		}
		c.title = plural(len(o.all), "pool") + ": " + o.words()
		c.message = append(c.message, joined(names, false))
		about = ""
	}
	if o.Outcome.Outcome == apply.Failed || (o.Outcome.Outcome == apply.NotAttempted && o.Stops()) {
		c.kind = kindError
	}
	for _, b := range o.why {
		rule := ""
		if b.Rule != "" {
			rule = " [" + b.Rule + "]"
		}
		c.message = append(c.message, nonEmpty(b.Message+rule, b.Remedy)...)
	}
	c.message = append(append(c.message, nonEmpty(about)...), o.Warnings...)
	if len(c.message) == 0 {
		c.message = []string{o.words()}
	}
	return c, o.Outcome.Outcome != apply.Applied || len(o.Warnings) > 0
}

// WriteDrift annotates drift: a warning for each pool that is no longer as it
// was applied.
func (a Annotations) WriteDrift(w io.Writer, d Drift) error {
	all := d.common()
	withBank := len(d.allBanks()) > 1
	for _, x := range d.Drift {
		c := command{kind: kindWarning, at: x.Source, title: keyName(x.Key, withBank) + ": " + kindsOf(x)}
		for _, f := range x.Fields {
			before, after := fieldValues(f, maxValue)
			c.message = append(c.message, fmt.Sprintf("%s applied %s, live %s", f.Path, before, after))
		}
		c.message = append(append(c.message, explained(x)...), nonEmpty(driftEvidence(x))...)
		all = append(all, c)
	}
	if d.Error == nil && !d.Diagnostics.HasErrors() {
		all = append(all, command{kind: kindNotice, title: "poolsync drift", message: []string{d.line()}})
	}
	return a.write(w, all)
}
