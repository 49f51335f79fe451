package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/state"
)

// compare makes a plan of the session's manifests for a state.
func (s *session) compare(ctx context.Context, snap state.Snapshot, listed bool) (apply.Made, error) {
	scope, err := s.checkedScope(ctx, snap)
	if err != nil {
		return apply.Made{}, err
	}
	return s.planner().Make(ctx, snap, scope, listed)
}

func (s *session) planner() apply.Planner {
	return apply.Planner{
		Reader: s.reader, Log: s.p.log, Now: s.now, Declared: s.declared, Options: s.options, Selects: s.selects, SkipVerify: s.skipVerify,
	}
}

// checkedScope says whose pools the run is about, unless the state is about others.
func (s *session) checkedScope(ctx context.Context, snap state.Snapshot) (diff.Scope, error) {
	if err := s.checkKey(snap); err != nil {
		return diff.Scope{}, err
	}
	scope, err := s.scope(ctx, snap)
	if err != nil {
		return scope, err
	}
	if err := s.warnFreeze(ctx, snap); err != nil {
		return scope, err
	}
	if err := s.checkBanks(snap); err != nil {
		return scope, err
	}
	s.p.shows.enter(s.reading(snap))
	return scope, nil
}

// reading says what a comparison waits for.
func (s *session) reading(snap state.Snapshot) string {
	pending := 0
	for _, e := range snap.Entries {
		if e.Pending != nil && e.Set == s.Set {
			pending++
		}
	}
	if pending > 0 {
		return "finding out what became of " + plural(pending, "earlier call")
	}
	return "reading " + plural(len(s.declared), "pool") + " of the bank"
}

// checkKey refuses a state whose primary bank is that of another consumer key.
func (s *session) checkKey(snap state.Snapshot) error {
	if snap.KeyHash == "" || snap.KeyHash == s.keyHash() || !slices.Contains(s.banks(), pool.Primary) {
		return nil
	}
	return &guardError{
		message: "the state's primary item bank is that of another consumer key",
		hint:    "use that key, name the bank by --organisation-id, or keep another state by --state",
	}
}

// checkBanks refuses to take an empty set of manifests for a run about the key's
// primary bank, if the pools that the set is to let go of lie in other ones.
func (s *session) checkBanks(snap state.Snapshot) error {
	if len(s.manifest.Pools)+len(s.manifest.Banks) > 0 || s.Bank != pool.Primary {
		return nil
	}
	for _, k := range snap.Keys() {
		if snap.Entries[k].Set == s.Set && k.Bank != pool.Primary {
			return &adviceError{
				fmt.Sprintf("nothing is declared that names an item bank, and manifest set %q has pools in item bank %s", s.Set, k.Bank),
				fmt.Sprintf("say which bank is meant: --organisation-id %s", k.Bank),
			}
		}
	}
	return nil
}

func (s *session) keyHash() string { return state.HashKey(s.p.Getenv(learnosity.EnvKey)) }

// scope says whose pools the run is about. Pools that other configured manifests
// declare are not orphans of this run.
func (s *session) scope(ctx context.Context, snap state.Snapshot) (diff.Scope, error) {
	history, err := s.history(ctx, snap.Entries)
	if err != nil && !s.options.AllowOlder {
		return diff.Scope{}, err
	}
	sc := diff.Scope{
		History: history, Set: s.Set, Banks: s.banks(), Commit: s.origin.head.Commit, CommitTime: s.origin.at(), NoOrphans: len(s.Only) > 0,
	}
	if len(s.Only) > 0 {
		sc.Elsewhere = map[pool.Key]bool{}
		for _, d := range s.manifest.Pools {
			sc.Elsewhere[d.Key] = true
		}
	}
	if !s.Part {
		return sc, nil
	}
	for _, path := range s.Paths {
		sc.Under = append(sc.Under, s.Recorded(path))
	}
	if sc.NoOrphans || !s.mayOrphan(snap, sc) {
		return sc, nil
	}
	recorded := map[string]bool{}
	for _, e := range snap.Entries {
		if e.Set == s.Set {
			recorded[e.File] = true
		}
	}
	extent := s.Whole(slices.Sorted(maps.Keys(recorded)))
	keys, found, err := manifest.Declared(ctx, manifest.Options{Paths: extent, Root: s.Base, Config: s.Config})
	if err != nil {
		return sc, err
	}
	if found.HasErrors() {
		sc.NoOrphans = true
		s.orphansUnknown(found, extent)
		return sc, nil
	}
	sc.Elsewhere = map[pool.Key]bool{}
	for k := range keys {
		if k.Bank == pool.Primary {
			k.Bank = s.Bank
		}
		sc.Elsewhere[k] = true
	}
	return sc, nil
}

// orphansUnknown says that some manifest of the set cannot be read, so that what
// is no longer declared is not known.
func (s *session) orphansUnknown(found source.Diagnostics, extent []string) {
	i := slices.IndexFunc(found, func(d source.Diagnostic) bool { return d.Severity == source.Error })
	d := source.Diagnostic{
		Position: found[i].Position, Severity: source.Warning, Rule: "extent-unread",
		Message: fmt.Sprintf("what is no longer declared cannot be told, since a manifest of the set is not valid: %s", found[i].Message),
		Hint:    "poolsync validate " + strings.Join(extent, " ") + " shows all findings",
	}
	if !slices.ContainsFunc(s.found, func(x source.Diagnostic) bool { return x.Rule == d.Rule }) {
		s.found = append(s.found, d)
		s.p.say("warning: %s: %s", d.Position, d.Message)
		s.p.say("hint: %s", d.Hint)
	}
}

// mayOrphan reports whether the state has pools of this scope that are not
// declared under the paths that were given.
func (s *session) mayOrphan(snap state.Snapshot, sc diff.Scope) bool {
	declared := make(map[pool.Key]bool, len(s.declared))
	for _, d := range s.declared {
		declared[d.Key] = true
	}
	for k, e := range snap.Entries {
		if e.Set == sc.Set && slices.Contains(sc.Banks, k.Bank) && !declared[k] {
			return true
		}
	}
	return false
}

// planDocument puts a plan into the form in which it is printed.
func (s *session) planDocument(command string, plan diff.Plan) report.Plan {
	changes := plan.Changes
	if changes == nil {
		changes = []diff.Change{}
	}
	return report.Plan{
		Head: s.head(command),
		Set:  s.Set, Digest: plan.Digest, Summary: report.SummaryOf(plan), Calls: report.CallsOf(apply.Calls(plan)),
		Changes: changes, Files: len(s.manifest.Files), Pools: plan.Declared, Offline: s.offline, HeldBy: s.held, Lost: s.lostState,
	}
}

// holderOf puts who holds the state into the form in which it is printed.
func holderOf(h *state.Holder) *report.Holder {
	if h == nil {
		return nil
	}
	out := &report.Holder{Who: h.Who, Where: h.Where, Run: h.Run, Since: h.Since}
	if !h.Until.IsZero() {
		out.Until = &h.Until
	}
	return out
}
