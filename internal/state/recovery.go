package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/poolsync/poolsync/internal/pool"
)

// recovery is what a session could not push, kept in a file beside the
// repository's objects. A record is merged only where the branch still has the
// very call as pending that the record is about: anything else is newer.
type recovery struct {
	Format  int     `json:"format"`
	Records []kept  `json:"records"`
	Ended   []ended `json:"ended,omitempty"`
}

// kept is the end, or the progress, of one pending call.
type kept struct {
	Key   pool.Key    `json:"key"`
	Call  callID      `json:"call"`
	Entry *pool.Entry `json:"entry"` // nil: nothing is left to remember
}

// callID tells the calls of a pool apart.
type callID struct {
	Run       string         `json:"run"`
	Operation pool.Operation `json:"operation"`
	At        int64          `json:"at"`
}

func callOf(p *pool.PendingCall) callID { return callID{p.Run, p.Operation, p.At.UnixNano()} }

const recoveryFormat = 1

// recoveryFile is where the records lie: with the repository, not in the work
// tree, so that nobody commits them.
func (b branch) recoveryFile() string {
	name := escape(b.Name)
	return filepath.Join(b.Common, "poolsync", "recovery-"+name+".json")
}

// keep writes down what was not pushed, beside what lies there already.
func (s *gitSession) keep(c Change) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold.until().IsZero() {
		return "", nil // nothing was ever recorded, so nothing was sent
	}
	fresh := s.about(c)
	if len(fresh) == 0 {
		return "", nil
	}
	newer := c.keys()
	return s.recoveryFile(), s.rewriteRecovery(func(r *recovery) {
		for _, old := range r.Records {
			if !newer[old.Key] {
				fresh = append(fresh, old)
			}
		}
		r.Records = fresh
	})
}

// rewriteRecovery changes the recovery file, which may not be there yet.
func (s *gitSession) rewriteRecovery(change func(*recovery)) error {
	path := s.recoveryFile()
	r, _, err := readRecovery(path)
	if err != nil {
		return err
	}
	r.Format = recoveryFormat
	change(&r)
	data, err := encode(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep what was not pushed: %w", err)
	}
	if err := replaceFile(path, data); err != nil {
		return fmt.Errorf("keep what was not pushed: %w", err)
	}
	return nil
}

// about gives the records of a change that are about calls which the branch has
// as pending. All else can be found out again.
func (s *gitSession) about(c Change) []kept {
	var out []kept
	add := func(k pool.Key, e *pool.Entry) {
		if was, ok := s.stored.Entries[k]; ok && was.Pending != nil {
			out = append(out, kept{k, callOf(was.Pending), e})
		}
	}
	for _, e := range c.Put {
		add(e.Key, &e)
	}
	for _, k := range c.Delete {
		add(k, nil)
	}
	return out
}

func readRecovery(path string) (recovery, []byte, error) {
	var r recovery
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, nil, nil
	case err != nil:
		return r, nil, fmt.Errorf("read what an earlier run could not push: %w", err)
	}
	if err := decodeRecovery(data, &r); err != nil {
		return r, data, &CorruptError{
			Path: path, Err: err,
			Remedy: "it holds what an earlier run could not push; remove it, and what became of that run's calls is found out from the bank",
		}
	}
	return r, data, nil
}

func decodeRecovery(data []byte, r *recovery) error {
	if err := versioned(data, recoveryFormat, r); err != nil {
		return err
	}
	if r.Format < 1 {
		return fmt.Errorf("format %d is no format of it", r.Format)
	}
	for _, k := range r.Records {
		if k.Entry == nil {
			continue
		}
		if err := check(*k.Entry); err != nil {
			return err
		}
		if k.Entry.Key != k.Key {
			return fmt.Errorf("the record of pool %s is about pool %s", k.Key, k.Entry.Key)
		}
	}
	return nil
}

// recover gives what an earlier run here could not push and the branch does not
// know better by now, and a sentence about it.
func (s *gitSession) recover(r recovery, stored Snapshot) (Change, string) {
	var c Change
	for _, k := range r.Records {
		now, ok := stored.Entries[k.Key]
		switch {
		case !ok || now.Pending == nil || callOf(now.Pending) != k.Call:
		case k.Entry == nil:
			c.Delete = append(c.Delete, k.Key)
		default:
			c.Put = append(c.Put, *k.Entry)
		}
	}
	switch n := len(c.Put) + len(c.Delete); {
	case n > 0:
		return c, fmt.Sprintf("%d %s that an earlier run here could not push %s taken up from %s", n, plural(n, "record"), isAre(n), s.recoveryFile())
	case s.left: // the file goes with the lease
		return c, ""
	case len(r.Records) > 0:
		s.forgetRecovery()
		return c, "what an earlier run here could not push is known by now, and dropped"
	default:
		s.forgetRecovery()
		return c, ""
	}
}

// forgetRecovery removes the file once its records are on the branch. What
// another process in the repository has put there since stays.
func (s *gitSession) forgetRecovery() {
	if s.recovery == nil {
		return
	}
	read := s.recovery
	s.recovered, s.recovery = Change{}, nil
	if data, err := os.ReadFile(s.recoveryFile()); err != nil || !bytes.Equal(data, read) {
		return
	}
	if err := os.Remove(s.recoveryFile()); err != nil {
		// Its records match no pending call any more, so it is harmless.
		s.Log.LogAttrs(context.Background(), slog.LevelWarn, "recovery file not removed", slog.String("error", err.Error()))
	}
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
