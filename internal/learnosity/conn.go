package learnosity

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// The action of every read, and how many of them one query has under way: so many
// that up to a third of a second for an answer it is the quota that limits it.
const (
	actionGet   = "get"
	readsAtOnce = 64
)

// conn is what every call needs.
type conn struct {
	read, write          *url.URL
	version, key, domain string
	secret               Secret
	sdk, agent           string
	http                 *http.Client
	ownTransport         bool          // the transport is ours, so that its traces can be relied on
	timeout, delay       time.Duration // of an attempt; before the second attempt
	log                  *slog.Logger
	quotas               *quotas
	clock                *clock
	proxy                proxyFunc
	maxListing           int // bytes of the answers of one listing that is kept
}

// call is one logical call: however many attempts it takes, it asks for one
// thing.
type call struct {
	act      string // "set pools", what an error begins with
	action   string // "set"
	endpoint string // "itembank/pools"
	atWriter bool   // goes to the write endpoint
	bank     pool.Bank
	request  any
}

// attempt sends a request once, signed afresh.
func (c *conn) attempt(ctx context.Context, k call, request []byte, n int) (answer, *Error) {
	q := c.quotas.of(k.action, k.endpoint)
	if err := q.acquire(ctx); err != nil {
		return answer{}, c.fault(k, Error{Err: err, Effect: NotSent, Attempts: n - 1})
	}
	defer q.release()
	if k.action != actionGet {
		var done context.CancelFunc
		ctx, done = finishing(ctx)
		defer done()
	}
	if may, ok := ctx.Value(attemptCheck{}).(func(context.Context) error); ok && k.action != actionGet {
		if err := may(ctx); err != nil {
			return answer{}, c.fault(k, Error{Err: err, Effect: NotSent, Attempts: n - 1})
		}
	}
	start := time.Now()
	ans, e := c.exchange(ctx, k, request)
	if e != nil {
		e = c.fault(k, *e)
		e.Attempts = n
		switch {
		case e.throttled():
			q.pause()
		case e.Code == codeTimestamp && c.clock.correct():
			c.log.LogAttrs(ctx, slog.LevelWarn, "local clock is off, signing with the server's time",
				slog.Duration("skew", e.Skew))
		case e.Code == codeTimestamp && e.Skew.Abs() > maxCorrection:
			c.log.LogAttrs(ctx, slog.LevelWarn, "server's time is more than a day off, not signing with it",
				slog.Duration("skew", e.Skew))
		}
	}
	c.record(ctx, k, ans, e, n, time.Since(start))
	return ans, e
}

// finishTime is how long a write that is on its way may go on after its caller
// gave up: cutting it off would leave its outcome in doubt.
const finishTime = 3 * time.Second

// finishing returns a context that ends finishTime after the given one.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(finishTime, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(out, func() { t.Stop() })
	})
	return out, func() { stop(); cancel(nil) }
}

// exchange signs and sends a request and makes sense of what comes back.
func (c *conn) exchange(ctx context.Context, k call, request []byte) (answer, *Error) {
	form, err := c.form(request, k.action, c.clock.stamp())
	if err != nil {
		return answer{}, &Error{Err: err, Effect: NotSent}
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	r, err := c.newRequest(traced, k, form)
	if err != nil {
		return answer{}, &Error{Err: err, Effect: NotSent}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return answer{}, c.lost(ctx, limited, err, connected.Load())
	}
	defer func() { _ = resp.Body.Close() }()
	body, readErr := readBody(resp)
	ans, e := interpret(resp.StatusCode, resp.Header, body, readErr)
	c.observe(ans.meta, resp.Header)
	if e != nil && readErr != nil && limited.Err() != nil {
		cut := c.lost(ctx, limited, readErr, true)
		e.Err, e.fault = cut.Err, cut.fault
	}
	return ans, e
}

func (c *conn) newRequest(ctx context.Context, k call, form string) (*http.Request, error) {
	base := c.read
	if k.atWriter {
		base = c.write
	}
	u := base.JoinPath(c.version, k.endpoint)
	// The body can be read once only, so that no transport sends it again of
	// its own accord.
	body := io.NopCloser(strings.NewReader(form))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = int64(len(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", c.agent)
	// As the Node and Python SDKs send them, for routing at the load balancer.
	r.Header.Set("X-Learnosity-Consumer", c.key)
	r.Header.Set("X-Learnosity-Action", k.action+"_/"+k.endpoint)
	r.Header.Set("X-Learnosity-SDK", c.sdk)
	return r, nil
}

// lost describes a call that got no answer, or not all of it.
func (c *conn) lost(ctx, limited context.Context, err error, connected bool) *Error {
	e := &Error{Err: plainCause(err), Effect: InDoubt, again: true, fault: faultNoAnswer}
	if neverSent(err, connected, c.ownTransport) {
		e.Effect, e.fault = NotSent, faultConnect
	}
	switch {
	case ctx.Err() != nil:
		e.Err, e.again, e.fault = interrupted(ctx), false, faultNone
	case limited.Err() != nil:
		e.Err, e.fault = &timeoutError{after: c.timeout, connected: connected || !c.ownTransport}, faultTimeout
	case errors.Is(err, errReadOnly):
		e.Effect, e.again, e.fault = NotSent, false, faultNone
	case isCertificate(err):
		e.again, e.fault = false, faultCertificate
	default:
		if stuck, again := isProxy(err); stuck {
			e.again, e.fault = again, faultProxy
		}
	}
	return e
}

// observe reads the server's clock from an answer.
func (c *conn) observe(m meta, h http.Header) {
	if !m.at.IsZero() {
		c.clock.observe(m.at)
		return
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		c.clock.observeDate(date)
	}
}

// fault completes an error with what it was about.
func (c *conn) fault(k call, e Error) *Error {
	e.Act, e.Action, e.Endpoint, e.Bank = k.act, k.action, k.endpoint, k.bank
	e.Host = c.read.Host
	if k.atWriter {
		e.Host = c.write.Host
	}
	e.Message = clean(strings.ReplaceAll(e.Message, c.secret.text(), redacted), maxMessage)
	e.domain, e.version = c.domain, c.version
	if skew, ok := c.clock.measured(); ok {
		e.Skew = skew
	}
	return &e
}

// record logs an attempt, with as much of the request as may be shown.
func (c *conn) record(ctx context.Context, k call, a answer, e *Error, n int, took time.Duration) {
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("action", k.action), slog.String("endpoint", k.endpoint),
		slog.String("bank", k.bank.String()), slog.Int("attempt", n), slog.Duration("duration", took),
	}
	attrs = append(attrs, slog.String("request", shown(k.request)))
	if e != nil {
		attrs = append(attrs, slog.Int("status", e.Status), slog.Int("code", e.Code),
			slog.String("request_uuid", e.RequestUUID), slog.String("error", e.Error()))
	} else {
		attrs = append(attrs, slog.Int("status", a.status),
			slog.String("request_uuid", a.meta.uuid), slog.String("versions", a.meta.versions))
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "data api attempt", attrs...)
}
