package ghactions

import (
	"context"

	"github.com/google/go-github/v84/github"
)

// IssueLabel is the label of the issues about drift.
const IssueLabel = "poolsync-drift"

// openIssue finds the open issue about a target's drift.
func (p *platform) openIssue(ctx context.Context, target string) (*found, error) {
	login, err := p.me(ctx)
	if err != nil {
		return nil, err
	}
	opts := &github.IssueListByRepoOptions{
		State: "open", Labels: []string{IssueLabel}, ListOptions: github.ListOptions{PerPage: perPage},
	}
	for range maxPages {
		var page []*github.Issue
		var resp *github.Response
		err := p.try(ctx, func() (err error) {
			page, resp, err = p.api.Issues.ListByRepo(ctx, p.owner, p.repo, opts)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			mark, rest, ok := readMarker(i.GetBody())
			if ok && !i.IsPullRequest() && mark.Kind == kindDrift && mark.Target == target && i.GetUser().GetLogin() == login {
				return &found{id: int64(i.GetNumber()), url: i.GetHTMLURL(), body: i.GetBody(), mark: mark, rest: rest}, nil
			}
		}
		if opts.ListOptions.Page = resp.NextPage; opts.ListOptions.Page == 0 {
			break
		}
	}
	return nil, nil
}

// reportDrift brings the issue up to date with what drifted: it is opened where
// there is none, its body written anew, and a comment added only if something
// else drifted than the last time.
func (p *platform) reportDrift(ctx context.Context, title string, mark marker, rest, news string) (address string, err error) {
	body, told := mark.String()+"\n"+rest, false
	err = p.try(ctx, func() error {
		was, err := p.openIssue(ctx, mark.Target)
		if err != nil {
			return err
		}
		if was == nil {
			made, _, err := p.api.Issues.Create(ctx, p.owner, p.repo, &github.IssueRequest{Title: &title, Body: &body, Labels: &[]string{IssueLabel}})
			address = made.GetHTMLURL()
			return err
		}
		address = was.url
		if was.mark.Digest != mark.Digest && !told {
			// Told first: should the body then not be written, the next run tells it again.
			if _, _, err := p.api.Issues.CreateComment(ctx, p.owner, p.repo, int(was.id), &github.IssueComment{Body: &news}); err != nil {
				return err
			}
			told = true
		}
		if was.body == body {
			return nil
		}
		_, _, err = p.api.Issues.Edit(ctx, p.owner, p.repo, int(was.id), &github.IssueRequest{Title: &title, Body: &body})
		return err
	})
	return address, err
}

// endDrift closes the issue, if there is one, with a sentence.
func (p *platform) endDrift(ctx context.Context, target, sentence string) (address string, err error) {
	told := false
	err = p.try(ctx, func() error {
		was, err := p.openIssue(ctx, target)
		if err != nil || was == nil {
			return err
		}
		address = was.url
		if !told {
			if _, _, err := p.api.Issues.CreateComment(ctx, p.owner, p.repo, int(was.id), &github.IssueComment{Body: &sentence}); err != nil {
				return err
			}
			told = true
		}
		closed, reason := "closed", "completed"
		_, _, err = p.api.Issues.Edit(ctx, p.owner, p.repo, int(was.id), &github.IssueRequest{State: &closed, StateReason: &reason})
		return err
	})
	return address, err
}
