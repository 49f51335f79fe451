package learnosity

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

// overSocket makes a client of a server, with the transport that it makes
// itself and next to no delay between attempts.
func overSocket(t *testing.T, endpoint string) *Client {
	t.Helper()
	cfg := testConfig()
	cfg.ReadEndpoint = endpoint
	c, err := New(cfg)
	require.NoError(t, err)
	c.conn.delay, c.writes.delay = time.Millisecond, time.Millisecond
	t.Cleanup(func() { c.conn.http.CloseIdleConnections() })
	return c
}

// hijack answers with bytes of the test's own and closes the connection.
func hijack(t *testing.T, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		socket, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = buffered.WriteString(text)
		_ = buffered.Flush()
		_ = socket.Close()
	}
}

func writeOne(t *testing.T, c *Client) *Error {
	t.Helper()
	_, err := c.Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok, "%v", err)
	return e
}

// Every way in which an answer can get lost or be damaged: the write is in
// doubt and not sent again, a read is tried again and succeeds.
func TestTrap26TransportFaults(t *testing.T) {
	const good = `{"meta":{"status":true},"data":[]}`
	faults := map[string]http.HandlerFunc{
		"cut before the answer":  hijack(t, ""),
		"cut within the headers": hijack(t, "HTTP/1.1 200 OK\r\nContent-Ty"),
		"cut within the body":    hijack(t, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"+good),
		"cut within a chunk":     hijack(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n"+good),
		"not HTTP":               hijack(t, "220 smtp ready\r\n"),
		"half of the JSON": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, good[:len(good)-4])
		},
		"not gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, good)
		},
		"headers without end": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 2000 {
				w.Header().Set(fmt.Sprint("X-Flood-", i), strings.Repeat("x", 100))
			}
			_, _ = io.WriteString(w, good)
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n := calls.Add(1); n == 3 {
					_, _ = io.WriteString(w, good)
					return
				}
				fault(w, r)
			}))
			defer server.Close()
			c := overSocket(t, server.URL)
			e := writeOne(t, c)
			require.Equal(t, InDoubt, e.Outcome(), "%v", e)
			require.EqualValues(t, 1, calls.Load())
			_, err := c.Items(t.Context(), ItemsQuery{})
			require.NoError(t, err)
			require.EqualValues(t, 3, calls.Load())
		})
	}
}

// Trap 7: a redirect is not followed, not even where that would lead on.
func TestTrap07Redirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var followed atomic.Int32
			target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
			defer target.Close()
			server := httptest.NewServer(http.RedirectHandler(target.URL+"/elsewhere", status))
			defer server.Close()
			e := writeOne(t, overSocket(t, server.URL))
			require.Equal(t, Refused, e.Outcome())
			require.Equal(t, status, e.Status)
			require.ErrorContains(t, e, "a redirect to "+target.URL+"/elsewhere, which is not followed")
			require.Zero(t, followed.Load())
		})
	}
}

// Trap 6: a wrong path answers with plain text.
func TestTrap06PlainText(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	e := writeOne(t, overSocket(t, server.URL))
	require.Equal(t, Refused, e.Outcome())
	require.EqualError(t, e, "set pools (bank 505): HTTP 404: 404 page not found: the answer is not JSON")
	require.Contains(t, e.Hint(), "check the API version and the endpoint")
}

func TestNothingListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	e := writeOne(t, overSocket(t, "http://"+listener.Addr().String()))
	require.Equal(t, NotSent, e.Outcome())
	require.Equal(t, maxAttempts, e.Attempts)
	require.Contains(t, e.Hint(), "no connection to "+listener.Addr().String())
}

// A server that hangs up during the TLS handshake has seen no byte of the
// request.
func TestHandshakeIsCut(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	var accepted atomic.Int32
	go func() {
		for {
			socket, err := listener.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			_, _ = bufio.NewReader(socket).ReadByte()
			_ = socket.Close()
		}
	}()
	e := writeOne(t, overSocket(t, "https://"+listener.Addr().String()))
	require.Equal(t, NotSent, e.Outcome(), "%v", e)
	require.EqualValues(t, maxAttempts, accepted.Load())
}

func TestCertificateIsNotTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	e := writeOne(t, overSocket(t, server.URL))
	require.Equal(t, NotSent, e.Outcome())
	require.Equal(t, 1, e.Attempts)
	require.Contains(t, e.Hint(), "certificate")
}

// A decompression bomb ends in an error, not in the memory.
func TestAnswerWithoutEnd(t *testing.T) {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, err := z.Write(bytes.Repeat([]byte(" "), 1<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	bomb := bytes.Repeat(member.Bytes(), 256)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		if strings.Contains(r.Header.Get("X-Learnosity-Action"), "set") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write(bomb)
	}))
	defer server.Close()
	c := overSocket(t, server.URL)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = c.Items(t.Context(), ItemsQuery{})
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, errTooLarge)
	require.Less(t, after.Sys-min(before.Sys, after.Sys), uint64(8*maxBody))
	e := writeOne(t, c)
	require.Equal(t, InDoubt, e.Outcome())
}

// Reads share connections. A write takes a fresh one, since a connection that
// the server closes meanwhile would leave the write in doubt.
func TestConnections(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"meta":{"status":true},"data":[]}`)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := overSocket(t, server.URL)
	for range 3 {
		_, err := c.Items(t.Context(), ItemsQuery{})
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, opened.Load())
	for range 3 {
		_, err := c.Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
		require.NoError(t, err)
	}
	require.EqualValues(t, 4, opened.Load())
}

func TestHTTP2(t *testing.T) {
	var protocol atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol.Store(r.Proto)
		_, _ = io.WriteString(w, `{"meta":{"status":true},"data":[]}`)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := newTransport(time.Minute, func(*url.URL) (*url.URL, error) { return nil, nil })
	transport.DisableKeepAlives = true
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.TLSClientConfig.RootCAs = roots
	cfg := testConfig()
	cfg.ReadEndpoint, cfg.Transport = server.URL, transport
	c, err := New(cfg)
	require.NoError(t, err)
	_, err = c.Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", protocol.Load())
}
