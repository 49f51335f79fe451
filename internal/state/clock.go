package state

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Clock is the server's time as leases need it. It never goes back, and no single
// answer moves it: one wrong timestamp would let a run take over a lease that
// holds, or take one that is over before it began. Between answers, and against
// them, it counts by the local clock.
type Clock struct {
	server func() (time.Time, bool)
	ask    func(context.Context) error

	mu    sync.Mutex
	base  time.Time // what the server's clock said, last it was believed
	local time.Time // the local clock then
	last  time.Time // the latest that was told
}

// NewClock makes a clock. Server gives what the server said last, counted on to
// now; false if it said nothing yet. Ask makes it say its time again.
func NewClock(server func() (time.Time, bool), ask func(context.Context) error) *Clock {
	return &Clock{server: server, ask: ask}
}

// ErrClock says that the server's answers do not agree on its time.
var ErrClock error = &clockError{}

type clockError struct{}

// Error says what follows from it.
func (*clockError) Error() string {
	return "the answers of the server differ by more than a minute in its time, so whether a lease of the state still holds cannot be told; nothing was written"
}

// Hint says what to do next.
func (*clockError) Hint() string {
	return "try again; if it stays so, compare the clocks: poolsync doctor"
}

const (
	// maxJump is how far an answer may lie from the course of the local clock.
	maxJump = time.Minute
	// maxAsked is how often the server is asked before nobody believes it.
	maxAsked = 3
)

// Now is the server's time, as far as it is known.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if told, ok := c.server(); ok && c.fits(told, time.Now()) {
		c.believe(told, time.Now())
	}
	now := c.course(time.Now())
	if c.base.IsZero() { // a guess binds nobody
		return now.UTC()
	}
	if now.Before(c.last) {
		now = c.last
	}
	c.last = now
	return now.UTC()
}

// course is where the server's clock is if it went as ours did; before the first
// answer, ours.
func (c *Clock) course(now time.Time) time.Time {
	if c.base.IsZero() {
		return now.Round(0)
	}
	return c.base.Add(now.Sub(c.local))
}

// fits reports whether an answer lies on the course, by the local clock or by the
// one that does not stand still while a machine sleeps.
func (c *Clock) fits(told, now time.Time) bool {
	asleep := c.course(now).Add(now.Round(0).Sub(c.local.Round(0)) - now.Sub(c.local))
	return told.Sub(c.course(now)).Abs() <= maxJump || (!c.base.IsZero() && told.Sub(asleep).Abs() <= maxJump)
}

func (c *Clock) believe(told, now time.Time) { c.base, c.local = told.Round(0), now }

// reading is an answer and when it was looked at, between two moments.
type reading struct{ told, from, to time.Time }

func (c *Clock) read() (reading, bool) {
	from := time.Now()
	told, ok := c.server()
	return reading{told, from, time.Now()}, ok
}

// again reports whether a later reading is of the same answer.
func (r reading) again(later reading) bool {
	d := later.told.Sub(r.told)
	return d >= later.from.Sub(r.to) && d <= later.to.Sub(r.from)
}

// Confirm makes sure that Now can be trusted. An answer off the course is asked
// for again, and believed if the next one says the same. A server that tells no
// time at all is not waited for: then the local clock counts.
func (c *Clock) Confirm(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	first, ok := c.read()
	for asked := 0; ; asked++ {
		if ok && c.fits(first.told, first.to) {
			c.believe(first.told, first.to)
			return nil
		}
		if asked == maxAsked {
			break
		}
		if err := c.askUnlocked(ctx); err != nil {
			return err
		}
		next, known := c.read()
		if !known {
			return nil
		}
		steady := next.told.Sub(first.told) - next.from.Sub(first.from)
		if ok && !first.again(next) && steady.Abs() <= maxJump {
			c.believe(next.told, next.to)
			return nil
		}
		first, ok = next, true
	}
	return ErrClock
}

// askUnlocked asks while others may ask for the time.
func (c *Clock) askUnlocked(ctx context.Context) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	if err := c.ask(ctx); err != nil {
		return errors.Join(errors.New("ask the server for its time"), err)
	}
	return nil
}
