package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// connectproxy STATUS starts a proxy that answers every request to connect with that
// status. PROXY is its address.
func connectProxy(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	ts.Defer(proxy.Close)
	ts.Setenv("PROXY", strings.TrimPrefix(proxy.URL, "http://"))
}
