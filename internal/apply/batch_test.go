package apply

import (
	"fmt"
	"testing"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// FuzzBatches: each byte is a pool. Nothing is lost or doubled, the order is kept,
// no batch is larger than the API takes, and none mixes banks or verbs.
func FuzzBatches(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add([]byte("abcabcabc"), uint8(2))
	f.Add(make([]byte, 151), uint8(1))
	f.Fuzz(func(t *testing.T, kinds []byte, banks uint8) {
		var changes []diff.Change
		want := map[pool.Verb][]pool.Reference{}
		for i, k := range kinds {
			ch := diff.Change{Key: pool.Key{Bank: pool.Bank(i * int(banks) / len(kinds)), Reference: pool.Reference(fmt.Sprint(i))}}
			call := diff.Call{Operation: pool.OpAppend, Verb: pool.Update, Request: pool.Request{Reference: ch.Reference}}
			if k&1 == 1 {
				call.Operation, call.Verb = pool.OpCreate, pool.Set
			}
			ch.Calls = []diff.Call{call}
			if k&6 == 6 {
				ch.Blocked = []diff.Refusal{{Rule: "replace"}}
			} else {
				want[call.Verb] = append(want[call.Verb], ch.Reference)
			}
			changes = append(changes, ch)
		}
		got := map[pool.Verb][]pool.Reference{}
		for v, list := range batches(runnable(changes), nil) {
			for i, b := range list {
				if n := len(b.tasks); n == 0 || n > pool.MaxBatch {
					t.Fatalf("batch of %d pools", n)
				}
				if i > 0 && list[i-1].bank == b.bank && len(list[i-1].tasks) < pool.MaxBatch {
					t.Fatal("a batch was begun before the one before it was full")
				}
				for _, task := range b.tasks {
					if task.change.Bank != b.bank || task.call.Verb != b.verb || b.verb != v {
						t.Fatalf("%s is in a batch of bank %s", task.change.Key, b.bank)
					}
					got[v] = append(got[v], task.change.Reference)
				}
				halves := b.halves()
				if len(b.tasks) > 1 && (len(halves[0].tasks) == 0 || len(halves[1].tasks) == 0 || len(halves[0].tasks)+len(halves[1].tasks) != len(b.tasks)) {
					t.Fatalf("halves of %d and %d", len(halves[0].tasks), len(halves[1].tasks))
				}
			}
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("want %v, got %v", want, got)
		}
		calls := Calls(diff.Plan{Changes: changes})
		for v := range want {
			if n := len(batches(runnable(changes), nil)[v]); calls[v] != n {
				t.Fatalf("%d %s calls foretold, %d made", calls[v], v, n)
			}
		}
	})
}

// TestStages: first calls, then second ones, retires after everything.
func TestStages(t *testing.T) {
	call := func(op pool.Operation) diff.Call { return diff.Call{Operation: op, Verb: pool.Update} }
	changes := []diff.Change{
		{Key: pool.Key{Reference: "a"}, Calls: []diff.Call{call(pool.OpRetire)}},
		{Key: pool.Key{Reference: "b"}, Calls: []diff.Call{call(pool.OpAppend), call(pool.OpCorrect)}},
		{Key: pool.Key{Reference: "c"}, Calls: []diff.Call{call(pool.OpCorrect)}},
		{Key: pool.Key{Reference: "d"}, Calls: []diff.Call{call(pool.OpEdit), call(pool.OpCorrect)}, Blocked: []diff.Refusal{{}}},
	}
	var got [3][]string
	for i, stage := range stages(runnable(changes)) {
		for _, task := range stage {
			got[i] = append(got[i], string(task.change.Reference)+" "+string(task.call.Operation))
		}
	}
	want := [3][]string{{"b append", "c correct"}, {"b correct"}, {"a retire"}}
	if fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("want %v, got %v", want, got)
	}
}
