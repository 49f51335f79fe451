package learnosity

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

const (
	testKey    = "poolsyncTestKey1"
	testSecret = "made-up-secret-not-a-real-credential-0001"
)

// sent is a request as it arrived at a stub.
type sent struct {
	url     *url.URL
	header  http.Header
	action  string
	text    string         // the request member, byte by byte
	request map[string]any // the same, decoded
	stamp   string         // timestamp of the security packet
	at      time.Time
}

// list returns a member of the request that is a list of strings.
func (s sent) list(key string) []string {
	var out []string
	values, _ := s.request[key].([]any)
	for _, v := range values {
		out = append(out, v.(string))
	}
	return out
}

// stub answers in the place of the API, in memory. It checks the signature of
// every request by its own means, over the bytes that arrived.
type stub struct {
	t      *testing.T
	answer func(n int, s sent) (*http.Response, error) // n counts from 0

	mu    sync.Mutex
	calls []sent
}

func (s *stub) RoundTrip(r *http.Request) (*http.Response, error) {
	got := s.read(r)
	s.mu.Lock()
	n := len(s.calls)
	s.calls = append(s.calls, got)
	s.mu.Unlock()
	return s.answer(n, got)
}

func (s *stub) read(r *http.Request) sent {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("request body: %v", err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		s.t.Errorf("request form: %v", err)
	}
	got := sent{
		url: r.URL, header: r.Header, action: form.Get("action"), text: form.Get("request"), at: time.Now(),
	}
	var security map[string]string
	if err := json.Unmarshal([]byte(form.Get("security")), &security); err != nil {
		s.t.Errorf("security packet: %v", err)
	}
	if err := json.Unmarshal([]byte(got.text), &got.request); err != nil {
		s.t.Errorf("request: %v", err)
	}
	got.stamp = security["timestamp"]
	mac := hmac.New(sha256.New, []byte(testSecret))
	fmt.Fprintf(mac, "%s_%s_%s_%s_%s", security["consumer_key"], security["domain"], got.stamp, got.text, got.action)
	if want := "$02$" + hex.EncodeToString(mac.Sum(nil)); security["signature"] != want {
		s.t.Errorf("signature does not fit the bytes sent: %s", got.text)
	}
	if len(security) != 4 {
		s.t.Errorf("security packet has other members than the four: %v", security)
	}
	return got
}

func (s *stub) reader() *Reader { return s.client().Reader }

func (s *stub) client(change ...func(*Config)) *Client {
	s.t.Helper()
	cfg := testConfig()
	cfg.Transport = s
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(s.t, err)
	return c
}

func testConfig() Config {
	return Config{ConsumerKey: testKey, Secret: NewSecret(testSecret)}
}

// answers makes a stub that gives the answers in turn, and the last one again
// from then on.
func answers(t *testing.T, list ...*reply) *stub {
	return &stub{t: t, answer: func(n int, _ sent) (*http.Response, error) {
		return list[min(n, len(list)-1)].response()
	}}
}

// reply is an answer that can be given more than once.
type reply struct {
	status int
	kind   string // Content-Type
	body   string
	header http.Header
	err    error
}

func (r *reply) response() (*http.Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	h := r.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", r.kind)
	return &http.Response{
		StatusCode: r.status, Header: h, Body: io.NopCloser(bytes.NewReader([]byte(r.body))), ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func jsonReply(status int, body string) *reply {
	return &reply{status: status, kind: "application/json", body: body}
}

// success is a good answer; more goes into its meta.
func success(data string, more ...string) *reply {
	meta := append([]string{`"status":true`}, more...)
	return jsonReply(200, `{"meta":{`+strings.Join(meta, ",")+`},"data":`+data+`}`)
}

// failure is an answer that the API itself calls one.
func failure(status, code int) *reply {
	return jsonReply(status, fmt.Sprintf(
		`{"meta":{"status":false,"code":%d,"message":"no %d","request_uuid":"uuid-1"}}`, code, code))
}

func broken(err error) *reply { return &reply{err: err} }

// poolRecords returns data with a pool for each reference.
func poolRecords(references ...string) string {
	records := make([]string, len(references))
	for i, r := range references {
		records[i] = fmt.Sprintf(`{"reference":%q,"name":"Name of %s","status":"published"}`, r, r)
	}
	return "[" + strings.Join(records, ",") + "]"
}

func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return out
}

func poolReferences(list []string) []pool.Reference {
	out := make([]pool.Reference, len(list))
	for i, r := range list {
		out[i] = pool.Reference(r)
	}
	return out
}

func request(reference string) pool.Request {
	return pool.Request{
		Reference: pool.Reference(reference), Name: "Name of " + reference, Status: pool.Published,
		Content: pool.Content{Items: []string{"item-1"}},
	}
}
