//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/genpools"
	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/schemas"
)

func init() {
	programs["bare-libraries"] = bareLibraries
	programs["measured"] = measured
}

// sizes and forms of the manifests that are measured.
var benchSizes = []int{1000, 10000}

var benchForms = map[string]bool{"files": false, "onefile": true}

// eachForm runs a benchmark for every size and form, over manifests on disk.
func eachForm(b *testing.B, run func(b *testing.B, dir string, pools int)) {
	for _, n := range benchSizes {
		for _, form := range []string{"files", "onefile"} {
			b.Run(fmt.Sprintf("%d/%s", n, form), func(b *testing.B) {
				dir := b.TempDir()
				size, err := genpools.Write(dir, genpools.Options{Pools: n, OneFile: benchForms[form]})
				require.NoError(b, err)
				b.SetBytes(size)
				run(b, dir, n)
			})
		}
	}
}

// usage is what runs of a program took, as the system counts it.
type usage struct {
	cpu  time.Duration
	peak int64 // bytes, of the largest run
}

func (u *usage) report(b *testing.B) {
	b.ReportMetric(u.cpu.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(u.peak)/(1<<20), "peak-MB")
}

// run runs a program and adds what it took. A process inherits the peak of the
// one that started it, and ours holds a sandbox: so a small one in between
// starts it and prints what it took.
func (u *usage) run(b *testing.B, env []string, args ...string) {
	cmd := exec.Command("measured", args...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	var cpu time.Duration
	var peak int64
	_, err := fmt.Sscan(stdout.String(), &cpu, &peak)
	require.NoError(b, err)
	u.cpu += cpu
	u.peak = max(u.peak, peak)
}

// measured is the small program in between.
func measured() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	peak := int64(0)
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = r.Maxrss
		if runtime.GOOS == "linux" {
			peak *= 1024 // kilobytes there, bytes on other systems
		}
	}
	fmt.Println(int64(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()), peak)
}

// BenchmarkBareLibraries is the yardstick: yaml.v3 into plain values and
// jsonschema/v5 over them, one worker a core, and nothing else.
func BenchmarkBareLibraries(b *testing.B) {
	eachForm(b, func(b *testing.B, dir string, _ int) {
		var u usage
		for b.Loop() {
			u.run(b, os.Environ(), "bare-libraries", dir)
		}
		u.report(b)
	})
}

// bareLibraries is the program that BenchmarkBareLibraries runs.
func bareLibraries() {
	if err := decodeAndValidate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func decodeAndValidate(dir string) error {
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemas.PoolsID, bytes.NewReader(schemas.Pools)); err != nil {
		return err
	}
	schema, err := c.Compile(schemas.PoolsID)
	if err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, name := range names {
		g.Go(func() error {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			var v any
			if err := yaml.Unmarshal(data, &v); err != nil {
				return err
			}
			return schema.Validate(v)
		})
	}
	return g.Wait()
}

func BenchmarkValidate(b *testing.B) {
	eachForm(b, func(b *testing.B, dir string, _ int) {
		w := newBenchWorld(b)
		w.bench(b, "validate", dir)
	})
}

// BenchmarkPlan plans against a sandbox in the same process, over real HTTP, with
// nothing applied yet (new) and with everything applied and one pool in a
// hundred changed since (changed).
func BenchmarkPlan(b *testing.B) {
	b.Run("new", func(b *testing.B) {
		eachForm(b, func(b *testing.B, dir string, _ int) {
			w := newBenchWorld(b)
			w.bench(b, "plan", dir, "--state", "none")
		})
	})
	for _, share := range []float64{0, 0.01} {
		b.Run(fmt.Sprintf("applied/%g%%", share*100), func(b *testing.B) {
			eachForm(b, func(b *testing.B, dir string, n int) {
				w := newBenchWorld(b)
				state := "file:" + filepath.Join(b.TempDir(), "state.json")
				new(usage).run(b, w.env, "poolsync", "apply", dir, "--state", state, "--auto-approve", "--verify=false")
				_, err := genpools.Write(dir, genpools.Options{Pools: n, OneFile: strings.Contains(b.Name(), "onefile"), Changed: share})
				require.NoError(b, err)
				w.bench(b, "plan", dir, "--state", state)
			})
		})
	}
}

// benchWorld is a sandbox that takes every reference and every number of calls.
type benchWorld struct {
	server *sandbox.Server
	env    []string
}

func newBenchWorld(b *testing.B) *benchWorld {
	server, err := sandbox.New(sandbox.Options{ConsumerKey: key, ConsumerSecret: secret, AnyItem: true, NoQuotas: true, Latency: -1})
	require.NoError(b, err)
	h := httptest.NewServer(server)
	b.Cleanup(h.Close)
	return &benchWorld{server: server, env: append(os.Environ(),
		"POOLSYNC_ENDPOINT="+h.URL, "LEARNOSITY_CONSUMER_KEY="+key, "LEARNOSITY_CONSUMER_SECRET="+secret)}
}

// bench measures runs of a command: time, CPU, peak memory and calls.
func (w *benchWorld) bench(b *testing.B, args ...string) {
	w.server.ClearLog()
	var u usage
	for b.Loop() {
		u.run(b, w.env, append([]string{"poolsync"}, args...)...)
	}
	u.report(b)
	b.ReportMetric(float64(len(w.server.Log()))/float64(b.N), "calls/op")
}
