package report

import (
	"slices"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/report/message"
)

// wording is how a report is put into words.
type wording struct {
	full     bool // nothing is cut
	withBank bool // several banks: a reference alone does not name a pool
	command  func(args ...string) message.Message
}

// actionWords are the actions as people read them. JSON keeps the short ones.
var actionWords = map[diff.Action]message.Message{
	diff.Create: message.New("create"), diff.Append: message.New("append"), diff.Edit: message.New("edit"),
	diff.Correct: message.New("correct"), diff.Replace: message.New("replace"), diff.Retire: message.New("retire"),
	diff.Pending: message.New("waits for a job"), diff.Unknown: message.New("not on record"), diff.Halted: message.New("halted"),
	diff.Deferred: message.New("waits for a rebuild"), diff.Held: message.New("unpublished outside"), diff.Touched: message.New("changed outside"),
	diff.Orphaned: message.New("no longer declared"), diff.Unmanaged: message.New("not managed"), diff.Forgotten: message.New("to be forgotten"),
}

// ActionWords are an action as people read it.
func ActionWords(a diff.Action) string { return actionWords[a].Text() }

// actionsIn are actions in words.
// Who unpublishes a pool has changed it, which need not be said.
func actionsIn(actions []diff.Action) message.Message {
	var all []message.Message
	for _, a := range actions {
		if a != diff.Touched || !slices.Contains(actions, diff.Held) {
			all = append(all, actionWords[a])
		}
	}
	return message.Join(", ", all...)
}

// refusals are why a change is not carried out. Words about many pools name none.
func (w wording) refusals(ch diff.Change, many bool) []refusal {
	var out []refusal
	k := ch.Key
	if many {
		k.Reference = anyReference
	}
	for _, r := range ch.Blocked {
		if many {
			r.Reason = general(r.Reason, ch.Reference)
		}
		said, remedy := w.explain(ch, k, r)
		out = append(out, refusal{rule: r.Rule, own: r.Own, message: said, remedy: remedy})
	}
	return out
}

// notes are what else there is to know of a change.
func (w wording) notes(ch diff.Change, many bool) []message.Message {
	var out []message.Message
	put := func(m message.Message) {
		if !m.Empty() {
			out = append(out, m)
		}
	}
	put(rebuilds(ch))
	put(retries(ch))
	k := ch.Key
	if many {
		k.Reference = anyReference
	}
	for _, n := range ch.Notes {
		put(w.tell(ch, k, n))
	}
	if ch.Declared == nil || !ch.Has(diff.Correct) {
		return out
	}
	for _, c := range ch.Declared.Corrections {
		if c.Note != "" && slices.ContainsFunc(ch.Fields, func(f diff.Field) bool { return f.Path == "corrections."+c.ID }) {
			put(message.New("%s: %s", message.Code(c.ID), message.Code(c.Note)))
		}
	}
	return out
}

// rebuilds says why it takes a rebuild to bring a pool what looks like an append
// or an edit.
func rebuilds(ch diff.Change) message.Message {
	if !ch.Has(diff.Replace) || ch.Evidence.Recorded == nil || ch.Content.Removed.Len() > 0 {
		return message.Message{}
	}
	changes := func(path string) bool {
		return slices.ContainsFunc(ch.Fields, func(f diff.Field) bool { return f.Path == path })
	}
	switch {
	case changes("snapshot"):
		return message.Message{}
	case changes("ignore_empty_additional_tags"), ch.Content.Added.HasAdditional():
		return message.New("it takes a rebuild: an update cannot carry %s", message.Code("ignore_empty_additional_tags"))
	case changes("set_unpublished_to_published"):
		return message.New("it takes a rebuild: %s is about what the pool holds already", message.Code("set_unpublished_to_published"))
	default:
		return message.Message{}
	}
}
