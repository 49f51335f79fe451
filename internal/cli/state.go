package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

const flagTo = "to"

func (p *program) stateCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "state",
		Usage:     "show or change what poolsync remembers",
		ArgsUsage: "list | show REF | forget REF... | unlock | copy",
		Description: "list shows every pool that was applied, show all that is remembered of one.\n" +
			"forget drops the memory of a pool and leaves the pool as it is: from then on it\n" +
			"is unknown, until it is adopted. A REF is a reference, or BANK/REFERENCE.\n" +
			"unlock ends the hold of a run that is no more. copy brings the whole state into\n" +
			"another store, which has to be empty.\n\n" +
			"Example:\n   poolsync state copy --to git:poolsync-state",
		Flags: append(poolFlags(),
			&cli.StringFlag{Name: flagTo, Usage: "copy into this `STORE`: file:PATH or git:BRANCH"},
			&cli.BoolFlag{Name: flagAutoApprove, Usage: "do not ask before unlocking"}),
	}, runState)
}

func runState(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	doc := report.State{Entries: []pool.Entry{}}
	if ok {
		x, ok = s.stateCommand(ctx, c, &doc)
	}
	doc.Head = x.head(report.Head{Command: "state"})
	d := document{json: func() any { return doc }, page: doc.Page, silent: !ok}
	if ok && c.Args().First() == "show" {
		d.text = func() any { return doc.Entries[0] }
	}
	return s.out.finish(d, x)
}

func (s *session) stateCommand(ctx context.Context, c *cli.Context, doc *report.State) (exit, bool) {
	verb, refs := c.Args().First(), c.Args().Tail()
	store, err := s.openStore(s.State)
	if err != nil {
		return usage("%w", err), false
	}
	doc.Store = store.Name()
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	switch {
	case c.String(flagTo) != "" && verb != "copy":
		return usage("--%s is for state copy alone", flagTo), false
	case verb == "list" && len(refs) == 0, verb == "show" && len(refs) == 1:
		return s.showState(ctx, store, refs, doc)
	case verb == "forget" && len(refs) > 0:
		return s.forget(ctx, store, refs, doc)
	case verb == "unlock" && len(refs) == 0:
		return s.unlock(ctx, c, store)
	case verb == "copy" && len(refs) == 0 && c.String(flagTo) != "":
		return s.copyState(ctx, store, c.String(flagTo))
	default:
		return usage("%s: want state list, state show REF, state forget REF..., state unlock, or state copy --to STORE", strings.TrimSpace("state "+verb)), false
	}
}

// hearTime bounds the wait for the server's time, without which these commands
// can do what matters.
const hearTime = 10 * time.Second

// timed gives stores that judge leases by the server's time. Where it cannot be
// learned, without credentials or out of the API's reach, they take no lease to
// have run out.
func (s *session) timed(ctx context.Context, stores ...state.Store) []state.Store {
	known := false
	for i, store := range stores {
		g, isGit := store.(state.Git)
		if !isGit {
			continue
		}
		known = known || s.heardTime(ctx)
		g.LocalClock = !known
		stores[i] = g
	}
	return stores
}

func (s *session) heardTime(ctx context.Context) bool {
	reader, err := learnosity.NewReader(s.clientConfig())
	if err != nil {
		return false
	}
	s.reader = reader
	ctx, cancel := context.WithTimeout(ctx, hearTime)
	defer cancel()
	return s.askTime(ctx) == nil
}

// unlock ends the hold of a run that is no more, after asking.
func (s *session) unlock(ctx context.Context, c *cli.Context, store state.Store) (exit, bool) {
	store = s.timed(ctx, store)[0]
	if !c.Bool(flagAutoApprove) {
		if !terminal(s.p.Stdin) {
			return usage("state unlock asks first, and standard input is no terminal").hint("to unlock without being asked: --auto-approve"), false
		}
		snap, err := store.Read(ctx)
		if err != nil && snap.Entries == nil {
			return failed(ctx, err), false
		}
		if snap.Holder == nil && err == nil {
			return done("nobody holds the state"), false
		}
		holder := "someone, who cannot be told,"
		if snap.Holder != nil {
			holder = snap.Holder.String()
		}
		if !s.p.ask(ctx, fmt.Sprintf("%s holds the state. If that run still goes on, its calls and yours will mix. Unlock?", holder)) {
			return exit{code: CodeError, reason: "not unlocked: the answer was not yes"}, false
		}
	}
	holder, err := store.Unlock(ctx)
	switch {
	case err != nil:
		return failed(ctx, err), false
	case holder == nil:
		return done("nobody holds the state"), false
	case holder.Who == "":
		return done("unlocked; the lease was damaged, its holder is not known"), false
	default:
		return done("unlocked; it was held by " + holder.String()), false
	}
}

