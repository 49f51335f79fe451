package pool

import "time"

// EntryFormat is the version of the Entry layout below.
const EntryFormat = 1

// Entry is what poolsync remembers of a pool that it manages, since get never
// returns content. A pool without an entry is unknown, never in sync.
type Entry struct {
	Format     int          `json:"format"`
	Key                     // organisation_id, reference
	Set        string       `json:"set"`
	File       string       `json:"file"`
	Commit     string       `json:"commit,omitempty"`
	CommitTime *time.Time   `json:"commit_time,omitempty"`
	Dirty      bool         `json:"dirty,omitempty"` // the manifest was not as in the commit
	Sent       *Sent        `json:"sent,omitempty"`
	ReadBack   *Live        `json:"read_back,omitempty"`
	Job        JobReference `json:"job_reference,omitempty"`
	// EarlierJob is the one before Job, or one that halted since: no call in doubt is
	// to be taken for it.
	EarlierJob JobReference `json:"earlier_job,omitempty"`
	Operation  Operation    `json:"operation,omitempty"` // the last one that was applied
	AppliedAt  *time.Time   `json:"applied_at,omitempty"`
	CalledAt   *time.Time   `json:"called_at,omitempty"` // server time when the pool's last set was accepted: no copy in it is older
	Verified   bool         `json:"verified,omitempty"`  // the explicit references were seen in the pool after the last job
	// OwnUntil is set where what was read back may not show our last job: a
	// dt_updated up to then is our own doing.
	OwnUntil  *time.Time `json:"own_until,omitempty"`
	Touched   bool       `json:"touched,omitempty"`
	Retired   bool       `json:"retired,omitempty"`
	LastError string     `json:"last_error,omitempty"`
	// Created is the dt_created of the halted pool that our failed creation left
	// behind: that one may be created again without asking.
	Created string       `json:"created,omitempty"`
	Pending *PendingCall `json:"pending,omitempty"`
}

// Sent is all that was applied to a pool, by however many calls.
type Sent struct {
	Spec
	Snapshot    string       `json:"snapshot,omitempty"`
	Labels      []string     `json:"snapshot_labels,omitempty"` // every label the pool ever had
	Corrections []Correction `json:"corrections,omitempty"`     // every correction carried out
}

// Operation names what a call is for.
type Operation string

// The operations, in the words of the plan.
const (
	OpCreate  Operation = "create"
	OpAppend  Operation = "append"
	OpEdit    Operation = "edit"
	OpCorrect Operation = "correct"
	OpReplace Operation = "replace"
	OpRetire  Operation = "retire"
)

// PendingCall is a call under way: written before it is sent, dropped when its
// outcome is known. Before is nil if the pool did not exist.
type PendingCall struct {
	Run       string    `json:"run"`
	Operation Operation `json:"operation"`
	Verb      Verb      `json:"verb"`
	Request   Request   `json:"request"`
	Before    *Live     `json:"before,omitempty"`
	After     *Entry    `json:"after,omitempty"`
	// Lacked are the references of an append that were looked up and were not in the
	// pool before the call: if they are there later, it happened.
	Lacked Content   `json:"lacked,omitzero"`
	At     time.Time `json:"at"` // server time, before the call was sent
	// Until is the server time when its last attempt had ended, in which way ever.
	Until    *time.Time   `json:"until,omitempty"`
	Job      JobReference `json:"job_reference,omitempty"`
	Accepted *time.Time   `json:"accepted_at,omitempty"` // server time of the answer
	Ended    *time.Time   `json:"ended_at,omitempty"`    // dt_completed of the job
}

// TouchedBy reports whether a live record shows that someone else wrote to the
// pool since our last job.
func (e Entry) TouchedBy(l Live) bool {
	if e.Touched || e.ReadBack == nil || e.ReadBack.Updated == l.Updated {
		return e.Touched
	}
	if e.OwnUntil == nil {
		return true
	}
	updated, err := time.Parse(time.RFC3339, l.Updated)
	return err != nil || updated.After(*e.OwnUntil)
}
