package bank

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// PageReader reads the bank page by page.
type PageReader interface {
	ItemsPage(ctx context.Context, q learnosity.ItemsQuery, from string) ([]learnosity.Item, string, error)
	ActivitiesPage(ctx context.Context, q learnosity.ActivitiesQuery, from string) ([]learnosity.Activity, string, error)
}

// Finder finds the tag entry that selects in the bank today exactly what a pool
// holds. Each selection is read once, however many pools ask for it, and no
// further than it goes on to agree with one of them.
type Finder struct {
	r          PageReader
	b          pool.Bank
	mu         sync.Mutex
	selections map[string]*selection
}

// NewFinder makes a finder for one bank.
func NewFinder(r PageReader, b pool.Bank) *Finder {
	return &Finder{r: r, b: b, selections: map[string]*selection{}}
}

// The bounds of a search: tags that are tried for one pool, and selections that
// are kept for the next ones.
const (
	maxShared     = 6
	maxSelections = 200
)

// tagged is an item or an activity.
type tagged struct {
	ref  string
	tags []pool.Tag
	near bool // it does not carry what it was asked for by, letter by letter
}

// Items returns the entry of item_tags that selects all of the pool's own items,
// and nothing that the pool does not hold.
func (f *Finder) Items(ctx context.Context, c Copies) (pool.Selector, bool, error) {
	return f.find(ctx, "items", taggedItems(c.Own()), taggedItems(c.Items))
}

// Activities returns the entry of activity_tags that selects the pool's activities,
// and nothing else.
func (f *Finder) Activities(ctx context.Context, c Copies) (pool.Selector, bool, error) {
	list := taggedActivities(c.Activities)
	return f.find(ctx, "activities", list, list)
}

func taggedItems(items []learnosity.Item) []tagged {
	out := make([]tagged, len(items))
	for i, it := range items {
		out[i] = tagged{ref: it.Reference, tags: it.Tags}
	}
	return out
}

func taggedActivities(activities []learnosity.Activity) []tagged {
	out := make([]tagged, len(activities))
	for i, a := range activities {
		out[i] = tagged{ref: a.Reference, tags: a.Tags}
	}
	return out
}

// find tries every tag that all have, and then two together, unless what was read
// of one of the two shows already that both select more.
func (f *Finder) find(ctx context.Context, kind string, own, held []tagged) (none pool.Selector, found bool, err error) {
	shared := sharedTags(own)
	holds := make(map[string]bool, len(held))
	for _, h := range held {
		holds[h.ref] = true
	}
	var wide []pool.Tag // those that select more: two of them may select less
	for _, t := range shared {
		fit, err := f.fits(ctx, kind, []pool.Tag{t}, own, holds)
		if fit == exact || err != nil {
			return pool.Selector{Type: t.Type, Name: t.Name}, fit == exact, err
		}
		if fit == more {
			wide = append(wide, t)
		}
	}
	if len(own) == 1 {
		return none, false, nil // two tags that only one has in common are nobody's selection
	}
	for i, t := range wide {
		for _, u := range wide[i+1:] {
			both := []pool.Tag{t, u}
			if f.selection(kind, both[:1]).shows(both, holds) || f.selection(kind, both[1:]).shows(both, holds) {
				continue
			}
			if fit, err := f.fits(ctx, kind, both, own, holds); fit == exact || err != nil {
				return pool.Selector{Required: both}, fit == exact, err
			}
		}
	}
	return none, false, nil
}

// sharedTags returns the tags that all have, and the types of which all have some
// tag, if not the same.
func sharedTags(list []tagged) []pool.Tag {
	count := map[pool.Tag]int{}
	for _, x := range list {
		types := map[string]bool{}
		for _, t := range slices.Compact(slices.Clone(x.tags)) {
			count[t]++
			types[t.Type] = true
		}
		for kind := range types {
			count[pool.Tag{Type: kind}]++
		}
	}
	var shared []pool.Tag
	named := map[string]bool{}
	for t, n := range count {
		if n == len(list) && t.Name != "" {
			shared, named[t.Type] = append(shared, t), true
		}
	}
	for t, n := range count {
		if n == len(list) && t.Name == "" && !named[t.Type] {
			shared = append(shared, t)
		}
	}
	slices.SortFunc(shared, pool.Tag.Compare)
	return shared[:min(len(shared), maxShared)]
}

