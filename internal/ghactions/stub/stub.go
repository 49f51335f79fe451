// Package stub stands in for the platform's API in tests: the comments, issues
// and pull requests of one repository, kept in memory and served over HTTP with
// paging, permissions and rate limits. Requests come in, answers and what was
// written go out. It serves nothing else and checks no more of a request than
// poolsync relies on.
package stub

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Comment is a comment of an issue or a pull request.
type Comment struct {
	ID     int64  `json:"id"`
	Number int    `json:"-"`
	Author string `json:"-"`
	Body   string `json:"body"`
	Edits  int    `json:"-"`
}

// Issue is an issue.
type Issue struct {
	Number int      `json:"number"`
	Author string   `json:"-"`
	Title  string   `json:"title"`
	Body   string   `json:"body"`
	State  string   `json:"state"`
	Labels []string `json:"-"`
	Edits  int      `json:"-"`
}

// Fault is an answer that a request gets instead of its own.
type Fault struct {
	Method, Path string // Path is the end of the address
	Status       int
	RetryAfter   string // of a secondary rate limit
	Times        int
	Done         bool // the work is done all the same
}

// Platform is the stand-in. Its fields are set before it serves, or under Do.
type Platform struct {
	Repository string // owner/name
	Token      string // empty: any
	Login      string // whose the token is
	// Says how GET /user and GraphQL answer: with Login, or 403 as to the token of a job.
	KnowsUser bool
	// ReadOnly refuses what writes, as it is for a fork's pull request.
	ReadOnly bool
	// Hidden answers 404 to what the token may not do.
	Hidden   bool
	Down     bool
	Comments []*Comment
	Issues   []*Issue
	// Pulls are the numbers of the merged pull requests by commit.
	Pulls  map[string][]int
	Faults []*Fault

	mu    sync.Mutex
	ids   int64
	Calls []string // what was asked for: method and path
}

// Do runs f while nothing is served.
func (p *Platform) Do(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// AddComment puts a comment there, written by somebody.
func (p *Platform) AddComment(number int, author, body string) *Comment {
	p.ids++
	c := &Comment{ID: p.ids, Number: number, Author: author, Body: body}
	p.Comments = append(p.Comments, c)
	return c
}

// AddIssue puts an issue there, written by somebody.
func (p *Platform) AddIssue(author, title, body string, labels ...string) *Issue {
	p.ids++
	i := &Issue{Number: int(p.ids) + 100, Author: author, Title: title, Body: body, State: "open", Labels: labels}
	p.Issues = append(p.Issues, i)
	return i
}

// On returns the comments of an issue or a pull request.
func (p *Platform) On(number int) []Comment {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Comment
	for _, c := range p.Comments {
		if c.Number == number {
			out = append(out, *c)
		}
	}
	return out
}

// ServeHTTP answers a request.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Calls = append(p.Calls, r.Method+" "+r.URL.Path)
	if p.Down {
		refuse(w, http.StatusBadGateway, "down")
		return
	}
	if p.Token != "" && r.Header.Get("Authorization") != "Bearer "+p.Token {
		refuse(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	if f := p.fault(r); f != nil {
		if f.Done {
			p.route(&discard{h: http.Header{}}, r)
		}
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
			refuse(w, f.Status, "You have exceeded a secondary rate limit")
			return
		}
		refuse(w, f.Status, "fault")
		return
	}
	if p.ReadOnly && r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/graphql") {
		if p.Hidden {
			refuse(w, http.StatusNotFound, "Not Found")
			return
		}
		refuse(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	p.route(w, r)
}

// discard is where the answer goes that gets lost.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func (p *Platform) fault(r *http.Request) *Fault {
	for _, f := range p.Faults {
		if f.Times > 0 && f.Method == r.Method && strings.HasSuffix(r.URL.Path, f.Path) {
			f.Times--
			return f
		}
	}
	return nil
}

func (p *Platform) route(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/user" || r.URL.Path == "/graphql" {
		p.user(w, r)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/repos/"+p.Repository+"/")
	if !ok {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	part := strings.Split(rest, "/")
	number := 0
	if len(part) > 1 {
		number, _ = strconv.Atoi(part[len(part)-1])
		if len(part) == 3 && part[2] == "comments" {
			number, _ = strconv.Atoi(part[1])
		}
	}
	switch {
	case len(part) == 3 && part[0] == "issues" && part[2] == "comments":
		p.comments(w, r, number)
	case len(part) == 3 && part[0] == "issues" && part[1] == "comments" && r.Method == http.MethodPatch:
		p.editComment(w, r, int64(number))
	case len(part) == 1 && part[0] == "issues":
		p.issues(w, r)
	case len(part) == 2 && part[0] == "issues" && r.Method == http.MethodPatch:
		p.editIssue(w, r, number)
	case len(part) == 3 && part[0] == "commits" && part[2] == "pulls":
		var out []any
		for _, n := range p.Pulls[part[1]] {
			out = append(out, map[string]any{"number": n, "merged_at": "2026-11-20T10:00:00Z"})
		}
		page(w, r, out)
	default:
		refuse(w, http.StatusNotFound, "Not Found")
	}
}

func (p *Platform) user(w http.ResponseWriter, r *http.Request) {
	switch {
	case !p.KnowsUser:
		refuse(w, http.StatusForbidden, "Resource not accessible by integration")
	case r.URL.Path == "/user":
		answer(w, http.StatusOK, map[string]any{"login": p.Login})
	default:
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"viewer": map[string]any{"login": p.Login}}})
	}
}

