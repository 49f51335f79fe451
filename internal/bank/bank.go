// Package bank reads the item bank for a plan: the live records of pools, and
// the facts that only the bank can tell of what they hold. Keys and needs come
// in, values go out; it writes nothing.
package bank

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// Reader is what this package needs of the Data API.
type Reader interface {
	Pools(ctx context.Context, q learnosity.PoolsQuery) ([]pool.Live, error)
	Items(ctx context.Context, q learnosity.ItemsQuery) ([]learnosity.Item, error)
	ItemsPage(ctx context.Context, q learnosity.ItemsQuery, from string) ([]learnosity.Item, string, error)
	Activities(ctx context.Context, q learnosity.ActivitiesQuery) ([]learnosity.Activity, error)
}

// Records are live records by key. Twins are records whose reference differs
// from an asked one in letter case only, by the asked key.
type Records struct {
	Live  map[pool.Key]pool.Live
	Twins map[pool.Key]pool.Live
}

// Read gives the live records of the keys: one get for every 50 pools of a bank.
func Read(ctx context.Context, r Reader, keys []pool.Key) (Records, error) {
	banks := map[pool.Bank][]pool.Reference{}
	for _, k := range keys {
		banks[k.Bank] = append(banks[k.Bank], k.Reference)
	}
	out := Records{Live: make(map[pool.Key]pool.Live, len(keys)), Twins: map[pool.Key]pool.Live{}}
	for _, b := range slices.Sorted(maps.Keys(banks)) {
		records, err := r.Pools(ctx, learnosity.PoolsQuery{Bank: b, References: banks[b]})
		if err != nil {
			return out, err
		}
		out.take(b, banks[b], records)
	}
	return out, nil
}

// take files records under the references that were asked for.
func (o Records) take(b pool.Bank, asked []pool.Reference, records []pool.Live) {
	exact := make(map[pool.Reference]bool, len(asked))
	var folded map[string]pool.Reference
	for _, r := range asked {
		exact[r] = true
	}
	for _, l := range records {
		if exact[l.Reference] {
			o.Live[pool.Key{Bank: b, Reference: l.Reference}] = l
			continue
		}
		if folded == nil {
			folded = make(map[string]pool.Reference, len(asked))
			for _, r := range asked {
				folded[strings.ToLower(string(r))] = r
			}
		}
		if r, ok := folded[strings.ToLower(string(l.Reference))]; ok {
			o.Twins[pool.Key{Bank: b, Reference: r}] = l
		}
	}
}

// Holds gives all items and activities of a pool (itembank/items and
// itembank/activities, get, item_pool_id).
func Holds(ctx context.Context, r Reader, k pool.Key) (pool.Content, error) {
	var held pool.Content
	items, err := r.Items(ctx, learnosity.ItemsQuery{Bank: k.Bank, Pool: k.Reference})
	if err != nil {
		return held, err
	}
	for _, it := range items {
		held.Items = append(held.Items, it.Reference)
	}
	activities, err := r.Activities(ctx, learnosity.ActivitiesQuery{Bank: k.Bank, Pool: k.Reference})
	if err != nil {
		return held, err
	}
	for _, a := range activities {
		held.Activities = append(held.Activities, a.Reference)
	}
	return held.Normal(), nil
}
