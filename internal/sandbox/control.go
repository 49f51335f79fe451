package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// controlPrefix is where hand edits, faults, switches and the log are reached:
//
//	POST   /_sandbox/pools/{bank}/{reference}       JSON {name, description, status, item_references,
//	                                                activity_references}: somebody else's edit; with references
//	                                                it may make a pool
//	GET    /_sandbox/pools/{bank}/{reference}       the pool, its content included; DELETE removes it
//	POST   /_sandbox/items/{bank}/{reference}       JSON members of an Item: edits it, or adds it
//	POST   /_sandbox/activities/{bank}/{reference}  JSON members of an Activity, likewise
//	POST   /_sandbox/faults                         one fault a line, as ParseFault reads it; DELETE disarms all
//	POST   /_sandbox/switches                       one NAME=VALUE a line; GET lists those in force
//	GET    /_sandbox/log                            the access log as JSON lines; DELETE empties it
//
// Nothing is signed here, so only loopback addresses are answered, and no page of
// a web site.
const controlPrefix = "/_sandbox/"

// maxControlBytes bounds the body of a control request.
const maxControlBytes = 1 << 20

func isLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// errNotFound and errMethod choose the HTTP status of a control answer; any other
// error is the sender's fault.
var (
	errNotFound = errors.New("not found")
	errMethod   = errors.New("method not allowed")
)

func (s *Server) control(r *http.Request, local bool) reply {
	if !local || r.Header.Get("Origin") != "" {
		return s.plain(http.StatusForbidden, "the control surface answers loopback addresses only")
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxControlBytes)); err != nil {
			return s.plain(http.StatusBadRequest, "read the request: "+err.Error())
		}
	}
	kind, out, err := s.controlled(r, body)
	switch {
	case errors.Is(err, errNotFound):
		return s.plain(http.StatusNotFound, err.Error())
	case errors.Is(err, errMethod):
		return s.plain(http.StatusMethodNotAllowed, err.Error())
	case err != nil:
		return s.plain(http.StatusBadRequest, err.Error())
	}
	return reply{status: http.StatusOK, contentType: kind, date: s.lockedNow(), body: out}
}

// controlled routes a control request and returns the body of the answer.
func (s *Server) controlled(r *http.Request, body []byte) (kind string, out []byte, err error) {
	noun, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), controlPrefix), "/")
	switch noun {
	case "pools", "items", "activities":
		return s.controlRecord(noun, r.Method, rest, body)
	case "faults":
		return s.controlFaults(r.Method, body)
	case "switches":
		return s.controlSwitches(r.Method, body)
	case "log":
		return s.controlLog(r.Method)
	}
	return "", nil, fmt.Errorf("%s: %w; there are pools, items, activities, faults, switches and log", r.URL.Path, errNotFound)
}

func (s *Server) controlRecord(noun, method, rest string, body []byte) (string, []byte, error) {
	number, escaped, _ := strings.Cut(rest, "/")
	bank, err := strconv.ParseInt(number, 10, 64)
	reference, err2 := url.PathUnescape(escaped)
	if err != nil || err2 != nil || reference == "" {
		return "", nil, fmt.Errorf("%w: want /_sandbox/%s/{bank}/{reference}", errNotFound, noun)
	}
	switch {
	case noun == "pools" && method == http.MethodGet:
		return s.showPool(bank, reference)
	case noun == "pools" && method == http.MethodDelete:
		return plainType, nil, s.RemovePool(bank, reference)
	case method != http.MethodPost:
		return "", nil, errMethod
	case noun == "pools":
		err = s.patchPool(bank, reference, body)
	case noun == "items":
		err = s.patchItem(bank, reference, body)
	default:
		err = s.patchActivity(bank, reference, body)
	}
	if err != nil {
		return "", nil, err
	}
	if noun == "pools" {
		return s.showPool(bank, reference)
	}
	return jsonType, []byte("{\"status\":true}\n"), nil
}

