package diff

import (
	"time"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Rule names why a change is not carried out. The names are stable: scripts and
// the documentation know them.
type Rule string

// The rules that hold back one pool by a state of its own.
const (
	RuleJobRunning Rule = "job-running"
	RuleInDoubt    Rule = "in-doubt"
	RuleUnknown    Rule = "unknown"
	RuleHalted     Rule = "halted"
)

// The rules that refuse what the manifests ask for.
const (
	RuleOtherSet          Rule = "other-set"
	RuleReferenceCase     Rule = "reference-case"
	RuleReplace           Rule = "replace"
	RuleReplaceTouched    Rule = "replace-touched"
	RuleReplaceDenied     Rule = "replace-denied"
	RuleSnapshotUsed      Rule = "snapshot-used"
	RuleEditWouldRefresh  Rule = "edit-would-refresh"
	RuleCorrectionChanged Rule = "correction-changed"
	RuleNotInPool         Rule = "correction-not-in-pool"
	RuleNotPublished      Rule = "correction-not-published"
	RuleExternalChange    Rule = "external-change"
	RuleVanished          Rule = "vanished"
	RuleVolume            Rule = "volume"
	RuleFreeze            Rule = "freeze"
	RuleOlder             Rule = "older"
	RuleDiverged          Rule = "diverged"
)

// Flag is a flag that lifts a refusal.
type Flag string

// The flags that name the pool which they are for.
const (
	AllowReplace Flag = "--allow-replace"
	Overwrite    Flag = "--overwrite"
	AllowRefresh Flag = "--allow-refresh"
	Republish    Flag = "--republish"
	BreakFreeze  Flag = "--break-freeze"
)

// The flags that are for the whole run.
const (
	MaxChangePercent Flag = "--max-change-percent"
	RecreateVanished Flag = "--recreate-vanished"
	AllowOlder       Flag = "--allow-older"
)

// Refusal is why a change is not carried out, as values: the words are report's.
// Rule says which of the members after At there are.
type Refusal struct {
	Rule Rule
	// Own marks what the manifests did not cause: it holds back its own pool only.
	Own bool
	// Flag lifts the refusal; empty where no flag does.
	Flag Flag
	// At is where the manifests have, or would have, the words that lift it.
	At source.Position

	Call       *pool.PendingCall // job-running, in-doubt: a call of ours
	Running    bool              // job-running: its job is known to run
	Set, File  string            // other-set: who manages the pool
	Twin       pool.Reference    // reference-case: how the bank writes it
	Label      string            // snapshot-used
	Correction string            // correction-changed: its id
	Leaves     bool              // replace and its kin: content leaves the pool
	References []string          // correction-not-in-pool: what the pool lacks
	Unfit      []Unfit           // correction-not-published: what the bank cannot copy
	Carrier    string            // edit-would-refresh: what the call would carry; empty: nothing was found
	Guessed    bool              // edit-would-refresh: that the pool holds the carrier is not certain
	Reason     string            // what was heard of the bank or of a job
	Unanswered bool              // Reason is that the server did not answer
	Count, Of  int               // vanished, volume: so many of the managed pools
	Limit      int               // volume: in percent
	Freeze     *Freeze           // freeze: the window
	Was, Is    *Commit           // older, diverged: the recorded commit and that of this run
	Unseen     bool              // diverged: Was is not in this clone
}

// Percent is the share that Count has of Of, rounded up.
func (r Refusal) Percent() int { return (r.Count*100 + r.Of - 1) / r.Of }

// Commit is a commit of the manifests and its committer time.
type Commit struct {
	Hash string
	At   time.Time
}

// NoteKind names what a note tells.
type NoteKind string

// The kinds of note.
const (
	NoteAfterCall      NoteKind = "after-call"      // what is due if the call under way ends well
	NoteUndeclared     NoteKind = "undeclared"      // nothing declares the pool of a call under way
	NoteVanished       NoteKind = "vanished"        // the pool was applied before
	NoteCreationHalted NoteKind = "creation-halted" // and is tried again
	NoteOverwritten    NoteKind = "overwritten"     // what the pool held is not known
	NoteOrphaned       NoteKind = "orphaned"
	NoteHeld           NoteKind = "held"
	NoteTouched        NoteKind = "touched"
	NoteDeferred       NoteKind = "deferred"     // the description waits for a rebuild
	NoteRenamed        NoteKind = "renamed"      // it looks like a pool that is no longer declared
	NoteHeldAlready    NoteKind = "held-already" // references that the pool holds are not sent
	NoteUnread         NoteKind = "unread"       // what the pool holds could not be looked up
	NoteLeaving        NoteKind = "leaving"      // what a rebuild loses, since the bank cannot copy it
)

// Note is what there is to say of a change beside what is done, as values.
type Note struct {
	Kind      NoteKind
	Operation pool.Operation // after-call: the call under way
	Next      []Action       // after-call: what is due then
	Reason    string         // creation-halted, unread
	Old       pool.Reference // renamed: the pool that it looks like
	Earlier   bool           // touched: before our last job, which has not undone it

	References pool.Content // held-already
	Unfit      []Unfit      // leaving
}

// Given is a consent as it was given: a flag and the name of a pool, REF or
// BANK/REF, with the pools that bear it.
type Given struct {
	Flag  Flag
	Name  pool.Reference
	Pools []pool.Key
}
