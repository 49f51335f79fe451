package learnosity

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

const endpointPools = "itembank/pools"

// PoolsQuery asks for item pools of a bank.
type PoolsQuery struct {
	// Bank is the item bank; pool.Primary leaves organisation_id out.
	Bank pool.Bank

	// References limits the answer to these; none of them means every pool.
	References []pool.Reference

	// Status limits the answer to these statuses; none means all.
	Status []pool.Status

	// Sort is "asc" or "desc", SortField "created" or "updated": the order of a
	// listing. Left empty, a listing goes from the oldest pool to the newest, so
	// that one created meanwhile does not shift the pages.
	Sort, SortField string
}

// Pools lists item pools ("Get Pools"). Given references, it takes one call for
// every 50 of them and drops what was not asked for, but keeps a pool whose
// reference differs in letter case only, since that is one that the caller has
// to know of. A pool that does not exist is left out. The error is an *Error.
func (r *Reader) Pools(ctx context.Context, q PoolsQuery) ([]pool.Live, error) {
	l := q.pools()
	references := texts(q.References)
	if len(references) == 0 {
		return l.oldestFirst().whole(ctx, r.conn)
	}
	found, err := l.chunks(ctx, r.conn, references)
	if e, ok := errors.AsType[*Error](err); ok && e.refusesRequest() {
		// What a get does that names an unknown reference is not documented. If
		// it is refused, the listing still tells which pools there are.
		found, err = l.oldestFirst().whole(ctx, r.conn)
	}
	if err != nil {
		return nil, err
	}
	return askedFor(found, references, func(p pool.Live) string { return string(p.Reference) }), nil
}

// EachPool lists every pool of a bank, page by page, without keeping what it read.
// References are not looked at. A pool may come twice, if it moved meanwhile. An
// error, an *Error, ends the listing.
func (r *Reader) EachPool(ctx context.Context, q PoolsQuery) iter.Seq2[pool.Live, error] {
	return q.pools().oldestFirst().each(ctx, r.conn, nil, func(found []pool.Live) []pool.Live { return found })
}

func (q PoolsQuery) pools() listing[pool.Live] {
	return listing[pool.Live]{
		call: get("get pools", endpointPools, q.Bank), decode: decodePool, narrow: byReference,
		params: params{Bank: q.Bank, Status: texts(q.Status), Sort: q.Sort, SortField: q.SortField},
	}
}

func (l listing[T]) oldestFirst() listing[T] {
	if l.params.Sort == "" && l.params.SortField == "" {
		l.params.Sort, l.params.SortField = "asc", "created"
	}
	return l
}

// askedFor keeps the records whose reference was asked for, in any letter case.
func askedFor[T any](found []T, references []string, reference func(T) string) []T {
	asked := make(map[string]bool, len(references))
	for _, r := range references {
		asked[strings.ToLower(r)] = true
	}
	out := found[:0]
	for _, f := range found {
		if asked[strings.ToLower(reference(f))] {
			out = append(out, f)
		}
	}
	return out
}

func decodePool(raw json.RawMessage) (pool.Live, string, error) {
	r, err := object(raw, "reference")
	if err != nil {
		return pool.Live{}, "", err
	}
	p := pool.Live{
		Reference: pool.Reference(r.text("reference")), Name: r.text("name"),
		Description: r.text("description"), Status: pool.Status(r.text("status")),
		Created: r.text("dt_created"), Updated: r.text("dt_updated"),
	}
	return p, string(p.Reference), nil
}
