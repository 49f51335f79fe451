package learnosity

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// FuzzDecode feeds answers to everything that decodes them. Whatever arrives,
// nothing panics, an answer is either used or an error that can be shown, and a
// record that is used has its reference.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a, e := interpret(status, http.Header{}, body, nil)
		if e != nil {
			e.Act = "get pools"
			e.Message = clean(e.Message, maxMessage)
			showable(t, e.Error(), 4*maxMessage)
			showable(t, e.Hint(), maxMessage)
			if e.Status != status {
				t.Errorf("status %d became %d", status, e.Status)
			}
			return
		}
		if status < 200 || status > 299 || !json.Valid(body) {
			t.Errorf("taken for a success: %d %q", status, body)
		}
		records, err := a.listed()
		if err != nil {
			return
		}
		for _, raw := range records {
			decodeAll(t, raw)
		}
	})
}

func decodeAll(t *testing.T, raw json.RawMessage) {
	if p, key, err := decodePool(raw); err == nil && (p.Reference == "" || key != string(p.Reference)) {
		t.Errorf("pool without reference: %s", raw)
	}
	if j, key, err := decodeJob(raw); err == nil {
		if j.Reference == "" || key != string(j.Reference) {
			t.Errorf("job without reference: %s", raw)
		}
		showable(t, j.Detail, maxDetail)
	}
	if i, _, err := decodeItem(raw); err == nil && i.Reference == "" {
		t.Errorf("item without reference: %s", raw)
	}
	if a, _, err := decodeActivity(raw); err == nil {
		for _, i := range append(a.Items, a.Reference) {
			if i == "" {
				t.Errorf("activity without reference: %s", raw)
			}
		}
	}
	if tag, _, err := decodeTag(raw); err == nil && (tag.Type == "" || tag.Name == "") {
		t.Errorf("tag without name: %s", raw)
	}
}

// showable checks that a text can go to a terminal.
func showable(t *testing.T, text string, limit int) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n > limit+1 {
		t.Errorf("%d characters", n)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("not printable: %q", text)
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"  a \t b\n", "a b"},
		{"a\x1b[1mb\u202ec\u200bd", "a [1mb c d"},
		{"a\xffb", "a\ufffdb"},
		{"0123456789", "0123456789"},
		{"0123456789x", "0123456789…"},
		{"012345678 x", "012345678…"},
		{"éééééééééééé", "éééééééééé…"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, clean(test.text, 10)); diff != "" {
			t.Errorf("%q: %s", test.text, diff)
		}
	}
}

func TestInteger(t *testing.T) {
	for text, want := range map[string]int64{
		`12`: 12, `"12"`: 12, `-3`: -3, `1389193100.75`: 1389193100, `1e3`: 1000, `1e300`: 0,
		`null`: 0, `"x"`: 0, `"NaN"`: 0, `"Inf"`: 0, `[1]`: 0, `true`: 0, ``: 0,
	} {
		require.Equal(t, want, integer(json.RawMessage(text)), text)
	}
}
