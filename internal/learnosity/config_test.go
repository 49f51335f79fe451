package learnosity

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*Config)
		setting string
		problem string
	}{
		{"no key", func(c *Config) { c.ConsumerKey = "" }, EnvKey, "is not set"},
		{"no secret", func(c *Config) { c.Secret = Secret{} }, EnvSecret, "is not set"},
		{"empty secret", func(c *Config) { c.Secret = NewSecret("") }, EnvSecret, "is not set"},
		{"key with a line break", func(c *Config) { c.ConsumerKey += "\n" }, EnvKey, "space or line break"},
		{"secret with a space", func(c *Config) { c.Secret = NewSecret(" s") }, EnvSecret, "space or line break"},
		{"key that fits no header", func(c *Config) { c.ConsumerKey = "a\r\nX: y" }, EnvKey, "cannot be sent"},
		{"domain with a space", func(c *Config) { c.Domain = "localhost " }, EnvDomain, "space or line break"},
		{"version", func(c *Config) { c.Version = "../v1" }, "API version", "is not a version"},
		{"no URL", func(c *Config) { c.ReadEndpoint = "data.learnosity.com" }, "read endpoint", "is not a URL"},
		{"garbled URL", func(c *Config) { c.ReadEndpoint = "https://u:pw@h:x" }, "read endpoint", "is not a URL"},
		{"plain http", func(c *Config) { c.ReadEndpoint = "http://data.learnosity.com" }, "read endpoint", "is not https"},
		{"looks like loopback", func(c *Config) { c.WriteEndpoint = "http://127.0.0.1.example.test" }, "endpoint", "is not https"},
		{"other scheme", func(c *Config) { c.ReadEndpoint = "ftp://localhost" }, "read endpoint", "is not https"},
		{"user info", func(c *Config) { c.ReadEndpoint = "https://u:pw@data.learnosity.com" }, "read endpoint", "user name"},
		{"query", func(c *Config) { c.ReadEndpoint = "https://data.learnosity.com?x=1" }, "read endpoint", "query"},
		{"with version", func(c *Config) { c.ReadEndpoint = DefaultEndpoint + "/v2026.2.LTS/" }, "read endpoint", "version"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig()
			test.change(&cfg)
			_, err := New(cfg)
			e, ok := errors.AsType[*ConfigError](err)
			require.True(t, ok, "%v", err)
			require.Contains(t, e.Setting, test.setting)
			require.Contains(t, e.Problem, test.problem)
			require.NotEmpty(t, e.Hint())
			require.NotContains(t, err.Error()+e.Hint(), "pw")
			_, err = NewReader(cfg)
			require.Error(t, err)
		})
	}
}

func TestConfigErrorsAreAllTold(t *testing.T) {
	_, err := NewReader(Config{})
	require.ErrorContains(t, err, EnvKey+" is not set")
	require.ErrorContains(t, err, EnvSecret+" is not set")
}

