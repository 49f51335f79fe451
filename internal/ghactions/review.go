package ghactions

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Review is what the comment of a merged pull request says of a plan.
type Review struct {
	Pull   int    // 0: there is none
	Digest string // of the plan that was shown there
	Same   bool
	Moved  []string // Markdown: what differs
}

// maxCommits is how many commits of a push are asked for their pull requests.
const maxCommits = 10

// mergedPulls are the pull requests that this run's commits came by.
func (d *Delivery) mergedPulls(ctx context.Context) ([]int, error) {
	commits := append(slices.Clone(d.Run.Commits), d.Run.SHA)
	slices.Reverse(commits)
	var out []int
	for i, commit := range commits {
		if i >= maxCommits || commit == "" || slices.Contains(commits[:i], commit) {
			continue
		}
		pulls, err := d.platform.pullsOf(ctx, commit)
		if err != nil {
			return out, err
		}
		for _, n := range pulls {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// reviewed finds the plan that was reviewed: that of the pull request that this
// run merges or has merged.
func (d *Delivery) reviewed(ctx context.Context) (pull int, mark marker, err error) {
	var pulls []int
	switch {
	case d.Run.Pull != nil:
		pulls = []int{d.Run.Pull.Number}
	case d.Run.Merged():
		if pulls, err = d.mergedPulls(ctx); err != nil {
			return 0, mark, err
		}
	}
	for _, n := range pulls {
		was, err := d.platform.comment(ctx, n, d.target())
		if err != nil {
			return n, mark, err
		}
		if was != nil {
			return n, was.mark, nil
		}
	}
	return 0, mark, nil
}

// ReviewedDigest is the digest that stands for the input expect-plan: reviewed.
func (d *Delivery) ReviewedDigest(ctx context.Context) (string, error) {
	if d.connect(); d.platform == nil {
		return "", fmt.Errorf("expect-plan: reviewed needs the input github-token")
	}
	pull, mark, err := d.reviewed(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("expect-plan: reviewed: look for the comment with the plan: %w", err)
	case pull == 0:
		return "", fmt.Errorf("expect-plan: reviewed: no pull request of this run has a comment with a plan of %s", d.name())
	case mark.Digest == "":
		return "", fmt.Errorf("expect-plan: reviewed: the comment of #%d shows no plan that was made with the bank's answers", pull)
	}
	return mark.Digest, nil
}

// compare looks whether a plan on the default branch is the one that was reviewed.
func (d *Delivery) compare(ctx context.Context) {
	queued := d.Run.Pull != nil && d.Run.Pull.Queued
	if d.platform == nil || d.Inputs.Command != Plan || d.Report.Digest == "" || !(d.Run.Merged() || queued) {
		return
	}
	pull, mark, err := d.reviewed(ctx)
	if err != nil {
		d.excuse(err, "comparison with the reviewed plan", "pull-requests: read")
		return
	}
	if pull == 0 {
		return
	}
	d.review = Review{Pull: pull, Digest: mark.Digest, Same: mark.Digest == d.Report.Digest}
	if !d.review.Same {
		for _, line := range moved(mark, d.Report.Changes) {
			d.review.Moved = append(d.review.Moved, d.Report.Span(line))
		}
	}
}

// maxMoved is how many lines of what moved are shown.
const maxMoved = 50

// line is what the summary says of the review, before all else.
func (r Review) line() string {
	switch {
	case r.Pull == 0:
		return ""
	case r.Same:
		return fmt.Sprintf("> As reviewed in #%d.\n\n", r.Pull)
	case r.Digest == "":
		return fmt.Sprintf("> **Not reviewed:** the comment of #%d shows no plan that was made with the bank's answers.\n\n", r.Pull)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "> **Not as reviewed in #%d.** Since then:\n>\n", r.Pull)
	for i, line := range r.Moved {
		if i == maxMoved {
			fmt.Fprintf(&b, "> - and %d more\n", len(r.Moved)-i)
			break
		}
		fmt.Fprintf(&b, "> - %s\n", line)
	}
	if len(r.Moved) == 0 {
		b.WriteString("> - changes that the comment has no room for\n")
	}
	return b.String() + "\n"
}
