package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/source"
)

// explain says why a change is refused, and what to do about it. The key is the
// pool's, or stands for many.
func (w wording) explain(ch diff.Change, k pool.Key, r diff.Refusal) (said, remedy message.Message) {
	switch r.Rule {
	case diff.RuleJobRunning, diff.RuleInDoubt:
		return w.explainCall(k, r)
	case diff.RuleReplace, diff.RuleReplaceTouched, diff.RuleReplaceDenied, diff.RuleSnapshotUsed:
		return w.explainReplace(ch, k, r)
	case diff.RuleEditWouldRefresh, diff.RuleNotInPool, diff.RuleNotPublished:
		said, remedy = w.explainMembers(ch, k, r)
		if r.Unanswered {
			remedy = message.New("run the same command again when the server answers; if it does not: %s", remedy)
		}
		return said, remedy
	case diff.RuleVanished, diff.RuleVolume, diff.RuleFreeze, diff.RuleOlder, diff.RuleDiverged:
		return w.explainGuard(k, r)
	default:
		return w.explainPool(ch, k, r)
	}
}

// explainCall is about a call that has not ended, or of which nobody can tell.
func (w wording) explainCall(k pool.Key, r diff.Refusal) (said, remedy message.Message) {
	c := r.Call
	if c == nil {
		return message.New("a job of somebody else runs on it"), message.New("run the same command again when that job has ended")
	}
	op := message.Code(string(c.Operation))
	switch {
	case r.Rule == diff.RuleInDoubt:
		return because(message.New("it is not known whether the %s sent at %s happened", op, message.Code(c.At.UTC().Format(time.RFC3339))), r.Reason),
			message.New("look at the pool in the bank, then: %s", w.command("adopt", string(k.Reference)))
	case r.Running:
		return message.New("job %s (%s) has not ended", message.Code(string(c.Job)), op),
			message.New("wait for it: %s; the next apply attaches to it", w.command("jobs", string(c.Job), "--watch"))
	default:
		return because(message.New("what became of the %s of run %s is not known yet", op, message.Code(c.Run)), r.Reason),
			message.New("the next apply finds out and continues from there")
	}
}

// because adds a reason, if there is one.
func because(said message.Message, reason string) message.Message {
	return message.Join(": ", said, message.Optional(reason))
}

// explainReplace is about a rebuild that nobody consented to.
func (w wording) explainReplace(ch diff.Change, k pool.Key, r diff.Refusal) (said, remedy message.Message) {
	published := ch.Evidence.Live != nil && ch.Evidence.Live.Status == pool.Published
	what := message.New("it would be rebuilt from today's bank")
	switch {
	case r.Leaves && published:
		what = message.New("content would leave a published pool")
	case r.Leaves:
		what = message.New("content would leave the pool")
	case published:
		what = message.New("a published pool would be rebuilt from today's bank")
	}
	switch r.Rule {
	case diff.RuleReplaceDenied:
		return message.New("%s, and %s forbids that", what, message.Code("lifecycle.replace: deny")), message.New("to allow it: change %s (%s)", message.Code("lifecycle.replace"), line(r.At))
	case diff.RuleReplaceTouched:
		return message.New("it was changed outside poolsync, and a rebuild would undo that"), message.New("to rebuild it all the same: %s", w.lifts(r.Flag, k))
	case diff.RuleSnapshotUsed:
		return message.New("this pool had the snapshot label %s before", quotedCode(r.Label)),
			message.New("write a label that it never had (%s): a rebuild takes today's bank and cannot bring old content back", line(r.At))
	default:
		return what, message.New("to allow it: a new snapshot label (%s), or %s", line(r.At), w.lifts(r.Flag, k))
	}
}

// line is a place without its column.
func line(p source.Position) message.Message {
	p.Column = 0
	return message.At(p)
}

// lifts is the flag that lifts a refusal of the pool.
func (w wording) lifts(f diff.Flag, k pool.Key) message.Message {
	name := string(k.Reference)
	if k.Reference != anyReference {
		name = keyName(k, w.withBank)
	}
	return message.Command(string(f), name)
}

func quotedCode(text string) message.Message { return message.Code(`"` + text + `"`) }

