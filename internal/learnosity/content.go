package learnosity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
)

const (
	endpointItems      = "itembank/items"
	endpointActivities = "itembank/activities"
	endpointTags       = "itembank/tagging/tags"
)

// Archived is a status of items and activities, beside pool.Published and
// pool.Unpublished. Archived content keeps its reference.
const Archived pool.Status = "archived"

// ItemsQuery asks for items of a bank, or of an item pool in it.
type ItemsQuery struct {
	// Bank is the item bank; pool.Primary leaves organisation_id out.
	Bank pool.Bank

	// Pool asks for what an item pool holds (item_pool_id) instead of the bank.
	Pool pool.Reference

	// References limits the answer to these; none of them means everything.
	References []string

	// Status limits the answer to these statuses. None means all of them: the
	// endpoints return unpublished and archived content too.
	Status []pool.Status

	// AllTags and AnyTags limit the answer to what has every one of the former
	// and at least one of the latter (advanced_tags: all, either). A tag
	// without a name means any of its type.
	AllTags, AnyTags []pool.Tag

	// WithUpdated asks for dt_updated.
	WithUpdated bool
}

// ActivitiesQuery asks for activities; its members mean what they mean in an
// ItemsQuery.
type ActivitiesQuery ItemsQuery

// Item is a record of the items endpoint. Updated is dt_updated as the server
// wrote it, and empty unless asked for.
type Item struct {
	Reference string
	Status    pool.Status
	Updated   string
	Tags      []pool.Tag // sorted
}

// Activity is a record of the activities endpoint. Items are the references of
// its items in their order. Banks are the item banks that its item entries name
// expressly, sorted: an activity with items of several banks cannot go into an
// item pool.
type Activity struct {
	Reference string
	Status    pool.Status
	Updated   string
	Items     []string
	Banks     []pool.Bank
	Tags      []pool.Tag // sorted
}

// Items lists items, one call for every 50 references. What does not exist is
// left out. The error is an *Error.
func (r *Reader) Items(ctx context.Context, q ItemsQuery) ([]Item, error) {
	found, err := q.items().chunks(ctx, r.conn, q.References)
	if err != nil {
		return nil, err
	}
	return keep(q, found, Item.identity), nil
}

// EachItem lists items as Items does, page by page and one call after the other,
// without keeping what it read: for listings that may be large. An item may come
// twice, if it is edited meanwhile. An error, an *Error, ends the listing.
func (r *Reader) EachItem(ctx context.Context, q ItemsQuery) iter.Seq2[Item, error] {
	return q.items().each(ctx, r.conn, q.References, func(found []Item) []Item { return keep(q, found, Item.identity) })
}

// ItemsPage returns one page of a listing of items, of at most 50, and what to ask
// the next one by: empty after the last. The first page is asked for by "". A page
// may be short, or empty, and not be the last. The error is an *Error.
func (r *Reader) ItemsPage(ctx context.Context, q ItemsQuery, from string) ([]Item, string, error) {
	l := q.items()
	l.params.References, l.params.Limit, l.params.Next = distinct(q.References), pool.MaxBatch, from
	p, err := l.page(ctx, r.conn)
	if err != nil {
		return nil, "", err
	}
	return keep(q, p.found, Item.identity), p.answer.meta.next, nil
}

// Activities lists activities, one call for every 50 references. What does not
// exist is left out. The error is an *Error.
func (r *Reader) Activities(ctx context.Context, q ActivitiesQuery) ([]Activity, error) {
	found, err := q.activities().chunks(ctx, r.conn, q.References)
	if err != nil {
		return nil, err
	}
	return keep(ItemsQuery(q), found, Activity.identity), nil
}

// ActivitiesPage returns one page of a listing of activities, as ItemsPage does of
// items.
func (r *Reader) ActivitiesPage(ctx context.Context, q ActivitiesQuery, from string) ([]Activity, string, error) {
	l := q.activities()
	l.params.References, l.params.Limit, l.params.Next = distinct(q.References), pool.MaxBatch, from
	p, err := l.page(ctx, r.conn)
	if err != nil {
		return nil, "", err
	}
	return keep(ItemsQuery(q), p.found, Activity.identity), p.answer.meta.next, nil
}

// EachActivity lists activities as EachItem lists items.
func (r *Reader) EachActivity(ctx context.Context, q ActivitiesQuery) iter.Seq2[Activity, error] {
	return q.activities().each(ctx, r.conn, q.References,
		func(found []Activity) []Activity { return keep(ItemsQuery(q), found, Activity.identity) })
}

func (q ItemsQuery) items() listing[Item] {
	return listing[Item]{
		call: get("get items", endpointItems, q.Bank), decode: decodeItem, params: q.params("items"), narrow: byReference,
	}
}

func (q ActivitiesQuery) activities() listing[Activity] {
	return listing[Activity]{
		call: get("get activities", endpointActivities, q.Bank), decode: decodeActivity,
		params: ItemsQuery(q).params("activities"), narrow: byReference,
	}
}

