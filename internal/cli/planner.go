package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/settle"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/state"
)

// read is what a comparison was made of.
type read struct {
	input   diff.Input
	plan    diff.Plan
	settled []settle.Result
}

// compare settles what is in doubt as far as reading can tell, reads the bank,
// and compares. listed asks for the whole bank, so that unmanaged pools show.
func (s *session) compare(ctx context.Context, snap state.Snapshot, listed bool) (read, error) {
	if err := s.checkKey(snap); err != nil {
		return read{}, err
	}
	snap = snap.Clone()
	in := diff.Input{
		Declared: s.declared, State: snap.Entries, StateVersion: snap.Version, Options: s.options, Listed: listed,
	}
	var err error
	if in.Scope, err = s.scope(ctx, snap); err != nil {
		return read{}, err
	}
	if err := s.checkBanks(snap); err != nil {
		return read{}, err
	}
	keys := s.keys(snap, in.Scope)
	var r read
	if r.settled, err = s.settle(ctx, snap, keys); err != nil {
		return r, err
	}
	in.Unsettled = unsettled(r.settled)
	if err := s.readLive(ctx, &in, keys, listed); err != nil {
		return r, err
	}
	in.Now = s.now()
	r.plan = diff.Compare(in)
	if len(r.plan.Needs) > 0 {
		if in.Facts, err = bank.Facts(ctx, s.reader, r.plan.Needs); err != nil {
			return r, err
		}
		r.plan = diff.Compare(in)
	}
	r.input = in
	return r, nil
}

// checkKey refuses a state whose primary bank is that of another consumer key.
func (s *session) checkKey(snap state.Snapshot) error {
	if snap.KeyHash == "" || snap.KeyHash == s.keyHash() || !slices.Contains(s.banks(), pool.Primary) {
		return nil
	}
	return &guardError{
		"the state's primary item bank is that of another consumer key",
		"use that key, name the bank by --organisation-id, or keep another state by --state",
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

// keys are the pools that the comparison is about: the declared ones, and those
// of the state that may be orphaned.
func (s *session) keys(snap state.Snapshot, sc diff.Scope) []pool.Key {
	seen := make(map[pool.Key]bool, len(s.declared))
	keys := make([]pool.Key, 0, len(s.declared))
	add := func(k pool.Key) {
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	for _, d := range s.declared {
		add(d.Key)
	}
	if sc.NoOrphans {
		return keys
	}
	for _, k := range snap.Keys() {
		if snap.Entries[k].Set == sc.Set && slices.Contains(sc.Banks, k.Bank) {
			add(k)
		}
	}
	return keys
}

// settle clears doubts in a copy of the state, without waiting.
func (s *session) settle(ctx context.Context, snap state.Snapshot, keys []pool.Key) ([]settle.Result, error) {
	var pending []pool.Entry
	for _, k := range keys {
		if e, ok := snap.Entries[k]; ok && e.Pending != nil {
			pending = append(pending, e)
		}
	}
	if len(pending) == 0 {
		return nil, nil
	}
	if _, known := s.reader.ServerTime(); !known {
		// Settling measures ages in server time, which any answer tells.
		if _, err := s.reader.Pools(ctx, learnosity.PoolsQuery{Bank: pending[0].Bank, References: []pool.Reference{pending[0].Reference}}); err != nil {
			return nil, err
		}
	}
	settler := settle.Settler{Reader: s.reader, Log: s.p.log, Now: s.now, SkipVerify: s.skipVerify}
	results, err := settler.Settle(ctx, pending)
	if err != nil {
		return nil, fmt.Errorf("find out what became of %s of an earlier run: %w", plural(len(pending), "call"), err)
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

func (s *session) readLive(ctx context.Context, in *diff.Input, keys []pool.Key, listed bool) error {
	records, err := bank.Read(ctx, s.reader, keys)
	if err != nil {
		return err
	}
	in.Live, in.Twins = records.Live, records.Twins
	if !listed {
		s.addTwins(in)
		return nil
	}
	for _, b := range in.Scope.Banks {
		all, err := s.reader.Pools(ctx, learnosity.PoolsQuery{Bank: b})
		if err != nil {
			return err
		}
		for _, l := range all {
			k := pool.Key{Bank: b, Reference: l.Reference}
			if _, known := in.Live[k]; !known && s.selects(l.Reference) {
				in.Live[k] = l
			}
		}
	}
	s.addTwins(in)
	return nil
}

// addTwins finds declared pools that are absent while a pool that was read, or
// that the state knows, has the same reference but for letter case. A bank that
// does not tell them apart answers for both with one record.
func (s *session) addTwins(in *diff.Input) {
	type folded struct {
		bank      pool.Bank
		reference string
	}
	fold := func(k pool.Key) folded { return folded{k.Bank, strings.ToLower(string(k.Reference))} }
	var known map[folded]pool.Live
	for _, d := range in.Declared {
		if _, live := in.Live[d.Key]; live {
			continue
		}
		if known == nil {
			known = make(map[folded]pool.Live, len(in.Live))
			for k, e := range in.State {
				if e.Sent != nil && e.Set != in.Scope.Set {
					known[fold(k)] = pool.Live{Reference: k.Reference}
				}
			}
			for k, l := range in.Live {
				known[fold(k)] = l
			}
		}
		if twin, ok := known[fold(d.Key)]; ok && twin.Reference != d.Reference {
			in.Twins[d.Key] = twin
		}
	}
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
		Changes: changes, Files: len(s.manifest.Files), Pools: plan.Declared, HeldBy: s.held,
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
