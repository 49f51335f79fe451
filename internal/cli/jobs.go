package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
)

const (
	flagSince = "since"
	flagUntil = "until"
	flagWatch = "watch"
)

// defaultSince is how far back jobs are listed unless they are named.
const defaultSince = 24 * time.Hour

func (p *program) jobsCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "jobs",
		Usage:     "show jobs, or follow them until they end",
		ArgsUsage: "[JOB...]",
		Description: "Shows the jobs that are named or, without any, those created within a day.\n" +
			"Without --organisation-id, jobs of every bank that the key reaches. With --watch\n" +
			"it exits with 5 if --timeout passes first, and with 3 if any job halted.\n\n" +
			"Example:\n   poolsync jobs --since 2h --status halted,running",
		Flags: slices.Concat(commonFlags(), targetFlags(), []cli.Flag{
			&cli.StringFlag{Name: flagSince, Usage: "jobs created since `TIME`: 2h, 2026-11-21T08:00:00Z or Unix seconds (default: 24h)"},
			&cli.StringFlag{Name: flagUntil, Usage: "jobs created until `TIME`"},
			&cli.StringSliceFlag{Name: flagStatus, Usage: "only jobs with one of the `STATUS`es: queued, running, halted, completed"},
			&cli.BoolFlag{Name: flagWatch, Usage: "wait until all have ended"},
		}),
	}, runJobs)
}

func runJobs(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	jobs := []pool.Job{}
	if ok {
		jobs, x, ok = s.jobs(ctx, c)
	}
	doc := report.Jobs{Head: x.head(report.Head{Command: "jobs", Target: s.target()}), Jobs: jobs}
	return s.out.finish(document{json: func() any { return doc }, page: doc.Page, silent: !ok}, x)
}

// jobsQuery takes the query of jobs get from the flags.
func (s *session) jobsQuery(c *cli.Context, now time.Time) (learnosity.JobsQuery, error) {
	q := learnosity.JobsQuery{Bank: s.Bank}
	for _, ref := range c.Args().Slice() {
		q.References = append(q.References, pool.JobReference(ref))
	}
	for _, text := range list(c, flagStatus) {
		if !slices.Contains(pool.JobStatuses, pool.JobStatus(text)) {
			return q, fmt.Errorf("--%s %q: want queued, running, halted or completed", flagStatus, text)
		}
		q.Status = append(q.Status, pool.JobStatus(text))
	}
	var err error
	if q.Since, err = moment(flagSince, c.String(flagSince), now); err != nil {
		return q, err
	}
	if q.Until, err = moment(flagUntil, c.String(flagUntil), now); err != nil {
		return q, err
	}
	if q.Since.IsZero() && len(q.References) == 0 {
		q.Since = now.Add(-defaultSince)
	}
	if !q.Until.IsZero() && !q.Since.IsZero() && q.Until.Before(q.Since) {
		return q, fmt.Errorf("--%s lies before --%s", flagUntil, flagSince)
	}
	return q, nil
}

// moment reads a time: how long ago, a date or Unix seconds.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q: want a time such as 2h, 2026-11-21T08:00:00Z or Unix seconds", flag, text)
}

func (s *session) jobs(ctx context.Context, c *cli.Context) ([]pool.Job, exit, bool) {
	q, err := s.jobsQuery(c, time.Now())
	if err != nil {
		return nil, usage("%w", err), false
	}
	if x, ok := s.connect(ctx, c); !ok {
		return nil, x, false
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	jobs, err := s.reader.Jobs(ctx, q)
	if errors.Is(err, learnosity.ErrHiddenJobs) {
		s.p.say("there may be more jobs than are listed: %v; name a job to see it", learnosity.ErrHiddenJobs)
	} else if err != nil {
		return []pool.Job{}, failed(ctx, err), false
	}
	if c.Bool(flagWatch) {
		return s.watch(ctx, q, jobs)
	}
	x := done(plural(len(jobs), "job") + " listed")
	if missing := len(q.References) - len(jobs); missing > 0 && len(q.Status) == 0 {
		x = jobsNotFound(missing)
	}
	return jobs, x, true
}

func jobsNotFound(n int) exit {
	x := exit{code: CodeError, reason: plural(n, "job") + " not found"}
	return x.hint("the server lists jobs for some time only; check --organisation-id and --endpoint")
}

// listingGrace is how long a job that was asked for by name, and may have been
// accepted just now, may be missing from the list.
const listingGrace = time.Minute

// watch looks at the jobs that have not ended until they have.
func (s *session) watch(ctx context.Context, q learnosity.JobsQuery, jobs []pool.Job) ([]pool.Job, exit, bool) {
	at, open := map[pool.JobReference]int{}, map[pool.JobReference]bool{}
	for i, j := range jobs {
		at[j.Reference] = i
		if !j.Ended() {
			open[j.Reference] = true
		}
	}
	for _, ref := range q.References {
		if _, listed := at[ref]; !listed && len(q.Status) == 0 {
			open[ref] = true
		}
	}
	missing, begun := 0, time.Now()
	err := outcome.Poll(ctx, s.p.log, func(ctx context.Context) (bool, error) {
		refs := slices.Sorted(maps.Keys(open))
		if len(refs) == 0 {
			return true, nil
		}
		now, err := s.reader.Jobs(ctx, learnosity.JobsQuery{Bank: s.Bank, References: refs})
		if err != nil {
			return false, err
		}
		listed := map[pool.JobReference]bool{}
		for _, j := range now {
			listed[j.Reference] = true
			if !j.Ended() {
				continue
			}
			delete(open, j.Reference)
			if i, known := at[j.Reference]; known {
				jobs[i] = j
			} else {
				jobs = append(jobs, j)
			}
			s.p.say("job %s %s", j.Reference, j.Status)
		}
		for _, ref := range refs {
			if !listed[ref] && time.Since(begun) > listingGrace {
				delete(open, ref)
				missing++
				s.p.say("job %s is not listed", ref)
			}
		}
		return len(open) == 0, nil
	})
	return jobs, watchExit(ctx, jobs, len(open), missing, err), true
}

func watchExit(ctx context.Context, jobs []pool.Job, left, missing int, err error) exit {
	halted := 0
	for _, j := range jobs {
		if j.Status == pool.JobHalted {
			halted++
		}
	}
	switch {
	case interrupted(ctx):
		return exit{code: CodeInterrupted, reason: "interrupted"}
	case err != nil && ctx.Err() == nil:
		return failed(ctx, err)
	case left > 0:
		return exit{code: CodeRunning, reason: plural(left, "job") + " still running"}
	case missing > 0:
		return jobsNotFound(missing)
	case halted > 0:
		return exit{code: CodePartial, reason: plural(halted, "job") + " halted"}
	default:
		return done(plural(len(jobs), "job") + " ended")
	}
}
