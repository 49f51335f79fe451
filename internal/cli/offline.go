package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

const flagOffline = "offline"

// offlineOnly refuses flags that only the bank can answer.
func offlineOnly(c *cli.Context) (exit, bool) {
	for _, flag := range []string{flagUnmanaged, flagExpectPlan, flagResolve} {
		if c.Bool(flagOffline) && c.IsSet(flag) {
			return usage("--%s asks nothing of the bank, and --%s needs its answers", flagOffline, flag).hint("leave one of them out"), false
		}
	}
	return exit{}, true
}

// planOffline compares what is declared with what was recorded: the bank is taken
// to be as it was read back last. It needs no credentials, and what it shows is
// no plan that could be carried out, so that it has no digest.
func (s *session) planOffline(ctx context.Context, c *cli.Context) (diff.Plan, exit, bool) {
	if x, ok := s.open(ctx, c); !ok {
		return diff.Plan{}, x, false
	}
	s.tellOrigin()
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	snap, err := s.store.Read(ctx)
	if err != nil {
		return diff.Plan{}, failed(ctx, err), false
	}
	s.held = holderOf(snap.Holder)
	scope, err := s.scope(ctx, snap)
	if err != nil {
		return diff.Plan{}, failed(ctx, err), false
	}
	s.offline = &report.Offline{RecordedAt: lastRecorded(snap, s.Set)}
	in := diff.Input{
		Declared: s.declared, State: snap.Entries, StateVersion: snap.Version, Scope: scope, Options: s.options, Now: time.Now(),
		Live: map[pool.Key]pool.Live{}, Twins: map[pool.Key]pool.Live{}, Unsettled: map[pool.Key]diff.Unsettled{},
	}
	for k, e := range snap.Entries {
		if l, ok := recordedPool(e); ok {
			in.Live[k] = l
		}
		if e.Pending != nil {
			in.Unsettled[k] = diff.Unsettled{Running: true, Reason: "only the bank can tell what became of it"}
		}
	}
	plan := diff.Compare(in)
	if len(plan.Needs) > 0 {
		in.Facts = recordedFacts(plan.Needs, snap, s.declared)
		plan = diff.Compare(in)
	}
	if x, ok := s.lifts(plan); !ok {
		return diff.Plan{}, x, false
	}
	plan.Digest = ""
	for i := range plan.Changes {
		ch := &plan.Changes[i]
		ch.Fingerprint, ch.Evidence.Live, ch.Evidence.ReadAt = "", nil, ""
	}
	x := planExit(c, plan)
	if x.code == CodeDone {
		x.reason = "compared with what was recorded; the bank was not asked"
	}
	return plan, x, true
}

// recordedPool is a pool as it was read back after our last job.
func recordedPool(e pool.Entry) (pool.Live, bool) {
	switch {
	case e.ReadBack != nil:
		return *e.ReadBack, true
	case e.Sent != nil:
		return pool.Live{Reference: e.Reference, Name: e.Sent.Name, Description: e.Sent.Description, Status: e.Sent.Status}, true
	}
	return pool.Live{}, false
}

// recordedFacts answers what only the bank can tell as the state has it: a pool
// holds what it was sent, and nothing was edited since.
func recordedFacts(needs []diff.Need, snap state.Snapshot, declared []pool.Declared) map[pool.Key]diff.Facts {
	out := make(map[pool.Key]diff.Facts, len(needs))
	added := map[pool.Key]pool.Content{}
	for _, d := range declared {
		if e := snap.Entries[d.Key]; e.Sent != nil {
			added[d.Key] = d.Content.Minus(e.Sent.Content)
		}
	}
	for _, n := range needs {
		f := diff.Facts{Readable: true, Members: n.Members.Minus(added[n.Key])}
		for _, item := range n.Items {
			f.Carriers = append(f.Carriers, diff.Carrier{Reference: item, Published: true, Updated: n.Copied.Add(-time.Second)})
		}
		if e := snap.Entries[n.Key]; len(n.Items) == 0 && n.Carrier && e.Sent != nil {
			f.Carriers = []diff.Carrier{{Reference: "recorded", Published: true, Updated: n.Copied.Add(-time.Second)}}
		}
		out[n.Key] = f
	}
	return out
}

// lastRecorded is when something was applied last; zero if nothing ever was.
func lastRecorded(snap state.Snapshot, set string) time.Time {
	var last time.Time
	for _, e := range snap.Entries {
		if e.Set == set && e.AppliedAt != nil && e.AppliedAt.After(last) {
			last = *e.AppliedAt
		}
	}
	return last
}
