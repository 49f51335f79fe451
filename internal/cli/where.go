package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/manifest/write"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
)

const flagCorrection = "correction"

func (p *program) whereCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "where",
		Usage:     "show which live pools hold an item or an activity",
		ArgsUsage: "ITEM...",
		Description: "Looks into every live pool of the item bank. With --correction it prints what to\n" +
			"paste into each manifest, so that the next apply copies the items again. It cannot\n" +
			"write.\n\nExample:\n   poolsync where M-104 --correction 2026-11-typo-q4",
		Flags: append(poolFlags(), &cli.StringFlag{Name: flagCorrection, Usage: "print a correction with this `ID` for each manifest"}),
	}, runWhere)
}

func runWhere(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	doc := report.Where{References: []string{}, Pools: []report.HoldingPool{}, Unreadable: []report.UnreadPool{}}
	if ok {
		x = s.where(ctx, c, &doc)
	}
	doc.Head = x.head(report.Head{Command: "where", Target: s.target()})
	return s.out.finish(document{json: func() any { return doc }, page: doc.Page, silent: len(doc.Pools) == 0}, x)
}

func (s *session) where(ctx context.Context, c *cli.Context, doc *report.Where) exit {
	if c.NArg() == 0 {
		return usage("where wants the references of items or activities")
	}
	if c.IsSet(flagCorrection) && c.String(flagCorrection) == "" {
		return usage("--%s wants an id", flagCorrection)
	}
	doc.References = distinct(c.Args().Slice())
	if x, ok := s.connect(ctx, c); !ok {
		return x
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	snap, err := s.store.Read(ctx)
	if err != nil {
		return failed(ctx, err)
	}
	live, err := s.reader.Pools(ctx, learnosity.PoolsQuery{Bank: s.Bank})
	if err != nil {
		return failed(ctx, err)
	}
	live = slices.DeleteFunc(live, func(l pool.Live) bool { return !s.selects(l.Reference) })
	found, err := bank.Where(ctx, s.reader, s.Bank, live, doc.References)
	if err != nil {
		return failed(ctx, err)
	}
	for _, h := range found {
		k := pool.Key{Bank: s.Bank, Reference: h.Reference}
		if h.Reason != "" {
			s.p.say("pool %s: %s", k, h.Reason)
			doc.Unreadable = append(doc.Unreadable, report.UnreadPool{Key: k, Reason: h.Reason})
		}
		if h.Held.Len() > 0 {
			doc.Pools = append(doc.Pools, s.holding(k, h, snap.Entries[k], c.String(flagCorrection)))
		}
	}
	s.hintBank(snap)
	return whereExit(doc, len(live))
}

func (s *session) holding(k pool.Key, h bank.Holder, e pool.Entry, id string) report.HoldingPool {
	out := report.HoldingPool{
		Key: k, Status: h.Status, Items: append([]string{}, h.Held.Items...), Activities: append([]string{}, h.Held.Activities...), File: e.File,
	}
	if id == "" {
		return out
	}
	head := fmt.Sprintf("# %q, in %s\n", k.Reference, e.File)
	if e.Sent == nil {
		out.Correction = fmt.Sprintf("# %q is not managed: no manifest declares it\n", k.Reference)
		return out
	}
	if slices.ContainsFunc(e.Sent.Corrections, func(c pool.Correction) bool { return c.ID == id }) {
		head += "# this id was carried out already: take another one\n"
	}
	out.Correction = head + "    corrections:\n" + string(write.Correction(pool.Correction{ID: id, Items: h.Held.Items, Activities: h.Held.Activities}))
	return out
}

func whereExit(doc *report.Where, looked int) exit {
	if n := len(doc.Unreadable); n > 0 {
		return exit{code: CodePartial, reason: fmt.Sprintf("found in %d of %s; of %d it cannot be told", len(doc.Pools), plural(looked, "live pool"), n)}
	}
	return done(fmt.Sprintf("found in %d of %s", len(doc.Pools), plural(looked, "live pool")))
}
