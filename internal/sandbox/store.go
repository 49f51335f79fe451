package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// bankState is one item bank at work.
type bankState struct {
	id         int64
	anyItem    bool
	items      shelf[Item, *Item]
	activities shelf[Activity, *Activity]
	pools      map[string]*pool
	folded     map[string]string // lower-case pool reference -> reference (U31)
	poolOrder  map[string][]ordered[*pool]
	tags       []Tag // all of the bank's, until an item or activity changes
}

// shelf keeps the items, or the activities, of a bank. They are never changed in
// place: an edit puts a new one on the shelf. So a pool that holds one holds a copy as
// it was, although no byte was copied.
type shelf[T any, O object[T]] struct {
	noun   string
	all    map[string]O
	order  map[string][]ordered[O]  // by sort field, until one changes
	madeUp func(reference string) O // under AnyItem, else nil
}

func newShelf[T any, O object[T]](noun string, list []T, madeUp func(string) O) shelf[T, O] {
	s := shelf[T, O]{noun: noun, all: map[string]O{}, madeUp: madeUp}
	for i := range list {
		one := O(&list[i])
		s.all[one.record().Reference] = one
	}
	return s
}

// get finds one by its reference; under AnyItem there always is one.
func (s *shelf[T, O]) get(ref string) O {
	if one, ok := s.all[ref]; ok || s.madeUp == nil || checkReference(ref) != nil {
		return one
	}
	return s.madeUp(ref)
}

// put adds one, or replaces it as it stands.
func (s *shelf[T, O]) put(one *T) error {
	r := O(one).record()
	if err := r.complete(s.noun); err != nil {
		return err
	}
	s.all[r.Reference], s.order = O(one), nil
	return nil
}

// sorted lists them by a field, sorting once until one changes.
func (s *shelf[T, O]) sorted(field string) []ordered[O] {
	return listing(&s.order, field, s.all, entry[T, O](field))
}

// entry makes the entry of a sorted list.
func entry[T any, O object[T]](field string) func(O) ordered[O] {
	return func(one O) ordered[O] {
		r := one.record()
		return ordered[O]{sortField(field, r.DtCreated, r.DtUpdated, r.Reference, r.Title), r.Reference, one}
	}
}

// Tag is a tag as requests write it. Without a name it stands for every tag of
// its type.
type Tag struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
}

// ordered is a record with the key it is sorted by; the reference breaks ties.
type ordered[T any] struct {
	key, ref string
	record   T
}

func (o ordered[T]) compare(key, ref string) int {
	return cmp.Or(strings.Compare(o.key, key), strings.Compare(o.ref, ref))
}

func newBankState(b *ItemBank, anyItem bool) *bankState {
	s := &bankState{id: b.OrganisationID, anyItem: anyItem, pools: map[string]*pool{}, folded: map[string]string{}}
	var item func(string) *Item
	var activity func(string) *Activity
	if anyItem {
		item = func(ref string) *Item { return madeUpItem(ref, nil) }
		activity = func(ref string) *Activity {
			return &Activity{madeUpRecord(ref, nil), []ActivityItem{{Reference: ref + "-item-1"}, {Reference: ref + "-item-2"}}}
		}
	}
	s.items, s.activities = newShelf("item", b.Items, item), newShelf("activity", b.Activities, activity)
	return s
}

func madeUpRecord(ref string, tags map[string][]string) Record {
	return Record{
		Reference: ref, Title: ref, Status: statusPublished, Tags: tags, CreatedBy: "sandbox", LastUpdatedBy: "sandbox",
		DtCreated: defaultCreated, DtUpdated: defaultCreated,
	}
}

func madeUpItem(ref string, tags map[string][]string) *Item {
	return &Item{Record: madeUpRecord(ref, tags), Questions: []Question{{Reference: ref + "-q1", Type: "mcq"}}, MaxScore: 1}
}

// madeUpItems are what a selector matches under AnyItem when the bank has nothing.
func madeUpItems(tags []Tag) []*Item {
	carried, name := map[string][]string{}, "any"
	for _, t := range tags {
		n := cmp.Or(t.Name, "any")
		if !slices.Contains(carried[t.Type], n) {
			carried[t.Type] = append(carried[t.Type], n)
		}
		name += "-" + t.Type + "-" + n
	}
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\'' {
			return '_'
		}
		return r
	}, name)
	var out []*Item
	for _, suffix := range []string{"-1", "-2", "-3"} {
		out = append(out, madeUpItem(name[:min(len(name), 140)]+suffix, carried))
	}
	return out
}

// pool finds a pool by its reference, without regard to letter case under fold.
func (b *bankState) pool(ref string, fold bool) *pool {
	if p, ok := b.pools[ref]; ok || !fold {
		return p
	}
	return b.pools[b.folded[strings.ToLower(ref)]]
}

func (b *bankState) addPool(p *pool) {
	b.pools[p.Reference] = p
	b.folded[strings.ToLower(p.Reference)] = p.Reference
	b.poolOrder = nil
}

// removePool takes a pool out of the bank, which the API itself never does.
func (b *bankState) removePool(ref string) {
	delete(b.pools, ref)
	delete(b.folded, strings.ToLower(ref))
	b.poolOrder = nil
}

// stamp is a sort key for times: the order of the strings is the order in time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// sortField picks the value that a listing is sorted by.
func sortField(field string, created, updated time.Time, reference, title string) string {
	switch field {
	case "updated":
		return stamp(updated)
	case "reference":
		return reference
	case "title":
		return title
	default:
		return stamp(created)
	}
}

func sortRecords[T any](list []ordered[T]) []ordered[T] {
	slices.SortFunc(list, func(a, b ordered[T]) int { return a.compare(b.key, b.ref) })
	return list
}

// listing returns cached[field], sorting the records once if it is not there.
func listing[T any](cached *map[string][]ordered[T], field string, records map[string]T, entry func(T) ordered[T]) []ordered[T] {
	if list, ok := (*cached)[field]; ok {
		return list
	}
	list := make([]ordered[T], 0, len(records))
	for _, r := range records {
		list = append(list, entry(r))
	}
	if *cached == nil {
		*cached = map[string][]ordered[T]{}
	}
	(*cached)[field] = sortRecords(list)
	return list
}

func (b *bankState) sortedPools(field string) []ordered[*pool] {
	return listing(&b.poolOrder, field, b.pools, func(p *pool) ordered[*pool] {
		return ordered[*pool]{sortField(field, p.DtCreated, p.DtUpdated, p.Reference, ""), p.Reference, p}
	})
}

// sortedTags lists every tag that an item or activity carries, each once.
func sortedTags(h holding) []Tag {
	seen := map[Tag]bool{}
	collectTags(seen, h.items)
	collectTags(seen, h.activities)
	return slices.SortedFunc(maps.Keys(seen), func(a, b Tag) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
}

func collectTags[T any, O object[T]](seen map[Tag]bool, objects map[string]O) {
	for _, one := range objects {
		for kind, names := range one.record().Tags {
			for _, name := range names {
				seen[Tag{kind, name}] = true
			}
		}
	}
}
