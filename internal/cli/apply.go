package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

const (
	flagAutoApprove = "auto-approve"
	flagDryRun      = "dry-run"
	flagSkipBlocked = "skip-blocked"
	flagVerify      = "verify"
	flagLockTimeout = "lock-timeout"
)

func (p *program) applyCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "apply",
		Aliases:   []string{"sync"},
		Usage:     "make the item bank as the manifests declare it",
		ArgsUsage: "[PATH...]",
		Description: "Plans, asks on a terminal, writes, waits for every job, reads every pool back and\n" +
			"records what was applied. Guards stop it before its first write.\n\n" +
			"Example:\n   poolsync apply pools/ --auto-approve -o json=result.json",
		Flags: slices.Concat(poolFlags(), diffFlags(), []cli.Flag{
			&cli.BoolFlag{Name: flagAutoApprove, Usage: "do not ask"},
			&cli.StringFlag{Name: flagPlan, Usage: "carry out the plan in `FILE`, made by plan -o json=FILE, and nothing else"},
			&cli.StringFlag{Name: flagExpectPlan, Usage: "refuse unless the plan has this `DIGEST`"},
			&cli.BoolFlag{Name: flagDryRun, Usage: "plan only; the same as poolsync plan"},
			lockTimeoutFlag(),
			&cli.BoolFlag{Name: flagAllowDirty, Usage: "apply manifests that are not as committed, in a pipeline too (CI=true)"},
			&cli.BoolFlag{Name: flagSkipBlocked, Usage: "apply what is not blocked by a guard, and exit with 3"},
			&cli.BoolFlag{Name: flagVerify, Usage: "look the references that were sent up in each pool; --verify=false turns it off", Value: true},
		}),
	}, runApply)
}

func runApply(ctx context.Context, c *cli.Context, p *program) exit {
	if c.Bool(flagDryRun) {
		return runPlan(ctx, c, p)
	}
	s, x, ok := begin(c, p)
	a := &application{session: s, c: c, run: newRun(), begun: time.Now(), doc: emptyResult()}
	if ok {
		x = a.withNext(a.carryOut(ctx))
	}
	a.doc.Head = x.head(s.head("apply"))
	a.doc.Run = a.run
	return s.out.finish(document{json: func() any { return a.doc }, page: a.doc.Page, silent: len(a.doc.Changes) == 0}, x)
}

func emptyResult() report.Result { return report.Result{Changes: []report.Outcome{}} }

// newRun names a run: its start, by the local clock, and what tells it from another
// that started at the same moment.
func newRun() string {
	return time.Now().UTC().Format("20060102T150405") + "-" + strings.ToLower(rand.Text()[:4])
}

// application is an apply under way.
type application struct {
	*session
	c      *cli.Context
	run    string
	begun  time.Time
	client *learnosity.Client
	rec    *state.Recorder
	engine *apply.Run
	saved  *savedPlan // of --plan
	// planned says that the plan was made once.
	planned bool
	doc     report.Result
}

// carryOut does everything from the manifests to the result.
func (a *application) carryOut(ctx context.Context) exit {
	ask := !a.c.Bool(flagAutoApprove)
	if ask && !terminal(a.p.Stdin) {
		return usage("apply asks before it writes, and standard input is no terminal").hint("to apply without being asked: --auto-approve")
	}
	if x, ok := a.load(ctx, a.c.Bool(flagPrune) && a.c.Bool(flagAllowEmpty)); !ok {
		return x
	}
	a.showFindings()
	a.skipVerify = !a.c.Bool(flagVerify)
	if x, ok := a.connect(ctx, a.c); !ok {
		return x
	}
	if a.origin.err != nil && !a.c.Bool(flagAllowOlder) {
		return failed(ctx, a.origin.err)
	}
	a.tellOrigin()
	if err := a.refuseDirty(a.c.Bool(flagAllowDirty)); err != nil {
		return failed(ctx, err)
	}
	if a.State == "none" {
		return usage("apply needs a state; --state none remembers nothing").hint("leave --state out, or: --state file:PATH")
	}
	var err error
	if a.client, err = learnosity.New(a.clientConfig()); err != nil {
		return a.badConfig(err)
	}
	if name := a.c.String(flagPlan); name != "" {
		saved, err := readPlan(name)
		if err == nil {
			err = saved.fits(a.session)
		}
		if err != nil {
			return failed(ctx, err)
		}
		a.saved = &saved
	}
	a.reader = a.client.Reader // one client: one view of the quotas and of the clock
	ctx, cancel := context.WithTimeoutCause(ctx, a.Timeout, errTimeout)
	defer cancel()
	if err := a.learnTime(ctx); err != nil {
		return failed(ctx, err)
	}
	for try := 1; ; try++ {
		a.doc = emptyResult()
		x, moved := a.hold(ctx, ask)
		if !moved || try == maxTries {
			return x
		}
		a.p.say("another run changed the state meanwhile; nothing was sent, planning anew")
	}
}

