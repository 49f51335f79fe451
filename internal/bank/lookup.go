package bank

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/suggest"
)

// The rules of a look-up, as findings name them.
const (
	RuleUnknownReference = "bank-unknown-reference"
	RuleNotPublished     = "bank-not-published"
	RuleForeignItems     = "bank-foreign-items"
	RuleUnknownTag       = "bank-unknown-tag"
	RuleTagSelects       = "bank-tag-selects"
	RuleEmptyPool        = "bank-empty-pool"
)

// Lookup looks the references and tags of declared pools up in their banks. A
// reference that is missing or cannot be put into a pool is an error, since it
// would fail the pool's job; a tag that selects nothing is a warning, since it may
// come to select something.
func Lookup(ctx context.Context, r LibraryReader, declared []pool.Declared) (source.Diagnostics, error) {
	byBank := map[pool.Bank][]*pool.Declared{}
	for i := range declared {
		byBank[declared[i].Bank] = append(byBank[declared[i].Bank], &declared[i])
	}
	var found source.Diagnostics
	for _, b := range slices.Sorted(maps.Keys(byBank)) {
		more, err := NewLibrary(r, b).Check(ctx, byBank[b])
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found.Sort(), nil
}

func wantedFor(d *pool.Declared) Wanted {
	return Wanted{Content: d.Content, IgnoreEmpty: d.IgnoreEmpty, Unpublished: d.UnpublishedPublished}
}

// check is the look-up of one pool.
type check struct {
	*Library
	d      *pool.Declared
	wanted Wanted
	near   []string // references that a missing one may have been meant to be
	found  source.Diagnostics
}

func (c *check) add(severity source.Severity, rule string, at source.Place, message, hint string) {
	c.found = append(c.found, source.Diagnostic{Position: c.d.Position(at), Severity: severity, Rule: rule, Message: message, Hint: hint})
}

// Check compares pools with their bank. What they name is read, unless it was.
func (l *Library) Check(ctx context.Context, declared []*pool.Declared) (source.Diagnostics, error) {
	wanted := make([]Wanted, len(declared))
	for i, d := range declared {
		wanted[i] = wantedFor(d)
	}
	if err := l.Read(ctx, wanted); err != nil {
		return nil, err
	}
	if err := l.readTags(ctx, declared); err != nil {
		return nil, err
	}
	var near []string
	if slices.ContainsFunc(declared, func(d *pool.Declared) bool {
		return slices.ContainsFunc(d.Content.Items, func(ref string) bool { _, ok := l.items[ref]; return !ok })
	}) {
		near = l.references(ctx)
	}
	var found source.Diagnostics
	for _, d := range declared {
		c := check{Library: l, d: d, wanted: wantedFor(d), near: near}
		c.references()
		c.tags()
		if d.Content.Len() > 0 && l.Resolve(c.wanted).Len() == 0 {
			c.add(source.Error, RuleEmptyPool, d.At.Content, "the pool would be empty: nothing that its content names can enter it",
				"its job would halt; what stands in the way is said at each entry")
		}
		found = append(found, c.found...)
	}
	return found, nil
}

// readTags lists the tags of the types of which some tag was not seen on any item or
// activity, and of all types where the bank does not have one of these.
func (l *Library) readTags(ctx context.Context, declared []*pool.Declared) error {
	types := map[string]bool{}
	for _, d := range declared {
		w := wantedFor(d)
		for k, list := range lists(d.Content) {
			for _, s := range list {
				for _, t := range l.unseen(kind(k), s, w) {
					types[t.Type] = true
				}
			}
		}
	}
	if len(types) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(types))
	if err := l.tagNames(ctx, names); err != nil {
		return err
	}
	if slices.ContainsFunc(names, func(t string) bool { return len(l.tags[t]) == 0 }) {
		return l.listTags(ctx, nil)
	}
	return nil
}

// unseen are the tags of an entry that nothing which it selects carries.
func (l *Library) unseen(kind kind, s pool.Selector, w Wanted) []pool.Tag {
	got := l.selected(kind, s, w.Unpublished)
	var out []pool.Tag
	for _, t := range tagsOf(s) {
		seen := slices.ContainsFunc(got.Items, func(it learnosity.Item) bool { return len(it.Tags) == 0 || carries(it.Tags, t) }) ||
			slices.ContainsFunc(got.Activities, func(a learnosity.Activity) bool { return len(a.Tags) == 0 || carries(a.Tags, t) })
		if !seen {
			out = append(out, t)
		}
	}
	return out
}

func tagsOf(s pool.Selector) []pool.Tag {
	if s.Type != "" {
		return []pool.Tag{{Type: s.Type, Name: s.Name}}
	}
	return slices.Concat(s.Required, s.Additional)
}

func (c *check) references() {
	for i, ref := range c.d.Content.Items {
		it, ok := c.items[ref]
		c.status("item", ref, it.Status, ok, at(c.d.At.Items, i))
	}
	for i, ref := range c.d.Content.Activities {
		a, ok := c.activities[ref]
		c.status("activity", ref, a.Status, ok, at(c.d.At.Activities, i))
		if ok && c.wanted.enters(a.Status) {
			c.itemsOf(a, fmt.Sprintf("activity %q", ref), at(c.d.At.Activities, i))
		}
	}
}

