package source_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/poolsync/poolsync/internal/source"
)

func TestPositionString(t *testing.T) {
	for want, p := range map[string]source.Position{
		"a.yaml:12:5": {File: "a.yaml", Line: 12, Column: 5},
		"a.yaml:12":   {File: "a.yaml", Line: 12},
		"a.yaml":      source.Place{}.In("a.yaml"),
		"b.yaml:1:1":  source.Place{Line: 1, Column: 1}.In("b.yaml"),
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if (source.Place{}).Known() || !(source.Place{Line: 1}).Known() {
		t.Error("a place is known by its line")
	}
}

// TestSort: the order does not depend on which file was read first, and a
// finding that was made twice is told once.
func TestSort(t *testing.T) {
	at := func(file string, line, column int, rule, message string) source.Diagnostic {
		return source.Diagnostic{Position: source.Position{File: file, Line: line, Column: column}, Severity: source.Error, Rule: rule, Message: message}
	}
	want := source.Diagnostics{
		at("a.yaml", 0, 0, "r", "whole file"), at("a.yaml", 2, 1, "r", "m"), at("a.yaml", 2, 9, "q", "m"),
		at("a.yaml", 2, 9, "r", "m"), at("a.yaml", 2, 9, "r", "n"), at("a.yaml", 10, 1, "r", "m"), at("b.yaml", 1, 1, "r", "m"),
	}
	mixed := source.Diagnostics{want[6], want[3], want[5], want[0], want[4], want[3], want[2], want[1], want[6]}
	if d := cmp.Diff(want, mixed.Sort()); d != "" {
		t.Error(d)
	}
	if got := want[3].String(); got != "a.yaml:2:9: m [r]" {
		t.Error(got)
	}
}

func TestHasErrors(t *testing.T) {
	ds := source.Diagnostics{{Severity: source.Warning}}
	if ds.HasErrors() || source.Diagnostics(nil).HasErrors() {
		t.Error("warnings are no errors")
	}
	if !append(ds, source.Diagnostic{Severity: source.Error}).HasErrors() {
		t.Error("an error is one")
	}
}
