package cli

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
)

const flagFailOnUnmanaged = "fail-on-unmanaged"

func (p *program) driftCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "drift",
		Usage:     "show what differs from what was applied; exits with 2 if anything does",
		ArgsUsage: "[PATH...]",
		Description: "Compares what poolsync applied with what the bank says now: fields changed\n" +
			"outside, pools written to, unpublished, vanished or halted. Unmanaged pools are\n" +
			"counted; --unmanaged lists them, by --status, --sort and --order. Changes of the manifests that are not\n" +
			"applied yet do not count. It cannot write.\n\nExample:\n   poolsync drift pools/ -o json=drift.json",
		Flags: slices.Concat(poolFlags(), listFlags(), []cli.Flag{
			&cli.BoolFlag{Name: flagUnmanaged, Usage: "list the pools that nobody declared or applied, instead of counting them"},
			&cli.BoolFlag{Name: flagFailOnUnmanaged, Usage: "exit with 2 for unmanaged pools, too"},
		}),
	}, runDrift)
}

func runDrift(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	doc := report.Drift{Drift: []diff.Drifted{}, Orphaned: []pool.Key{}, Unmanaged: []report.Listed{}, Changes: []diff.Change{}}
	if ok {
		x, ok = s.drift(ctx, c, &doc)
	}
	doc.ListUnmanaged = c.Bool(flagUnmanaged) || s.out.full
	doc.Head = x.head(s.head("drift"))
	return s.out.finish(document{json: func() any { return doc }, page: doc.Page, silent: !ok}, x)
}

func (s *session) drift(ctx context.Context, c *cli.Context, doc *report.Drift) (exit, bool) {
	q, err := listQuery(c)
	if err != nil {
		return usage("%w", err), false
	}
	if x, ok := s.load(ctx, false); !ok {
		return x, false
	}
	s.showFindings()
	if x, ok := s.connect(ctx, c); !ok {
		return x, false
	}
	s.tellOrigin()
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	snap, err := s.store.Read(ctx)
	if err != nil {
		return failed(ctx, err), false
	}
	r, err := s.compare(ctx, snap, false)
	if err != nil {
		return failed(ctx, err), false
	}
	s.noteLost(snap, r.Input)
	doc.Lost = s.lostState
	doc.Drift = append(doc.Drift, diff.Drift(r.Input)...)
	for _, b := range r.Input.Scope.Banks {
		q.Bank = b
		live, err := s.reader.Pools(ctx, q)
		if err != nil {
			return failed(ctx, err), false
		}
		live = slices.DeleteFunc(live, func(l pool.Live) bool { return s.declares(r, pool.Key{Bank: b, Reference: l.Reference}) })
		doc.Unmanaged = append(doc.Unmanaged, s.listed(live, snap, b, true)...)
	}
	x := s.driftExit(c, r, doc)
	unknown := r.Plan.Count(diff.Unknown)
	switch {
	case s.lost(snap, r.Input):
		x = exit{code: CodeChanges, reason: "the state is not what it was, so whether anything drifted cannot be told"}
	case unknown > 0 && x.code == CodeDone:
		x = exit{code: CodeChanges, reason: plural(unknown, "declared pool") + " without a record, which nobody vouches for"}
	}
	return x, true
}

// driftExit counts, and decides how drift ends.
func (s *session) driftExit(c *cli.Context, r apply.Made, doc *report.Drift) exit {
	for _, ch := range r.Plan.Changes {
		switch {
		case ch.Has(diff.Orphaned):
			doc.Orphaned = append(doc.Orphaned, ch.Key)
		case (len(ch.Calls) > 0 && ch.Wanted()) || ch.Has(diff.Unknown):
			doc.Changes = append(doc.Changes, ch)
		}
	}
	doc.Summary = report.DriftSummary{
		Managed: s.lookedAt(r, doc.Drift), Drifted: len(doc.Drift), Orphaned: len(doc.Orphaned), Unmanaged: len(doc.Unmanaged), Changes: len(doc.Changes),
	}
	switch {
	case len(doc.Drift) > 0:
		return exit{code: CodeChanges, reason: plural(len(doc.Drift), "pool") + " drifted"}
	case len(doc.Unmanaged) > 0 && c.Bool(flagFailOnUnmanaged):
		return exit{code: CodeChanges, reason: plural(len(doc.Unmanaged), "unmanaged pool")}
	default:
		return done("no drift")
	}
}

// lookedAt counts the managed pools that were compared: those that are declared,
// or that there was something to say of. Entries of other files, and what was
// retired, are not looked at.
func (s *session) lookedAt(r apply.Made, drifted []diff.Drifted) int {
	seen := map[pool.Key]bool{}
	for _, d := range r.Input.Declared {
		seen[d.Key] = true
	}
	for _, ch := range r.Plan.Changes {
		seen[ch.Key] = true
	}
	for _, x := range drifted {
		seen[x.Key] = true
	}
	n := 0
	for k, e := range r.Input.State {
		if seen[k] && e.Set == s.Set && e.Sent != nil && slices.Contains(r.Input.Scope.Banks, k.Bank) {
			n++
		}
	}
	return n
}

// declares reports whether a manifest of the set declares a pool: known to the
// state or not, that pool is not unmanaged.
func (s *session) declares(r apply.Made, k pool.Key) bool {
	_, declared := slices.BinarySearchFunc(r.Input.Declared, k, func(d pool.Declared, k pool.Key) int { return d.Key.Compare(k) })
	return declared || r.Input.Scope.Elsewhere[k]
}

// selects reports whether --only lets a pool through.
func (s *session) selects(r pool.Reference) bool { return len(s.Only) == 0 || diff.MatchAny(s.Only, r) }
