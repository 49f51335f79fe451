package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/export"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/manifest/write"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
)

const (
	flagDir   = "dir"
	flagForce = "force"
)

func (p *program) exportCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "export",
		Aliases:   []string{"dump"},
		Usage:     "write live pools as manifests",
		ArgsUsage: "[REF...]",
		Description: "Writes what the state knows to have been applied, or else what the bank says that\n" +
			"a pool holds: its activities, and the items that they do not bring. Where one tag\n" +
			"selects exactly these in the bank today, a comment says so. To take over what is\n" +
			"exported: poolsync adopt --all. It writes nothing to the bank.\n\n" +
			"Example:\n   poolsync export --all -d pools",
		Flags: slices.Concat(poolFlags(), []cli.Flag{
			&cli.BoolFlag{Name: flagAll, Usage: "every pool of the item bank"},
			&cli.BoolFlag{Name: flagUnmanaged, Usage: "only pools that the state does not know"},
			&cli.StringFlag{Name: flagDir, Aliases: []string{"d"}, Usage: "write one file a pool into the folder `DIR`, instead of all to standard output"},
			&cli.BoolFlag{Name: flagForce, Usage: "write over files that exist"},
		}),
	}, runExport)
}

// exporting is one run of export.
type exporting struct {
	s         *session
	x         export.Exporter
	folder    *export.Folder
	unmanaged bool
	toStdout  bool // the manifests are the text on standard output
	begun     bool
	doc       report.Export
	done      int
	absent    int
	failed    int
}

func runExport(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	e := &exporting{s: s, doc: report.Export{Pools: []report.ExportedPool{}}}
	if ok {
		x = e.run(ctx, c)
	}
	e.doc.Head = x.head(report.Head{Command: "export", Target: s.target()})
	return s.out.finish(document{json: func() any { return e.doc }, page: e.doc.Page, silent: e.toStdout || e.done == 0}, x)
}

