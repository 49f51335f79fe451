package ghactions

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Run is the run of a workflow that the program is part of.
type Run struct {
	Event      string // push, pull_request, schedule and so on
	Owner      string // of the repository
	Repository string // its name
	SHA        string // what is checked out
	Actor      string
	Server     string // https://github.com
	API        string // https://api.github.com
	GraphQL    string
	ID         string
	Attempt    string
	Workspace  string
	Temp       string
	Output     string // GITHUB_OUTPUT
	SummaryTo  string // GITHUB_STEP_SUMMARY
	Pull       *Pull  // of a pull request's event, or of a merge queue's
	Commits    []string
}

// Pull is the pull request that a run is about.
type Pull struct {
	Number int
	Head   string // the newest commit of it, which the merge commit checked out is made of
	// Foreign says that it comes from a fork or from Dependabot, whose runs have
	// no secrets.
	Foreign bool
	Queued  bool // it stands in a merge queue
}

// event is what is read of the event's payload.
type event struct {
	Number int `json:"number"`
	Pull   *struct {
		Number int `json:"number"`
		Head   struct {
			SHA  string `json:"sha"`
			Repo *struct {
				FullName string `json:"full_name"`
			} `json:"repo"`
		} `json:"head"`
		User struct {
			Login string `json:"login"`
		} `json:"user"`
	} `json:"pull_request"`
	MergeGroup *struct {
		HeadRef string `json:"head_ref"`
		HeadSHA string `json:"head_sha"`
	} `json:"merge_group"`
	Commits []struct {
		ID string `json:"id"`
	} `json:"commits"`
}

const dependabot = "dependabot[bot]"

// queueRef is the branch of a merge queue: it names the pull request that was
// queued last.
var queueRef = regexp.MustCompile(`^refs/heads/gh-readonly-queue/.+/pr-(\d+)-[0-9a-f]+$`)

// maxEvent bounds the payload that is read.
const maxEvent = 32 << 20

// ReadRun reads the run from the environment and the event's payload.
func ReadRun(getenv func(string) string) (Run, error) {
	r := Run{
		Event: getenv("GITHUB_EVENT_NAME"), SHA: getenv("GITHUB_SHA"), Actor: getenv("GITHUB_ACTOR"),
		Server: strings.TrimRight(getenv("GITHUB_SERVER_URL"), "/"), API: strings.TrimRight(getenv("GITHUB_API_URL"), "/"),
		GraphQL: getenv("GITHUB_GRAPHQL_URL"), ID: getenv("GITHUB_RUN_ID"), Attempt: getenv("GITHUB_RUN_ATTEMPT"),
		Workspace: getenv("GITHUB_WORKSPACE"), Temp: getenv("RUNNER_TEMP"),
		Output: getenv("GITHUB_OUTPUT"), SummaryTo: getenv("GITHUB_STEP_SUMMARY"),
	}
	r.Owner, r.Repository, _ = strings.Cut(getenv("GITHUB_REPOSITORY"), "/")
	if r.Event == "" || r.Repository == "" {
		return r, fmt.Errorf("this is no step of a GitHub Actions workflow: GITHUB_EVENT_NAME and GITHUB_REPOSITORY are not set")
	}
	if r.Event == "pull_request_target" || r.Event == "workflow_run" {
		return r, fmt.Errorf("poolsync does not run on %s, which hands secrets to what a fork wrote: use pull_request", r.Event)
	}
	var e event
	if err := readEvent(getenv("GITHUB_EVENT_PATH"), &e); err != nil {
		return r, fmt.Errorf("read the event: %w", err)
	}
	r.takeEvent(e)
	return r, nil
}

func readEvent(name string, e *event) error {
	if name == "" {
		return nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() > maxEvent {
		return fmt.Errorf("%s is larger than %d MiB", name, maxEvent>>20)
	}
	data, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, e)
}

func (r *Run) takeEvent(e event) {
	switch {
	case e.Pull != nil && strings.HasPrefix(r.Event, "pull_request"):
		p := &Pull{Number: e.Pull.Number, Head: e.Pull.Head.SHA}
		if p.Number == 0 {
			p.Number = e.Number
		}
		// A fork that was deleted has no repository any more.
		ours := e.Pull.Head.Repo != nil && strings.EqualFold(e.Pull.Head.Repo.FullName, r.Owner+"/"+r.Repository)
		p.Foreign = !ours || r.Actor == dependabot || e.Pull.User.Login == dependabot
		r.Pull = p
	case e.MergeGroup != nil && r.Event == "merge_group":
		if m := queueRef.FindStringSubmatch(e.MergeGroup.HeadRef); m != nil {
			n, _ := strconv.Atoi(m[1])
			r.Pull = &Pull{Number: n, Head: e.MergeGroup.HeadSHA, Queued: true}
		}
	}
	for _, c := range e.Commits {
		r.Commits = append(r.Commits, c.ID)
	}
}

// Merged reports whether the run is about what was merged into a branch.
func (r Run) Merged() bool { return r.Event == "push" }

// Commit is what a reader knows the run's commit by: of a pull request its head,
// not the merge commit that is checked out.
func (r Run) Commit() string {
	if r.Pull != nil && r.Pull.Head != "" {
		return r.Pull.Head
	}
	return r.SHA
}

// URL is the address of the run.
func (r Run) URL() string {
	url := r.Server + "/" + r.Owner + "/" + r.Repository + "/actions/runs/" + r.ID
	if r.Attempt != "" && r.Attempt != "1" {
		url += "/attempts/" + r.Attempt
	}
	return url
}

// CommitURL is the address of the run's commit.
func (r Run) CommitURL() string {
	return r.Server + "/" + r.Owner + "/" + r.Repository + "/commit/" + r.Commit()
}
