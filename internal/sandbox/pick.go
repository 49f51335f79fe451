package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// finding is why a job halts, a member of its results (U13).
type finding struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	Reference string `json:"reference"`
}

// picker collects what the content of one write stands for in the bank.
type picker struct {
	sw         *settings
	bank       *bankState
	write      poolWrite
	into       *pool
	items      map[string]*Item
	activities map[string]*Activity
	named      map[string]bool // named outright: "item REF", "activity REF"
	findings   []finding
}

func (k *picker) find(code int, reference, format string, args ...any) {
	k.findings = append(k.findings, finding{code, fmt.Sprintf(format, args...), reference})
}

// pick resolves the content. It changes nothing.
func (s *Server) pick(b *bankState, w poolWrite, into *pool) *picker {
	k := &picker{
		sw: &s.sw, bank: b, write: w, into: into, items: map[string]*Item{}, activities: map[string]*Activity{}, named: map[string]bool{},
	}
	if w.Content.empty() {
		return k
	}
	for _, ref := range w.Content.Items {
		k.pickItem(ref)
	}
	for _, ref := range w.Content.Activities {
		k.pickActivity(ref)
	}
	for _, e := range w.Content.Tags {
		k.pickTagged(e, true, true)
	}
	for _, e := range w.Content.ItemTags {
		k.pickTagged(e, true, false)
	}
	for _, e := range w.Content.ActivityTags {
		k.pickTagged(e, false, true)
	}
	for _, ref := range slices.Sorted(maps.Keys(k.activities)) {
		k.pickItemsOf(k.activities[ref])
	}
	if len(k.items)+len(k.activities)+len(k.findings) == 0 && !(s.sw.U11 == "allow" && onlyTags(w.Content)) {
		k.find(codeNoTag, into.Reference, "content must contain at least one valid entry: nothing was found")
	}
	return k
}

func onlyTags(c *content) bool { return len(c.Items)+len(c.Activities) == 0 }

func (k *picker) pickItem(ref string) {
	it := k.bank.item(ref)
	switch {
	case it != nil && k.eligible(it.Status):
		k.items[ref], k.named["item "+ref] = it, true
	case it != nil:
		k.unpublished("item", ref, it.Status)
	case k.sw.U9 != "skip":
		k.find(codeNoItem, ref, "item %q not found in organisation %d", ref, k.bank.id)
	}
}

func (k *picker) pickActivity(ref string) {
	a := k.bank.activity(ref)
	switch {
	case a != nil && k.eligible(a.Status):
		k.activities[ref], k.named["activity "+ref] = a, true
	case a != nil:
		k.unpublished("activity", ref, a.Status)
	case k.sw.U9 != "skip":
		k.find(codeNoRecord, ref, "activity %q not found in organisation %d", ref, k.bank.id)
	}
}

// unpublished is U10; an archived object counts as one.
func (k *picker) unpublished(kind, ref, status string) {
	if k.sw.U10 == "halt" {
		k.find(codeValue, ref, "%s %q is %s", kind, ref, status)
	}
}

// eligible reports whether an object of this status may enter a pool.
func (k *picker) eligible(status string) bool {
	switch status {
	case statusPublished:
		return true
	case statusUnpublished:
		return k.write.Publish
	default:
		return k.write.Publish && k.sw.U29 == "flag"
	}
}

// pickTagged adds what one entry of a tag list matches.
func (k *picker) pickTagged(e selector, wantItems, wantActivities bool) {
	items, activities := k.matching(e, wantItems, wantActivities)
	if len(items)+len(activities) == 0 && e.Additional != nil && k.write.IgnoreEmpty {
		items, activities = k.matching(selector{Required: e.Required}, wantItems, wantActivities)
	}
	if len(items)+len(activities) == 0 && k.bank.anyItem && wantItems {
		items = madeUpItems(slices.Concat(e.Required, e.Additional))
	}
	if len(items)+len(activities) == 0 && k.sw.U11 == "each" {
		k.find(codeNoTag, e.Required[0].Type+":"+e.Required[0].Name, "no published content matches the tags")
	}
	for _, it := range items {
		k.items[it.Reference] = it
	}
	for _, a := range activities {
		k.activities[a.Reference] = a
	}
}

