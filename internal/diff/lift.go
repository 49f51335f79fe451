package diff

import (
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
)

// consented are the flags that name pools, with the names that each was given.
func (o Options) consented() []given {
	return []given{
		{AllowReplace, o.AllowReplace},
		{Overwrite, o.Overwrite},
		{AllowRefresh, o.AllowRefresh},
		{Republish, o.Republish},
		{BreakFreeze, o.BreakFreeze},
	}
}

type given struct {
	flag  Flag
	names References
}

// consents finds out which pool each consent names. One that could be meant for
// several names none: consent to rebuild a pool must not rebuild its namesake in
// another bank.
func (c *comparer) consents() {
	c.allowed = map[Flag]map[pool.Key]bool{}
	for _, g := range c.in.Options.consented() {
		c.allowed[g.flag] = map[pool.Key]bool{}
		for _, name := range slices.Sorted(maps.Keys(g.names)) {
			switch keys := c.named(name); len(keys) {
			case 0:
			case 1:
				c.allowed[g.flag][keys[0]] = true
			default:
				c.plan.Ambiguous = append(c.plan.Ambiguous, Given{g.flag, name, keys})
			}
		}
	}
}

// named returns the pools that this run knows by a name: REF, or BANK/REF.
func (c *comparer) named(name pool.Reference) []pool.Key {
	if c.names != nil {
		return c.names[name]
	}
	keys := maps.Clone(c.declared)
	for k := range c.in.Live {
		keys[k] = true
	}
	for k, e := range c.in.State {
		if e.Set == c.in.Scope.Set && slices.Contains(c.in.Scope.Banks, k.Bank) {
			keys[k] = true
		}
	}
	c.names = make(map[pool.Reference][]pool.Key, 2*len(keys))
	for _, k := range slices.SortedFunc(maps.Keys(keys), pool.Key.Compare) {
		for _, n := range []pool.Reference{k.Reference, pool.Reference(k.String())} {
			c.names[n] = append(c.names[n], k)
		}
	}
	return c.names[name]
}

// lift reports whether a flag lifts something for the pool. It is asked only
// where something is there to be lifted, so that a flag that lifts nothing shows.
func (c *comparer) lift(ch *Change, flag Flag) bool {
	if !c.allowed[flag][ch.Key] {
		return false
	}
	ch.lifted = append(ch.lifted, flag)
	return true
}

// lifts sorts out the flags that lift nothing: a typing error must not be taken
// for consent to something else. A run that was broken off is started again with
// the same flags, so one whose work was done is spent, and not wrong. What a pool
// needs whose call is still in doubt will only be known later.
func (c *comparer) lifts() {
	for _, g := range c.in.Options.consented() {
		for _, name := range slices.Sorted(maps.Keys(g.names)) {
			keys := c.named(name)
			used := slices.ContainsFunc(c.plan.Changes, func(ch Change) bool {
				return slices.Contains(keys, ch.Key) && (slices.Contains(ch.lifted, g.flag) || ch.Has(Pending))
			})
			switch {
			case used, len(keys) > 1:
			case len(keys) == 1 && c.spent(g.flag, keys[0]):
				c.plan.Spent = append(c.plan.Spent, Given{g.flag, name, keys})
			default:
				c.plan.Unneeded = append(c.plan.Unneeded, Given{g.flag, name, keys})
			}
		}
	}
}

// spent reports whether the last call to a pool was one that the flag allows.
func (c *comparer) spent(flag Flag, k pool.Key) bool {
	e, known := c.in.State[k]
	if !known || e.Sent == nil || e.Set != c.in.Scope.Set {
		return false
	}
	op := e.Operation
	switch flag {
	case AllowReplace, Overwrite:
		return op == pool.OpReplace
	case AllowRefresh:
		return op == pool.OpEdit || op == pool.OpRetire || op == pool.OpCorrect
	case Republish:
		return op != "" && op != pool.OpCreate && e.Sent.Status == pool.Published
	case BreakFreeze:
		return op != pool.OpCreate && e.AppliedAt != nil &&
			slices.ContainsFunc(c.in.Options.Freeze, func(f Freeze) bool { return f.holds(k.Reference, *e.AppliedAt) })
	default:
		return false
	}
}
