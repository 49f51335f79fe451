package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/report"
)

const (
	flagDetailed      = "detailed-exitcode"
	flagFailOnBlocked = "fail-on-blocked"
)

func (p *program) planCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "plan",
		Aliases:   []string{"diff"},
		Usage:     "show what apply would do, and why",
		ArgsUsage: "[PATH...]",
		Description: "Compares the declared pools with what was applied and with what the item bank\n" +
			"holds. It cannot write.\n\nExample:\n   poolsync plan pools/ -o json=plan.json --detailed-exitcode",
		Flags: slices.Concat(poolFlags(), diffFlags(), []cli.Flag{
			&cli.BoolFlag{Name: flagDetailed, Usage: "exit with 2 if there are changes, or pools that are not on record, pending, halted or blocked"},
			&cli.BoolFlag{Name: flagFailOnBlocked, Usage: "exit with 4 if apply would leave a declared pool as it is for a reason of its own"},
			&cli.StringFlag{Name: flagExpectPlan, Usage: "exit with 4 unless the plan has this `DIGEST`: it is still the one that was reviewed"},
			&cli.BoolFlag{Name: flagOffline, Usage: "compare with what was recorded, without asking the bank: no credentials are needed"},
			&cli.BoolFlag{Name: flagResolve, Usage: "look selectors up in the bank: which items each change brings, and what is in their way"},
			&cli.BoolFlag{Name: flagUnmanaged, Usage: "list pools of the bank that nobody declares, too"},
		}),
	}, runPlan)
}

func runPlan(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	var plan diff.Plan
	if ok {
		plan, x, ok = s.plan(ctx, c)
	}
	doc := s.planDocument("plan", plan)
	doc.Head = x.head(doc.Head)
	return s.out.finish(document{json: func() any { return doc.Sealed() }, page: doc.Page, silent: !ok}, x)
}

// plan makes the plan of a command that only reads.
func (s *session) plan(ctx context.Context, c *cli.Context) (diff.Plan, exit, bool) {
	if x, ok := s.load(ctx, c.Bool(flagPrune) && c.Bool(flagAllowEmpty)); !ok {
		return diff.Plan{}, x, false
	}
	s.showFindings()
	if x, ok := offlineOnly(c); !ok {
		return diff.Plan{}, x, false
	}
	if c.Bool(flagOffline) {
		return s.planOffline(ctx, c)
	}
	if x, ok := s.connect(ctx, c); !ok {
		return diff.Plan{}, x, false
	}
	s.tellOrigin()
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	if err := s.learnTime(ctx); err != nil {
		return diff.Plan{}, failed(ctx, err), false
	}
	snap, err := s.store.Read(ctx)
	if err != nil {
		return diff.Plan{}, failed(ctx, err), false
	}
	s.held = holderOf(snap.Holder)
	r, err := s.compare(ctx, snap, c.Bool(flagUnmanaged))
	if err != nil {
		return diff.Plan{}, failed(ctx, err), false
	}
	s.noteLost(snap, r.Input)
	if x, ok := s.lifts(r.Plan); !ok {
		return diff.Plan{}, x, false
	}
	if c.Bool(flagResolve) {
		if err := s.bring(ctx, r.Plan.Changes); err != nil {
			return diff.Plan{}, failed(ctx, err), false
		}
	}
	if want := c.String(flagExpectPlan); !expected(r.Plan, want) {
		return r.Plan, failed(ctx, notExpected(r.Plan, want)), true
	}
	return r.Plan, planExit(c, r.Plan), true
}

// planExit says how a plan ends.
func planExit(c *cli.Context, plan diff.Plan) exit {
	changes := 0
	for _, ch := range plan.Changes {
		if len(ch.Calls) > 0 || ch.Has(diff.Retire) || ch.Has(diff.Forgotten) || ch.Stops() {
			changes++
		}
	}
	blocked, left := plan.Blocked(), leftAlone(plan)
	switch {
	case left > 0 && c.Bool(flagFailOnBlocked):
		return exit{code: CodeGuard, reason: fmt.Sprintf("apply would leave %s out%s", plural(left, "pool"), stuck(plan))}
	case changes > 0 && c.Bool(flagDetailed):
		return exit{code: CodeChanges, reason: plural(changes, "change") + stuck(plan)}
	case left > 0 && c.Bool(flagDetailed):
		return exit{code: CodeChanges, reason: nothingToDo(plan)}
	case blocked > 0:
		return done(fmt.Sprintf("%s planned, %d blocked; nothing was written", plural(changes, "change"), blocked))
	case changes > 0:
		return done(plural(changes, "change") + " planned; nothing was written")
	default:
		return done(nothingToDo(plan))
	}
}

// leftAlone counts the pools that apply would leave as they are although they are
// not as declared, or although that cannot be told.
func leftAlone(plan diff.Plan) int {
	n := 0
	for _, ch := range plan.Changes {
		if len(ch.Blocked) > 0 || ch.Has(diff.Unknown) || ch.Has(diff.Pending) || ch.Has(diff.Halted) {
			n++
		}
	}
	return n
}

// stuck lists what keeps pools from being as declared, for the last line.
func stuck(plan diff.Plan) string {
	var b strings.Builder
	if n := plan.Blocked(); n > 0 {
		fmt.Fprintf(&b, "; %d blocked", n)
	}
	for _, a := range []diff.Action{diff.Unknown, diff.Pending, diff.Halted} {
		if n := plan.Count(a); n > 0 {
			fmt.Fprintf(&b, "; %d %s", n, report.ActionWords(a))
		}
	}
	return b.String()
}

// nothingToDo says that nothing is to be written, and what there is to look at.
func nothingToDo(plan diff.Plan) string {
	var found []string
	for _, a := range []diff.Action{diff.Unknown, diff.Pending, diff.Halted, diff.Held, diff.Touched, diff.Deferred, diff.Orphaned} {
		if n := plan.Count(a); n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, report.ActionWords(a)))
		}
	}
	if len(found) == 0 {
		return "no changes"
	}
	return "nothing to write: " + strings.Join(found, ", ")
}
