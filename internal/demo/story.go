package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// step is a command, what is told before it, what happens before it, and the
// exit code that it has to end with.
type step struct {
	tell   string
	before func(context.Context, *demo) error
	args   []string
	want   int
}

// What the story is about.
const (
	manifest = "pools/science.yaml"
	two      = "[s5-001, s5-002]"
	three    = "[s5-001, s5-002, s5-011]"
	renamed  = "ela-district-a"
)

var story = []step{
	{
		tell: "Check the manifests. This is offline: a pull request needs no credentials for it.",
		args: []string{"validate"},
	},
	{
		tell: "Compare them with the item bank. plan cannot write; it shows each pool and the line\nthat asks for it. The bank has none of these pools yet.",
		args: []string{"plan"},
	},
	{
		tell: "Apply. It sends the pools in batches, waits for the job that each write starts, reads\nevery pool back, and only then counts it as applied.",
		args: []string{"apply", "--auto-approve"},
	},
	{
		tell: "Plan again: what was applied is never sent twice.",
		args: []string{"plan"},
	},
	{
		tell:   "Someone adds an item to a manifest. The live pool keeps what it has and gains one item:",
		before: edit(two, three),
		args:   []string{"apply", "--auto-approve"},
	},
	{
		tell:   "Someone takes the item out again. Students may be using this pool by now, and the API has\nno undo: apply refuses (exit 4) until someone consents, in the manifest or with a flag.",
		before: edit(three, two),
		args:   []string{"apply", "--auto-approve"},
		want:   4,
	},
	{
		tell:   "The item is put back. Meanwhile someone renames " + renamed + " by hand, past git.\ndrift compares the bank with what was applied (exit 2: they differ).",
		before: renameAfterAll,
		args:   []string{"drift"},
		want:   2,
	},
}

// edit replaces a list of items in the manifest and shows the lines.
func edit(from, to string) func(context.Context, *demo) error {
	return func(_ context.Context, d *demo) error {
		before, after, err := d.replace(from, to)
		if err == nil {
			d.say("\n    %s\n    - %s\n    + %s", manifest, before, after)
		}
		return err
	}
}

func renameAfterAll(ctx context.Context, d *demo) error {
	if _, _, err := d.replace(two, three); err != nil {
		return err
	}
	return d.rename(ctx, renamed, "ELA District A (do not use)")
}

// replace changes the one line of the manifest that holds the text, and gives it
// as it was and as it is.
func (d *demo) replace(from, to string) (before, after string, err error) {
	file := filepath.Join(d.dir, filepath.FromSlash(manifest))
	data, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, from) {
			before = strings.TrimSpace(line)
		}
	}
	if before == "" {
		return "", "", fmt.Errorf("examples/%s has no %s any more: the demonstration has to change with it", manifest, from)
	}
	text := strings.Replace(string(data), from, to, 1)
	return before, strings.Replace(before, from, to, 1), os.WriteFile(file, []byte(text), 0o600)
}
