package bank

import (
	"context"
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// Members returns those of the content's items and activities that the pool
// holds (itembank/items and itembank/activities, get, item_pool_id).
func Members(ctx context.Context, r MemberReader, k pool.Key, c pool.Content) (pool.Content, error) {
	var held pool.Content
	var err error
	if len(c.Items) > 0 {
		if held.Items, err = items(ctx, r, learnosity.ItemsQuery{Bank: k.Bank, Pool: k.Reference, References: c.Items}); err != nil {
			return held, err
		}
	}
	if len(c.Activities) > 0 {
		if held.Activities, err = activities(ctx, r, learnosity.ActivitiesQuery{Bank: k.Bank, Pool: k.Reference, References: c.Activities}); err != nil {
			return held, err
		}
	}
	return held.Normal(), nil
}

// Holds returns all items and activities of a pool.
func Holds(ctx context.Context, r MemberReader, k pool.Key) (held pool.Content, err error) {
	if held.Items, err = items(ctx, r, learnosity.ItemsQuery{Bank: k.Bank, Pool: k.Reference}); err != nil {
		return held, err
	}
	held.Activities, err = activities(ctx, r, learnosity.ActivitiesQuery{Bank: k.Bank, Pool: k.Reference})
	return held.Normal(), err
}

func items(ctx context.Context, r MemberReader, q learnosity.ItemsQuery) (out []string, err error) {
	found, err := r.Items(ctx, q)
	for _, it := range found {
		out = append(out, it.Reference)
	}
	return out, err
}

func activities(ctx context.Context, r MemberReader, q learnosity.ActivitiesQuery) (out []string, err error) {
	found, err := r.Activities(ctx, q)
	for _, a := range found {
		out = append(out, a.Reference)
	}
	return out, err
}

// Membership is what of some references a pool was seen to hold. Unreadable
// says why the pool could not be looked into; then Missing means nothing.
type Membership struct {
	Missing    pool.Content
	Unreadable string
}

// Verify looks the explicit references of each content up in its pool.
func Verify(ctx context.Context, r MemberReader, contents map[pool.Key]pool.Content) (map[pool.Key]Membership, error) {
	keys := slices.SortedFunc(maps.Keys(contents), pool.Key.Compare)
	found := make([]Membership, len(keys))
	errs, err := Each(ctx, len(keys), func(ctx context.Context, i int) error {
		c := contents[keys[i]]
		held, err := Members(ctx, r, keys[i], c)
		found[i].Missing = pool.Content{Items: c.Items, Activities: c.Activities}.Minus(held)
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
