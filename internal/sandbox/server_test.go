package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answered is a decoded answer.
type answered struct {
	Status int
	Meta   struct {
		Status      bool   `json:"status"`
		Code        int    `json:"code"`
		Message     string `json:"message"`
		RequestUUID string `json:"request_uuid"`
		Timestamp   int64  `json:"timestamp"`
		Records     *int   `json:"records"`
		Next        string `json:"next"`
		Versions    struct{ Requested, Mapped, Concrete string }
	}
	Data   json.RawMessage
	Body   string
	Header http.Header
}

// into decodes data.
func (a answered) into(t *testing.T, v any) {
	t.Helper()
	require.True(t, a.Meta.Status, "%s", a.Body)
	require.NoError(t, json.Unmarshal(a.Data, v), "%s", a.Data)
}

// harness drives one server through its RoundTripper with requests signed by the
// test's own hand.
type harness struct {
	*testing.T
	s *Server
}

func newHarness(t *testing.T, opts Options) harness {
	t.Helper()
	s, err := New(opts)
	require.NoError(t, err)
	return harness{t, s}
}

func goodPacket(now time.Time) map[string]string {
	return map[string]string{"consumer_key": DefaultConsumerKey, "domain": "localhost", "timestamp": now.UTC().Format(timestampLayout)}
}

func signedForm(packet map[string]string, action, request string) url.Values {
	f := form{request: request, action: action, hasRequest: true, hasAction: true}
	if _, ok := packet["signature"]; !ok {
		packet["signature"] = signature(DefaultConsumerSecret, packet, f)
	}
	security, _ := json.Marshal(packet)
	return url.Values{"security": {string(security)}, "request": {request}, "action": {action}}
}

func (h harness) send(method, path, body, contentType string) (*http.Response, error) {
	h.Helper()
	req, err := http.NewRequestWithContext(h.Context(), method, "https://data.example.test"+path, strings.NewReader(body))
	require.NoError(h, err)
	req.Header.Set("Content-Type", contentType)
	return h.s.RoundTripper().RoundTrip(req)
}

func (h harness) post(path string, values url.Values) answered {
	h.Helper()
	resp, err := h.send(http.MethodPost, path, values.Encode(), "application/x-www-form-urlencoded")
	require.NoError(h, err)
	return h.read(resp)
}

func (h harness) read(resp *http.Response) answered {
	h.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(h, err)
	a := answered{Status: resp.StatusCode, Body: string(body), Header: resp.Header}
	_ = json.Unmarshal(body, &a) // not every answer is JSON
	return a
}

// call sends a request that is right in every way that the test is not about.
func (h harness) call(action, endpoint, request string) answered {
	h.Helper()
	return h.post("/v2026.2.LTS/"+endpoint, signedForm(goodPacket(h.s.now()), action, request))
}

// pass lets virtual time go by, inside a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }

// write starts jobs and wants them accepted.
func (h harness) write(action, pools string) []writeAnswer {
	h.Helper()
	a := h.call(action, "itembank/pools", `{"pools":[`+pools+`]}`)
	var data []writeAnswer
	a.into(h.T, &data)
	return data
}

// refused wants a refusal with this status and code.
func (h harness) refused(status, code int, action, endpoint, request string) answered {
	h.Helper()
	a := h.call(action, endpoint, request)
	if a.Status != status || a.Meta.Code != code || a.Meta.Status {
		h.Errorf("%s %s %s: got %s, want %d/%d", action, endpoint, request, a.Body, status, code)
	}
	return a
}

// pool reads one pool of the primary bank.
func (h harness) pool(reference string) PoolRecord {
	h.Helper()
	for _, p := range h.s.Pools(505) {
		if p.Reference == reference {
			return p
		}
	}
	h.Fatalf("no pool %s", reference)
	return PoolRecord{}
}

// holds returns the references of a pool's items, then of its activities.
func (h harness) holds(reference string) (refs []string) {
	h.Helper()
	snap, ok := h.s.PoolContent(505, reference)
	require.True(h, ok, "no pool %s", reference)
	for _, it := range snap.Items {
		refs = append(refs, it.Reference)
	}
	for _, a := range snap.Activities {
		refs = append(refs, "activity "+a.Reference)
	}
	return refs
}

// outcome returns the end of a job as jobs get tells it.
func (h harness) outcome(reference string) jobJSON {
	h.Helper()
	var jobs []jobJSON
	h.call("get", "jobs", `{"references":["`+reference+`"],"status":["queued","running","halted","completed"]}`).into(h.T, &jobs)
	require.Len(h, jobs, 1)
	return jobs[0]
}

// items writes content of items only.
func items(refs ...string) string {
	return `"content":{"item_references":["` + strings.Join(refs, `","`) + `"]}`
}