// maxTries is how often a run starts again because the state moved between
// reading it and taking it.
const maxTries = 3

// closeTime bounds giving the state back when the run was told to stop.
const closeTime = 4 * time.Second

// hold takes the state and carries the plan out under it. moved says that the
// state had changed before anything was sent.
func (a *application) hold(ctx context.Context, ask bool) (x exit, moved bool) {
	a.p.shows.enter("waiting for the state")
	held, err := state.AcquireWait(ctx, a.store, a.holder(a.run), spanOf(a.c, flagLockTimeout))
	if err != nil {
		return failed(ctx, err), false
	}
	a.tellNotices(held)
	a.rec = state.NewRecorder(held, "apply: run "+a.run)
	a.engine = &apply.Run{
		Planner: a.planner(), Remote: a.client, Recorder: a.rec, Name: a.run, Scope: a.checkedScope,
		Origin: apply.Origin{Set: a.Set, Commit: a.origin.head.Commit, CommitTime: a.origin.at(), File: a.Recorded, Dirty: a.isDirty},
	}
	x, err = a.decide(ctx, ask)
	closing := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		closing, cancel = context.WithTimeout(closing, closeTime)
		defer cancel()
	}
	closeErr := a.rec.Close(closing)
	switch {
	case errors.Is(err, state.ErrMoved) || (errors.Is(closeErr, state.ErrMoved) && len(a.doc.Changes) == 0):
		return exit{
			code: CodeGuard, reason: "other runs keep changing the state; nothing was written",
			err: state.ErrMoved, hints: []string{"apply again when they have ended"},
		}, true
	case closeErr != nil:
		x = a.notRecorded(ctx, x, closeErr)
	}
	return x, false
}

// notRecorded adds to an exit that the state could not be closed in order.
func (a *application) notRecorded(ctx context.Context, x exit, err error) exit {
	y := failed(ctx, fmt.Errorf("what was applied could not be recorded: %w", err))
	if x.err == nil {
		x.err, x.hints = y.err, append(x.hints, y.hints...)
	}
	if x.code == CodeDone {
		x.code, x.reason = CodeError, x.reason+"; that could not be recorded"
	}
	if _, isGit := a.store.(state.Git); isGit {
		x = x.hint("this run's lease may stand for five more minutes; the next run in this repository takes it over at once, elsewhere --lock-timeout 6m waits for its end and poolsync state unlock ends it")
	}
	return x
}

// decide plans, lets guards and the person at the terminal have their say, and
// writes.
func (a *application) decide(ctx context.Context, ask bool) (exit, error) {
	plan, err := a.replan(ctx)
	if err != nil {
		return failed(ctx, err), err
	}
	if x, ok := a.lifts(plan); !ok {
		return x, nil
	}
	plan, extra, err := a.approved(plan)
	if err != nil {
		a.takeResult(notAttempted(plan))
		return failed(ctx, err), err
	}
	a.takePlan(plan)
	a.showPlan(plan, ask)
	if n := plan.Blocked(); n > 0 && !a.c.Bool(flagSkipBlocked) {
		a.takeResult(notAttempted(plan))
		x := exit{code: CodeGuard, reason: "nothing was written: " + plural(n, "change") + areBlocked(n)}
		return x.hint("each blocked change says what allows it; to apply the others: --skip-blocked"), nil
	}
	if ask && plan.HasChanges() {
		if x, ok := a.confirm(ctx, plan); !ok {
			return x, nil
		}
	}
	a.recordMoves()
	x := done(nothingToDo(plan))
	if plan.HasChanges() || slices.ContainsFunc(plan.Changes, func(ch diff.Change) bool { return len(ch.Blocked) > 0 }) {
		if x, err = a.write(ctx, plan); errors.Is(err, state.ErrMoved) {
			return x, err
		}
	}
	if len(extra) > 0 {
		a.p.say("left out, since the plan does not have them: %s", strings.Join(extra, ", "))
		if x.code == CodeDone {
			x.code, x.reason = CodePartial, x.reason+"; "+plural(len(extra), "change")+" not in the plan left out"
		}
	}
	return x, nil
}

