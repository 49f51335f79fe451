package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apiError is a refusal in the API's own terms: the HTTP status and the code of
// the article "troubleshooting - Data API".
type apiError struct {
	HTTP    int
	Code    int
	Message string
}

func refusal(status, code int, format string, args ...any) *apiError {
	return &apiError{HTTP: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// httpStatus is the HTTP status that goes with a code.
func httpStatus(code int) int {
	switch code {
	case 10000:
		return 500
	case codeConflict:
		return 409
	case codeNotFound:
		return 404
	case 40001:
		return 405
	case 42000:
		return 429
	case 42001:
		return 410
	case 40002, 40003, 41001, 41002, 41003, 41004, 41005, 41008, 41009:
		return 403
	}
	return 400
}

// The request validation codes (class 2xxxx).
const (
	codeMissing  = 20000
	codeLength   = 20001
	codeTooMany  = 20002
	codeType     = 20003
	codeValue    = 20004
	codeSchema   = 20009
	codeConflict = 20011
	codeNotFound = 20012
	codeNoItem   = 20013
	codeNoTag    = 20014
	codeExists   = 30000
	codeNoRecord = 30001
)

// params reads the members of one request object. The first fault is kept and
// later reads return zero values, so that a reader is a plain list of fields.
type params struct {
	path string
	m    map[string]json.RawMessage
	err  **apiError
}

// readParams decodes a request. PHP clients write an empty request as [].
func readParams(raw string) *params {
	p := &params{err: new(*apiError)}
	if text := strings.TrimSpace(raw); text == "" || text == "[]" {
		return p
	}
	if err := json.Unmarshal([]byte(raw), &p.m); err != nil {
		p.fail(codeSchema, "request is not a JSON object: %v", err)
	}
	return p
}

func (p *params) fail(code int, format string, args ...any) {
	if *p.err == nil {
		*p.err = refusal(400, code, format, args...)
	}
}

func (p *params) name(member string) string {
	if p.path == "" {
		return member
	}
	return p.path + "." + member
}

// take removes a member, so that finish sees what nobody asked for. A null counts
// as left out.
func (p *params) take(member string) (json.RawMessage, bool) {
	raw, ok := p.m[member]
	delete(p.m, member)
	return raw, ok && string(raw) != "null"
}

// has reports whether the member is there, null included.
func (p *params) has(member string) bool {
	_, ok := p.m[member]
	return ok
}

// finish refuses what was sent and is not documented.
func (p *params) finish() {
	for _, member := range slices.Sorted(maps.Keys(p.m)) {
		p.fail(codeSchema, "%s is not a parameter of this endpoint and action", p.name(member))
	}
}

func decodeAs[T any](p *params, member, want string) (v T, ok bool) {
	raw, ok := p.take(member)
	if !ok {
		return v, false
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		p.fail(codeType, "%s must be %s", p.name(member), want)
		return v, false
	}
	return v, true
}

func (p *params) str(member string) (string, bool) { return decodeAs[string](p, member, "a string") }

func (p *params) boolean(member string) bool {
	v, _ := decodeAs[bool](p, member, "a boolean")
	return v
}

func (p *params) integer(member string) (int64, bool) {
	return decodeAs[int64](p, member, "an integer")
}

// optional returns nil for a string that was left out.
func (p *params) optional(member string) *string {
	if v, ok := p.str(member); ok {
		return &v
	}
	return nil
}

// list reads an array of non-empty strings of at most most entries (0: no limit).
// The result is nil only when the member was left out.
func (p *params) list(member string, most int) []string {
	v, ok := decodeAs[[]string](p, member, "an array of strings")
	if !ok {
		return nil
	}
	if most > 0 && len(v) > most {
		p.fail(codeTooMany, "%s has %d entries, more than %d", p.name(member), len(v), most)
	}
	if slices.Contains(v, "") {
		p.fail(codeValue, "%s holds an empty string", p.name(member))
	}
	if v == nil {
		v = []string{}
	}
	return v
}

// choice reads one of the allowed strings; def stands for a member left out.
func (p *params) choice(member, def string, allowed ...string) string {
	v, ok := p.str(member)
	if !ok {
		return def
	}
	if !slices.Contains(allowed, v) {
		p.fail(codeValue, "%s: %q is not one of %s", p.name(member), v, strings.Join(allowed, ", "))
	}
	return v
}

// choices reads a list of allowed strings.
func (p *params) choices(member string, allowed ...string) []string {
	v := p.list(member, 0)
	for _, s := range v {
		if !slices.Contains(allowed, s) {
			p.fail(codeValue, "%s: %q is not one of %s", p.name(member), s, strings.Join(allowed, ", "))
		}
	}
	return v
}

// object reads a nested object, nil when it was left out.
func (p *params) object(member string) *params {
	m, ok := decodeAs[map[string]json.RawMessage](p, member, "an object")
	if !ok {
		return nil
	}
	return &params{path: p.name(member), m: m, err: p.err}
}

// objects reads an array of objects, nil only when it was left out.
func (p *params) objects(member string, most int) []*params {
	v, ok := decodeAs[[]map[string]json.RawMessage](p, member, "an array of objects")
	if !ok {
		return nil
	}
	if most > 0 && len(v) > most {
		p.fail(codeTooMany, "%s has %d entries, more than %d", p.name(member), len(v), most)
		return nil
	}
	out := make([]*params, len(v))
	for i, m := range v {
		out[i] = &params{path: p.name(member) + "[" + strconv.Itoa(i) + "]", m: m, err: p.err}
	}
	return out
}

// limit reads a page size: above most it is clamped silently, as measured on the
// live API.
func (p *params) limit(most int) int {
	v, ok := p.integer("limit")
	if !ok {
		return most
	}
	if v < 1 {
		p.fail(codeValue, "limit: %d is not positive", v)
	}
	return int(min(v, int64(most)))
}

// when reads a UTC Unix timestamp or an ISO 8601 string.
func (p *params) when(member string) (time.Time, bool) {
	raw, ok := p.take(member)
	if !ok {
		return time.Time{}, false
	}
	var seconds int64
	if json.Unmarshal(raw, &seconds) == nil {
		return time.Unix(seconds, 0).UTC(), true
	}
	var text string
	if json.Unmarshal(raw, &text) != nil || bytes.Equal(raw, []byte(`""`)) {
		p.fail(codeType, "%s must be an integer or a date string", p.name(member))
		return time.Time{}, false
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC(), true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	p.fail(codeValue, "%s: %q is not an ISO 8601 date", p.name(member), text)
	return time.Time{}, false
}

// checkReference applies the documented rule for item references, 1 to 150
// printable ASCII characters without quotes, to pools as well (U20).
func checkReference(ref string) *apiError {
	if len(ref) < 1 || len(ref) > 150 {
		return refusal(400, codeLength, "a reference has 1 to 150 characters, this one %d", len(ref))
	}
	for _, c := range []byte(ref) {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\'' {
			return refusal(400, codeValue, "reference %q: only printable ASCII without quotes", ref)
		}
	}
	return nil
}
