package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/poolsync/poolsync/internal/git"
)

// gitSession is a state on a branch that is held for writing. Each commit's
// parent is the commit that was read or written last; that it is not the
// branch's any more means that the state was taken away.
type gitSession struct {
	branch
	now        func() time.Time
	confirm    func(context.Context) error
	localClock bool // now is not the server's time
	holder     Holder
	start      Snapshot
	tookOver   *Holder
	left       bool // by a run here that has ended
	notices    []string

	mu        sync.Mutex
	tip       string
	head      bool     // the branch has its poolsync.json
	stored    Snapshot // as the branch has it
	recovered Change   // to be written with the next commit
	recovery  []byte   // the recovery file as it was read
	asked     bool     // a commit with our lease was made
	broken    error
	closed    bool

	hold hold
}

// hold is how long the lease holds. It has a lock of its own, so that asking for
// it never waits for a push.
type hold struct {
	mu       sync.Mutex
	deadline time.Time // in server time; zero before the lease was taken
	renewed  time.Time // on the local clock
	over     bool
}

func (h *hold) extend(deadline, local time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadline, h.renewed = deadline, local
}

func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
}

// until gives the deadline; zero before the lease was taken.
func (h *hold) until() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.deadline
}

// remaining asks the local clock too: the server's, as far as it is known, is
// counted on from its last answer, and that counting stands still while a machine
// sleeps.
func (h *hold) remaining(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deadline.IsZero() || h.over {
		return 0
	}
	return max(0, min(h.deadline.Sub(now), leaseTime-time.Now().Round(0).Sub(h.renewed)))
}

// begin refuses a state that is held or damaged, and takes up what an earlier
// run left behind.
func (s *gitSession) begin(st branchState) error {
	if err := st.corrupt(s.store); err != nil {
		return err
	}
	r, data, err := readRecovery(s.recoveryFile())
	s.left = err == nil && leftBy(r.Ended, st.lease)
	if now := s.now(); !s.left && (st.heldAt(now) != nil || (st.lease != nil && s.localClock)) {
		return heldError(s.store, st.lease, now)
	}
	if err != nil {
		return err
	}
	if s.tookOver = st.lease; s.tookOver != nil {
		how := "has run out and is taken over"
		if s.left {
			how = "is that of a run here that has ended, and is taken over"
		}
		s.notices = append(s.notices, "the lease of "+s.tookOver.String()+" "+how)
	}
	s.recovery = data
	var told string
	if s.recovered, told = s.recover(r, st.Snapshot); told != "" {
		s.notices = append(s.notices, told)
	}
	s.start = st.Snapshot.Clone()
	s.recovered.Apply(&s.start)
	s.stored = st.Snapshot.Clone()
	return nil
}

// Snapshot gives the state as it was when it was taken, recovered records
// included.
func (s *gitSession) Snapshot() Snapshot { return s.start }

// TookOver is the run whose lease had run out.
func (s *gitSession) TookOver() *Holder { return s.tookOver }

// Notices tells of a lease taken over and of records recovered.
func (s *gitSession) Notices() []string { return s.notices }

// Remaining is how long the lease still holds.
func (s *gitSession) Remaining() time.Duration { return s.hold.remaining(s.now()) }

// gather says how long to collect changes before a commit: longer each time, so
// that thousands of calls cost a handful of pushes, and short enough for the
// lease to be renewed by them.
func (s *gitSession) gather(n int) time.Duration {
	return min(firstGather<<min(n, 10), renewAfter)
}

// firstGather is how long the first commit waits for more to record.
const firstGather = 2 * time.Second

// Renew extends the lease by a commit of its own.
func (s *gitSession) Renew(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.commit(ctx, "lease: renewed\n", Change{})
}

// Commit writes one commit and pushes it; the lease is renewed by it.
func (s *gitSession) Commit(ctx context.Context, message string, c Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the state was given back")
	}
	return s.commit(ctx, message, c)
}

func (s *gitSession) commit(ctx context.Context, message string, c Change) error {
	if s.broken != nil {
		return s.broken
	}
	if err := s.begun(ctx); err != nil {
		return err
	}
	at, local := s.now(), time.Now().Round(0)
	h := s.holder
	h.Until = at.Add(leaseTime).UTC().Truncate(time.Second)
	lease, err := encode(lease{gitFormat, h})
	if err != nil {
		return err
	}
	c = s.withRecovered(c)
	s.asked = true
	if err := s.deliver(ctx, message, c, git.File{Path: leaseFile, Data: lease}); err != nil {
		return err
	}
	s.hold.extend(h.Until, local)
	s.forgetRecovery()
	return nil
}

// begun refuses a first commit at a time that cannot be trusted: a lease that
// ends too early would be taken over under our hands. A run that goes on counts
// by its own clock, and has to record what it did.
func (s *gitSession) begun(ctx context.Context) error {
	if !s.hold.until().IsZero() {
		return nil
	}
	err := s.confirm(ctx)
	if err != nil {
		s.broken = err
		s.hold.end()
	}
	return err
}