// explainMembers is about what has to be in a pool before a call is sent to it.
func (w wording) explainMembers(ch diff.Change, k pool.Key, r diff.Refusal) (said, remedy message.Message) {
	unread := message.New("what the pool holds cannot be read: %s", message.Code(r.Reason))
	switch {
	case r.Rule == diff.RuleNotInPool && len(r.References) == 0:
		return unread, message.New("a correction is sent only for what is seen in the pool; rebuild the pool with a new snapshot label")
	case r.Rule == diff.RuleNotPublished:
		return message.New("the bank cannot copy %s", unfit(r.Unfit)),
			message.New("a job would skip it and complete all the same; publish it, or drop it from the correction in %s", message.At(r.At))
	case r.Rule == diff.RuleNotInPool:
		return message.New("the pool does not hold %s", message.Codes(r.References, 0)),
			message.New("a correction only copies again what the pool holds; add the reference to its content, or drop it from the correction")
	}
	said = message.New("no item of the pool is known to be as it was when it was copied, so an edit could copy one again")
	if r.Reason != "" {
		said = message.New("%s; %s", said, unread)
	}
	carrier := message.Code(r.Carrier)
	switch {
	case r.Carrier == "":
		return said, message.New("no published item was found in the pool; to rebuild it: a new snapshot label (%s)", line(ch.Source))
	case r.Guessed:
		return said, message.New("to accept that %s may be copied again or brought back: %s", carrier, w.lifts(r.Flag, k))
	default:
		return said, message.New("to accept that %s may be copied again: %s", carrier, w.lifts(r.Flag, k))
	}
}

// explainGuard is about what is too much at once, too late or at a bad time.
func (w wording) explainGuard(k pool.Key, r diff.Refusal) (said, remedy message.Message) {
	flag := message.Command(string(r.Flag))
	switch r.Rule {
	case diff.RuleVanished:
		of := message.New("%s managed pools are", message.Number(r.Of))
		if r.Of == 1 {
			of = message.New("1 managed pool is")
		}
		return message.New("%s of %s absent from item bank %s: wrong key, bank or endpoint?", message.Number(r.Count), of, message.Code(k.Bank.String())),
			message.New("check %s, %s and %s; to create the pools again: %s", message.Code("LEARNOSITY_CONSUMER_KEY"),
				message.Code("--organisation-id"), message.Code("--endpoint"), flag)
	case diff.RuleVolume:
		return message.New("%s of %s managed pools would change (%s %), over the limit of %s %",
				message.Number(r.Count), message.Number(r.Of), message.Number(r.Percent()), message.Number(r.Limit)),
			message.New("to allow that many: %s", message.Command(string(r.Flag), fmt.Sprint(r.Percent())))
	case diff.RuleFreeze:
		return message.New("frozen until %s (%s)", message.Code(r.Freeze.To.UTC().Format("2006-01-02 15:04 MST")), message.Code(r.Freeze.Reason)),
			message.New("apply after that, or in an emergency: %s", w.lifts(r.Flag, k))
	case diff.RuleDiverged:
		if r.Unseen {
			return message.New("it was applied from a commit (%s) that this one (%s) does not contain, and that is not in this clone", commit(r.Was), commit(r.Is)),
				message.New("fetch, merge the branch that was applied, then apply; if its commits are given up: %s", flag)
		}
		return message.New("it was applied from another branch (%s), which this commit (%s) does not contain", commit(r.Was), commit(r.Is)),
			message.New("merge first, then apply; to give that branch up: %s", flag)
	default:
		return message.New("it was applied from a newer commit (%s) than this one (%s)", commit(r.Was), commit(r.Is)),
			message.New("apply the newest commit; to go back, revert it in git, or: %s", flag)
	}
}

func commit(c *diff.Commit) message.Message {
	return message.New("%s of %s", message.Code(fmt.Sprintf("%.12s", c.Hash)), message.Code(c.At.UTC().Format("2006-01-02 15:04:05 MST")))
}

// explainPool is about whose the pool is, and what it is like.
func (w wording) explainPool(ch diff.Change, k pool.Key, r diff.Refusal) (said, remedy message.Message) {
	ref := string(k.Reference)
	switch r.Rule {
	case diff.RuleOtherSet:
		return message.New("manifest set %s manages this pool (its %s)", quotedCode(r.Set), message.Code(r.File)),
			message.New("declare it in one set only, or hand it over: %s", w.command("state", "forget", ref))
	case diff.RuleReferenceCase:
		return message.New("the bank has %s, which differs in letter case only", quotedCode(string(r.Twin))),
			message.New("write the reference as the bank does, or choose another one")
	case diff.RuleUnknown:
		return message.New("it exists in the bank, and the state does not know what it holds"),
			message.New("to take it over as it is: %s; to rebuild it: %s", w.command("adopt", ref), w.lifts(r.Flag, k))
	case diff.RuleHalted:
		remedy = message.New("change the manifest (%s), or write a new snapshot label to rebuild it", line(ch.Source))
		if e := ch.Evidence.Recorded; e != nil && e.Job != "" && k.Reference != anyReference {
			remedy = message.New("look at the job: %s; then %s", w.command("jobs", string(e.Job)), remedy)
		}
		return because(message.New("its last job halted"), r.Reason), remedy
	case diff.RuleCorrectionChanged:
		return message.New("correction %s was carried out with other references", quotedCode(r.Correction)),
			message.New("a correction is carried out once: write the new one with an id of its own")
	case diff.RuleExternalChange:
		return message.New("it was changed outside poolsync"),
			message.New("drop %s, or record the pool as it is: %s", message.Code("--fail-on-external-change"), w.command("adopt", ref))
	default:
		return message.Code(string(r.Rule)), message.Message{}
	}
}

