package sandbox

import (
	"strings"
	"time"
)

// quotaWindow is the sliding window of "Rate Limiting With the Data API".
const quotaWindow = 5 * time.Second

// quotaKey is what one quota is kept for: set and update of an endpoint do not
// share theirs.
type quotaKey struct{ consumer, action, endpoint string }

// perWindow is the documented number of calls in any window.
func perWindow(action string) int {
	if action == "get" {
		return 1000
	}
	return 50
}

// withinQuota counts a call, or refuses it. A refused call does not count.
func (s *Server) withinQuota(k quotaKey, now time.Time) bool {
	if s.opts.NoQuotas {
		return true
	}
	calls := s.quota[k]
	for len(calls) > 0 && now.Sub(calls[0]) >= quotaWindow {
		calls = calls[1:]
	}
	if len(calls) >= perWindow(k.action) {
		s.quota[k] = calls
		return false
	}
	s.quota[k] = append(calls, now)
	return true
}

// splitPath separates /{version}/{endpoint}.
func splitPath(path string) (version, endpoint string) {
	version, endpoint, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return version, strings.TrimSuffix(endpoint, "/")
}
