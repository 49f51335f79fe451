package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

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

// Log gives the access log, oldest first: every call to a well-formed version,
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

// loggable gives the request for the log. A client that puts the secret into its
// request gets none of it logged.
func (s *Server) loggable(f form) json.RawMessage {
	if !json.Valid([]byte(f.request)) || strings.Contains(f.request, s.opts.ConsumerSecret) {
		return nil
	}
	return json.RawMessage(f.request)
}
