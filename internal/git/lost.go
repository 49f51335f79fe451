package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Lost is a commit that was the tip of a branch when it was last seen here, and is
// not part of the branch any more.
type Lost struct {
	Commit string
	Ref    string // keeps it; "" where nothing may be written
	How    How
	Tip    string // where the branch is now, "" if it is gone
}

// How a branch lost a commit.
type How string

// The ways.
const (
	Gone      How = "gone"      // there is no such branch
	Rewound   How = "rewound"   // it was set back to an older commit of its own
	Rewritten How = "rewritten" // it was begun anew, or goes on from elsewhere
)

// seenRef is the reference of the last commit that was read from or written to the
// branch: what it reaches need not be fetched again.
func (b Branch) seenRef() string { return "refs/poolsync/seen/" + b.Name }

// lostRefs is where commits are kept that the branch has lost. A new first commit
// of the branch never takes their place.
func (b Branch) lostRefs() string { return "refs/poolsync/lost/" + b.Name + "/" }

// past is what is known here of the branch.
type past struct {
	seen string
	lost []string
}

func (b Branch) past(ctx context.Context) (past, error) {
	var p past
	out, err := b.Line(ctx, "for-each-ref", "--format=%(refname) %(objectname)", b.seenRef(), b.lostRefs())
	if err != nil {
		return p, err
	}
	for line := range strings.Lines(out) {
		switch ref, id, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case ref == b.seenRef():
			p.seen = id
		case strings.HasPrefix(ref, b.lostRefs()):
			p.lost = append(p.lost, id)
		}
	}
	return p, nil
}

// lost tells what of the past is not part of the branch, and keeps it. What is
// part of it again, or of something else that is kept, needs no keeping.
func (b Branch) lost(ctx context.Context, tip string, p past) ([]Lost, error) {
	var ids []string
	var cmds strings.Builder
	for _, id := range append([]string{p.seen}, p.lost...) {
		inside := tip != "" && (id == tip || b.contains(ctx, tip, id))
		if id != "" && !inside && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	whole := slices.Clone(ids)
	ids = slices.DeleteFunc(ids, func(id string) bool {
		return slices.ContainsFunc(whole, func(other string) bool { return other != id && b.contains(ctx, other, id) })
	})
	for _, id := range p.lost {
		if !slices.Contains(ids, id) {
			fmt.Fprintf(&cmds, "delete %s\n", b.lostRefs()+id)
		}
	}
	var out []Lost
	for _, id := range ids {
		l := Lost{Commit: id, Ref: b.lostRefs() + id, Tip: tip, How: Gone}
		if tip != "" {
			if l.How = Rewritten; b.contains(ctx, id, tip) {
				l.How = Rewound
			}
		}
		if !slices.Contains(p.lost, id) {
			fmt.Fprintf(&cmds, "update %s %s\n", l.Ref, id)
		}
		out = append(out, l)
	}
	if p.seen != "" && tip == "" { // what is lost is told until its own reference goes
		fmt.Fprintf(&cmds, "delete %s\n", b.seenRef())
	}
	if b.sealed || cmds.Len() == 0 {
		return out, nil
	}
	if _, err := b.Run(ctx, strings.NewReader(cmds.String()), "update-ref", "--stdin"); err != nil {
		return out, fmt.Errorf("keep what the branch %s has lost: %w", b.Name, err)
	}
	return out, nil
}

// contains reports whether a commit has another in its past, as far as it is here.
func (b Branch) contains(ctx context.Context, commit, other string) bool {
	_, err := b.Run(ctx, nil, "merge-base", "--is-ancestor", other, commit)
	return err == nil
}

// ErrMissing says that an object of the branch is not in this repository, and not
// to be had of the remote.
var ErrMissing = errors.New("an object is missing in this repository")
