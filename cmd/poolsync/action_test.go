package main

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// output NAME VALUE compares an output of the action's step.
func output(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: output NAME VALUE")
	}
	got, found := "", false
	for lines := strings.Split(ts.ReadFile(ts.Getenv("GITHUB_OUTPUT")), "\n"); len(lines) > 2; {
		name, word, ok := strings.Cut(lines[0], "<<")
		end := 1
		for ok && end < len(lines) && lines[end] != word {
			end++
		}
		if name == args[0] {
			got, found = strings.Join(lines[1:end], "\n"), true
		}
		lines = lines[min(end+1, len(lines)):]
	}
	if !found || (got == args[1]) == neg {
		ts.Fatalf("output %s is %q (there: %t), want %q", args[0], got, found, args[1])
	}
}
