package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestPaths(t *testing.T) {
	h := newHarness(t, Options{})
	for path, want := range map[string]struct{ status, code int }{
		"/v2026.2.LTS/itembank/pools":    {200, 0},
		"/v2026.2.lts/itembank/pools":    {200, 0},
		"/V1/itembank/pools":             {200, 0},
		"/v1.92.preview3/itembank/pools": {200, 0},
		"/latest/jobs":                   {200, 0},
		"/latest-lts/itembank/items":     {200, 0},
		"/developer/itembank/activities": {200, 0},
		"/latest/itembank/tagging/tags":  {200, 0},
		"/itembank/pools":                {404, 0},
		"/2026.2.LTS/itembank/pools":     {404, 0},
		"/v2026.2.LTSx/itembank/pools":   {404, 0},
		"/":                              {404, 0},
		"/v2026.2.LTS/itembank/unknown":  {404, 20012},
		"/v2026.2.LTS/":                  {404, 20012},
	} {
		a := h.post(path, signedForm(goodPacket(h.s.now()), "get", "{}"))
		if a.Status != want.status || a.Meta.Code != want.code {
			t.Errorf("%s: got %d/%d, want %d/%d: %s", path, a.Status, a.Meta.Code, want.status, want.code, a.Body)
		}
		if plain := strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain"); plain != (want.status == 404 && want.code == 0) {
			t.Errorf("%s: content type %q", path, a.Header.Get("Content-Type"))
		}
	}
}

func TestMethodsAndActions(t *testing.T) {
	h := newHarness(t, Options{})
	resp, err := h.send(http.MethodGet, "/v2026.2.LTS/itembank/pools", "", "")
	require.NoError(t, err)
	if a := h.read(resp); a.Status != 405 || a.Meta.Code != 40001 {
		t.Errorf("GET: %s", a.Body)
	}
	for action, endpoint := range map[string]string{"delete": "itembank/pools", "GET": "jobs", "set": "itembank/items", "": "jobs"} {
		if a := h.call(action, endpoint, "{}"); a.Status != 405 || a.Meta.Code != 40001 {
			t.Errorf("%s %s: %s", action, endpoint, a.Body)
		}
	}
}

func TestEnvelope(t *testing.T) {
	h := newHarness(t, Options{})
	a := h.call("get", "itembank/items", `{"limit":3}`)
	require.True(t, a.Meta.Status, a.Body)
	if *a.Meta.Records != 3 || a.Meta.Next == "" || a.Meta.Versions.Requested != "v2026.2.LTS" || a.Meta.Versions.Concrete == "" {
		t.Errorf("meta: %s", a.Body[:200])
	}
	a = h.call("get", "itembank/pools", `{}`)
	if *a.Meta.Records != 0 || string(a.Data) != "[]" || strings.Contains(a.Body, "next") {
		t.Errorf("empty answer: %s", a.Body)
	}
	a = h.call("get", "itembank/pools", `{"organisation_id":707}`)
	if a.Status != 403 || a.Meta.Code != 40003 || a.Meta.Status || a.Data != nil {
		t.Errorf("foreign bank: %s", a.Body)
	}
}

// TestListener goes over a socket, with net/http at both ends.
func TestListener(t *testing.T) {
	s, err := New(Options{ClockOffset: time.Hour})
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	defer srv.Close()
	values := signedForm(goodPacket(s.now()), "get", `{"limit":1}`)
	resp, err := srv.Client().PostForm(srv.URL+"/v2026.2.LTS/itembank/items", values)
	require.NoError(t, err)
	a := harness{t, s}.read(resp)
	require.True(t, a.Meta.Status, a.Body)
	dates := resp.Header["Date"]
	require.Len(t, dates, 1)
	date, err := http.ParseTime(dates[0])
	require.NoError(t, err)
	if time.Until(date) < 50*time.Minute {
		t.Errorf("Date %v is not the server clock's", date)
	}
}

func TestLog(t *testing.T) {
	h := newHarness(t, Options{LogLimit: 3})
	for range 10 {
		h.call("get", "jobs", `{"limit":1}`)
	}
	h.call("get", "jobs", `{"limit":0}`)
	h.call("get", "jobs", `{"references":["`+DefaultConsumerSecret+`"]}`)
	log := h.s.Log()
	require.Len(t, log, 3)
	type line struct {
		Key, Action, Endpoint, Request string
		Status, Code                   int
		UUID                           bool
	}
	var got []line
	for _, c := range log {
		got = append(got, line{c.ConsumerKey, c.Action, c.Endpoint, string(c.Request), c.Status, c.Code, c.RequestUUID != ""})
	}
	want := []line{
		{DefaultConsumerKey, "get", "jobs", `{"limit":1}`, 200, 0, false},
		{DefaultConsumerKey, "get", "jobs", `{"limit":0}`, 400, 20004, true},
		{DefaultConsumerKey, "get", "jobs", "", 200, 0, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	h.s.ClearLog()
	require.Empty(t, h.s.Log())
}

func TestSeedRepeats(t *testing.T) {
	var jobs [2]string
	for i := range jobs {
		h := newHarness(t, Options{Seed: "x"})
		a := h.call("set", "itembank/pools", `{"pools":[{"reference":"p","content":{"item_references":["m5-001"]}}]}`)
		var data []writeAnswer
		a.into(t, &data)
		jobs[i] = data[0].Job
	}
	if jobs[0] != jobs[1] || len(jobs[0]) != 36 {
		t.Errorf("job references %q", jobs)
	}
}
