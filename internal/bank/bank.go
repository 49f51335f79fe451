// Package bank reads the item bank for a plan: the live records of pools, and
// the facts that only the bank can tell of what they hold. Keys and needs come
// in, values go out; it writes nothing.
package bank

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// Reader is what this package needs of the Data API.
type Reader interface {
	Pools(ctx context.Context, q learnosity.PoolsQuery) ([]pool.Live, error)
	Items(ctx context.Context, q learnosity.ItemsQuery) ([]learnosity.Item, error)
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

// Facts answers needs. A pool that cannot be looked into, for whatever reason, is
// answered as not readable; only the end of the context, and a bank whose items
// cannot be read, end the gathering.
func Facts(ctx context.Context, r Reader, needs []diff.Need) (map[pool.Key]diff.Facts, error) {
	held := make([]diff.Facts, len(needs))
	inPool := make([][]string, len(needs))
	errs, err := follow.Each(ctx, len(needs), func(ctx context.Context, i int) (err error) {
		held[i], inPool[i], err = look(ctx, r, needs[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			held[i] = diff.Facts{Reason: err.Error()}
		}
	}
	records, err := carriers(ctx, r, needs, inPool)
	if err != nil {
		return nil, err
	}
	out := make(map[pool.Key]diff.Facts, len(needs))
	for i, n := range needs {
		f := held[i]
		for _, ref := range inPool[i] {
			if c, ok := records[n.Bank][ref]; ok {
				f.Carriers = append(f.Carriers, c)
			}
		}
		out[n.Key] = f
	}
	return out, nil
}

// look reads what of the asked references is in the pool, and which candidates
// for a carrier are.
func look(ctx context.Context, r Reader, n diff.Need) (diff.Facts, []string, error) {
	f := diff.Facts{Readable: true}
	ask := n.Members
	if n.Carrier && !n.Trusted {
		ask = ask.Union(pool.Content{Items: n.Items})
	}
	candidates := n.Items
	held, err := follow.Members(ctx, r, n.Key, ask)
	if err == nil && n.Carrier && len(n.Items) == 0 {
		candidates, err = anyItems(ctx, r, n.Key)
	}
	f.Members = held
	switch {
	case !n.Carrier:
		return f, nil, err
	case !n.Trusted && len(n.Items) > 0:
		return f, held.Items, err
	}
	return f, candidates, err
}

// anyItems gives the first page of the pool's published items.
func anyItems(ctx context.Context, r Reader, k pool.Key) ([]string, error) {
	items, err := r.Items(ctx, learnosity.ItemsQuery{Bank: k.Bank, Pool: k.Reference, Status: []pool.Status{pool.Published}, FirstPage: true})
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, it := range items {
		refs = append(refs, it.Reference)
	}
	slices.Sort(refs)
	return refs, nil
}

// carriers reads the candidates of all needs in the bank, 50 a call.
func carriers(ctx context.Context, r Reader, needs []diff.Need, inPool [][]string) (map[pool.Bank]map[string]diff.Carrier, error) {
	wanted := map[pool.Bank][]string{}
	for i, n := range needs {
		wanted[n.Bank] = append(wanted[n.Bank], inPool[i]...)
	}
	out := map[pool.Bank]map[string]diff.Carrier{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for b, refs := range wanted {
		slices.Sort(refs)
		refs = slices.Compact(refs)
		if len(refs) == 0 {
			continue
		}
		g.Go(func() error {
			items, err := r.Items(ctx, learnosity.ItemsQuery{Bank: b, References: refs, WithUpdated: true})
			if err != nil {
				return err
			}
			found := make(map[string]diff.Carrier, len(items))
			for _, it := range items {
				found[it.Reference] = diff.Carrier{Reference: it.Reference, Published: it.Status == pool.Published, Updated: parseTime(it.Updated)}
			}
			mu.Lock()
			defer mu.Unlock()
			out[b] = found
			return nil
		})
	}
	return out, g.Wait()
}

// parseTime reads a time as the API writes it, with or without a zone (then
// UTC). Anything else is the zero time: not known.
func parseTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
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
