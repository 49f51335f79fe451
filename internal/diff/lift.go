package diff

import (
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
)

// lift reports whether a flag lifts something for the pool. It is asked only
// where something is there to be lifted, so that a flag that lifts nothing shows.
func (ch *Change) lift(flag Flag, refs References) bool {
	if !refs[ch.Reference] {
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
	o := c.in.Options
	for _, given := range []struct {
		flag Flag
		refs References
	}{
		{AllowReplace, o.AllowReplace},
		{Overwrite, o.Overwrite},
		{AllowRefresh, o.AllowRefresh},
		{Republish, o.Republish},
		{BreakFreeze, o.BreakFreeze},
	} {
		for _, r := range sortedRefs(given.refs) {
			used := slices.ContainsFunc(c.plan.Changes, func(ch Change) bool {
				return ch.Reference == r && (slices.Contains(ch.lifted, given.flag) || ch.Has(Pending))
			})
			switch {
			case used:
			case c.spent(given.flag, r):
				c.plan.Spent = append(c.plan.Spent, Given{given.flag, r})
			default:
				c.plan.Unneeded = append(c.plan.Unneeded, Given{given.flag, r})
			}
		}
	}
}

// spent reports whether the last call to a pool was one that the flag allows.
func (c *comparer) spent(flag Flag, r pool.Reference) bool {
	for _, b := range c.in.Scope.Banks {
		e, known := c.in.State[pool.Key{Bank: b, Reference: r}]
		if !known || e.Sent == nil || e.Set != c.in.Scope.Set {
			continue
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
			return op != pool.OpCreate && e.AppliedAt != nil && slices.ContainsFunc(c.in.Options.Freeze, func(f Freeze) bool { return f.holds(r, *e.AppliedAt) })
		}
	}
	return false
}
