package manifest

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// maxReferences is how many explicit references a pool may have before a warning.
const maxReferences = 1000

func (r *reader) content(v *value, d *pool.Declared) {
	if v == nil || v.kind != kindObject {
		return
	}
	d.At.Content = v.at
	d.Content.Items, d.At.Items = r.references(v.get("item_references"))
	d.Content.Activities, d.At.Activities = r.references(v.get("activity_references"))
	d.Content.Tags, d.At.Tags = r.selectors(v.get("tags"))
	d.Content.ItemTags, d.At.ItemTags = r.selectors(v.get("item_tags"))
	d.Content.ActivityTags, d.At.ActivityTags = r.selectors(v.get("activity_tags"))
	if !v.anyEntry() {
		r.add(v.fault(ruleEmptyContent, "name an item, an activity or a tag", "content has no entry; want at least one in all of its lists"))
	}
	if n := len(d.Content.Items) + len(d.Content.Activities); n > maxReferences {
		r.warn(v, ruleManyReferences, "select by tags, or divide the pool", "content has %d references; more than %d in one pool may be refused", n, maxReferences)
	}
}

// anyEntry reports whether any list of the content has an entry, be it a faulty
// one.
func (v *value) anyEntry() bool {
	return slices.ContainsFunc(v.members, func(m member) bool {
		return m.value.kind != kindList || len(m.value.items) > 0
	})
}

// references gives a list of references in normal form, with their places.
func (r *reader) references(v *value) ([]string, []source.Place) {
	if v == nil || v.kind != kindList {
		return nil, nil
	}
	list := make([]placed[string], 0, len(v.items))
	for i := range v.items {
		if item := &v.items[i]; item.kind == kindText {
			list = append(list, placed[string]{item.text, item})
		}
	}
	return normal(r, list, cmp.Compare[string], strconv.Quote)
}

func (r *reader) selectors(v *value) ([]pool.Selector, []source.Place) {
	if v == nil || v.kind != kindList {
		return nil, nil
	}
	list := make([]placed[pool.Selector], 0, len(v.items))
	for i := range v.items {
		item := &v.items[i]
		if item.kind != kindObject {
			continue
		}
		s := pool.Selector{Type: item.str("type"), Name: item.str("name")}
		r.long(item.get("type"), "the tag's type")
		r.long(item.get("name"), "the tag's name")
		s.Required, _ = r.tags(item.get("required_tags"))
		s.Additional, _ = r.tags(item.get("additional_tags"))
		if s.Type != "" || len(s.Required) > 0 { // else faulty, and reported as such
			list = append(list, placed[pool.Selector]{s, item})
		}
	}
	return normal(r, list, pool.Selector.Compare, func(pool.Selector) string { return "this tag entry" })
}

func (r *reader) tags(v *value) ([]pool.Tag, []source.Place) {
	if v == nil || v.kind != kindList {
		return nil, nil
	}
	list := make([]placed[pool.Tag], 0, len(v.items))
	for i := range v.items {
		item := &v.items[i]
		if item.kind == kindObject && item.str("type") != "" {
			r.long(item.get("type"), "the tag's type")
			r.long(item.get("name"), "the tag's name")
			list = append(list, placed[pool.Tag]{pool.Tag{Type: item.str("type"), Name: item.str("name")}, item})
		}
	}
	return normal(r, list, pool.Tag.Compare, func(pool.Tag) string { return "this tag" })
}

// placed is an entry of a list together with the value that it was made from.
type placed[T any] struct {
	entry T
	value *value
}

// normal sorts a list and drops repeated entries, with a warning for each; the
// first of them keeps its place.
func normal[T any](r *reader, list []placed[T], compare func(a, b T) int, name func(T) string) ([]T, []source.Place) {
	if len(list) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(list, func(a, b placed[T]) int { return compare(a.entry, b.entry) })
	entries, places := make([]T, 0, len(list)), make([]source.Place, 0, len(list))
	var first *value
	for _, p := range list {
		if n := len(entries); n > 0 && compare(entries[n-1], p.entry) == 0 {
			f := p.value.fault(ruleDuplicateEntry, "remove one of them", "%s is listed twice; first in line %d, column %d",
				name(p.entry), first.at.Line, first.at.Column)
			f.severity, f.related = source.Warning, first.at
			r.add(f)
			continue
		}
		first = p.value
		entries, places = append(entries, p.entry), append(places, p.value.at)
	}
	return entries, places
}
