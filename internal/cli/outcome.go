package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/apply"
)

// resultExit decides how an apply ends: 130, then 5, 3 and 1.
func (a *application) resultExit(ctx context.Context, r apply.Result, err error) exit {
	running, failures, left := r.Count(apply.StillRunning), r.Count(apply.Failed), r.Count(apply.NotAttempted)
	x := exit{err: err}
	var h hinter
	if errors.As(err, &h) && h.Hint() != "" {
		x = x.hint("%s", h.Hint())
	}
	switch {
	case interrupted(ctx):
		x.code, x.reason = CodeInterrupted, fmt.Sprintf("interrupted; %d applied, %d in flight, %d not attempted", r.Count(apply.Applied), running, left)
	case running > 0:
		x.code, x.reason = CodeRunning, plural(running, "pool")+" still under way"
	case left > 0 && failures+r.Count(apply.Applied) == 0:
		x.code, x.reason = CodePartial, nothingApplied(r, left)
	case failures+left > 0 && (r.Accepted() || failures == 0):
		x.code, x.reason = CodePartial, fmt.Sprintf("applied in part: %d applied, %d failed, %d not attempted", r.Count(apply.Applied), failures, left)
	case failures+left > 0:
		x.code, x.reason = CodeError, plural(failures, "pool")+" failed, nothing was applied"
	case err != nil:
		x.code, x.reason = CodeError, "an error"
	default:
		x.reason = plural(r.Count(apply.Applied), "pool") + " applied and read back"
	}
	if running > 0 {
		x = a.goOn(x, r)
	}
	return x
}

// nothingApplied says of a run that wrote nothing why that was.
func nothingApplied(r apply.Result, left int) string {
	blocked := 0
	for _, o := range r.Outcomes {
		if o.State == apply.NotAttempted && len(o.Change.Blocked) > 0 {
			blocked++
		}
	}
	switch blocked {
	case left:
		return fmt.Sprintf("nothing applied: %d blocked", blocked)
	case 0:
		return fmt.Sprintf("nothing applied: %d not attempted", left)
	default:
		return fmt.Sprintf("nothing applied: %d not attempted, %d of them blocked", left, blocked)
	}
}

// maxNamedJobs is how many jobs a command line to go on with names.
const maxNamedJobs = 20

// goOn adds the commands to go on with when jobs run on.
func (a *application) goOn(x exit, r apply.Result) exit {
	var jobs []string
	for _, o := range r.Outcomes {
		if o.State == apply.StillRunning && o.Job != "" {
			jobs = append(jobs, string(o.Job))
		}
	}
	if n := len(jobs); n > 0 {
		x = x.hint("to watch what runs on: poolsync jobs %s --watch", strings.Join(jobs[:min(n, maxNamedJobs)], " "))
	}
	return x.hint("to go on from there: %s", commandLine(a.p.Args))
}
