package apply

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// Reader is what planning needs of the Data API.
type Reader interface {
	outcome.Reader
	bank.Reader
	// ServerTime is the server's time, once an answer has told it.
	ServerTime() (time.Time, bool)
}

// Planner makes plans: it settles what the state has in doubt as far as one look
// tells, reads the bank, and compares both with what is declared. It writes nothing.
type Planner struct {
	Reader   Reader
	Log      *slog.Logger
	Now      func() time.Time // the server's time as far as it is known
	Declared []pool.Declared
	Options  diff.Options
	// Selects limits the unmanaged pools that are listed; nil means all.
	Selects func(pool.Reference) bool
	// Written are the pools that earlier rounds of the run have changed.
	Written map[pool.Key]bool
	// SkipVerify leaves out looking references up when a call is settled.
	SkipVerify bool
}

// Made is a plan, what it was made of, and the calls of earlier runs that were
// settled on the way.
type Made struct {
	Input   diff.Input
	Plan    diff.Plan
	Settled []outcome.Settled
}

// Make makes a plan for a state. Listed asks for the whole bank, so that unmanaged
// pools show. The state stays as it is.
func (p Planner) Make(ctx context.Context, snap state.Snapshot, scope diff.Scope, listed bool) (Made, error) {
	return p.make(ctx, snap, scope, listed, nil)
}

// make is Make in the midst of a run: calls that the waiter has are not settled here.
func (p Planner) make(ctx context.Context, snap state.Snapshot, scope diff.Scope, listed bool, w *outcome.Waiter) (Made, error) {
	snap = snap.Clone()
	keys := p.keys(snap, scope)
	m := Made{Input: diff.Input{
		Declared: p.Declared, StateVersion: snap.Version, Scope: scope, Options: p.Options, Written: p.Written, Listed: listed, Unsettled: map[pool.Key]diff.Unsettled{},
	}}
	var err error
	if m.Settled, err = p.settle(ctx, snap, keys, w); err != nil {
		return Made{}, err
	}
	m.Input.State = snap.Entries
	for _, s := range m.Settled {
		if s.Entry.Pending != nil {
			m.Input.Unsettled[s.Entry.Key] = diff.Unsettled{Running: s.Status == outcome.Running, Reason: s.Reason}
		}
	}
	if err := p.readLive(ctx, &m.Input, keys); err != nil {
		return m, err
	}
	if err := p.awaitFresh(ctx, &m.Input, keys); err != nil {
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

// freshTime is how long after its last call a pool that is absent may be hidden by a
// replica that lags.
const freshTime = time.Minute

// awaitFresh reads pools again that were applied a moment ago and are absent: taken
// for vanished they would be created once more.
func (p Planner) awaitFresh(ctx context.Context, in *diff.Input, asked []pool.Key) error {
	sought := make(map[pool.Key]bool, len(asked))
	for _, k := range asked {
		sought[k] = true
	}
	hidden := func() (keys []pool.Key) {
		for k, e := range in.State {
			if _, live := in.Live[k]; !live && sought[k] && e.Sent != nil && e.AppliedAt != nil && p.Now().Sub(*e.AppliedAt) < freshTime {
				keys = append(keys, k)
			}
		}
		return keys
	}
	if len(hidden()) == 0 {
		return nil
	}
	return outcome.Poll(ctx, p.Log, func(ctx context.Context) (bool, error) {
		records, err := bank.Live(ctx, p.Reader, hidden())
		maps.Copy(in.Live, records.Live)
		return len(hidden()) == 0, err
	})
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
func (p Planner) settle(ctx context.Context, snap state.Snapshot, keys []pool.Key, w *outcome.Waiter) ([]outcome.Settled, error) {
	var pending []pool.Entry
	for _, k := range keys {
		if e, ok := snap.Entries[k]; ok && e.Pending != nil && (w == nil || !w.Awaits(k)) {
			pending = append(pending, e)
		}
	}
	if len(pending) == 0 {
		return nil, nil
	}
	if _, known := p.Reader.ServerTime(); !known {
		// Ages are measured in server time, which any answer tells.
		if _, err := p.Reader.Pools(ctx, learnosity.PoolsQuery{Bank: pending[0].Bank, References: []pool.Reference{pending[0].Reference}}); err != nil {
			return nil, err
		}
	}
	o := outcome.Observer{Reader: p.Reader, Now: p.Now, SkipVerify: p.SkipVerify, Known: outcome.Recorded(snap.Entries)}
	for _, e := range pending {
		delete(o.Known, e.Pending.Job)
	}
	settled, err := o.Settle(ctx, pending)
	if err != nil {
		return nil, fmt.Errorf("find out what became of the calls of an earlier run (%d): %w", len(pending), err)
	}
	for _, s := range settled {
		if outcome.Empty(s.Entry) {
			delete(snap.Entries, s.Entry.Key)
		} else {
			snap.Entries[s.Entry.Key] = s.Entry
		}
	}
	return settled, nil
}
