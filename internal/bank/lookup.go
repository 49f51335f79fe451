package bank

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/suggest"
)

// TagReader is what a look-up needs beside a Reader.
type TagReader interface {
	Reader
	Tags(ctx context.Context, q learnosity.TagsQuery) ([]pool.Tag, error)
}

// The rules of a look-up, as findings name them.
const (
	RuleUnknownReference = "bank-unknown-reference"
	RuleNotPublished     = "bank-not-published"
	RuleForeignItems     = "bank-foreign-items"
	RuleUnknownTag       = "bank-unknown-tag"
)

// contents is what a bank has of what the manifests name.
type contents struct {
	items      map[string]learnosity.Item
	activities map[string]learnosity.Activity
	tags       map[string][]string // names by type
}

// Lookup looks the references and tags of declared pools up in their banks. A
// reference that is missing or cannot be put into a pool is an error, since it
// would fail the pool's job; a tag that does not exist is a warning, since it
// may come to exist.
func Lookup(ctx context.Context, r TagReader, declared []pool.Declared) (source.Diagnostics, error) {
	byBank := map[pool.Bank][]*pool.Declared{}
	for i := range declared {
		byBank[declared[i].Bank] = append(byBank[declared[i].Bank], &declared[i])
	}
	var found source.Diagnostics
	for _, b := range slices.Sorted(maps.Keys(byBank)) {
		c, err := readContents(ctx, r, b, byBank[b])
		if err != nil {
			return nil, err
		}
		for _, d := range byBank[b] {
			found = append(found, c.check(d)...)
		}
	}
	return found.Sort(), nil
}

func readContents(ctx context.Context, r TagReader, b pool.Bank, declared []*pool.Declared) (contents, error) {
	c := contents{items: map[string]learnosity.Item{}, activities: map[string]learnosity.Activity{}, tags: map[string][]string{}}
	var items, activities []string
	types := map[string]bool{}
	for _, d := range declared {
		items = append(items, d.Content.Items...)
		activities = append(activities, d.Content.Activities...)
		for t := range allTags(d.Content) {
			types[t.Type] = true
		}
	}
	if len(items) > 0 {
		list, err := r.Items(ctx, learnosity.ItemsQuery{Bank: b, References: items})
		if err != nil {
			return c, err
		}
		for _, it := range list {
			c.items[it.Reference] = it
		}
	}
	if len(activities) > 0 {
		list, err := r.Activities(ctx, learnosity.ActivitiesQuery{Bank: b, References: activities})
		if err != nil {
			return c, err
		}
		for _, a := range list {
			c.activities[a.Reference] = a
		}
	}
	if len(types) > 0 {
		list, err := r.Tags(ctx, learnosity.TagsQuery{Bank: b, Types: slices.Sorted(maps.Keys(types))})
		if err != nil {
			return c, err
		}
		for _, t := range list {
			c.tags[t.Type] = append(c.tags[t.Type], t.Name)
		}
	}
	return c, nil
}

// allTags gives every tag that the content's selectors name.
func allTags(c pool.Content) map[pool.Tag]bool {
	tags := map[pool.Tag]bool{}
	for _, s := range slices.Concat(c.Tags, c.ItemTags, c.ActivityTags) {
		for t := range selectorTags(s) {
			tags[t] = true
		}
	}
	return tags
}

func selectorTags(s pool.Selector) map[pool.Tag]bool {
	tags := map[pool.Tag]bool{}
	if s.Type != "" {
		tags[pool.Tag{Type: s.Type, Name: s.Name}] = true
	}
	for _, t := range slices.Concat(s.Required, s.Additional) {
		tags[t] = true
	}
	return tags
}

// check compares one pool with what its bank has.
func (c contents) check(d *pool.Declared) source.Diagnostics {
	var found source.Diagnostics
	add := func(severity source.Severity, rule string, at source.Place, message, hint string) {
		found = append(found, source.Diagnostic{Position: d.Position(at), Severity: severity, Rule: rule, Message: message, Hint: hint})
	}
	for i, ref := range d.Content.Items {
		it, ok := c.items[ref]
		c.checkStatus(add, d, "item", ref, it.Status, ok, at(d.At.Items, i))
	}
	for i, ref := range d.Content.Activities {
		a, ok := c.activities[ref]
		c.checkStatus(add, d, "activity", ref, a.Status, ok, at(d.At.Activities, i))
		for _, b := range a.Banks {
			if b != d.Bank && d.Bank != pool.Primary {
				add(source.Error, RuleForeignItems, at(d.At.Activities, i),
					fmt.Sprintf("activity %q has items of item bank %s", ref, b), "a pool takes items of one bank only; its job would halt")
			}
		}
	}
	for _, list := range []struct {
		selectors []pool.Selector
		places    []source.Place
	}{{d.Content.Tags, d.At.Tags}, {d.Content.ItemTags, d.At.ItemTags}, {d.Content.ActivityTags, d.At.ActivityTags}} {
		for i, s := range list.selectors {
			for t := range selectorTags(s) {
				c.checkTag(add, t, at(list.places, i))
			}
		}
	}
	return found
}

type adder func(severity source.Severity, rule string, at source.Place, message, hint string)

func (c contents) checkStatus(add adder, d *pool.Declared, kind, ref string, status pool.Status, ok bool, at source.Place) {
	switch {
	case !ok:
		add(source.Error, RuleUnknownReference, at, fmt.Sprintf("%s %q does not exist in item bank %s", kind, ref, d.Bank),
			"correct the reference; if it is right, check organisation_id")
	case status == learnosity.Archived:
		add(source.Error, RuleNotPublished, at, fmt.Sprintf("%s %q is archived and cannot be added to a pool", kind, ref), "")
	case status != pool.Published && !d.UnpublishedPublished:
		add(source.Error, RuleNotPublished, at, fmt.Sprintf("%s %q is %s and cannot be added to a pool", kind, ref, status),
			"publish it, or set set_unpublished_to_published: true")
	}
}

func (c contents) checkTag(add adder, t pool.Tag, at source.Place) {
	names, ok := c.tags[t.Type]
	switch {
	case !ok:
		add(source.Warning, RuleUnknownTag, at, fmt.Sprintf("the bank has no tag of type %q: it matches nothing", t.Type), "types are compared with their letter case")
	case t.Name != "" && !slices.Contains(names, t.Name):
		hint := "names are compared with their letter case"
		if near := suggest.Nearest(t.Name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		add(source.Warning, RuleUnknownTag, at, fmt.Sprintf("the bank has no tag %q of type %q: it matches nothing", t.Name, t.Type), hint)
	}
}

func at(places []source.Place, i int) source.Place {
	if i < len(places) {
		return places[i]
	}
	return source.Place{}
}