func (s *Server) showPool(bank int64, reference string) (string, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.now())
	b, ok := s.banks[bank]
	if !ok || b.pools[reference] == nil {
		return "", nil, fmt.Errorf("item pool %d/%s: %w", bank, reference, errNotFound)
	}
	p := b.pools[reference]
	return jsonType, append(encode(struct {
		PoolRecord
		Snapshot
	}{p.visible(), p.snapshot()}), '\n'), nil
}

func (s *Server) patchPool(bank int64, reference string, body []byte) error {
	var patch struct {
		Name, Description, Status *string
		Items                     []string `json:"item_references"`
		Activities                []string `json:"activity_references"`
	}
	if err := decodeStrict(body, &patch); err != nil {
		return err
	}
	change := func(r *PoolRecord) {
		for field, value := range map[*string]*string{&r.Name: patch.Name, &r.Description: patch.Description, &r.Status: patch.Status} {
			if value != nil {
				*field = *value
			}
		}
	}
	if patch.Items == nil && patch.Activities == nil {
		return s.EditPool(bank, reference, change)
	}
	return s.PutPool(bank, reference, patch.Items, patch.Activities, change)
}

func (s *Server) patchItem(bank int64, reference string, body []byte) error {
	return patch(body, reference, s.has(bank, func(b *bankState) bool { return b.items.all[reference] != nil }),
		func(change func(*Item)) error { return s.EditItem(bank, reference, change) },
		func(fresh Item) error { return s.PutItem(bank, fresh) })
}

func (s *Server) patchActivity(bank int64, reference string, body []byte) error {
	return patch(body, reference, s.has(bank, func(b *bankState) bool { return b.activities.all[reference] != nil }),
		func(change func(*Activity)) error { return s.EditActivity(bank, reference, change) },
		func(fresh Activity) error { return s.PutActivity(bank, fresh) })
}

// patch edits an item or activity that is there by the members sent, or adds one.
func patch[T any, O object[T]](body []byte, reference string, there bool, edit func(func(*T)) error, add func(T) error) error {
	var fresh T
	if err := decodeStrict(body, &fresh); err != nil {
		return err
	}
	r := O(&fresh).record()
	if !there {
		r.Reference = reference
		return add(fresh)
	}
	return edit(func(one *T) {
		if r.Tags != nil {
			O(one).record().Tags = nil // json would merge the two maps
		}
		_ = json.Unmarshal(body, one) // decoded once above
	})
}

func (s *Server) has(bank int64, holds func(*bankState) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.banks[bank]
	return ok && holds(b)
}

func (s *Server) controlFaults(method string, body []byte) (string, []byte, error) {
	switch method {
	case http.MethodDelete:
		s.ClearFaults()
	case http.MethodPost:
		var faults []Fault
		for _, line := range lines(body) {
			f, err := ParseFault(line)
			if err != nil {
				return "", nil, err
			}
			faults = append(faults, f)
		}
		for _, f := range faults {
			if err := s.AddFault(f); err != nil {
				return "", nil, err
			}
		}
	default:
		return "", nil, errMethod
	}
	return plainType, nil, nil
}

func (s *Server) controlSwitches(method string, body []byte) (string, []byte, error) {
	switch method {
	case http.MethodGet:
		return jsonType, append(encode(s.Switches()), '\n'), nil
	case http.MethodPost:
		sw := s.Switches()
		for _, line := range lines(body) {
			name, value, err := ParseSwitch(line)
			if err != nil {
				return "", nil, err
			}
			if err := sw.Set(name, value); err != nil {
				return "", nil, err
			}
		}
		return plainType, nil, s.SetSwitches(sw)
	}
	return "", nil, errMethod
}

func (s *Server) controlLog(method string) (string, []byte, error) {
	switch method {
	case http.MethodDelete:
		s.ClearLog()
		return plainType, nil, nil
	case http.MethodGet:
		var b bytes.Buffer
		for _, c := range s.Log() {
			b.Write(encode(c))
			b.WriteByte('\n')
		}
		return "application/x-ndjson", b.Bytes(), nil
	}
	return "", nil, errMethod
}

// lines returns the lines of a body that are neither empty nor a # comment.
func lines(body []byte) (out []string) {
	scan := bufio.NewScanner(bytes.NewReader(body))
	for scan.Scan() {
		if line := strings.TrimSpace(scan.Text()); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}
