package diff

import (
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// DriftKind is a way in which a pool is no longer as it was applied.
type DriftKind string

// The kinds of drift.
const (
	DriftChanged  DriftKind = "changed"  // name, status or description differ
	DriftTouched  DriftKind = "touched"  // someone else wrote to it
	DriftHeld     DriftKind = "held"     // unpublished by someone else
	DriftVanished DriftKind = "vanished" // absent from the bank
	DriftHalted   DriftKind = "halted"   // its last job failed
	DriftDoubt    DriftKind = "in_doubt" // whether our last call happened is not known
)

// Drifted is a pool that is no longer as it was applied.
type Drifted struct {
	pool.Key
	Kinds    []DriftKind     `json:"kinds"`
	Source   source.Position `json:"source"`
	Fields   []Field         `json:"fields"`
	Evidence Evidence        `json:"evidence"`
}

// Drift compares what was applied with what is live, for every entry in scope,
// in the order of their keys. What the manifests want changed is no drift.
func Drift(in Input) []Drifted {
	c := comparer{in: in, declared: map[pool.Key]bool{}}
	declared := make(map[pool.Key]*pool.Declared, len(in.Declared))
	for i := range in.Declared {
		declared[in.Declared[i].Key] = &in.Declared[i]
		c.declared[in.Declared[i].Key] = true
	}
	var out []Drifted
	for _, k := range slices.SortedFunc(maps.Keys(in.State), pool.Key.Compare) {
		e := in.State[k]
		d := declared[k]
		if e.Set != in.Scope.Set || (e.Sent == nil && e.Pending == nil) || (d == nil && !c.seen(k)) ||
			!slices.Contains(in.Scope.Banks, k.Bank) {
			continue
		}
		ch := Change{Key: k, Declared: d, Source: source.Position{File: e.File}}
		if d != nil {
			ch.Source = d.Position(d.At.Pool)
		}
		c.attach(&ch)
		if e.Pending != nil {
			ch.rule("drift")
			out = append(out, Drifted{Key: k, Kinds: []DriftKind{DriftDoubt}, Source: ch.Source, Evidence: ch.Evidence})
			continue
		}
		if kinds, fields := drifted(&ch); len(kinds) > 0 {
			ch.rule("drift")
			out = append(out, Drifted{Key: k, Kinds: kinds, Source: ch.Source, Fields: fields, Evidence: ch.Evidence})
		}
	}
	return out
}

func drifted(ch *Change) (kinds []DriftKind, fields []Field) {
	e, l := ch.Entry, ch.LivePool
	if l == nil {
		if e.Retired && ch.Declared == nil {
			return nil, nil
		}
		return []DriftKind{DriftVanished}, nil
	}
	was := asApplied(e)
	var ignore pool.Lifecycle
	if ch.Declared != nil {
		ignore = ch.Declared.Lifecycle
	}
	note := func(path, before, after string, ignored bool) {
		if before != after && !ignored {
			fields = append(fields, Field{Path: path, Before: before, After: after})
		}
	}
	note("name", was.Name, l.Name, ignore.IgnoreName)
	if l.Status != pool.Halted && l.Status != pool.Pending {
		note("status", string(was.Status), string(l.Status), ignore.IgnoreStatus)
	}
	note("description", was.Description, l.Description, ignore.IgnoreDescription)
	if len(fields) > 0 {
		kinds = append(kinds, DriftChanged)
	}
	if was.Status == pool.Published && l.Status == pool.Unpublished && !ignore.IgnoreStatus {
		kinds = append(kinds, DriftHeld)
	}
	if e.TouchedBy(*l) {
		kinds = append(kinds, DriftTouched)
	}
	if l.Status == pool.Halted {
		kinds = append(kinds, DriftHalted)
	}
	return kinds, fields
}

// asApplied is how the pool read after our last job. Its status is the one that
// was asked for: calls to a held pool carry, and read back, what someone else set.
func asApplied(e *pool.Entry) pool.Live {
	was := pool.Live{Name: e.Sent.Name, Description: e.Sent.Description}
	if e.ReadBack != nil {
		was = *e.ReadBack
	}
	was.Status = e.Sent.Status
	return was
}
