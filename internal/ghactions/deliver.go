package ghactions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Report is what came of the command, as far as it is delivered.
type Report struct {
	Code    int    // the command's exit code
	Failure string // the value of failure-reason; empty: none
	// Name names the target where no label was given.
	Name string
	// Counts are the numbers of the summary, each an output.
	Counts      []Output
	HasChanges  bool
	HasDrift    bool
	Offline     bool // the plan did not ask the bank
	Planned     bool // there is a plan
	Applied     bool // something was written to the bank
	Digest      string
	Changes     []Change
	PlanFile    string
	ResultFile  string
	SummaryFile string
	Version     string
	// Markdown returns the report in at most so many bytes.
	Markdown func(limit int) string
	// Code span of a text that others wrote.
	Span func(string) string
}

// Notice is something to be told as an annotation.
type Notice struct {
	Warning bool
	Text    string
}

// Delivery brings a report to where it is read.
type Delivery struct {
	Inputs Inputs
	Run    Run
	Report Report
	// Transport carries the requests to the platform; nil is the ordinary one.
	Transport http.RoundTripper

	platform *platform
	notices  []Notice
	review   Review
}

// maxComment is how many bytes a comment or an issue has at most. The platform's
// own limit is told in characters by one page and was measured in bytes by others.
const maxComment = 60_000

// room is kept free for what stands around a report: marker, head and foot.
const room = maxRemembered + 2000

// Deliver writes outputs and summary, comment and issue. What the platform does
// not allow or cannot do comes back as one notice: the command's result counts.
// Only what the runner itself cannot take is an error.
func (d *Delivery) Deliver(ctx context.Context) ([]Notice, error) {
	if err := WriteOutputs(d.Run.Output, d.outputs()); err != nil {
		return d.notices, fmt.Errorf("write the outputs: %w", err)
	}
	d.connect()
	d.compare(ctx)
	var errs []error
	if d.Inputs.Summary && d.Report.Markdown != nil {
		text := d.review.line() + d.Report.Markdown(MaxSummary-room) + "\n"
		if err := WriteSummary(d.Run.SummaryTo, text); err != nil {
			errs = append(errs, fmt.Errorf("write the summary: %w", err))
		}
	}
	comment, issue := d.publish(ctx)
	if err := WriteOutputs(d.Run.Output, []Output{{"comment-url", comment}, {"issue-url", issue}}); err != nil {
		errs = append(errs, fmt.Errorf("write the outputs: %w", err))
	}
	return d.notices, errors.Join(errs...)
}

func (d *Delivery) outputs() []Output {
	r := d.Report
	out := []Output{
		{"exit-code", strconv.Itoa(r.Code)},
		{"failure-reason", r.Failure},
		{"has-changes", strconv.FormatBool(r.HasChanges)},
		{"has-drift", strconv.FormatBool(r.HasDrift)},
		{"digest", r.Digest},
		{"plan-file", r.PlanFile},
		{"result-file", r.ResultFile},
		{"summary-file", r.SummaryFile},
		{"version", r.Version},
	}
	return append(out, r.Counts...)
}

func (d *Delivery) connect() {
	if d.Inputs.Token == "" || d.Run.API == "" {
		return
	}
	p, err := newPlatform(d.Run, d.Inputs.Token, d.Transport)
	if err != nil {
		d.tell("the pull request and the issue are left alone: " + err.Error())
		return
	}
	d.platform = p
}

// target is what a comment or an issue is found again by. It must be the same
// where a command fails early, and so comes from the inputs alone.
func (d *Delivery) target() string {
	if d.Inputs.Label != "" {
		return d.Inputs.Label
	}
	return strings.Join([]string{d.Inputs.WorkingDir, d.Inputs.Config, strings.Join(d.Inputs.Paths, " ")}, "|")
}

// name is how the target is called where people read it.
func (d *Delivery) name() string { return cmp.Or(d.Inputs.Label, d.Report.Name, "item pools") }

func (d *Delivery) tell(text string) {
	d.notices = append(d.notices, Notice{Text: text})
}

// publish writes to the platform what belongs there.
func (d *Delivery) publish(ctx context.Context) (comment, issue string) {
	if d.platform == nil {
		return "", ""
	}
	var err error
	switch {
	case d.Inputs.Command == Drift && d.Inputs.Issue:
		issue, err = d.drift(ctx)
		d.excuse(err, "issue", "issues: write")
	case d.Run.Pull != nil && !d.Run.Pull.Queued && d.Inputs.Comment != CommentNever && d.previews():
		comment, err = d.preview(ctx)
		d.excuse(err, "comment", "pull-requests: write")
	case d.Inputs.Command == Apply && d.Run.Merged() && d.Inputs.Comment != CommentNever:
		comment, err = d.applied(ctx)
		d.excuse(err, "comment", "pull-requests: write")
	}
	return comment, issue
}

