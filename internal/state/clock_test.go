package state_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/state"
)

// answers is a server whose clock is off the local one, answer by answer. The last
// offset stays.
type answers struct {
	offsets []time.Duration
	asked   int
	told    time.Time
	at      time.Time
}

// answer is what any call brings; it takes a while.
func (a *answers) answer() {
	time.Sleep(1234 * time.Millisecond)
	off := a.offsets[min(a.asked, len(a.offsets)-1)]
	a.asked++
	a.told, a.at = time.Now().Add(off).Truncate(time.Second), time.Now()
}

func (a *answers) clock() *state.Clock {
	return state.NewClock(
		func() (time.Time, bool) { return a.told.Add(time.Since(a.at)), !a.at.IsZero() },
		func(context.Context) error { a.answer(); return nil },
	)
}

const m = time.Minute

// TestClock: no single answer moves the time by more than a minute.
func TestClock(t *testing.T) {
	for name, tt := range map[string]struct {
		offsets []time.Duration
		want    time.Duration // of the local clock, after all that
		asked   int
		unsure  bool
	}{
		"agrees":                   {[]time.Duration{0}, 0, 1, false},
		"a little off":             {[]time.Duration{20 * time.Second}, 20 * time.Second, 1, false},
		"the first is early":       {[]time.Duration{-10 * m, 0}, 0, 2, false},
		"the first is late":        {[]time.Duration{6 * m, 0}, 0, 2, false},
		"our clock is wrong":       {[]time.Duration{-time.Hour, -time.Hour}, -time.Hour, 2, false},
		"ours, and the first is":   {[]time.Duration{6 * m, -time.Hour, -time.Hour}, -time.Hour, 3, false},
		"never twice the same":     {[]time.Duration{10 * m, 20 * m, 30 * m, 40 * m, 50 * m}, 0, 4, true},
		"of two servers, one each": {[]time.Duration{10 * m, -20 * m, 10 * m, -20 * m}, 0, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{offsets: tt.offsets}
				c := a.clock()
				a.answer()
				same(t, "not believed alone", true, time.Until(c.Now()).Abs() <= m)
				err := c.Confirm(t.Context())
				same(t, "unsure", tt.unsure, errors.Is(err, state.ErrClock))
				same(t, "asked", tt.asked, a.asked)
				if !tt.unsure {
					require.NoError(t, err)
					same(t, "about right", true, (time.Until(c.Now())-tt.want).Abs() <= 2*time.Second)
				}
			})
		})
	}
}

// TestClockLater: a run under way goes by the course of its clock, and never back.
func TestClockLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{offsets: []time.Duration{0, 6 * m, 0, -10 * m, 0, -50 * time.Second, 0}}
		c := a.clock()
		a.answer()
		require.NoError(t, c.Confirm(t.Context()))
		last := c.Now()
		for range 6 {
			a.answer()
			now := c.Now()
			same(t, "goes on", true, !now.Before(last) && time.Until(now).Abs() <= m)
			require.NoError(t, c.Confirm(t.Context()))
			last = now
		}
		// The server's clock was set: believed when two answers say so.
		a.offsets, a.asked = []time.Duration{6 * m, 6 * m}, 0
		a.answer()
		require.NoError(t, c.Confirm(t.Context()))
		same(t, "set", true, (time.Until(c.Now())-6*m).Abs() <= 2*time.Second)
		// It does not answer any more.
		a.offsets, a.asked = []time.Duration{time.Hour}, 0
		a.answer()
		c = state.NewClock(func() (time.Time, bool) { return a.told.Add(time.Since(a.at)), true }, func(context.Context) error { return errors.New("out of reach") })
		require.ErrorContains(t, c.Confirm(t.Context()), "out of reach")
		// An answer without a time confirms nothing.
		silent := state.NewClock(func() (time.Time, bool) { return a.told.Add(time.Since(a.at)), true }, func(context.Context) error { time.Sleep(time.Second); return nil })
		require.ErrorIs(t, silent.Confirm(t.Context()), state.ErrClock)
		none := state.NewClock(func() (time.Time, bool) { return time.Time{}, false }, func(context.Context) error { return nil })
		require.NoError(t, none.Confirm(t.Context()))
	})
}
