package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
	pickNamed(k, &b.items, k.items, w.Content.Items, codeNoItem)
	pickNamed(k, &b.activities, k.activities, w.Content.Activities, codeNoRecord)
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

// pickNamed picks what is named outright. What is not in the bank is refused with
// the code.
func pickNamed[T any, O object[T]](k *picker, from *shelf[T, O], into map[string]O, refs []string, code int) {
	for _, ref := range refs {
		one := from.get(ref)
		switch {
		case one != nil && k.eligible(one.record().Status):
			into[ref], k.named[from.noun+" "+ref] = one, true
		case one != nil:
			k.unpublished(from.noun, ref, one.record().Status)
		case k.sw.U9 != "skip":
			k.find(code, ref, "%s %q not found in organisation %d", from.noun, ref, k.bank.id)
		}
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
	if wantItems {
		items = matching(k, &k.bank.items, e)
	}
	if wantActivities {
		activities = matching(k, &k.bank.activities, e)
	}
	return items, activities
}

func matching[T any, O object[T]](k *picker, from *shelf[T, O], e selector) (out []O) {
	fold := k.sw.U28 == "fold"
	for _, one := range from.all {
		r := one.record()
		if k.eligible(r.Status) && carriesAll(r.Tags, e.Required, fold) && (e.Additional == nil || carriesAny(r.Tags, e.Additional, fold)) {
			out = append(out, one)
		}
	}
	return out
}

// pickItemsOf brings every item of an activity along. One item of another bank
// fails the pool ("Using Item Pools to Create Content Snapshots").
func (k *picker) pickItemsOf(a *Activity) {
	for _, entry := range a.Items {
		it := k.bank.items.get(entry.Reference)
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
	return copies(k, k.items, now), copies(k, k.activities, now)
}

func copies[T any, O object[T]](k *picker, picked map[string]O, now time.Time) map[string]O {
	out := make(map[string]O, len(picked))
	for ref, one := range picked {
		if k.sw.CopyDates == "copy" || one.record().Status != statusPublished {
			one = O(one.clone())
			r := one.record()
			r.Status = statusPublished
			if k.sw.CopyDates == "copy" {
				r.DtUpdated = now.Truncate(time.Second)
			}
		}
		out[ref] = one
	}
	return out
}

// selector is one entry of a tag list. A simple entry is Required with one tag.
// Additional is nil only when it was left out: an empty list matches nothing.
type selector struct {
	Required   []Tag `json:"required"`
	Additional []Tag `json:"additional"`
}

// readSelectors reads tags, item_tags or activity_tags, both modes mixed.
func readSelectors(p *params, member string) []selector {
	var out []selector
	for _, e := range p.objects(member, 0) {
		if !e.has("required_tags") && !e.has("additional_tags") {
			out = append(out, selector{Required: []Tag{readTag(e)}})
			continue
		}
		s := selector{Required: readTags(e, "required_tags"), Additional: readTags(e, "additional_tags")}
		if len(s.Required) == 0 {
			e.fail(codeMissing, "%s is mandatory", e.name("required_tags"))
		}
		e.finish()
		out = append(out, s)
	}
	return out
}

func readTags(p *params, member string) []Tag {
	list := p.objects(member, 0)
	if list == nil {
		return nil
	}
	out := make([]Tag, len(list))
	for i, t := range list {
		out[i] = readTag(t)
	}
	return out
}

// readTag reads one TagsV2 object.
func readTag(p *params) Tag {
	var t Tag
	t.Type, _ = p.str("type")
	t.Name, _ = p.str("name")
	p.finish()
	if t.Type == "" {
		p.fail(codeMissing, "%s is mandatory", p.name("type"))
	}
	if len(t.Type) > 255 || len(t.Name) > 255 {
		p.fail(codeLength, "%s: a tag's type and name have at most 255 characters", p.path)
	}
	return t
}

// carries reports whether the tag, or with an empty name any tag of its type, is
// among those of an object.
func carries(tags map[string][]string, t Tag, fold bool) bool {
	if !fold {
		names, ok := tags[t.Type]
		return ok && (t.Name == "" || slices.Contains(names, t.Name))
	}
	for kind, names := range tags {
		if strings.EqualFold(kind, t.Type) && (t.Name == "" ||
			slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, t.Name) })) {
			return true
		}
	}
	return false
}

func carriesAll(tags map[string][]string, want []Tag, fold bool) bool {
	return !slices.ContainsFunc(want, func(t Tag) bool { return !carries(tags, t, fold) })
}

func carriesAny(tags map[string][]string, want []Tag, fold bool) bool {
	return slices.ContainsFunc(want, func(t Tag) bool { return carries(tags, t, fold) })
}
