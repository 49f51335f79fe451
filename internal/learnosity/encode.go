package learnosity

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

// params are the request members of every get, in the order in which they are
// sent. Only those of the endpoint at hand are filled in.
type params struct {
	Bank       pool.Bank         `json:"organisation_id,omitempty"`
	Pool       pool.Reference    `json:"item_pool_id,omitempty"`
	References []string          `json:"references,omitempty"`
	Types      []string          `json:"types,omitempty"`
	Names      []string          `json:"names,omitempty"`
	Status     []string          `json:"status,omitempty"`
	Tags       *tagFilter        `json:"advanced_tags,omitempty"`
	Include    map[string]fields `json:"include,omitempty"`
	MinTime    int64             `json:"mintime,omitempty"`
	MaxTime    int64             `json:"maxtime,omitempty"`
	Sort       string            `json:"sort,omitempty"`
	SortField  string            `json:"sort_field,omitempty"`
	Limit      int               `json:"limit"`
	Next       string            `json:"next,omitempty"`
}

type fields []string

type tagFilter struct {
	All    []pool.Tag `json:"all,omitempty"`
	Either []pool.Tag `json:"either,omitempty"`
}

// The server may decode the request and encode it again in PHP's way before it
// checks the signature. What the two sides could write differently is refused.
var (
	errNotUTF8    = errors.New("holds text that is not valid UTF-8")
	errSeparator  = errors.New("holds a line or paragraph separator (U+2028, U+2029), which cannot be signed")
	errNotInteger = errors.New("holds a number that is not an integer below 2^53, which cannot be signed")
)

// canonical returns the JSON text of a request as it is signed and sent: compact,
// nothing escaped but what JSON demands, without the line end that an Encoder
// adds.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return text, audit(text)
}

// audit looks through JSON text that encoding/json wrote. It escapes nothing
// above U+001F but U+2028, U+2029 and, in place of bytes that are not UTF-8,
// U+FFFD; so an escape of these tells what the string held.
func audit(text []byte) error {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			n, err := auditString(text[i+1:])
			if err != nil {
				return err
			}
			i += n
		case c == '-' || '0' <= c && c <= '9':
			n := bytes.IndexAny(text[i:], ",]}")
			if n < 0 {
				n = len(text) - i
			}
			if !signable(string(text[i : i+n])) {
				return errNotInteger
			}
			i += n - 1
		}
	}
	return nil
}

// auditString takes what follows an opening quote and returns the length up to
// and including the closing one.
func auditString(text []byte) (int, error) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
			escape := string(text[i:min(i+5, len(text))])
			switch {
			case escape == "ufffd":
				return 0, errNotUTF8
			case escape == "u2028" || escape == "u2029":
				return 0, errSeparator
			}
		}
	}
	return len(text), nil
}

func signable(number string) bool {
	const limit = 1 << 53
	n, err := strconv.ParseInt(number, 10, 64)
	return err == nil && -limit < n && n < limit && !strings.HasPrefix(number, "-0")
}