func TestEndpoints(t *testing.T) {
	tests := []struct{ name, read, write, wantRead, wantWrite string }{
		{"defaults", "", "", DefaultEndpoint, DefaultEndpoint},
		{"one for both", "https://data-au.learnosity.com/", "", "https://data-au.learnosity.com", "https://data-au.learnosity.com"},
		{
			"two", "https://data-au.learnosity.com", "https://data-or.learnosity.com",
			"https://data-au.learnosity.com", "https://data-or.learnosity.com",
		},
		{"loopback", "http://127.8.0.1:80/base/", "http://[::1]:8080", "http://127.8.0.1:80/base", "http://[::1]:8080"},
		{"localhost", "http://localhost:1", "", "http://localhost:1", "http://localhost:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.ReadEndpoint, cfg.WriteEndpoint = test.read, test.write
			r, err := NewReader(cfg)
			require.NoError(t, err)
			got := []string{r.conn.read.String(), r.conn.write.String(), r.conn.version}
			if diff := cmp.Diff([]string{test.wantRead, test.wantWrite, DefaultVersion}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Pools and content are read at the read endpoint; writes go to the write
// endpoint, and so do jobs, which may not be visible elsewhere.
func TestEndpointOfEachCall(t *testing.T) {
	s := answers(t, success("[]"))
	c := s.client(func(cfg *Config) {
		cfg.ReadEndpoint, cfg.WriteEndpoint = "https://data-au.learnosity.com", "https://data-or.learnosity.com"
	})
	ctx := t.Context()
	_, err := c.Pools(ctx, PoolsQuery{})
	require.NoError(t, err)
	_, err = c.Items(ctx, ItemsQuery{})
	require.NoError(t, err)
	_, err = c.Jobs(ctx, JobsQuery{})
	require.NoError(t, err)
	_, err = c.Write(ctx, pool.Set, 505, []pool.Request{request("p")})
	require.NoError(t, err)
	var hosts []string
	for _, call := range s.calls {
		hosts = append(hosts, strings.TrimSuffix(call.url.Host, ".learnosity.com"))
	}
	if diff := cmp.Diff([]string{"data-au", "data-au", "data-or", "data-or"}, hosts); diff != "" {
		t.Error(diff)
	}
}

// Trap 30: the bank of the public demo key is shared and writes stay there.
func TestTrap30DemoKey(t *testing.T) {
	cfg := testConfig()
	cfg.ConsumerKey = demoKey
	_, err := New(cfg)
	e, ok := errors.AsType[*ConfigError](err)
	require.True(t, ok, "%v", err)
	require.Contains(t, e.Error(), "public demo key")
	_, err = NewReader(cfg)
	require.NoError(t, err)
	cfg.WriteEndpoint = "http://localhost:8080"
	_, err = New(cfg)
	require.NoError(t, err)
}

// Trap 28: a moving version is told of, and what it stands for is logged.
func TestTrap28Versions(t *testing.T) {
	var log bytes.Buffer
	s := answers(t, success("[]", `"versions":{"requested":"developer","mapped":"v1.79","concrete":"v1.79.5"}`))
	c := s.client(func(cfg *Config) {
		cfg.Version = "developer"
		cfg.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	require.Contains(t, log.String(), `"msg":"api version is a moving alias","api_version":"developer"`)
	_, err := c.Pools(t.Context(), PoolsQuery{})
	require.NoError(t, err)
	require.Contains(t, log.String(), "v1.79.5")
}

// The log shows requests by an allow-list.
func TestLogShowsWhatItMay(t *testing.T) {
	var log bytes.Buffer
	s := answers(t, failure(403, 41003))
	c := s.client(func(cfg *Config) {
		cfg.ConsumerKey = "short"
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	p := request("p")
	p.Name = "confidential name"
	text := "confidential description"
	p.Description = &text
	p.Content.Tags = []pool.Selector{{Type: "course", Name: "confidential tag"}}
	_, err := c.Write(t.Context(), pool.Set, 505, []pool.Request{p})
	require.Error(t, err)
	logged := log.String()
	for _, want := range []string{
		"consumer key has an unusual length", "action=set", "endpoint=itembank/pools", "bank=505", "attempt=1",
		"status=403", "code=41003", "request_uuid=uuid-1", "duration=",
		`\"organisation_id\":505`, `\"reference\":\"p\"`, `\"item_references\":[\"item-1\"]`, `\"name\":\"[redacted]\"`, `\"type\":\"course\"`,
	} {
		require.Contains(t, logged, want)
	}
	for _, secret := range []string{testSecret, "confidential", "signature", "$02$"} {
		require.NotContains(t, logged, secret)
	}
}

// A reader has no method that writes, none that leads to a client, and its
// transport lets nothing else through.
func TestReaderCannotWrite(t *testing.T) {
	typ := reflect.TypeFor[*Reader]()
	var methods []string
	for method := range typ.Methods() {
		methods = append(methods, method.Name)
	}
	want := []string{"Activities", "ActivitiesPage", "EachActivity", "EachItem", "EachPool", "Items", "ItemsPage", "Jobs", "Pools", "ServerTime", "Tags"}
	if diff := cmp.Diff(want, methods); diff != "" {
		t.Errorf("a method was added; if it cannot write, add it here:\n%s", diff)
	}
	s := answers(t, success("[]"))
	r := s.reader()
	for _, action := range []string{"set", "update", "delete", ""} {
		_, err := r.conn.do(t.Context(), call{act: "try", action: action, endpoint: endpointPools, request: params{Limit: 1}})
		require.ErrorIs(t, err, errReadOnly)
		require.Equal(t, NotSent, OutcomeOf(err))
	}
	require.Empty(t, s.calls)
	writer := reflect.TypeFor[*Client]()
	require.Equal(t, len(want)+1, writer.NumMethod())
	_, ok := writer.MethodByName("Write")
	require.True(t, ok)
	require.True(t, slices.IsSorted(want))
}
