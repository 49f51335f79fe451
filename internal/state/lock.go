package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// peekTime is how long Acquire tries: a plan that looks whether the state is
// held has the lock, shared, for an instant.
const peekTime = 500 * time.Millisecond

// Acquire takes the lock and reads the state under it.
func (f File) Acquire(ctx context.Context, h Holder) (Session, error) {
	p, err := f.place()
	if err != nil {
		return nil, err
	}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	l, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	s, err := p.open(l, h)
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return s, nil
}

// prepare makes the folder, and refuses a file that has two names: each of them
// would have a lock of its own.
func (p place) prepare() error {
	dir := filepath.Dir(p.path)
	_, err := os.Stat(dir)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state's folder: %w", err)
	}
	if fresh && filepath.Base(dir) == ownFolder {
		// The state is this machine's; a file that is not written is no fault.
		_ = os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600)
	}
	info, err := os.Lstat(p.path)
	if err == nil && names(info) > 1 {
		return fmt.Errorf("state %s has %d names (hard links), and each would have a lock of its own; keep one: cp it, and remove the others", p.name, names(info))
	}
	return nil
}

// ownFolder is the folder of the default state, which holds nothing else.
const ownFolder = ".poolsync"

// maxTaken is how often a lock is taken whose file was removed meanwhile.
const maxTaken = 5

// take takes the lock. That of a file which is not there any more is worth
// nothing: the next run would lock another.
func (p place) take(ctx context.Context) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeout(ctx, peekTime)
	defer cancel()
	for range maxTaken {
		if err := p.plain(p.lock()); err != nil {
			return nil, err
		}
		l := flock.New(p.lock(), flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(0o600))
		ok, err := l.TryLockContext(ctx, peekTime/10)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("take state lock %s: %w", p.lock(), err)
		}
		if !ok {
			return nil, &HeldError{Store: p.name, Holder: p.holder()}
		}
		if p.isLock(l) {
			return l, nil
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("take state lock %s: %w", p.lock(), err)
		}
	}
	return nil, fmt.Errorf("take state lock %s: someone keeps removing it", p.lock())
}

// isLock reports whether the lock that was taken is still that of the file.
func (p place) isLock(l *flock.Flock) bool {
	taken, err := l.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(p.lock())
	return err == nil && os.SameFile(taken, there)
}

// plain refuses a lock or journal that is anything but a file, or nothing yet.
// Whoever can put a link there, as a commit can, must not choose what is written.
func (p place) plain(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	case !info.Mode().IsRegular():
		return &CorruptError{Path: path, Err: errors.New("it is no regular file, and poolsync makes nothing else there"), Remedy: "see who put it there, and remove it: rm " + path}
	}
	return nil
}

// held gives the holder if the lock is taken. It takes no lock that a holder
// could be refused by: a shared lock, and only for an instant.
func (p place) held() (*Holder, error) {
	if info, err := os.Lstat(p.lock()); err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	l := flock.New(p.lock(), flock.SetFlag(os.O_RDONLY|noFollow))
	free, err := l.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("look at state lock: %w", err)
	}
	if free {
		return nil, l.Close()
	}
	return p.holder(), nil
}

// Unlock cannot end the hold of a process: the system's lock ends with it, and
// one that could be broken would let two runs write. A lock that no process has
// is free already.
func (f File) Unlock(context.Context) (*Holder, error) {
	p, err := f.place()
	if err != nil {
		return nil, err
	}
	h, err := p.held()
	if err != nil || h == nil {
		return nil, err
	}
	return h, fmt.Errorf("state %s is held by %s, a process that is at work; its lock ends with it, so end that process instead", f.Name(), h)
}

// maxHolder bounds what is read of a lock file's text.
const maxHolder = 1 << 16

// holder reads the lock file's text, which may be anything.
func (p place) holder() *Holder {
	h := Holder{Who: "someone", Where: "an unknown machine"}
	file, err := os.OpenFile(p.lock(), os.O_RDONLY|noFollow, 0)
	if err != nil {
		return &h
	}
	defer func() { _ = file.Close() }() // only read
	if data, err := io.ReadAll(io.LimitReader(file, maxHolder)); err == nil {
		_ = json.Unmarshal(data, &h)
	}
	return &h
}

// open says in the lock who holds it, and reads the state under it.
func (p place) open(l *flock.Flock, h Holder) (*fileSession, error) {
	h.Until = time.Time{} // the lock ends with the process
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if err := writePlain(p.lock(), append(text, '\n')); err != nil {
		return nil, fmt.Errorf("write state lock: %w", err)
	}
	snap, serial, scan, err := p.read()
	if err != nil {
		return nil, err
	}
	j, err := openJournal(p.journal(), scan.size)
	if err != nil {
		return nil, err
	}
	return &fileSession{place: p, lock: l, journal: j, start: snap, now: snap.Clone(), serial: serial, dirty: len(scan.steps) > 0}, nil
}

// writePlain replaces the text of a file that is no link.
func writePlain(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|noFollow, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
