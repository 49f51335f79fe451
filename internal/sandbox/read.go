package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"time"
)

// source is what a read draws from: a bank, or a pool's copies.
type source struct {
	bank *bankState
	held *holding
}

// filter is what items get and activities get have in common.
type filter struct {
	organisation     int64
	poolID           string
	refs, status     []string
	tags             []Tag
	all, either, not []Tag
	field            string
	from, to         *time.Time
	pg               paging
	fold             bool
}

// The sort fields of items get and activities get, default first.
var sortFields = []string{"created", "updated", "reference", "title"}

// readFilter reads the common parameters. tags asks for all of its tags.
func (x *exchange) readFilter(p *params) filter {
	bound := digests(p)
	f := filter{fold: x.server.sw.U28 == "fold"}
	f.organisation, _ = p.integer("organisation_id")
	f.poolID, _ = p.str("item_pool_id")
	f.refs = p.list("references", maxFilter)
	f.status = p.choices("status", statusPublished, statusUnpublished, statusArchived)
	f.tags = readTags(p, "tags")
	if advanced := p.object("advanced_tags"); advanced != nil {
		f.all, f.either, f.not = readTags(advanced, "all"), readTags(advanced, "either"), readTags(advanced, "none")
		if len(f.not) > 0 && len(f.all)+len(f.either) == 0 {
			advanced.fail(codeValue, "advanced_tags: none needs all or either beside it")
		}
		advanced.finish()
	}
	f.field = p.choice("sort_field", sortFields[0], sortFields...)
	if t, ok := p.when("mintime"); ok {
		f.from = &t
	}
	if t, ok := p.when("maxtime"); ok {
		f.to = &t
	}
	f.pg = x.server.readPaging(p, bound, p.choice("sort", "desc", "asc", "desc"))
	p.take("meta")
	return f
}

// included reads include.<member>; unknown properties are refused, as measured.
func included(p *params, member string, allowed ...string) []string {
	include := p.object("include")
	if include == nil {
		return nil
	}
	defer include.finish()
	return include.choices(member, allowed...)
}

// keep applies the filter to one record. mintime and maxtime are about the time
// field that the answer is sorted by.
func (f *filter) keep(r *Record) bool {
	at := r.DtCreated
	if f.field == "updated" {
		at = r.DtUpdated
	}
	return (len(f.status) == 0 || slices.Contains(f.status, r.Status)) &&
		(f.from == nil || !at.Before(*f.from)) && (f.to == nil || !at.After(*f.to)) &&
		carriesAll(r.Tags, f.tags, f.fold) && carriesAll(r.Tags, f.all, f.fold) &&
		(len(f.either) == 0 || carriesAny(r.Tags, f.either, f.fold)) && !carriesAny(r.Tags, f.not, f.fold)
}

// source finds what a read draws from. known is false for a pool that does not
// exist and reads as empty (U25).
func (x *exchange) source(organisation int64, poolID string) (src source, known bool, refused *apiError) {
	b, refused := x.server.bankOf(organisation)
	if refused != nil || poolID == "" {
		return source{bank: b}, true, refused
	}
	sw := &x.server.sw
	if sw.PoolReads == "refused" {
		return source{}, false, refusal(400, codeSchema, "item_pool_id is not a parameter of this endpoint and action")
	}
	p := b.pool(poolID, sw.U31 == "fold")
	var held *holding
	if p != nil {
		held = &p.holding
		if lag := max(sw.contentLag, x.stale); lag > 0 {
			if h, ok := p.at(x.now.Add(-lag)); ok {
				held = &h.holding
			} else {
				p = nil
			}
		}
	}
	switch {
	case p == nil && sw.U25 == "empty":
		return source{}, false, nil
	case p == nil:
		return source{}, false, refusal(400, codeValue, "item_pool_id: no item pool %q in organisation %d", poolID, b.id)
	case sw.U24 == "refused" && p.Status != statusPublished:
		return source{}, false, refusal(400, codeValue, "item_pool_id: item pool %q is not published", poolID)
	}
	return source{bank: b, held: held}, true, nil
}

