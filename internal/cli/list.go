package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/state"
)

const (
	flagStatus = "status"
	flagSort   = "sort"
	flagOrder  = "order"
)

// listFlags are the parameters of pools get.
func listFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: flagStatus, Usage: "only pools with one of the `STATUS`es: published, unpublished, pending, halted"},
		&cli.StringFlag{Name: flagSort, Usage: "sort by `TIME`: created or updated", Value: "created"},
		&cli.StringFlag{Name: flagOrder, Usage: "`ORDER`: asc or desc", Value: "desc"},
	}
}

// listQuery takes the query of pools get from the flags.
func listQuery(c *cli.Context) (learnosity.PoolsQuery, error) {
	q := learnosity.PoolsQuery{SortField: c.String(flagSort), Sort: c.String(flagOrder)}
	if !slices.Contains([]string{"created", "updated"}, q.SortField) {
		return q, fmt.Errorf("--%s %q: want created or updated", flagSort, q.SortField)
	}
	if !slices.Contains([]string{"asc", "desc"}, q.Sort) {
		return q, fmt.Errorf("--%s %q: want asc or desc", flagOrder, q.Sort)
	}
	known := []pool.Status{pool.Published, pool.Unpublished, pool.Pending, pool.Halted}
	for _, text := range list(c, flagStatus) {
		if !slices.Contains(known, pool.Status(text)) {
			return q, fmt.Errorf("--%s %q: want published, unpublished, pending or halted", flagStatus, text)
		}
		q.Status = append(q.Status, pool.Status(text))
	}
	return q, nil
}

func (p *program) listCommand() *cli.Command {
	return p.command(cli.Command{
		Name:  "list",
		Usage: "list the live pools of the item bank",
		Description: "Shows what the bank says, and whether the state knows the pool.\n\n" +
			"Example:\n   poolsync list --status halted,pending --sort updated --unmanaged",
		Flags: slices.Concat(poolFlags(), listFlags(), []cli.Flag{
			&cli.BoolFlag{Name: flagUnmanaged, Usage: "only pools that the state does not know"},
		}),
	}, runList)
}

func runList(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	var pools []report.Listed
	if ok {
		pools, x, ok = s.list(ctx, c)
	}
	doc := report.List{Head: x.head(report.Head{Command: "list", Target: s.target()}), Pools: pools, Unmanaged: c.Bool(flagUnmanaged)}
	return s.out.finish(document{json: func() any { return doc }, page: doc.Page, silent: !ok}, x)
}

func (s *session) list(ctx context.Context, c *cli.Context) ([]report.Listed, exit, bool) {
	if c.NArg() > 0 {
		return nil, usage("list takes no arguments; got %q", c.Args().First()).hint("to list some pools only: --only GLOB"), false
	}
	q, err := listQuery(c)
	if err != nil {
		return nil, usage("%w", err), false
	}
	if x, ok := s.connect(ctx, c); !ok {
		return nil, x, false
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	snap, err := s.store.Read(ctx)
	if err != nil {
		return nil, failed(ctx, err), false
	}
	q.Bank = s.Bank
	live, err := s.reader.Pools(ctx, q)
	if err != nil {
		return nil, failed(ctx, err), false
	}
	out := s.listed(live, snap, q.Bank, c.Bool(flagUnmanaged))
	s.hintBank(snap)
	return out, done(plural(len(out), "pool") + " listed"), true
}

// listed tells of each live pool whether the state knows it.
func (s *session) listed(live []pool.Live, snap state.Snapshot, b pool.Bank, unmanagedOnly bool) []report.Listed {
	twins := s.twins(snap, b)
	out := []report.Listed{}
	for _, l := range live {
		e, known := snap.Entries[pool.Key{Bank: b, Reference: l.Reference}]
		managed := new(known && e.Sent != nil)
		if !*managed && twins[l.Reference] {
			managed = nil
		}
		if (unmanagedOnly && managed != nil && *managed) || !s.selects(l.Reference) {
			continue
		}
		out = append(out, report.Listed{Live: l, Bank: b, Managed: managed})
	}
	return out
}

// twins are the references that the state has in a bank which may be the same as
// the one listed: a bank with a number may be the key's primary one.
func (s *session) twins(snap state.Snapshot, b pool.Bank) map[pool.Reference]bool {
	out := map[pool.Reference]bool{}
	for k, e := range snap.Entries {
		if e.Sent != nil && k.Bank != b && (b == pool.Primary || k.Bank == pool.Primary) {
			out[k.Reference] = true
		}
	}
	return out
}

// hintBank tells of a state whose pools lie in other banks than the one listed:
// the API does not say which bank is the key's primary one.
func (s *session) hintBank(snap state.Snapshot) {
	if s.Bank != pool.Primary {
		return
	}
	for _, k := range snap.Keys() {
		if k.Bank != pool.Primary {
			s.p.say("this is the key's primary item bank; the state has pools of bank %s: --organisation-id %s", k.Bank, k.Bank)
			return
		}
	}
}
