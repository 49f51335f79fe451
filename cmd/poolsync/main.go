// Command poolsync makes Learnosity item pools declarative. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/poolsync/poolsync/internal/cli"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as it is under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a reader that went away must not end an apply half-way
	go func() {
		<-signals
		cancel(cli.ErrInterrupted) // the first one lets the run record what is in flight
		<-signals
		os.Exit(cli.CodeInterrupted)
	}()
	os.Exit(cli.Main(ctx, cli.System{
		Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Environ: os.Environ(),
	}))
}
