package manifest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/genpools"
)

// generate writes manifests of n pools: one file a pool, or one file in all.
func generate(tb testing.TB, n int, oneFile bool) (dir string, size int64) {
	tb.Helper()
	dir = tb.TempDir()
	size, err := genpools.Write(dir, genpools.Options{Pools: n, OneFile: oneFile})
	require.NoError(tb, err)
	return dir, size
}

// watchHeap samples the heap in use until the returned function is called,
// which gives the peak in megabytes.
func watchHeap() func() float64 {
	runtime.GC()
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapInuse))
			}
		}
	}()
	return func() float64 {
		close(stop)
		<-done
		return float64(peak.Load()) / 1e6
	}
}

func benchmarkForms(b *testing.B, run func(b *testing.B, dir string, n int)) {
	for _, n := range []int{1000, 10000} {
		for _, form := range []string{"files", "onefile"} {
			b.Run(fmt.Sprintf("%d/%s", n, form), func(b *testing.B) {
				dir, size := generate(b, n, form == "onefile")
				b.ReportAllocs()
				b.SetBytes(size)
				peak := watchHeap()
				b.ResetTimer()
				for b.Loop() {
					run(b, dir, n)
				}
				b.ReportMetric(peak(), "peak-MB")
			})
		}
	}
}

// BenchmarkLoad finds, reads, checks and takes in manifests.
func BenchmarkLoad(b *testing.B) {
	benchmarkForms(b, func(b *testing.B, dir string, n int) {
		set, found, err := Load(context.Background(), Options{Dir: dir, Paths: []string{"."}})
		if err != nil || len(found) > 0 || len(set.Pools) != n {
			b.Fatal(len(set.Pools), len(found), err)
		}
	})
}

// BenchmarkBareLibraries does with the same bytes what cannot be left out:
// yaml.v3 decodes to nodes, jsonschema validates, one worker a core. One large
// file is given to it in as many parts as there are cores.
func BenchmarkBareLibraries(b *testing.B) {
	benchmarkForms(b, func(b *testing.B, dir string, _ int) {
		names, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			b.Fatal(err)
		}
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			parts := 1
			if len(names) == 1 {
				parts = runtime.GOMAXPROCS(0)
			}
			for _, part := range portions(data, parts) {
				group.Go(func() error { return bare(part) })
			}
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	})
}

// portions divides a manifest into whole ones of about equal size.
func portions(data []byte, n int) [][]byte {
	if n == 1 {
		return [][]byte{data}
	}
	head, list, _ := bytes.Cut(data, []byte("pools:\n"))
	entries := strings.SplitAfter(string(list), "\n  - reference")
	var out [][]byte
	for i := range n {
		part := strings.Join(entries[i*len(entries)/n:(i+1)*len(entries)/n], "")
		part = strings.TrimSuffix(part, "  - reference")
		if i > 0 {
			part = "  - reference" + part
		}
		out = append(out, append(append([]byte{}, head...), "pools:\n"+part...))
	}
	return out
}

func bare(data []byte) error {
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return err
	}
	return poolsSchema().root.Validate(plain(node.Content[0]))
}

func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			list[i] = plain(c)
		}
		return list
	}
	switch n.Tag {
	case "!!bool":
		return n.Value == "true"
	case "!!int":
		return 1
	}
	return n.Value
}
