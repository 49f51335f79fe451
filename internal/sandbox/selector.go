package sandbox

import (
	"slices"
	"strings"
)

// selector is one entry of a tag list. A simple entry is Required with one tag.
// Additional is nil only when it was left out: an empty list matches nothing.
type selector struct {
	Required   []Tag `json:"required"`
	Additional []Tag `json:"additional"`
}

// readSelectors reads tags, item_tags or activity_tags, both modes mixed.
func readSelectors(p *params, member string) []selector {
	var out []selector
	for _, e := range p.objects(member, 0) {
		if !e.has("required_tags") && !e.has("additional_tags") {
			out = append(out, selector{Required: []Tag{readTag(e)}})
			continue
		}
		s := selector{Required: readTags(e, "required_tags"), Additional: readTags(e, "additional_tags")}
		if len(s.Required) == 0 {
			e.fail(codeMissing, "%s is mandatory", e.name("required_tags"))
		}
		e.finish()
		out = append(out, s)
	}
	return out
}

func readTags(p *params, member string) []Tag {
	list := p.objects(member, 0)
	if list == nil {
		return nil
	}
	out := make([]Tag, len(list))
	for i, t := range list {
		out[i] = readTag(t)
	}
	return out
}

// readTag reads one TagsV2 object.
func readTag(p *params) Tag {
	var t Tag
	t.Type, _ = p.str("type")
	t.Name, _ = p.str("name")
	p.finish()
	if t.Type == "" {
		p.fail(codeMissing, "%s is mandatory", p.name("type"))
	}
	if len(t.Type) > 255 || len(t.Name) > 255 {
		p.fail(codeLength, "%s: a tag's type and name have at most 255 characters", p.path)
	}
	return t
}

// carries reports whether the tag, or with an empty name any tag of its type, is
// among those of an object.
func carries(tags map[string][]string, t Tag, fold bool) bool {
	if !fold {
		names, ok := tags[t.Type]
		return ok && (t.Name == "" || slices.Contains(names, t.Name))
	}
	for kind, names := range tags {
		if strings.EqualFold(kind, t.Type) && (t.Name == "" ||
			slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, t.Name) })) {
			return true
		}
	}
	return false
}

func carriesAll(tags map[string][]string, want []Tag, fold bool) bool {
	return !slices.ContainsFunc(want, func(t Tag) bool { return !carries(tags, t, fold) })
}

func carriesAny(tags map[string][]string, want []Tag, fold bool) bool {
	return slices.ContainsFunc(want, func(t Tag) bool { return carries(tags, t, fold) })
}
