package manifest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
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
)

// writePool writes a pool of about 1 KB as an entry of a manifest's list. The
// same number gives the same text.
func writePool(w *bytes.Buffer, i int) {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	tag := func(indent string) {
		fmt.Fprintf(w, "%s- type: %s\n", indent, pick("course", "grade", "subject", "difficulty", "standard"))
		if r.IntN(4) > 0 {
			fmt.Fprintf(w, "%s  name: %s\n", indent, pick("commoncore", "district-a", "quux", "garply", "autumn"))
		}
	}
	subject := pick("ela", "mathematics", "science", "history", "geography", "art")
	fmt.Fprintf(w, "  - reference: pool-%06d\n    name: %s pool %06d\n", i, subject, i)
	fmt.Fprintf(w, "    description: \"Content pool number %d for %s, kept as code: see the team's handbook.\"\n", i, subject)
	fmt.Fprintf(w, "    status: %s\n    set_unpublished_to_published: %t\n    content:\n      item_references:\n", pick("published", "unpublished"), r.IntN(2) == 0)
	for k := range 20 {
		fmt.Fprintf(w, "        - item_%s_%07d\n", subject[:3], r.IntN(500_000)*10+k%10)
	}
	fmt.Fprint(w, "      tags:\n")
	tag("        ")
	if i%3 == 0 {
		fmt.Fprint(w, "        - required_tags:\n")
		tag("            ")
		fmt.Fprint(w, "          additional_tags:\n")
		tag("            ")
	}
	if i%5 == 0 {
		fmt.Fprint(w, "      item_tags:\n")
		tag("        ")
	}
}

// generate writes manifests of n pools: one file a pool, or one file in all.
func generate(tb testing.TB, n int, oneFile bool) (dir string, size int64) {
	tb.Helper()
	dir = tb.TempDir()
	const head = "version: 1\npools:\n"
	var b bytes.Buffer
	flush := func(name string) {
		size += int64(b.Len())
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600))
		b.Reset()
	}
	b.WriteString(head)
	for i := range n {
		writePool(&b, i)
		if !oneFile {
			flush(fmt.Sprintf("pool-%06d.yaml", i))
			b.WriteString(head)
		}
	}
	if oneFile {
		flush("pools.yaml")
	}
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
