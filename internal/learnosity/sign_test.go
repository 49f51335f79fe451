package learnosity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

type vector struct {
	Name      string          `json:"name"`
	Secret    string          `json:"consumer_secret"`
	Security  packet          `json:"security"`
	Action    string          `json:"action"`
	Request   json.RawMessage `json:"request"`
	Text      string          `json:"request_string"`
	Signature string          `json:"signature"`
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

func TestSignaturesOfTheOfficialSDKs(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			p := v.Security
			require.NoError(t, p.sign(NewSecret(v.Secret), v.Text, v.Action))
			if diff := cmp.Diff(v.Signature, p.Signature); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// ordered decodes JSON so that it is encoded in the same order again.
type ordered struct{ json.RawMessage }

func (o ordered) MarshalJSON() ([]byte, error) {
	return rebuild(json.NewDecoder(bytes.NewReader(o.RawMessage)))
}

// rebuild writes the next value with canonical scalars, keeping the order.
func rebuild(d *json.Decoder) ([]byte, error) {
	d.UseNumber()
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return canonicalScalar(token)
	}
	var b bytes.Buffer
	b.WriteRune(rune(delim))
	for first := true; d.More(); first = false {
		if !first {
			b.WriteByte(',')
		}
		if delim == '{' {
			key, err := rebuild(d)
			if err != nil {
				return nil, err
			}
			b.Write(append(key, ':'))
		}
		value, err := rebuild(d)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	end, err := d.Token()
	b.WriteRune(rune(end.(json.Delim)))
	return b.Bytes(), err
}

func canonicalScalar(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// Trap 5: what is signed must be what PHP, Node and Python would write.
func TestTrap05CanonicalText(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			got, err := canonical(ordered{v.Request})
			if v.Name == "set_line_separators" {
				require.ErrorIs(t, err, errSeparator)
				return
			}
			require.NoError(t, err)
			if diff := cmp.Diff(v.Text, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTrap05RefusesWhatCannotBeSigned(t *testing.T) {
	tests := []struct {
		name  string
		value any
		want  error
	}{
		{"line separator", "a\u2028b", errSeparator},
		{"paragraph separator", "a\u2029b", errSeparator},
		{"not UTF-8", "a\xffb", errNotUTF8},
		{"half a surrogate pair", "a\xed\xa0\x80b", errNotUTF8},
		{"float", 1.5, errNotInteger},
		{"exponent", 1e21, errNotInteger},
		{"beyond 2^53", int64(1) << 53, errNotInteger},
		{"below -2^53", -(int64(1) << 53), errNotInteger},
		{"in a member name", map[string]int{"a\u2028": 1}, errSeparator},
		{"replacement character itself", "a\ufffdb", nil},
		{"backslash and u2028", `a\u2028`, nil},
		{"quote and backslash", `"\`, nil},
		{"largest integer", int64(1)<<53 - 1, nil},
		{"digits in a string", "1.5e7", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := canonical(map[string]any{"a": []any{1, test.value, "x"}})
			require.ErrorIs(t, err, test.want)
		})
	}
}

// Trap 5: the pool is named, and nothing is sent.
func TestTrap05NamesThePool(t *testing.T) {
	s := answers(t, success("[]"))
	bad := request("ela-2")
	bad.Name = "a\u2028b"
	_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{request("ela-1"), bad})
	require.ErrorIs(t, err, errSeparator)
	require.ErrorContains(t, err, `set pools (bank 505): pool "ela-2" holds`)
	require.Equal(t, NotSent, OutcomeOf(err))
	require.Empty(t, s.calls)
}

// Trap 4: the stub checks every signature over the bytes that arrived, so this
// is about the bytes being awkward.
func TestTrap04SignsTheBytesSent(t *testing.T) {
	s := answers(t, success(`[{"pool_reference":"p","job_reference":"j"}]`))
	p := request("p")
	description := "https://example.test/a/b?x=1&y=2 <b>\"é\" 📚</b> + 100% \\ \t\n\u007f"
	p.Description = &description
	_, err := s.client().Write(t.Context(), pool.Set, pool.Primary, []pool.Request{p})
	require.NoError(t, err)
	want := `{"pools":[{"reference":"p","name":"Name of p","description":` +
		`"https://example.test/a/b?x=1&y=2 <b>\"é\" 📚</b> + 100% \\ \t\n` + "\u007f" + `",` +
		`"status":"published","overwrite":false,"set_unpublished_to_published":false,` +
		`"content":{"item_references":["item-1"]}}]}`
	if diff := cmp.Diff(want, s.calls[0].text); diff != "" {
		t.Error(diff)
	}
}

// Trap 27: the minute of the timestamp is the minute, in UTC.
func TestTrap27Timestamp(t *testing.T) {
	c := &conn{key: testKey, domain: "localhost", secret: NewSecret(testSecret)}
	at := time.Date(2026, 11, 2, 23, 47, 59, 0, time.FixedZone("", -5*3600))
	form, err := c.form([]byte("{}"), "get", at)
	require.NoError(t, err)
	require.Contains(t, form, "20261103-0447")
}

func TestSecretInTheRequestIsNotSent(t *testing.T) {
	s := answers(t, success("[]"))
	p := request("p")
	p.Name = "leaks " + testSecret
	_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{p})
	require.ErrorIs(t, err, errSecretInRequest)
	require.Equal(t, NotSent, OutcomeOf(err))
	require.NotContains(t, err.Error(), testSecret)
	require.Empty(t, s.calls)
}

func TestSecretIsNeverShown(t *testing.T) {
	secret := NewSecret("hush-hush")
	cfg := Config{Secret: secret}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.LogAttrs(t.Context(), slog.LevelInfo, "x", slog.Any("secret", secret), slog.Any("config", &cfg.Secret))
	encoded, err := json.Marshal(map[string]any{"secret": secret})
	require.NoError(t, err)
	text, err := secret.MarshalText()
	require.NoError(t, err)
	shown := []string{log.String(), string(encoded), string(text), secret.String(), secret.GoString()}
	type holder struct{ inner any }
	type hidden struct{ secret Secret }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T %v"} {
		shown = append(shown, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, cfg), fmt.Sprintf(verb, &cfg),
			fmt.Sprintf(verb, holder{secret}), fmt.Sprintf(verb, hidden{secret}), fmt.Sprintf(verb, &hidden{secret}))
	}
	for _, s := range shown {
		for _, form := range []string{"hush-hush", "687573682d68757368"} {
			require.NotContains(t, s, form)
		}
	}
}

// Trap 3: every attempt and every page is signed at its own time.
func TestTrap03FreshSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(t, failure(500, 10000), success(poolRecords("a"), `"next":"t1"`), success(poolRecords("b")))
		inner := s.answer
		s.answer = func(n int, got sent) (*http.Response, error) {
			<-time.After(50 * time.Second)
			return inner(n, got)
		}
		c := s.client(func(cfg *Config) { cfg.AttemptTimeout = time.Minute })
		_, err := c.Pools(t.Context(), PoolsQuery{Bank: 505})
		require.NoError(t, err)
		require.Len(t, s.calls, 3)
		for i, call := range s.calls {
			require.Equal(t, call.at.UTC().Format("20060102-1504"), call.stamp, "call %d", i)
		}
		require.NotEqual(t, s.calls[0].stamp, s.calls[2].stamp)
	})
}

func TestHeaders(t *testing.T) {
	s := answers(t, success("[]"))
	c := s.client(func(cfg *Config) { cfg.ProgramVersion = "1.2.3" })
	_, err := c.Pools(t.Context(), PoolsQuery{})
	require.NoError(t, err)
	_, err = c.Jobs(t.Context(), JobsQuery{})
	require.NoError(t, err)
	_, err = c.Write(t.Context(), pool.Update, 505, []pool.Request{request("p")})
	require.NoError(t, err)
	// Trap 27: a read says get, whatever the HTTP method.
	want := []string{"get_/itembank/pools", "get_/jobs", "update_/itembank/pools"}
	for i, call := range s.calls {
		require.Equal(t, want[i], call.header.Get("X-Learnosity-Action"))
		require.Equal(t, testKey, call.header.Get("X-Learnosity-Consumer"))
		require.Equal(t, "Go:1.2.3", call.header.Get("X-Learnosity-SDK"))
		require.Equal(t, "poolsync/1.2.3", call.header.Get("User-Agent"))
		require.Equal(t, "application/x-www-form-urlencoded", call.header.Get("Content-Type"))
		path := "/" + DefaultVersion + "/" + strings.TrimPrefix(call.header.Get("X-Learnosity-Action"), call.action+"_/")
		require.Equal(t, path, call.url.Path)
	}
}