// deliver brings a change to the branch, or breaks the session.
func (s *gitSession) deliver(ctx context.Context, message string, c Change, lease git.File) error {
	files, err := s.files(c)
	if err != nil {
		return err
	}
	id, err := s.write(ctx, s.tip, s.sign(message), s.now(), append(files, lease))
	if err == nil {
		err = s.push(ctx, s.tip, id)
	}
	if err == nil {
		s.tip, s.head = id, true
		c.Apply(&s.stored)
		return nil
	}
	if errors.Is(err, ErrMoved) && !s.hold.until().IsZero() {
		err = s.lost(ctx)
	}
	s.broken = err
	s.hold.end()
	return err
}

// lost says who has the state now, as far as that can be told.
func (s *gitSession) lost(ctx context.Context) error {
	lost := &LostError{Store: s.store}
	if st, err := s.read(ctx); err == nil {
		lost.By = st.heldAt(s.now())
	}
	return lost
}

// files gives what a change does to the branch.
func (s *gitSession) files(c Change) ([]git.File, error) {
	var out []git.File
	if !s.head || (c.KeyHash != "" && c.KeyHash != s.stored.KeyHash) {
		hash := s.stored.KeyHash
		if c.KeyHash != "" {
			hash = c.KeyHash
		}
		data, err := encode(head{gitFormat, hash})
		if err != nil {
			return nil, err
		}
		out = append(out, git.File{Path: headFile, Data: data})
	}
	for _, k := range c.Delete {
		if _, known := s.stored.Entries[k]; known {
			out = append(out, git.File{Path: entryPath(k)})
		}
	}
	for _, e := range c.Put {
		text, err := seal(e)
		if err != nil {
			return nil, err
		}
		data, err := encode(text)
		if err != nil {
			return nil, err
		}
		out = append(out, git.File{Path: entryPath(e.Key), Data: data})
	}
	return out, nil
}

// sign adds who wrote a commit, as trailers. No text of the environment may look
// like another trailer.
func (s *gitSession) sign(message string) string {
	plain := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	var b strings.Builder
	b.WriteString(strings.TrimRight(message, "\n"))
	if s.tookOver != nil && s.hold.until().IsZero() {
		how := "had run out and was taken over"
		if s.left {
			how = "was that of a run that had ended, and was taken over"
		}
		fmt.Fprintf(&b, "\n\nThe lease of %s %s.", plain(s.tookOver.String()), how)
	}
	fmt.Fprintf(&b, "\n\nPoolsync-Run: %s\nPoolsync-By: %s\nPoolsync-Where: %s\n", plain(s.holder.Run), plain(s.holder.Who), plain(s.holder.Where))
	if s.holder.Commit != "" {
		fmt.Fprintf(&b, "Poolsync-Commit: %s\n", plain(s.holder.Commit))
	}
	return b.String()
}

// withRecovered adds what was recovered and is not changed by the change itself.
func (s *gitSession) withRecovered(c Change) Change {
	if s.recovered.Empty() {
		return c
	}
	newer := c.keys()
	c.Put, c.Delete = slices.Clone(c.Put), slices.Clone(c.Delete)
	for _, e := range s.recovered.Put {
		if !newer[e.Key] {
			c.Put = append(c.Put, e)
		}
	}
	for _, k := range s.recovered.Delete {
		if !newer[k] {
			c.Delete = append(c.Delete, k)
		}
	}
	c.sort()
	return c
}

// Close gives the lease back. That this fails is no loss: what was committed
// stays, and the lease ends by itself.
func (s *gitSession) Close() error { return s.closeWithin(context.Background()) }

func (s *gitSession) closeWithin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	var err error
	if s.broken == nil && !s.recovered.Empty() {
		err = s.commit(ctx, "recover: records that an earlier run could not push\n", Change{})
	}
	s.closed = true
	s.hold.end()
	s.giveBack(ctx)
	if s.mayStand() {
		s.leave()
	}
	known := s.tip
	if s.broken != nil {
		known = "" // what the remote has is not certain
	}
	s.Tidy(context.WithoutCancel(ctx), known)
	s.branch.Close()
	return err
}

// giveBack takes our lease off the branch, or that of a run here that has ended.
func (s *gitSession) giveBack(ctx context.Context) {
	if s.broken != nil || (s.hold.until().IsZero() && !s.left) {
		return
	}
	if err := s.deliver(ctx, "lease: given back\n", Change{}, git.File{Path: leaseFile}); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "lease not given back; it ends by itself, or with the next run in this repository",
			slog.Time("until", s.hold.until()), slog.String("error", err.Error()))
		return
	}
	s.forgetRecovery()
}

// closeTime bounds giving the lease back.
const closeTime = 30 * time.Second
