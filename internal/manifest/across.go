package manifest

import (
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Duplicates finds pools that are declared more than once, and pools whose
// references differ in letter case only. Load has looked already; look again
// once pools without a stated bank have been given one.
func Duplicates(pools []pool.Declared) source.Diagnostics {
	return duplicates(pools, func(string) *text { return nil })
}

// across checks what no single file shows. reopen gives a file's text for the
// excerpts of the few findings there are, or nil.
func across(results []parsed, reopen func(name string) *text) source.Diagnostics {
	var all []pool.Declared
	for _, p := range results {
		all = append(all, p.pools...)
	}
	return duplicates(all, reopen)
}

// duplicates compares in the order of the pools: the later one is at fault.
func duplicates(pools []pool.Declared, reopen func(string) *text) source.Diagnostics {
	var found source.Diagnostics
	reopen = remember(reopen)
	exact := make(map[pool.Key]int, len(pools))
	folded := make(map[string][]int, len(pools))
	for i := range pools {
		d := &pools[i]
		if d.Reference == "" {
			continue
		}
		if first, twice := exact[d.Key]; twice {
			found = append(found, clash(&pools[first], d, reopen, source.Error, ruleDuplicatePool, "remove one of them",
				fmt.Sprintf("the pool %q is declared twice; first at %s", d.Reference, pools[first].Position(pools[first].At.Reference))))
			continue
		}
		exact[d.Key] = i
		fold := strings.ToLower(string(d.Reference))
		for _, j := range folded[fold] {
			if f, clashes := caseClash(&pools[j], d, reopen); clashes {
				found = append(found, f)
				break
			}
		}
		folded[fold] = append(folded[fold], i)
	}
	return found
}

// remember keeps the last text: many findings in a row are of one file.
func remember(reopen func(string) *text) func(string) *text {
	var name string
	var last *text
	return func(wanted string) *text {
		if last == nil || name != wanted {
			name, last = wanted, reopen(wanted)
		}
		return last
	}
}

// caseClash compares two pools whose references are equal but for letter case.
// Whether the API tells them apart is not documented; people do not.
func caseClash(first, second *pool.Declared, reopen func(string) *text) (source.Diagnostic, bool) {
	severity := source.Error
	switch {
	case first.Bank == second.Bank:
	case first.Bank == pool.Primary || second.Bank == pool.Primary:
		severity = source.Warning // perhaps of one bank, once the run knows it
	default:
		return source.Diagnostic{}, false
	}
	if first.Reference == second.Reference {
		return source.Diagnostic{}, false
	}
	return clash(first, second, reopen, severity, ruleReferenceCase, "use one spelling, or two references that differ in more than case",
		fmt.Sprintf("the reference %q differs only in letter case from %q at %s", second.Reference, first.Reference,
			first.Position(first.At.Reference))), true
}

func clash(first, second *pool.Declared, reopen func(string) *text, severity source.Severity, rule, hint, message string) source.Diagnostic {
	related := first.Position(first.At.Reference)
	at := second.At.Reference
	d := source.Diagnostic{Position: second.Position(at), Severity: severity, Rule: rule, Message: message, Hint: hint}
	if t := reopen(second.File); t != nil {
		d = t.diagnostic(severity, rule, at, string(second.Reference), hint, message)
	}
	d.Related = &related
	return d
}