// items lists what a read of items chooses from. Under AnyItem tags that match
// nothing match made-up items.
func (src source) items(f *filter) []ordered[*Item] {
	if src.held != nil {
		return chosen(src.held.items, f)
	}
	list := chosenFrom(&src.bank.items, f)
	if tags := slices.Concat(f.tags, f.all, f.either); src.bank.anyItem && len(f.refs) == 0 && len(tags) > 0 &&
		!slices.ContainsFunc(list, func(o ordered[*Item]) bool { return f.keep(&o.record.Record) }) {
		return entries(madeUpItems(tags), f.field)
	}
	return list
}

func (src source) activities(f *filter) []ordered[*Activity] {
	if src.held != nil {
		return chosen(src.held.activities, f)
	}
	return chosenFrom(&src.bank.activities, f)
}

// chosenFrom lists what a read names, or everything, of a bank.
func chosenFrom[T any, O object[T]](from *shelf[T, O], f *filter) []ordered[O] {
	if len(f.refs) == 0 {
		return from.sorted(f.field)
	}
	return entries(lookUp(f.refs, from.get), f.field)
}

// chosen lists what a read names, or everything, of a pool.
func chosen[T any, O object[T]](held map[string]O, f *filter) []ordered[O] {
	if len(f.refs) == 0 {
		return entries(slices.Collect(maps.Values(held)), f.field)
	}
	return entries(lookUp(f.refs, func(ref string) O { return held[ref] }), f.field)
}

func lookUp[T any, O object[T]](refs []string, get func(string) O) (out []O) {
	for _, ref := range slices.Compact(slices.Sorted(slices.Values(refs))) {
		if one := get(ref); one != nil {
			out = append(out, one)
		}
	}
	return out
}

func entries[T any, O object[T]](objects []O, field string) []ordered[O] {
	list, of := make([]ordered[O], len(objects)), entry[T, O](field)
	for i, one := range objects {
		list[i] = of(one)
	}
	return sortRecords(list)
}

// getItems is itembank/items get.
func (x *exchange) getItems(p *params) (result, *apiError) {
	f := x.readFilter(p)
	include := included(p, "items", "adaptive", "dt_created", "dt_updated", "created_by", "last_updated_by", "max_score", "dynamic_content_data", "authoring_workflow")
	p.finish()
	if *p.err != nil {
		return result{}, *p.err
	}
	src, known, refused := x.source(f.organisation, f.poolID)
	if refused != nil || !known {
		return result{data: []any{}}, refused
	}
	items, next := page(src.items(&f), f.pg, func(it *Item) bool { return f.keep(&it.Record) })
	out := make([]any, len(items))
	for i, it := range items {
		out[i] = x.dressed(it.wire(include))
	}
	return result{data: out, records: len(out), next: next}, nil
}

// getActivities is itembank/activities get.
func (x *exchange) getActivities(p *params) (result, *apiError) {
	var all, either []string
	f := x.readFilter(p)
	if items := p.object("item_references"); items != nil {
		all, either = items.list("all", maxFilter), items.list("either", maxFilter)
		items.finish()
		if f.poolID != "" {
			p.fail(codeValue, "item_references is not supported together with item_pool_id")
		}
	}
	include := included(p, "activities", "created_by", "dt_created", "dt_updated", "last_updated_by", "metadata", "title")
	p.finish()
	if *p.err != nil {
		return result{}, *p.err
	}
	src, known, refused := x.source(f.organisation, f.poolID)
	if refused != nil || !known {
		return result{data: []any{}}, refused
	}
	activities, next := page(src.activities(&f), f.pg, func(a *Activity) bool {
		return f.keep(&a.Record) && a.holds(all, either)
	})
	out := make([]any, len(activities))
	for i, a := range activities {
		out[i] = x.dressed(a.wire(include))
	}
	return result{data: out, records: len(out), next: next}, nil
}

