package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/poolsync/poolsync/internal/sandbox"
)

// The large bank: items i0000 to i1199, a hundred to a course and every seventh of
// one also of a season, and activities of five items each.
const largeItems = 1200

func largeBank() *sandbox.Bank {
	b := sandbox.ItemBank{OrganisationID: 505}
	for i := range largeItems {
		it := sandbox.Item{Record: sandbox.Record{Reference: fmt.Sprintf("i%04d", i), Tags: map[string][]string{"course": {fmt.Sprintf("c%02d", i/100)}, "subject": {"mixed"}}}}
		if i%7 == 0 {
			it.Tags["season"] = []string{"winter"}
		}
		b.Items = append(b.Items, it)
	}
	for i := range 100 {
		a := sandbox.Activity{Record: sandbox.Record{Reference: fmt.Sprintf("a%02d", i), Tags: map[string][]string{"form": {fmt.Sprintf("f%d", i/10)}}}}
		for j := range 5 {
			a.Items = append(a.Items, sandbox.ActivityItem{Reference: fmt.Sprintf("i%04d", i*12+j)})
		}
		b.Activities = append(b.Activities, a)
	}
	return &sandbox.Bank{Primary: 505, ItemBanks: []sandbox.ItemBank{b}}
}

// largebank puts the large bank into the sandbox's place. largebank age lets time
// pass in it: of every course some items are archived, unpublished and edited.
func largeBankCommand(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	if len(args) == 0 {
		s, err := sandbox.New(sandbox.Options{
			Bank: largeBank(), ConsumerKey: key, ConsumerSecret: secret, Latency: 50 * time.Millisecond, Seed: "large",
		})
		ts.Check(err)
		w.server.Store(s)
		return
	}
	for i := 3; i < largeItems; i += 40 {
		status := []string{"archived", "unpublished", "published"}[i/40%3]
		ts.Check(w.server.Load().EditItem(505, fmt.Sprintf("i%04d", i), func(it *sandbox.Item) { it.Status = status }))
	}
}

// largemanifests DIR declares 200 pools of the large bank: by a tag, by two, by
// references, by activities, by a thousand items; with odd references and names.
func largeManifests(ts *testscript.TestScript, _ bool, args []string) {
	var b strings.Builder
	b.WriteString("version: 1\norganisation_id: 505\npools:\n")
	odd := []string{"sp ace", "sl/ash", ".dot", "per%cent", "con", "tail.", "a,b", "{x}", "#1", "-dash", "no", "1e3", "2026-01-01", "*", "a:b", "poolsync", strings.Repeat("/", 150)}
	names := []string{"plain", `with "quotes" and: #signs`, "été 北京", "true", "2026-01-01", "- dash", "[list]", `back\slash`}
	for i := range 200 {
		ref := fmt.Sprintf("pool-%03d", i)
		if i < len(odd) {
			ref = odd[i]
		}
		status := []string{"published", "published", "unpublished"}[i%3]
		fmt.Fprintf(&b, "  - reference: %q\n    name: %q\n    status: %s\n    description: %q\n    content: {%s}\n", ref, names[i%len(names)], status, names[i/len(names)%len(names)], largeContent(i))
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(path, 0o755))
	ts.Check(os.WriteFile(filepath.Join(path, "all.yaml"), []byte(b.String()), 0o600))
}

func largeContent(i int) string {
	items := func(from, n int) string {
		refs := make([]string, n)
		for j := range refs {
			refs[j] = fmt.Sprintf("i%04d", (from+j)%largeItems)
		}
		return "item_references: [" + strings.Join(refs, ", ") + "]"
	}
	switch {
	case i == 0:
		return items(100, 1000)
	case i%4 == 0:
		return fmt.Sprintf("item_tags: [{type: course, name: c%02d}]", i%12)
	case i%4 == 1:
		return fmt.Sprintf("tags: [{required_tags: [{type: course, name: c%02d}, {type: season, name: winter}]}]", i%12)
	case i%4 == 2:
		return fmt.Sprintf("activity_tags: [{type: form, name: f%d}], %s", i%10, items(i*7, 6))
	default:
		return fmt.Sprintf("activity_references: [a%02d, a%02d], %s", i%100, (i+50)%100, items(i*11, 20))
	}
}
