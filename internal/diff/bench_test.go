package diff

import (
	"fmt"
	"testing"

	"github.com/poolsync/poolsync/internal/pool"
)

// benchInput is n pools that are applied and live, of which a share was changed
// in the manifests since.
func benchInput(n int, changed float64) Input {
	in := Input{
		State: make(map[pool.Key]pool.Entry, n), Live: make(map[pool.Key]pool.Live, n),
		Scope: Scope{Set: "default", Banks: []pool.Bank{505}}, Options: Options{MaxChangePercent: 100},
	}
	for i := range n {
		k := pool.Key{Bank: 505, Reference: pool.Reference(fmt.Sprintf("pool-%06d", i))}
		var items []string
		for j := range 20 {
			items = append(items, fmt.Sprintf("item_%06d_%02d", i, j))
		}
		spec := pool.Spec{
			Fields:  pool.Fields{Name: string(k.Reference), Status: pool.Published},
			Content: pool.Content{Items: items, Tags: []pool.Selector{{Type: "course", Name: "commoncore"}}}.Normal(),
		}
		live := pool.Live{Reference: k.Reference, Name: spec.Name, Status: pool.Published, Updated: "2026-11-21T09:00:00Z"}
		sent := pool.Sent{Spec: spec}
		in.Live[k] = live
		in.State[k] = pool.Entry{Format: pool.EntryFormat, Key: k, Set: "default", File: "pools.yaml", Sent: &sent, ReadBack: &live}
		if int(float64(i+1)*changed) != int(float64(i)*changed) {
			spec.Content = spec.Content.Union(pool.Content{Items: []string{"item_added"}})
		}
		in.Declared = append(in.Declared, pool.Declared{Key: k, Spec: spec, File: "pools.yaml"})
	}
	return in
}

func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for _, changed := range []float64{0, 0.01} {
			b.Run(fmt.Sprintf("%d/%g%%", n, changed*100), func(b *testing.B) {
				in := benchInput(n, changed)
				b.ReportAllocs()
				for b.Loop() {
					if p := Compare(in); p.Unchanged+len(p.Changes) != n {
						b.Fatalf("%d unchanged and %d changes of %d pools", p.Unchanged, len(p.Changes), n)
					}
				}
			})
		}
	}
}