// holds reports whether the activity has all of the items of the first list and
// one of the second.
func (a *Activity) holds(all, either []string) bool {
	has := func(ref string) bool {
		return slices.ContainsFunc(a.Items, func(i ActivityItem) bool { return i.Reference == ref })
	}
	return !slices.ContainsFunc(all, func(ref string) bool { return !has(ref) }) && (len(either) == 0 || slices.ContainsFunc(either, has))
}

// cursor is what a next token holds: the record it continues after, and a digest
// of every other parameter, so that a page asked for with other parameters is
// refused by name instead of going wrong quietly.
type cursor struct {
	Key    string            `json:"k"`
	Ref    string            `json:"r"`
	Params map[string]string `json:"p"`
}

// paging is how a request wants its page.
type paging struct {
	limit     int
	desc      bool
	params    map[string]string
	after     *cursor
	emptyLast bool // only a page without records is the last
}

// digests must be taken before any parameter is. Telemetry (meta) may differ.
func digests(p *params) map[string]string {
	d := map[string]string{}
	for name, raw := range p.m {
		if name != "next" && name != "meta" {
			sum := sha256.Sum256(raw)
			d[name] = hex.EncodeToString(sum[:4])
		}
	}
	return d
}

// readPaging reads limit and next. The caller has read sort.
func (s *Server) readPaging(p *params, bound map[string]string, sortOrder string) paging {
	pg := paging{limit: p.limit(s.opts.PageSize), desc: sortOrder == "desc", params: bound, emptyLast: s.sw.Pages == "empty-last"}
	if s.sw.Pages == "short" {
		pg.limit = (pg.limit + 1) / 2
	}
	next, ok := p.str("next")
	if !ok {
		return pg
	}
	pg.after = new(cursor)
	text, err := base64.RawURLEncoding.DecodeString(next)
	if err != nil || json.Unmarshal(text, pg.after) != nil {
		p.fail(codeValue, "next: not a token of this endpoint")
		return pg
	}
	names := slices.Concat(slices.Collect(maps.Keys(bound)), slices.Collect(maps.Keys(pg.after.Params)))
	slices.Sort(names)
	for _, name := range names {
		if bound[name] != pg.after.Params[name] {
			p.fail(codeValue, "next belongs to a request with another %s; repeat the original parameters", name)
		}
	}
	return pg
}

// page cuts one page out of a sorted list. The token for the next one is empty on
// the last page.
func page[T any](list []ordered[T], pg paging, keep func(T) bool) (out []T, next string) {
	out = []T{}
	i, step := pg.start(len(list), func(i int) int { return list[i].compare(pg.after.Key, pg.after.Ref) })
	var last ordered[T]
	for ; i >= 0 && i < len(list); i += step {
		if !keep(list[i].record) {
			continue
		}
		if len(out) == pg.limit {
			return out, token(cursor{Key: last.key, Ref: last.ref, Params: pg.params})
		}
		last = list[i]
		out = append(out, last.record)
	}
	if pg.emptyLast && len(out) > 0 {
		return out, token(cursor{Key: last.key, Ref: last.ref, Params: pg.params})
	}
	return out, ""
}

// start finds the first index of the page and the direction.
func (pg paging) start(n int, compare func(i int) int) (first, step int) {
	switch {
	case pg.after == nil && pg.desc:
		return n - 1, -1
	case pg.after == nil:
		return 0, 1
	case pg.desc:
		return sort.Search(n, func(i int) bool { return compare(i) >= 0 }) - 1, -1
	default:
		return sort.Search(n, func(i int) bool { return compare(i) > 0 }), 1
	}
}

func token(c cursor) string { return base64.RawURLEncoding.EncodeToString(encode(c)) }
