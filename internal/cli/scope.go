package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/planner"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/state"
)

// compare makes a plan of the session's manifests for a state.
func (s *session) compare(ctx context.Context, snap state.Snapshot, listed bool) (planner.Made, error) {
	if err := s.checkKey(snap); err != nil {
		return planner.Made{}, err
	}
	scope, err := s.scope(ctx, snap)
	if err != nil {
		return planner.Made{}, err
	}
	if err := s.checkBanks(snap); err != nil {
		return planner.Made{}, err
	}
	s.p.shows.enter(s.reading(snap))
	p := planner.Planner{
		Reader: s.reader, Log: s.p.log, Now: s.now, Declared: s.declared, Options: s.options, Selects: s.selects, SkipVerify: s.skipVerify,
	}
	return p.Make(ctx, snap, scope, listed)
}

// reading says what a comparison waits for.
func (s *session) reading(snap state.Snapshot) string {
	pending := 0
	for _, e := range snap.Entries {
		if e.Pending != nil && e.Set == s.set {
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
	if len(s.manifest.Pools)+len(s.manifest.Banks) > 0 || s.bank != pool.Primary {
		return nil
	}
	for _, k := range snap.Keys() {
		if snap.Entries[k].Set == s.set && k.Bank != pool.Primary {
			return &adviceError{
				fmt.Sprintf("nothing is declared that names an item bank, and manifest set %q has pools in item bank %s", s.set, k.Bank),
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
	sc := diff.Scope{
		Set: s.set, Banks: s.banks(), Commit: s.commit.hash, CommitTime: s.commit.at, NoOrphans: len(s.only) > 0,
	}
	if len(s.only) > 0 {
		sc.Elsewhere = map[pool.Key]bool{}
		for _, d := range s.manifest.Pools {
			sc.Elsewhere[d.Key] = true
		}
	}
	if !s.given {
		return sc, nil
	}
	for _, path := range s.paths {
		sc.Under = append(sc.Under, s.recorded(path))
	}
	beside := s.beside()
	if len(beside) == 0 || sc.NoOrphans || !s.mayOrphan(snap, sc) {
		return sc, nil
	}
	all, found, err := manifest.Load(ctx, manifest.Options{Paths: beside, Config: s.config.File})
	if err != nil {
		return sc, err
	}
	// Where nothing is configured, a folder may hold YAML of all sorts. Reading
	// what can be read is enough to tell of orphans, and not enough to retire them.
	if found.HasErrors() && (len(s.config.Manifests) > 0 || s.options.Prune) {
		return sc, s.orphansUnknown(found)
	}
	sc.Elsewhere = map[pool.Key]bool{}
	for _, d := range all.Pools {
		if d.Bank == pool.Primary {
			d.Bank = s.bank
		}
		sc.Elsewhere[d.Key] = true
	}
	return sc, nil
}

// beside are the manifests in which a pool may be declared that the given ones do
// not declare: the configured ones, or what lies in the same folder as a file
// that was given.
func (s *session) beside() []string {
	if len(s.config.Manifests) > 0 {
		return s.configured()
	}
	var out []string
	for _, path := range s.paths {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		for _, pattern := range []string{"*.yaml", "*.yml"} {
			found, err := filepath.Glob(filepath.Join(filepath.Dir(path), pattern))
			if err == nil {
				out = append(out, found...)
			}
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return strings.HasPrefix(filepath.Base(name), ".") })
}

// orphansUnknown is the error for manifests beside those of this run that cannot
// be read, so that what they declare is not known.
func (s *session) orphansUnknown(found source.Diagnostics) error {
	i := slices.IndexFunc(found, func(d source.Diagnostic) bool { return d.Severity == source.Error })
	where, hint := "the manifests that "+s.config.File+" names", "poolsync validate without a PATH shows all findings"
	if len(s.config.Manifests) == 0 {
		where, hint = "the files beside "+strings.Join(s.paths, ", "), "name the manifests of this set in poolsync.yaml: manifests: [pools]"
	}
	return &adviceError{fmt.Sprintf("%s are not all valid, so what is orphaned cannot be told: %s", where, found[i]), hint}
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
		Head: report.Head{Command: command, Target: s.target(), Diagnostics: s.found},
		Set:  s.set, Digest: plan.Digest, Summary: report.SummaryOf(plan), Calls: report.CallsOf(apply.Calls(plan)),
		Changes: changes, Files: len(s.manifest.Files), Pools: plan.Declared, Offline: s.offline, HeldBy: s.held,
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
