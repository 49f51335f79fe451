package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/apply"
)

// resultExit decides how an apply ends: 130, then 5, 3 and 1.
func (a *application) resultExit(ctx context.Context, r apply.Result, err error) exit {
	applied, running := r.Count(apply.Applied), r.Count(apply.StillRunning)
	failures, left := r.Count(apply.Failed), r.Count(apply.NotAttempted)
	x := exit{err: err}
	var h hinter
	if errors.As(err, &h) && h.Hint() != "" {
		x = x.hint("%s", h.Hint())
	}
	if interrupted(ctx) {
		x.code, x.reason = CodeInterrupted, fmt.Sprintf("interrupted; %d applied, %d in flight, %d not attempted", applied, running, left)
		return x
	}
	switch r.Status(err) {
	case apply.StillRunning:
		x.code, x.reason = CodeRunning, plural(running, "pool")+" still under way"
	case apply.InPart:
		x.code, x.reason = CodePartial, fmt.Sprintf("applied in part: %d applied, %d failed, %d not attempted", applied, failures, left)
		if failures+applied == 0 {
			x.reason = nothingApplied(r, left)
		}
	case apply.Failed:
		x.code, x.reason = CodeError, "nothing was applied"
		switch {
		case failures > 0:
			x.reason = plural(failures, "pool") + " failed, nothing was applied"
		case applied > 0:
			x.reason = plural(applied, "pool") + " applied, and then an error"
		}
	case apply.Applied:
		x.reason = plural(applied, "pool") + " applied and read back"
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

// whereFlags say where a run is at work.
var whereFlags = []string{flagConfig, flagEndpoint, flagAPIVersion, flagBank}

// goOn adds the commands to go on with to the exit of a run that was broken off.
func (a *application) goOn(x exit) exit {
	if x.code != CodeInterrupted && x.code != CodeRunning {
		return x
	}
	watch := []string{"poolsync", "jobs"}
	var jobs []string
	for _, o := range a.doc.Changes {
		if o.Outcome == apply.StillRunning && o.Job != "" {
			jobs = append(jobs, string(o.Job))
		}
	}
	if len(jobs) > maxNamedJobs {
		watch = append(watch, "--since", a.begun.UTC().Format(time.RFC3339))
	} else {
		watch = append(watch, jobs...)
	}
	if len(jobs) > 0 {
		x = x.hint("to watch what runs on: %s", commandLine(slices.Concat(watch, []string{"--watch"}, flagsIn(a.p.Args, whereFlags))))
	}
	return x.hint("to go on from there: %s", commandLine(withoutFlag(a.p.Args, flagExpectPlan)))
}
