package cli

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/settings"
	"github.com/poolsync/poolsync/schemas"
)

//go:embed completion
var completionScripts embed.FS

// shells are the shells that a completion is made for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (p *program) completionCommand() *cli.Command {
	return p.command(cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes command lines in a shell",
		ArgsUsage: strings.Join(shells, "|"),
		Description: "Completes commands, flags and their values, and the references of the pools that\n" +
			"the manifests here declare. It asks no bank.\n\n" +
			"Examples:\n   source <(poolsync completion bash)\n   poolsync completion fish > ~/.config/fish/completions/poolsync.fish",
	}, func(_ context.Context, c *cli.Context, p *program) exit {
		text, err := completionScripts.ReadFile("completion/poolsync." + c.Args().First())
		if err != nil || c.NArg() != 1 {
			return usage("completion %q: want one of %s", strings.Join(c.Args().Slice(), " "), strings.Join(shells, ", "))
		}
		return p.product(text)
	})
}

// completeCommand is what the scripts ask: the shell's name, then the words of the
// command line up to the cursor. The answer is a line for each candidate, which a
// tab and a description may follow, and the line ":files" where the shell is to
// offer files. It ends with 0 whatever is wrong: a shell has nowhere to show it.
const completeCommand = "__complete"

func (p *program) complete(app *cli.App, args []string) {
	if len(args) < 2 {
		return
	}
	shell, words := args[0], joined(args[1:])
	c := completion{program: p, commands: app.Commands, before: words[:len(words)-1], word: words[len(words)-1]}
	candidates, files := c.candidates()
	prefix, value := "", c.word
	if flag, v, ok := strings.Cut(c.word, "="); ok && isFlag(flag) {
		if value = v; shell != "bash" { // which takes "=" for the end of a word
			prefix = flag + "="
		}
	}
	for _, x := range candidates {
		if strings.HasPrefix(x.text, value) {
			_, _ = fmt.Fprintln(p.Stdout, strings.TrimRight(message.Safe(prefix+x.text)+"\t"+message.Safe(x.help), "\t"))
		}
	}
	if files {
		_, _ = fmt.Fprintln(p.Stdout, ":files")
	}
}

// joined undoes that bash cuts words at "=".
func joined(words []string) []string {
	var out []string
	for i, w := range words {
		if last := len(out) - 1; i > 0 && last >= 0 && (w == "=" || strings.HasSuffix(out[last], "=") && isFlag(out[last]) && words[i-1] == "=") {
			out[last] += w
			continue
		}
		out = append(out, w)
	}
	return out
}

type candidate struct{ text, help string }

// completion is a command line that is being typed.
type completion struct {
	*program
	commands []*cli.Command
	before   []string // the words before the one that is typed
	word     string
}

func (c completion) candidates() (out []candidate, files bool) {
	name, arguments := splitCommand(c.before, c.commands)
	i := slices.IndexFunc(c.commands, func(x *cli.Command) bool { return x.HasName(name) })
	if name == "" {
		for _, x := range c.commands {
			if !x.Hidden {
				out = append(out, candidate{x.Name, x.Usage})
			}
		}
		return out, false
	}
	if i < 0 {
		return nil, false
	}
	command := c.commands[i]
	if flag, _, ok := strings.Cut(c.word, "="); ok && isFlag(flag) {
		return c.values(command, strings.TrimLeft(flag, "-"))
	}
	if n := len(c.before); n > 0 && isFlag(c.before[n-1]) && !strings.Contains(c.before[n-1], "=") {
		if flag := strings.TrimLeft(c.before[n-1], "-"); flagsOf(command)[flag] {
			return c.values(command, flag)
		}
	}
	if isFlag(c.word) || c.word == "-" {
		return flagCandidates(command), false
	}
	return c.arguments(command, slices.DeleteFunc(arguments, isFlag))
}

func flagCandidates(command *cli.Command) []candidate {
	var out []candidate
	for _, f := range command.Flags {
		_, help, _ := strings.Cut(flagHelp(f), "\t")
		out = append(out, candidate{"--" + f.Names()[0], help})
	}
	return append(out, candidate{"--help", "show what the command does"})
}

// values offers what a flag may have as its value, by the placeholder of its help.
func (c completion) values(command *cli.Command, name string) ([]candidate, bool) {
	i := slices.IndexFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return nil, false
	}
	head, _, _ := strings.Cut(flagHelp(command.Flags[i]), "\t")
	placeholder := head[strings.LastIndexByte(head, ' ')+1:]
	switch name := command.Flags[i].Names()[0]; {
	case name == flagOutput:
		return texts(formatsOf(command.Name)...), false
	case name == flagState:
		return texts("file:", "git:", "none"), false
	case name == flagLogLevel:
		return texts("debug", "info", "warn", "error"), false
	case name == flagStatus && command.Name == "jobs":
		return texts("queued", "running", "halted", "completed"), false
	case name == flagStatus:
		return texts("published", "unpublished", "pending", "halted"), false
	case name == flagSort && command.Name == "list":
		return texts("created", "updated"), false
	case name == flagOrder:
		return texts("asc", "desc"), false
	case name == flagOnly, placeholder == "REF":
		return c.references(), false
	}
	return nil, slices.Contains([]string{"FILE", "DIR", "PATH,..."}, placeholder)
}

func texts(values ...string) []candidate {
	out := make([]candidate, len(values))
	for i, v := range values {
		out[i].text = v
	}
	return out
}

// arguments offers what a command takes.
func (c completion) arguments(command *cli.Command, given []string) ([]candidate, bool) {
	switch command.Name {
	case "validate", "fmt", "plan", "apply", "drift":
		return nil, true
	case "adopt", "export":
		return c.references(), false
	case "state":
		switch {
		case len(given) == 0:
			return texts("list", "show", "forget", "unlock", "copy"), false
		case given[0] == "show" && len(given) == 1, given[0] == "forget":
			return c.references(), false
		}
	case "config":
		if len(given) == 0 {
			return texts("show"), false
		}
		return nil, true
	case "schema":
		return texts(slices.Sorted(maps.Keys(schemas.All))...), false
	case "completion":
		return texts(shells...), false
	}
	return nil, false
}

// references are those of the pools that the manifests of the working directory
// declare, with their names. What is wrong with the manifests does not matter here.
func (c completion) references() []candidate {
	s, _, err := settings.Resolve(settings.Input{Environ: c.Environ, Manifests: true})
	if err != nil {
		return nil
	}
	set, _, err := manifest.Load(context.Background(), manifest.Options{Paths: s.Paths, Root: s.Base, Config: s.Config})
	if err != nil {
		return nil
	}
	out := make([]candidate, len(set.Pools))
	for i, d := range set.Pools {
		out[i] = candidate{string(d.Reference), d.Name}
	}
	slices.SortFunc(out, func(a, b candidate) int { return cmp.Compare(a.text, b.text) })
	return slices.Compact(out)
}
