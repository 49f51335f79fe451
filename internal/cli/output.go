package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/report"
)

// The output formats.
const (
	formatText = "text"
	formatJSON = "json"
)

// outputs is where the product of a command goes.
type outputs struct {
	p     *program
	color bool
	full  bool
	to    []output
}

// output is one -o. An empty file is standard output.
type output struct{ format, file string }

// document is the product of a command in every format that it has.
type document struct {
	text func(report.Text, io.Writer) error
	json func() any
}

// outputsOf reads the -o flags. Without one for standard output, that gets text.
func outputsOf(c *cli.Context, p *program) (outputs, error) {
	o := outputs{p: p, full: c.Bool(flagFull)}
	o.color = !c.Bool(flagNoColor) && p.Getenv("NO_COLOR") == "" && p.Getenv("TERM") != "dumb" && terminal(p.Stdout)
	onStdout := ""
	for _, text := range c.StringSlice(flagOutput) {
		format, file, _ := strings.Cut(text, "=")
		if format != formatText && format != formatJSON {
			return o, fmt.Errorf("-o %s: unknown format %q; want text or json, as in -o json=plan.json", text, format)
		}
		if strings.HasSuffix(text, "=") {
			return o, fmt.Errorf("-o %s: the file's name is missing", text)
		}
		if file == "" {
			if onStdout != "" {
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

// wants reports whether standard output takes the format.
func (o outputs) onStdout(format string) bool {
	for _, to := range o.to {
		if to.file == "" && to.format == format {
			return true
		}
	}
	return false
}

// write writes the document everywhere it goes. Text is left out where there is
// nothing but an error to tell, which standard error tells.
func (o outputs) write(d document) error {
	for _, to := range o.to {
		var buf bytes.Buffer
		var err error
		switch {
		case to.format == formatJSON:
			err = report.WriteJSON(&buf, d.json())
		case d.text != nil:
			err = d.text(report.Text{Color: o.color && to.file == "", Full: o.full}, &buf)
		}
		if err == nil {
			err = o.put(to, buf.Bytes())
		}
		if err != nil {
			return fmt.Errorf("write %s output: %w", to.format, err)
		}
	}
	return nil
}

func (o outputs) put(to output, data []byte) error {
	if to.file == "" {
		_, err := o.p.Stdout.Write(data)
		return err
	}
	if dir := filepath.Dir(to.file); dir != "." {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(to.file, data, 0o600)
}
