package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
)

// maxListed is how many entries of a list are shown unless everything is.
const maxListed = 6

// deltaLine is what one list of a pool's content gains or loses.
type deltaLine struct {
	path, sign string
	entries    []string
}

// deltaLines lists what content gains and loses, kind by kind.
func deltaLines(d diff.Delta) []deltaLine {
	var out []deltaLine
	for _, k := range []struct {
		path           string
		added, removed []string
	}{
		{"content.item_references", d.Added.Items, d.Removed.Items},
		{"content.activity_references", d.Added.Activities, d.Removed.Activities},
		{"content.tags", selectors(d.Added.Tags), selectors(d.Removed.Tags)},
		{"content.item_tags", selectors(d.Added.ItemTags), selectors(d.Removed.ItemTags)},
		{"content.activity_tags", selectors(d.Added.ActivityTags), selectors(d.Removed.ActivityTags)},
	} {
		if len(k.added) > 0 {
			out = append(out, deltaLine{k.path, "+", k.added})
		}
		if len(k.removed) > 0 {
			out = append(out, deltaLine{k.path, "-", k.removed})
		}
	}
	return out
}

// shown tells how many entries of a list are shown. It never cuts a single one.
func shown(n int, full bool) int {
	if !full && n > maxListed+1 {
		return maxListed
	}
	return n
}

// counts tells how many entries of each kind content has.
func counts(c pool.Content) string {
	var parts []string
	for _, n := range []struct {
		n          int
		one, other string
	}{
		{len(c.Items), "item", "items"},
		{len(c.Activities), "activity", "activities"},
		{len(c.Tags), "tag", "tags"},
		{len(c.ItemTags), "item tag", "item tags"},
		{len(c.ActivityTags), "activity tag", "activity tags"},
	} {
		switch n.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+n.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n.n, n.other))
		}
	}
	return strings.Join(parts, ", ")
}

// selectors writes tag selectors as people read them.
func selectors(list []pool.Selector) []string {
	out := make([]string, len(list))
	for i, s := range list {
		if s.Type != "" {
			out[i] = tag(pool.Tag{Type: s.Type, Name: s.Name})
			continue
		}
		out[i] = "(" + tags(s.Required, " and ")
		if len(s.Additional) > 0 {
			out[i] += ", any of " + tags(s.Additional, " or ")
		}
		out[i] += ")"
	}
	return out
}

func tags(list []pool.Tag, sep string) string {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = tag(t)
	}
	return strings.Join(parts, sep)
}

func tag(t pool.Tag) string {
	if t.Name == "" {
		return t.Type + ":*"
	}
	return t.Type + ":" + t.Name
}

// obvious reports fields that need no line: what is set for the first time to
// what everyone expects.
func obvious(f diff.Field) bool {
	return f.Before == nil && f.Path == "status" && f.After == string(pool.Published)
}

// maxValue is how many characters of a value are shown unless everything is.
const maxValue = 72

// fieldValues writes a field's two values; text is quoted, and long text is cut
// around the first difference. before is empty where there was nothing.
func fieldValues(f diff.Field, limit int) (before, after string) {
	b, isText := f.Before.(string)
	a, alsoText := f.After.(string)
	if isText && alsoText {
		from := differ(b, a)
		b, a = message.Apart(b, a)
		return quoted(b, from, limit), quoted(a, from, limit)
	}
	if f.Before != nil {
		before = value(f.Before, limit)
	}
	return before, value(f.After, limit)
}

func value(v any, limit int) string {
	switch v := v.(type) {
	case string:
		return quoted(v, 0, limit)
	case []string:
		return joined(v, limit == 0)
	default:
		return fmt.Sprint(v)
	}
}

// differ finds the first character that differs.
func differ(a, b string) int {
	x, y := []rune(a), []rune(b)
	i := 0
	for i < len(x) && i < len(y) && x[i] == y[i] {
		i++
	}
	return i
}

// quoted returns text between double quotes, no more than limit characters of it
// around a place that has to be seen. A limit of 0 is none.
func quoted(s string, place, limit int) string {
	r := []rune(s)
	if limit == 0 || len(r) <= limit {
		return `"` + s + `"`
	}
	from := max(0, min(place-limit/3, len(r)-limit))
	to := min(from+limit, len(r))
	out := `"` + string(r[from:to]) + `"`
	if from > 0 {
		out = "..." + out
	}
	if rest := len(r) - to; rest > 0 {
		out += fmt.Sprintf("... (%d more characters)", rest)
	}
	return out
}

// joined joins entries and cuts a long list.
func joined(entries []string, full bool) string {
	n := shown(len(entries), full)
	parts := slices.Clone(entries[:n])
	if rest := len(entries) - n; rest > 0 {
		parts = append(parts, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(parts, ", ")
}
