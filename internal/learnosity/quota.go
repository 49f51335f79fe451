package learnosity

import (
	"context"
	"sync"
	"time"
)

// The quotas of "Rate Limiting With the Data API", per consumer key and per
// action and endpoint, in any window of five seconds. The margin covers what
// the server's clock and ours may differ by over such a window.
const (
	quotaWindow = 5 * time.Second
	quotaMargin = 100 * time.Millisecond
	readQuota   = 1000
	writeQuota  = 50
)

// quotas keeps a quota for each action and endpoint.
type quotas struct {
	mu   sync.Mutex
	each map[string]*quota
}

func newQuotas() *quotas { return &quotas{each: map[string]*quota{}} }

func (q *quotas) of(action, endpoint string) *quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := action + "_" + endpoint
	if q.each[key] == nil {
		n := writeQuota
		if action == actionGet {
			n = readQuota
		}
		q.each[key] = &quota{busy: make(chan struct{}, n)}
	}
	return q.each[key]
}

// quota lets a call start only if the server cannot see more than cap(busy) of
// them within any window: a slot that a call took is free again a window after
// its answer was received. The server counted the call no later than that, and
// counts the slot's next one no earlier than it is sent; so however long either
// is under way, the two lie a window apart.
type quota struct {
	busy  chan struct{}
	mu    sync.Mutex
	until time.Time // no call starts before
}

// acquire waits for a slot. The error is the context's cause.
func (q *quota) acquire(ctx context.Context) error {
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	select {
	case q.busy <- struct{}{}:
	case <-ctx.Done():
		return interrupted(ctx)
	}
	for {
		wait := time.Until(q.paused())
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			<-q.busy
			return interrupted(ctx)
		}
	}
}

// release frees a slot a window from now.
func (q *quota) release() {
	time.AfterFunc(quotaWindow+quotaMargin, func() { <-q.busy })
}

// pause holds back every call for a whole window: what a 429 asks for.
func (q *quota) pause() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.until = time.Now().Add(quotaWindow + quotaMargin)
}

func (q *quota) paused() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.until
}
