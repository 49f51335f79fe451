package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/state"
)

const ruleFreezeUnused = "freeze-matches-nothing"

// warnFreeze warns of globs of freeze windows that match no pool, declared or
// recorded: a misspelt one protects nothing.
func (s *session) warnFreeze(ctx context.Context, snap state.Snapshot) error {
	known := map[pool.Key]bool{}
	for _, d := range s.manifest.Pools {
		known[d.Key] = true
	}
	for k := range snap.Entries {
		known[k] = true
	}
	idle := s.idleGlobs(known)
	if len(idle) > 0 && s.Part {
		more, _, err := manifest.Declared(ctx, manifest.Options{Paths: s.Extent, Root: s.Base, Config: s.Config})
		if err != nil {
			return err
		}
		maps.Copy(known, more)
		idle = s.idleGlobs(known)
	}
	for _, d := range idle {
		if !slices.ContainsFunc(s.found, func(x source.Diagnostic) bool { return x.Message == d.Message && x.Position == d.Position }) {
			s.found = append(s.found, d)
			s.p.say("warning: %s: %s", d.Position, d.Message)
		}
	}
	return nil
}

func (s *session) idleGlobs(known map[pool.Key]bool) source.Diagnostics {
	var idle source.Diagnostics
	for _, f := range s.File.FreezeWindows {
		for _, glob := range f.Pools {
			if !matchesAny(glob, known) {
				idle = append(idle, source.Diagnostic{
					Position: f.At, Severity: source.Warning, Rule: ruleFreezeUnused,
					Message: fmt.Sprintf("the glob %q of this freeze window matches no pool, declared or recorded", glob),
					Hint:    "correct it, or remove it: it protects nothing",
				})
			}
		}
	}
	return idle
}

func matchesAny(glob string, known map[pool.Key]bool) bool {
	for k := range known {
		if diff.MatchAny([]string{glob}, k.Reference) {
			return true
		}
	}
	return false
}
