// Package learnosity is a client of the Learnosity Data API: it signs, sends,
// pages, waits for quotas and retries. What comes in are queries and the pool
// objects of a batch, what goes out are values of package pool and errors that
// say whether a call took effect. It knows neither manifests nor plans, reads
// no environment and prints nothing.
//
// A [Reader] can only read; a [Client] is a Reader that can also write. Both
// are safe for use by several goroutines.
package learnosity

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// What a Config that leaves a member empty stands for.
const (
	DefaultEndpoint       = "https://data.learnosity.com"
	DefaultVersion        = "v2026.2.LTS"
	DefaultDomain         = "localhost"
	DefaultAttemptTimeout = 30 * time.Second
)

// The environment variables that a [ConfigError] and the hints of an [Error]
// speak of. This package names them and reads none.
const (
	EnvKey    = "LEARNOSITY_CONSUMER_KEY"
	EnvSecret = "LEARNOSITY_CONSUMER_SECRET"
	EnvDomain = "LEARNOSITY_DOMAIN"
)

// Config says where the API is and who calls it. Only ConsumerKey and Secret
// have no default.
type Config struct {
	// ReadEndpoint and WriteEndpoint are base URLs without the version,
	// "https://data-au.learnosity.com". An empty one takes the value of the
	// other, or DefaultEndpoint if both are empty. Plain http is taken for
	// loopback addresses only. Jobs are read at WriteEndpoint: whether a job is
	// visible anywhere but where it was started is not documented.
	ReadEndpoint, WriteEndpoint string

	// Version is the version segment of the path, "v2026.2.LTS".
	Version string

	// ConsumerKey and Secret identify the API consumer; Domain is one of those
	// that Learnosity Console lists for it.
	ConsumerKey string
	Secret      Secret
	Domain      string

	// Transport carries the requests. If nil, a transport with bounded
	// timeouts and headers is made.
	Transport http.RoundTripper

	// Getenv is asked for HTTPS_PROXY or else ALL_PROXY, and NO_PROXY, in upper and
	// lower case. Nil means no proxy.
	Getenv func(name string) string

	// AttemptTimeout bounds one attempt, from the first byte of the request to
	// the last one of the answer.
	AttemptTimeout time.Duration

	// Logger gets a debug record of each attempt. Nil discards them.
	Logger *slog.Logger

	// ProgramVersion is what the server is told of us, in X-Learnosity-SDK
	// ("Go:<ProgramVersion>"), "dev" if empty. UserAgent is the header of that
	// name, "poolsync/<ProgramVersion>" if empty.
	ProgramVersion string
	UserAgent      string
}

// Reader reads item pools, their content and jobs. It cannot write: it has no
// method for it, and what it sends passes a transport that lets through nothing
// but the action get.
type Reader struct {
	conn *conn
}

// Client is a Reader that can also write item pools.
type Client struct {
	*Reader
	writes *conn
}

// NewReader makes a Reader. The error is a *ConfigError, or several of them
// joined.
func NewReader(cfg Config) (*Reader, error) {
	c, transport, err := newConn(cfg)
	if err != nil {
		return nil, err
	}
	c.http = httpClient(getOnly{transport})
	return &Reader{conn: c}, nil
}

// New makes a Client. The error is a *ConfigError, or several of them joined.
// The key that Learnosity publishes for its demos is refused unless the write
// endpoint is a loopback address: the bank behind it is shared and what is
// written there stays. A Reader can be made with it.
func New(cfg Config) (*Client, error) {
	r, err := NewReader(cfg)
	if err != nil {
		return nil, err
	}
	if r.conn.key == demoKey && !isLoopback(r.conn.write.Hostname()) {
		return nil, &ConfigError{
			Setting: EnvKey, Problem: "is Learnosity's public demo key, which must not write",
			Advice: "its item bank is shared by everyone; use a key of your own for anything but reading",
		}
	}
	writes := *r.conn
	transport := cfg.Transport
	if transport == nil {
		t := newTransport(r.conn.timeout, r.conn.proxy)
		// A write never rides on a connection that sat idle: if the server has
		// just closed it, nobody could tell whether the write was taken.
		t.DisableKeepAlives = true
		transport = t
	}
	writes.http = httpClient(transport)
	return &Client{Reader: r, writes: &writes}, nil
}

// newConn checks a Config. The transport comes back bare.
func newConn(cfg Config) (*conn, http.RoundTripper, error) {
	read := cmp.Or(cfg.ReadEndpoint, cfg.WriteEndpoint, DefaultEndpoint)
	write := cmp.Or(cfg.WriteEndpoint, cfg.ReadEndpoint, DefaultEndpoint)
	readURL, readErr := parseEndpoint(SettingReadEndpoint, read)
	writeURL, writeErr := parseEndpoint(SettingWriteEndpoint, write)
	if read == write {
		writeErr = nil
	}
	version := cmp.Or(cfg.Version, DefaultVersion)
	domain := cmp.Or(cfg.Domain, DefaultDomain)
	proxy, proxyErr := proxyFrom(cfg.Getenv)
	err := errors.Join(checkKey(cfg.ConsumerKey), checkSecret(cfg.Secret), checkDomain(domain),
		checkVersion(version), readErr, writeErr, proxyErr)
	if err != nil {
		return nil, nil, err
	}
	program := cmp.Or(cfg.ProgramVersion, "dev")
	c := &conn{
		read: readURL, write: writeURL, version: version,
		key: cfg.ConsumerKey, secret: cfg.Secret, domain: domain,
		sdk: "Go:" + program, agent: cmp.Or(cfg.UserAgent, "poolsync/"+program),
		timeout: cfg.AttemptTimeout, delay: firstDelay, log: cfg.Logger,
		quotas: newQuotas(), clock: &clock{}, proxy: proxy, maxListing: maxListing,
	}
	if c.timeout <= 0 {
		c.timeout = DefaultAttemptTimeout
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	transport := cfg.Transport
	if transport == nil {
		c.ownTransport = true
		transport = newTransport(c.timeout, proxy)
	}
	c.warn()
	return c, transport, nil
}

// warn tells of settings that are allowed and probably not meant.
func (c *conn) warn() {
	ctx := context.Background()
	if len(c.key) != keyLength {
		c.log.LogAttrs(ctx, slog.LevelWarn, "consumer key has an unusual length",
			slog.Int("length", len(c.key)), slog.Int("expected", keyLength))
	}
	if isMovingVersion(c.version) && !isLoopback(c.write.Hostname()) {
		c.log.LogAttrs(ctx, slog.LevelWarn, "api version is a moving alias",
			slog.String("api_version", c.version))
	}
}

// ServerTime returns the server's clock: the latest meta.timestamp, advanced by
// the time that has passed here since. It is false before the first answer. Its
// resolution is a second.
func (r *Reader) ServerTime() (time.Time, bool) { return r.conn.clock.serverTime() }
