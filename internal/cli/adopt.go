package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

const (
	flagAll             = "all"
	flagManifests       = "manifests"
	flagWithoutCheck    = "without-check"
	flagAcceptDiff      = "accept-difference"
	flagCorrectionsDone = "corrections-done"
)

func (p *program) adoptCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "adopt",
		Usage:     "record existing pools as managed, as declared; writes nothing to the bank",
		ArgsUsage: "REF...",
		Description: "Compares what each pool holds with the references that its manifest names, and\n" +
			"records it if they agree. What tags bring cannot be compared and is taken on\n" +
			"trust. Adopting a touched pool makes it vouched for again.\n\n" +
			"Example:\n   poolsync adopt ela-district-a math-grade-5",
		Flags: slices.Concat(poolFlags(), []cli.Flag{
			&cli.BoolFlag{Name: flagAll, Usage: "every declared pool that is live and unknown, or touched"},
			&cli.StringSliceFlag{Name: flagManifests, Usage: "manifests `PATH,...` (default: those of poolsync.yaml, or this folder)"},
			lockTimeoutFlag(),
			&cli.BoolFlag{Name: flagWithoutCheck, Usage: "do not look into the pools"},
			&cli.BoolFlag{Name: flagAcceptDiff, Usage: "record pools as declared although they hold something else"},
			&cli.BoolFlag{Name: flagCorrectionsDone, Usage: "record the declared corrections as carried out"},
		}),
	}, runAdopt)
}

func runAdopt(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	doc := report.Adoption{Pools: []report.Adopted{}}
	if ok {
		x, ok = s.adopt(ctx, c, &doc)
	}
	doc.Head = x.head(s.head("adopt"))
	d := document{json: func() any { return doc }, page: doc.Page, silent: !ok && len(doc.Pools) == 0}
	return s.out.finish(d, x)
}

