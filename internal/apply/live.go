package apply

import (
	"context"
	"strings"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

func (p Planner) readLive(ctx context.Context, in *diff.Input, keys []pool.Key) error {
	records, err := bank.Live(ctx, p.Reader, keys)
	if err != nil {
		return err
	}
	in.Live, in.Twins = records.Live, records.Twins
	if in.Listed {
		if err := p.readAll(ctx, in); err != nil {
			return err
		}
	}
	addTwins(in, keys)
	return nil
}

// readAll adds the pools of the banks that nobody asked for by name.
func (p Planner) readAll(ctx context.Context, in *diff.Input) error {
	for _, b := range in.Scope.Banks {
		all, err := bank.All(ctx, p.Reader, b)
		if err != nil {
			return err
		}
		for k, l := range all {
			if _, known := in.Live[k]; !known && (p.Selects == nil || p.Selects(l.Reference)) {
				in.Live[k] = l
			}
		}
	}
	return nil
}

// addTwins finds declared pools that are absent while a pool that was read, or
// one that was not asked for and that the state knows, has the same reference but
// for letter case. A bank that does not tell them apart answers for both with one
// record.
func addTwins(in *diff.Input, asked []pool.Key) {
	type folded struct {
		bank      pool.Bank
		reference string
	}
	fold := func(k pool.Key) folded { return folded{k.Bank, strings.ToLower(string(k.Reference))} }
	var known map[folded]pool.Live
	for _, d := range in.Declared {
		if _, live := in.Live[d.Key]; live {
			continue
		}
		if known == nil {
			known = make(map[folded]pool.Live, len(in.Live))
			sought := make(map[pool.Key]bool, len(asked))
			for _, k := range asked {
				sought[k] = true
			}
			for k, e := range in.State {
				if e.Sent != nil && !sought[k] && (e.Set != in.Scope.Set || !in.Listed) {
					known[fold(k)] = pool.Live{Reference: k.Reference}
				}
			}
			for k, l := range in.Live {
				known[fold(k)] = l
			}
		}
		if twin, ok := known[fold(d.Key)]; ok && twin.Reference != d.Reference {
			in.Twins[d.Key] = twin
		}
	}
}