// previews reports whether the command's report is what a pull request is to show:
// a plan, or what keeps one from being made.
func (d *Delivery) previews() bool {
	return d.Inputs.Command == Plan || (d.Inputs.Command == Validate && d.Report.Failure != "")
}

// excuse tells why there is no comment or issue.
func (d *Delivery) excuse(err error, what, permission string) {
	switch {
	case err == nil:
	case forbidden(err) && d.Run.Pull != nil && d.Run.Pull.Foreign:
		d.tell(fmt.Sprintf("no %s: the token of a pull request from a fork or from Dependabot may not write one; the summary of this run has it all", what))
	case forbidden(err):
		d.tell(fmt.Sprintf("no %s: the token may not write one; give the job the permission %q, or the action the input comment: never", what, permission))
	default:
		d.tell(fmt.Sprintf("no %s: the platform could not be reached: %v", what, err))
	}
}

// foot ends what is shown.
func (d *Delivery) foot() string {
	text := "\n<sub>" + d.Report.Span(d.name())
	if commit := d.Run.Commit(); commit != "" {
		text += " · commit [" + d.Report.Span(short(commit)) + "](" + d.Run.CommitURL() + ")"
	}
	if d.Report.Digest != "" {
		text += " · digest " + d.Report.Span(d.Report.Digest)
	}
	return text + " · [run](" + d.Run.URL() + ")</sub>\n"
}

func short(commit string) string { return commit[:min(len(commit), 8)] }

// preview brings the comment of the pull request up to date.
func (d *Delivery) preview(ctx context.Context) (string, error) {
	mark := marker{Kind: kindPlan, Target: d.target(), Digest: d.Report.Digest, Commit: d.Run.Commit()}
	mark.remember(d.Report.Changes)
	onlyIfThere := d.Inputs.Comment == CommentChanges && !d.Report.HasChanges
	var head string
	if !d.Report.Planned {
		mark = marker{Kind: kindPlan, Target: mark.Target, Commit: mark.Commit, State: stateStale}
		if was, err := d.platform.comment(ctx, d.Run.Pull.Number, mark.Target); err != nil {
			return "", err
		} else if was != nil && was.mark.Digest != "" && was.mark.Commit != mark.Commit {
			head = "**Out of date:** the plan that stood here was of " + d.Report.Span(short(was.mark.Commit)) + ", and the newest commit cannot be planned.\n\n"
		}
	}
	return d.platform.put(ctx, d.Run.Pull.Number, mark, head+d.Report.Markdown(maxComment-room)+d.foot(), onlyIfThere)
}

// applied tells the pull request that was merged what became of it.
func (d *Delivery) applied(ctx context.Context) (string, error) {
	var address string
	var errs []error
	pulls, err := d.mergedPulls(ctx)
	if err != nil {
		return "", err
	}
	for _, number := range pulls {
		was, err := d.platform.comment(ctx, number, d.target())
		if err != nil || was == nil {
			errs = append(errs, err)
			continue
		}
		mark := was.mark
		mark.State = stateApplied
		url, err := d.platform.put(ctx, number, mark, d.outcome()+"\n\n"+withoutOutcome(was.rest), true)
		address = cmp.Or(address, url)
		errs = append(errs, err)
	}
	return address, errors.Join(errs...)
}

// outcomeMark stands before the line that says what became of a merged plan.
const outcomeMark = "<!-- outcome -->"

// outcome is the line that says what became of a merged plan.
func (d *Delivery) outcome() string {
	run := "[run " + d.Run.ID + "](" + d.Run.URL() + ")"
	text := "**Not applied** by " + run + ", which says why."
	switch {
	case d.Report.Code == 0 && d.Report.Applied:
		text = "**Applied** by " + run + "."
	case d.Report.Code == 0:
		text = "**Nothing was left to apply** in " + run + "."
	case d.Report.Applied:
		text = "**Applied in part** by " + run + ", which says what is missing."
	}
	return outcomeMark + text
}

// withoutOutcome takes the line of an earlier run off.
func withoutOutcome(rest string) string {
	if !strings.HasPrefix(rest, outcomeMark) {
		return rest
	}
	_, rest, _ = strings.Cut(rest, "\n")
	return strings.TrimLeft(rest, "\r\n")
}

// drift keeps the issue. A run that could not tell leaves it alone.
func (d *Delivery) drift(ctx context.Context) (string, error) {
	switch {
	case d.Report.HasDrift:
		mark := marker{Kind: kindDrift, Target: d.target(), Digest: d.Report.Digest}
		title := "Item pools drifted: " + d.name()
		text := d.Report.Markdown(maxComment - room)
		return d.platform.reportDrift(ctx, title, mark, text+d.foot(), "What drifted has changed.\n\n"+text+d.foot())
	case d.Report.Code == 0:
		return d.platform.endDrift(ctx, d.target(), "Nothing drifts any more, says [run "+d.Run.ID+"]("+d.Run.URL()+") of "+time.Now().UTC().Format("2006-01-02 15:04")+" UTC.")
	default:
		return "", nil
	}
}
