// Package cli is the command line: one file for each command. It turns flags,
// environment and files into plain options, wires the other packages together,
// and decides the exit code. Nothing imports it but the program itself.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/source"
)

// System is what a program gets from the system it runs on.
type System struct {
	Args   []string // the program's name first
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	// Environ is the whole environment, as KEY=VALUE.
	Environ []string
}

// action is what a command does.
type action func(ctx context.Context, c *cli.Context, p *program) exit

// program is one run of the program.
type program struct {
	System
	log     *slog.Logger
	last    exit  // how the command ended
	ran     bool  // a command ran, so that its exit is told
	refused *exit // the command line was refused, which documents are to say
	// finished, where it is set, gets the command's document when it ends.
	finished func(document)
	shows    *progress // what is waited for; nil where nothing is told
	tree     source.Tree
}

// Main runs a command line and returns its exit code.
func Main(ctx context.Context, sys System) int {
	cli.HelpPrinter = printHelp
	return (&program{System: sys}).main(ctx)
}

func (p *program) main(ctx context.Context) int {
	app := p.app()
	if len(p.Args) > 1 && p.Args[1] == completeCommand {
		p.complete(app, p.Args[2:])
		return CodeDone
	}
	if text := stateHelp(p.Args, app.Commands); text != "" {
		_, _ = io.WriteString(p.Stdout, text)
		return CodeDone
	}
	args, x := arrange(p.Args, app.Commands)
	if x == nil {
		if err := app.RunContext(ctx, args); err != nil {
			u := usage("%s", err.Error()).hint("poolsync --help lists the commands, poolsync COMMAND --help their flags")
			x = &u
		}
	}
	if x != nil {
		p.refuse(ctx, app, x)
	}
	if p.ran {
		p.tell(p.last)
	}
	return p.last.code
}

// refuse ends a run whose command line cannot be used. Documents are written on
// every exit: the command runs with the outputs alone that were asked for, and
// begins with nothing but the refusal.
func (p *program) refuse(ctx context.Context, app *cli.App, x *exit) {
	p.refused = x
	if args := outputsOnly(p.Args, app.Commands); args != nil {
		_ = app.RunContext(ctx, args)
	}
	p.last, p.ran = *x, true
}

// tell writes how the command ended to standard error; its last line says the
// exit code and why.
func (p *program) tell(x exit) {
	if x.err != nil {
		for line := range strings.SplitSeq(x.err.Error(), "\n") {
			p.say("error: %s", line)
		}
	}
	for _, h := range x.hints {
		p.say("hint: %s", h)
	}
	p.say("exit %d: %s", x.code, x.reason)
}

// say writes a line of the story to standard error. What it holds may have come
// from a manifest or a server.
func (p *program) say(format string, args ...any) {
	p.shows.clear()
	_, _ = fmt.Fprintf(p.Stderr, "poolsync: %s\n", message.Safe(fmt.Sprintf(format, args...)))
}

// app builds the command line's grammar.
func (p *program) app() *cli.App {
	return &cli.App{
		Name:        "poolsync",
		Usage:       "declare Learnosity item pools in YAML, see what would change, make it so",
		Description: "Credentials come from the environment alone: LEARNOSITY_CONSUMER_KEY,\nLEARNOSITY_CONSUMER_SECRET and LEARNOSITY_DOMAIN (default localhost).",
		Version:     version(),
		HideVersion: true,
		// A flag that consents names one pool, whose reference may hold a comma.
		DisableSliceFlagSeparator: true,
		Writer:                    p.Stdout,
		ErrWriter:                 p.Stderr,
		Commands: []*cli.Command{
			p.validateCommand(), p.planCommand(), p.applyCommand(), p.driftCommand(), p.adoptCommand(),
			p.listCommand(), p.jobsCommand(), p.stateCommand(), p.sandboxCommand(), p.fmtCommand(), p.configCommand(), p.completionCommand(), p.schemaCommand(), p.versionCommand(),
			p.actionCommand(),
			p.exportCommand(), p.whereCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return fmt.Errorf("there is no command %q%s", c.Args().First(), didYouMean(c.Args().First(), c.App.Commands))
			}
			return cli.ShowAppHelp(c)
		},
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return err },
	}
}

// command makes a command whose action's exit becomes the program's.
func (p *program) command(c cli.Command, run action) *cli.Command {
	c.HideHelpCommand = true // "help" and "h" are names that a folder or a pool may have
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return err }
	c.Action = func(cc *cli.Context) error {
		p.ran = true
		level, err := logLevel(cc)
		if err != nil {
			return err
		}
		p.log = slog.New(slog.NewTextHandler(message.SafeWriter{W: clearing{p, p.Stderr}}, &slog.HandlerOptions{Level: level}))
		p.last = run(cc.Context, cc, p)
		return nil
	}
	return &c
}

func logLevel(c *cli.Context) (slog.Level, error) {
	level := slog.LevelWarn
	if text := c.String(flagLogLevel); text != "" {
		if err := level.UnmarshalText([]byte(text)); err != nil {
			return level, fmt.Errorf("--log-level %q: want debug, info, warn or error", text)
		}
	}
	return level, nil
}

// version is the module's version, from the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}

// interrupted reports whether the run was ended from outside.
func interrupted(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrInterrupted) }
