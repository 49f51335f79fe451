// Package export turns live pools into declared ones: what the state knows to have
// been applied, or else what the bank says that a pool holds. Live records come in
// page by page, pools to be written go out in the same order, each with what there
// is to say of it. It writes no file and nothing to the bank.
package export

import (
	"context"
	"fmt"
	"slices"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/manifest/write"
	"github.com/poolsync/poolsync/internal/pool"
)

// Reader is what exporting needs of the Data API.
type Reader interface {
	bank.PoolReader
	bank.MemberReader
	bank.PageReader
}

// Exporter exports pools of one bank.
type Exporter struct {
	Reader  Reader
	Bank    pool.Bank
	Entries map[pool.Key]pool.Entry
	finder  *bank.Finder
}

// Exported is one live pool, and what became of it. Reason says why it cannot be
// written as a manifest; then Pool is nothing.
type Exported struct {
	pool.Key
	Pool      write.Pool
	FromState bool
	Reason    string
}

// tries is how often a pool is read that changes while it is read.
const tries = 3

// Page exports some pools, at most as many as one get returns.
func (x *Exporter) Page(ctx context.Context, page []pool.Live) ([]Exported, error) {
	if x.finder == nil {
		x.finder = bank.NewFinder(x.Reader, x.Bank)
	}
	out := make([]Exported, len(page))
	var open []int
	for i, l := range page {
		out[i].Key = pool.Key{Bank: x.Bank, Reference: l.Reference}
		if !x.known(&out[i], l) {
			open = append(open, i)
		}
	}
	page = slices.Clone(page)
	for try := 1; len(open) > 0; try++ {
		var err error
		if open, err = x.read(ctx, page, out, open, try == tries); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// known takes what needs no look into the pool: one that the state vouches for, and
// one that a look would not tell the truth about.
func (x *Exporter) known(out *Exported, l pool.Live) bool {
	e, recorded := x.Entries[out.Key]
	recorded = recorded && e.Sent != nil && e.Pending == nil
	switch {
	case l.Status == pool.Pending:
		out.Reason = "a job is running on it; export it when the job has ended"
		return true
	case recorded && !e.TouchedBy(l):
		out.Pool, out.FromState = fromState(out.Key, l, e), true
		return true
	case l.Status == pool.Halted:
		out.Reason = "its last job halted: whether it is published, and whether what it holds is whole, cannot be told"
		return true
	}
	return false
}

// fromState writes what was applied. Where the server keeps a text in another form
// than it was sent, what was sent is what the next plan compares with.
func fromState(k pool.Key, l pool.Live, e pool.Entry) write.Pool {
	p := write.Pool{Declared: pool.Declared{Key: k, Spec: e.Sent.Spec, Snapshot: e.Sent.Snapshot, Corrections: e.Sent.Corrections}}
	if e.ReadBack == nil || e.ReadBack.Name != l.Name {
		p.Name = l.Name
	}
	if e.ReadBack == nil || e.ReadBack.Description != l.Description {
		p.Description = l.Description
	}
	if l.Status == pool.Published || l.Status == pool.Unpublished {
		p.Status = l.Status
	}
	return p
}

// read looks into the open pools of a page, and then at their records again: what
// was read of a pool that moved meanwhile may be half of the old and half of the
// new. It returns those that are to be read again.
func (x *Exporter) read(ctx context.Context, page []pool.Live, out []Exported, open []int, last bool) (again []int, err error) {
	copies := make([]bank.Copies, len(open))
	errs, err := bank.Each(ctx, len(open), func(ctx context.Context, n int) (err error) {
		copies[n], err = bank.Inside(ctx, x.Reader, out[open[n]].Key, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	keys := make([]pool.Key, len(open))
	for n, i := range open {
		keys[n] = out[i].Key
	}
	now, err := bank.Live(ctx, x.Reader, keys)
	if err != nil {
		return nil, err
	}
	var whole []int
	for n, i := range open {
		l, live := now.Live[out[i].Key]
		switch {
		case !live:
			out[i].Reason = "it vanished while it was exported"
		case l.Status == pool.Pending:
			out[i].Reason = "a job began on it while it was exported; export it when the job has ended"
		case l != page[i] && last:
			out[i].Reason = "it changed each time that it was read; export it again"
		case l != page[i]:
			page[i], again = l, append(again, i)
		case errs[n] != nil:
			out[i].Reason = "what it holds cannot be read: " + errs[n].Error()
			if l.Status == pool.Unpublished {
				out[i].Reason = "an unpublished pool that cannot be looked into: " + errs[n].Error()
			}
		case len(copies[n].Items)+len(copies[n].Activities) == 0:
			out[i].Reason = "it holds nothing, or nothing that is shown; a manifest needs one entry at least"
		default:
			whole = append(whole, n)
		}
	}
	return again, x.write(ctx, page, out, open, copies, whole)
}

// write makes manifests of what was read.
func (x *Exporter) write(ctx context.Context, page []pool.Live, out []Exported, open []int, copies []bank.Copies, whole []int) error {
	_, err := bank.Each(ctx, len(whole), func(ctx context.Context, n int) error {
		i := open[whole[n]]
		out[i].Pool = x.fromBank(ctx, out[i].Key, page[i], copies[whole[n]])
		return nil
	})
	return err
}

// fromBank names the pool's activities, and the items that they do not bring.
func (x *Exporter) fromBank(ctx context.Context, k pool.Key, l pool.Live, c bank.Copies) write.Pool {
	var content pool.Content
	for _, it := range c.Own() {
		content.Items = append(content.Items, it.Reference)
	}
	content.Activities = c.Content().Activities
	p := write.Pool{Declared: pool.Declared{Key: k, Spec: pool.Spec{
		Fields:  pool.Fields{Name: l.Name, Description: l.Description, Status: l.Status},
		Content: content.Normal(),
	}}}
	if e, recorded := x.Entries[k]; recorded && e.Sent != nil {
		p.Comment = append(p.Comment, "changed outside since poolsync wrote to it: these are the references that it holds now")
		p.Snapshot, p.Corrections = e.Sent.Snapshot, e.Sent.Corrections
		p.IgnoreEmpty, p.UnpublishedPublished = e.Sent.IgnoreEmpty, e.Sent.UnpublishedPublished
	}
	items, found, err := x.finder.Items(ctx, c)
	p.Items = selects("item_tags", items, found, err, len(content.Items), "item")
	activities, found, err := x.finder.Activities(ctx, c)
	p.Activities = selects("activity_tags", activities, found, err, len(content.Activities), "activity")
	return p
}

// selects says which entry could stand for a list.
func selects(field string, s pool.Selector, found bool, err error, n int, one string) []string {
	switch {
	case err != nil:
		return []string{"which tags select these could not be looked up: " + err.Error()}
	case !found:
		return nil
	}
	these := fmt.Sprintf("these %d are", n)
	if n == 1 {
		these = "this " + one + " is"
	}
	return []string{
		these + " exactly what one tag entry selects in the bank today; to follow the tag instead:",
		field + ": [" + write.Selector(s) + "]",
	}
}
