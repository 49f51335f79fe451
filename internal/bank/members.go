package bank

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

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

// Copies are what a pool holds, as the pool has it.
type Copies struct {
	Items      []learnosity.Item
	Activities []learnosity.Activity
}

// Inside returns all that a pool holds, with the time of each copy if asked for.
func Inside(ctx context.Context, r MemberReader, k pool.Key, withUpdated bool) (Copies, error) {
	q := learnosity.ItemsQuery{Bank: k.Bank, Pool: k.Reference, WithUpdated: withUpdated}
	var c Copies
	var g errgroup.Group
	g.Go(func() (err error) { c.Activities, err = r.Activities(ctx, learnosity.ActivitiesQuery(q)); return err })
	var err error
	if c.Items, err = r.Items(ctx, q); err != nil {
		_ = g.Wait() // one reason is enough, and it is always the same one
		return c, err
	}
	return c, g.Wait()
}

// Content returns the references of all copies.
func (c Copies) Content() pool.Content {
	var out pool.Content
	for _, it := range c.Items {
		out.Items = append(out.Items, it.Reference)
	}
	for _, a := range c.Activities {
		out.Activities = append(out.Activities, a.Reference)
	}
	return out.Normal()
}

// Own returns the items that no activity of the pool brings.
func (c Copies) Own() []learnosity.Item {
	brought := map[string]bool{}
	for _, a := range c.Activities {
		for _, ref := range a.Items {
			brought[ref] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(c.Items), func(it learnosity.Item) bool { return brought[it.Reference] })
}
