package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

func (p *program) stateCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "state",
		Usage:     "show or change what poolsync remembers",
		ArgsUsage: "list | show REF | forget REF...",
		Description: "list shows every pool that was applied, show all that is remembered of one.\n" +
			"forget drops the memory of a pool and leaves the pool as it is: from then on it\n" +
			"is unknown, until it is adopted. A REF is a reference, or BANK/REFERENCE.\n\n" +
			"Example:\n   poolsync state show ela-district-a",
		Flags: onlineFlags(),
	}, runState)
}

func runState(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	doc := report.State{Entries: []pool.Entry{}}
	if ok {
		x, ok = s.stateCommand(ctx, c, &doc)
	}
	doc.Head = x.head(report.Head{Command: "state"})
	d := document{json: func() any { return doc }}
	switch {
	case ok && c.Args().First() == "show":
		d.text = func(_ report.Text, w io.Writer) error { return report.WriteJSON(w, doc.Entries[0]) }
	case ok:
		d.text = func(t report.Text, w io.Writer) error { return t.WriteState(w, doc) }
	}
	if err := s.out.write(d); err != nil {
		return failed(ctx, err)
	}
	return x
}

func (s *session) stateCommand(ctx context.Context, c *cli.Context, doc *report.State) (exit, bool) {
	verb, refs := c.Args().First(), c.Args().Tail()
	wrong := usage("state %s: want state list, state show REF, or state forget REF...", verb)
	store, err := s.settings.store()
	if err != nil {
		return usage("%w", err), false
	}
	doc.Store = store.Name()
	switch {
	case verb == "list" && len(refs) == 0, verb == "show" && len(refs) == 1:
		return s.showState(ctx, store, refs, doc)
	case verb == "forget" && len(refs) > 0:
		return s.forget(ctx, store, refs, doc)
	default:
		return wrong, false
	}
}

// showState shows all entries, or one.
func (s *session) showState(ctx context.Context, store state.Store, refs []string, doc *report.State) (exit, bool) {
	snap, err := store.Read(ctx)
	if err != nil {
		return s.failed(ctx, err), false
	}
	doc.Version = snap.Version
	if snap.Holder != nil {
		doc.Holder = snap.Holder.String()
		s.p.say("the state is held by %s", snap.Holder)
	}
	keys := snap.Keys()
	if len(refs) > 0 {
		k, err := s.find(snap, refs[0])
		if err != nil {
			return s.failed(ctx, err), false
		}
		keys = []pool.Key{k}
	}
	for _, k := range keys {
		if s.selects(k.Reference) && (s.bank == pool.Primary || k.Bank == s.bank) {
			doc.Entries = append(doc.Entries, snap.Entries[k])
		}
	}
	return done(plural(len(doc.Entries), "pool") + " in the state"), true
}

// forget drops entries. The pools stay as they are.
func (s *session) forget(ctx context.Context, store state.Store, refs []string, doc *report.State) (exit, bool) {
	run := newRun()
	held, err := store.Acquire(ctx, s.holder(run))
	if err != nil {
		return s.failed(ctx, err), false
	}
	snap := held.Snapshot()
	rec := state.NewRecorder(held, "forget: run "+run)
	var keys []pool.Key
	for _, ref := range refs {
		k, err := s.find(snap, ref)
		if err != nil {
			return s.failed(ctx, errors.Join(err, held.Close())), false
		}
		keys = append(keys, k)
		doc.Entries = append(doc.Entries, snap.Entries[k])
	}
	rec.Delete(keys...)
	if err := errors.Join(rec.Flush(), held.Close()); err != nil {
		return s.failed(ctx, err), false
	}
	return done(plural(len(keys), "pool") + " forgotten; nothing was written to the bank"), true
}

// find finds the entry that a REF means.
func (s *session) find(snap state.Snapshot, ref string) (pool.Key, error) {
	var found []pool.Key
	for _, k := range snap.Keys() {
		if k.String() == ref || (string(k.Reference) == ref && (s.bank == pool.Primary || s.bank == k.Bank)) {
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
