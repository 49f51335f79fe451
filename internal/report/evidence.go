package report

import (
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
)

// evidence says in a few words why a verdict is what it is, where the difference
// itself does not show it; in full also what is the same for every write.
func evidence(ch diff.Change, full bool) []message.Message {
	e := ch.Evidence
	var parts []message.Message
	say := func(m message.Message) {
		if !m.Empty() && !slices.ContainsFunc(parts, func(p message.Message) bool { return p.Text() == m.Text() }) {
			parts = append(parts, m)
		}
	}
	blocked := map[diff.Rule]bool{}
	for _, b := range ch.Blocked {
		blocked[b.Rule] = true
	}
	writes := e.Recorded != nil && (len(ch.Calls) > 0 || ch.Has(diff.Retire))
	if writes && full && !blocked[diff.RuleEditWouldRefresh] {
		say(carried(ch))
	}
	switch {
	case ch.Has(diff.Unknown), ch.Has(diff.Touched), ch.Has(diff.Held):
		say(seen(e))
	case ch.Has(diff.Pending) && e.Rule == "2" && e.Live != nil: // a job of ours is named already
		say(message.New("live %s, updated %s", message.Code(string(e.Live.Status)), message.Code(e.Live.Updated)))
	case strings.HasSuffix(e.Rule, "vanished"), ch.Has(diff.Halted), ch.Has(diff.Forgotten), ch.Has(diff.Orphaned), blocked[diff.RuleOlder], blocked[diff.RuleDiverged], blocked[diff.RuleVanished]:
		say(recorded(e))
	case writes:
		say(differs(ch))
		if full {
			say(holds(ch))
			say(applied(e))
		}
	}
	if blocked[diff.RuleFreeze] && e.ReadAt != "" {
		say(message.New("it is %s now", message.Code(e.ReadAt)))
	}
	return parts
}

// carried names the item that a call carries only because it has to carry one.
func carried(ch diff.Change) message.Message {
	for _, c := range ch.Calls {
		if items := c.Request.Content.Items; len(items) > 0 && (c.Operation == pool.OpEdit || c.Operation == pool.OpRetire) {
			return message.New("the call carries %s, which is in the pool already", message.Codes(items, maxListed))
		}
	}
	return message.Message{}
}

// holds counts what the pool was given so far, where a call copies content into it.
func holds(ch diff.Change) message.Message {
	if ch.Entry == nil || ch.Entry.Sent == nil || !(ch.Has(diff.Append) || ch.Has(diff.Correct) || ch.Has(diff.Replace)) {
		return message.Message{}
	}
	n := counts(ch.Entry.Sent.Content)
	if n == "" {
		return message.Message{}
	}
	return message.New("on record: %s", message.Code(n))
}

// retries says that a call comes after one that failed.
func retries(ch diff.Change) message.Message {
	e := ch.Evidence
	if len(ch.Calls) == 0 || ch.Has(diff.Create) || e.Recorded == nil || e.Recorded.LastError == "" {
		return message.Message{}
	}
	said := message.New("the last call failed and is tried again: %s", message.Code(e.Recorded.LastError))
	if e.Live != nil && e.Live.Status == pool.Halted {
		said = message.New("the live pool is halted; %s", said)
	}
	return said
}

// differs tells of a live status that is not the recorded one, unless it is what
// changes.
func differs(ch diff.Change) message.Message {
	l, r := ch.Evidence.Live, ch.Evidence.Recorded
	if l == nil || l.Status == r.Status || !retries(ch).Empty() || slices.ContainsFunc(ch.Fields, func(f diff.Field) bool { return f.Path == "status" }) {
		return message.Message{}
	}
	return message.New("live %s", message.Code(string(l.Status)))
}

// seen sets the live record beside the recorded one.
func seen(e diff.Evidence) message.Message {
	l, r := e.Live, e.Recorded
	if l == nil {
		return recorded(e)
	}
	var live, was []message.Message
	if r == nil || (r.Status != "" && r.Status != l.Status) {
		live = append(live, message.Code(string(l.Status)))
	}
	if r != nil && r.Status != "" && r.Status != l.Status {
		was = append(was, message.Code(string(r.Status)))
	}
	live = append(live, message.New("updated %s", message.Code(l.Updated)))
	if r != nil && r.Updated != "" && r.Updated != l.Updated {
		was = append(was, message.New("updated %s", message.Code(r.Updated)))
	}
	said := message.New("live %s", message.Join(", ", live...))
	switch {
	case len(was) > 0:
		return message.New("%s; recorded %s", said, message.Join(", ", was...))
	case r == nil:
		return message.New("%s; nothing recorded", said)
	default:
		return said
	}
}

// recorded says when and by which job a pool was applied last.
func recorded(e diff.Evidence) message.Message {
	job := message.Message{}
	if e.Recorded != nil && e.Recorded.Job != "" {
		job = message.New("job %s", message.Code(string(e.Recorded.Job)))
	}
	return message.Join(", ", applied(e), job)
}

// applied says when a pool was applied last.
func applied(e diff.Evidence) message.Message {
	if e.RecordedAt == "" {
		return message.Message{}
	}
	return message.New("last applied %s", message.Code(e.RecordedAt))
}
