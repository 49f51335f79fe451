package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// versionForm is what the SDKs take for a version segment.
var versionForm = regexp.MustCompile(`(?i)^(v[\d.]+(\.(lts|preview\d+))?|latest|latest-lts|developer)$`)

// reply is an answer before it meets a transport.
type reply struct {
	status      int
	contentType string
	location    string
	body        []byte
	date        time.Time
	ending      ending
	code        int // meta.code and meta.request_uuid of a failure, for the log
	uuid        string
}

// ending says how an answer reaches, or does not reach, the client.
type ending int

const (
	endNormal ending = iota
	endCut           // the connection is cut before the first byte
	endShort         // it is cut in the middle of the body
	endNever         // nothing comes until the client goes away
)

const (
	jsonType  = "application/json; charset=utf-8"
	htmlType  = "text/html; charset=utf-8"
	plainType = "text/plain; charset=utf-8"
)

// versions echoes what was asked for. The mapping is measured for v2025.2.LTS
// only; the others get the same made-up pair.
type versions struct {
	Requested string `json:"requested"`
	Mapped    string `json:"mapped"`
	Concrete  string `json:"concrete"`
}

type meta struct {
	Status      bool      `json:"status"`
	Code        int       `json:"code,omitempty"`
	Message     string    `json:"message,omitempty"`
	RequestUUID string    `json:"request_uuid,omitempty"`
	Timestamp   int64     `json:"timestamp,omitempty"`
	Records     *int      `json:"records,omitempty"`
	Next        string    `json:"next,omitempty"`
	Versions    *versions `json:"versions,omitempty"`
}

type envelope struct {
	Meta meta `json:"meta"`
	Data any  `json:"data,omitempty"`
}

// result is what an endpoint hands back on success.
type result struct {
	data    any
	records int
	next    string
}

// encode writes JSON the way PHP does: <, > and & as they are.
func encode(v any) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("sandbox: an answer cannot be encoded: " + err.Error()) // our own structs only
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// handler is one endpoint and action. It runs under the lock.
type handler func(*exchange, *params) (result, *apiError)

// exchange is one request on its way through the server.
type exchange struct {
	server   *Server
	now      time.Time // the server's clock
	version  string
	endpoint string
	form     form
	serve    handler
	call     Call          // as it will be logged
	fired    []Fault       // faults that act on this call
	wrong    time.Duration // how wrong the time is that the answer carries
	stale    time.Duration // how old the replica is that is read
}

// wall is the time that answers carry.
func (x *exchange) wall() time.Time { return x.now.Add(x.wrong) }

// endpoints lists what is emulated; an action that is missing here is 405/40001.
var endpoints = map[string]map[string]handler{
	"itembank/pools":        {"get": (*exchange).getPools, "set": (*exchange).setPools, "update": (*exchange).updatePools},
	"itembank/items":        {"get": (*exchange).getItems},
	"itembank/activities":   {"get": (*exchange).getActivities},
	"itembank/tagging/tags": {"get": (*exchange).getTags},
	"jobs":                  {"get": (*exchange).getJobs},
}