// fit is what tags select, held against a pool.
type fit int

const (
	less  fit = iota // nothing else than the pool holds, and not all of it
	more             // something that the pool does not hold
	exact            // all of own, and nothing that the pool does not hold
)

// fits compares what the tags select with a pool, as far as it has to be read.
func (f *Finder) fits(ctx context.Context, kind string, tags []pool.Tag, own []tagged, holds map[string]bool) (fit, error) {
	s := f.selection(kind, tags)
	wanted := make(map[string]bool, len(own))
	for _, o := range own {
		wanted[o.ref] = true
	}
	for i := 0; ; i++ {
		x, ok, err := s.at(ctx, i)
		switch {
		case err != nil:
			return less, err
		case !ok && len(wanted) > 0:
			return less, nil
		case !ok:
			return exact, nil
		case x.near || !holds[x.ref]:
			return more, nil
		}
		delete(wanted, x.ref)
	}
}

func (f *Finder) selection(kind string, tags []pool.Tag) *selection {
	var key strings.Builder
	key.WriteString(kind)
	for _, t := range tags {
		key.WriteString("\x00" + t.Type + "\x01" + t.Name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.selections[key.String()]; s != nil {
		return s
	}
	if len(f.selections) >= maxSelections {
		f.selections = map[string]*selection{}
	}
	q := learnosity.ItemsQuery{Bank: f.b, AllTags: tags, Status: []pool.Status{pool.Published}}
	s := &selection{tags: tags, asked: map[string]bool{}, page: f.itemsPage(q)}
	if kind == "activities" {
		s.page = f.activitiesPage(learnosity.ActivitiesQuery(q))
	}
	f.selections[key.String()] = s
	return s
}

// pager reads one page, and tells what the next one is asked for by.
type pager func(ctx context.Context, from string) ([]tagged, string, error)

func (f *Finder) itemsPage(q learnosity.ItemsQuery) pager {
	return func(ctx context.Context, from string) ([]tagged, string, error) {
		page, next, err := f.r.ItemsPage(ctx, q, from)
		return taggedItems(page), next, err
	}
}

func (f *Finder) activitiesPage(q learnosity.ActivitiesQuery) pager {
	return func(ctx context.Context, from string) ([]tagged, string, error) {
		page, next, err := f.r.ActivitiesPage(ctx, q, from)
		return taggedActivities(page), next, err
	}
}

// selection is what tags select, as far as it was read.
type selection struct {
	mu    sync.Mutex
	tags  []pool.Tag
	page  pager
	from  string
	asked map[string]bool // what pages were asked for by
	read  []tagged
	ended bool
	err   error
}

// at returns the i-th record of the selection, if it has so many.
func (s *selection) at(ctx context.Context, i int) (tagged, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i >= len(s.read) && !s.ended {
		s.next(ctx)
	}
	if i < len(s.read) {
		return s.read[i], true, nil
	}
	return tagged{}, false, s.err
}

// shows reports whether a record was read that carries the tags and that a pool
// does not hold.
func (s *selection) shows(tags []pool.Tag, holds map[string]bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.read, func(x tagged) bool { return !holds[x.ref] && Carries(x.tags, tags) })
}

var errCircle = errors.New("the server repeats a page: meta.next does not move on")

func (s *selection) next(ctx context.Context) {
	s.asked[s.from] = true
	page, next, err := s.page(ctx, s.from)
	for _, x := range page {
		// Whether a job would take what differs in letter case is not known.
		x.near = len(x.tags) > 0 && !Carries(x.tags, s.tags)
		s.read = append(s.read, x)
	}
	if next != "" && s.asked[next] {
		err = errCircle
	}
	s.from, s.err, s.ended = next, err, next == "" || err != nil
}

// Carries reports whether sorted tags hold every one of some, letter by letter; one
// without a name stands for any of its type.
func Carries(tags, wanted []pool.Tag) bool {
	return !slices.ContainsFunc(wanted, func(w pool.Tag) bool { return !carries(tags, w) })
}

func carries(tags []pool.Tag, w pool.Tag) bool {
	return slices.ContainsFunc(tags, func(t pool.Tag) bool { return t.Type == w.Type && (w.Name == "" || t.Name == w.Name) })
}
