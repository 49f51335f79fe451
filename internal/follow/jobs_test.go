package follow_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/pool"
)

// followed is what became of the jobs that were followed.
type followed struct {
	ended map[pool.JobReference]pool.JobStatus
	gone  []pool.JobReference
}

func run(ctx context.Context, s *stub, jobs ...follow.Job) (followed, error) {
	f := followed{ended: map[pool.JobReference]pool.JobStatus{}}
	err := s.follower().Jobs(ctx, jobs,
		func(j follow.Job, r pool.Job) { f.ended[j.Reference] = r.Status },
		func(j follow.Job) { f.gone = append(f.gone, j.Reference) })
	return f, err
}

func job(ref pool.JobReference) follow.Job {
	return follow.Job{Bank: bank, Reference: ref, Accepted: time.Now()}
}

func record(ref pool.JobReference, s pool.JobStatus) pool.Job {
	return pool.Job{Reference: ref, Status: s}
}

// TestRhythm: first after a second, then half as long again each time, up to 15
// seconds, each with a tenth of jitter.
func TestRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.jobs = func(age time.Duration) ([]pool.Job, error) {
			if age > 2*time.Minute {
				return []pool.Job{record("j", pool.JobCompleted)}, nil
			}
			return []pool.Job{record("j", pool.JobRunning)}, nil
		}
		f, err := run(t.Context(), s, job("j"))
		require.NoError(t, err)
		same(t, "ended", followed{ended: map[pool.JobReference]pool.JobStatus{"j": pool.JobCompleted}}.ended, f.ended)
		want, last := 1.0, 0.0
		for i, at := range s.asked {
			if pause := at - last; math.Abs(pause-want) > 0.1*want+0.001 {
				t.Errorf("pause %d is %.2f s, want %.2f s", i, pause, want)
			}
			last, want = at, min(want*1.5, 15)
		}
		if n := len(s.asked); n < 12 || n > 18 {
			t.Errorf("asked %d times in two minutes", n)
		}
	})
}

// TestManyJobs end in their own time, each told once, and are no longer asked for.
func TestManyJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		var jobs []follow.Job
		for i := range 120 {
			jobs = append(jobs, job(pool.JobReference(fmt.Sprintf("j%03d", i))))
		}
		jobs = append(jobs, follow.Job{Bank: 606, Reference: "other", Accepted: time.Now()})
		s.jobs = func(age time.Duration) (out []pool.Job, _ error) {
			for i, j := range jobs {
				r := record(j.Reference, pool.JobQueued)
				switch done := age > time.Duration(i)*time.Second/4; {
				case done && i%10 == 0:
					r.Status = pool.JobHalted
				case done:
					r.Status = pool.JobCompleted
				}
				out = append(out, r)
			}
			return out, nil
		}
		f, err := run(t.Context(), s, jobs...)
		require.NoError(t, err)
		same(t, "ended", 121, len(f.ended))
		same(t, "halted", pool.JobHalted, f.ended["j050"])
		asked := map[pool.Bank]int{}
		for _, q := range s.questions {
			asked[q.Bank] = len(q.References)
		}
		if asked[bank] >= 120 {
			t.Error("jobs that have ended are still asked for")
		}
		same(t, "banks", 2, len(asked))
	})
}

// TestUnlistedJob: a job may be missing for a minute after it was accepted, and is
// gone after that.
func TestUnlistedJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.jobs = func(age time.Duration) ([]pool.Job, error) {
			if age > 55*time.Second {
				return []pool.Job{record("late", pool.JobCompleted)}, nil
			}
			return nil, nil
		}
		f, err := run(t.Context(), s, job("late"), job("lost"))
		require.NoError(t, err)
		same(t, "late", map[pool.JobReference]pool.JobStatus{"late": pool.JobCompleted}, f.ended)
		same(t, "gone", []pool.JobReference{"lost"}, f.gone)
		if age := s.age(); age <= follow.JobGrace || age > follow.JobGrace+20*time.Second {
			t.Errorf("given up after %s", age)
		}
	})
}

// TestListedThenLost: a job that was listed once and is no more is gone too.
func TestListedThenLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.jobs = func(age time.Duration) ([]pool.Job, error) {
			if age < 5*time.Minute {
				return []pool.Job{record("j", pool.JobRunning)}, nil
			}
			return nil, nil
		}
		f, err := run(t.Context(), s, job("j"))
		require.NoError(t, err)
		same(t, "gone", []pool.JobReference{"j"}, f.gone)
	})
}

// TestFailingPolls: two in a row are passed over, three are not, and a refusal is
// taken at its word.
func TestFailingPolls(t *testing.T) {
	fails := func(n int, err error) func(*stub) func(time.Duration) ([]pool.Job, error) {
		return func(s *stub) func(time.Duration) ([]pool.Job, error) {
			return func(time.Duration) ([]pool.Job, error) {
				switch k := len(s.asked); {
				case k == n+3:
					return []pool.Job{record("j", pool.JobCompleted)}, nil
				case k <= n || (k > n+1 && k <= n+2):
					return nil, err
				}
				return []pool.Job{record("j", pool.JobRunning)}, nil
			}
		}
	}
	for name, tt := range map[string]struct {
		jobs  func(*stub) func(time.Duration) ([]pool.Job, error)
		polls int
		want  error
	}{
		"two, then again": {fails(2, errLost), 5, nil},
		"three":           {fails(3, errLost), 3, errLost},
		"refused":         {fails(1, errRefused), 1, errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStub()
				s.jobs = tt.jobs(s)
				_, err := run(t.Context(), s, job("j"))
				same(t, "error", true, errors.Is(err, tt.want))
				same(t, "polls", tt.polls, len(s.asked))
			})
		})
	}
}

// TestCancelledWhileFollowing returns the cause at once.
func TestCancelledWhileFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.jobs = func(time.Duration) ([]pool.Job, error) { return []pool.Job{record("j", pool.JobRunning)}, nil }
		stop := errors.New("stop")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Second, stop)
		defer cancel()
		_, err := run(ctx, s, job("j"))
		same(t, "cause", true, errors.Is(err, stop))
		same(t, "after", 100*time.Second, s.age())
	})
}

func TestNoJobs(t *testing.T) {
	s := newStub()
	f, err := run(t.Context(), s)
	require.NoError(t, err)
	same(t, "asked", 0, len(s.asked)+len(f.ended)+len(f.gone))
}
