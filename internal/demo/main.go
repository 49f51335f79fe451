// Command demo shows what poolsync is for: it starts the sandbox on a loopback
// address, runs on a copy of examples/ what a person would type, and says what
// is seen. It fails if any command ends otherwise than it should, and leaves
// nothing behind. Run it from the root of the repository.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/poolsync/poolsync/internal/sandbox"
)

// limit bounds the whole demonstration, the build included.
const limit = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	start := time.Now()
	err := run(ctx, os.Stdout)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "demo: error: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("\nEvery step ended as it should (%.0f s). The sandbox and the copy of examples/ are gone.\n", time.Since(start).Seconds())
}

// demo is a demonstration under way.
type demo struct {
	out      io.Writer
	program  string // the binary
	dir      string // the copy of examples/: where the commands run
	endpoint string // the sandbox
}

func run(ctx context.Context, out io.Writer) (err error) {
	temp, err := os.MkdirTemp("", "poolsync-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	d := &demo{out: out, program: filepath.Join(temp, "bin", "poolsync"), dir: filepath.Join(temp, "examples")}
	if runtime.GOOS == "windows" {
		d.program += ".exe"
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	stop, err := d.startSandbox(ctx)
	if err != nil {
		return fmt.Errorf("start the sandbox: %w", err)
	}
	defer stop()
	d.say("poolsync keeps Learnosity item pools as YAML in git. Here it meets an emulated\n" +
		"Data API on this machine, with made-up credentials and the manifests of examples/.")
	for i, s := range story {
		d.say("\n[%d/%d] %s", i+1, len(story), s.tell)
		if err := d.play(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// prepare builds the program and copies the examples, without a state that
// someone may have left there.
func (d *demo) prepare(ctx context.Context) error {
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", d.program, "./cmd/poolsync")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build poolsync, from the root of the repository: %w\n%s", err, text)
	}
	if err := os.CopyFS(d.dir, os.DirFS("examples")); err != nil {
		return fmt.Errorf("copy the examples: %w", err)
	}
	return os.RemoveAll(filepath.Join(d.dir, ".poolsync"))
}

// command is a run of poolsync. Its environment holds the sandbox's consumer and
// none of the caller's settings.
func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.program, args...)
	cmd.Dir, cmd.WaitDelay = d.dir, time.Second
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LEARNOSITY_") && !strings.HasPrefix(v, "POOLSYNC_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env,
		"LEARNOSITY_CONSUMER_KEY="+sandbox.DefaultConsumerKey,
		"LEARNOSITY_CONSUMER_SECRET="+sandbox.DefaultConsumerSecret,
		"POOLSYNC_ENDPOINT="+d.endpoint)
	return cmd
}

// play does what a step does outside of poolsync, then types its command.
func (d *demo) play(ctx context.Context, s step) error {
	if s.before != nil {
		if err := s.before(ctx, d); err != nil {
			return err
		}
	}
	d.say("\n$ poolsync %s", strings.Join(s.args, " "))
	cmd := d.command(ctx, s.args...)
	cmd.Stdout, cmd.Stderr = d.out, d.out
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := cmd.ProcessState.ExitCode(); got != s.want {
		return fmt.Errorf("poolsync %s ended with exit code %d; want %d", strings.Join(s.args, " "), got, s.want)
	}
	return nil
}
