package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// header is what a manifest says beside its pools.
type header struct {
	bank     pool.Bank
	bankAt   source.Place
	defaults *value
}

// reader turns the values of a file, or of a piece of one, into pools.
type reader struct {
	text   *text
	schema *schema
	head   header
	pools  []pool.Declared
	found  source.Diagnostics
	seen   int // entries of the list of pools, faulty ones included
}

func (r *reader) add(f finding) { r.found = append(r.found, r.text.finding(f)) }

func (r *reader) warn(v *value, rule, hint, format string, args ...any) {
	f := v.fault(rule, hint, format, args...)
	f.severity = source.Warning
	r.add(f)
}

// pool takes one entry of the list of pools. One with errors is still kept, as
// far as it goes: it may clash with another.
func (r *reader) pool(v *value) {
	r.seen++
	for _, b := range r.schema.validate(r.schema.pool, v, v.json()) {
		for _, f := range r.schema.word(b) {
			r.add(f)
		}
	}
	if v.kind != kindObject {
		return
	}
	d := pool.Declared{
		Key:  pool.Key{Bank: r.head.bank, Reference: pool.Reference(v.str("reference"))},
		File: r.text.name,
	}
	d.At.Pool, d.At.Reference = v.at, place(v.get("reference"))
	r.odd(v.get("reference"))
	r.fields(v, &d)
	r.content(v.get("content"), &d)
	r.lifecycle(v.get("lifecycle"), &d)
	r.corrections(v, &d)
	r.ignoreEmpty(v, &d)
	r.pools = append(r.pools, d)
}

// odd warns of a pool's reference that was hardly meant as it stands: a pool is
// created for good.
func (r *reader) odd(v *value) {
	if v == nil || v.kind != kindText || v.faulty {
		return
	}
	switch {
	case strings.Contains(v.text, "${") || strings.Contains(v.text, "{{"):
		r.warn(v, ruleOddReference, "write the reference itself: variables are not replaced", "the reference %s looks like a template", quote(v.text))
	case strings.TrimSpace(v.text) != v.text:
		r.warn(v, ruleOddReference, "remove them, unless the pool is called so", "the reference %s has outer spaces", quote(v.text))
	}
}

// str gives a member's text, or "".
func (v *value) str(key string) string {
	if m := v.get(key); m != nil && m.kind == kindText {
		return m.text
	}
	return ""
}

func place(v *value) source.Place {
	if v == nil {
		return source.Place{}
	}
	return v.at
}

// pick gives a field from the pool, or else from the defaults.
func (r *reader) pick(v *value, key string) *value {
	if m := v.get(key); m != nil {
		return m
	}
	if r.head.defaults != nil {
		return r.head.defaults.get(key)
	}
	return nil
}

func (r *reader) fields(v *value, d *pool.Declared) {
	text := func(m *value) string {
		if m == nil || m.kind != kindText {
			return ""
		}
		return m.text
	}
	flag := func(m *value) bool { return m != nil && m.kind == kindBool && m.text == "true" }
	name, description, status := v.get("name"), r.pick(v, "description"), r.pick(v, "status")
	ignore, publish := r.pick(v, "ignore_empty_additional_tags"), r.pick(v, "set_unpublished_to_published")
	d.Fields = pool.Fields{
		Name: text(name), Description: text(description),
		Status:      cmp.Or(pool.Status(text(status)), pool.Published),
		IgnoreEmpty: flag(ignore), UnpublishedPublished: flag(publish),
	}
	d.At.Name, d.At.Description, d.At.Status = place(name), place(description), place(status)
	d.At.IgnoreEmpty, d.At.UnpublishedPublished = place(ignore), place(publish)
	d.Snapshot, d.At.Snapshot = v.str("snapshot"), place(v.get("snapshot"))
	r.snapshot(v.get("snapshot"))
	r.long(name, "name")
	r.long(v.get("description"), "description")
}

// snapshot refuses a label that an alias or a merge key brings. It is the consent
// to rebuild one pool: whoever changes the label at the anchor would rebuild
// pools whose own lines stay as they are, and are not reviewed.
func (r *reader) snapshot(v *value) {
	if v == nil || v.kind != kindText || !v.origin.Known() {
		return
	}
	f := v.fault(ruleSnapshotAnchor, "write snapshot in the pool itself",
		"the snapshot label %s comes from the anchor at %s; a label consents to a rebuild of the one pool that it is written on",
		quote(v.text), v.origin.In(r.text.name))
	f.origin, f.related = source.Place{}, v.origin
	r.add(f)
}

// maxText is the length that every field of the item bank is known to take; for
// pools no limit is documented.
const maxText = 255

func (r *reader) long(v *value, what string) {
	if v == nil || len(v.text) <= maxText {
		return
	}
	if n := utf8.RuneCountInString(v.text); n > maxText {
		r.warn(v, ruleLongText, "", "%s has %d characters; more than %d may be cut or refused", what, n, maxText)
	}
}

