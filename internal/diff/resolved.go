package diff

import "github.com/poolsync/poolsync/internal/pool"

// Resolved is what a change brings, in items of the bank: how many the pool holds
// before and after, and which come and go. A figure that cannot be told is nil.
type Resolved struct {
	Before  *int     `json:"before"`
	After   *int     `json:"after"`
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	// Activities are the same of activities, where there are any.
	Activities *Resolved `json:"activities,omitempty"`
	// Unreadable says why the pool could not be looked into.
	Unreadable string `json:"unreadable,omitempty"`
	// Uncertain counts what the bank selects although its tags differ in letter case.
	Uncertain int `json:"uncertain,omitempty"`
}

// Count returns a figure that is known.
//
//go:fix inline
func Count(n int) *int { return new(n) }

// Compare fills in the figures from what the pool holds before and after.
func (r *Resolved) Compare(before, after pool.Content) {
	r.compare(before.Items, after.Items, after.Minus(before).Items, before.Minus(after).Items)
	if len(before.Activities)+len(after.Activities) > 0 {
		r.Activities = &Resolved{}
		r.Activities.compare(before.Activities, after.Activities, after.Minus(before).Activities, before.Minus(after).Activities)
	}
}

func (r *Resolved) compare(before, after, added, removed []string) {
	r.Before, r.After = new(len(before)), new(len(after))
	r.Added, r.Removed = append([]string{}, added...), append([]string{}, removed...)
}
