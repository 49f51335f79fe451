package diff

import (
	"maps"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// bankCount is what the guards on a whole bank look at. Under --only and PATHs
// not all managed pools are looked for.
type bankCount struct{ managed, sought, vanished, changing int }

// guards refuses what is too much at once, too late or at a bad time. It runs
// after every pool has its verdict.
func (c *comparer) guards() {
	counts := c.countBanks()
	for i := range c.plan.Changes {
		ch := &c.plan.Changes[i]
		if len(ch.Calls) == 0 && !ch.Has(Forgotten) {
			continue
		}
		n := counts[ch.Bank]
		c.guardVanished(ch, n)
		c.guardVolume(ch, n)
		c.guardFreeze(ch)
		c.guardOlder(ch)
	}
}

func (c *comparer) countBanks() map[pool.Bank]bankCount {
	counts := map[pool.Bank]bankCount{}
	for k, e := range c.in.State {
		if e.Set != c.in.Scope.Set || e.Sent == nil || e.Retired {
			continue
		}
		n := counts[k.Bank]
		n.managed++
		if c.seen(k) {
			n.sought++
			if _, live := c.in.Live[k]; !live {
				n.vanished++
			}
		}
		counts[k.Bank] = n
	}
	changing := maps.Clone(c.in.Written)
	if changing == nil {
		changing = map[pool.Key]bool{}
	}
	for _, ch := range c.plan.Changes {
		if (len(ch.Calls) > 0 || ch.due) && !ch.isNew() {
			changing[ch.Key] = true
		}
	}
	for k := range changing {
		n := counts[k.Bank]
		n.changing++
		counts[k.Bank] = n
	}
	return counts
}

// seen reports whether the live record of a key was asked for at all: under
// --only and PATHs the others are out of sight, which is not absence.
func (c *comparer) seen(k pool.Key) bool {
	if c.in.Listed || c.declared[k] {
		return true
	}
	return !c.in.Scope.NoOrphans && !c.in.Scope.Elsewhere[k] && c.in.Scope.covers(c.in.State[k].File)
}

// isNew reports whether the change creates a pool that never was.
func (ch *Change) isNew() bool {
	return ch.Has(Create) && (ch.Entry == nil || ch.Entry.Sent == nil)
}

// guardVanished stops the re-creation of a bank's worth of pools: more likely,
// the key, the bank or the endpoint is the wrong one.
func (c *comparer) guardVanished(ch *Change, n bankCount) {
	gone := (ch.Has(Create) || ch.Has(Forgotten)) && ch.LivePool == nil && ch.Entry != nil && ch.Entry.Sent != nil
	if !gone || c.in.Options.RecreateVanished || (n.vanished < n.sought && n.vanished <= max(1, n.sought/10)) {
		return
	}
	ch.block(Refusal{Rule: RuleVanished, Flag: RecreateVanished, Count: n.vanished, Of: n.sought})
}

func (c *comparer) guardVolume(ch *Change, n bankCount) {
	limit := c.in.Options.MaxChangePercent
	if n.managed < 10 || ch.isNew() || len(ch.Calls) == 0 || n.changing*100 <= limit*n.managed {
		return
	}
	ch.block(Refusal{Rule: RuleVolume, Flag: MaxChangePercent, Count: n.changing, Of: n.managed, Limit: limit})
}

func (c *comparer) guardFreeze(ch *Change) {
	if len(ch.Calls) == 0 || ch.isNew() || ch.LivePool == nil || ch.LivePool.Status == pool.Unpublished {
		return
	}
	for _, f := range c.in.Options.Freeze {
		if f.holds(ch.Reference, c.in.Now) {
			if !c.lift(ch, BreakFreeze) {
				ch.block(Refusal{Rule: RuleFreeze, Flag: BreakFreeze, Freeze: &f})
			}
			return
		}
	}
}

// Frozen returns the freeze window in which a change would fall at a moment, nil if
// there is none, or it is lifted.
func (o Options) Frozen(ch Change, now time.Time) *Freeze {
	if ch.isNew() || ch.LivePool == nil || ch.LivePool.Status == pool.Unpublished || o.BreakFreeze[ch.Reference] {
		return nil
	}
	for _, f := range o.Freeze {
		if f.holds(ch.Reference, now) {
			return &f
		}
	}
	return nil
}

// guardOlder stops a late or repeated job, and a branch that was cut before, from
// undoing a newer commit. Ancestry decides. Where it cannot be told, times do, but
// none that lies in the future: a clock was wrong then.
func (c *comparer) guardOlder(ch *Change) {
	at, e := c.in.Scope.CommitTime, ch.Entry
	if at == nil || e == nil || c.in.Options.AllowOlder {
		return
	}
	r := Refusal{Rule: RuleOlder, Flag: AllowOlder, Was: &Commit{Hash: e.Commit}, Is: &Commit{c.in.Scope.Commit, *at}}
	if e.CommitTime != nil {
		r.Was.At = *e.CommitTime
	}
	switch c.in.Scope.History[e.Commit] {
	case Past:
		return
	case Future:
	case Apart:
		r.Rule = RuleDiverged
	case Absent:
		r.Rule, r.Unseen = RuleDiverged, true
	default:
		if e.CommitTime == nil || !e.CommitTime.After(*at) || e.CommitTime.After(c.in.Now) {
			return
		}
	}
	ch.block(r)
}
