package ghactions

import (
	"encoding/json"
	"slices"
	"strings"
)

// Change is one change of a plan, as the hidden part of a comment remembers it.
type Change struct {
	Name  string `json:"n"` // the pool
	Words string `json:"w"` // what is to be done with it
	Print string `json:"p"` // stands for all that it rests on
}

// marker is the hidden head of a comment's or an issue's body, by which it is
// found again. It comes first: a body that is cut keeps it.
type marker struct {
	Kind   string `json:"kind"` // plan or drift
	Target string `json:"target"`
	Digest string `json:"digest,omitempty"`
	Commit string `json:"commit,omitempty"`
	// State says what became of the plan: "", stale or applied.
	State   string   `json:"state,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	// More says that there are changes that Changes does not hold.
	More bool `json:"more,omitempty"`
}

const (
	kindPlan  = "plan"
	kindDrift = "drift"

	stateStale   = "stale"
	stateApplied = "applied"

	markerOpen  = "<!-- poolsync {"
	markerClose = " -->"
)

// maxRemembered is how many bytes of changes a marker holds at most, so that it
// leaves the comment to its readers.
const maxRemembered = 8000

// remember takes as many changes as there is room for.
func (m *marker) remember(changes []Change) {
	room := maxRemembered
	for i, c := range changes {
		if room -= len(c.Name) + len(c.Words) + len(c.Print) + 24; room < 0 {
			m.Changes, m.More = changes[:i], true
			return
		}
	}
	m.Changes = changes
}

// String is the marker as it stands in a body. JSON writes "<" and ">" as
// escapes, so that nothing in it ends the comment; "--" is written as one too.
func (m marker) String() string {
	data, err := json.Marshal(m)
	if err != nil {
		return "" // strings and lists of them always encode
	}
	return "<!-- poolsync " + strings.ReplaceAll(string(data), "--", `-\u002d`) + markerClose
}

// readMarker takes a body apart. What does not begin with a marker has none.
func readMarker(body string) (m marker, rest string, ok bool) {
	if !strings.HasPrefix(body, markerOpen) {
		return m, body, false
	}
	head, rest, found := strings.Cut(body, markerClose)
	if !found {
		return m, body, false
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(head, "<!-- poolsync ")), &m); err != nil {
		return m, body, false
	}
	return m, strings.TrimLeft(rest, "\r\n"), true
}

// Moved compares the changes that were reviewed with those of now: a line for
// each that came, went or became another.
func moved(was marker, now []Change) []string {
	old := make(map[string]Change, len(was.Changes))
	for _, c := range was.Changes {
		old[c.Name] = c
	}
	var out []string
	for _, c := range now {
		before, known := old[c.Name]
		delete(old, c.Name)
		switch {
		case !known && !was.More:
			out = append(out, c.Name+": "+c.Words+" was not in it")
		case known && before.Words != c.Words:
			out = append(out, c.Name+": "+before.Words+" became "+c.Words)
		case known && before.Print != c.Print:
			out = append(out, c.Name+": "+c.Words+" rests on something else now")
		}
	}
	for name, c := range old {
		out = append(out, name+": "+c.Words+" is not needed any more")
	}
	slices.Sort(out)
	return out
}
