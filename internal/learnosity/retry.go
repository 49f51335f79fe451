package learnosity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// How often a call is tried. Waiting for a quota window is counted apart from
// faults: other processes may use up the quota for a while.
const (
	maxAttempts  = 5
	maxThrottled = 12
	firstDelay   = 500 * time.Millisecond
	maxDelay     = 8 * time.Second
)

// do makes a call, attempt by attempt, until it is answered or trying again
// would be of no use or, for a write, not known to be safe. The error is an
// *Error.
func (c *conn) do(ctx context.Context, k call) (answer, error) {
	request, err := canonical(k.request)
	if err != nil {
		return answer{}, c.fault(k, Error{Err: fmt.Errorf("the request %w", err), Effect: NotSent})
	}
	policy := policy{read: k.action == actionGet}
	delays := &backoff.ExponentialBackOff{
		InitialInterval: c.delay, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: maxDelay,
	}
	var last *Error
	attempts := 0
	ans, err := backoff.Retry(ctx, func() (answer, error) {
		attempts++
		ans, e := c.attempt(ctx, k, request, attempts)
		if e == nil {
			return ans, nil
		}
		last = e
		return answer{}, policy.judge(e)
	}, backoff.WithBackOff(delays), backoff.WithMaxElapsedTime(0))
	if err == nil {
		return ans, nil
	}
	if ctx.Err() != nil && !errors.Is(last, ctx.Err()) {
		// Given up between two attempts: the last one's effect still holds.
		last.Err = interrupted(ctx)
	}
	return answer{}, last
}

// policy decides whether a call is tried again.
type policy struct {
	read                      bool
	faults, throttled, skewed int
}

// judge returns the error that backoff.Retry acts on.
func (p *policy) judge(e *Error) error {
	switch {
	case e.throttled():
		// The quota itself holds the next attempt back for a window.
		if p.throttled++; p.throttled <= maxThrottled {
			return &backoff.RetryAfterError{}
		}
	case e.Code == codeTimestamp:
		if p.skewed++; p.skewed == 1 {
			return &backoff.RetryAfterError{}
		}
	case e.again && (p.read || e.Effect == NotSent):
		if p.faults++; p.faults < maxAttempts {
			return e
		}
	}
	return backoff.Permanent(e)
}

// interrupted returns the cause of a context's end, as an error that is both the
// cause and context.Canceled or context.DeadlineExceeded.
func interrupted(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// plainCause drops the method and URL that net/http puts before an error.
func plainCause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// neverSent reports whether it is certain that no byte of a request left. Our
// own transport says when it has a connection and writes nothing before; of a
// foreign one only errors that tell of dialling or the TLS handshake are taken.
func neverSent(err error, connected, ownTransport bool) bool {
	if connected {
		return false
	}
	if ownTransport || isCertificate(err) {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	_, dns := errors.AsType[*net.DNSError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	return dns || record
}

// isCertificate reports whether the server's certificate was refused: trying
// again changes nothing.
func isCertificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return verification || unknown || host || invalid
}

// timeoutError says that an attempt took too long.
type timeoutError struct {
	after     time.Duration
	connected bool
}

// Error says what did not happen in time.
func (e *timeoutError) Error() string {
	if !e.connected {
		return fmt.Sprintf("no connection within %s", e.after)
	}
	return fmt.Sprintf("no answer within %s", e.after)
}

// Timeout makes it a net.Error in all but name.
func (e *timeoutError) Timeout() bool { return true }