func (p *Platform) me() string { return cmp.Or(p.Login, "github-actions[bot]") }

func (p *Platform) showComment(c *Comment) map[string]any {
	return map[string]any{
		"id": c.ID, "body": c.Body, "user": map[string]any{"login": c.Author},
		"html_url": fmt.Sprintf("https://platform.test/%s/issues/%d#issuecomment-%d", p.Repository, c.Number, c.ID),
	}
}

func (p *Platform) showIssue(i *Issue) map[string]any {
	return map[string]any{
		"number": i.Number, "title": i.Title, "body": i.Body, "state": i.State, "user": map[string]any{"login": i.Author},
		"html_url": fmt.Sprintf("https://platform.test/%s/issues/%d", p.Repository, i.Number),
	}
}

// maxBody is how many characters a body may have.
const maxBody = 65536

func (p *Platform) comments(w http.ResponseWriter, r *http.Request, number int) {
	if r.Method == http.MethodPost {
		var in Comment
		if !read(w, r, &in) || tooLong(w, in.Body) {
			return
		}
		answer(w, http.StatusCreated, p.showComment(p.AddComment(number, p.me(), in.Body)))
		return
	}
	var out []any
	for _, c := range p.Comments {
		if c.Number == number {
			out = append(out, p.showComment(c))
		}
	}
	page(w, r, out)
}

func (p *Platform) editComment(w http.ResponseWriter, r *http.Request, id int64) {
	i := slices.IndexFunc(p.Comments, func(c *Comment) bool { return c.ID == id })
	var in Comment
	if i < 0 {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	if !read(w, r, &in) || tooLong(w, in.Body) {
		return
	}
	p.Comments[i].Body, p.Comments[i].Edits = in.Body, p.Comments[i].Edits+1
	answer(w, http.StatusOK, p.showComment(p.Comments[i]))
}

// issueRequest is what an issue is made or changed by.
type issueRequest struct {
	Title, Body, State *string
	Labels             []string
}

func (p *Platform) issues(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		var in issueRequest
		if read(w, r, &in) && !tooLong(w, *in.Body) {
			answer(w, http.StatusCreated, p.showIssue(p.AddIssue(p.me(), *in.Title, *in.Body, in.Labels...)))
		}
		return
	}
	q := r.URL.Query()
	var out []any
	for _, i := range slices.Backward(p.Issues) {
		if s := cmp.Or(q.Get("state"), "open"); s != "all" && s != i.State {
			continue
		}
		if l := q.Get("labels"); l != "" && !slices.Contains(i.Labels, l) {
			continue
		}
		out = append(out, p.showIssue(i))
	}
	page(w, r, out)
}

func (p *Platform) editIssue(w http.ResponseWriter, r *http.Request, number int) {
	n := slices.IndexFunc(p.Issues, func(i *Issue) bool { return i.Number == number })
	if n < 0 {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	var in issueRequest
	if !read(w, r, &in) || (in.Body != nil && tooLong(w, *in.Body)) {
		return
	}
	i := p.Issues[n]
	for _, f := range []struct{ to, from *string }{{&i.Title, in.Title}, {&i.Body, in.Body}, {&i.State, in.State}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	i.Edits++
	answer(w, http.StatusOK, p.showIssue(i))
}

func tooLong(w http.ResponseWriter, body string) bool {
	if len(body) <= maxBody {
		return false
	}
	refuse(w, http.StatusUnprocessableEntity, "Body is too long (maximum is 65536 characters)")
	return true
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "Problems parsing JSON")
		return false
	}
	return true
}

// page answers with one page of a list, and with where the next one is.
func page(w http.ResponseWriter, r *http.Request, all []any) {
	q := r.URL.Query()
	number := func(name string, fallback, most int) int {
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 1 {
			n = fallback
		}
		return min(n, most)
	}
	size, n := number("per_page", 30, 100), number("page", 1, 1000)
	from, to := min((n-1)*size, len(all)), min(n*size, len(all))
	if to < len(all) {
		q.Set("page", strconv.Itoa(n+1))
		w.Header().Set("Link", fmt.Sprintf("<http://%s%s?%s>; rel=\"next\"", r.Host, r.URL.Path, q.Encode()))
	}
	answer(w, http.StatusOK, append([]any{}, all[from:to]...))
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-RateLimit-Remaining", "4999")
	w.Header().Set("X-RateLimit-Limit", "5000")
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, message string) {
	doc := map[string]string{"message": message, "documentation_url": "https://docs.github.com/rest"}
	if w.Header().Get("Retry-After") != "" {
		doc["documentation_url"] = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	}
	answer(w, status, doc)
}
