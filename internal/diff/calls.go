package diff

import (
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
)

// setCall builds a set of the whole pool: all fields, since what is left out
// may be reset to its default (pools endpoint, set). Without a label of its own it
// ends the one before, which the pool then no longer is.
func setCall(op pool.Operation, d *pool.Declared, e *pool.Entry, overwrite bool) Call {
	description, ignoreEmpty := d.Description, d.IgnoreEmpty
	after := pool.Sent{Spec: d.Spec, Snapshot: d.Snapshot, Corrections: d.Corrections}
	if e != nil && e.Sent != nil {
		after.Labels = slices.Clone(e.Sent.Labels)
		after.Corrections = mergeCorrections(e.Sent.Corrections, d.Corrections)
	}
	if d.Snapshot != "" && !slices.Contains(after.Labels, d.Snapshot) {
		after.Labels = append(after.Labels, d.Snapshot)
	}
	return Call{
		Operation: op,
		Verb:      pool.Set,
		Request: pool.Request{
			Reference:            d.Reference,
			Name:                 d.Name,
			Description:          &description,
			Status:               d.Status,
			Overwrite:            overwrite,
			IgnoreEmpty:          &ignoreEmpty,
			UnpublishedPublished: d.UnpublishedPublished,
			Content:              d.Content,
		},
		After: after,
	}
}

// mergeCorrections adds the declared corrections to the recorded ones.
func mergeCorrections(recorded, declared []pool.Correction) []pool.Correction {
	out := slices.Clone(recorded)
	for _, c := range declared {
		if !slices.ContainsFunc(out, func(o pool.Correction) bool { return o.ID == c.ID }) {
			out = append(out, c)
		}
	}
	return out
}

// update is a pool's name and status over its one or two updates of a run.
type update struct {
	declared *pool.Declared // nil for a retire
	entry    *pool.Entry
	live     *pool.Live
	name     string
	// target is the status that the pool is to have in the end, live the one
	// that it has.
	target, now pool.Status
	held        bool
	// known is what is declared anew and in the pool already: it is recorded with
	// whatever call is made.
	known pool.Content
}

// recorded is what is recorded of a pool that is as declared without a call.
func (u update) recorded() *pool.Sent {
	after := *u.entry.Sent
	if u.known.Len() > 0 {
		after.Content, after.UnpublishedPublished = after.Content.Union(u.known), u.declared.UnpublishedPublished
	}
	return &after
}

// liveStatus is the pool's status. Where a halted job has hidden it, it is the
// one that was seen last, so that trying again does not publish a held pool.
func liveStatus(e *pool.Entry, l *pool.Live) pool.Status {
	for _, seen := range []*pool.Live{l, e.ReadBack} {
		if seen != nil && (seen.Status == pool.Published || seen.Status == pool.Unpublished) {
			return seen.Status
		}
	}
	return e.Sent.Status
}

// status gives the status that a call carries. Publishing rides on the last
// call, so that nobody is served a pool half changed; unpublishing on the first.
func (u update) status(last bool) pool.Status {
	if last || u.target == pool.Unpublished {
		return u.target
	}
	return u.now
}

// call builds an update. It always carries name and status, whose documented
// default would publish the pool, and never description or
// ignore_empty_additional_tags, which update does not document.
func (u update) call(op pool.Operation, content pool.Content, overwrite, last bool) Call {
	after := *u.recorded()
	after.Name, after.Status = u.name, u.status(last)
	if u.held {
		after.Status = u.entry.Sent.Status
	}
	flag := after.UnpublishedPublished
	if u.declared != nil {
		flag = u.declared.UnpublishedPublished
	}
	if op == pool.OpAppend {
		after.Content = after.Content.Union(content)
		after.UnpublishedPublished = flag
	}
	return Call{
		Operation: op,
		Verb:      pool.Update,
		Request: pool.Request{
			Reference:            u.live.Reference,
			Name:                 u.name,
			Status:               u.status(last),
			Overwrite:            overwrite,
			UnpublishedPublished: flag,
			Content:              content,
		},
		After: after,
	}
}
