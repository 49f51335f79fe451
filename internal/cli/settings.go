package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/settings"
	"github.com/poolsync/poolsync/internal/source"
)

// manifestCommands are the commands whose arguments name manifests.
var manifestCommands = []string{"validate", "fmt", "plan", "apply", "drift"}

// resolve finds out the settings of a command. Findings in the configuration
// file come back as diagnostics.
func resolve(c *cli.Context, p *program) (settings.Settings, source.Diagnostics, error) {
	in := settings.Input{
		Flags: map[string]string{}, Environ: p.Environ, Manifests: true,
		Endpoint: learnosity.DefaultEndpoint, APIVersion: learnosity.DefaultVersion, MaxChange: diff.DefaultMaxChangePercent,
	}
	switch {
	case slices.Contains(manifestCommands, c.Command.Name):
		in.Paths = c.Args().Slice()
	case c.Command.Name == "config": // show PATH...
		in.Paths = c.Args().Tail()
	case c.Command.Name == "adopt":
		in.Paths = list(c, flagManifests)
	default:
		in.Manifests = false
	}
	for _, name := range c.LocalFlagNames() {
		switch v := c.Value(name).(type) {
		case cli.StringSlice:
			in.Flags[name] = strings.Join(v.Value(), ",")
		default:
			in.Flags[name] = fmt.Sprint(v)
		}
	}
	s, found, err := settings.Resolve(in)
	for _, w := range s.Warnings {
		p.say("%s", w)
	}
	return s, found, err
}

// list returns the values of a flag that may be repeated, and takes several
// separated by commas.
func list(c *cli.Context, name string) []string {
	var out []string
	for _, text := range c.StringSlice(name) {
		for part := range strings.SplitSeq(text, ",") {
			out = append(out, strings.TrimSpace(part))
		}
	}
	return out
}

// frozen puts the freeze windows into the form in which they are judged.
func frozen(s settings.Settings) []diff.Freeze {
	var out []diff.Freeze
	for _, f := range s.File.FreezeWindows {
		out = append(out, diff.Freeze{From: f.From, To: f.To, Pools: f.Pools, Reason: f.Reason})
	}
	return out
}
