package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

type vector struct {
	Name           string            `json:"name"`
	ConsumerSecret string            `json:"consumer_secret"`
	Security       map[string]string `json:"security"`
	Action         string            `json:"action"`
	Request        string            `json:"request_string"`
	Signature      string            `json:"signature"`
	FormBody       string            `json:"form_body"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/signing-vectors.json")
	require.NoError(t, err)
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Vectors, 17)
	return file.Vectors
}

func TestSignatureVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			f := form{request: v.Request, action: v.Action, hasRequest: true, hasAction: true}
			if diff := cmp.Diff(v.Signature, signature(v.ConsumerSecret, v.Security, f)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestVectorBodies posts what the official SDK posts, byte for byte.
func TestVectorBodies(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			at, err := time.Parse(timestampLayout, v.Security["timestamp"])
			require.NoError(t, err)
			h := newHarness(t, Options{
				ConsumerKey: v.Security["consumer_key"], ConsumerSecret: v.ConsumerSecret,
				Domains: []string{v.Security["domain"]}, ClockOffset: time.Until(at), AnyItem: true,
			})
			for _, strict := range []string{"raw", "strict"} {
				require.NoError(t, h.s.SetSwitches(Switches{U18: strict}))
				resp, err := h.send(http.MethodPost, "/v2026.2.LTS/itembank/pools", v.FormBody, "application/x-www-form-urlencoded")
				require.NoError(t, err)
				a := h.read(resp)
				refused := a.Meta.Code/1000 == 41
				// PHP escapes the line separators that Node and Python leave raw.
				if want := strict == "strict" && v.Name == "set_line_separators"; refused != want {
					t.Errorf("%s: refused %v, want %v: %s", strict, refused, want, a.Body)
				}
			}
		})
	}
}

func TestVerifyRefusals(t *testing.T) {
	at := func(d time.Duration) string { return time.Now().UTC().Add(d).Format(timestampLayout) }
	for name, tt := range map[string]struct {
		packet map[string]string // laid over a good one; "-" removes
		status int
		code   int
	}{
		"good":               {nil, 200, 0},
		"user id":            {map[string]string{"user_id": "somebody"}, 200, 0},
		"empty user id":      {map[string]string{"user_id": ""}, 200, 0},
		"expires":            {map[string]string{"expires": at(time.Hour)}, 200, 0},
		"no key":             {map[string]string{"consumer_key": "-"}, 400, 41000},
		"no signature":       {map[string]string{"signature": "-"}, 400, 41000},
		"unknown member":     {map[string]string{"organisation_id": "505"}, 400, 20009},
		"short key":          {map[string]string{"consumer_key": "short"}, 403, 41001},
		"short timestamp":    {map[string]string{"timestamp": "20260101"}, 403, 41001},
		"legacy signature":   {map[string]string{"signature": strings.Repeat("a", 64)}, 403, 41001},
		"long user id":       {map[string]string{"user_id": strings.Repeat("u", 51)}, 403, 41001},
		"unknown consumer":   {map[string]string{"consumer_key": "another-consumer"}, 403, 41002},
		"wrong signature":    {map[string]string{"signature": "$02$" + strings.Repeat("0", 64)}, 403, 41003},
		"too old":            {map[string]string{"timestamp": at(-4 * time.Hour)}, 403, 41004},
		"too new":            {map[string]string{"timestamp": at(4 * time.Hour)}, 403, 41004},
		"no date at all":     {map[string]string{"timestamp": "yyyymmdd-hhmm"}, 403, 41004},
		"within the window":  {map[string]string{"timestamp": at(-2 * time.Hour)}, 200, 0},
		"domain not allowed": {map[string]string{"domain": "example.com"}, 403, 41005},
		"bad expires":        {map[string]string{"expires": "tomorrow"}, 400, 41006},
		"passed expires":     {map[string]string{"expires": at(-time.Minute)}, 400, 41007},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Options{})
			packet := goodPacket(h.s.now())
			maps.Copy(packet, tt.packet)
			removed := packet["signature"] == "-"
			maps.DeleteFunc(packet, func(_, v string) bool { return v == "-" })
			values := signedForm(packet, "get", "{}")
			if removed {
				delete(packet, "signature")
				text, _ := json.Marshal(packet)
				values.Set("security", string(text))
			}
			a := h.post("/v2026.2.LTS/itembank/pools", values)
			if a.Status != tt.status || a.Meta.Code != tt.code {
				t.Errorf("got %d/%d, want %d/%d: %s", a.Status, a.Meta.Code, tt.status, tt.code, a.Body)
			}
			if tt.code != 0 && a.Meta.RequestUUID == "" {
				t.Error("a refusal carries a request_uuid")
			}
		})
	}
}

func TestVerifyCoversTheBytesSent(t *testing.T) {
	h := newHarness(t, Options{})
	values := signedForm(goodPacket(h.s.now()), "get", `{"limit":1}`)
	for field, other := range map[string]string{"request": `{ "limit":1}`, "action": "update"} {
		changed := maps.Clone(values)
		changed[field] = []string{other}
		if a := h.post("/v2026.2.LTS/itembank/pools", changed); a.Meta.Code != 41003 {
			t.Errorf("%s changed after signing: got %s", field, a.Body)
		}
	}
	for _, broken := range []string{"", "nonsense", `["a"]`, `{"consumer_key":5}`} {
		changed := maps.Clone(values)
		changed["security"] = []string{broken}
		if a := h.post("/v2026.2.LTS/itembank/pools", changed); a.Status != 400 || a.Meta.Code != 41000 {
			t.Errorf("security %q: got %s", broken, a.Body)
		}
	}
}

// TestVerifyOptionalFields leaves out the action, which then reads as get, and the
// request, as the oldest documentation allows.
func TestVerifyOptionalFields(t *testing.T) {
	h := newHarness(t, Options{})
	packet := goodPacket(h.s.now())
	packet["signature"] = signature(DefaultConsumerSecret, packet, form{})
	text, _ := json.Marshal(packet)
	a := h.post("/v2026.2.LTS/itembank/pools", url.Values{"security": {string(text)}})
	require.True(t, a.Meta.Status, a.Body)
	if got := h.s.Log()[0].Action; got != "get" {
		t.Errorf("logged action %q", got)
	}
}

func TestVerifyStrictJSON(t *testing.T) {
	h := newHarness(t, Options{Switches: Switches{U18: "strict"}})
	for request, ok := range map[string]bool{
		`{}`:                              true,
		`{"limit":1}`:                     true,
		`{"limit": 1}`:                    false,
		`{"limit":1.0}`:                   false,
		`{"limit":1e0}`:                   false,
		`{"limit":1,"limit":1}`:           false,
		"{\"next\":\"\u2028\"}":           false,
		`{"next":"\u00e9"}`:               false,
		`{"next":"\/"}`:                   false,
		`{"references":["a<b"]}`:          true,
		`{"limit":123456789012345678901}`: false,
	} {
		a := h.call("get", "itembank/pools", request)
		if refused := a.Meta.Code == 41003; refused == ok {
			t.Errorf("%s: accepted should be %v, got %s", request, ok, a.Body)
		}
	}
}

func TestVerifyWindow(t *testing.T) {
	for name, opts := range map[string]Options{
		"option": {MaxSkew: time.Hour},
		"switch": {Switches: Switches{U17: "1h"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, opts)
				values := signedForm(goodPacket(h.s.now()), "get", "{}")
				pass(time.Hour)
				if a := h.post("/latest/itembank/pools", values); a.Meta.Code != 0 {
					t.Errorf("after an hour: %s", a.Body)
				}
				pass(2 * time.Minute)
				if a := h.post("/latest/itembank/pools", values); a.Meta.Code != 41004 {
					t.Errorf("later: %s", a.Body)
				}
			})
		})
	}
}

func TestClockOffset(t *testing.T) {
	h := newHarness(t, Options{ClockOffset: -5 * time.Hour})
	a := h.post("/latest/itembank/pools", signedForm(goodPacket(time.Now()), "get", "{}"))
	if a.Meta.Code != 41004 {
		t.Fatalf("a clock that is five hours off: %s", a.Body)
	}
	date, err := http.ParseTime(a.Header.Get("Date"))
	require.NoError(t, err)
	if off := time.Since(date); off < 4*time.Hour || time.Since(time.Unix(a.Meta.Timestamp, 0)) < 4*time.Hour {
		t.Errorf("Date %v and meta.timestamp %d do not show the server's clock", date, a.Meta.Timestamp)
	}
}

func TestMultipart(t *testing.T) {
	h := newHarness(t, Options{})
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, v := range signedForm(goodPacket(h.s.now()), "get", "{}") {
		require.NoError(t, w.WriteField(name, v[0]))
	}
	require.NoError(t, w.Close())
	resp, err := h.send(http.MethodPost, "/v2026.2.LTS/itembank/pools", body.String(), w.FormDataContentType())
	require.NoError(t, err)
	if a := h.read(resp); !a.Meta.Status {
		t.Error(a.Body)
	}
	resp, err = h.send(http.MethodPost, "/v2026.2.LTS/itembank/pools", `{"action":"get"}`, "application/json")
	require.NoError(t, err)
	if a := h.read(resp); a.Meta.Code != 41000 {
		t.Errorf("a JSON body: %s", a.Body)
	}
}
