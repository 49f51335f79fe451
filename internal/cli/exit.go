package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

// The exit codes. Others rely on them.
const (
	CodeDone        = 0   // done, or no changes
	CodeError       = 1   // an error, invalid manifests included
	CodeChanges     = 2   // changes (plan --detailed-exitcode) or drift
	CodePartial     = 3   // applied in part
	CodeGuard       = 4   // refused by a guard
	CodeRunning     = 5   // stopped waiting, jobs still running
	CodeUsage       = 64  // the command line cannot be used
	CodeInterrupted = 130 // SIGINT or SIGTERM
)

// ErrInterrupted is the cause of a run's end by SIGINT or SIGTERM.
var ErrInterrupted = errors.New("interrupted")

// errTimeout is the cause of a run's end by --timeout.
var errTimeout = errors.New("--timeout has passed")

// exit is how a command ended. Err is printed before the last line; Reason is
// the last line.
type exit struct {
	code   int
	reason string
	err    error
	hints  []string
}

func done(reason string) exit { return exit{code: CodeDone, reason: reason} }

func usage(format string, args ...any) exit {
	x := exit{code: CodeUsage, reason: "the command line cannot be used", err: fmt.Errorf(format, args...)}
	var h hinter
	if errors.As(x.err, &h) && h.Hint() != "" {
		x.hints = append(x.hints, h.Hint())
	}
	return x
}

func (x exit) hint(format string, args ...any) exit {
	x.hints = append(x.hints, fmt.Sprintf(format, args...))
	return x
}

// guardError is a refusal: exit 4.
type guardError struct {
	message, hint string
	stale         bool // the plan no longer is the one that was reviewed
}

// Error says what is refused.
func (e *guardError) Error() string { return e.message }

// Hint says what lifts the refusal.
func (e *guardError) Hint() string { return e.hint }

// adviceError is an error that says what to do next.
type adviceError struct{ message, hint string }

// Error says what is wrong.
func (e *adviceError) Error() string { return e.message }

// Hint says what to do next.
func (e *adviceError) Hint() string { return e.hint }

// hinter is an error that knows what to do next.
type hinter interface{ Hint() string }

// failed is the exit for an error, whose kind decides the code.
func failed(ctx context.Context, err error) exit {
	x := exit{code: CodeError, reason: "stopped by the error above", err: err}
	var h hinter
	if errors.As(err, &h) && h.Hint() != "" {
		x.hints = append(x.hints, h.Hint())
	}
	var guard *guardError
	var api *learnosity.Error
	var held *state.HeldError
	var corrupt *state.CorruptError
	switch {
	case errors.As(err, &guard): // no fault
		x.code, x.reason = CodeGuard, firstLine(guard.message)
	case errors.Is(context.Cause(ctx), ErrInterrupted):
		x.code, x.reason = CodeInterrupted, "interrupted"
	case errors.Is(context.Cause(ctx), errTimeout):
		x.reason = "not finished within --timeout"
		x.hints = append(x.hints, "check that the endpoint can be reached, or allow more time: --timeout")
	case errors.As(err, &api):
		x.reason = "the Data API could not be used"
	case errors.As(err, &held):
		x.code, x.reason = CodeGuard, "the state is held by another run"
	case errors.As(err, &corrupt):
		x.reason = "the state cannot be read; nothing was written"
	}
	return x
}

// firstLine is the first line of a message, without the colon before a list.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, ":")
}

// head fills in the part of a JSON document that says how the command ended.
func (x exit) head(h report.Head) report.Head {
	h.SchemaVersion = report.SchemaVersion
	h.Exit = report.Exit{Code: x.code, Reason: x.reason}
	if x.err != nil {
		h.Error = &report.Failure{Message: x.err.Error(), Hints: x.hints}
	}
	return h
}

// lifts refuses flags that lift nothing in the plan: a typing error must not be
// taken for consent to something else. Of flags whose work was done by an earlier
// run it only says so.
func (s *session) lifts(plan diff.Plan) (exit, bool) {
	for _, l := range plan.Spent {
		s.p.say("%s", report.Spent(l))
	}
	lifts := plan.Unneeded
	var errs []error
	for _, l := range plan.Ambiguous {
		errs = append(errs, errors.New(report.Ambiguous(l)))
	}
	if len(errs) > 0 {
		x := exit{code: CodeError, reason: "a flag names more than one pool", err: errors.Join(errs...)}
		return x.hint("name one of them, with its item bank"), false
	}
	if len(lifts) == 0 {
		return exit{}, true
	}
	for _, l := range lifts {
		errs = append(errs, errors.New(report.Unneeded(l, s.declaredAs(l.Pools))))
	}
	x := exit{code: CodeError, reason: "nothing was done: a flag has no effect", err: errors.Join(errs...)}
	if slices.ContainsFunc(lifts, func(l diff.Given) bool { return strings.ContainsAny(string(l.Name), "*?,") }) {
		return x.hint("globs and lists are not taken: such a flag names one pool; give it once for each"), false
	}
	return x.hint("check the reference, or leave the flag out"), false
}

// declaredAs returns the declaration of one of the pools, if there is one.
func (s *session) declaredAs(keys []pool.Key) *pool.Declared {
	i := slices.IndexFunc(s.declared, func(d pool.Declared) bool { return slices.Contains(keys, d.Key) })
	if i < 0 {
		return nil
	}
	return &s.declared[i]
}
