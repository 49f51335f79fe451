package cli

import (
	"context"
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

const flagResolve = "resolve"

// bring looks up what the changes bring, and adds what the bank has to say of them
// to the findings: as warnings, since a plan is to be seen whatever is wrong.
func (s *session) bring(ctx context.Context, changes []diff.Change) error {
	libraries, err := bank.Bring(ctx, s.reader, changes)
	if err != nil {
		return err
	}
	declared := map[pool.Bank][]*pool.Declared{}
	for _, ch := range changes {
		if ch.Resolved != nil && ch.Declared != nil {
			declared[ch.Bank] = append(declared[ch.Bank], ch.Declared)
		}
	}
	var found source.Diagnostics
	for _, b := range slices.Sorted(maps.Keys(libraries)) {
		more, err := libraries[b].Check(ctx, declared[b])
		if err != nil {
			return err
		}
		found = append(found, more...)
	}
	for i := range found {
		found[i].Severity = source.Warning
	}
	before := s.found
	s.found = manifest.Quote(found.Sort())
	s.showFindings()
	s.found = append(before, s.found...).Sort()
	return nil
}
