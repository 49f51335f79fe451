package sandbox

import (
	"cmp"
	"slices"
	"time"
)

// PoolRecord is what pools get shows of a pool, and its bank. Status is one of
// published, unpublished, pending, halted.
type PoolRecord struct {
	Bank        int64     `json:"organisation_id"`
	Reference   string    `json:"reference"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Status      string    `json:"status"`
	DtCreated   time.Time `json:"dt_created"` // whole seconds, UTC
	DtUpdated   time.Time `json:"dt_updated"` // whole seconds, UTC
}

// pool is a pool at work. PoolRecord.Status is the status asked for; overlay hides
// it while a job runs (pending) and after one failed (halted).
type pool struct {
	PoolRecord
	overlay string
	running int       // jobs that have not ended
	free    time.Time // when the last of them ends (U23 queue)
	holding
	past    []past // oldest first, at least one entry
	trimmed bool   // the oldest entry stands for older ones too
}

// holding is what a pool holds. The maps are never changed, only replaced: what is
// past keeps its own.
type holding struct {
	items      map[string]*Item
	activities map[string]*Activity
}

// past is a pool as it was from a moment on, for replicas that lag.
type past struct {
	from   time.Time
	record PoolRecord
	holding
}

// visible is the record as get shows it now.
func (p *pool) visible() PoolRecord {
	r := p.PoolRecord
	r.Status = cmp.Or(p.overlay, p.Status)
	return r
}

// at is the pool as a replica sees it that is current up to t.
func (p *pool) at(t time.Time) (past, bool) {
	for _, h := range slices.Backward(p.past) {
		if !h.from.After(t) {
			return h, true
		}
	}
	if p.trimmed {
		return p.past[0], true
	}
	return past{}, false
}

// note remembers the pool as it is from now on. It forgets what no replica shows
// any more, but for the two entries before: a fault may ask for them.
func (p *pool) note(now time.Time, lag time.Duration) {
	keep := 0
	for i, h := range p.past {
		if !h.from.After(now.Add(-lag)) {
			keep = i
		}
	}
	if keep = min(keep, len(p.past)-2); keep > 0 {
		p.past, p.trimmed = slices.Delete(p.past, 0, keep), true
	}
	p.past = append(p.past, past{now, p.visible(), p.holding})
}

// touch moves dt_updated, which counts whole seconds: by one at least, so that two
// changes within a second can be told apart.
func (p *pool) touch(now time.Time) {
	p.DtUpdated = later(p.DtUpdated, now)
}

func later(before, now time.Time) time.Time {
	now = now.UTC().Truncate(time.Second)
	if next := before.Add(time.Second); now.Before(next) {
		return next
	}
	return now
}

// poolJSON is a record of pools get.
type poolJSON struct {
	Reference   string `json:"reference"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Status      string `json:"status"`
	DtCreated   string `json:"dt_created"`
	DtUpdated   string `json:"dt_updated"`
}

func (r PoolRecord) wire() poolJSON {
	return poolJSON{r.Reference, r.Name, r.Description, r.Status, stamp(r.DtCreated), stamp(r.DtUpdated)}
}

// getPools is itembank/pools get.
func (x *exchange) getPools(p *params) (result, *apiError) {
	bound := digests(p)
	organisation, _ := p.integer("organisation_id")
	refs := p.list("references", maxFilter)
	status := p.choices("status", statusPublished, statusUnpublished, statusPending, statusHalted)
	order := p.choice("sort", "desc", "asc", "desc")
	field := p.choice("sort_field", "created", "created", "updated")
	pg := x.server.readPaging(p, bound, order)
	p.take("meta")
	p.finish()
	if *p.err != nil {
		return result{}, *p.err
	}
	b, refused := x.server.bankOf(organisation)
	if refused != nil {
		return result{}, refused
	}
	if refused := x.server.checkPoolFilter(b, refs); refused != nil {
		return result{}, refused
	}
	x.server.reads++
	records, next := x.listPools(b, refs, field, pg, func(r PoolRecord) bool {
		return len(status) == 0 || slices.Contains(status, r.Status)
	})
	out := make([]any, len(records))
	for i, r := range records {
		out[i] = x.dressed(r.wire())
	}
	return result{data: x.shape(out, "get-object"), records: len(out), next: next}, nil
}

// shape returns a list of one as the thing itself where U14 says so.
func (x *exchange) shape(list []any, value string) any {
	if u := x.server.sw.U14; len(list) == 1 && (u == value || u == "object") {
		return list[0]
	}
	return list
}

// checkPoolFilter refuses malformed references, and unknown ones under U30.
func (s *Server) checkPoolFilter(b *bankState, refs []string) *apiError {
	for _, ref := range refs {
		if err := s.checkPoolReference(ref); err != nil {
			return err
		}
		if s.sw.U30 == "refuse" && b.pool(ref, s.sw.U31 == "fold") == nil {
			return refusal(400, codeNoRecord, "item pool %q not found", ref)
		}
	}
	return nil
}

func (s *Server) checkPoolReference(ref string) *apiError {
	if s.sw.U20 == "any" {
		return nil
	}
	return checkReference(ref)
}

// listPools cuts one page of records. The full listing comes from a sorted list
// that is kept until it changes; named pools are looked up, not searched for.
func (x *exchange) listPools(b *bankState, refs []string, field string, pg paging, keep func(PoolRecord) bool) (out []PoolRecord, next string) {
	if len(refs) > 0 || x.lag() > 0 {
		return page(x.chosenPools(b, refs, field), pg, keep)
	}
	pools, next := page(b.sortedPools(field), pg, func(p *pool) bool { return keep(p.visible()) })
	for _, p := range pools {
		out = append(out, p.visible())
	}
	return out, next
}

// lag is how old the replica is that the call reads pools from.
func (x *exchange) lag() time.Duration {
	if x.stale > 0 {
		return x.stale
	}
	if x.server.sw.Replicas == "alternate" && x.server.reads%2 == 1 {
		return 0
	}
	return x.server.sw.lag
}

// chosenPools returns the named pools, or all of them, as a replica sees them.
func (x *exchange) chosenPools(b *bankState, refs []string, field string) []ordered[PoolRecord] {
	chosen := map[*pool]bool{}
	for _, ref := range refs {
		if p := b.pool(ref, x.server.sw.U31 == "fold"); p != nil {
			chosen[p] = true
		}
	}
	if len(refs) == 0 {
		for _, p := range b.pools {
			chosen[p] = true
		}
	}
	lag := x.lag()
	var out []ordered[PoolRecord]
	for p := range chosen {
		r, ok := p.visible(), true
		if lag > 0 {
			var h past
			h, ok = p.at(x.now.Add(-lag))
			r = h.record
		}
		if ok {
			out = append(out, ordered[PoolRecord]{sortField(field, r.DtCreated, r.DtUpdated, "", ""), r.Reference, r})
		}
	}
	return sortRecords(out)
}