func (k *picker) matching(e selector, wantItems, wantActivities bool) (items []*Item, activities []*Activity) {
	fold := k.sw.U28 == "fold"
	match := func(tags map[string][]string, status string) bool {
		return k.eligible(status) && carriesAll(tags, e.Required, fold) && (e.Additional == nil || carriesAny(tags, e.Additional, fold))
	}
	if wantItems {
		for _, it := range k.bank.items {
			if match(it.Tags, it.Status) {
				items = append(items, it)
			}
		}
	}
	if wantActivities {
		for _, a := range k.bank.activities {
			if match(a.Tags, a.Status) {
				activities = append(activities, a)
			}
		}
	}
	return items, activities
}

// pickItemsOf brings every item of an activity along. One item of another bank
// fails the pool ("Using Item Pools to Create Content Snapshots").
func (k *picker) pickItemsOf(a *Activity) {
	for _, entry := range a.Items {
		it := k.bank.item(entry.Reference)
		switch {
		case entry.OrganisationID != 0 && entry.OrganisationID != k.bank.id:
			k.find(codeNoItem, entry.Reference, "item %q of activity %q is in organisation %d, not %d",
				entry.Reference, a.Reference, entry.OrganisationID, k.bank.id)
		case it == nil:
			k.find(codeNoItem, entry.Reference, "item %q of activity %q not found in organisation %d",
				entry.Reference, a.Reference, k.bank.id)
		case k.eligible(it.Status):
			k.items[it.Reference] = it
		default:
			k.unpublished("item", it.Reference, it.Status)
		}
	}
}

// settle applies what update does with objects by whether the pool holds them:
// overwrite true refreshes those that are in it (U5 for the others), overwrite
// false adds those that are not (U4 for the others).
func (k *picker) settle(action string) {
	if action != "update" || len(k.findings) > 0 || k.write.Content.empty() {
		return
	}
	settleKind(k, "item", k.items, k.into.items)
	settleKind(k, "activity", k.activities, k.into.activities)
	if k.write.Overwrite && len(k.items)+len(k.activities)+len(k.findings) == 0 {
		k.find(codeNoRecord, k.into.Reference, "nothing that content lists is in the item pool")
	}
}

func settleKind[T any](k *picker, kind string, picked, held map[string]T) {
	for _, ref := range slices.Sorted(maps.Keys(picked)) {
		_, inPool := held[ref]
		switch {
		case k.write.Overwrite && !inPool:
			named := k.named[kind+" "+ref]
			if named && k.sw.U5 == "halt" {
				k.find(codeNoRecord, ref, "%s %q is not in the item pool", kind, ref)
			}
			if !named || k.sw.U5 != "add" {
				delete(picked, ref)
			}
		case !k.write.Overwrite && inPool && k.sw.U4 == "error":
			k.find(codeExists, ref, "%s %q is in the item pool", kind, ref)
		case !k.write.Overwrite && inPool && k.sw.U4 == "skip":
			delete(picked, ref)
		}
	}
}

// copies turns what was picked into a pool's own records.
func (k *picker) copies(now time.Time) (map[string]*Item, map[string]*Activity) {
	items, activities := make(map[string]*Item, len(k.items)), make(map[string]*Activity, len(k.activities))
	for ref, it := range k.items {
		if it.Status != statusPublished || k.sw.CopyDates == "copy" {
			it = it.clone()
			it.Status = statusPublished
			if k.sw.CopyDates == "copy" {
				it.DtUpdated = now.Truncate(time.Second)
			}
		}
		items[ref] = it
	}
	for ref, a := range k.activities {
		if a.Status != statusPublished || k.sw.CopyDates == "copy" {
			a = a.clone()
			a.Status = statusPublished
			if k.sw.CopyDates == "copy" {
				a.DtUpdated = now.Truncate(time.Second)
			}
		}
		activities[ref] = a
	}
	return items, activities
}
