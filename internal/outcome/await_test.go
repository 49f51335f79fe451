package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
)

var (
	errRefused = &learnosity.Error{Act: "get", Status: 400, Code: 20004, Message: "no", Effect: learnosity.Refused}
	errLost    = &learnosity.Error{Act: "get", Message: "lost"}
)

// stub is a bank that answers as its functions say, by the time since it was made.
type stub struct {
	begin       time.Time
	pools       func(time.Duration) []pool.Live
	jobs        func(time.Duration) ([]pool.Job, error)
	polls       []float64 // when jobs were asked for, in seconds
	gets, looks int
	window      []learnosity.JobsQuery
}

func (s *stub) age() time.Duration { return time.Since(s.begin) }

func (s *stub) Pools(_ context.Context, q learnosity.PoolsQuery) ([]pool.Live, error) {
	s.gets++
	return slices.DeleteFunc(s.pools(s.age()), func(l pool.Live) bool { return !slices.Contains(q.References, l.Reference) }), nil
}

func (s *stub) Jobs(_ context.Context, q learnosity.JobsQuery) ([]pool.Job, error) {
	if s.polls = append(s.polls, s.age().Seconds()); len(q.References) == 0 {
		s.window = append(s.window, q)
	}
	found, err := s.jobs(s.age())
	return slices.DeleteFunc(slices.Clone(found), func(j pool.Job) bool {
		return len(q.References) > 0 && !slices.Contains(q.References, j.Reference)
	}), err
}

func (s *stub) Items(_ context.Context, q learnosity.ItemsQuery) (out []learnosity.Item, _ error) {
	s.looks++
	for _, ref := range q.References {
		out = append(out, learnosity.Item{Reference: ref})
	}
	return out, nil
}

func (s *stub) Activities(context.Context, learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
	return nil, nil
}

func newStub() *stub {
	return &stub{begin: time.Now(), pools: func(time.Duration) []pool.Live { return nil }, jobs: func(time.Duration) ([]pool.Job, error) { return nil, nil }}
}

func (s *stub) waiter(entries ...pool.Entry) *outcome.Waiter {
	w := &outcome.Waiter{Observer: outcome.Observer{Reader: s, Now: time.Now}, Log: slog.New(slog.DiscardHandler)}
	w.Add(entries...)
	return w
}

// waiting is a pool whose edit was accepted just now, by a job of its name.
func waiting(ref string) pool.Entry {
	e := call(pool.OpEdit)
	e.Reference, e.Pending.At, e.Pending.Until, e.Pending.Job = pool.Reference(ref), time.Now(), nil, pool.JobReference(ref)
	e.Pending.After.Reference = e.Reference
	return e
}

func reads(ref string, name string, s pool.Status) pool.Live {
	return pool.Live{Reference: pool.Reference(ref), Name: name, Status: s, Updated: "x"}
}

func running(ref string) pool.Job {
	return pool.Job{Reference: pool.JobReference(ref), Status: pool.JobRunning}
}

func done(ref string) pool.Job {
	return pool.Job{Reference: pool.JobReference(ref), Status: pool.JobCompleted, Completed: time.Now().UTC().Format(time.DateTime)}
}

// TestRhythm: first after a second, then half as long again each time, up to 15
// seconds, each with a tenth of jitter.
func TestRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.pools = func(time.Duration) []pool.Live { return []pool.Live{reads("p", "New", pool.Published)} }
		s.jobs = func(age time.Duration) ([]pool.Job, error) {
			if age > 2*time.Minute {
				return []pool.Job{done("p")}, nil
			}
			return []pool.Job{running("p")}, nil
		}
		got, err := s.waiter(waiting("p")).Next(t.Context())
		require.NoError(t, err)
		same(t, "verdict", outcome.Applied, got[0].Status)
		want, last := 1.0, 0.0
		for i, at := range s.polls {
			if pause := at - last; math.Abs(pause-want) > 0.1*want+0.001 {
				t.Errorf("pause %d is %.2f s, want %.2f s", i, pause, want)
			}
			last, want = at, min(want*1.5, 15)
		}
		same(t, "pools are read once", 1, s.gets)
		same(t, "and looked into once", 1, s.looks)
	})
}

// TestEachInItsOwnTime: what is decided is told at once, and no longer asked for.
func TestEachInItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.pools = func(time.Duration) []pool.Live {
			return []pool.Live{reads("a", "New", pool.Published), reads("b", "New", pool.Published)}
		}
		s.jobs = func(age time.Duration) ([]pool.Job, error) {
			if age < time.Minute {
				return []pool.Job{done("a"), running("b")}, nil
			}
			return []pool.Job{done("a"), done("b")}, nil
		}
		w := s.waiter(waiting("a"), waiting("b"))
		for i, want := range []pool.Reference{"a", "b"} {
			got, err := w.Next(t.Context())
			require.NoError(t, err)
			same(t, fmt.Sprint("decided ", i), []pool.Reference{want}, []pool.Reference{got[0].Entry.Reference})
			same(t, "left", 1-i, w.Len())
		}
	})
}