// tell says what a note of the pool's change is about.
func (w wording) tell(ch diff.Change, k pool.Key, n diff.Note) message.Message {
	switch n.Kind {
	case diff.NoteAfterCall:
		op := message.Code(string(n.Operation))
		if len(n.Next) == 0 {
			return message.New("if the %s under way ends well, nothing more is due", op)
		}
		return message.New("if the %s under way ends well, then due: %s", op, message.Codes(plainActions(n.Next), 0))
	case diff.NoteUndeclared:
		return message.New("no manifest here declares it")
	case diff.NoteVanished:
		return message.New("it was applied before, and is gone from the bank")
	case diff.NoteCreationHalted:
		return because(message.New("its creation halted"), n.Reason)
	case diff.NoteOverwritten:
		return message.New("%s rebuilds it, whatever it holds", message.Code(string(diff.Overwrite)))
	case diff.NoteOrphaned:
		return message.New("it stays as it is; to unpublish it: %s", w.command("apply", "--prune"))
	case diff.NoteHeld:
		return message.New("it stays unpublished; to publish it again: %s", w.lifts(diff.Republish, k))
	case diff.NoteTouched:
		if n.Earlier {
			return message.New("someone else wrote to it before our last job; what it holds can no longer be vouched for")
		}
		return w.changedOutside(ch, k)
	case diff.NoteDeferred:
		return message.New("the API takes a description only with a rebuild; this one is sent with the next")
	case diff.NoteRenamed:
		return message.New("looks like a rename, and a reference cannot be changed: %s stays as it is", message.Code(string(n.Old)))
	case diff.NoteHeldAlready:
		return message.New("in the pool already, so recorded and not sent again: %s", message.Codes(slices.Concat(n.References.Items, n.References.Activities), maxListed))
	case diff.NoteUnread:
		return because(message.New("whether the pool holds what is added already cannot be read, so all of it is sent"), n.Reason)
	case diff.NoteLeaving:
		return message.New("the bank cannot copy %s", unfit(n.Unfit))
	default:
		return message.Code(string(n.Kind))
	}
}

// unfit lists what is not published in the bank, and what it is instead.
func unfit(all []diff.Unfit) message.Message {
	parts := make([]message.Message, 0, len(all))
	for _, u := range all {
		state := message.New("not in the bank")
		if u.Status != "" {
			state = message.New("%s", message.Code(string(u.Status)))
		}
		parts = append(parts, message.New("%s (%s)", message.Code(u.Reference), state))
	}
	if rest := len(parts) - maxListed; rest > 1 {
		parts = append(parts[:maxListed], message.New("%s more", message.Number(rest)))
	}
	return message.Join(", ", parts...)
}

func plainActions(actions []diff.Action) []string {
	words := make([]string, len(actions))
	for i, a := range actions {
		words[i] = string(a)
	}
	return words
}

// Spent says of a consent that what it allows was done by an earlier run.
func Spent(g diff.Given) string {
	return fmt.Sprintf("%s %s has no effect any more: what it allows was applied", g.Flag, g.Name)
}

// Ambiguous says of a consent that several pools bear the name.
func Ambiguous(g diff.Given) string {
	names := make([]string, len(g.Pools))
	for i, k := range g.Pools {
		names[i] = fmt.Sprintf("%s %s", g.Flag, message.Shell([]string{k.String()}))
	}
	return fmt.Sprintf("%s %s names more than one pool: write %s", g.Flag, g.Name, strings.Join(names, " or "))
}

// Unneeded says of a consent that nothing in the plan needs it; the pool is the
// declared one that it names, if there is one.
func Unneeded(g diff.Given, d *pool.Declared) string {
	said := fmt.Sprintf("%s %s has no effect", g.Flag, g.Name)
	if d == nil {
		return said + ": no manifest of this run declares a pool of that reference"
	}
	at := d.Position(d.At.Pool)
	at.Column = 0
	return fmt.Sprintf("%s: %s (%s) needs no %s", said, d.Key, at, map[diff.Flag]string{
		diff.AllowReplace: "replace", diff.Overwrite: "overwriting", diff.AllowRefresh: "refresh", diff.Republish: "publishing", diff.BreakFreeze: "break of a freeze",
	}[g.Flag])
}

// changedOutside says of a pool that somebody else wrote to it, unless it is said
// already that it was unpublished outside.
func (w wording) changedOutside(ch diff.Change, k pool.Key) message.Message {
	if ch.Has(diff.Held) {
		return message.Message{}
	}
	at := message.Message{}
	if l := ch.Evidence.Live; l != nil && k.Reference != anyReference {
		at = message.New(" at %s", message.Code(l.Updated))
	}
	return message.New("changed outside poolsync%s; its content may differ. Look at it, then: %s", at, w.command("adopt", string(k.Reference)))
}
