package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/report"
)

func (p *program) validateCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "validate",
		Usage:     "check manifests: offline, or also against the bank",
		ArgsUsage: "[PATH...]",
		Description: "Reports everything that is wrong, with file, line and column, and what to write\n" +
			"instead. It calls nothing and needs no credentials, unless --online asks for the\n" +
			"references and tags to be looked up in the bank. It cannot write.\n\nExample:\n   poolsync validate pools/ --online",
		Flags: append(slices.Concat(commonFlags(), targetFlags()), onlyFlag(), &cli.BoolFlag{Name: flagOnline, Usage: "look references and tags up in the bank, too"}),
	}, runValidate)
}

const flagOnline = "online"

// runValidate differs from the other commands in that the findings are its
// product: they go to standard output.
func runValidate(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(c, p)
	if ok {
		x, ok = s.load(ctx, false)
	}
	if ok && c.Bool(flagOnline) {
		x, ok = s.lookup(ctx, c)
	}
	if ok {
		x = done(plural(len(s.declared), "pool") + " in " + plural(len(s.manifest.Files), "file") + " valid")
	}
	doc := report.Validation{Head: x.head(report.Head{Command: "validate", Diagnostics: s.found}), Files: len(s.manifest.Files), Pools: len(s.declared)}
	return s.out.finish(document{json: func() any { return doc }, page: doc.Page, findings: doc.Diagnostics}, x)
}

// lookup adds what the bank has to say to the findings.
func (s *session) lookup(ctx context.Context, c *cli.Context) (exit, bool) {
	if x, ok := s.connect(ctx, c); !ok {
		return x, false
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, errTimeout)
	defer cancel()
	found, err := bank.Lookup(ctx, s.reader, s.declared)
	if err != nil {
		return failed(ctx, err), false
	}
	if s.found = manifest.Quote(append(s.found, found...).Sort()); s.found.HasErrors() {
		return s.invalid(fmt.Sprintf("the bank does not have what the manifests name: %s", plural(errorsIn(s.found), "error"))), false
	}
	return exit{}, true
}
