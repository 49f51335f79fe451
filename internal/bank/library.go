package bank

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// LibraryReader is what a Library needs of the Data API.
type LibraryReader interface {
	MemberReader
	ItemsPage(ctx context.Context, q learnosity.ItemsQuery, from string) ([]learnosity.Item, string, error)
	Tags(ctx context.Context, q learnosity.TagsQuery) ([]pool.Tag, error)
}

// Library is what was read of one bank in a run: whatever is asked for again, by
// however many pools, is read once.
type Library struct {
	r          LibraryReader
	bank       pool.Bank
	mu         sync.Mutex
	items      map[string]learnosity.Item
	activities map[string]learnosity.Activity
	asked      map[string]bool // "item REF", "activity REF"
	selections map[string]*Selection
	tags       map[string][]string // names by type, of the types that were asked for
	listed     map[string]bool     // those types; "" for all
	near       []string            // references of the bank, for suggestions
	nearRead   bool
}

// Selection is what tags select in the bank: what carries them letter by letter,
// published or not as it was asked for, and how much the server counts that carries
// them in other letters only.
type Selection struct {
	Items      []learnosity.Item
	Activities []learnosity.Activity
	Near       int
}

// NewLibrary makes an empty library of one bank.
func NewLibrary(r LibraryReader, b pool.Bank) *Library {
	return &Library{
		r: r, bank: b, items: map[string]learnosity.Item{}, activities: map[string]learnosity.Activity{}, asked: map[string]bool{},
		selections: map[string]*Selection{}, tags: map[string][]string{}, listed: map[string]bool{},
	}
}

// Wanted is content to be looked up, as a pool asks for it.
type Wanted struct {
	Content     pool.Content
	IgnoreEmpty bool
	Unpublished bool // set_unpublished_to_published
}

// query is one selection: of which kind, by which tags.
type query struct {
	items       bool // or activities
	all, any    []pool.Tag
	unpublished bool
}

func (q query) key() string {
	key := "activities"
	if q.items {
		key = "items"
	}
	for _, list := range [][]pool.Tag{q.all, q.any} {
		key += "\x02"
		for _, t := range list {
			key += "\x00" + t.Type + "\x01" + t.Name
		}
	}
	if q.unpublished {
		key += "\x03"
	}
	return key
}

// queries are the selections of one entry of a list.
func queries(kind kind, s pool.Selector, unpublished bool) []query {
	q := query{items: true, all: s.Required, any: s.Additional, unpublished: unpublished}
	if len(q.all) == 0 {
		q.all = []pool.Tag{{Type: s.Type, Name: s.Name}}
	}
	other := q
	other.items = false
	switch kind {
	case itemTags:
		return []query{q}
	case activityTags:
		return []query{other}
	default:
		return []query{q, other}
	}
}

// kind is a list of tag entries of a pool's content.
type kind int

const (
	anyTags kind = iota
	itemTags
	activityTags
)

// lists are the tag lists of content.
func lists(c pool.Content) [3][]pool.Selector {
	return [3][]pool.Selector{anyTags: c.Tags, itemTags: c.ItemTags, activityTags: c.ActivityTags}
}

