package learnosity

import (
	"sync"
	"time"
)

// skewTolerance is how far the clocks may differ before a refused timestamp is
// put down to it: the stamp has a resolution of a minute.
const skewTolerance = 30 * time.Second

// maxCorrection is how far from our own a time may be that we sign with. A request
// signed for next year could be replayed until then, so one wrong answer must not
// make us sign one.
const maxCorrection = 24 * time.Hour

// clock is what is known of the server's clock.
type clock struct {
	mu     sync.Mutex
	server time.Time     // the latest meta.timestamp
	at     time.Time     // when it was received
	skew   time.Duration // local minus server
	known  bool          // skew was measured
	offset time.Duration // added to the local time when signing
}

// observe takes note of a meta.timestamp received just now.
func (c *clock) observe(server time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.server, c.at = server, now
	c.skew, c.known = now.Sub(server), true
}

// observeDate takes note of a Date header: good enough to measure the skew, not
// to tell the server's time, since a proxy may have written it.
func (c *clock) observeDate(date time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew, c.known = time.Since(date), true
}

// correct makes later signatures carry the server's time if the clocks differ by
// no more than maxCorrection, and else our own. It is called when the server refused a timestamp,
// and reports whether signatures now carry another time than ours.
func (c *clock) correct() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = 0
	if skew := c.skew.Abs(); c.known && skew >= skewTolerance && skew <= maxCorrection {
		c.offset = -c.skew
	}
	return c.offset != 0
}

// stamp is the time to sign with.
func (c *clock) stamp() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) serverTime() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Time{}, false
	}
	return c.server.Add(time.Since(c.at)).UTC(), true
}

func (c *clock) measured() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.known
}
