package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/report/annotate"
	"github.com/poolsync/poolsync/internal/report/markdown"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/report/text"
	"github.com/poolsync/poolsync/internal/settings"
	"github.com/poolsync/poolsync/internal/source"
)

// The output formats.
const (
	formatText     = "text"
	formatJSON     = "json"
	formatMarkdown = "markdown"
	formatGitHub   = "github"
)

// formats are the formats that every command has; reports have all of them.
var formats = []string{formatText, formatJSON}

// reportFormats are those of the commands whose outcome people review.
var reportFormats = []string{formatText, formatJSON, formatMarkdown, formatGitHub}

// reports are the commands that have all formats.
var reports = []string{"validate", "plan", "apply", "drift"}

// outputs is where the product of a command goes.
type outputs struct {
	p       *program
	noColor bool
	full    bool
	to      []output
}

// output is one -o. An empty file is standard output.
type output struct{ format, file string }

// document is the product of a command, for programs and for people.
type document struct {
	json     func() any
	page     func(full bool) page.Page
	findings source.Diagnostics // that are the product, and stand before the text
	silent   bool               // there is no text: standard error says it all
	text     func() any         // what stands for the text, as JSON
}

// outputsOf reads the -o flags. Without one for standard output, that gets text.
func outputsOf(c *cli.Context, p *program) (outputs, error) {
	o := outputs{p: p, full: c.Bool(flagFull), noColor: c.Bool(flagNoColor)}
	onStdout := ""
	for _, text := range c.StringSlice(flagOutput) {
		format, file, _ := strings.Cut(text, "=")
		if known := formatsOf(c.Command.Name); !slices.Contains(known, format) {
			return o, fmt.Errorf("-o %s: unknown format %q; want %s, as in -o json=plan.json", text, format, strings.Join(known, ", "))
		}
		if strings.HasSuffix(text, "=") {
			return o, fmt.Errorf("-o %s: the file's name is missing", text)
		}
		if file == "-" {
			file = ""
		}
		if err := o.refuses(text, file); err != nil {
			return o, err
		}
		if file == "" {
			if onStdout != "" && format != formatGitHub && onStdout != formatGitHub { // annotations may stand between other lines
				return o, fmt.Errorf("-o %s: standard output already takes %s; write one of them to a file: -o %s=FILE", text, onStdout, format)
			}
			onStdout = format
		}
		o.to = append(o.to, output{format, file})
	}
	if onStdout == "" {
		o.to = append(o.to, output{formatText, ""})
	}
	return o, nil
}

func formatsOf(command string) []string {
	if slices.Contains(reports, command) {
		return reportFormats
	}
	return formats
}

// onStdout reports whether standard output takes the format.
func (o outputs) onStdout(format string) bool {
	for _, to := range o.to {
		if to.file == "" && to.format == format {
			return true
		}
	}
	return false
}

// finish writes the document and returns the command's exit. An output that cannot
// be written does not keep the others from being written, nor what came of the
// command from being told.
func (o outputs) finish(d document, x exit) exit {
	o.p.shows.end()
	if o.p.finished != nil {
		o.p.finished(d)
	}
	var errs []error
	for _, to := range o.to {
		if err := o.write(to, d); err != nil {
			errs = append(errs, fmt.Errorf("write %s output: %w", to.format, err))
		}
	}
	if len(errs) == 0 {
		return x
	}
	x.err = errors.Join(x.err, errors.Join(errs...))
	if x.code == CodeDone || x.code == CodeChanges {
		x.code, x.reason = CodeError, x.reason+"; not every output could be written"
	}
	return x
}

// write writes one output. Text is left out where there is nothing but an error
// to tell, which standard error tells.
func (o outputs) write(to output, d document) error {
	var buf bytes.Buffer
	var err error
	switch {
	case to.format == formatJSON:
		err = report.WriteJSON(&buf, d.json())
	case to.format == formatMarkdown:
		err = markdown.Options{Links: o.p.links()}.Write(&buf, d.page(o.full))
	case to.format == formatGitHub:
		err = annotate.Options{Tree: o.p.tree}.Write(&buf, d.page(o.full))
	case d.silent:
	case d.text != nil:
		err = report.WriteJSON(&buf, d.text())
	default:
		t := text.Options{Full: o.full}
		if to.file == "" {
			t = o.text(o.p.Stdout)
		}
		if err = text.WriteDiagnostics(&buf, d.findings, t.Color); len(d.findings) > 0 {
			buf.WriteString("\n")
		}
		err = errors.Join(err, t.Write(&buf, d.page(o.full)))
	}
	if err != nil {
		return err
	}
	if to.file == "" {
		_, err = o.p.Stdout.Write(buf.Bytes())
		return err
	}
	return to.store(buf.Bytes(), o.p.Getenv(envStepSummary))
}

// prepare makes sure that the files can be written, before anything is done that
// they are to tell of. One that cannot is left out.
func (o *outputs) prepare() error {
	var errs []error
	o.to = slices.DeleteFunc(o.to, func(to output) bool {
		err := to.open()
		if err != nil {
			errs = append(errs, fmt.Errorf("-o %s=%s: %w", to.format, to.file, err))
		}
		return err != nil
	})
	return errors.Join(errs...)
}

// open opens the output's file and leaves it as it is.
func (to output) open() error {
	if to.file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to.file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(to.file, os.O_WRONLY|os.O_CREATE, outputMode)
	if err != nil {
		return err
	}
	return f.Close()
}

// findTree finds the root of the repository that a folder lies in, else of the
// workspace of a GitHub job: others name the manifests from there.
func (p *program) findTree(base string) {
	here, err := os.Getwd()
	if err != nil {
		return
	}
	here = resolved(here)
	if !filepath.IsAbs(base) {
		base = filepath.Join(here, base)
	}
	root := settings.Repository(resolved(base))
	if workspace := p.Getenv("GITHUB_WORKSPACE"); root == "" && filepath.IsAbs(workspace) {
		root = resolved(workspace)
	}
	if root != "" {
		p.tree = source.Tree{Dir: filepath.ToSlash(here), Root: filepath.ToSlash(root)}
	}
}

// resolved resolves the links of a path, if it exists.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
