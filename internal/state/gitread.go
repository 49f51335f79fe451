package state

import (
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
	commit        string // "" where the branch does not exist
	head          bool   // poolsync.json is there
	lease         *Holder
	faults        []error
	ours          bool     // any of the files is poolsync's
	foreign, code []string // files that are not; those among them that are no papers
}

// load reads a commit of the branch.
func (b branch) load(ctx context.Context, commit string) (branchState, error) {
	st := branchState{commit: commit, Snapshot: Snapshot{Version: "0", Entries: map[pool.Key]pool.Entry{}}}
	if commit == "" {
		return st, nil
	}
	objects, blobs, err := b.Files(ctx, commit, st.sort)
	if err != nil {
		return st, err
	}
	for i, o := range objects {
		st.take(o.Path, blobs[i])
	}
	st.judge()
	return st, nil
}

// maxTold bounds the faults and foreign files that an error names.
const maxTold = 10

// sort takes a listing apart: what belongs to a state is given. The version is
// what the entries are, whoever holds them.
func (b *branchState) sort(listing []git.Object) []git.Object {
	var objects []git.Object
	b.foreign, b.code = nil, nil
	version := sha256.New()
	for _, o := range listing {
		switch known := o.Path == headFile || o.Path == leaseFile || isEntryPath(o.Path); {
		case !known || o.Kind != "blob" || !strings.HasPrefix(o.Mode, "100"):
			b.foreign = append(b.foreign, strconv.Quote(o.Path))
			if known || !isPapers(o.Path) {
				b.code = append(b.code, strconv.Quote(o.Path))
			}
			continue
		case o.Path != leaseFile:
			version.Write([]byte(o.Line() + "\x00"))
		}
		objects = append(objects, o)
	}
	b.ours = len(objects) > 0
	b.Version = hex.EncodeToString(version.Sum(nil)[:10])
	if !b.ours {
		b.Version = "0"
	}
	return objects
}

// judge finds fault with the files as a whole. A branch without any of ours is an
// empty state, as one is that was made by hand to be protected; papers may lie
// beside a state.
func (b *branchState) judge() {
	if b.ours && len(b.code) > 0 {
		b.faults = append(b.faults, fmt.Errorf("it has files that are not poolsync's: %s", list(b.code)))
	}
	if b.ours && !b.head {
		b.fault(headFile, errors.New("it is missing, so this is no branch that poolsync made"))
	}
}

// writable refuses to begin a state on a branch of something else.
func (b *branchState) writable(store string) error {
	if b.ours || len(b.code) == 0 {
		return nil
	}
	return &CorruptError{
		Path: store, Err: fmt.Errorf("the branch holds no state, and files that are not poolsync's: %s", list(b.code)),
		Remedy: "it is the wrong branch: name another one, which need not exist: --state git:BRANCH",
	}
}

// isPapers reports whether a file says something of a repository to its readers
// or to its host, and is nothing that a branch of code would be told by.
func isPapers(path string) bool {
	name, _, nested := strings.Cut(path, "/")
	upper := strings.ToUpper(name)
	return strings.HasPrefix(name, ".git") || (!nested && (strings.HasPrefix(upper, "README") || strings.HasPrefix(upper, "LICENSE") || upper == "CODEOWNERS" || upper == ".EDITORCONFIG"))
}

// list names some of many.
func list(names []string) string {
	text := strings.Join(names[:min(len(names), maxTold)], ", ")
	if n := len(names); n > maxTold {
		text += fmt.Sprintf(" and %d more", n-maxTold)
	}
	return text
}

func (b *branchState) fault(path string, err error) {
	b.faults = append(b.faults, &fileFault{path, err})
}

// fileFault is what is wrong with one file of the branch.
type fileFault struct {
	path string
	err  error
}

// Error names the file.
func (f *fileFault) Error() string { return f.path + ": " + f.err.Error() }

// Unwrap gives the cause.
func (f *fileFault) Unwrap() error { return f.err }

// isLeaseFault reports whether it is the lease that is damaged.
func isLeaseFault(err error) bool {
	var f *fileFault
	return errors.As(err, &f) && f.path == leaseFile
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
	} else if len(told) == 1 && isLeaseFault(told[0]) {
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
