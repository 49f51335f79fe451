package bank

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// Look asks what a pool holds of some references, and how old the copies are.
type Look struct {
	Content pool.Content
	Dates   bool
}

// Membership is what of some references a pool was seen to hold. Unreadable
// says why the pool could not be looked into; then the rest means nothing.
type Membership struct {
	Missing    pool.Content
	Unreadable string
	Copies     []Copy // where dates were asked for
}

// Copy is what a pool holds of an item or activity, and what the bank has of it: their
// dt_updated. A zero time means that it was not told.
type Copy struct {
	Reference    string
	Pool, Source time.Time
}

// Verify looks the explicit references of each content up in its pool.
func Verify(ctx context.Context, r MemberReader, looks map[pool.Key]Look) (map[pool.Key]Membership, error) {
	keys := slices.SortedFunc(maps.Keys(looks), pool.Key.Compare)
	found := make([]Membership, len(keys))
	errs, err := Each(ctx, len(keys), func(ctx context.Context, i int) (err error) {
		found[i], err = looks[keys[i]].into(ctx, r, keys[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[pool.Key]Membership, len(keys))
	for i, k := range keys {
		if out[k] = found[i]; errs[i] != nil {
			out[k] = Membership{Unreadable: errs[i].Error()}
		}
	}
	return out, nil
}

func (q Look) into(ctx context.Context, r MemberReader, k pool.Key) (m Membership, err error) {
	wanted := pool.Content{Items: q.Content.Items, Activities: q.Content.Activities}
	if !q.Dates {
		held, err := Members(ctx, r, k, wanted)
		return Membership{Missing: wanted.Minus(held)}, err
	}
	copies, err := dates(ctx, r, k.Bank, k.Reference, wanted)
	if err != nil {
		return m, err
	}
	sources, err := dates(ctx, r, k.Bank, "", wanted)
	if err != nil {
		return m, err
	}
	note := func(refs []string, copies, sources map[string]time.Time) (missing []string) {
		for _, ref := range refs {
			if at, held := copies[ref]; held {
				m.Copies = append(m.Copies, Copy{ref, at, sources[ref]})
			} else {
				missing = append(missing, ref)
			}
		}
		return missing
	}
	m.Missing.Items = note(wanted.Items, copies.items, sources.items)
	m.Missing.Activities = note(wanted.Activities, copies.activities, sources.activities)
	return m, nil
}

// dated are the dt_updated of items and activities by reference.
type dated struct{ items, activities map[string]time.Time }

// dates reads the dt_updated of what a pool holds, or the bank if no pool is given.
func dates(ctx context.Context, r MemberReader, b pool.Bank, in pool.Reference, c pool.Content) (dated, error) {
	out := dated{map[string]time.Time{}, map[string]time.Time{}}
	q := learnosity.ItemsQuery{Bank: b, Pool: in, WithUpdated: true}
	if q.References = c.Items; len(c.Items) > 0 {
		found, err := r.Items(ctx, q)
		if err != nil {
			return out, err
		}
		for _, it := range found {
			out.items[it.Reference] = parseTime(it.Updated)
		}
	}
	if q.References = c.Activities; len(c.Activities) > 0 {
		found, err := r.Activities(ctx, learnosity.ActivitiesQuery(q))
		if err != nil {
			return out, err
		}
		for _, a := range found {
			out.activities[a.Reference] = parseTime(a.Updated)
		}
	}
	return out, nil
}
