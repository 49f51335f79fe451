package learnosity

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

// env looks names up in a map.
func env(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestProxyFrom(t *testing.T) {
	const api, local = "https://data.learnosity.com/v1/jobs", "http://127.0.0.1:8181/v1/jobs"
	for _, test := range []struct {
		env  map[string]string
		url  string
		want string
	}{
		{nil, api, ""},
		{map[string]string{"HTTPS_PROXY": "http://proxy:3128"}, api, "http://proxy:3128"},
		{map[string]string{"https_proxy": "proxy:3128"}, api, "http://proxy:3128"},
		{map[string]string{"ALL_PROXY": "socks5://proxy:1080"}, api, "socks5://proxy:1080"},
		{map[string]string{"all_proxy": "http://user:p%40ss@proxy"}, api, "http://user:p%40ss@proxy"},
		{map[string]string{"HTTPS_PROXY": "http://one", "ALL_PROXY": "http://two"}, api, "http://one"},
		{map[string]string{"HTTPS_PROXY": "http://one", "https_proxy": "http://two"}, api, "http://one"},
		{map[string]string{"ALL_PROXY": "http://one", "no_proxy": ".learnosity.com"}, api, ""},
		{map[string]string{"HTTPS_PROXY": "http://one", "NO_PROXY": "data.learnosity.com:444"}, api, "http://one"},
		{map[string]string{"HTTPS_PROXY": "http://one", "HTTP_PROXY": "http://two", "ALL_PROXY": "http://three"}, local, ""},
		{map[string]string{"HTTP_PROXY": "http://two"}, api, ""},
	} {
		proxy, err := proxyFrom(env(test.env))
		require.NoError(t, err)
		to, err := url.Parse(test.url)
		require.NoError(t, err)
		through, err := proxy(to)
		require.NoError(t, err)
		got := ""
		if through != nil {
			got = through.String()
		}
		require.Equal(t, test.want, got, "%v", test.env)
	}
}

// A proxy that is set and cannot be used is an error: the connection must not be made
// without it. The setting may hold a password, which is never shown.
func TestMalformedProxy(t *testing.T) {
	for _, address := range []string{
		"http://user:hunter2@", "http://user:hunter2@proxy:port", "http://user:hunter2@proxy:70000", "ftp://user:hunter2@proxy",
		"http://user:hunter2@proxy/path", "http://user:hunter2@proxy?x", "://user:hunter2@proxy", "http://user:hunter2@pro xy", ":3128",
		"http://user:hunter2%zz@proxy", "user:hunter2", "https//user:hunter2@proxy",
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
			cfg := testConfig()
			cfg.Getenv = env(map[string]string{name: address})
			_, err := New(cfg)
			e, ok := errors.AsType[*ConfigError](err)
			require.True(t, ok, "%s=%s: %v", name, address, err)
			require.Equal(t, strings.ToUpper(name), e.Setting)
			require.Equal(t, "is not the address of a proxy", e.Problem)
			require.NotContains(t, fmt.Sprint(err, e.Advice), "hunter2")
		}
	}
}

// What a proxy refuses is the proxy's, is said so, and is not asked for again.
func TestProxyThatRefuses(t *testing.T) {
	for status, want := range map[int]struct {
		attempts int32
		hint     string
	}{
		407: {1, "wants a user name and password, or others than it was given"},
		403: {1, "does not let this machine reach data.learnosity.com; have it allowed there, or list it in NO_PROXY"},
		502: {5, "could not reach data.learnosity.com"},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var asked atomic.Int32
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Method != http.MethodConnect || r.Host != "data.learnosity.com:443" {
					t.Errorf("%s %s", r.Method, r.Host)
				}
				w.WriteHeader(status)
			}))
			defer proxy.Close()
			var log bytes.Buffer
			cfg := testConfig()
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			host := strings.TrimPrefix(proxy.URL, "http://")
			cfg.Getenv = env(map[string]string{"HTTPS_PROXY": "http://user:hunter2@" + host})
			c, err := New(cfg)
			require.NoError(t, err)
			c.conn.delay, c.writes.delay = time.Millisecond, time.Millisecond
			_, err = c.Pools(t.Context(), PoolsQuery{})
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.ErrorContains(t, e, fmt.Sprintf("get pools (bank primary): the proxy %s answered HTTP %d %s", host, status, http.StatusText(status)))
			require.Contains(t, e.Hint(), "the proxy "+host+" "+want.hint)
			require.Equal(t, want.attempts, asked.Load())
			require.Equal(t, NotSent, writeOne(t, c).Outcome())
			require.NotContains(t, fmt.Sprint(err, e.Hint(), log.String()), "hunter2")
		})
	}
}

func TestProxyOutOfReach(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, scheme := range []string{"http", "socks5"} {
		cfg := testConfig()
		cfg.Getenv = env(map[string]string{"ALL_PROXY": scheme + "://user:hunter2@" + strings.TrimPrefix(gone.URL, "http://")})
		c, err := New(cfg)
		require.NoError(t, err)
		c.conn.delay, c.writes.delay = time.Millisecond, time.Millisecond
		e := writeOne(t, c)
		require.Equal(t, NotSent, e.Outcome())
		require.Contains(t, e.Hint(), "the proxy could not be reached", "%v", e)
		require.NotContains(t, e.Error(), "hunter2")
	}
}

// A proxy that reads along answers in the API's place.
func TestProxyAnswersInPlace(t *testing.T) {
	s := answers(t, jsonReply(407, "<html>"))
	_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.Equal(t, Refused, e.Outcome())
	require.ErrorContains(t, e, "HTTP 407: a proxy on the way wants a user name and password")
	require.Contains(t, e.Hint(), "put them into HTTPS_PROXY or ALL_PROXY")
	require.Len(t, s.calls, 1)
}
