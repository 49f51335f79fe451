package pool

import (
	"cmp"
	"slices"
)

// Tag is a TagsV2 object: an empty Name means any tag of that type.
type Tag struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
}

// Compare orders tags by type and name.
func (t Tag) Compare(u Tag) int {
	return cmp.Or(cmp.Compare(t.Type, u.Type), cmp.Compare(t.Name, u.Name))
}

// Selector is an entry of a tag list: either simple (Type, perhaps Name) or
// advanced (Required, perhaps Additional), never both. The entries of a list are
// alternatives.
type Selector struct {
	Type       string `json:"type,omitempty"`
	Name       string `json:"name,omitempty"`
	Required   []Tag  `json:"required_tags,omitempty"`
	Additional []Tag  `json:"additional_tags,omitempty"`
}

// Compare orders selectors; zero means that they are equal. Both have to be in
// normal form.
func (s Selector) Compare(t Selector) int {
	return cmp.Or(cmp.Compare(s.Type, t.Type), cmp.Compare(s.Name, t.Name),
		slices.CompareFunc(s.Required, t.Required, Tag.Compare),
		slices.CompareFunc(s.Additional, t.Additional, Tag.Compare))
}

// Content is what an item pool is made from. The member names in JSON are those
// of the pools endpoint, so that a Content is its own wire form.
type Content struct {
	Items        []string   `json:"item_references,omitempty"`
	Activities   []string   `json:"activity_references,omitempty"`
	Tags         []Selector `json:"tags,omitempty"`
	ItemTags     []Selector `json:"item_tags,omitempty"`
	ActivityTags []Selector `json:"activity_tags,omitempty"`
}

// Len counts the entries of all lists.
func (c Content) Len() int {
	return len(c.Items) + len(c.Activities) + len(c.Tags) + len(c.ItemTags) + len(c.ActivityTags)
}

// Normal gives the content in normal form: every list sorted and without
// duplicates, the tag lists inside advanced selectors too. Two contents mean
// the same exactly if their normal forms are equal. The receiver is not changed.
func (c Content) Normal() Content {
	return Content{
		Items:        sortedSet(c.Items, cmp.Compare[string]),
		Activities:   sortedSet(c.Activities, cmp.Compare[string]),
		Tags:         selectorSet(c.Tags),
		ItemTags:     selectorSet(c.ItemTags),
		ActivityTags: selectorSet(c.ActivityTags),
	}
}

// Normal gives the selector with its tag lists sorted and without duplicates.
func (s Selector) Normal() Selector {
	s.Required = sortedSet(s.Required, Tag.Compare)
	s.Additional = sortedSet(s.Additional, Tag.Compare)
	return s
}

func selectorSet(in []Selector) []Selector {
	out := make([]Selector, len(in))
	for i, s := range in {
		out[i] = s.Normal()
	}
	return sortedSet(out, Selector.Compare)
}

func sortedSet[T any](in []T, compare func(a, b T) int) []T {
	if len(in) == 0 {
		return nil
	}
	out := slices.Clone(in)
	slices.SortFunc(out, compare)
	return slices.CompactFunc(out, func(a, b T) bool { return compare(a, b) == 0 })
}

// Equal compares two contents in normal form.
func (c Content) Equal(d Content) bool {
	same := func(a, b []Selector) bool {
		return slices.EqualFunc(a, b, func(s, t Selector) bool { return s.Compare(t) == 0 })
	}
	return slices.Equal(c.Items, d.Items) && slices.Equal(c.Activities, d.Activities) &&
		same(c.Tags, d.Tags) && same(c.ItemTags, d.ItemTags) && same(c.ActivityTags, d.ActivityTags)
}

// Minus gives the entries of c that d does not hold. Both have to be in normal
// form; so is the result.
func (c Content) Minus(d Content) Content {
	return Content{
		Items:        minus(c.Items, d.Items, cmp.Compare[string]),
		Activities:   minus(c.Activities, d.Activities, cmp.Compare[string]),
		Tags:         minus(c.Tags, d.Tags, Selector.Compare),
		ItemTags:     minus(c.ItemTags, d.ItemTags, Selector.Compare),
		ActivityTags: minus(c.ActivityTags, d.ActivityTags, Selector.Compare),
	}
}

// minus walks two sorted lists side by side.
func minus[T any](a, b []T, compare func(x, y T) int) []T {
	var out []T
	for _, x := range a {
		for len(b) > 0 && compare(b[0], x) < 0 {
			b = b[1:]
		}
		if len(b) == 0 || compare(b[0], x) != 0 {
			out = append(out, x)
		}
	}
	return out
}

// Union gives the entries of both contents in normal form.
func (c Content) Union(d Content) Content {
	return Content{
		Items:        slices.Concat(c.Items, d.Items),
		Activities:   slices.Concat(c.Activities, d.Activities),
		Tags:         slices.Concat(c.Tags, d.Tags),
		ItemTags:     slices.Concat(c.ItemTags, d.ItemTags),
		ActivityTags: slices.Concat(c.ActivityTags, d.ActivityTags),
	}.Normal()
}

// HasAdditional reports whether any advanced selector has additional_tags: the
// only entries that ignore_empty_additional_tags speaks of.
func (c Content) HasAdditional() bool {
	for _, list := range [][]Selector{c.Tags, c.ItemTags, c.ActivityTags} {
		if slices.ContainsFunc(list, func(s Selector) bool { return len(s.Additional) > 0 }) {
			return true
		}
	}
	return false
}
