package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/settings"
)

func (p *program) configCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "config",
		Usage:     "show the settings of a run, and who gave them",
		ArgsUsage: "show [PATH...]",
		Description: "show lists every setting: its value, who gave it, and what that takes precedence\n" +
			"over. It takes the flags, variables and configuration that plan with the same\n" +
			"arguments would. Calls nothing. Of credentials it says whether they are set.\n\n" +
			"Examples:\n   poolsync config show\n   poolsync config show --config staging.yaml -o json",
		Flags: append(poolFlags(), &cli.StringFlag{Name: flagMaxChange, Usage: "refuse to change more than `N` percent of the managed pools (default: 30)"}),
	}, runConfig)
}

// shownSetting is a setting as it is printed.
type shownSetting struct {
	Name       string        `json:"name"`
	Value      string        `json:"value"`
	From       string        `json:"from"`
	Overridden []shownOrigin `json:"overridden,omitempty"`
}

type shownOrigin struct {
	Value string `json:"value"`
	From  string `json:"from"`
}

func runConfig(_ context.Context, c *cli.Context, p *program) exit {
	if c.Args().First() != "show" {
		return usage("%s: want config show", strings.TrimSpace("config "+c.Args().First()))
	}
	s, x, ok := begin(c, p)
	if !ok {
		return x
	}
	rows := settingRows(s.Settings)
	for _, name := range []string{learnosity.EnvKey, learnosity.EnvSecret, learnosity.EnvDomain} {
		rows = append(rows, credentialRow(p, name))
	}
	if s.out.onStdout(formatJSON) {
		return p.productJSON(map[string]any{"schema_version": 1, "settings": rows, "warnings": append([]string{}, s.Warnings...)})
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, message.Safe(cmp.Or(r.Value, "-")), message.Safe(origins(r)))
	}
	_ = w.Flush()
	return p.product([]byte(b.String()))
}

func settingRows(s settings.Settings) []shownSetting {
	var rows []shownSetting
	for _, x := range s.All {
		r := shownSetting{Name: x.Name, Value: x.Value, From: x.From}
		for _, o := range x.Overridden {
			if o.From == settings.FromDefault {
				continue
			}
			r.Overridden = append(r.Overridden, shownOrigin{o.Value, o.From})
		}
		rows = append(rows, r)
	}
	return rows
}

// credentialRow says of a credential whether it is set, and of the domain, which
// is no secret, what it is.
func credentialRow(p *program, name string) shownSetting {
	r := shownSetting{Name: name, Value: "set", From: "environment"}
	switch value := p.Getenv(name); {
	case value == "" && name == learnosity.EnvDomain:
		r.Value, r.From = learnosity.DefaultDomain, settings.FromDefault
	case value == "":
		r.Value, r.From = "unset", ""
	case name == learnosity.EnvDomain:
		r.Value = value
	}
	return r
}

func origins(r shownSetting) string {
	var text strings.Builder
	text.WriteString(r.From)
	for _, o := range r.Overridden {
		fmt.Fprintf(&text, ", not %s of %s", cmp.Or(o.Value, "-"), o.From)
	}
	return text.String()
}

func (p *program) productJSON(v any) exit {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return exit{code: CodeError, reason: "standard output cannot be written", err: err}
	}
	return p.product(append(text, '\n'))
}
