package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// The flags that several commands take.
const (
	flagConfig     = "config"
	flagOnly       = "only"
	flagEndpoint   = "endpoint"
	flagAPIVersion = "api-version"
	flagBank       = "organisation-id"
	flagState      = "state"
	flagTimeout    = "timeout"
	flagLogLevel   = "log-level"
	flagNoColor    = "no-color"
	flagOutput     = "output"
	flagFull       = "full"
)

// defaultTimeout bounds a run.
const defaultTimeout = 60 * time.Minute

func offlineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagConfig, Usage: "configuration `FILE` (default: poolsync.yaml, where there is one) [POOLSYNC_CONFIG]"},
		&cli.StringSliceFlag{Name: flagOutput, Aliases: []string{"o"}, Usage: "write `FORMAT[=FILE]`: text or json; validate, plan, apply and drift also markdown and github (annotations); may be given several times"},
		&cli.BoolFlag{Name: flagFull, Usage: "do not cut long lists"},
		&cli.BoolFlag{Name: flagNoColor, Usage: "no colour (also: NO_COLOR, or no terminal)"},
		&cli.StringFlag{Name: flagLogLevel, Usage: "write a log of this `LEVEL` to standard error: debug, info, warn or error (default: warn)"},
		bankFlag(),
		&cli.StringSliceFlag{Name: flagOnly, Usage: "only pools whose reference matches one of the `GLOB`s [POOLSYNC_ONLY]"},
	}
}

func bankFlag() cli.Flag {
	return &cli.StringFlag{Name: flagBank, Usage: "`ID` of the item bank; where a manifest names another one, that is an error [POOLSYNC_ORGANISATION_ID]"}
}

func onlineFlags() []cli.Flag {
	return append(offlineFlags(),
		&cli.StringFlag{Name: flagEndpoint, Usage: "`URL` of the Data API, or read=URL,write=URL [POOLSYNC_ENDPOINT]"},
		&cli.StringFlag{Name: flagAPIVersion, Usage: "`VERSION` of the Data API [POOLSYNC_API_VERSION]"},
		&cli.StringFlag{Name: flagState, Usage: "where the state is: `file:PATH`, git:BRANCH or none (default: file:.poolsync/state.json) [POOLSYNC_STATE]"},
		&cli.DurationFlag{Name: flagTimeout, Usage: "stop waiting after this `TIME` (default: 60m) [POOLSYNC_TIMEOUT]"},
	)
}

// The flags that lift guards or switch rules of the comparison.
const (
	flagPrune            = "prune"
	flagAllowEmpty       = "allow-empty"
	flagOverwrite        = "overwrite"
	flagAllowReplace     = "allow-replace"
	flagAllowRefresh     = "allow-refresh"
	flagRepublish        = "republish"
	flagBreakFreeze      = "break-freeze"
	flagAllowOlder       = "allow-older"
	flagRecreateVanished = "recreate-vanished"
	flagFailOnExternal   = "fail-on-external-change"
	flagMaxChange        = "max-change-percent"
	flagUnmanaged        = "unmanaged"
)

func diffFlags() []cli.Flag {
	refs := func(name, usage string) cli.Flag {
		return &cli.StringSliceFlag{Name: name, Usage: usage}
	}
	return []cli.Flag{
		&cli.BoolFlag{Name: flagPrune, Usage: "unpublish pools that were applied and are declared nowhere any more"},
		&cli.BoolFlag{Name: flagAllowEmpty, Usage: "with --prune: allow manifests that declare no pool at all"},
		refs(flagOverwrite, "rebuild pools `REF,...` that exist and of which there is no record"),
		refs(flagAllowReplace, "rebuild live pools `REF,...` although no new snapshot label asks for it"),
		refs(flagAllowRefresh, "edit pools `REF,...` although one of their items may be copied again"),
		refs(flagRepublish, "publish pools `REF,...` again that someone else unpublished"),
		refs(flagBreakFreeze, "change pools `REF,...` inside a freeze window"),
		&cli.BoolFlag{Name: flagAllowOlder, Usage: "apply a commit that is older than the one that was applied"},
		&cli.BoolFlag{Name: flagRecreateVanished, Usage: "create pools again that have vanished from the bank"},
		&cli.BoolFlag{Name: flagFailOnExternal, Usage: "refuse to change pools that someone else changed"},
		&cli.IntFlag{Name: flagMaxChange, Usage: "refuse to change more than `N` percent of the managed pools (default: 30)"},
	}
}

// diffOptions takes the options of the comparison from the flags.
func diffOptions(c *cli.Context) diff.Options {
	return diff.Options{
		Prune:            c.Bool(flagPrune),
		Overwrite:        references(c, flagOverwrite),
		AllowReplace:     references(c, flagAllowReplace),
		AllowRefresh:     references(c, flagAllowRefresh),
		Republish:        references(c, flagRepublish),
		BreakFreeze:      references(c, flagBreakFreeze),
		AllowOlder:       c.Bool(flagAllowOlder),
		RecreateVanished: c.Bool(flagRecreateVanished),
		FailOnExternal:   c.Bool(flagFailOnExternal),
		MaxChangePercent: c.Int(flagMaxChange),
	}
}

func references(c *cli.Context, flag string) diff.References {
	refs := diff.References{}
	for _, r := range c.StringSlice(flag) {
		if r = strings.TrimSpace(r); r != "" {
			refs[pool.Reference(r)] = true
		}
	}
	return refs
}

// parseEndpoint reads "URL" or "read=URL,write=URL".
func parseEndpoint(text string) (read, write string, err error) {
	if !strings.HasPrefix(text, "read=") && !strings.HasPrefix(text, "write=") {
		return text, text, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, url, _ := strings.Cut(part, "=")
		switch name {
		case "read":
			read = url
		case "write":
			write = url
		default:
			return "", "", fmt.Errorf("endpoint %q: want a URL, or read=URL,write=URL", text)
		}
	}
	if read == "" || write == "" {
		return "", "", fmt.Errorf("endpoint %q: want both read=URL and write=URL", text)
	}
	return read, write, nil
}

// flagHelp writes a flag's line of help: its names, its placeholder, its usage.
func flagHelp(f cli.Flag) string {
	var names []string
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append(names, "-"+n)
		} else {
			names = append(names, "--"+n)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	usage := ""
	if d, ok := f.(cli.DocGenerationFlag); ok {
		usage = d.GetUsage()
	}
	text := strings.Join(names, ", ")
	if before, rest, ok := strings.Cut(usage, "`"); ok {
		placeholder, after, _ := strings.Cut(rest, "`")
		text += " " + placeholder
		usage = before + placeholder + after
	}
	return text + "\t" + usage
}
