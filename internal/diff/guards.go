package diff

import (
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

// bankCount is what the guards on a whole bank look at.
type bankCount struct{ managed, vanished, changing int }

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
		if _, live := c.in.Live[k]; !live && c.seen(k) {
			n.vanished++
		}
		counts[k.Bank] = n
	}
	for _, ch := range c.plan.Changes {
		if len(ch.Calls) > 0 && !ch.isNew() {
			n := counts[ch.Bank]
			n.changing++
			counts[ch.Bank] = n
		}
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
	if !gone || c.in.Options.RecreateVanished || (n.vanished < n.managed && n.vanished <= max(1, n.managed/10)) {
		return
	}
	ch.block("vanished", fmt.Sprintf("%d of %d managed pools are absent from item bank %s: wrong key, bank or endpoint?", n.vanished, n.managed, ch.Bank),
		"check LEARNOSITY_CONSUMER_KEY, --organisation-id and --endpoint; if the pools are really gone: --recreate-vanished")
}

func (c *comparer) guardVolume(ch *Change, n bankCount) {
	limit := c.in.Options.MaxChangePercent
	if n.managed < 10 || ch.isNew() || len(ch.Calls) == 0 || n.changing*100 <= limit*n.managed {
		return
	}
	percent := (n.changing*100 + n.managed - 1) / n.managed
	ch.block("volume", fmt.Sprintf("%d of %d managed pools would change (%d %%), over the limit of %d %%", n.changing, n.managed, percent, limit),
		fmt.Sprintf("if all of them are meant: --max-change-percent %d", percent))
}

func (c *comparer) guardFreeze(ch *Change) {
	if len(ch.Calls) == 0 || ch.isNew() || ch.LivePool == nil || ch.LivePool.Status == pool.Unpublished || c.in.Options.BreakFreeze[ch.Reference] {
		return
	}
	for _, f := range c.in.Options.Freeze {
		if f.holds(ch.Reference, c.in.Now) {
			ch.block("freeze", fmt.Sprintf("frozen until %s (%s)", f.To.UTC().Format("2006-01-02 15:04 MST"), f.Reason),
				"apply after that; in an emergency: --break-freeze "+string(ch.Reference))
			return
		}
	}
}

// guardOlder stops a late or repeated job from undoing a newer commit.
func (c *comparer) guardOlder(ch *Change) {
	at := c.in.Scope.CommitTime
	if at == nil || ch.Entry == nil || ch.Entry.CommitTime == nil || !ch.Entry.CommitTime.After(*at) || c.in.Options.AllowOlder {
		return
	}
	ch.block("older", fmt.Sprintf("it was applied from a newer commit (%.12s of %s) than this one (%.12s of %s)",
		ch.Entry.Commit, ch.Entry.CommitTime.UTC().Format("2006-01-02 15:04:05 MST"), c.in.Scope.Commit, at.UTC().Format("2006-01-02 15:04:05 MST")),
		"apply the newest commit; to go back to this one, revert the newer one in git, or: --allow-older")
}

// Unneeded names the references given to flags that lift nothing in this plan,
// so that a typing error is not taken for consent.
func Unneeded(p Plan, o Options) []string {
	var out []string
	check := func(flag string, refs References, used func(Change) bool) {
		for _, r := range sortedRefs(refs) {
			found := false
			for _, ch := range p.Changes {
				found = found || (ch.Reference == r && used(ch))
			}
			if !found {
				out = append(out, flag+" "+string(r))
			}
		}
	}
	check("--allow-replace", o.AllowReplace, func(ch Change) bool { return ch.Has(Replace) })
	check("--overwrite", o.Overwrite, func(ch Change) bool { return ch.Has(Replace) && strings.HasPrefix(ch.Evidence.Rule, "4") })
	check("--allow-refresh", o.AllowRefresh, func(ch Change) bool { return ch.Has(Edit) || ch.Has(Retire) })
	check("--republish", o.Republish, func(ch Change) bool { return len(ch.Calls) > 0 })
	check("--break-freeze", o.BreakFreeze, func(ch Change) bool { return len(ch.Calls) > 0 })
	return out
}
