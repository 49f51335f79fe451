package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// faultEnd is what a client sees of a faulty set, and whether the work was done.
type faultEnd struct {
	kind   FaultKind
	status int    // 0: no answer at all
	body   string // part of the body
	err    error  // of the body, or of the call if status is 0
	done   bool
}

var faultEnds = []faultEnd{
	{FaultTooMany, 429, `"code":42000`, nil, false},
	{FaultError, 500, `"code":10000`, nil, false},
	{FaultHTML, 503, "<html>", nil, false},
	{FaultRedirect, 301, "Moved", nil, false},
	{FaultFalse, 200, `"status":false,"code":10000`, nil, false},
	{FaultNotJSON, 200, "<html>", nil, false},
	{FaultCutBefore, 0, "", syscall.ECONNRESET, false},
	{FaultCutAfter, 0, "", syscall.ECONNRESET, true},
	{FaultErrorAfter, 500, `"code":10000`, nil, true},
	{FaultTruncated, 200, `{"meta":{"status":true`, nil, true},
	{FaultShortBody, 200, `job_reference`, io.ErrUnexpectedEOF, true},
	{FaultRefused, 409, `"code":20011`, nil, false},
	{FaultRefusedAfter, 409, `"code":20011`, nil, true},
	{FaultLate, 504, "Gateway Time-out", nil, false},
}

func (e faultEnd) check(t *testing.T, s *Server, resp *http.Response, err error) {
	t.Helper()
	if done := len(s.Pools(505)) == 1; done != e.done {
		t.Errorf("work done: %v", done)
	}
	if e.status == 0 {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != e.status || !strings.Contains(string(body), e.body) || !errors.Is(err, e.err) {
		t.Errorf("status %d, body %q, error %v", resp.StatusCode, body, err)
	}
}

const setOne = `{"pools":[{"reference":"p","content":{"item_references":["m5-001"]}}]}`

func TestFaultsInMemory(t *testing.T) {
	for _, e := range faultEnds {
		t.Run(string(e.kind), func(t *testing.T) {
			h := newHarness(t, Options{})
			require.NoError(t, h.s.AddFault(Fault{Action: "set", Nth: 1, Kind: e.kind}))
			values := signedForm(goodPacket(h.s.now()), "set", setOne)
			resp, err := h.send(http.MethodPost, "/v2026.2.LTS/itembank/pools", values.Encode(), "application/x-www-form-urlencoded")
			if e.status == 0 && !errors.Is(err, e.err) {
				t.Errorf("error %v, want %v", err, e.err)
			}
			e.check(t, h.s, resp, err)
			log := h.s.Log()
			require.Len(t, log, 1)
			if log[0].Fault != "set#1="+string(e.kind) || log[0].Status != e.status {
				t.Errorf("log %+v", log[0])
			}
		})
	}
}

func TestFaultsOverSockets(t *testing.T) {
	for _, e := range faultEnds {
		t.Run(string(e.kind), func(t *testing.T) {
			s, err := New(Options{})
			require.NoError(t, err)
			srv := httptest.NewServer(s)
			defer srv.Close()
			require.NoError(t, s.AddFault(Fault{Action: "set", Nth: 1, Kind: e.kind}))
			client := srv.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, err := client.PostForm(srv.URL+"/v2026.2.LTS/itembank/pools", signedForm(goodPacket(s.now()), "set", setOne))
			e.check(t, s, resp, err)
		})
	}
}

func TestFaultTruncatedIsNotJSON(t *testing.T) {
	h := newHarness(t, Options{})
	require.NoError(t, h.s.AddFault(Fault{Kind: FaultTruncated}))
	if a := h.call("get", "itembank/items", `{"limit":1}`); a.Meta.Status || a.Status != 200 {
		t.Errorf("decoded: %+v", a.Meta)
	}
}

func TestFaultSlowAndNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		f, err := ParseFault("get jobs#1=slow:2s")
		require.NoError(t, err)
		require.NoError(t, h.s.AddFault(f))
		require.NoError(t, h.s.AddFault(Fault{Action: "get", Endpoint: "jobs", Nth: 2, Kind: FaultNever}))
		require.NoError(t, h.s.AddFault(Fault{Action: "set", Kind: FaultSlow}))
		start := time.Now()
		a := h.call("get", "jobs", "{}")
		if !a.Meta.Status || time.Since(start) != 2*time.Second || a.Meta.Timestamp != time.Now().Unix() {
			t.Errorf("after %v: %s", time.Since(start), a.Body)
		}
		client := &http.Client{Transport: h.s.RoundTripper(), Timeout: time.Second}
		for action, endpoint := range map[string]string{"get": "jobs", "set": "itembank/pools"} {
			start = time.Now()
			resp, err := client.PostForm("https://data.example.test/latest/"+endpoint, signedForm(goodPacket(h.s.now()), action, setOne))
			if err == nil {
				resp.Body.Close()
			}
			var timeout *url.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(start) != time.Second {
				t.Errorf("%s: error %v after %v", action, err, time.Since(start))
			}
		}
		require.Empty(t, h.s.Pools(505), "a client that goes away while a slow call waits gets no work done")
	})
}

