// Package planner makes plans: it settles what the state has in doubt as far as
// reading can tell, reads the bank, and compares both with what is declared. What
// comes in are declared pools, a state and a reader of the bank; what goes out is
// a plan and what was settled on the way. It writes nothing, neither to the bank
// nor to the state.
package planner

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
	"github.com/poolsync/poolsync/internal/state"
)

// Reader is what planning needs of the Data API.
type Reader interface {
	follow.Reader
	bank.Reader
	// ServerTime is the server's time, once an answer has told it.
	ServerTime() (time.Time, bool)
}

// Planner makes plans.
type Planner struct {
	Reader   Reader
	Log      *slog.Logger
	Now      func() time.Time // the server's time as far as it is known
	Declared []pool.Declared
	Options  diff.Options
	// Selects limits the unmanaged pools that are listed; nil means all.
	Selects func(pool.Reference) bool
	// SkipVerify leaves out looking references up when a call is settled.
	SkipVerify bool
}

// Made is a plan, what it was made of, and the calls of earlier runs that were
// settled on the way.
type Made struct {
	Input   diff.Input
	Plan    diff.Plan
	Settled []settle.Result
}

// Make makes a plan for a state. Listed asks for the whole bank, so that unmanaged
// pools show. The state stays as it is.
func (p Planner) Make(ctx context.Context, snap state.Snapshot, scope diff.Scope, listed bool) (Made, error) {
	snap = snap.Clone()
	keys := p.keys(snap, scope)
	settled, err := p.settle(ctx, snap, keys)
	if err != nil {
		return Made{}, err
	}
	m := Made{Settled: settled, Input: diff.Input{
		Declared: p.Declared, State: snap.Entries, StateVersion: snap.Version, Scope: scope, Options: p.Options, Listed: listed,
		Unsettled: unsettled(settled),
	}}
	if err := p.readLive(ctx, &m.Input, keys); err != nil {
		return m, err
	}
	m.Input.Now = p.Now()
	if m.Plan = diff.Compare(m.Input); len(m.Plan.Needs) == 0 {
		return m, nil
	}
	if m.Input.Facts, err = bank.Facts(ctx, p.Reader, m.Plan.Needs); err != nil {
		return m, err
	}
	m.Plan = diff.Compare(m.Input)
	return m, nil
}

// keys are the pools that the comparison is about: the declared ones, and those
// of the state that may be orphaned.
func (p Planner) keys(snap state.Snapshot, scope diff.Scope) []pool.Key {
	seen := make(map[pool.Key]bool, len(p.Declared))
	keys := make([]pool.Key, 0, len(p.Declared))
	add := func(k pool.Key) {
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	for _, d := range p.Declared {
		add(d.Key)
	}
	if scope.NoOrphans {
		return keys
	}
	for _, k := range snap.Keys() {
		if snap.Entries[k].Set == scope.Set && slices.Contains(scope.Banks, k.Bank) {
			add(k)
		}
	}
	return keys
}

// settle clears doubts in a copy of the state, without waiting.
func (p Planner) settle(ctx context.Context, snap state.Snapshot, keys []pool.Key) ([]settle.Result, error) {
	var pending []pool.Entry
	for _, k := range keys {
		if e, ok := snap.Entries[k]; ok && e.Pending != nil {
			pending = append(pending, e)
		}
	}
	if len(pending) == 0 {
		return nil, nil
	}
	if _, known := p.Reader.ServerTime(); !known {
		// Settling measures ages in server time, which any answer tells.
		if _, err := p.Reader.Pools(ctx, learnosity.PoolsQuery{Bank: pending[0].Bank, References: []pool.Reference{pending[0].Reference}}); err != nil {
			return nil, err
		}
	}
	settler := settle.Settler{Reader: p.Reader, Log: p.Log, Now: p.Now, SkipVerify: p.SkipVerify}
	results, err := settler.Settle(ctx, pending)
	if err != nil {
		return nil, fmt.Errorf("find out what became of the calls of an earlier run (%d): %w", len(pending), err)
	}
	for _, r := range results {
		if settle.Empty(r.Entry) {
			delete(snap.Entries, r.Entry.Key)
		} else {
			snap.Entries[r.Entry.Key] = r.Entry
		}
	}
	return results, nil
}

// unsettled takes what could not be settled out of the results.
func unsettled(results []settle.Result) map[pool.Key]diff.Unsettled {
	out := map[pool.Key]diff.Unsettled{}
	for _, r := range results {
		if r.Entry.Pending != nil {
			out[r.Entry.Key] = diff.Unsettled{Running: r.Verdict == settle.Running, Reason: r.Reason}
		}
	}
	return out
}
