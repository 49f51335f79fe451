package cli

import (
	"context"
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/learnosity"
)

func (p *program) versionCommand() *cli.Command {
	return p.command(cli.Command{
		Name:        "version",
		Usage:       "print the version",
		Description: "Also prints the version of the Data API that is used unless another is given.\n\nExample:\n   poolsync version",
	}, func(_ context.Context, _ *cli.Context, p *program) exit {
		return p.product(fmt.Appendf(nil, "poolsync %s (Data API %s, %s, %s/%s)\n", version(), learnosity.DefaultVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	})
}
