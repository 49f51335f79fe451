// Package ghactions is poolsync's side of a GitHub Actions job: the inputs of the
// action and the event come in; outputs, summary, the comment of a pull request
// and the issue about drift go out. What a report says was decided and written
// elsewhere: this package carries Markdown and numbers, knows nothing of item
// pools, and never runs a command.
package ghactions

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Inputs are the action's inputs, as action.yml hands them over: each in a
// variable INPUT_NAME, an empty one being the default.
type Inputs struct {
	Command    string   // validate, plan, apply or drift
	Paths      []string // manifests; none: those of the configuration
	WorkingDir string
	Config     string
	Only       []string
	Args       []string // further flags
	Label      string   // names the target where the report is shown; empty: the report's own name
	Comment    string   // auto, changes or never
	Issue      bool     // drift keeps an issue
	Summary    bool
	Annotate   bool
	PlanFile   string
	ExpectPlan string // a digest, or Reviewed
	// FailOnChanges and FailOnDrift say whether finding them fails the step.
	FailOnChanges bool
	FailOnDrift   bool
	Token         string
}

// The values of the input comment.
const (
	CommentAuto    = "auto"
	CommentChanges = "changes"
	CommentNever   = "never"
)

// The values of the input command.
const (
	Validate = "validate"
	Plan     = "plan"
	Apply    = "apply"
	Drift    = "drift"
)

// Reviewed is the value of expect-plan that stands for the digest in the comment
// of the pull request that is merged.
const Reviewed = "reviewed"

var digestPattern = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)

// ReadInputs reads the inputs. Every value that cannot be used is an error that
// names the input and what it takes.
func ReadInputs(getenv func(string) string) (Inputs, error) {
	r := inputReader{getenv: getenv}
	in := Inputs{
		Command:    r.oneOf("command", Plan, Validate, Plan, Apply, Drift),
		Paths:      r.lines("paths"),
		WorkingDir: r.text("working-directory", "."),
		Config:     r.text("config", ""),
		Only:       r.lines("only"),
		Args:       flags(r.lines("args")),
		Label:      r.text("label", ""),
		Comment:    r.oneOf("comment", CommentAuto, CommentAuto, CommentChanges, CommentNever),
		Issue:      r.flag("issue", false),
		Summary:    r.flag("summary", true),
		Annotate:   r.flag("annotations", true),
		PlanFile:   r.text("plan-file", ""),
		ExpectPlan: r.text("expect-plan", ""),

		FailOnChanges: r.flag("fail-on-changes", false),
		FailOnDrift:   r.flag("fail-on-drift", true),
		Token:         r.text("github-token", ""),
	}
	if w := in.ExpectPlan; w != "" && w != Reviewed && !digestPattern.MatchString(w) {
		r.refuse("expect-plan", w, "the digest of a plan, or "+Reviewed)
	}
	if len(in.Label) > maxLabel || strings.ContainsAny(in.Label, "\r\n") {
		r.refuse("label", in.Label[:min(len(in.Label), maxLabel)], fmt.Sprintf("one line of at most %d bytes", maxLabel))
	}
	return in, errors.Join(r.errs...)
}

const maxLabel = 100

// inputReader reads inputs and collects what is wrong with them.
type inputReader struct {
	getenv func(string) string
	errs   []error
}

// Variable is the variable in which action.yml hands an input over.
func Variable(input string) string {
	return "INPUT_" + strings.ToUpper(strings.ReplaceAll(input, "-", "_"))
}

func (r *inputReader) text(name, fallback string) string {
	if v := strings.TrimSpace(r.getenv(Variable(name))); v != "" {
		return v
	}
	return fallback
}

func (r *inputReader) lines(name string) []string {
	var out []string
	for line := range strings.Lines(r.getenv(Variable(name))) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func (r *inputReader) oneOf(name, fallback string, values ...string) string {
	v := r.text(name, fallback)
	if !slices.Contains(values, v) {
		r.refuse(name, v, strings.Join(values[:len(values)-1], ", ")+" or "+values[len(values)-1])
	}
	return v
}

func (r *inputReader) flag(name string, fallback bool) bool {
	switch v := r.text(name, strconv.FormatBool(fallback)); v {
	case "true":
		return true
	case "false":
		return false
	default:
		r.refuse(name, v, "true or false")
		return fallback
	}
}

func (r *inputReader) refuse(name, value, want string) {
	r.errs = append(r.errs, fmt.Errorf("input %s is %q: want %s", name, value, want))
}

// flags takes "--flag value", written on one line, apart. No shell reads it.
func flags(lines []string) []string {
	var out []string
	for _, line := range lines {
		name, value, found := strings.Cut(line, " ")
		if !found || !strings.HasPrefix(line, "-") || strings.Contains(name, "=") {
			out = append(out, line)
			continue
		}
		out = append(out, name, strings.TrimSpace(value))
	}
	return out
}

// CommandLine is the command that the inputs ask for. result is the file for its
// result in JSON.
func (in Inputs) CommandLine(result string, offline bool) []string {
	args := []string{in.Command}
	if in.Config != "" {
		args = append(args, "--config="+in.Config)
	}
	for _, glob := range in.Only {
		args = append(args, "--only="+glob)
	}
	switch in.Command {
	case Plan:
		if in.FailOnChanges {
			args = append(args, "--detailed-exitcode")
		}
		if offline {
			args = append(args, "--offline")
		}
	case Apply:
		args = append(args, "--auto-approve")
		if in.PlanFile != "" {
			args = append(args, "--plan="+in.PlanFile)
		}
	}
	if in.ExpectPlan != "" && !offline && (in.Command == Plan || in.Command == Apply) {
		args = append(args, "--expect-plan="+in.ExpectPlan)
	}
	args = append(args, in.Args...)
	args = append(args, "-o", "json="+result)
	if len(in.Paths) > 0 {
		args = append(append(args, "--"), in.Paths...)
	}
	return args
}
