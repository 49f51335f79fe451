package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/ghactions"
)

// actionCommand is what action.yml calls. Nobody else needs it, so that no help
// lists it.
func (p *program) actionCommand() *cli.Command {
	c := p.command(cli.Command{
		Name:   "action",
		Usage:  "run a command as a step of a GitHub Actions workflow",
		Hidden: true,
		Description: "Takes the inputs of action.yml from variables INPUT_NAME, runs the command that they\n" +
			"ask for, and brings its report to outputs, summary, annotations, comment and issue.",
	}, runAction)
	return c
}

// step is a run of the action.
type step struct {
	p   *program
	in  ghactions.Inputs
	run ghactions.Run
	dir string // for what is handed on
}

func runAction(ctx context.Context, _ *cli.Context, p *program) exit {
	s := step{p: p}
	x, ok := s.prepare()
	var d document
	offline := false
	if ok {
		offline = s.foreign()
		x, ok = s.expect(ctx)
	}
	if ok {
		d, x = s.command(ctx, offline)
	}
	s.annotate(d, x, !ok)
	s.deliver(ctx, d, x)
	if s.forgives(x) {
		x.code = CodeDone
	}
	// The command said how it ended.
	p.ran = !ok
	return x
}

// prepare reads inputs and event, and goes to the working directory.
func (s *step) prepare() (exit, bool) {
	var err, wrong error
	s.run, err = ghactions.ReadRun(s.p.Getenv)
	s.in, wrong = ghactions.ReadInputs(s.p.Getenv)
	_ = os.Unsetenv(ghactions.Variable("github-token")) // no child needs it
	if err = errors.Join(err, wrong); err != nil {
		return usage("%w", err).hint("docs/github.md describes the action's inputs, and where it runs"), false
	}
	if err = os.Chdir(s.in.WorkingDir); err != nil {
		return usage("input working-directory: %w", err), false
	}
	if s.dir, err = os.MkdirTemp(s.run.Temp, "poolsync-"); err != nil {
		return exit{code: CodeError, reason: "there is no room for the result; nothing was done", err: err}, false
	}
	return exit{}, true
}

// foreign reports whether a plan has to do without the bank: the run is about a
// pull request whose runs have no secrets, and it has none.
func (s *step) foreign() bool {
	return s.in.Command == ghactions.Plan && s.run.Pull != nil && s.run.Pull.Foreign && !s.hasCredentials()
}

func (s *step) hasCredentials() bool {
	return s.p.Getenv(envKey) != "" || s.p.Getenv(envSecret) != ""
}

// expect finds the digest that expect-plan: reviewed stands for.
func (s *step) expect(ctx context.Context) (exit, bool) {
	if s.in.ExpectPlan != ghactions.Reviewed {
		return exit{}, true
	}
	d := ghactions.Delivery{Inputs: s.in, Run: s.run}
	digest, err := d.ReviewedDigest(ctx)
	if err != nil {
		return failed(ctx, &guardError{message: err.Error(), hint: "plan in the pull request first, with the same inputs, and a comment", stale: true}), false
	}
	s.in.ExpectPlan = digest
	return exit{}, true
}

// result is the file for the command's result in JSON. A plan's is the plan.
func (s *step) result() string {
	if s.in.Command == ghactions.Plan && s.in.PlanFile != "" {
		return s.in.PlanFile
	}
	return filepath.Join(s.dir, s.in.Command+".json")
}

// command runs the command that was asked for, with both streams in one, in
// which the runner looks for no commands of its own: others wrote parts of it.
func (s *step) command(ctx context.Context, offline bool) (d document, x exit) {
	fence := rand.Text()
	_, _ = fmt.Fprintf(s.p.Stdout, "::stop-commands::%s\n", fence)
	defer func() { _, _ = fmt.Fprintf(s.p.Stdout, "\n::%s::\n", fence) }()
	sys := s.p.System
	sys.Args = append([]string{s.p.Args[0]}, s.in.CommandLine(s.result(), offline)...)
	out := plainWriter{s.p.Stdout}
	sys.Stdin, sys.Stdout, sys.Stderr = strings.NewReader(""), out, out
	inner := &program{System: sys, finished: func(done document) { d = done }}
	_ = inner.main(ctx)
	return d, inner.last
}

// forgives reports whether the step passes although the command found something.
func (s *step) forgives(x exit) bool {
	return x.code == CodeChanges && s.in.Command == ghactions.Drift && !s.in.FailOnDrift
}

// How long bringing the report to its readers may take: the runner kills a step
// that it cancelled ten seconds after it asked it to end.
const (
	deliveryTime    = 3 * time.Minute
	interruptedTime = 2 * time.Second
)

// deliver brings the report to its readers. What does not reach them is told, and
// does not change what came of the command.
func (s *step) deliver(ctx context.Context, d document, x exit) {
	limit := deliveryTime
	if ctx.Err() != nil {
		ctx, limit = context.WithoutCancel(ctx), interruptedTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	delivery := ghactions.Delivery{Inputs: s.in, Run: s.run, Report: s.report(d, x)}
	notices, err := delivery.Deliver(ctx)
	if err != nil {
		s.p.say("%v", err)
	}
	for _, n := range notices {
		s.notice(n.Text)
	}
}
