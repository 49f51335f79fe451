package ghactions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-github/v84/github"
)

// platform is the part of the platform's API that is used, for one repository.
type platform struct {
	api         *github.Client
	owner, repo string
	graphQL     string
	login       string // who we are, once it was asked for
}

const (
	// answerTimeout bounds the wait for an answer; the context bounds all of them.
	answerTimeout = 20 * time.Second
	// maxTries is how often a request is made that the platform could not answer.
	maxTries = 4
	// maxWait is how long the platform may ask us to wait before we do without it.
	maxWait = 60 * time.Second
	// perPage is the most entries that the platform returns at once.
	perPage = 100
	// maxPages bounds how far back a comment or an issue is looked for.
	maxPages = 30
)

// newPlatform returns a client for the run's repository. transport is nil for
// the ordinary one.
func newPlatform(run Run, token string, transport http.RoundTripper) (*platform, error) {
	base, err := url.Parse(run.API + "/")
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("GITHUB_API_URL %q is no address", run.API)
	}
	if transport == nil {
		patient := http.DefaultTransport.(*http.Transport).Clone()
		patient.ResponseHeaderTimeout = answerTimeout
		transport = patient
	}
	api := github.NewClient(&http.Client{Transport: transport}).WithAuthToken(token)
	api.BaseURL = base
	api.UserAgent = "poolsync"
	return &platform{api: api, owner: run.Owner, repo: run.Repository, graphQL: run.GraphQL}, nil
}

// try makes a request until the platform answers it. A creation is made by a do
// that first looks whether it was made before: an answer may be lost.
func (p *platform) try(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		wait, again := retry(err, n)
		if !again || n == maxTries {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// retry says whether, and after what time, a request is made again.
func retry(err error, n int) (time.Duration, bool) {
	if err == nil {
		return 0, false
	}
	if limited, ok := errors.AsType[*github.AbuseRateLimitError](err); ok {
		wait := time.Duration(n*n) * time.Second
		if limited.RetryAfter != nil {
			wait = *limited.RetryAfter
		}
		return wait, wait <= maxWait
	}
	if limited, ok := errors.AsType[*github.RateLimitError](err); ok {
		wait := time.Until(limited.Rate.Reset.Time)
		return max(wait, time.Second), wait <= maxWait
	}
	if status(err) >= 400 && status(err) < 500 {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// status is the HTTP status of an answer that is an error, 0 if there was none.
func status(err error) int {
	if e, ok := errors.AsType[*github.ErrorResponse](err); ok && e.Response != nil {
		return e.Response.StatusCode
	}
	return 0
}

// forbidden reports whether the token may not do what was asked: the platform
// says 404, too, where it does not want to say that there is something.
func forbidden(err error) bool {
	switch status(err) {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return true
	default:
		return false
	}
}

// actionsBot is the author of what the token of a job writes.
const actionsBot = "github-actions[bot]"

// me is the login that the token writes under. What someone else wrote is never
// taken for ours.
func (p *platform) me(ctx context.Context) (string, error) {
	if p.login != "" {
		return p.login, nil
	}
	login, err := p.viewer(ctx)
	if err == nil && login == "" {
		login, err = p.user(ctx)
	}
	if login == "" && err == nil {
		login = actionsBot
	}
	p.login = login
	return login, err
}

// viewer asks GraphQL, which knows the token of a job and that of an app, too.
func (p *platform) viewer(ctx context.Context) (string, error) {
	if p.graphQL == "" {
		return "", nil
	}
	var answer struct {
		Data struct {
			Viewer struct {
				Login string `json:"login"`
			} `json:"viewer"`
		} `json:"data"`
	}
	err := p.try(ctx, func() error {
		req, err := p.api.NewRequest(http.MethodPost, p.graphQL, map[string]string{"query": "{viewer{login}}"})
		if err != nil {
			return err
		}
		_, err = p.api.Do(ctx, req, &answer)
		return err
	})
	if forbidden(err) {
		err = nil
	}
	return answer.Data.Viewer.Login, err
}

func (p *platform) user(ctx context.Context) (login string, err error) {
	err = p.try(ctx, func() error {
		u, _, err := p.api.Users.Get(ctx, "")
		login = u.GetLogin()
		return err
	})
	if forbidden(err) {
		err = nil
	}
	return login, err
}

// found is a comment or an issue of ours.
type found struct {
	id   int64 // of a comment; of an issue, its number
	url  string
	body string
	mark marker
	rest string // the body without its marker
}

// comment finds the comment of a pull request that is about a target.
func (p *platform) comment(ctx context.Context, pull int, target string) (*found, error) {
	login, err := p.me(ctx)
	if err != nil {
		return nil, err
	}
	opts := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: perPage}}
	for range maxPages {
		var page []*github.IssueComment
		var resp *github.Response
		err := p.try(ctx, func() (err error) {
			page, resp, err = p.api.Issues.ListComments(ctx, p.owner, p.repo, pull, opts)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, c := range page {
			mark, rest, ok := readMarker(c.GetBody())
			if ok && mark.Kind == kindPlan && mark.Target == target && c.GetUser().GetLogin() == login {
				return &found{id: c.GetID(), url: c.GetHTMLURL(), body: c.GetBody(), mark: mark, rest: rest}, nil
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	return nil, nil
}

// put writes the comment of a pull request: the one that is there, or a new one.
func (p *platform) put(ctx context.Context, pull int, mark marker, rest string, onlyIfThere bool) (address string, err error) {
	body := mark.String() + "\n" + rest
	err = p.try(ctx, func() error {
		was, err := p.comment(ctx, pull, mark.Target)
		switch {
		case err != nil:
			return err
		case was == nil && onlyIfThere:
			return nil
		case was == nil:
			made, _, err := p.api.Issues.CreateComment(ctx, p.owner, p.repo, pull, &github.IssueComment{Body: &body})
			address = made.GetHTMLURL()
			return err
		case was.body == body:
			address = was.url
			return nil
		}
		made, _, err := p.api.Issues.EditComment(ctx, p.owner, p.repo, was.id, &github.IssueComment{Body: &body})
		address = made.GetHTMLURL()
		return err
	})
	return address, err
}

// pullsOf returns the numbers of the pull requests that a commit came by.
func (p *platform) pullsOf(ctx context.Context, commit string) (numbers []int, err error) {
	err = p.try(ctx, func() error {
		pulls, _, err := p.api.PullRequests.ListPullRequestsWithCommit(ctx, p.owner, p.repo, commit, &github.ListOptions{PerPage: perPage})
		numbers = nil
		for _, pr := range pulls {
			if pr.MergedAt != nil {
				numbers = append(numbers, pr.GetNumber())
			}
		}
		return err
	})
	return numbers, err
}
