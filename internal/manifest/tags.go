package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var (
	simpleFields   = []string{"name", "type"}
	advancedFields = []string{"additional_tags", "required_tags"}
)

// meantAdvanced reports whether what the schema took for a simple tag entry has
// a field that was evidently meant for an advanced one.
func meantAdvanced(b breach) bool {
	return b.definition == "tag" && b.entry && !slices.Contains(advancedFields, b.key) &&
		slices.ContainsFunc(b.value.members, func(m member) bool { return nearest(m.key, advancedFields) != "" })
}

// shorthand reads {course: commoncore} as the tags that it was meant for, as
// examples of how to write them. It gives none where a field is one of a tag
// entry, be it misspelt.
func shorthand(v *value) []string {
	const most = 3
	var tags []string
	for i := range v.members {
		m := &v.members[i]
		if nearest(m.key, simpleFields) != "" || nearest(m.key, advancedFields) != "" || isCredential(m.key) {
			return nil
		}
		names := []value{m.value}
		if len(m.value.items) > 0 {
			names = m.value.items
		}
		for _, name := range names {
			if len(tags) == most {
				return append(tags, "...")
			}
			tags = append(tags, exampleTag(m.key, name.text, name.plain))
		}
	}
	return tags
}

// exampleTag writes a tag. A text is quoted where it was, and where YAML might
// take it for something else.
func exampleTag(kind, name string, plain bool) string {
	if name = strings.TrimSpace(name); name == "" {
		return fmt.Sprintf("{type: %s}", example(kind, true))
	}
	return fmt.Sprintf("{type: %s, name: %s}", example(kind, true), example(name, plain))
}

func example(s string, plain bool) string {
	s = shorten(s)
	letter := s != "" && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
	if s == "..." || plain && letter && !strings.ContainsAny(s, ":,[]{}#'\"") {
		return s
	}
	return strconv.Quote(s)
}

// tagHint says how to write the tag that an entry of the wrong type was meant
// for.
func tagHint(v *value) string {
	kind, name, _ := strings.Cut(v.text, ":")
	if kind = strings.TrimSpace(kind); v.kind == kindText && kind != "" {
		return "write " + exampleTag(kind, name, true)
	}
	return "write {type: course, name: commoncore}, or {required_tags: [...], additional_tags: [...]}"
}

// shorthandHint says how to write the tags of a mapping that has none of a tag's
// fields. Which of several have to come together only its writer knows.
func shorthandHint(b breach) string {
	tags := shorthand(b.value)
	all := strings.Join(tags, ", ")
	switch {
	case len(tags) == 0:
		return ""
	case b.keyword == "type":
		return fmt.Sprintf("write [%s]", all)
	case len(tags) == 1:
		return "write " + all
	case slices.Contains(advancedFields, b.key):
		return "write " + all + ", each as an entry of its own"
	}
	return fmt.Sprintf("write %s: as entries of their own for what has any of them, in required_tags for what has all", all)
}
