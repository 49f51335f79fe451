package diff

import (
	"path"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// Input is everything that a comparison rests on.
type Input struct {
	Declared []pool.Declared         // sorted by key, every key once
	State    map[pool.Key]pool.Entry // all entries, of every set and bank
	Live     map[pool.Key]pool.Live  // the live records of all keys in question
	// Twins are live records whose reference differs from a declared one in
	// letter case only, by the declared key.
	Twins map[pool.Key]pool.Live
	// Unsettled says of entries with a pending call what settling came to.
	Unsettled map[pool.Key]Unsettled
	// Facts answer the Needs of an earlier comparison of the same input.
	Facts map[pool.Key]Facts
	// Written are the pools that earlier rounds of this run have changed.
	Written map[pool.Key]bool
	// Listed says that Live holds the whole bank, so that unmanaged pools show.
	Listed bool

	Scope        Scope
	Options      Options
	Now          time.Time // the server's time, as far as it is known
	StateVersion string
}

// Unsettled is a call whose outcome is not known yet (Running: a job is under
// way that may be its own) or cannot be told.
type Unsettled struct {
	Running bool
	Reason  string
}

// Scope says whose pools this run is about.
type Scope struct {
	Set    string
	Banks  []pool.Bank // banks that this run addresses
	Commit string
	// CommitTime is the committer time of the manifests, nil outside a repository.
	CommitTime *time.Time
	// History says how the commits of entries stand to Commit; what it lacks is
	// Untold.
	History map[string]History
	// Under limits orphans to entries of these files and folders; empty: all.
	Under []string
	// Elsewhere holds the keys that other manifests of the set declare.
	Elsewhere map[pool.Key]bool
	// NoOrphans is set under --only: then absence from the manifests says nothing.
	NoOrphans bool
}

// History is how the commit that a pool was applied from stands to that of this
// run.
type History int

// The ways.
const (
	Untold History = iota // the history at hand is cut off: only times tell
	Past                  // it is in the past of this run's, or is it
	Future                // it is newer: this run's is in its past
	Apart                 // neither knows the other
	Absent                // it is not in the past, and not in this clone
)

// covers reports whether an entry's file lies under the scope's paths.
func (s Scope) covers(file string) bool {
	if len(s.Under) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Under, func(p string) bool {
		p = path.Clean(p)
		if p == "." || p == file || (len(file) > len(p) && file[:len(p)] == p && file[len(p)] == '/') {
			return true
		}
		ok, err := path.Match(p, file)
		return err == nil && ok
	})
}

// References are the names of pools that --allow-replace or one of its kin was given,
// as REF or as BANK/REF.
type References map[pool.Reference]bool

// Options lift guards and switch rules. The zero value is the safest.
type Options struct {
	Prune            bool       // retire orphaned pools
	Overwrite        References // replace pools that exist unknown to the state
	AllowReplace     References // rebuild without a new snapshot label
	AllowRefresh     References // edit although the carrier may be refreshed
	Republish        References // publish held pools again
	BreakFreeze      References // change pools inside a freeze window
	AllowOlder       bool       // apply a commit older than the one recorded
	RecreateVanished bool       // create managed pools that are gone
	FailOnExternal   bool       // refuse touched and held pools
	MaxChangePercent int        // guard on volume, in percent
	Freeze           []Freeze
}

// DefaultMaxChangePercent is the volume guard's limit unless one is given.
const DefaultMaxChangePercent = 30

// Freeze is a window of time in which published pools are left alone.
type Freeze struct {
	From, To time.Time // From is inside, To is not
	Pools    []string  // globs; none means every pool
	Reason   string
}

// holds reports whether the window covers the pool at a time.
func (f Freeze) holds(r pool.Reference, now time.Time) bool {
	if now.Before(f.From) || !now.Before(f.To) {
		return false
	}
	return len(f.Pools) == 0 || MatchAny(f.Pools, r)
}

// MatchAny reports whether a reference matches any of the globs. A glob's "*"
// does not stop at a slash, which is an ordinary character of a reference.
func MatchAny(globs []string, r pool.Reference) bool {
	return slices.ContainsFunc(globs, func(g string) bool { return matchGlob(g, string(r)) })
}

// matchGlob knows * and ?; every other character stands for itself.
func matchGlob(glob, s string) bool {
	star, mark := -1, 0
	g, i := 0, 0
	for i < len(s) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, i
			g++
		case g < len(glob) && (glob[g] == '?' || glob[g] == s[i]):
			g++
			i++
		case star >= 0:
			mark++
			g, i = star+1, mark
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}
