package state

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/git"
	"github.com/poolsync/poolsync/internal/pool"
)

const (
	headFile  = "poolsync.json"
	leaseFile = "lease.json"
	// gitFormat is the version of the layout of the branch.
	gitFormat = 1
)

// head is the branch's poolsync.json.
type head struct {
	Format  int    `json:"format"`
	KeyHash string `json:"primary_key_sha256,omitempty"`
}

// lease is the branch's lease.json, which is there while the state is held.
type lease struct {
	Format int `json:"format"`
	Holder
}

// branchState is what a commit of the branch holds.
type branchState struct {
	Snapshot
	commit string // "" where the branch does not exist
	head   bool   // poolsync.json is there
	lease  *Holder
	faults []error
}

// object is a line of ls-tree.
type object struct{ mode, kind, id, path string }

// load reads a commit: the list of its files, then all of them in one batch.
func (g gitDir) load(ctx context.Context, commit string) (branchState, error) {
	b := branchState{commit: commit, Snapshot: Snapshot{Version: "0", Entries: map[pool.Key]pool.Entry{}}}
	if commit == "" {
		return b, nil
	}
	listing, err := g.Run(ctx, nil, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return b, err
	}
	objects := b.sort(listing)
	var ask bytes.Buffer
	for _, o := range objects {
		ask.WriteString(o.id + "\n")
	}
	blobs, err := g.Run(ctx, &ask, "cat-file", "--batch", "--buffer")
	if err != nil {
		return b, err
	}
	for _, o := range objects {
		var data []byte
		if data, blobs, err = nextBlob(blobs); err != nil {
			return b, fmt.Errorf("read %s: %w", o.path, err)
		}
		b.take(o.path, data)
	}
	if !b.head {
		b.fault(headFile, errors.New("it is missing, so this is no branch that poolsync made"))
	}
	return b, nil
}

// nextBlob cuts an object off the output of cat-file.
func nextBlob(out []byte) (data, rest []byte, err error) {
	line, rest, ok := bytes.Cut(out, []byte("\n"))
	fields := strings.Fields(string(line))
	if !ok || len(fields) != 3 {
		return nil, nil, fmt.Errorf("git cat-file: %s", git.Harmless(string(line)))
	}
	n, err := strconv.Atoi(fields[2])
	if err != nil || n < 0 || n >= len(rest) {
		return nil, nil, errors.New("git cat-file: its output ends too early")
	}
	return rest[:n], rest[n+1:], nil
}

// maxTold bounds the faults and foreign files that an error names.
const maxTold = 10

// sort takes a listing apart: what belongs to a state is given, all else is a
// fault. The version is what the entries are, whoever holds them.
func (b *branchState) sort(listing []byte) []object {
	var objects []object
	var foreign []string
	version := sha256.New()
	for line := range strings.SplitSeq(strings.TrimSuffix(string(listing), "\x00"), "\x00") {
		meta, path, _ := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if len(fields) != 3 {
			continue
		}
		o := object{fields[0], fields[1], fields[2], path}
		switch known := path == headFile || path == leaseFile || isEntryPath(path); {
		case !known || o.kind != "blob" || !strings.HasPrefix(o.mode, "100"):
			foreign = append(foreign, strconv.Quote(path))
			continue
		case path != leaseFile:
			version.Write([]byte(line + "\x00"))
		}
		objects = append(objects, o)
	}
	if n := len(foreign); n > 0 {
		more := ""
		if n > maxTold {
			more = fmt.Sprintf(" and %d more", n-maxTold)
		}
		b.faults = append(b.faults, fmt.Errorf("it has files that are not poolsync's: %s%s", strings.Join(foreign[:min(n, maxTold)], ", "), more))
	}
	b.Version = hex.EncodeToString(version.Sum(nil)[:10])
	return objects
}

func (b *branchState) fault(path string, err error) {
	b.faults = append(b.faults, fmt.Errorf("%s: %w", path, err))
}

// take takes a file in.
func (b *branchState) take(path string, data []byte) {
	switch path {
	case headFile:
		h, err := decodeHead(data)
		if err != nil {
			b.fault(path, err)
		}
		b.head, b.KeyHash = true, h.KeyHash
	case leaseFile:
		h, err := decodeLease(data)
		if err != nil {
			b.fault(path, err)
			return
		}
		b.lease = &h
	default:
		e, err := decodeEntry(data)
		if err != nil {
			b.fault(path, err)
		}
		if err != nil && !errors.Is(err, errByHand) {
			return
		}
		if want := entryPath(e.Key); want != path {
			err := fmt.Errorf("it is of pool %s, whose place is %s", e.Key, want)
			if _, twice := b.Entries[e.Key]; twice {
				err = fmt.Errorf("pool %s has two entries, and its place is %s", e.Key, want)
			}
			b.fault(path, err)
			return
		}
		b.Entries[e.Key] = e
	}
}

func decodeHead(data []byte) (head, error) {
	var h head
	err := versioned(data, gitFormat, &h)
	if err == nil && h.Format < 1 {
		err = fmt.Errorf("format %d is not a format of a state", h.Format)
	}
	return h, err
}

func decodeLease(data []byte) (Holder, error) {
	var l lease
	err := versioned(data, gitFormat, &l)
	if err == nil && l.Until.IsZero() {
		err = errors.New("it names no end")
	}
	return l.Holder, err
}

// corrupt gives all faults as one error, nil if there is none. What a newer
// version wrote is not judged by this one.
func (b branchState) corrupt(store string) error {
	if len(b.faults) == 0 {
		return nil
	}
	remedy := "look at the branch with git log and git show, and put it right by a commit on it (git revert undoes one); " +
		"if it is the wrong branch: --state git:BRANCH; poolsync state list shows what can be read"
	told := b.faults
	if i := slices.IndexFunc(told, func(err error) bool { return errors.Is(err, ErrNewerFormat) }); i >= 0 {
		told, remedy = told[i:i+1], "use the version of poolsync that wrote it, or a newer one"
	} else if len(told) == 1 && strings.HasPrefix(told[0].Error(), leaseFile+": ") {
		remedy = "make sure that no run is at work, then: poolsync state unlock"
	} else if slices.ContainsFunc(told, func(err error) bool { return errors.Is(err, errByHand) }) {
		remedy += "; to give an entry up, remove its file by a commit and take the pool over again: poolsync adopt REF"
	}
	if n := len(told); n > maxTold {
		told = append(slices.Clone(told[:maxTold]), fmt.Errorf("and %d more faults", n-maxTold))
	}
	return &CorruptError{Path: store, Err: oneLine(told), Remedy: remedy}
}

// lines is several errors in one line.
type lines []error

func oneLine(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return lines(errs)
}

// Error gives all of them.
func (l lines) Error() string {
	var all []string
	for _, err := range l {
		all = append(all, err.Error())
	}
	return strings.Join(all, "; ")
}

// Unwrap gives all of them.
func (l lines) Unwrap() []error { return l }

// heldAt gives the lease if it still holds.
func (b branchState) heldAt(now time.Time) *Holder {
	if b.lease == nil || !b.lease.Until.After(now) {
		return nil
	}
	return b.lease
}