func (e *exporting) run(ctx context.Context, c *cli.Context) exit {
	s := e.s
	if (c.NArg() > 0) == (c.Bool(flagAll) || c.Bool(flagUnmanaged)) {
		return usage("export wants the references of pools, or --all, or --unmanaged").hint("poolsync list names the live pools")
	}
	if c.Bool(flagForce) && c.String(flagDir) == "" {
		return usage("--force is about files: it wants -d DIR")
	}
	if x, ok := s.connect(ctx, c); !ok {
		return x
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	snap, err := s.store.Read(ctx)
	if err != nil {
		return failed(ctx, err)
	}
	e.x = export.Exporter{Reader: s.reader, Bank: s.Bank, Entries: snap.Entries}
	e.unmanaged = c.Bool(flagUnmanaged)
	if dir := c.String(flagDir); dir != "" {
		e.folder = &export.Folder{Path: dir, Force: c.Bool(flagForce)}
	}
	e.toStdout = e.folder == nil && s.out.onStdout(formatText)
	if c.NArg() > 0 {
		err = e.named(ctx, c.Args().Slice())
	} else {
		err = e.all(ctx)
	}
	s.hintBank(snap)
	return e.exit(ctx, err)
}

// all exports the bank's pools as they are listed, as many at a time as one get
// returns. A pool that moved while they were listed comes twice.
func (e *exporting) all(ctx context.Context) error {
	seen := map[pool.Reference]bool{}
	var page []pool.Live
	for l, err := range e.s.reader.EachPool(ctx, learnosity.PoolsQuery{Bank: e.x.Bank}) {
		if err != nil {
			return errors.Join(e.page(ctx, page), err)
		}
		if seen[l.Reference] || !e.wants(l.Reference) {
			continue
		}
		seen[l.Reference] = true
		if page = append(page, l); len(page) == pool.MaxBatch {
			if err := e.page(ctx, page); err != nil {
				return err
			}
			page = nil
		}
	}
	return e.page(ctx, page)
}

func (e *exporting) wants(ref pool.Reference) bool {
	entry, known := e.x.Entries[pool.Key{Bank: e.x.Bank, Reference: ref}]
	return e.s.selects(ref) && !(e.unmanaged && known && entry.Sent != nil)
}

// named exports the pools that are named, as REF or BANK/REF.
func (e *exporting) named(ctx context.Context, refs []string) error {
	refs = distinct(refs)
	for chunk := range slices.Chunk(refs, pool.MaxBatch/2) {
		var keys []pool.Key
		for _, ref := range chunk {
			keys = append(keys, e.keys(ref)...)
		}
		found, err := bank.Live(ctx, e.s.reader, keys)
		if err != nil {
			return err
		}
		var page []pool.Live
		for _, ref := range chunk {
			keys := e.keys(ref)
			i := slices.IndexFunc(keys, func(k pool.Key) bool { _, live := found.Live[k]; return live })
			if i >= 0 {
				page = append(page, found.Live[keys[i]])
				continue
			}
			reason := "the bank has no such pool"
			if twin, ok := found.Twins[keys[0]]; ok {
				reason += fmt.Sprintf("; it has %q", twin.Reference)
			}
			e.absent++
			e.fail(export.Exported{Key: keys[0]}, reason)
		}
		if err := e.page(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

// distinct keeps the first of equal texts.
func distinct(texts []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(texts), func(t string) bool {
		again := seen[t]
		seen[t] = true
		return again
	})
}

// keys are the pools that a name may stand for, the likelier first.
func (e *exporting) keys(name string) []pool.Key {
	keys := []pool.Key{{Bank: e.x.Bank, Reference: pool.Reference(name)}}
	if ref, ok := strings.CutPrefix(name, e.x.Bank.String()+"/"); ok && ref != "" {
		keys = append(keys, pool.Key{Bank: e.x.Bank, Reference: pool.Reference(ref)})
	}
	return keys
}

func (e *exporting) page(ctx context.Context, page []pool.Live) error {
	if len(page) == 0 {
		return nil
	}
	exported, err := e.x.Page(ctx, page)
	if err != nil {
		return err
	}
	for _, x := range exported {
		if err := e.put(x); err != nil {
			return err
		}
	}
	return nil
}

// put writes one pool. What is wrong with it is told; the error is for standard
// output that cannot be written.
func (e *exporting) put(x export.Exported) error {
	if x.Reason == "" {
		x.Reason = x.Check()
	}
	if x.Reason != "" {
		e.fail(x, x.Reason)
		return nil
	}
	out := report.ExportedPool{Key: x.Key, Outcome: report.ExportDone, FromState: x.FromState}
	switch {
	case e.folder != nil:
		var err error
		if out.File, err = e.folder.Put(x); err != nil {
			e.fail(x, err.Error())
			return nil
		}
	case e.toStdout:
		if err := e.print(x); err != nil {
			return err
		}
	default:
		out.Manifest = string(append(write.Head(x.Bank), x.Pool.Bytes()...))
	}
	e.done++
	if !e.toStdout {
		e.doc.Pools = append(e.doc.Pools, out)
	}
	return nil
}

func (e *exporting) print(x export.Exported) error {
	data := x.Pool.Bytes()
	if !e.begun {
		data, e.begun = append(write.Head(x.Bank), data...), true
	}
	_, err := e.s.p.Stdout.Write(data)
	return err
}

func (e *exporting) fail(x export.Exported, reason string) {
	e.failed++
	e.s.p.say("left out: pool %s: %s", x.Key, reason)
	e.doc.Pools = append(e.doc.Pools, report.ExportedPool{Key: x.Key, Outcome: report.ExportFailed, Reason: reason})
}

func (e *exporting) exit(ctx context.Context, err error) exit {
	switch {
	case err != nil && (e.done == 0 || ctx.Err() != nil):
		return failed(ctx, err)
	case err != nil:
		return exit{code: CodePartial, reason: plural(e.done, "pool") + " exported, then an error; there may be more", err: err}
	case e.failed > 0 && e.failed == e.absent && e.done == 0:
		return exit{code: CodeError, reason: "no such pool"}
	case e.failed > 0:
		return exit{code: CodePartial, reason: fmt.Sprintf("%d of %s exported, %d left out", e.done, plural(e.done+e.failed, "pool"), e.failed)}
	case e.done == 0:
		return done("no pool to export")
	default:
		return done(plural(e.done, "pool") + " exported")
	}
}
