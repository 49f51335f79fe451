package cli

import (
	"context"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/report"
)

func (p *program) validateCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "validate",
		Usage:     "check manifests offline",
		ArgsUsage: "[PATH...]",
		Description: "Reports everything that is wrong, with file, line and column, and what to write\n" +
			"instead. It calls nothing and needs no credentials.\n\nExample:\n   poolsync validate pools/",
		Flags: offlineFlags(),
	}, runValidate)
}

// runValidate differs from the other commands in that the findings are its
// product: they go to standard output.
func runValidate(ctx context.Context, c *cli.Context, p *program) exit {
	s, x, ok := begin(ctx, c, p)
	if ok {
		x, ok = s.load(ctx, false)
	}
	if ok {
		x = done(plural(len(s.declared), "pool") + " in " + plural(len(s.manifest.Files), "file") + " valid")
	}
	doc := report.Validation{Head: x.head(report.Head{Command: "validate", Diagnostics: s.found}), Files: len(s.manifest.Files), Pools: len(s.declared)}
	err := s.out.write(document{
		json: func() any { return doc },
		text: func(t report.Text, w io.Writer) error { return t.WriteValidation(w, doc) },
	})
	if err != nil {
		return failed(ctx, err)
	}
	return x
}
