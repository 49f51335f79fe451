package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/manifest/format"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/source"
)

const (
	flagCheck = "check"
	flagDiff  = "diff"
)

func (p *program) fmtCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "fmt",
		Usage:     "write manifests in their canonical form",
		ArgsUsage: "[PATH...]",
		Description: "Changes white space alone: comments, anchors, quotes and the order of fields stay.\n" +
			"What a file declares never changes; a file for which that cannot be kept is left as\n" +
			"it is and named. Prints the names of the files that it wrote. With - as the only\n" +
			"PATH it reads standard input and writes standard output.\n\n" +
			"Examples:\n   poolsync fmt pools/\n   poolsync fmt --check --diff",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: flagConfig, Usage: "configuration `FILE` (default: the nearest poolsync.yaml upwards) [POOLSYNC_CONFIG]"},
			&cli.StringFlag{Name: flagLogLevel, Usage: "write a log of this `LEVEL` to standard error: debug, info, warn or error (default: warn)"},
			&cli.BoolFlag{Name: flagCheck, Usage: "write nothing; end with 1 if a file is not in canonical form"},
			&cli.BoolFlag{Name: flagDiff, Usage: "write nothing; show what would change"},
			&cli.BoolFlag{Name: flagSort, Usage: "sort lists of references, too"},
		},
	}, runFmt)
}

// formatter is a run of fmt.
type formatter struct {
	p           *program
	opts        format.Options
	check, diff bool
	changed     int
	refused     int
}

func runFmt(ctx context.Context, c *cli.Context, p *program) exit {
	f := &formatter{p: p, opts: format.Options{Sort: c.Bool(flagSort)}, check: c.Bool(flagCheck), diff: c.Bool(flagDiff)}
	if c.NArg() == 1 && c.Args().First() == "-" {
		return f.stream(ctx)
	}
	s, x, ok := begin(c, p)
	if !ok {
		return x
	}
	files, found, err := manifest.Files(manifest.Options{Paths: s.Paths, Root: s.Base, Config: s.Config})
	if err != nil {
		return failed(ctx, err)
	}
	if s.found = append(s.found, found...); s.found.HasErrors() {
		return s.invalid("not every path could be read; nothing was written")
	}
	for _, file := range files {
		if ctx.Err() != nil {
			return failed(ctx, context.Cause(ctx))
		}
		if err := f.file(file); err != nil {
			return failed(ctx, fmt.Errorf("format %s: %w", file.Name, err))
		}
	}
	return f.end(len(files))
}

// stream formats standard input.
func (f *formatter) stream(ctx context.Context) exit {
	data, err := io.ReadAll(f.p.Stdin)
	if err != nil {
		return failed(ctx, fmt.Errorf("read standard input: %w", err))
	}
	out, err := format.Source(data, f.opts)
	if err != nil {
		f.refuse("standard input", err)
		return f.end(1)
	}
	if f.check || f.diff {
		if err := f.differs("standard input", data, out); err != nil {
			return failed(ctx, err)
		}
		return f.end(1)
	}
	return f.p.product(out)
}

// file formats one file in place. The new text replaces the old one as a whole,
// so that a run that is broken off leaves no half file.
func (f *formatter) file(file manifest.File) error {
	data, err := os.ReadFile(file.Path)
	if err != nil {
		return err
	}
	out, err := format.Source(data, f.opts)
	if err != nil {
		f.refuse(file.Name, err)
		return nil
	}
	if bytes.Equal(data, out) {
		return nil
	}
	if f.check || f.diff {
		return f.differs(file.Name, data, out)
	}
	f.changed++
	if err := replace(file.Path, out); err != nil {
		return err
	}
	_, err = fmt.Fprintln(f.p.Stdout, message.Safe(file.Name))
	return err
}

// refuse names a file that stays as it is, and why.
func (f *formatter) refuse(name string, err error) {
	f.refused++
	at := source.Position{File: name}
	if r, ok := errors.AsType[*format.RefusedError](err); ok {
		at = r.In(name)
	}
	f.p.say("%s: left as it is: %s", at, err)
}

func (f *formatter) differs(name string, before, after []byte) error {
	if bytes.Equal(before, after) {
		return nil
	}
	f.changed++
	if !f.diff {
		_, err := fmt.Fprintln(f.p.Stdout, message.Safe(name))
		return err
	}
	for line := range bytes.Lines(diff.Diff(name, before, name+" (canonical)", after)) {
		if _, err := fmt.Fprintln(f.p.Stdout, message.Safe(string(bytes.TrimRight(line, "\r\n")))); err != nil {
			return err
		}
	}
	return nil
}

func (f *formatter) end(files int) exit {
	switch {
	case f.refused > 0:
		x := exit{code: CodeError, reason: plural(f.refused, "file") + " could not be formatted"}
		return x.hint("poolsync validate shows what is wrong with a file that is not valid")
	case f.changed > 0 && f.check:
		return exit{code: CodeError, reason: fmt.Sprintf("%d of %s not in canonical form; poolsync fmt writes it", f.changed, plural(files, "file"))}
	case f.changed > 0 && f.diff:
		return done(fmt.Sprintf("%d of %s would change", f.changed, plural(files, "file")))
	case f.changed > 0:
		return done(fmt.Sprintf("%d of %s written", f.changed, plural(files, "file")))
	default:
		return done("nothing to do: " + plural(files, "file") + " in canonical form")
	}
}

// replace writes a file anew under a name of its own, and puts it in the old
// one's place with the old one's mode.
func replace(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".poolsync-fmt-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
