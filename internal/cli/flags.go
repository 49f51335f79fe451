package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settings"
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

// commonFlags are the flags of every command that goes by a configuration.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagConfig, Usage: "configuration `FILE` (default: the nearest poolsync.yaml upwards) [POOLSYNC_CONFIG]"},
		&cli.BoolFlag{Name: flagNoColor, Usage: "no colour (also: NO_COLOR, or no terminal)"},
		&cli.StringFlag{Name: flagLogLevel, Usage: "write a log of this `LEVEL` to standard error: debug, info, warn or error (default: warn)"},
		&cli.StringSliceFlag{Name: flagOutput, Aliases: []string{"o"}, Usage: "write `FORMAT[=FILE]`: text or json; validate, plan, apply and drift also markdown and github (annotations); may be given several times"},
		&cli.BoolFlag{Name: flagFull, Usage: "do not cut long lists"},
		&cli.StringFlag{Name: flagBank, Usage: "`ID` of the item bank; where a manifest names another one, that is an error [POOLSYNC_ORGANISATION_ID]"},
	}
}

// targetFlags are the flags of commands that call the Data API.
func targetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagEndpoint, Usage: "`URL` of the Data API, or read=URL,write=URL [POOLSYNC_ENDPOINT]"},
		&cli.StringFlag{Name: flagAPIVersion, Usage: "`VERSION` of the Data API [POOLSYNC_API_VERSION]"},
		&cli.StringFlag{Name: flagTimeout, Usage: "stop waiting after this `TIME`: 30m, or seconds (default: 60m) [POOLSYNC_TIMEOUT]"},
	}
}

func onlyFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: flagOnly, Usage: "only pools whose reference matches one of the `GLOB`s [POOLSYNC_ONLY]"}
}

func stateFlag() cli.Flag {
	return &cli.StringFlag{Name: flagState, Usage: "where the state is: `file:PATH`, git:BRANCH or none (default: file:.poolsync/state.json) [POOLSYNC_STATE]"}
}

// poolFlags are the flags of commands that compare pools with the state.
func poolFlags() []cli.Flag {
	return append(slices.Concat(commonFlags(), targetFlags()), onlyFlag(), stateFlag())
}

// span is the value of a flag that is a length of time.
type span struct{ time.Duration }

// Set reads a time, or a number of seconds.
func (s *span) Set(text string) error {
	var err error
	s.Duration, err = settings.Duration(text)
	return err
}

// Get returns the value.
func (s *span) Get() any { return s.Duration }

// spanFlag makes a flag that takes a length of time.
func spanFlag(name, usage string, fallback time.Duration) cli.Flag {
	return &cli.GenericFlag{Name: name, Usage: usage, Value: &span{fallback}}
}

func spanOf(c *cli.Context, name string) time.Duration {
	s, ok := c.Generic(name).(*span)
	if !ok {
		return 0
	}
	return s.Duration
}

func lockTimeoutFlag() cli.Flag {
	return spanFlag(flagLockTimeout, "wait this `TIME` for a state that another run holds (default: not at all)", 0)
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
	flagAllowDirty       = "allow-dirty"
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
		refs(flagOverwrite, "rebuild pool `REF`, which exists and of which there is no record; may be given several times"),
		refs(flagAllowReplace, "rebuild live pool `REF` although no new snapshot label asks for it; may be given several times"),
		refs(flagAllowRefresh, "edit pool `REF` although one of its items may be copied again; may be given several times"),
		refs(flagRepublish, "publish pool `REF` again, which someone else unpublished; may be given several times"),
		refs(flagBreakFreeze, "change pool `REF` inside a freeze window; may be given several times"),
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
		refs[pool.Reference(strings.TrimSpace(r))] = true
	}
	return refs
}
