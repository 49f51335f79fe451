// Package annotate writes pages as workflow commands of GitHub Actions, which
// show findings, changes and outcomes beside the lines of the manifests that
// cause them.
package annotate

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/source"
)

// Options say how annotations are written.
type Options struct {
	// Tree says where the repository's root is. GitHub wants names from there.
	Tree source.Tree
}

// The kinds of annotation.
const (
	kindError   = "error"
	kindWarning = "warning"
	kindNotice  = "notice"
)

// maxAnnotations is how many annotations of a kind are written. GitHub shows ten
// for a step: the tenth says how many more there are.
const maxAnnotations = 9

// Write writes up to nine commands of a kind, the worst kind first, and says how
// many more there are.
func (o Options) Write(w io.Writer, p page.Page) error {
	all := commands(p)
	var b strings.Builder
	counts := map[string]int{}
	put := func(c command) {
		c.at.File, _ = o.Tree.Name(c.at.File)
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
			put(command{kind: kind, title: "poolsync", message: []string{fmt.Sprintf("and %d more; the log and the JSON output have all", rest)}})
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Notice writes one annotation that belongs to no line.
func Notice(w io.Writer, title, text string) error {
	_, err := io.WriteString(w, command{kind: kindNotice, title: title, message: []string{text}}.String()+"\n")
	return err
}

// commands are the annotations of a page: its findings, the error that ended the
// command, what needs somebody's eye, and the counts.
func commands(p page.Page) []command {
	var all []command
	for _, d := range p.Findings {
		kind := kindError
		if d.Severity == source.Warning {
			kind = kindWarning
		}
		all = append(all, command{kind, d.Position, "poolsync: " + d.Rule, nonEmpty(d.Message, d.Hint)})
	}
	if f := p.Failure; f != nil {
		all = append(all, command{kind: kindError, title: p.Notice, message: append([]string{f.Message}, f.Hints...)})
	}
	for _, s := range p.Sections {
		for _, e := range s.Entries {
			if e.Alarm != page.Quiet {
				all = append(all, of(e))
			}
		}
	}
	if !p.Counts.Empty() && p.Failure == nil {
		said := []message.Message{p.Counts}
		all = append(all, command{kind: kindNotice, title: p.Notice, message: texts(append(append(said, p.Intro...), p.Next...))})
	}
	return all
}

// of is the annotation of an entry.
func of(e page.Entry) command {
	c := command{kind: kindWarning, at: e.Place, title: e.Name}
	if !e.Many.Empty() {
		c.title = e.Many.Text()
	}
	if !e.Verb.Empty() {
		c.title += ": " + e.Verb.Text()
	}
	if e.Alarm == page.Error {
		c.kind = kindError
	}
	var said []message.Message
	for _, r := range e.Reasons {
		words := r.Message
		if r.Rule != "" {
			words = message.New("%s %s", words, message.Code("["+r.Rule+"]"))
		}
		said = append(said, words, r.More, r.Remedy)
	}
	c.message = append(texts(said), lines(e)...)
	c.message = append(c.message, e.Block...)
	c.message = append(c.message, texts(append(slices.Clone(e.Notes), message.Join("; ", e.Evidence...)))...)
	if len(e.Pools) > 0 {
		c.message = append(c.message, message.Codes(e.Names(), 6).Text())
	}
	if len(c.message) == 0 {
		c.message = []string{c.title}
	}
	return c
}

// lines are the values that differ from what was applied: an annotation stands
// beside what is declared, and shows that alone which the manifest does not.
func lines(e page.Entry) []string {
	var out []string
	for _, l := range e.Lines {
		if !l.Was.Empty() {
			out = append(out, fmt.Sprintf("%s %s %s, %s %s", l.Path, l.Was, l.Before, l.Is, l.After))
		}
	}
	return out
}

func texts(all []message.Message) []string {
	var out []string
	for _, m := range all {
		if !m.Empty() {
			out = append(out, m.Text())
		}
	}
	return out
}

func nonEmpty(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
