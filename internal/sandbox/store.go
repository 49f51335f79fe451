package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// bankState is one item bank at work. Items and activities are never changed in
// place: an edit puts a new record into the map. So a pool that holds a record
// holds a copy as it was, although no byte was copied.
type bankState struct {
	id         int64
	anyItem    bool
	items      map[string]*Item
	activities map[string]*Activity
	pools      map[string]*pool
	folded     map[string]string // lower-case pool reference -> reference (U31)

	itemOrder     map[string][]ordered[*Item] // by sort field, until an item changes
	activityOrder map[string][]ordered[*Activity]
	poolOrder     map[string][]ordered[*pool]
	tags          []Tag // all of the bank's, until an item or activity changes
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
	s := &bankState{
		id: b.OrganisationID, anyItem: anyItem, items: map[string]*Item{}, activities: map[string]*Activity{},
		pools: map[string]*pool{}, folded: map[string]string{},
	}
	for i := range b.Items {
		s.items[b.Items[i].Reference] = &b.Items[i]
	}
	for i := range b.Activities {
		s.activities[b.Activities[i].Reference] = &b.Activities[i]
	}
	return s
}

// item finds an item; under AnyItem there always is one.
func (b *bankState) item(ref string) *Item {
	if it, ok := b.items[ref]; ok || !b.anyItem || checkReference(ref) != nil {
		return it
	}
	return &Item{
		Reference: ref, Title: ref, Status: statusPublished, CreatedBy: "sandbox", LastUpdatedBy: "sandbox",
		Questions: []Question{{Reference: ref + "-q1", Type: "mcq"}}, MaxScore: 1,
		DtCreated: defaultCreated, DtUpdated: defaultCreated,
	}
}

// activity finds an activity; under AnyItem there always is one, of two items.
func (b *bankState) activity(ref string) *Activity {
	if a, ok := b.activities[ref]; ok || !b.anyItem || checkReference(ref) != nil {
		return a
	}
	return &Activity{
		Reference: ref, Title: ref, Status: statusPublished, CreatedBy: "sandbox", LastUpdatedBy: "sandbox",
		Items:     []ActivityItem{{Reference: ref + "-item-1"}, {Reference: ref + "-item-2"}},
		DtCreated: defaultCreated, DtUpdated: defaultCreated,
	}
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
		ref := name[:min(len(name), 140)] + suffix
		out = append(out, &Item{
			Reference: ref, Title: ref, Status: statusPublished, Tags: carried, MaxScore: 1,
			CreatedBy: "sandbox", LastUpdatedBy: "sandbox", DtCreated: defaultCreated, DtUpdated: defaultCreated,
		})
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

// forgetOrder drops what was derived from items and activities.
func (b *bankState) forgetOrder() {
	b.itemOrder, b.activityOrder, b.tags = nil, nil, nil
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

// listing gives cached[field], sorting the records once if it is not there.
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

func itemEntry(field string) func(*Item) ordered[*Item] {
	return func(it *Item) ordered[*Item] {
		return ordered[*Item]{sortField(field, it.DtCreated, it.DtUpdated, it.Reference, it.Title), it.Reference, it}
	}
}

func activityEntry(field string) func(*Activity) ordered[*Activity] {
	return func(a *Activity) ordered[*Activity] {
		return ordered[*Activity]{sortField(field, a.DtCreated, a.DtUpdated, a.Reference, a.Title), a.Reference, a}
	}
}

func (b *bankState) sortedItems(field string) []ordered[*Item] {
	return listing(&b.itemOrder, field, b.items, itemEntry(field))
}

func (b *bankState) sortedActivities(field string) []ordered[*Activity] {
	return listing(&b.activityOrder, field, b.activities, activityEntry(field))
}

func (b *bankState) sortedPools(field string) []ordered[*pool] {
	return listing(&b.poolOrder, field, b.pools, func(p *pool) ordered[*pool] {
		return ordered[*pool]{sortField(field, p.DtCreated, p.DtUpdated, p.Reference, ""), p.Reference, p}
	})
}

// sortedTags gives every tag that an item or activity carries, each once.
func sortedTags(items map[string]*Item, activities map[string]*Activity) []Tag {
	seen := map[Tag]bool{}
	collect := func(tags map[string][]string) {
		for kind, names := range tags {
			for _, name := range names {
				seen[Tag{kind, name}] = true
			}
		}
	}
	for _, it := range items {
		collect(it.Tags)
	}
	for _, a := range activities {
		collect(a.Tags)
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b Tag) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
}
