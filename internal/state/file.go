package state

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"github.com/poolsync/poolsync/internal/pool"
)

// fileFormat is the version of the state file and its journal.
const fileFormat = 1

// File is a state in a file. Beside PATH lie PATH.journal, the changes since
// PATH was written, and PATH.lock, whose lock decides who holds the state.
type File struct{ Path string }

// document is the content of the state file.
type document struct {
	Format  int               `json:"format"`
	Serial  int64             `json:"serial"`
	KeyHash string            `json:"primary_key_sha256,omitempty"`
	Entries []json.RawMessage `json:"entries"` // sealed

	entries []pool.Entry // Entries as they were read
	fault   error        // the first that reading went on after
}

// Name is "file:PATH".
func (f File) Name() string { return "file:" + f.Path }

func (f File) journal() string { return f.Path + ".journal" }
func (f File) lock() string    { return f.Path + ".lock" }

// Read gives the state. The journal is read before the file: if a holder folds
// the journal into the file in between, the file read afterwards holds it all
// and the journal's records are recognised as old by their serial.
func (f File) Read(_ context.Context) (Snapshot, error) {
	s, _, _, err := f.read()
	if held, err := f.held(); err == nil {
		s.Holder = held
	}
	return s, err
}

// read gives the state, its serial and how many bytes of journal are whole. With
// an error comes what could be read.
func (f File) read() (Snapshot, int64, journalScan, error) {
	s := Snapshot{Entries: map[pool.Key]pool.Entry{}}
	scan, journalErr := scanJournal(f.journal())
	doc, err := f.document()
	s.KeyHash = doc.KeyHash
	for _, e := range doc.entries {
		if _, twice := s.Entries[e.Key]; twice && err == nil {
			err = f.corrupt(f.Path, fmt.Errorf("it has two entries of pool %s", e.Key))
		}
		s.Entries[e.Key] = e
	}
	if err != nil {
		return s, 0, scan, err
	}
	serial := doc.Serial
	for _, r := range scan.steps {
		if r.serial <= doc.Serial {
			continue
		}
		if r.serial != serial+1 {
			return s, 0, scan, f.corrupt(f.journal(), fmt.Errorf("record %d follows record %d: records are missing", r.serial, serial))
		}
		r.Apply(&s)
		serial = r.serial
	}
	if journalErr != nil {
		return s, 0, scan, journalErr
	}
	s.Version = strconv.FormatInt(serial, 10)
	return s, serial, scan, nil
}

// corrupt names what is wrong, and what to do next.
func (f File) corrupt(path string, err error) *CorruptError {
	remedy := "restore " + f.Path + " and its journal from a backup, or move both away and take the pools over again: poolsync adopt"
	switch {
	case errors.Is(err, ErrNewerFormat):
		remedy = "use the version of poolsync that wrote it, or a newer one"
	case errors.Is(err, errByHand) && path == f.Path:
		remedy = "restore " + f.Path + " and its journal from a backup, or take the entry out of the file and the pool over again: poolsync adopt REF"
	}
	return &CorruptError{Path: path, Err: err, Remedy: remedy}
}

// document reads the state file entry by entry, so that its text is never in
// memory as a whole. With an error comes what could be read.
func (f File) document() (document, error) {
	var doc document
	r, err := os.Open(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return doc, nil
	case err != nil:
		return doc, fmt.Errorf("read state: %w", err)
	}
	defer func() { _ = r.Close() }() // only read
	err = doc.decode(json.NewDecoder(bufio.NewReaderSize(r, 1<<16)))
	switch {
	case doc.Format > fileFormat:
		return doc, f.corrupt(f.Path, fmt.Errorf("format %d: %w", doc.Format, ErrNewerFormat))
	case err != nil:
		return doc, f.corrupt(f.Path, fmt.Errorf("it is not a whole state: %w", wholly(err)))
	case doc.fault != nil:
		return doc, f.corrupt(f.Path, doc.fault)
	case doc.Format != fileFormat:
		return doc, f.corrupt(f.Path, fmt.Errorf("format %d is not a state format", doc.Format))
	}
	return doc, nil
}

// note notes a fault that reading goes on after. What a newer version wrote is
// not judged by this one, so that comes first.
func (d *document) note(err error) {
	if d.fault == nil || (errors.Is(err, ErrNewerFormat) && !errors.Is(d.fault, ErrNewerFormat)) {
		d.fault = err
	}
}

