package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

// openStore opens the state that a setting names. A branch lies in the repository
// that holds the manifests.
func (s *session) openStore(setting string) (state.Store, error) {
	kind, name, _ := strings.Cut(setting, ":")
	switch {
	case setting == "none":
		return state.None{}, nil
	case kind == "file" && name != "":
		if info, err := os.Stat(name); (err == nil && info.IsDir()) || strings.HasSuffix(name, "/") {
			return nil, fmt.Errorf("--state file:%s: it is a folder; name a file in it: --state file:%s/state.json", name, strings.TrimSuffix(name, "/"))
		}
		return state.File{Path: name}, nil
	case kind == "git":
		branch, err := branchOf(name)
		if err != nil {
			return nil, err
		}
		return state.Git{
			Dir: cmp.Or(s.origin.top, s.Base), Branch: branch, Now: s.now, Confirm: s.serverClock().Confirm, Tell: s.tellOnce, Log: s.p.log,
		}, nil
	default:
		return nil, fmt.Errorf("--state %q: want file:PATH, git:BRANCH or none", setting)
	}
}

// branchOf takes the name of a branch as git prints it, too.
func branchOf(name string) (string, error) {
	branch := strings.TrimPrefix(name, "refs/heads/")
	for _, prefix := range []string{"refs/remotes/", "remotes/", "origin/"} {
		if rest, ok := strings.CutPrefix(branch, prefix); ok {
			if prefix != "origin/" {
				_, rest, _ = strings.Cut(rest, "/")
			}
			return "", fmt.Errorf("--state git:%s: that is how this clone calls what it saw of a remote's branch; name the branch itself: --state git:%s", name, rest)
		}
	}
	if strings.HasPrefix(branch, "refs/") || branch == "HEAD" || (branch == "" && name != "") {
		return "", fmt.Errorf("--state git:%s: that is no branch; want git:BRANCH", name)
	}
	return branch, nil
}

// tellOnce says what a store has to tell, however often it is read.
func (s *session) tellOnce(text string) {
	if !slices.Contains(s.told, text) {
		s.told = append(s.told, text)
		s.p.say("%s", text)
	}
}

// serverClock is the server's time, which no single answer moves.
func (s *session) serverClock() *state.Clock {
	if s.clock == nil {
		s.clock = state.NewClock(func() (time.Time, bool) {
			if s.reader == nil {
				return time.Time{}, false
			}
			return s.reader.ServerTime()
		}, s.askTime)
	}
	return s.clock
}

// now is the server's time as far as it is known.
func (s *session) now() time.Time { return s.serverClock().Now() }

// learnTime asks the server for its time, where leases are counted in it: nothing
// is known of it before the first answer.
func (s *session) learnTime(ctx context.Context) error {
	if _, isGit := s.store.(state.Git); !isGit {
		return nil
	}
	return s.askTime(ctx)
}

// errNoServer says that there is nobody to ask for the time.
var errNoServer = errors.New("no server to ask")

// askTime makes one small read, any of whose answers tells the time.
func (s *session) askTime(ctx context.Context) error {
	if s.reader == nil {
		return errNoServer
	}
	if len(s.declared) > 0 {
		d := s.declared[0]
		_, err := s.reader.Pools(ctx, learnosity.PoolsQuery{Bank: d.Bank, References: []pool.Reference{d.Reference}})
		return err
	}
	_, err := s.reader.Jobs(ctx, learnosity.JobsQuery{Bank: s.banks()[0]})
	return err
}

// lost reports whether declared pools are live of which this state has no record
// at all, or whether its branch has lost what was seen of it: then nothing that
// follows vouches for anything.
func (s *session) lost(snap state.Snapshot, in diff.Input) bool {
	return len(snap.Losses) > 0 || (!s.recorded(snap) && liveDeclared(in) > 0)
}

// recorded reports whether the state has anything of the manifest set.
func (s *session) recorded(snap state.Snapshot) bool {
	for _, e := range snap.Entries {
		if e.Set == s.Set {
			return true
		}
	}
	return false
}

// liveDeclared counts the declared pools that are live without any record.
func liveDeclared(in diff.Input) int {
	n := 0
	for _, d := range in.Declared {
		_, live := in.Live[d.Key]
		if _, known := in.State[d.Key]; live && !known {
			n++
		}
	}
	return n
}

// noteLost notes for the report that nothing is recorded of a set whose pools are
// live: somebody applied them, and the record is elsewhere, or gone.
func (s *session) noteLost(snap state.Snapshot, in diff.Input) {
	live := liveDeclared(in)
	if !s.lost(snap, in) || live == 0 || s.recorded(snap) {
		return
	}
	if len(snap.Entries) > 0 {
		s.tellOnce(fmt.Sprintf("state %s has no record of set %q, and %s live that nothing is known of: the wrong set, or the wrong state?", s.store.Name(), s.Set, countLive(live)))
		return
	}
	s.lostState = &report.LostState{Store: s.store.Name(), Live: live}
	if len(snap.Losses) > 0 {
		s.lostState.Restore = snap.Losses[0].Restore
	}
	if _, isFile := s.store.(state.File); isFile && s.p.Getenv("GITHUB_ACTIONS") == "true" {
		s.tellOnce("a file is lost between the runs of a workflow: keep the state on a branch with --state git:" + state.DefaultBranch)
	}
}

// tellLost says the same to whoever applies.
func (s *session) tellLost(snap state.Snapshot, in diff.Input) {
	if s.noteLost(snap, in); s.lostState == nil {
		return
	}
	s.tellOnce(fmt.Sprintf("the state %s is empty, yet %d of the %s declared %s live: lost? restore it before anything else; first run here? take the pools over: poolsync adopt --all",
		s.store.Name(), s.lostState.Live, plural(len(in.Declared), "pool"), isAre(s.lostState.Live)))
}

func countLive(n int) string {
	if n == 1 {
		return "1 declared pool is"
	}
	return fmt.Sprintf("%d declared pools are", n)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