func (s *session) copyState(ctx context.Context, from state.Store, setting string) (exit, bool) {
	to, err := s.openStore(setting)
	if err != nil {
		return usage("%w", err), false
	}
	stores := s.timed(ctx, from, to)
	from, to = stores[0], stores[1]
	n, err := state.Copy(ctx, from, to, s.holder(newRun()))
	if err != nil {
		return failed(ctx, err), false
	}
	if n == 0 {
		return done(to.Name() + " holds the same state already"), false
	}
	x := done(fmt.Sprintf("%s copied from %s to %s", pluralEntry(n), from.Name(), to.Name()))
	return x.hint("name the new store in poolsync.yaml: state: %s", to.Name()), false
}

func pluralEntry(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// showState shows all entries, or one.
func (s *session) showState(ctx context.Context, store state.Store, refs []string, doc *report.State) (exit, bool) {
	snap, err := store.Read(ctx)
	if err != nil && len(snap.Entries) == 0 {
		return failed(ctx, err), false
	}
	damage := err
	doc.Version = snap.Version
	if snap.Holder != nil {
		doc.Holder = snap.Holder.String()
		s.p.say("the state is held by %s", snap.Holder)
	}
	keys := snap.Keys()
	if len(refs) > 0 {
		k, err := s.find(snap, refs[0])
		if err != nil {
			return failed(ctx, err), false
		}
		keys = []pool.Key{k}
	}
	for _, k := range keys {
		if len(refs) > 0 || s.selects(k.Reference) && (s.Bank == pool.Primary || k.Bank == s.Bank) {
			doc.Entries = append(doc.Entries, snap.Entries[k])
		}
	}
	if damage != nil {
		x := failed(ctx, damage)
		x.reason = "the state is damaged; this is what can be read of it"
		if errors.Is(damage, state.ErrNewerFormat) {
			x.reason = "the state is of a newer version of poolsync; this is what can be read of it"
		}
		return x, true
	}
	return done(plural(len(doc.Entries), "pool") + " in the state"), true
}

// forget drops entries. The pools stay as they are.
func (s *session) forget(ctx context.Context, store state.Store, refs []string, doc *report.State) (exit, bool) {
	run := newRun()
	held, err := s.timed(ctx, store)[0].Acquire(ctx, s.holder(run))
	if err != nil {
		return failed(ctx, err), false
	}
	s.tellNotices(held)
	snap := held.Snapshot()
	rec := state.NewRecorder(held, "forget: run "+run)
	var keys []pool.Key
	for _, ref := range refs {
		k, err := s.find(snap, ref)
		if err != nil {
			return failed(ctx, errors.Join(err, held.Close())), false
		}
		keys = append(keys, k)
		doc.Entries = append(doc.Entries, snap.Entries[k])
	}
	rec.Delete(keys...)
	if err := rec.Close(ctx); err != nil {
		return failed(ctx, err), false
	}
	return done(plural(len(keys), "pool") + " forgotten; nothing was written to the bank"), true
}

// find finds the entry that a REF means.
func (s *session) find(snap state.Snapshot, ref string) (pool.Key, error) {
	var found []pool.Key
	for _, k := range snap.Keys() {
		if k.String() == ref || (string(k.Reference) == ref && (s.Bank == pool.Primary || s.Bank == k.Bank)) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return pool.Key{}, fmt.Errorf("the state has no pool %q; poolsync state list shows those that it has", ref)
	default:
		return pool.Key{}, fmt.Errorf("the state has a pool %q in %d banks; write it as %s", ref, len(found), slices.MinFunc(found, pool.Key.Compare))
	}
}
