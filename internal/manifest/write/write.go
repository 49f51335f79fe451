// Package write writes manifests in the canonical form: two columns for each
// level, lists indented below their field, one entry a line. Pools come in as
// values, with comments to stand beside them; bytes go out that mean the same.
package write

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

// Pool is one pool of a manifest. A comment is lines of text without the "#".
type Pool struct {
	pool.Declared
	Comment    []string // above the pool
	Items      []string // above the entries of item_references
	Activities []string // above the entries of activity_references
}

// Head returns what a manifest begins with; the pools follow it.
func Head(bank pool.Bank, comment ...string) []byte {
	w := &writer{}
	w.comment(0, comment)
	w.line(0, "version: 1")
	if bank != pool.Primary {
		w.line(0, "organisation_id: "+bank.String())
	}
	w.line(0, "pools:")
	return w.Bytes()
}

// Bytes returns the pool as an entry of a manifest's list.
func (p Pool) Bytes() []byte {
	w := &writer{}
	w.comment(1, p.Comment)
	w.line(1, "- reference: "+Scalar(string(p.Reference)))
	w.text(2, "name", p.Name)
	if p.Description != "" {
		w.text(2, "description", p.Description)
	}
	w.text(2, "status", string(p.Status))
	w.content(p)
	w.flag("ignore_empty_additional_tags", p.IgnoreEmpty)
	w.flag("set_unpublished_to_published", p.UnpublishedPublished)
	if p.Snapshot != "" {
		w.text(2, "snapshot", p.Snapshot)
	}
	if len(p.Corrections) > 0 {
		w.line(2, "corrections:")
	}
	for _, c := range p.Corrections {
		w.correction(3, c)
	}
	return w.Bytes()
}

// Correction returns a correction as an entry of a pool's list of them.
func Correction(c pool.Correction) []byte {
	w := &writer{}
	w.correction(3, c)
	return w.Bytes()
}

// Selector returns a tag entry on one line, as it is pasted below a list's field.
func Selector(s pool.Selector) string {
	if len(s.Required) == 0 {
		return tag(pool.Tag{Type: s.Type, Name: s.Name})
	}
	text := "{required_tags: " + tags(s.Required)
	if len(s.Additional) > 0 {
		text += ", additional_tags: " + tags(s.Additional)
	}
	return text + "}"
}

func tag(t pool.Tag) string {
	if t.Name == "" {
		return "{type: " + Scalar(t.Type) + "}"
	}
	return "{type: " + Scalar(t.Type) + ", name: " + Scalar(t.Name) + "}"
}

func tags(list []pool.Tag) string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = tag(t)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// plain are texts that every YAML reads as the text they are, in a list in
// brackets too, unless they are one of the words below.
var plain = regexp.MustCompile(`^[A-Za-z_](?:[A-Za-z0-9_./() +-]*[A-Za-z0-9_./()+-])?$`)

// words are read as something else by YAML 1.1.
var words = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// Scalar returns a text as a YAML scalar: in quotes where it could be taken for
// anything but itself. The escapes of Go are also those of YAML.
func Scalar(s string) string {
	if plain.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

type writer struct{ bytes.Buffer }

func (w *writer) line(level int, text string) {
	fmt.Fprintf(w, "%s%s\n", strings.Repeat("  ", level), text)
}

func (w *writer) text(level int, field, value string) { w.line(level, field+": "+Scalar(value)) }

// comment writes lines that others may have written a part of: no character of
// them ends the line.
func (w *writer) comment(level int, lines []string) {
	for _, l := range lines {
		quoted := strconv.Quote(l)
		w.line(level, strings.TrimRight("# "+strings.ReplaceAll(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`), `\\`, `\`), " "))
	}
}

func (w *writer) flag(field string, value bool) {
	if value {
		w.line(2, field+": true")
	}
}

func (w *writer) content(p Pool) {
	w.line(2, "content:")
	w.references(3, "item_references", p.Content.Items, p.Items)
	w.references(3, "activity_references", p.Content.Activities, p.Activities)
	w.selectors("tags", p.Content.Tags)
	w.selectors("item_tags", p.Content.ItemTags)
	w.selectors("activity_tags", p.Content.ActivityTags)
}

func (w *writer) references(level int, field string, refs, comment []string) {
	if len(refs) == 0 {
		return
	}
	w.line(level, field+":")
	w.comment(level+1, comment)
	for _, r := range refs {
		w.line(level+1, "- "+Scalar(r))
	}
}

func (w *writer) selectors(field string, list []pool.Selector) {
	if len(list) == 0 {
		return
	}
	w.line(3, field+":")
	for _, s := range list {
		if len(s.Required) == 0 {
			w.line(4, "- "+Selector(s))
			continue
		}
		w.line(4, "- required_tags: "+tags(s.Required))
		if len(s.Additional) > 0 {
			w.line(4, "  additional_tags: "+tags(s.Additional))
		}
	}
}

func (w *writer) correction(level int, c pool.Correction) {
	w.line(level, "- id: "+Scalar(c.ID))
	w.references(level+1, "item_references", c.Items, nil)
	w.references(level+1, "activity_references", c.Activities, nil)
	if c.Note != "" {
		w.text(level+1, "note", c.Note)
	}
}