// recordMoves records in which file a pool is declared by now, where nothing else
// about it is to be recorded: orphans are looked for by file.
func (a *application) recordMoves() {
	for _, d := range a.declared {
		e, known := a.rec.Entry(d.Key)
		if file := a.Recorded(d.File); known && e.Set == a.Set && e.Pending == nil && e.File != file {
			e.File = file
			a.rec.Put(e)
		}
	}
}

// approved limits a plan to what was approved: the saved plan of --plan, or the
// digest of --expect-plan.
func (a *application) approved(now diff.Plan) (diff.Plan, []string, error) {
	if want := a.c.String(flagExpectPlan); !expected(now, want) {
		return now, nil, notExpected(now, want)
	}
	if a.saved == nil {
		return now, nil, nil
	}
	return a.saved.against(now, a.rec.Snapshot().Entries)
}

// replan settles and records what earlier calls came to, and compares.
func (a *application) replan(ctx context.Context) (diff.Plan, error) {
	m, err := a.engine.Plan(ctx)
	if err == nil && !a.planned {
		a.tellLost(a.rec.Snapshot(), m.Input)
	}
	a.planned = true
	return m.Plan, err
}

// showPlan shows what is about to be done: where the text of the result will
// go, or to whoever is asked.
func (a *application) showPlan(plan diff.Plan, ask bool) {
	doc := a.planDocument("apply", plan)
	switch {
	case a.out.onStdout(formatText):
		_ = a.out.text(a.p.Stdout).Write(a.p.Stdout, doc.Page(a.out.full))
	case ask:
		_ = a.out.text(a.p.Stderr).Write(a.p.Stderr, doc.Page(a.out.full))
	}
}

func (a *application) takePlan(plan diff.Plan) {
	a.doc.Digest, a.doc.Summary = plan.Digest, report.SummaryOf(plan)
}

func (a *application) takeResult(r apply.Result) {
	a.doc.Changes, a.doc.Outcomes = report.OutcomesOf(r)
	a.doc.Calls = report.CallsOf(r.Calls)
}

// notAttempted is the result of a run that a guard stopped.
func notAttempted(plan diff.Plan) apply.Result {
	var r apply.Result
	for _, ch := range plan.Changes {
		if len(ch.Calls) == 0 && len(ch.Blocked) == 0 {
			continue
		}
		o := apply.Outcome{Change: ch, State: apply.NotAttempted}
		if len(ch.Blocked) == 0 {
			o.Problem = &apply.Problem{Message: "a guard stopped the run before its first write"}
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	return r
}

// write carries the plan out.
func (a *application) write(ctx context.Context, plan diff.Plan) (exit, error) {
	if slices.Contains(a.banks(), pool.Primary) {
		a.rec.BindKey(a.keyHash())
	}
	a.engine.Report = a.p.shows.update
	a.engine.ShownOnly = a.saved != nil || a.c.String(flagExpectPlan) != "" || !a.c.Bool(flagAutoApprove)
	a.engine.Unshown = func(ch diff.Change) {
		a.p.say("planned anew after waiting, and not in the plan above: %s %s", actionWords(ch), ch.Reference)
	}
	result, err := a.engine.Apply(ctx, plan)
	a.p.shows.enter("")
	a.takeResult(result)
	return a.resultExit(ctx, result, err), err
}
