package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/schemas"
)

func (p *program) schemaCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "schema",
		Usage:     "print a JSON Schema: of manifests, the configuration or a document",
		ArgsUsage: "[NAME]",
		Description: "Editors complete and check manifests with it. NAME is pools (the default) or poolsync\n" +
			"for the configuration; plan and result for the JSON of plan and apply; adopt, drift,\n" +
			"jobs, list, state or validate for that of the command.\n\n" +
			"Example:\n   poolsync schema pools > pools.schema.json",
	}, runSchema)
}

func runSchema(_ context.Context, c *cli.Context, p *program) exit {
	name := "pools"
	if c.NArg() > 0 {
		name = c.Args().First()
	}
	text, ok := schemas.All[name]
	if !ok || c.NArg() > 1 {
		return usage("schema %q: want one of %s", strings.Join(c.Args().Slice(), " "), strings.Join(slices.Sorted(maps.Keys(schemas.All)), ", "))
	}
	return p.product(text)
}

// product writes a command's product. Nothing is told beside it if that went
// well.
func (p *program) product(text []byte) exit {
	if _, err := p.Stdout.Write(text); err != nil {
		return exit{code: CodeError, reason: "standard output cannot be written", err: err}
	}
	p.ran = false
	return exit{}
}