func (i Item) identity() (string, pool.Status)     { return i.Reference, i.Status }
func (a Activity) identity() (string, pool.Status) { return a.Reference, a.Status }

func (q ItemsQuery) params(kind string) params {
	p := params{Bank: q.Bank, Pool: q.Pool, Status: texts(q.Status)}
	if len(q.AllTags)+len(q.AnyTags) > 0 {
		p.Tags = &tagFilter{All: q.AllTags, Either: q.AnyTags}
	}
	if q.WithUpdated {
		p.Include = map[string]fields{kind: {"dt_updated"}}
	}
	return p
}

// keep drops what was not asked for, should the server ignore a filter. A record
// that does not tell its status is the server's responsibility.
func keep[T any](q ItemsQuery, found []T, identity func(T) (string, pool.Status)) []T {
	if len(q.References) > 0 {
		found = askedFor(found, q.References, func(v T) string { reference, _ := identity(v); return reference })
	}
	return slices.DeleteFunc(found, func(v T) bool {
		_, status := identity(v)
		return len(q.Status) > 0 && status != "" && !slices.Contains(q.Status, status)
	})
}

func decodeItem(raw json.RawMessage) (Item, string, error) {
	r, err := object(raw, "reference")
	if err != nil {
		return Item{}, "", err
	}
	i := Item{
		Reference: r.text("reference"), Status: pool.Status(r.text("status")),
		Updated: r.text("dt_updated"), Tags: decodeTags(r["tags"]),
	}
	return i, i.Reference, nil
}

var errNotActivity = errors.New("the answer holds an activity whose items cannot be read")

func decodeActivity(raw json.RawMessage) (Activity, string, error) {
	r, err := object(raw, "reference")
	if err != nil {
		return Activity{}, "", err
	}
	a := Activity{
		Reference: r.text("reference"), Status: pool.Status(r.text("status")),
		Updated: r.text("dt_updated"), Tags: decodeTags(r["tags"]),
	}
	var data struct {
		Items []json.RawMessage `json:"items"`
	}
	if len(r["data"]) > 0 && !isEmptyList(r["data"]) && json.Unmarshal(r["data"], &data) != nil {
		return Activity{}, "", errNotActivity
	}
	for _, entry := range data.Items {
		reference, bank := decodeEntry(entry)
		if reference == "" {
			return Activity{}, "", errNotActivity
		}
		a.Items = append(a.Items, reference)
		if bank != pool.Primary && !slices.Contains(a.Banks, bank) {
			a.Banks = append(a.Banks, bank)
		}
	}
	slices.Sort(a.Banks)
	return a, a.Reference, nil
}

// decodeEntry takes an item entry of an activity: a reference alone, or an
// object that may also name the item's bank.
func decodeEntry(raw json.RawMessage) (string, pool.Bank) {
	if r, err := object(raw, "reference"); err == nil {
		return r.text("reference"), pool.Bank(integer(r["organisation_id"]))
	}
	return scalar(raw), pool.Primary
}

// decodeTags takes tags in the shape in which they are read, {type: [names]},
// and in that in which they are written, [{type, name}].
func decodeTags(raw json.RawMessage) []pool.Tag {
	var out []pool.Tag
	var byType map[string][]string
	if json.Unmarshal(raw, &byType) == nil {
		for _, kind := range slices.Sorted(maps.Keys(byType)) {
			for _, name := range byType[kind] {
				out = append(out, pool.Tag{Type: kind, Name: name})
			}
		}
	} else if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	slices.SortFunc(out, pool.Tag.Compare)
	return out
}

// isEmptyList reports whether the text is [], PHP's form of an object without
// members.
func isEmptyList(raw json.RawMessage) bool {
	return bytes.Equal(bytes.TrimSpace(raw), []byte("[]"))
}

// TagsQuery asks for the tags of a bank.
type TagsQuery struct {
	Bank  pool.Bank
	Types []string // only tags of these types; none means all
	Names []string // only tags of these names; none means all
}

// Tags lists the tags that exist ("Tags", itembank/tagging/tags), one call for
// every 50 types. The error is an *Error.
func (r *Reader) Tags(ctx context.Context, q TagsQuery) ([]pool.Tag, error) {
	l := listing[pool.Tag]{
		call: get("get tags", endpointTags, q.Bank), decode: decodeTag,
		params: params{Bank: q.Bank, Names: distinct(q.Names)},
		narrow: func(p *params, types []string) { p.Types = types },
	}
	return l.chunks(ctx, r.conn, q.Types)
}

func decodeTag(raw json.RawMessage) (pool.Tag, string, error) {
	r, err := object(raw, "type")
	if err != nil {
		return pool.Tag{}, "", err
	}
	t := pool.Tag{Type: r.text("type"), Name: r.text("name")}
	if t.Name == "" {
		return pool.Tag{}, "", errNoKey
	}
	return t, t.Type + "\x00" + t.Name, nil
}
