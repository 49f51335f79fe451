package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/poolsync/poolsync/internal/pool"
)

// record is a line of the journal: one commit.
type record struct {
	Serial  int64             `json:"serial"`
	Message string            `json:"message"`
	KeyHash string            `json:"primary_key_sha256,omitempty"`
	Put     []json.RawMessage `json:"put,omitempty"` // sealed
	Delete  []pool.Key        `json:"delete,omitempty"`
}

// step is a record that was read: where it stands, and what it does.
type step struct {
	serial int64
	Change
}

// journalScan is what a journal holds: its whole records and their size in
// bytes. A last line without an end is a commit that a crash cut off: it was
// never reported as done, so it is dropped.
type journalScan struct {
	steps []step
	size  int64
}

func (p place) scanJournal() (journalScan, error) {
	var scan journalScan
	if err := p.plain(p.journal()); err != nil {
		return scan, err
	}
	data, err := os.ReadFile(p.journal())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return scan, nil
	case err != nil:
		return scan, fmt.Errorf("read state journal: %w", err)
	}
	for n := 1; len(data) > 0; n++ {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return scan, nil
		}
		r, err := decodeRecord(data[:end])
		if err != nil {
			return scan, p.corrupt(p.journal(), fmt.Errorf("line %d: %w", n, err))
		}
		scan.steps = append(scan.steps, r)
		scan.size += int64(end) + 1
		data = data[end+1:]
	}
	return scan, nil
}

// decodeRecord decodes a line.
func decodeRecord(line []byte) (step, error) {
	var r record
	if err := strict(line, &r); err != nil {
		return step{}, err
	}
	s := step{r.Serial, Change{Delete: r.Delete, KeyHash: r.KeyHash}}
	for _, text := range r.Put {
		e, err := decodeEntry(text)
		if err != nil {
			return step{}, err
		}
		s.Put = append(s.Put, e)
	}
	return s, nil
}

// openJournal opens the journal for appending behind its whole records.
func openJournal(path string, size int64) (*os.File, error) {
	j, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state journal: %w", err)
	}
	err = errors.Join(j.Chmod(0o600), j.Truncate(size))
	if err == nil {
		_, err = j.Seek(size, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open state journal: %w", err), j.Close())
	}
	return j, nil
}

// fileSession is a held state file. A commit appends one line to the journal;
// Close folds the journal into the file. So a run of n steps writes the whole
// state once and not n times.
type fileSession struct {
	place
	lock    *flock.Flock
	journal *os.File
	start   Snapshot

	mu     sync.Mutex
	now    Snapshot
	serial int64
	dirty  bool
	broken error
}

// Snapshot gives the state as it was when it was taken.
func (s *fileSession) Snapshot() Snapshot { return s.start }

// Commit appends the change to the journal and syncs it. After a failed write
// the journal's end is unknown, so every later commit fails too.
func (s *fileSession) Commit(_ context.Context, message string, c Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stillHeld(); err != nil {
		return err
	}
	entries, err := sealAll(c.Put)
	if err != nil {
		return err
	}
	line, err := compact(record{Serial: s.serial + 1, Message: message, KeyHash: c.KeyHash, Put: entries, Delete: c.Delete})
	if err != nil {
		return err
	}
	if _, err = s.journal.Write(append(line, '\n')); err == nil {
		err = s.journal.Sync()
	}
	if err != nil {
		s.broken = fmt.Errorf("write state journal: %w", err)
		return s.broken
	}
	s.serial++
	s.dirty = true
	c.Apply(&s.now)
	return nil
}

// stillHeld finds out that somebody removed the lock: then another run may have
// the state, and nothing of ours may get into it any more.
func (s *fileSession) stillHeld() error {
	if s.broken == nil && !s.isLock(s.lock) {
		s.broken = &LostError{Store: s.name, Lock: s.place.lock()}
	}
	return s.broken
}

// Remaining is Forever: the lock ends with the process.
func (s *fileSession) Remaining() time.Duration { return Forever }

// Renew has nothing to do.
func (s *fileSession) Renew(context.Context) error { return nil }

// TookOver is nil: the lock of a process that died is free.
func (s *fileSession) TookOver() *Holder { return nil }

// Notices has nothing to say.
func (s *fileSession) Notices() []string { return nil }

// Close folds the journal into the file and gives the lock back.
func (s *fileSession) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.fold()
	return errors.Join(err, s.journal.Close(), s.lock.Close())
}

func (s *fileSession) fold() error {
	if !s.dirty || s.broken != nil {
		return nil
	}
	if err := s.stillHeld(); err != nil {
		return err
	}
	doc := document{Format: fileFormat, Serial: s.serial, KeyHash: s.now.KeyHash, Entries: []json.RawMessage{}}
	for _, k := range s.now.Keys() {
		text, err := seal(s.now.Entries[k])
		if err != nil {
			return err
		}
		doc.Entries = append(doc.Entries, text)
	}
	text, err := compact(doc)
	if err != nil {
		return err
	}
	if err := replaceFile(s.path, append(text, '\n')); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.dirty = false
	if err := s.journal.Truncate(0); err != nil {
		return fmt.Errorf("empty state journal: %w", err)
	}
	return nil
}

// replaceFile puts data in the place of a file so that a reader, or a machine
// that loses power, sees the old content or the new and nothing between.
// Where the name is a symbolic link, the file that it leads to is replaced.
func replaceFile(path string, data []byte) (err error) {
	if path, err = follow(path); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// maxLinks bounds a chain of symbolic links, which may be a circle.
const maxLinks = 40

// follow gives the file that a name leads to, which may not be there yet. A name
// that is no link stays as it is written.
func follow(path string) (string, error) {
	for range maxLinks {
		to, err := os.Readlink(path)
		if err != nil { // no link, or nothing at all
			return path, nil
		}
		if file, err := filepath.EvalSymlinks(path); err == nil {
			return file, nil
		}
		if !filepath.IsAbs(to) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

// syncDir makes a rename durable. Not every system can sync a folder; the
// rename itself has happened by then.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}
