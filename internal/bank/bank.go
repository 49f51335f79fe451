// Package bank reads the item bank: the live records of pools, what they hold, and
// the facts that only the bank can tell of both. It is the only reader of either.
// Keys and needs come in, values go out; it writes nothing.
package bank

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// PoolReader reads records of pools.
type PoolReader interface {
	Pools(ctx context.Context, q learnosity.PoolsQuery) ([]pool.Live, error)
}

// MemberReader reads what a pool holds.
type MemberReader interface {
	Items(ctx context.Context, q learnosity.ItemsQuery) ([]learnosity.Item, error)
	Activities(ctx context.Context, q learnosity.ActivitiesQuery) ([]learnosity.Activity, error)
}

// Reader is what this package needs of the Data API.
type Reader interface {
	PoolReader
	MemberReader
	ItemsPage(ctx context.Context, q learnosity.ItemsQuery, from string) ([]learnosity.Item, string, error)
}

// Records are live records by key. Twins are records whose reference differs
// from an asked one in letter case only, by the asked key.
type Records struct {
	Live  map[pool.Key]pool.Live
	Twins map[pool.Key]pool.Live
}

// Live reads the live records of the keys: one get for every 50 pools of a bank.
// A pool that does not exist is missing.
func Live(ctx context.Context, r PoolReader, keys []pool.Key) (Records, error) {
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

// All reads the live records of every pool of a bank.
func All(ctx context.Context, r PoolReader, b pool.Bank) (map[pool.Key]pool.Live, error) {
	records, err := r.Pools(ctx, learnosity.PoolsQuery{Bank: b})
	out := make(map[pool.Key]pool.Live, len(records))
	for _, l := range records {
		out[pool.Key{Bank: b, Reference: l.Reference}] = l
	}
	return out, err
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