// decode reads the members of the document in any order.
func (d *document) decode(in *json.Decoder) error {
	if err := expect(in, json.Delim('{'), "it is not an object"); err != nil {
		return err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return err
		}
		switch name {
		case "format":
			err = in.Decode(&d.Format)
		case "serial":
			err = in.Decode(&d.Serial)
		case "primary_key_sha256":
			err = in.Decode(&d.KeyHash)
		case "entries":
			err = d.decodeEntries(in)
		default:
			d.note(fmt.Errorf("unknown member %q", name))
			err = in.Decode(new(json.RawMessage))
		}
		if err != nil {
			return err
		}
	}
	if err := expect(in, json.Delim('}'), "it has no end"); err != nil {
		return err
	}
	if _, err := in.Token(); err != io.EOF {
		return errors.New("there is more after its end")
	}
	return nil
}

func (d *document) decodeEntries(in *json.Decoder) error {
	if err := expect(in, json.Delim('['), "entries is not a list"); err != nil {
		return err
	}
	var text json.RawMessage
	for n := 1; in.More(); n++ {
		if err := in.Decode(&text); err != nil {
			return err
		}
		e, err := decodeEntry(text)
		if err != nil {
			d.note(fmt.Errorf("entry %d: %w", n, err))
			// It may be fit to be shown all the same.
			e = pool.Entry{}
			err = json.Unmarshal(text, &e)
		}
		if err == nil && e.Reference != "" {
			d.entries = append(d.entries, e)
		}
	}
	return expect(in, json.Delim(']'), "entries has no end")
}

func expect(in *json.Decoder, want json.Delim, otherwise string) error {
	got, err := in.Token()
	if err == nil && got != want {
		err = errors.New(otherwise)
	}
	return err
}

// held gives the holder if the lock is taken. It takes no lock that a holder
// could be refused by: a shared lock, and only for an instant.
func (f File) held() (*Holder, error) {
	if _, err := os.Stat(f.lock()); err != nil {
		return nil, nil
	}
	l := flock.New(f.lock())
	free, err := l.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("look at state lock: %w", err)
	}
	if free {
		return nil, l.Close()
	}
	return f.holder(), nil
}

// Unlock cannot end the hold of a process: the system's lock ends with it, and
// one that could be broken would let two runs write. A lock that no process has
// is free already.
func (f File) Unlock(context.Context) (*Holder, error) {
	h, err := f.held()
	if err != nil || h == nil {
		return nil, err
	}
	return h, fmt.Errorf("state %s is held by %s, a process that is at work; its lock ends with it, so end that process instead", f.Name(), h)
}

// holder reads the lock file's text, which may be anything.
func (f File) holder() *Holder {
	h := Holder{Who: "someone", Where: "an unknown machine"}
	if data, err := os.ReadFile(f.lock()); err == nil {
		_ = json.Unmarshal(data, &h)
	}
	return &h
}

// peekTime is how long Acquire tries: a plan that looks whether the state is
// held has the lock, shared, for an instant.
const peekTime = 500 * time.Millisecond

// Acquire takes the lock and reads the state under it.
func (f File) Acquire(ctx context.Context, h Holder) (Session, error) {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make the state's folder: %w", err)
	}
	l := flock.New(f.lock(), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	try, cancel := context.WithTimeout(ctx, peekTime)
	defer cancel()
	ok, err := l.TryLockContext(try, peekTime/10)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("take state lock %s: %w", f.lock(), err)
	}
	if !ok {
		return nil, &HeldError{Store: f.Name(), Holder: f.holder()}
	}
	s, err := f.open(l, h)
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return s, nil
}

func (f File) open(l *flock.Flock, h Holder) (*fileSession, error) {
	h.Until = time.Time{} // the lock ends with the process
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(f.lock(), append(text, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("write state lock: %w", err)
	}
	snap, serial, scan, err := f.read()
	if err != nil {
		return nil, err
	}
	j, err := openJournal(f.journal(), scan.size)
	if err != nil {
		return nil, err
	}
	return &fileSession{file: f, lock: l, journal: j, start: snap, now: snap.Clone(), serial: serial, dirty: len(scan.steps) > 0}, nil
}
