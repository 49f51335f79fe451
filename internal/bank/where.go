package bank

import (
	"context"

	"github.com/poolsync/poolsync/internal/pool"
)

// Holder is a live pool, and what of the references asked for it holds.
type Holder struct {
	pool.Live
	Held   pool.Content
	Reason string // why it could not be looked into
}

// Where looks for references in pools: as items and as activities, 50 a call.
func Where(ctx context.Context, r MemberReader, b pool.Bank, pools []pool.Live, refs []string) ([]Holder, error) {
	out := make([]Holder, len(pools))
	asked := pool.Content{Items: refs, Activities: refs}
	errs, err := Each(ctx, len(pools), func(ctx context.Context, i int) (err error) {
		out[i].Live = pools[i]
		out[i].Held, err = Members(ctx, r, pool.Key{Bank: b, Reference: pools[i].Reference}, asked)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, err := range errs {
		switch {
		case err != nil:
			out[i].Live, out[i].Reason = pools[i], "it cannot be looked into: "+err.Error()
		case pools[i].Status == pool.Pending:
			out[i].Reason = "a job is running on it: what it holds may change"
		}
	}
	return out, nil
}
