// Package pool is the vocabulary of the program: item pools, what they hold and
// what is known of them. What comes in and goes out are plain values; the
// package does no input or output, reads no clock and knows no other package
// but source.
package pool

import (
	"cmp"
	"strconv"
)

// Bank is the organisation_id of an item bank.
type Bank int64

// Primary stands for the primary item bank of the consumer key, which the API
// never names: a request without organisation_id addresses it.
const Primary Bank = 0

// String gives the number, or "primary".
func (b Bank) String() string {
	if b == Primary {
		return "primary"
	}
	return strconv.FormatInt(int64(b), 10)
}

// Reference names an item pool within its item bank.
type Reference string

// Key is the identity of an item pool everywhere in the program.
type Key struct {
	Bank      Bank      `json:"organisation_id"`
	Reference Reference `json:"reference"`
}

// String gives "505/ela-district-a".
func (k Key) String() string { return k.Bank.String() + "/" + string(k.Reference) }

// Compare orders keys by bank and reference.
func (k Key) Compare(l Key) int {
	return cmp.Or(cmp.Compare(k.Bank, l.Bank), cmp.Compare(k.Reference, l.Reference))
}

// Status is the status of an item pool as the pools endpoint gives it. Only
// Published and Unpublished can be asked for.
type Status string

// The statuses of the pools endpoint (get, parameter "status").
const (
	Published   Status = "published"
	Unpublished Status = "unpublished"
	Pending     Status = "pending"
	Halted      Status = "halted"
)

// Fields is what set and update write beside the content. Its member names in
// JSON are the API's own.
type Fields struct {
	Name                 string `json:"name"`
	Description          string `json:"description"`
	Status               Status `json:"status"`
	IgnoreEmpty          bool   `json:"ignore_empty_additional_tags"`
	UnpublishedPublished bool   `json:"set_unpublished_to_published"`
}

// Spec is a whole item pool as it is asked for: every field that set writes.
type Spec struct {
	Fields
	Content Content `json:"content"`
}

// Live is what pools get returns of an item pool: never its content. The times
// are kept as the server wrote them; only equality is ever asked of them.
type Live struct {
	Reference   Reference `json:"reference"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Status      Status    `json:"status"`
	Created     string    `json:"dt_created"`
	Updated     string    `json:"dt_updated"`
}

// JobReference names an asynchronous job. It is opaque.
type JobReference string

// JobStatus is the status of a job as the jobs endpoint gives it.
type JobStatus string

// The job statuses (jobs get, parameter "status").
const (
	JobQueued    JobStatus = "queued"
	JobRunning   JobStatus = "running"
	JobHalted    JobStatus = "halted"
	JobCompleted JobStatus = "completed"
)

// JobStatuses lists all four: left out, the endpoint's documented default hides
// every job that has not completed.
var JobStatuses = []JobStatus{JobQueued, JobRunning, JobHalted, JobCompleted}

// Job is a record of the jobs endpoint. Times are as the server wrote them
// ("YYYY-MM-DD HH:MM:SS", taken as UTC). Detail is the text of whatever members
// beyond the documented ones the record has (results, data, message, errors):
// the reason of a halted job, in a shape that the documentation leaves open.
type Job struct {
	Reference JobReference `json:"reference"`
	Type      string       `json:"type"`
	Status    JobStatus    `json:"status"`
	Created   string       `json:"dt_created"`
	Completed string       `json:"dt_completed,omitempty"`
	Code      int          `json:"code,omitempty"` // the API's error code, if the job names one
	Detail    string       `json:"detail,omitempty"`
}

// Ended reports whether the job has come to its end, well or not.
func (j Job) Ended() bool { return j.Status == JobCompleted || j.Status == JobHalted }

// MarshalJSON writes null for the primary bank, whose number nobody knows.
func (b Bank) MarshalJSON() ([]byte, error) {
	if b == Primary {
		return []byte("null"), nil
	}
	return []byte(strconv.FormatInt(int64(b), 10)), nil
}
