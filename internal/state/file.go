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
	"strconv"

	"github.com/poolsync/poolsync/internal/pool"
)

// fileFormat is the version of the state file and its journal.
const fileFormat = 1

// File is a state in a file. Beside the file lie FILE.journal, the changes since
// it was written, and FILE.lock, whose lock decides who holds the state.
type File struct{ Path string }

// place is the file that a path leads to. Lock and journal are named after it, so
// that they belong together whatever link the state is reached by.
type place struct {
	name string // of the store
	path string
}

func (f File) place() (place, error) {
	path, err := follow(f.Path)
	if err != nil {
		return place{}, fmt.Errorf("find the state: %w", err)
	}
	return place{f.Name(), path}, nil
}

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

func (p place) journal() string { return p.path + ".journal" }
func (p place) lock() string    { return p.path + ".lock" }

// Read gives the state. The journal is read before the file: if a holder folds
// the journal into the file in between, the file read afterwards holds it all
// and the journal's records are recognised as old by their serial.
func (f File) Read(_ context.Context) (Snapshot, error) {
	p, err := f.place()
	if err != nil {
		return Snapshot{}, err
	}
	s, _, _, err := p.read()
	if held, err := p.held(); err == nil {
		s.Holder = held
	}
	return s, err
}

// read gives the state, its serial and how many bytes of journal are whole. With
// an error comes what could be read.
func (p place) read() (Snapshot, int64, journalScan, error) {
	s := Snapshot{Entries: map[pool.Key]pool.Entry{}}
	scan, journalErr := p.scanJournal()
	doc, err := p.document()
	s.KeyHash = doc.KeyHash
	for _, e := range doc.entries {
		if _, twice := s.Entries[e.Key]; twice && err == nil {
			err = p.corrupt(p.path, fmt.Errorf("it has two entries of pool %s", e.Key))
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
			return s, 0, scan, p.corrupt(p.journal(), fmt.Errorf("record %d follows record %d: records are missing", r.serial, serial))
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
func (p place) corrupt(path string, err error) *CorruptError {
	remedy := "restore " + p.path + " and its journal from a backup, or move both away and take the pools over again: poolsync adopt"
	switch {
	case errors.Is(err, ErrNewerFormat):
		remedy = "use the version of poolsync that wrote it, or a newer one"
	case errors.Is(err, errByHand) && path == p.path:
		remedy = "restore " + p.path + " and its journal from a backup, or take the entry out of the file and the pool over again: poolsync adopt REF"
	}
	return &CorruptError{Path: path, Err: err, Remedy: remedy}
}

// document reads the state file entry by entry, so that its text is never in
// memory as a whole. With an error comes what could be read.
func (p place) document() (document, error) {
	var doc document
	r, err := os.Open(p.path)
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
		return doc, p.corrupt(p.path, fmt.Errorf("format %d: %w", doc.Format, ErrNewerFormat))
	case err != nil:
		return doc, p.corrupt(p.path, fmt.Errorf("it is not a whole state: %w", wholly(err)))
	case doc.fault != nil:
		return doc, p.corrupt(p.path, doc.fault)
	case doc.Format != fileFormat:
		return doc, p.corrupt(p.path, fmt.Errorf("format %d is not a state format", doc.Format))
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