func TestFaultNeverOverASocket(t *testing.T) {
	s, err := New(Options{})
	require.NoError(t, err)
	srv := httptest.NewServer(s)
	defer srv.Close()
	require.NoError(t, s.AddFault(Fault{Kind: FaultNever}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	body := strings.NewReader(signedForm(goodPacket(s.now()), "get", "{}").Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/latest/jobs", body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := srv.Client().Do(req)
	if err == nil {
		resp.Body.Close()
	}
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestResponseDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{ResponseDelay: 3 * time.Second})
		start := time.Now()
		require.True(t, h.call("get", "jobs", "{}").Meta.Status)
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestFaultCounting(t *testing.T) {
	for text, want := range map[string]string{
		"get jobs=500":             "xxxxx",
		"get jobs#2=500":           ".x...",
		"get jobs#2x3=500":         ".xxx.",
		"get jobs#0x2=500":         "xx...",
		"=500":                     "xxxxx",
		"jobs#3=500":               "..x..",
		"get#1=500":                "x....",
		"set itembank/pools=500":   ".....",
		"get itembank/items#1=500": ".....",
	} {
		h := newHarness(t, Options{})
		f, err := ParseFault(text)
		require.NoError(t, err)
		require.Equal(t, text, f.String())
		require.NoError(t, h.s.AddFault(f))
		var got strings.Builder
		for range 5 {
			if h.call("get", "jobs", "{}").Meta.Status {
				got.WriteString(".")
			} else {
				got.WriteString("x")
			}
		}
		if got.String() != want {
			t.Errorf("%s: %s, want %s", text, got.String(), want)
		}
		h.s.ClearFaults()
		require.True(t, h.call("get", "jobs", "{}").Meta.Status)
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"set itembank/pools#2=cut-after":               {Action: "set", Endpoint: "itembank/pools", Nth: 2, Kind: FaultCutAfter},
		"update itembank/pools#1x3=job-halt@ela a@b:c": {Action: "update", Endpoint: "itembank/pools", Nth: 1, Times: 3, Kind: FaultJobHalt, Reference: "ela a@b:c"},
		"get=slow:1.5s":              {Action: "get", Kind: FaultSlow, Delay: 1500 * time.Millisecond},
		" itembank/pools set = 429 ": {Action: "set", Endpoint: "itembank/pools", Kind: FaultTooMany},
		"set#1=refused-after:30000":  {Action: "set", Nth: 1, Kind: FaultRefusedAfter, Code: 30000},
		"get=wrong-time:-10m":        {Action: "get", Kind: FaultWrongTime, Delay: -10 * time.Minute},
		"set=foreign-first:1.5s@a":   {Action: "set", Kind: FaultForeign, Delay: 1500 * time.Millisecond, Reference: "a"},
	} {
		got, err := ParseFault(text)
		require.NoError(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		again, err := ParseFault(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	require.Len(t, strings.Split(strings.TrimSpace(FaultHelp()), "\n"), len(faultDefs))
	for text, want := range map[string]string{
		"set":               "want [ACTION] [ENDPOINT]",
		"set=explode":       "want one of 429, 500",
		"put=500":           "neither an action nor an endpoint",
		"get get=500":       "neither",
		"get#x=500":         "want a count",
		"get#-1=500":        "want a count",
		"get=500:2s":        "500 takes no argument",
		"get=slow:long":     "slow takes a duration",
		"get=slow:-1s":      "slow takes a duration",
		"set=refused:x":     "refused takes a code",
		"set=oops:2s":       "want one of 429, 500",
		"get=pool-vanishes": "needs the pool",
	} {
		if _, err := ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	h := newHarness(t, Options{})
	require.Error(t, h.s.AddFault(Fault{Kind: "explode"}))
}

func TestJobFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		for _, text := range []string{
			"set itembank/pools#1=job-halt@a", "set itembank/pools#1=job-never-ends@b",
			"set itembank/pools#1=pool-stays-pending@c", "set itembank/pools#1=lacks-a-pool@d",
		} {
			f, err := ParseFault(text)
			require.NoError(t, err)
			require.NoError(t, h.s.AddFault(f))
		}
		pool := func(ref string) string { return `{"reference":"` + ref + `",` + items("m5-001") + `}` }
		h.write("set", pool("z"))
		data := h.write("set", pool("a")+","+pool("b")+","+pool("c")+","+pool("d")+","+pool("e"))
		var answered []string
		for _, w := range data {
			answered = append(answered, w.Pool)
		}
		require.Equal(t, []string{"a", "b", "c", "e"}, answered)
		pass(time.Hour)
		for i, want := range []string{"halted halted", "running pending", "completed pending", "completed published"} {
			if got := h.outcome(data[i].Job).Status + " " + h.pool(data[i].Pool).Status; got != want {
				t.Errorf("%s: %s, want %s", data[i].Pool, got, want)
			}
		}
		require.Equal(t, "published", h.pool("d").Status, "the pool that the answer omits has its job all the same")
		require.Equal(t, "published", h.pool("z").Status)
		require.Equal(t, []string{"m5-001"}, h.holds("c"))
		h.refused(409, 20011, "update", "itembank/pools", `{"pools":[`+pool("b")+`]}`)
	})
}

func TestLacksTheLastPool(t *testing.T) {
	h := newHarness(t, Options{})
	require.NoError(t, h.s.AddFault(Fault{Kind: FaultLacksPool}))
	data := h.write("set", `{"reference":"a",`+items("m5-001")+`},{"reference":"b",`+items("m5-001")+`}`)
	require.Len(t, data, 1)
	require.Equal(t, "a", data[0].Pool)
}