// answer works one request through: path, form, security, faults, quota, endpoint.
func (s *Server) answer(r *http.Request) reply {
	ctx := r.Context()
	if err := wait(ctx, s.opts.ResponseDelay); err != nil {
		return reply{ending: endNever}
	}
	version, endpoint := splitPath(r.URL.Path)
	if !versionForm.MatchString(version) {
		return s.plain(http.StatusNotFound, "404 page not found")
	}
	f, err := readForm(r)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return s.plain(http.StatusRequestEntityTooLarge, "request body larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
	}
	x := &exchange{server: s, version: version, endpoint: endpoint, form: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	x.begin()
	x.call = Call{Time: x.now, Action: f.action, Endpoint: endpoint, Request: s.loggable(f)}
	if refused := x.admit(r.Method); refused != nil {
		return x.logged(x.refuse(refused))
	}
	return x.run(ctx)
}

// admit finds the endpoint and checks the signature.
func (x *exchange) admit(method string) (refused *apiError) {
	actions, known := endpoints[x.endpoint]
	switch {
	case !known:
		return refusal(404, codeNotFound, "endpoint %s not found", x.endpoint)
	case method != http.MethodPost:
		return refusal(405, 40001, "method %s not allowed; use POST", method)
	}
	if x.call.ConsumerKey, refused = x.server.verify(x.form, x.now); refused != nil {
		return refused
	}
	if !x.form.hasAction {
		x.call.Action = "get"
	}
	if x.serve, known = actions[x.call.Action]; !known {
		return refusal(405, 40001, "action %q is not emulated for %s", x.call.Action, x.endpoint)
	}
	return nil
}

// begin reads the clock and carries out what is due by now.
func (x *exchange) begin() {
	x.now = x.server.now()
	x.server.advance(x.now)
}

// run applies faults and quota around the endpoint itself.
func (x *exchange) run(ctx context.Context) reply {
	p := readParams(x.form.request)
	x.fired = x.server.fire(x.call.Action, x.endpoint, p)
	if len(x.fired) > 0 {
		x.call.Fault = x.fired[0].String()
	}
	if x.around(ctx, p) != nil {
		return x.logged(reply{ending: endNever, date: x.wall()})
	}
	fault, faulty := x.decisive()
	if faulty {
		if rep, done := x.before(ctx, fault); done {
			return x.logged(rep)
		}
	}
	rep := x.work()
	if f, ok := x.fault(FaultTwice); ok {
		x.logged(rep)
		if x.pass(ctx, f.delay()) != nil {
			return reply{ending: endNever, date: x.wall()}
		}
		rep = x.work()
	}
	if faulty && rep.code == 0 {
		rep = x.after(fault, rep)
	}
	return x.logged(rep)
}

// work is the request without what goes wrong around it.
func (x *exchange) work() reply {
	s := x.server
	if !s.withinQuota(quotaKey{x.call.ConsumerKey, x.call.Action, x.endpoint}, x.now) {
		return x.tooMany()
	}
	res, refused := x.serve(x, readParams(x.form.request))
	if refused == nil {
		refused = s.save()
	}
	if refused != nil {
		return x.refuse(refused)
	}
	return x.success(x.misread(res))
}

func (x *exchange) success(res result) reply {
	m := x.meta()
	m.Status, m.Records, m.Next = true, &res.records, res.next
	m.Versions = &versions{Requested: x.version, Mapped: "v1.79", Concrete: "v1.79.5"}
	return reply{status: http.StatusOK, contentType: jsonType, date: x.wall(), body: encode(envelope{m, res.data})}
}

// meta holds the time, unless the server tells none.
func (x *exchange) meta() meta {
	if x.server.sw.Timestamp == "present" {
		return meta{Timestamp: x.wall().Unix()}
	}
	return meta{}
}

func (x *exchange) refuse(e *apiError) reply { return x.failure(e.HTTP, e.Code, e.Message) }

func (x *exchange) failure(status, code int, message string) reply {
	m := x.meta()
	m.Code, m.Message, m.RequestUUID = code, message, x.server.uuid()
	return reply{
		status: status, contentType: jsonType, date: x.wall(), body: encode(envelope{Meta: m}), code: code, uuid: m.RequestUUID,
	}
}

// tooMany is the documented 429, which has no more members than these.
func (x *exchange) tooMany() reply {
	body := encode(envelope{Meta: meta{Code: 42000, Message: "Too many requests"}})
	return reply{status: http.StatusTooManyRequests, contentType: jsonType, date: x.wall(), body: body, code: 42000}
}

// logged writes the call down. A connection that was cut has no status.
func (x *exchange) logged(rep reply) reply {
	call := x.call
	call.Code, call.RequestUUID = rep.code, rep.uuid
	if rep.ending == endNormal || rep.ending == endShort {
		call.Status = rep.status
	}
	x.server.record(call)
	if x.server.sw.Timestamp == "no-date" {
		rep.date = time.Time{}
	}
	return rep
}

func (s *Server) plain(status int, text string) reply {
	return reply{status: status, contentType: plainType, date: s.lockedNow(), body: []byte(text + "\n")}
}

// readForm reads the three fields from either encoding that SDKs use.
func readForm(r *http.Request) (form, error) {
	if r.Body == nil {
		return form{}, nil
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxBodyBytes)
	err := r.ParseMultipartForm(maxBodyBytes)
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return form{}, err
	}
	field := func(name string) (string, bool) {
		v, ok := r.PostForm[name]
		if !ok || len(v) == 0 {
			return "", false
		}
		return v[0], true
	}
	var f form
	f.security, _ = field("security")
	f.request, f.hasRequest = field("request")
	f.action, f.hasAction = field("action")
	return f, nil
}

// Call is an entry of the access log: a request, and how it ended. It never holds
// the security packet.
type Call struct {
	Time        time.Time       `json:"time"` // server clock, when the call came in
	ConsumerKey string          `json:"consumer_key,omitempty"`
	Action      string          `json:"action,omitempty"`
	Endpoint    string          `json:"endpoint"`
	Request     json.RawMessage `json:"request,omitempty"` // as sent; nil if it was no JSON
	Status      int             `json:"status"`            // HTTP status; 0 if the connection was cut or never answered
	Code        int             `json:"code,omitempty"`    // meta.code of a refusal
	RequestUUID string          `json:"request_uuid,omitempty"`
	Fault       string          `json:"fault,omitempty"` // the first fault that acted, as ParseFault reads it
}

// Log returns the access log, oldest first: every call to a well-formed version,
// those refused included, not those of the control surface.
func (s *Server) Log() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if limit := s.opts.LogLimit; limit > 0 {
		from = max(0, len(s.log)-limit)
	}
	return slices.Clone(s.log[from:])
}

// ClearLog empties the access log.
func (s *Server) ClearLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// record appends to the log. Up to twice the limit is held, so that the oldest go
// many at a time and not one by one.
func (s *Server) record(c Call) {
	s.log = append(s.log, c)
	if limit := s.opts.LogLimit; limit > 0 && len(s.log) >= 2*limit {
		s.log = slices.Delete(s.log, 0, len(s.log)-limit)
	}
}

// loggable returns the request for the log. A client that puts the secret into its
// request gets none of it logged.
func (s *Server) loggable(f form) json.RawMessage {
	if !json.Valid([]byte(f.request)) || strings.Contains(f.request, s.opts.ConsumerSecret) {
		return nil
	}
	return json.RawMessage(f.request)
}