func (c *check) status(kind, ref string, status pool.Status, ok bool, at source.Place) {
	switch {
	case !ok:
		hint := "correct the reference; if it is right, check organisation_id"
		if near := nearest(ref, c.near); kind == "item" && near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.add(source.Error, RuleUnknownReference, at, fmt.Sprintf("%s %q does not exist in item bank %s", kind, ref, c.d.Bank), hint)
	case status == learnosity.Archived:
		c.add(source.Error, RuleNotPublished, at, fmt.Sprintf("%s %q is archived and cannot be added to a pool", kind, ref), "")
	case !c.wanted.enters(status):
		c.add(source.Error, RuleNotPublished, at, fmt.Sprintf("%s %q is %s and cannot be added to a pool", kind, ref, status),
			"publish it, or set set_unpublished_to_published: true")
	}
}

// nearest is the reference that was probably meant; one that differs in letter case
// alone comes first.
func nearest(ref string, candidates []string) string {
	for _, c := range candidates {
		if strings.EqualFold(c, ref) {
			return c
		}
	}
	return suggest.Nearest(ref, candidates)
}

// itemsOf checks the items that an activity brings along.
func (c *check) itemsOf(a learnosity.Activity, which string, at source.Place) {
	var foreign bool
	for _, b := range a.Banks {
		if b != c.d.Bank && (c.d.Bank != pool.Primary || len(a.Banks) > 1) {
			foreign = true
			c.add(source.Error, RuleForeignItems, at, fmt.Sprintf("%s has items of item bank %s", which, b), "a pool takes items of one bank only; its job would halt")
		}
	}
	var missing, left []string
	for _, ref := range a.Items {
		switch it, ok := c.items[ref]; {
		case !ok:
			missing = append(missing, ref)
		case !c.wanted.enters(it.Status):
			left = append(left, fmt.Sprintf("%s (%s)", ref, it.Status))
		}
	}
	if len(missing) > 0 && !foreign {
		c.add(source.Error, RuleForeignItems, at, fmt.Sprintf("%s has items that item bank %s does not have: %s", which, c.d.Bank, some(missing)), "a pool takes items of one bank only; its job would halt")
	}
	if len(left) > 0 {
		c.add(source.Warning, RuleNotPublished, at, fmt.Sprintf("%s has items that cannot enter a pool: %s", which, some(left)), "the pool goes without them, or its job halts")
	}
}

// some lists a few references.
func some(refs []string) string {
	const most = 5
	if len(refs) > most+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(refs[:most], ", "), len(refs)-most)
	}
	return strings.Join(refs, ", ")
}

func (c *check) tags() {
	places := [3][]source.Place{anyTags: c.d.At.Tags, itemTags: c.d.At.ItemTags, activityTags: c.d.At.ActivityTags}
	for k, list := range lists(c.d.Content) {
		for i, s := range list {
			c.entry(kind(k), s, at(places[k], i))
		}
	}
}

// entry checks one tag entry: that its tags exist, that they select something, and
// what the activities bring that it selects.
func (c *check) entry(kind kind, s pool.Selector, at source.Place) {
	unknown := false
	for _, t := range c.unseen(kind, s, c.wanted) {
		if !c.exists(t) {
			unknown = true
			c.add(source.Warning, RuleUnknownTag, at, c.noSuchTag(t), c.tagHint(t))
		}
	}
	got := c.selected(kind, s, c.wanted.Unpublished)
	if got.Near > 0 {
		c.add(source.Warning, RuleTagSelects, at, fmt.Sprintf("the bank also selects %d whose tags differ in letter case: whether a job takes them is not known", got.Near), "write the tag as the bank has it")
	}
	without := s
	without.Additional = nil
	switch {
	case !got.empty():
	case len(s.Additional) > 0 && !c.selected(kind, without, c.wanted.Unpublished).empty() && c.wanted.IgnoreEmpty:
		c.add(source.Warning, RuleTagSelects, at, "additional_tags match nothing here: all that required_tags match is taken", "ignore_empty_additional_tags: true says so")
	case len(s.Additional) > 0 && !c.selected(kind, without, c.wanted.Unpublished).empty():
		c.add(source.Warning, RuleTagSelects, at, "additional_tags match nothing beside required_tags: the entry selects nothing", "to take what required_tags match all the same: ignore_empty_additional_tags: true")
	case !unknown:
		c.add(source.Warning, RuleTagSelects, at, "nothing that can enter the pool carries these tags: the entry selects nothing", c.unpublishedHint())
	}
	for _, a := range c.taken(kind, s, c.wanted).Activities {
		c.itemsOf(a, fmt.Sprintf("activity %q, which the tags select,", a.Reference), at)
	}
}

func (c *check) unpublishedHint() string {
	if c.wanted.Unpublished {
		return ""
	}
	return "archived and unpublished content does not count"
}

func (l *Library) exists(t pool.Tag) bool {
	names, ok := l.tags[t.Type]
	return ok && (t.Name == "" || slices.Contains(names, t.Name))
}

func (l *Library) noSuchTag(t pool.Tag) string {
	if len(l.tags[t.Type]) == 0 {
		return fmt.Sprintf("the bank has no tag of type %q: it matches nothing", t.Type)
	}
	return fmt.Sprintf("the bank has no tag %q of type %q: it matches nothing", t.Name, t.Type)
}

func (l *Library) tagHint(t pool.Tag) string {
	if len(l.tags[t.Type]) == 0 {
		if near := nearest(t.Type, slices.Sorted(maps.Keys(l.tags))); near != "" {
			return fmt.Sprintf("did you mean type %q?", near)
		}
		return "types are compared with their letter case"
	}
	if near := nearest(t.Name, l.tags[t.Type]); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "names are compared with their letter case"
}

func at(places []source.Place, i int) source.Place {
	if i < len(places) {
		return places[i]
	}
	return source.Place{}
}
