// Package genpools writes manifests of many made-up pools, about 1 KB each, for
// benchmarks. The same numbers give the same bytes.
package genpools

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Options say what to write.
type Options struct {
	Pools   int
	OneFile bool    // all in pools.yaml, else a file for each
	Changed float64 // share of pools whose name and items differ
}

const head = "version: 1\npools:\n"

// Write fills a folder and gives the size of the manifests in bytes.
func Write(dir string, o Options) (int64, error) {
	var size int64
	var b bytes.Buffer
	flush := func(name string) error {
		size += int64(b.Len())
		err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600)
		b.Reset()
		return err
	}
	b.WriteString(head)
	for i := range o.Pools {
		changed := int(float64(i+1)*o.Changed) != int(float64(i)*o.Changed)
		Pool(&b, i, changed)
		if o.OneFile {
			continue
		}
		if err := flush(fmt.Sprintf("pool-%06d.yaml", i)); err != nil {
			return size, err
		}
		b.WriteString(head)
	}
	if o.OneFile {
		return size, flush("pools.yaml")
	}
	return size, nil
}

// Pool writes one pool as an entry of a manifest's list of pools.
func Pool(w *bytes.Buffer, i int, changed bool) {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	tag := func(indent string) {
		fmt.Fprintf(w, "%s- type: %s\n", indent, pick("course", "grade", "subject", "difficulty", "standard", "language"))
		if r.IntN(4) > 0 {
			fmt.Fprintf(w, "%s  name: %s\n", indent, pick("commoncore", "district-a", "district-b", "quux", "garply", "autumn"))
		}
	}
	subject := pick("ela", "mathematics", "science", "history", "geography", "art")
	name := fmt.Sprintf("%s pool %06d", subject, i)
	if changed {
		name += " (changed)"
	}
	fmt.Fprintf(w, "  - reference: pool-%06d\n    name: %s\n", i, name)
	fmt.Fprintf(w, "    description: \"Content pool number %d for %s, kept as code: see the team's handbook.\"\n", i, subject)
	fmt.Fprintf(w, "    status: %s\n    set_unpublished_to_published: %t\n    content:\n      item_references:\n",
		pick("published", "published", "published", "unpublished"), r.IntN(2) == 0)
	for k := range 20 {
		fmt.Fprintf(w, "        - item_%s_%07d\n", subject[:3], r.IntN(500_000)*20+k)
	}
	if changed {
		fmt.Fprintf(w, "        - item_added_%06d\n", i)
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