// Read reads all that the wanted contents name: references in batches, selections
// side by side, and then the items of all activities.
func (l *Library) Read(ctx context.Context, wanted []Wanted) error {
	var items, activities []string
	var all []query
	for _, w := range wanted {
		items, activities = append(items, w.Content.Items...), append(activities, w.Content.Activities...)
		for k, list := range lists(w.Content) {
			for _, s := range list {
				all = append(all, queries(kind(k), s, w.Unpublished)...)
			}
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxLooks)
	g.Go(func() error { return l.readItems(gctx, items) })
	g.Go(func() error { return l.readActivities(gctx, activities) })
	l.selectAll(gctx, g, all)
	if err := g.Wait(); err != nil {
		return err
	}
	if err := l.readRequired(ctx, wanted); err != nil {
		return err
	}
	return l.readItems(ctx, l.itemsOfActivities())
}

// readRequired reads the entries again whose additional_tags match nothing, without
// these: what ignore_empty_additional_tags takes, and what a finding tells of.
func (l *Library) readRequired(ctx context.Context, wanted []Wanted) error {
	var again []query
	for _, w := range wanted {
		for k, list := range lists(w.Content) {
			for _, s := range list {
				if len(s.Additional) > 0 && l.selected(kind(k), s, w.Unpublished).empty() {
					s.Additional = nil
					again = append(again, queries(kind(k), s, w.Unpublished)...)
				}
			}
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxLooks)
	l.selectAll(gctx, g, again)
	return g.Wait()
}

func (s Selection) empty() bool { return len(s.Items)+len(s.Activities) == 0 }

// selected is what an entry selects, of what was read.
func (l *Library) selected(kind kind, s pool.Selector, unpublished bool) Selection {
	var out Selection
	for _, q := range queries(kind, s, unpublished) {
		if found := l.selections[q.key()]; found != nil {
			out.Items, out.Activities, out.Near = append(out.Items, found.Items...), append(out.Activities, found.Activities...), out.Near+found.Near
		}
	}
	return out
}

func (l *Library) selectAll(ctx context.Context, g *errgroup.Group, all []query) {
	for _, q := range all {
		key := q.key()
		l.mu.Lock()
		known := l.selections[key] != nil
		if !known {
			l.selections[key] = &Selection{}
		}
		l.mu.Unlock()
		if !known {
			g.Go(func() error { return l.read(ctx, q) })
		}
	}
}

// read reads one selection. Archived content is never asked for: no pool takes it.
func (l *Library) read(ctx context.Context, q query) error {
	ask := learnosity.ItemsQuery{Bank: l.bank, AllTags: q.all, AnyTags: q.any, Status: []pool.Status{pool.Published}}
	if q.unpublished {
		ask.Status = append(ask.Status, pool.Unpublished)
	}
	exactly := func(tags []pool.Tag) bool {
		return len(tags) == 0 || Carries(tags, q.all) && (len(q.any) == 0 || slices.ContainsFunc(q.any, func(t pool.Tag) bool { return carries(tags, t) }))
	}
	var out Selection
	if q.items {
		found, err := l.r.Items(ctx, ask)
		if err != nil {
			return err
		}
		for _, it := range found {
			if exactly(it.Tags) {
				out.Items = append(out.Items, it)
			} else {
				out.Near++
			}
		}
	} else {
		found, err := l.r.Activities(ctx, learnosity.ActivitiesQuery(ask))
		if err != nil {
			return err
		}
		for _, a := range found {
			if exactly(a.Tags) {
				out.Activities = append(out.Activities, a)
			} else {
				out.Near++
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.selections[q.key()] = out
	for _, it := range out.Items {
		l.items[it.Reference], l.asked["item "+it.Reference] = it, true
	}
	for _, a := range out.Activities {
		l.activities[a.Reference], l.asked["activity "+a.Reference] = a, true
	}
	return nil
}

// unasked returns the references that were not asked for yet, and notes them.
func (l *Library) unasked(what string, refs []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, ref := range refs {
		if !l.asked[what+ref] {
			l.asked[what+ref] = true
			out = append(out, ref)
		}
	}
	slices.Sort(out)
	return out
}

func (l *Library) readItems(ctx context.Context, refs []string) error {
	if refs = l.unasked("item ", refs); len(refs) == 0 {
		return nil
	}
	found, err := l.r.Items(ctx, learnosity.ItemsQuery{Bank: l.bank, References: refs})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range found {
		l.items[it.Reference] = it
	}
	return err
}

func (l *Library) readActivities(ctx context.Context, refs []string) error {
	if refs = l.unasked("activity ", refs); len(refs) == 0 {
		return nil
	}
	found, err := l.r.Activities(ctx, learnosity.ActivitiesQuery{Bank: l.bank, References: refs})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range found {
		l.activities[a.Reference] = a
	}
	return err
}

func (l *Library) itemsOfActivities() []string {
	var refs []string
	for _, a := range l.activities {
		refs = append(refs, a.Items...)
	}
	return refs
}

// tagNames returns the names that the bank has of tags of a type, and whether it
// has the type at all.
func (l *Library) tagNames(ctx context.Context, types []string) error {
	types = slices.DeleteFunc(slices.Clone(types), func(t string) bool { return l.listed[t] || l.listed[""] })
	if len(types) == 0 {
		return nil
	}
	return l.listTags(ctx, types)
}

func (l *Library) listTags(ctx context.Context, types []string) error {
	found, err := l.r.Tags(ctx, learnosity.TagsQuery{Bank: l.bank, Types: types})
	if err != nil {
		return err
	}
	if len(types) == 0 {
		types = []string{""}
	}
	for _, t := range types {
		l.listed[t] = true
	}
	for _, t := range found {
		if !slices.Contains(l.tags[t.Type], t.Name) {
			l.tags[t.Type] = append(l.tags[t.Type], t.Name)
		}
	}
	return nil
}

// maxNearPages bounds the reading of references of the bank that a missing one may
// have been meant to be.
const maxNearPages = 100

// references returns references of items of the bank, for suggestions: the first
// few thousand, read once, and only where one is missing. That they cannot be read
// is no reason to leave out what is known.
func (l *Library) references(ctx context.Context) []string {
	if l.nearRead {
		return l.near
	}
	l.nearRead = true
	from := ""
	for range maxNearPages {
		page, next, err := l.r.ItemsPage(ctx, learnosity.ItemsQuery{Bank: l.bank}, from)
		for _, it := range page {
			l.near = append(l.near, it.Reference)
		}
		if err != nil || next == "" || next == from {
			break
		}
		from = next
	}
	return l.near
}
