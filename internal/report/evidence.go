package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// evidence says in a few words what a verdict rests on, where the difference
// itself does not show it.
func evidence(ch diff.Change) []string {
	e := ch.Evidence
	var parts []string
	say := func(text string) {
		if text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	blocked := map[string]bool{}
	for _, b := range ch.Blocked {
		blocked[b.Rule] = true
	}
	writes := e.Recorded != nil && (len(ch.Calls) > 0 || ch.Has(diff.Retire))
	if writes && !blocked["edit-would-refresh"] {
		say(carried(ch))
	}
	switch {
	case ch.Has(diff.Unknown), ch.Has(diff.Touched), ch.Has(diff.Held):
		say(seen(e))
	case ch.Has(diff.Pending) && e.Rule == "2" && e.Live != nil: // a job of ours is named already
		say("live " + string(e.Live.Status) + ", dt_updated " + e.Live.Updated)
	case strings.HasSuffix(e.Rule, "vanished"), ch.Has(diff.Halted), ch.Has(diff.Forgotten), ch.Has(diff.Orphaned), blocked["older"], blocked["vanished"]:
		say(recorded(e))
	case writes:
		say(differs(ch))
		say(holds(ch))
		say(applied(e))
	}
	if blocked["freeze"] && e.ReadAt != "" {
		say("it is " + e.ReadAt + " now")
	}
	return parts
}

// carried names the item that a call carries only because it has to carry one.
func carried(ch diff.Change) string {
	for _, c := range ch.Calls {
		if items := c.Request.Content.Items; len(items) > 0 && (c.Operation == pool.OpEdit || c.Operation == pool.OpRetire) {
			return "carries " + strings.Join(items, ", ") + ", in the pool already"
		}
	}
	return ""
}

// holds counts what the pool was given so far, where a call copies content into it.
func holds(ch diff.Change) string {
	if ch.Entry == nil || ch.Entry.Sent == nil || !(ch.Has(diff.Append) || ch.Has(diff.Correct) || ch.Has(diff.Replace)) {
		return ""
	}
	return "recorded " + counts(ch.Entry.Sent.Content)
}

// retries says that a call comes after one that failed.
func retries(ch diff.Change) string {
	e := ch.Evidence
	if len(ch.Calls) == 0 || ch.Has(diff.Create) || e.Recorded == nil || e.Recorded.LastError == "" {
		return ""
	}
	said := "its last call failed: " + e.Recorded.LastError + "; this tries again"
	if e.Live != nil && e.Live.Status == pool.Halted {
		said = "the live pool is halted; " + said
	}
	return said
}

// differs tells of a live status that is not the recorded one, unless it is what
// changes.
func differs(ch diff.Change) string {
	l, r := ch.Evidence.Live, ch.Evidence.Recorded
	if l == nil || l.Status == r.Status || retries(ch) != "" || slices.ContainsFunc(ch.Fields, func(f diff.Field) bool { return f.Path == "status" }) {
		return ""
	}
	return "live " + string(l.Status)
}

// seen sets the live record beside the recorded one.
func seen(e diff.Evidence) string {
	switch l, r := e.Live, e.Recorded; {
	case l == nil:
		return recorded(e)
	case r == nil:
		return fmt.Sprintf("live %s, dt_updated %s; nothing recorded", l.Status, l.Updated)
	case r.Updated == "" && r.Status == "":
		return "live dt_updated " + l.Updated
	case r.Updated == "":
		return fmt.Sprintf("live %s, dt_updated %s; recorded %s", l.Status, l.Updated, r.Status)
	case r.Status != l.Status && r.Status != "":
		return fmt.Sprintf("live %s, dt_updated %s; recorded %s, %s", l.Status, l.Updated, r.Status, r.Updated)
	default:
		return fmt.Sprintf("live dt_updated %s, recorded %s", l.Updated, r.Updated)
	}
}

// recorded says when and by which job a pool was applied last.
func recorded(e diff.Evidence) string {
	parts := nonEmpty(applied(e))
	if e.Recorded != nil && e.Recorded.Job != "" {
		parts = append(parts, "job "+string(e.Recorded.Job))
	}
	return strings.Join(parts, ", ")
}

// applied says when a pool was applied last.
func applied(e diff.Evidence) string {
	if e.RecordedAt == "" {
		return ""
	}
	return "last applied " + e.RecordedAt
}
