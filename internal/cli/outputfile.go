package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/settings"
)

// outputMode lets the umask say who may read an output, as for every other file:
// a later step of a job may run as somebody else.
const outputMode = 0o666

// envStepSummary names the file to which the steps of a GitHub job append what is
// shown on the job's page.
const envStepSummary = "GITHUB_STEP_SUMMARY"

// runnerFiles name the files by which a step of a GitHub job gives orders to the
// runner. A document that holds what others wrote must not be one of them.
var runnerFiles = []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE"}

// refuses says why a file cannot be an output: it is an input of this run, it will
// be taken for one by the next, or it is another output already. The command line
// is looked at as it stands, since an unusable one gets its documents, too.
func (o outputs) refuses(flag, file string) error {
	if file == "" {
		return nil
	}
	ext := strings.ToLower(filepath.Ext(file))
	input := func(what string) error { return overwrites(flag, what) }
	switch {
	case ext == ".yaml" || ext == ".yml":
		return input("a manifest or a configuration by its name")
	case filepath.Base(filepath.Dir(absolute(file))) == ".poolsync":
		return input("in the folder of the state")
	}
	for _, name := range runnerFiles {
		if sameFile(file, o.p.Getenv(name)) {
			return input("$" + name)
		}
	}
	for _, word := range o.p.inputs() {
		if sameFile(file, word) {
			return input("an input of this run")
		}
	}
	for _, to := range o.to {
		if sameFile(file, to.file) {
			return input("another output")
		}
	}
	return nil
}

// inputs are the words of the command line and the variables that may name files
// to read.
func (p *program) inputs() []string {
	words := []string{p.Getenv("POOLSYNC_CONFIG"), p.Getenv("POOLSYNC_STATE")}
	output := false
	for _, word := range p.Args[1:] {
		name, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		isOutput := isFlag(word) && (name == flagOutput || name == flagOutput[:1])
		switch {
		case output, isOutput && joined:
		case joined && isFlag(word):
			words = append(words, value)
		default:
			words = append(words, word)
		}
		output = isOutput && !joined
	}
	for _, word := range slices.Clone(words) {
		if path, ok := strings.CutPrefix(word, "file:"); ok {
			words = append(words, path)
		}
	}
	return words
}

// spare leaves out the outputs that are inputs of the run which only its settings
// or manifests tell, and says which they are. What is named after the state lies
// beside it.
func (o *outputs) spare(state string, inputs []string) error {
	var errs []error
	state, isFile := strings.CutPrefix(state, "file:")
	o.to = slices.DeleteFunc(o.to, func(to output) bool {
		taken := to.file != "" && (isFile && state != "" && strings.HasPrefix(absolute(to.file), absolute(state)) ||
			slices.ContainsFunc(inputs, func(input string) bool { return sameFile(to.file, input) }))
		if taken {
			errs = append(errs, overwrites(to.format+"="+to.file, "an input of this run"))
		}
		return taken
	})
	return errors.Join(errs...)
}

func overwrites(flag, what string) error {
	return &settings.UsageError{Message: fmt.Sprintf("-o %s: that file is %s, and would be overwritten", flag, what), Advice: "name another file"}
}

// sameFile reports whether two names are of one file, be it through a link, or
// would be if it existed.
func sameFile(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	if err1 == nil && err2 == nil {
		return x.Mode().IsRegular() && os.SameFile(x, y)
	}
	return err1 != nil && err2 != nil && absolute(a) == absolute(b)
}

func absolute(file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return filepath.Clean(file)
	}
	return filepath.Join(resolved(filepath.Dir(abs)), filepath.Base(abs))
}

// store writes an output's file. Markdown is appended to the summary of a GitHub
// step, which has what earlier steps said.
func (to output) store(data []byte, summary string) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if to.format == formatMarkdown && sameFile(to.file, summary) {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
		data = append([]byte("\n"), data...)
	}
	f, err := os.OpenFile(to.file, flags, outputMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return cmp.Or(err, f.Close())
}
