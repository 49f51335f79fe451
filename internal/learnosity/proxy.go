package learnosity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// The environment variables that say through which proxy the API is reached, read
// in upper case or else in lower case. HTTP_PROXY is none of them: plain http is for
// loopback addresses, and those are never reached through a proxy.
const (
	envHTTPSProxy = "HTTPS_PROXY"
	envAllProxy   = "ALL_PROXY"
	envNoProxy    = "NO_PROXY"
)

// proxyFunc tells the proxy of a URL, nil for none.
type proxyFunc func(*url.URL) (*url.URL, error)

// proxyFrom reads the proxy settings. A setting that cannot be used is an error: a
// proxy is there to be gone through, and without it the connection might be refused,
// or made where it must not be.
func proxyFrom(getenv func(string) string) (proxyFunc, error) {
	if getenv == nil {
		return func(*url.URL) (*url.URL, error) { return nil, nil }, nil
	}
	read := func(name string) string { return cmp.Or(getenv(name), getenv(strings.ToLower(name))) }
	setting, address := envHTTPSProxy, read(envHTTPSProxy)
	if address == "" {
		setting, address = envAllProxy, read(envAllProxy)
	}
	if address != "" {
		if err := checkProxy(setting, address); err != nil {
			return nil, err
		}
	}
	settings := httpproxy.Config{HTTPSProxy: address, NoProxy: read(envNoProxy)}
	return settings.ProxyFunc(), nil
}

// proxySchemes are what net/http can go through.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// checkProxy checks an address, with or without a scheme. Its error never quotes the
// address, which may hold a password.
func checkProxy(setting, address string) error {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err == nil && slices.Contains(proxySchemes, u.Scheme) && u.Hostname() != "" && isPort(u.Port()) &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "" {
		return nil
	}
	return &ConfigError{
		setting, "is not the address of a proxy",
		"write it as http://HOST:PORT or socks5://HOST:PORT, a user name and password as http://USER:PASSWORD@HOST:PORT " +
			"with special characters percent-encoded; or unset it",
	}
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return text == "" || err == nil && n > 0 && n < 1<<16
}

// proxyError is a proxy's refusal to connect us.
type proxyError struct {
	host   string // without user name and password
	status int
}

// Error says which proxy answered, and what.
func (e *proxyError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the proxy %s answered HTTP %d %s", e.host, e.status, http.StatusText(e.status)))
}

// connected turns the answer of a proxy to CONNECT into an error, unless it is the
// connection that was asked for.
func connected(_ context.Context, proxy *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{host: proxy.Host, status: r.StatusCode}
}

// isProxy reports whether a call got stuck at the proxy, and whether trying again is
// of use: what a proxy refuses, it will refuse again.
func isProxy(err error) (stuck, again bool) {
	if p, ok := errors.AsType[*proxyError](err); ok {
		return true, p.status >= 500
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "proxyconnect" || op.Op == "socks connect"), true
}

// proxyHint is what to do about a proxy that does not let a call through.
func (e *Error) proxyHint() string {
	status, who := e.Status, "a proxy"
	if p, ok := errors.AsType[*proxyError](e.Err); ok {
		status, who = p.status, "the proxy "+p.host
	}
	switch {
	case status == http.StatusProxyAuthRequired:
		return who + " wants a user name and password, or others than it was given: put them into " + envHTTPSProxy + " or " + envAllProxy +
			", whichever names it, as http://USER:PASSWORD@HOST:PORT"
	case status >= 500:
		return fmt.Sprintf("%s could not reach %s; check the endpoint, and try again later", who, e.Host)
	case status != 0:
		return fmt.Sprintf("%s does not let this machine reach %s; have it allowed there, or list it in %s if it can be reached without a proxy",
			who, e.Host, envNoProxy)
	}
	return fmt.Sprintf("the proxy could not be reached, or does not work as one; check %s and %s", envHTTPSProxy, envAllProxy)
}
