package learnosity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is an answer that both the HTTP status and meta.status call a success.
type answer struct {
	status int
	meta   meta
	data   json.RawMessage
}

// meta is what the envelope's meta told. Only status is always there.
type meta struct {
	ok       bool
	code     int
	message  string
	uuid     string
	next     string // "" on the last page
	records  string // how many the server counts; "" if it does not say
	at       time.Time
	versions string // as the server wrote it, bounded
}

// envelope is decoded with as little expectation as possible: a member of an
// unexpected type must not hide the others.
type envelope struct {
	Meta map[string]json.RawMessage `json:"meta"`
	Data json.RawMessage            `json:"data"`
}

func (e envelope) meta() meta {
	m := meta{
		ok:       string(e.Meta["status"]) == "true",
		code:     int(integer(e.Meta["code"])),
		uuid:     clean(scalar(e.Meta["request_uuid"]), maxToken),
		next:     scalar(e.Meta["next"]),
		records:  scalar(e.Meta["records"]),
		versions: clean(string(e.Meta["versions"]), maxMessage),
	}
	if raw, ok := e.Meta["message"]; ok {
		m.message = flatten(raw)
	}
	if seconds := integer(e.Meta["timestamp"]); seconds > 0 {
		m.at = time.Unix(seconds, 0).UTC()
	}
	return m
}

var (
	errNotJSON   = errors.New("the answer is not JSON")
	errHTML      = errors.New("the answer is an HTML page")
	errCut       = errors.New("the answer is incomplete")
	errNoData    = errors.New("the answer has no data")
	errNoKey     = errors.New("the answer holds a record without its reference")
	errProxyAuth = errors.New("a proxy on the way wants a user name and password")
	errNotRecord = errors.New("the answer holds a record that is not an object")
)

// interpret makes sense of an answer, whose body could perhaps not be read to
// the end. A failure may show in the HTTP status or in meta.status alone. The
// answer's meta is filled in either way.
func interpret(status int, h http.Header, body []byte, readErr error) (answer, *Error) {
	var env envelope
	jsonErr := json.Unmarshal(body, &env)
	if jsonErr != nil {
		env = envelope{}
	}
	a := answer{status: status, meta: env.meta(), data: env.Data}
	e := &Error{
		Status: status, Code: a.meta.code, Message: a.meta.message, RequestUUID: a.meta.uuid,
		Effect: effectOf(status, a.meta.code), again: isTransient(status, a.meta.code),
	}
	switch {
	case 300 <= status && status <= 399:
		e.fault, e.Effect, e.again = faultRedirect, Refused, false
		e.Err = redirectError(h)
	case status == http.StatusProxyAuthRequired:
		e.Err, e.fault = errProxyAuth, faultProxy
	case status < 200 || status > 299:
		if jsonErr != nil {
			e.Message, e.Err = excerpt(h, body)
			e.fault = faultNotJSON
		}
	case errors.Is(readErr, errTooLarge):
		e.Err, e.fault, e.again = readErr, faultTooLarge, false
	case readErr != nil:
		e.Err, e.fault, e.again = fmt.Errorf("%w: %w", errCut, readErr), faultNoAnswer, true
	case jsonErr != nil:
		_, e.Err = excerpt(h, body)
		e.fault, e.again = faultNotJSON, true
	case !a.meta.ok:
	default:
		return a, nil
	}
	return a, e
}

func redirectError(h http.Header) error {
	if to := clean(h.Get("Location"), maxToken); to != "" {
		return fmt.Errorf("the answer is a redirect to %s, which is not followed", to)
	}
	return errors.New("the answer is a redirect, which is not followed")
}

// excerpt describes a body that is not JSON: the beginning of a plain text, or
// only the fact that it is a page.
func excerpt(h http.Header, body []byte) (string, error) {
	start := bytes.TrimSpace(body)
	if strings.Contains(h.Get("Content-Type"), "html") || bytes.HasPrefix(start, []byte("<")) {
		return "", errHTML
	}
	return clean(string(start[:min(len(start), 4*maxToken)]), maxToken), errNotJSON
}

// records returns the records of an answer. The pools page shows data as one
// object for get and as an array for set; both are taken. Anything else is an
// error, since it must not pass for "no records".
func (a answer) records() ([]json.RawMessage, error) {
	data := bytes.TrimSpace(a.data)
	switch {
	case bytes.HasPrefix(data, []byte("[")):
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, errNotJSON
		}
		return list, nil
	case bytes.HasPrefix(data, []byte("{")):
		return []json.RawMessage{data}, nil
	}
	return nil, errNoData
}

// listed returns the records of the answer to a get. A PHP service writes a list
// without members as {} or null; left out, it is one only where the server counts
// no records.
func (a answer) listed() ([]json.RawMessage, error) {
	var members map[string]json.RawMessage
	none := a.meta.records == "0"
	switch err := json.Unmarshal(a.data, &members); {
	case len(a.data) == 0 && none:
		return nil, nil
	case err == nil && len(members) == 0 && (none || a.meta.records == ""):
		return nil, nil
	case err == nil && len(members) == 0:
		return nil, errNoData
	}
	return a.records()
}

// record is an object of data. Its member names are compared letter by letter.
type record map[string]json.RawMessage

// object decodes a record that has the member key.
func object(raw json.RawMessage, key string) (record, error) {
	var r record
	if err := json.Unmarshal(raw, &r); err != nil || r == nil {
		return nil, errNotRecord
	}
	if r.text(key) == "" {
		return nil, errNoKey
	}
	return r, nil
}

// text returns a member that is a string, or a number as it was written, and ""
// for anything else.
func (r record) text(key string) string { return scalar(r[key]) }

func scalar(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case c == '-' || '0' <= c && c <= '9':
		return string(raw)
	}
	return ""
}

// integer returns a number, also one written as a string or with a fraction, and
// 0 for anything else.
func integer(raw json.RawMessage) int64 {
	text := scalar(raw)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) >= 1<<53 {
		return 0
	}
	return int64(f)
}
