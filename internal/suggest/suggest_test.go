package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"name", "reference", "status", "item_references", "item_tags", "type", "auto-approve", "dry-run"}
	for word, want := range map[string]string{
		"refrence": "reference", "Status": "status", "stauts": "status", "nmae": "name", "tpye": "type",
		"item_references_": "item_references", "overwrite": "", "x": "", "zzz": "", strings.Repeat("n", 1000): "",
		"auto-aprove": "auto-approve", "dryrun": "dry-run", "auto": "auto-approve",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
