package learnosity

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	connectTimeout = 10 * time.Second
	maxHeaderBytes = 64 << 10
	maxBody        = 64 << 20 // of an answer, after decompression
	maxErrorBody   = 64 << 10 // looked at in an answer that the status calls a failure
)

// newTransport returns a transport in which nothing is unbounded.
func newTransport(timeout time.Duration, proxy proxyFunc) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		OnProxyConnectResponse: connected,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    readsAtOnce,
		IdleConnTimeout:        90 * time.Second,
	}
}

// httpClient returns a client that keeps no cookies and follows no redirect: one
// that is followed loses the body, and what comes back (41000) blames a
// security packet that was fine.
func httpClient(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

var errReadOnly = errors.New("refused to send anything but a get from a reader")

// getOnly lets a request through only if the form in its body asks for the
// action get, and for nothing else.
type getOnly struct{ next http.RoundTripper }

// RoundTrip reads the body and passes on a copy of the request.
func (g getOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return nil, errReadOnly
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["action"]) != 1 || form.Get("action") != actionGet {
		return nil, errReadOnly
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return g.next.RoundTrip(r)
}

var errTooLarge = errors.New("the answer is larger than 64 MiB")

// readBody reads an answer up to its limit. A failure needs no more than its
// beginning.
func readBody(r *http.Response) ([]byte, error) {
	limit := int64(maxBody)
	if r.StatusCode < 200 || r.StatusCode > 299 {
		limit = maxErrorBody
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		body = body[:limit]
		if limit == maxBody {
			return nil, errTooLarge
		}
	}
	return body, err
}