func (s *session) adopt(ctx context.Context, c *cli.Context, doc *report.Adoption) (exit, bool) {
	if (c.NArg() > 0) == c.Bool(flagAll) {
		return usage("adopt wants the references of pools, or --all").hint("poolsync plan names the pools that are unknown"), false
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
	if err := s.learnTime(ctx); err != nil {
		return failed(ctx, err), false
	}
	run := newRun()
	held, err := state.AcquireWait(ctx, s.store, s.holder(run), spanOf(c, flagLockTimeout))
	if err != nil {
		return failed(ctx, err), false
	}
	s.tellNotices(held)
	rec := state.NewRecorder(held, "adopt: run "+run)
	doc.Pools, err = s.adoptAll(ctx, c, rec)
	if err = errors.Join(err, rec.Close(context.WithoutCancel(ctx))); err != nil {
		return failed(ctx, err), false
	}
	return adoptExit(doc.Pools), true
}

func adoptExit(pools []report.Adopted) exit {
	count := map[string]int{}
	for _, p := range pools {
		count[p.Outcome]++
	}
	adopted, refused := count[report.AdoptionDone], count[report.AdoptionRefused]
	switch {
	case refused > 0 && adopted > 0:
		return exit{code: CodePartial, reason: fmt.Sprintf("%d adopted, %d refused", adopted, refused)}
	case refused > 0:
		return exit{code: CodeGuard, reason: plural(refused, "pool") + " refused; nothing was recorded"}
	default:
		return done(plural(adopted, "pool") + " adopted")
	}
}

// adoptAll takes over the pools that are asked for.
func (s *session) adoptAll(ctx context.Context, c *cli.Context, rec *state.Recorder) ([]report.Adopted, error) {
	wanted, err := s.toAdopt(c)
	if err != nil {
		return nil, err
	}
	if err := s.checkKey(rec.Snapshot()); err != nil {
		return nil, err
	}
	keys := make([]pool.Key, len(wanted))
	for i, d := range wanted {
		keys[i] = d.Key
	}
	records, err := bank.Live(ctx, s.reader, keys)
	if err != nil {
		return nil, err
	}
	out := []report.Adopted{}
	for _, d := range wanted {
		e, known := rec.Entry(d.Key)
		l, live := records.Live[d.Key]
		settled := known && e.Sent != nil && e.Pending == nil && !e.TouchedBy(l)
		if c.Bool(flagAll) && (!live || settled) {
			continue
		}
		if known && e.Set != s.Set {
			return out, &guardError{
				message: fmt.Sprintf("manifest set %q manages pool %s (its %s)", e.Set, d.Key, e.File),
				hint:    "declare it in one set only, or hand it over with: poolsync state forget " + string(d.Reference),
			}
		}
		a, err := s.adoptOne(ctx, c, d, l, live, settled)
		if err != nil {
			return out, err
		}
		if a.Outcome == report.AdoptionDone {
			a.Notes = append(a.Notes, s.stillOpen(d, l, e)...)
			if d.Bank == pool.Primary {
				rec.BindKey(s.keyHash())
			}
			rec.Put(s.adopted(d, l, e, c.Bool(flagCorrectionsDone), !c.Bool(flagWithoutCheck) && len(a.Missing) == 0))
		}
		out = append(out, a)
	}
	return out, nil
}

// toAdopt finds the declared pools that are asked for.
func (s *session) toAdopt(c *cli.Context) ([]pool.Declared, error) {
	if c.Bool(flagAll) {
		return s.declared, nil
	}
	var out []pool.Declared
	for _, ref := range c.Args().Slice() {
		found := false
		for _, d := range s.declared {
			if string(d.Reference) == ref || d.Key.String() == ref {
				out, found = append(out, d), true
			}
		}
		if !found {
			return nil, &adviceError{
				fmt.Sprintf("no manifest declares a pool %q", ref),
				"declare the pool first, as it is; adopting records it as it is declared",
			}
		}
	}
	return out, nil
}

// adoptOne compares one pool with its manifest.
func (s *session) adoptOne(ctx context.Context, c *cli.Context, d pool.Declared, l pool.Live, live, settled bool) (report.Adopted, error) {
	a := report.Adopted{
		Key: d.Key, Outcome: report.AdoptionRefused, Source: d.Position(d.At.Pool), Missing: []string{}, Extra: []string{}, Notes: []string{},
	}
	switch {
	case !live:
		a.Notes = append(a.Notes, "the bank has no such pool; apply creates it")
		return a, nil
	case l.Status == pool.Pending:
		a.Notes = append(a.Notes, "a job is running on it; adopt it when the job has ended")
		return a, nil
	case settled:
		a.Outcome = report.AdoptionNone
		a.Notes = append(a.Notes, "it is managed already, and nobody else wrote to it")
		return a, nil
	case c.Bool(flagWithoutCheck):
		a.Outcome = report.AdoptionDone
		a.Notes = append(a.Notes, "what it holds was not compared (--without-check)")
		return a, nil
	}
	m, err := bank.Holds(ctx, s.reader, d.Key)
	switch {
	case err != nil && ctx.Err() == nil: // of this pool alone
		a.Notes = append(a.Notes, "what it holds cannot be read: "+err.Error(), "to record it all the same: --without-check")
		return a, nil
	case err != nil:
		return a, err
	}
	s.compareMembership(&a, d, m)
	if len(a.Missing)+len(a.Extra) == 0 || c.Bool(flagAcceptDiff) {
		a.Outcome = report.AdoptionDone
	} else {
		a.Notes = append(a.Notes, "correct the manifest, or record it all the same: --accept-difference")
	}
	return a, nil
}

// compareMembership notes what is declared and not held, and what is held and
// cannot have come from anything declared.
func (s *session) compareMembership(a *report.Adopted, d pool.Declared, held pool.Content) {
	c := d.Content
	missing := pool.Content{Items: c.Items, Activities: c.Activities}.Minus(held)
	a.Missing = slices.Concat(a.Missing, missing.Items, missing.Activities)
	a.MissingContent = pool.Content{Items: missing.Items, Activities: missing.Activities}
	extra := held.Minus(pool.Content{Items: c.Items, Activities: c.Activities})
	if len(c.Tags)+len(c.ActivityTags) == 0 {
		a.Extra = append(a.Extra, extra.Activities...)
		a.ExtraContent.Activities = extra.Activities
		if len(c.ItemTags)+len(c.Activities) == 0 {
			a.Extra = append(a.Extra, extra.Items...)
			a.ExtraContent.Items = extra.Items
		}
	}
	if len(c.Tags)+len(c.ItemTags)+len(c.ActivityTags) > 0 {
		a.Notes = append(a.Notes, "what its tags bring is taken on trust")
	}
}

// wasHeld reports whether someone unpublished a managed pool that the manifest
// publishes. Adopting it vouches for what it holds; whether it is published again
// is another question, which --republish answers.
func wasHeld(d pool.Declared, l pool.Live, old pool.Entry) bool {
	return old.Sent != nil && old.Sent.Status == pool.Published && d.Status == pool.Published && l.Status == pool.Unpublished
}

// stillOpen says what adopting a managed pool leaves for apply to do.
func (s *session) stillOpen(d pool.Declared, l pool.Live, old pool.Entry) []string {
	var notes []string
	if wasHeld(d, l, old) && !d.Lifecycle.IgnoreStatus {
		notes = append(notes, "someone unpublished it; it is left so until: apply --republish "+string(d.Reference))
	}
	if old.Sent != nil && d.Snapshot != "" && !slices.Contains(old.Sent.Labels, d.Snapshot) {
		notes = append(notes, fmt.Sprintf("its snapshot label %q is not recorded: it asks apply for a rebuild", d.Snapshot))
	}
	return notes
}

// adopted is the entry of a pool that was taken over: content as declared, the
// rest as it is live, so that the next plan shows what differs. An item that was
// not changed since the pool was created is in it as the bank has it now, which
// is all that is known of the time of its last job.
func (s *session) adopted(d pool.Declared, l pool.Live, old pool.Entry, correctionsDone, verified bool) pool.Entry {
	spec := d.Spec
	spec.Name, spec.Description = l.Name, l.Description
	if l.Status == pool.Published || l.Status == pool.Unpublished {
		spec.Status = l.Status
	}
	if wasHeld(d, l, old) {
		spec.Status = old.Sent.Status
	}
	sent := pool.Sent{Spec: spec}
	switch {
	case old.Sent != nil: // a label that it never had still asks for a rebuild
		sent.Snapshot, sent.Labels, sent.Corrections = old.Sent.Snapshot, old.Sent.Labels, old.Sent.Corrections
	case d.Snapshot != "":
		sent.Snapshot, sent.Labels = d.Snapshot, []string{d.Snapshot}
	}
	if correctionsDone {
		sent.Corrections = d.Corrections
	}
	now := s.now().UTC()
	e := pool.Entry{
		Format: pool.EntryFormat, Key: d.Key, Set: s.Set, File: s.Recorded(d.File), Commit: s.origin.head.Commit, CommitTime: s.origin.at(), Dirty: s.isDirty(d.File),
		Sent: &sent, ReadBack: &l, AppliedAt: &now, Verified: verified,
	}
	if created, err := time.Parse(time.RFC3339, l.Created); err == nil {
		e.CalledAt = &created
	}
	return e
}
