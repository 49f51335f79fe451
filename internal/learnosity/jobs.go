package learnosity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

const endpointJobs = "jobs"

// JobsQuery asks for jobs.
type JobsQuery struct {
	// Bank is a filter; pool.Primary means no filter, since for jobs the
	// organisation_id has no default.
	Bank pool.Bank

	// References limits the answer to these jobs.
	References []pool.JobReference

	// Status limits the answer to these statuses; none means all four. They
	// are always sent: the endpoint's documented default is completed alone,
	// which makes a job in flight look as if it did not exist.
	Status []pool.JobStatus

	// Since and Until bound the time of creation, both included, in whole
	// seconds, rounded outwards. A zero Until is now.
	Since, Until time.Time
}

// Jobs lists jobs ("Get Jobs"), ordered by creation and reference. The endpoint
// gives at most 50 records and has no pages, so references are asked for 50 at
// a call, and a window that starts at Since is cut into smaller ones until none
// is full. Without References and Since there are at most 50 jobs in the
// answer, and which ones is the server's choice. A job that is not listed is
// left out. The error is an *Error; one that is ErrHiddenJobs comes with the jobs
// that could be listed.
func (r *Reader) Jobs(ctx context.Context, q JobsQuery) ([]pool.Job, error) {
	status := q.Status
	if len(status) == 0 {
		status = pool.JobStatuses
	}
	l := listing[pool.Job]{
		call: get("get jobs", endpointJobs, q.Bank), decode: decodeJob, narrow: byReference, single: true,
		params: params{Bank: q.Bank, Status: texts(status), MinTime: floor(q.Since), MaxTime: ceiling(q.Until)},
	}
	l.call.atWriter = true
	references := texts(q.References)
	var found []pool.Job
	var err error
	if len(references) > 0 || q.Since.IsZero() {
		found, err = l.chunks(ctx, r.conn, references)
	} else {
		found, err = r.window(ctx, l)
	}
	if err != nil && !errors.Is(err, ErrHiddenJobs) {
		return nil, err
	}
	if len(references) > 0 {
		asked := make(map[pool.JobReference]bool, len(references))
		for _, reference := range q.References {
			asked[reference] = true
		}
		found = slices.DeleteFunc(found, func(j pool.Job) bool { return !asked[j.Reference] })
	}
	slices.SortStableFunc(found, func(a, b pool.Job) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Reference, b.Reference))
	})
	return found, err
}

// maxWindows bounds the calls that one window may take.
const maxWindows = 4000

// maxHidden bounds the windows that cannot be listed in full: with a server that
// ignores the times that would be all of them.
const maxHidden = 20

// window lists the jobs of a stretch of time.
func (r *Reader) window(ctx context.Context, l listing[pool.Job]) ([]pool.Job, error) {
	found, err := l.whole(ctx, r.conn)
	if err != nil || len(found) < pool.MaxBatch {
		return found, err
	}
	if l.params.MaxTime == 0 {
		now, ok := r.ServerTime()
		if !ok {
			now = time.Now()
		}
		l.params.MaxTime = now.Unix() + 1
	}
	s := splitter{conn: r.conn, calls: 1, found: map[pool.JobReference]pool.Job{}}
	if err := s.split(ctx, l, found); err != nil {
		return nil, err
	}
	if s.hidden > 0 {
		err = s.conn.fault(l.call, Error{Err: ErrHiddenJobs})
	}
	return slices.Collect(maps.Values(s.found)), err
}

// splitter collects jobs from ever smaller windows.
type splitter struct {
	conn   *conn
	calls  int
	found  map[pool.JobReference]pool.Job
	hidden int // windows that could not be listed in full
}

// ErrHiddenJobs says that there may be jobs which the endpoint does not list: it
// lists no more than 50 at a time and has no pages, and one batch alone creates
// as many within a second.
var ErrHiddenJobs = errors.New("50 or more jobs of one status were created within two seconds, of which the endpoint lists 50")

var errTooLong = errors.New("so many jobs were created in this time that they cannot be listed; ask for a shorter one")

// split takes a window that is known to be full of what was found in it. The halves overlap by a
// second, so that it does not matter whether the server counts the ends in.
func (s *splitter) split(ctx context.Context, l listing[pool.Job], found []pool.Job) error {
	from, to := l.params.MinTime, l.params.MaxTime
	var parts []listing[pool.Job]
	switch {
	case to-from > 2:
		middle := from + (to-from)/2
		parts = []listing[pool.Job]{l, l}
		parts[0].params.MinTime = middle // the latest first
		parts[1].params.MaxTime = middle + 1
	case len(l.params.Status) > 1:
		for _, status := range l.params.Status {
			part := l
			part.params.Status = []string{status}
			parts = append(parts, part)
		}
	default:
		s.hidden++
		s.take(found)
		return nil
	}
	for _, part := range parts {
		if err := s.read(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// read lists one window, and its parts if it is full.
func (s *splitter) read(ctx context.Context, l listing[pool.Job]) error {
	if s.hidden >= maxHidden {
		return nil
	}
	if s.calls++; s.calls > maxWindows {
		return s.conn.fault(l.call, Error{Err: errTooLong})
	}
	found, err := l.whole(ctx, s.conn)
	if err != nil {
		return err
	}
	if len(found) >= pool.MaxBatch {
		return s.split(ctx, l, found)
	}
	s.take(found)
	return nil
}

func (s *splitter) take(found []pool.Job) {
	for _, j := range found {
		s.found[j.Reference] = j
	}
}

func floor(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func ceiling(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Second - 1).Unix()
}

// decodeJob keeps what the documented members say, and whatever else there is
// as text: in which member a halted job gives its reasons is not documented.
func decodeJob(raw json.RawMessage) (pool.Job, string, error) {
	r, err := object(raw, "reference")
	if err != nil {
		return pool.Job{}, "", err
	}
	j := pool.Job{
		Reference: pool.JobReference(r.text("reference")), Type: r.text("type"),
		Status: pool.JobStatus(r.text("status")), Created: r.text("dt_created"), Completed: r.text("dt_completed"),
	}
	for _, known := range []string{"reference", "type", "status", "dt_created", "dt_completed"} {
		delete(r, known)
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(r)) {
		if text := flatten(r[key]); text != "" {
			parts = append(parts, key+": "+text)
		}
		j.Code = cmp.Or(j.Code, codeIn(r[key]))
	}
	j.Detail = clean(strings.Join(parts, "; "), maxDetail)
	return j, string(j.Reference), nil
}
