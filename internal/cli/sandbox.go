package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/sandbox"
)

func (p *program) sandboxCommand() *cli.Command {
	return p.command(cli.Command{
		Name:  "sandbox",
		Usage: "serve an emulated Data API with a small item bank, for trying things out",
		Description: "Item banks 505 and 606 live in memory, or in --data. The consumer is that of\n" +
			"LEARNOSITY_CONSUMER_KEY and LEARNOSITY_CONSUMER_SECRET or, without them, the\n" +
			"public made-up one: " + sandbox.DefaultConsumerKey + ", " + sandbox.DefaultConsumerSecret + ".\n\n" +
			"--switch settles what the API's documentation leaves open:\n" + indent(sandbox.SwitchHelp()) +
			"\n--fault makes calls go wrong, as [ACTION] [ENDPOINT][#NTH[xTIMES]]=KIND[:ARGUMENT][@REFERENCE];\n" +
			"\"before\" means that no work is done, \"after\" that all of it is:\n" + indent(sandbox.FaultHelp()) +
			"\n--bank takes JSON; what is left out has a default:\n" +
			"   {\"primary_organisation_id\": 505, \"item_banks\": [{\"organisation_id\": 505,\n" +
			"    \"items\": [{\"reference\": \"i-1\", \"tags\": {\"grade\": [\"6\"]}, \"status\": \"published\"}],\n" +
			"    \"activities\": [{\"reference\": \"a-1\", \"items\": [\"i-1\"]}]}]}\n" +
			"\nBeside the API there is a surface for demos and tests, without a signature:\n" +
			"   POST /_sandbox/pools|items|activities/BANK/REFERENCE   JSON members: adds or edits by hand\n" +
			"   GET, DELETE /_sandbox/pools/BANK/REFERENCE             the pool, content included\n" +
			"   POST, DELETE /_sandbox/faults                          one fault a line; disarms all\n" +
			"   POST, GET /_sandbox/switches                           one NAME=VALUE a line; those in force\n" +
			"   GET, DELETE /_sandbox/log                              the calls as JSON lines; empties it\n" +
			"\nExample:\n   poolsync sandbox --addr 127.0.0.1:8181 --latency 2s --fault 'set itembank/pools#2=cut-after'",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "listen on `HOST:PORT`", Value: "127.0.0.1:8181"},
			&cli.StringFlag{Name: "bank", Usage: "serve the item banks of this JSON `FILE`"},
			&cli.StringFlag{Name: "data", Usage: "keep everything in this `FILE`, over restarts"},
			spanFlag("latency", "`TIME` that a job takes", 300*time.Millisecond),
			&cli.StringSliceFlag{Name: "switch", Usage: "`NAME=VALUE` of an undocumented behaviour; may be given several times"},
			&cli.StringSliceFlag{Name: "fault", Usage: "`FAULT` to inject; may be given several times"},
			&cli.StringFlag{Name: flagLogLevel, Usage: "write a log of this `LEVEL` to standard error"},
		},
	}, runSandbox)
}

func indent(text string) string {
	return "   " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n   ") + "\n"
}

func runSandbox(ctx context.Context, c *cli.Context, p *program) exit {
	server, err := newSandbox(c, p)
	if err != nil {
		return usage("%w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.String("addr"))
	if err != nil {
		return failed(ctx, fmt.Errorf("listen: %w", err))
	}
	h := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = h.Close() })
	defer stop()
	p.say("sandbox: an emulated Data API at http://%s; Ctrl-C ends it. In another terminal:", l.Addr())
	key, secret := sandbox.DefaultConsumerKey, "$"+learnosity.EnvSecret
	if p.Getenv(learnosity.EnvKey) == "" {
		secret = sandbox.DefaultConsumerSecret // made up, and public
	} else {
		key = "$" + learnosity.EnvKey
	}
	_, _ = fmt.Fprintf(p.Stderr, "export POOLSYNC_ENDPOINT=http://%s\nexport %s=%s\nexport %s=%s\n", l.Addr(), learnosity.EnvKey, key, learnosity.EnvSecret, secret)
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return failed(ctx, err)
	}
	return done("sandbox ended")
}

func newSandbox(c *cli.Context, p *program) (*sandbox.Server, error) {
	opts := sandbox.Options{
		ConsumerKey: p.Getenv(learnosity.EnvKey), ConsumerSecret: p.Getenv(learnosity.EnvSecret),
		DataFile: c.String("data"), Latency: spanOf(c, "latency"), LogLimit: 10000,
	}
	if domain := p.Getenv(learnosity.EnvDomain); domain != "" {
		opts.Domains = []string{domain}
	}
	if opts.Latency == 0 {
		opts.Latency = -1
	}
	for _, text := range c.StringSlice("switch") {
		name, value, _ := strings.Cut(text, "=")
		if err := opts.Switches.Set(name, value); err != nil {
			return nil, err
		}
	}
	if file := c.String("bank"); file != "" {
		bank, err := sandbox.ReadBankFile(file)
		if err != nil {
			return nil, err
		}
		opts.Bank = bank
	}
	server, err := sandbox.New(opts)
	if err != nil {
		return nil, err
	}
	for _, text := range c.StringSlice("fault") {
		fault, err := sandbox.ParseFault(text)
		if err != nil {
			return nil, err
		}
		if err := server.AddFault(fault); err != nil {
			return nil, err
		}
	}
	return server, nil
}
