package learnosity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// Accepted is the answer to a write: the work is queued, not done.
type Accepted struct {
	// Jobs has the job of each pool that the answer names. What became of a
	// pool that is missing here is in doubt.
	Jobs map[pool.Reference]pool.JobReference

	// At is the server's time of acceptance (meta.timestamp); zero if the
	// server has never told its time.
	At time.Time

	// RequestUUID is meta.request_uuid, where there is one.
	RequestUUID string
}

// batch is the request of a set or update. The organisation_id stands at the
// top, everything else in the pools.
type batch struct {
	Bank  pool.Bank         `json:"organisation_id,omitempty"`
	Pools []json.RawMessage `json:"pools"`
}

// Write sends one set or update of 1 to 50 pools ("Set Pools", "Update Pools").
// It is tried again only where it is certain that nothing happened: no
// connection was made, the quota was exceeded, or the time of the signature was
// refused. The error is an *Error, whose Outcome says what is known.
func (c *Client) Write(ctx context.Context, verb pool.Verb, bank pool.Bank, pools []pool.Request) (Accepted, error) {
	k := call{act: string(verb) + " pools", action: string(verb), endpoint: endpointPools, atWriter: true, bank: bank}
	request, err := newBatch(verb, bank, pools)
	if err != nil {
		return Accepted{}, c.writes.fault(k, Error{Err: err, Effect: NotSent})
	}
	k.request = request
	ans, err := c.writes.do(ctx, k)
	if err != nil {
		return Accepted{}, err
	}
	jobs, err := decodeAccepted(ans, pools)
	if err != nil {
		return Accepted{}, c.writes.unusable(k, ans, err)
	}
	at := ans.meta.at
	if at.IsZero() {
		at, _ = c.ServerTime()
	}
	return Accepted{Jobs: jobs, At: at, RequestUUID: ans.meta.uuid}, nil
}

// attemptCheck is the key of a check in a context.
type attemptCheck struct{}

// WithCheck returns a context in which each attempt of a write is asked for right
// before it leaves, when it has waited for its quota: what allowed the first one may
// not hold any more. An error of the check ends the call, which did not leave then.
func WithCheck(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, attemptCheck{}, check)
}

// newBatch checks what must not be sent. Its errors name the pool.
func newBatch(verb pool.Verb, bank pool.Bank, pools []pool.Request) (batch, error) {
	switch {
	case verb != pool.Set && verb != pool.Update:
		return batch{}, fmt.Errorf("%q is no write", verb)
	case len(pools) == 0 || len(pools) > pool.MaxBatch:
		return batch{}, fmt.Errorf("a call takes 1 to %d pools, not %d", pool.MaxBatch, len(pools))
	}
	b := batch{Bank: bank, Pools: make([]json.RawMessage, len(pools))}
	seen := make(map[pool.Reference]bool, len(pools))
	for i, p := range pools {
		err := checkRequest(verb, p)
		if err == nil && seen[p.Reference] {
			err = errors.New("is in the call twice")
		}
		seen[p.Reference] = true
		if err == nil {
			b.Pools[i], err = canonical(p)
		}
		if err != nil {
			return batch{}, fmt.Errorf("pool %q %w", p.Reference, err)
		}
	}
	return b, nil
}

func checkRequest(verb pool.Verb, p pool.Request) error {
	switch {
	case p.Reference == "":
		return errors.New("has no reference")
	case p.Status != pool.Published && p.Status != pool.Unpublished:
		// Left out, it would be published by default.
		return fmt.Errorf("has the status %q, which cannot be asked for", p.Status)
	case p.Content.Len() == 0:
		return errors.New("has no content, of which there must be at least one entry")
	case verb == pool.Update && p.Description != nil:
		return errors.New("has a description, which update does not take")
	case verb == pool.Update && p.IgnoreEmpty != nil:
		return errors.New("has ignore_empty_additional_tags, which update does not take")
	}
	return nil
}

// decodeAccepted returns the jobs of the pools that were sent. A pool that the
// answer returns two jobs counts as missing.
func decodeAccepted(a answer, pools []pool.Request) (map[pool.Reference]pool.JobReference, error) {
	records, err := a.records()
	if err != nil {
		return nil, err
	}
	sent := make(map[pool.Reference]bool, len(pools))
	for _, p := range pools {
		sent[p.Reference] = true
	}
	jobs := make(map[pool.Reference]pool.JobReference, len(pools))
	twice := map[pool.Reference]bool{}
	for _, raw := range records {
		r, err := object(raw, "job_reference")
		if err != nil {
			continue
		}
		p, job := pool.Reference(r.text("pool_reference")), pool.JobReference(r.text("job_reference"))
		if p == "" && len(pools) == 1 && len(records) == 1 {
			// Other asynchronous endpoints answer with a job reference alone.
			p = pools[0].Reference
		}
		if other, ok := jobs[p]; ok && other != job {
			twice[p] = true
		}
		if sent[p] {
			jobs[p] = job
		}
	}
	for p := range twice {
		delete(jobs, p)
	}
	return jobs, nil
}
