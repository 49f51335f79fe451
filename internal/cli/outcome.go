package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/apply"
)

// resultExit decides how an apply ends: 130, then 5, 3 and 1.
func (a *application) resultExit(ctx context.Context, r apply.Result, err error) exit {
	x := exit{err: err, reason: a.doc.Sentence().Text()}
	var h hinter
	if errors.As(err, &h) && h.Hint() != "" {
		x = x.hint("%s", h.Hint())
	}
	if interrupted(ctx) {
		x.code, x.reason = CodeInterrupted, "interrupted; "+x.reason
		return x
	}
	switch r.Status(err) {
	case apply.StillRunning:
		x.code = CodeRunning
	case apply.InPart:
		x.code = CodePartial
	case apply.Failed:
		x.code = CodeError
		if err != nil {
			x.reason += "; stopped by the error above"
		}
	case apply.Applied:
		x.reason += ", and read back"
	}
	return x
}

func areBlocked(n int) string {
	if n == 1 {
		return " is blocked"
	}
	return " are blocked"
}

// maxNamedJobs is how many jobs a command line names.
const maxNamedJobs = 20

// whereFlags say where a run is at work.
var whereFlags = []string{flagConfig, flagEndpoint, flagAPIVersion, flagBank}

// withNext adds the commands that continue a run to its exit, if it was broken off.
func (a *application) withNext(x exit) exit {
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
		x = x.hint("to watch what still runs: %s", commandLine(slices.Concat(watch, []string{"--watch"}, flagsIn(a.p.Args, whereFlags))))
	}
	return x.hint("to continue: %s", commandLine(withoutFlag(a.p.Args, flagExpectPlan)))
}