func (r *reader) lifecycle(v *value, d *pool.Declared) {
	d.Lifecycle.Replace = pool.ReplaceGuarded
	if v == nil || v.kind != kindObject {
		return
	}
	if replace := v.get("replace"); replace != nil {
		d.Lifecycle.Replace, d.At.Replace = pool.Replace(replace.text), replace.at
	}
	ignore := v.get("ignore")
	if ignore == nil || ignore.kind != kindList {
		return
	}
	names, _ := r.references(ignore)
	d.Lifecycle.IgnoreName = slices.Contains(names, "name")
	d.Lifecycle.IgnoreDescription = slices.Contains(names, "description")
	d.Lifecycle.IgnoreStatus = slices.Contains(names, "status")
}

func (r *reader) corrections(v *value, d *pool.Declared) {
	list := v.get("corrections")
	if list == nil || list.kind != kindList {
		return
	}
	first := make(map[string]*value)
	for i := range list.items {
		item := &list.items[i]
		if item.kind != kindObject {
			continue
		}
		c := pool.Correction{ID: item.str("id"), Note: item.str("note"), At: item.at}
		c.Items, _ = r.references(item.get("item_references"))
		c.Activities, _ = r.references(item.get("activity_references"))
		r.correction(item, c, d)
		if id := item.get("id"); id != nil && first[c.ID] != nil {
			f := id.fault(ruleCorrectionTwice, "give the second one a new id", "the correction id %s is used twice; first in line %d, column %d",
				quote(c.ID), first[c.ID].at.Line, first[c.ID].at.Column)
			f.related = first[c.ID].at
			r.add(f)
		} else if id != nil {
			first[c.ID] = id
		}
		d.Corrections = append(d.Corrections, c)
	}
}

// correction checks that the content can hold what the correction names. Tags
// can bring in anything; activities bring in items.
func (r *reader) correction(v *value, c pool.Correction, d *pool.Declared) {
	items, activities := v.get("item_references"), v.get("activity_references")
	if (items == nil || items.kind == kindList && len(items.items) == 0) &&
		(activities == nil || activities.kind == kindList && len(activities.items) == 0) {
		r.add(v.fault(ruleEmptyCorrection, "name the items or activities to copy again", "the correction %s names nothing", quote(c.ID)))
	}
	if d.At.Content == (source.Place{}) || len(d.Content.Tags) > 0 {
		return
	}
	if len(d.Content.ItemTags)+len(d.Content.ActivityTags)+len(d.Content.Activities) == 0 {
		r.unknown(items, d.Content.Items, "item")
	}
	if len(d.Content.ActivityTags) == 0 {
		r.unknown(activities, d.Content.Activities, "activity")
	}
}

func (r *reader) unknown(list *value, held []string, what string) {
	if list == nil {
		return
	}
	for i := range list.items {
		item := &list.items[i]
		if _, ok := slices.BinarySearch(held, item.text); ok || item.kind != kindText || item.text == "" {
			continue
		}
		hint := fmt.Sprintf("a correction copies what the pool holds already; to add the %s, list it in content", what)
		if near := nearest(item.text, held[:min(len(held), maxReferences)]); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		r.add(item.fault(ruleCorrectionUnknown, hint, "the content cannot hold the %s %s", what, quote(item.text)))
	}
}

// ignoreEmpty warns of a pool that can never take another entry with
// additional_tags: update does not know ignore_empty_additional_tags, so adding
// one is a replace, and lifecycle denies it.
func (r *reader) ignoreEmpty(v *value, d *pool.Declared) {
	if !d.IgnoreEmpty || !d.Content.HasAdditional() || d.Lifecycle.Replace != pool.ReplaceDeny {
		return
	}
	r.warn(r.pick(v, "ignore_empty_additional_tags"), ruleIgnoreEmpty, "write replace: guarded, or leave the flag out",
		"an update does not know ignore_empty_additional_tags, so entries with additional_tags cannot be added later: lifecycle.replace is deny")
}

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
		s.Required = r.tags(item.get("required_tags"))
		s.Additional = r.tags(item.get("additional_tags"))
		if s.Type != "" || len(s.Required) > 0 { // else faulty, and reported as such
			list = append(list, placed[pool.Selector]{s, item})
		}
	}
	return normal(r, list, pool.Selector.Compare, func(pool.Selector) string { return "this tag entry" })
}

func (r *reader) tags(v *value) []pool.Tag {
	if v == nil || v.kind != kindList {
		return nil
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
	tags, _ := normal(r, list, pool.Tag.Compare, func(pool.Tag) string { return "this tag" })
	return tags
}

// placed is an entry of a list together with the value that it was made from.
type placed[T any] struct {
	entry T
	value *value
}

// normal sorts a list and drops repeated entries, with a warning for each; the
// first of them keeps its place. What is wrong with an entry may be all that
// makes it look like another, so a faulty one draws no warning.
func normal[T any](r *reader, list []placed[T], compare func(a, b T) int, name func(T) string) ([]T, []source.Place) {
	if len(list) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(list, func(a, b placed[T]) int { return compare(a.entry, b.entry) })
	entries, places := make([]T, 0, len(list)), make([]source.Place, 0, len(list))
	var first *value
	for _, p := range list {
		if n := len(entries); n > 0 && compare(entries[n-1], p.entry) == 0 {
			if first.faulty || p.value.faulty {
				continue
			}
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