// TestReplicasThatLag: a pool may take half a minute to show what its job did, from
// when that was first seen to have ended, whatever the clock says that dates it.
func TestReplicasThatLag(t *testing.T) {
	for shows, want := range map[time.Duration]outcome.Status{25 * time.Second: outcome.Applied, time.Hour: outcome.Failed} {
		synctest.Test(t, func(t *testing.T) {
			s := newStub()
			s.pools = func(age time.Duration) []pool.Live {
				if age < shows {
					return []pool.Live{reads("p", "Old", pool.Published)}
				}
				return []pool.Live{reads("p", "New", pool.Published)}
			}
			s.jobs = func(time.Duration) ([]pool.Job, error) {
				j := done("p")
				j.Completed = time.Now().Add(-50 * time.Second).UTC().Format(time.DateTime)
				return []pool.Job{j}, nil
			}
			got, err := s.waiter(waiting("p")).Next(t.Context())
			require.NoError(t, err)
			same(t, "verdict", want, got[0].Status)
			if age := s.age(); age < 25*time.Second || age > 40*time.Second {
				t.Errorf("took %s", age)
			}
		})
	}
}

// TestOwnJobIsFollowed as long as it takes, a pool that somebody else's job holds for
// ten minutes, at one get a poll.
func TestOwnJobIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.pools = func(time.Duration) []pool.Live {
			return []pool.Live{reads("theirs", "Old", pool.Pending), reads("p", "New", pool.Published)}
		}
		s.jobs = func(age time.Duration) ([]pool.Job, error) {
			if age > 3*time.Hour {
				return []pool.Job{done("p")}, nil
			}
			return []pool.Job{running("p")}, nil
		}
		w := s.waiter(waiting("p"), pool.Entry{Key: pool.Key{Bank: 505, Reference: "theirs"}})
		got, err := w.Next(t.Context())
		require.NoError(t, err)
		same(t, "given up", []any{pool.Reference("theirs"), outcome.Running}, []any{got[0].Entry.Reference, got[0].Status})
		if age := s.age(); age < outcome.Limit || age > outcome.Limit+time.Minute {
			t.Errorf("gave up after %s", age)
		}
		same(t, "gets", len(s.polls), s.gets)
		same(t, "only our own job is left", true, w.OwnJobsOnly())
		got, err = w.Next(t.Context())
		require.NoError(t, err)
		same(t, "ours", outcome.Applied, got[0].Status)
		same(t, "nothing is left", 0, w.Len())
	})
}

// TestFailingPolls: two in a row are passed over, three are not, and a refusal is
// taken at its word.
func TestFailingPolls(t *testing.T) {
	for name, tt := range map[string]struct {
		fails int
		err   error
		polls int
	}{
		"two": {2, errLost, 3}, "three": {3, errLost, 3}, "refused": {1, errRefused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStub()
				s.pools = func(time.Duration) []pool.Live { return []pool.Live{reads("p", "New", pool.Published)} }
				s.jobs = func(time.Duration) ([]pool.Job, error) {
					if len(s.polls) <= tt.fails {
						return nil, tt.err
					}
					return []pool.Job{done("p")}, nil
				}
				w := s.waiter(waiting("p"))
				_, err := w.Next(t.Context())
				same(t, "fails", tt.polls > tt.fails, err == nil)
				same(t, "polls", tt.polls, len(s.polls))
				same(t, "left", err != nil, len(w.Left()) == 1)
			})
		})
	}
}

// TestInterrupted returns the cause at once.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.jobs = func(time.Duration) ([]pool.Job, error) { return []pool.Job{running("p")}, nil }
		stop := errors.New("stop")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Second, stop)
		defer cancel()
		_, err := s.waiter(waiting("p")).Next(ctx)
		same(t, "cause", true, errors.Is(err, stop))
		same(t, "after", 100*time.Second, s.age())
	})
}

// TestJobsOfTheBank: they are asked for about the time of the calls in doubt, one
// stretch for those that lie together; known ones are not held against a call, nor is
// one that another call in doubt has taken.
func TestJobsOfTheBank(t *testing.T) {
	s := newStub()
	other := completedJob(1, 2)
	s.jobs = func(time.Duration) ([]pool.Job, error) {
		return []pool.Job{other, job("known", pool.JobCompleted, 0, 1)}, nil
	}
	edit, correct, old := call(pool.OpEdit), call(pool.OpCorrect, sameName), call(pool.OpEdit)
	correct.Reference, old.Reference = "q", "r"
	long := sent.Add(-20 * time.Hour)
	old.Pending.At, old.Pending.Until = long, &long
	s.pools = func(time.Duration) []pool.Live {
		q := *live("Old", pool.Published, longAgo)
		q.Reference = "q"
		return []pool.Live{*live("New", pool.Published, 2), q}
	}
	o := outcome.Observer{Reader: s, Now: func() time.Time { return now }, Known: map[pool.JobReference]bool{"known": true}}
	got, err := o.Settle(t.Context(), []pool.Entry{correct, edit, old})
	require.NoError(t, err)
	same(t, "verdicts", []string{never, happened, never}, []string{word(got[0].Verdict), word(got[1].Verdict), word(got[2].Verdict)})
	same(t, "the job is the edit's", pool.JobReference("x"), got[1].Entry.Job)
	same(t, "stretches", 2, len(s.window))
	same(t, "since", sent.Add(-time.Minute), s.window[1].Since)
}
