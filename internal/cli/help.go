package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/report/message"
)

// The groups of flags in a help text, in their order. A flag without a group is
// about what the command does.
var flagGroups = []struct {
	title string
	names []string
}{
	{"What", nil},
	{"Where", []string{flagConfig, flagBank, flagEndpoint, flagAPIVersion, flagState, flagTimeout, flagLockTimeout, flagManifests, flagOnly}},
	{"Consent", []string{
		flagAutoApprove, flagPlan, flagExpectPlan, flagPrune, flagAllowEmpty, flagOverwrite, flagAllowReplace, flagAllowRefresh, flagRepublish,
		flagBreakFreeze, flagAllowOlder, "allow-dirty", flagRecreateVanished, flagMaxChange, flagSkipBlocked, flagFailOnExternal, flagFailOnBlocked,
	}},
	{"Output", []string{flagOutput, flagFull, flagNoColor, flagLogLevel, flagDetailed, "help"}},
}

// exitWords are the meanings of the exit codes.
var exitWords = map[int]string{
	CodeDone: "done, or no changes", CodeError: "an error, invalid manifests included", CodeChanges: "something is not as declared or as applied",
	CodePartial: "applied in part", CodeGuard: "refused by a guard, or the state is held", CodeRunning: "stopped waiting, jobs still running",
	CodeUsage: "the command line cannot be used", CodeInterrupted: "interrupted",
}

// manual is what the help of a command says beyond its description and flags.
type manual struct {
	exits    []int
	examples []string
}

// common are the exit codes that every command has.
var common = []int{CodeDone, CodeError, CodeUsage, CodeInterrupted}

var manuals = map[string]manual{
	"validate": {nil, []string{"poolsync validate", "poolsync validate pools/ --online -o github"}},
	"plan":     {[]int{CodeChanges, CodeGuard}, []string{"poolsync plan", "poolsync plan pools/ --detailed-exitcode -o text -o json=plan.json"}},
	"apply": {[]int{CodePartial, CodeGuard, CodeRunning}, []string{
		"poolsync apply --plan plan.json --auto-approve", "poolsync apply --auto-approve --only 'ela-*' -o json=result.json",
	}},
	"drift":      {[]int{CodeChanges}, []string{"poolsync drift", "poolsync drift --unmanaged -o json=drift.json"}},
	"adopt":      {[]int{CodeGuard}, []string{"poolsync adopt ela-district-a", "poolsync adopt --all --accept-difference"}},
	"export":     {[]int{CodePartial}, []string{"poolsync export ela-district-a", "poolsync export --all -d pools"}},
	"list":       {nil, []string{"poolsync list --unmanaged", "poolsync list --status halted,pending --sort updated --order desc"}},
	"jobs":       {[]int{CodePartial, CodeRunning}, []string{"poolsync jobs --since 2h --status halted,running", "poolsync jobs 8f49db43-0d54-4fc5-8154-a721b0334898 --watch"}},
	"state":      {[]int{CodeGuard}, []string{"poolsync state list", "poolsync state copy --to git:poolsync-state"}},
	"sandbox":    {nil, []string{"poolsync sandbox", "poolsync sandbox --addr 127.0.0.1:8181 --latency 2s --fault 'set itembank/pools#2=cut-after'"}},
	"schema":     {nil, []string{"poolsync schema > pools.schema.json", "poolsync schema result > result.schema.json"}},
	"where":      {nil, []string{"poolsync where dataapi_test_001", "poolsync where m5-017 m5-018 -o json"}},
	"completion": {nil, []string{"poolsync completion bash > /etc/bash_completion.d/poolsync", "poolsync completion fish > ~/.config/fish/completions/poolsync.fish"}},
	"version":    {nil, []string{"poolsync version", "poolsync version && poolsync validate"}},
}

// stateVerbs are the pages of the verbs of "poolsync state".
var stateVerbs = map[string]struct {
	usage, about string
	examples     []string
}{
	"list":   {"list", "Lists every pool that was applied: its status, when it was applied, and from which\nfile.", []string{"poolsync state list", "poolsync state list --only 'ela-*' -o json"}},
	"show":   {"show REF", "Shows all that is remembered of a pool, as JSON.", []string{"poolsync state show ela-district-a", "poolsync state show 505/ela-district-a"}},
	"forget": {"forget REF", "Drops the memory of a pool and leaves the pool as it is: from then on it is not on\nrecord, until it is adopted.", []string{"poolsync state forget ela-district-a", "poolsync state forget 505/ela-district-a"}},
	"unlock": {"unlock", "Ends the hold of a run that is no more. It asks first, unless --auto-approve.", []string{"poolsync state unlock", "poolsync state unlock --auto-approve"}},
	"copy":   {"copy --to STORE", "Copies the whole state into another store, which has to be empty.", []string{"poolsync state copy --to git:poolsync-state", "poolsync state copy --to file:.poolsync/state.json"}},
}

// printHelp writes the help of the program or of a command.
func printHelp(w io.Writer, _ string, of any) {
	switch of := of.(type) {
	case *cli.Command:
		_, _ = io.WriteString(w, commandHelp(of))
	case *cli.App:
		_, _ = io.WriteString(w, appHelp(of))
	}
}

// appHelp is the help of the program.
func appHelp(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "poolsync - %s\n\nUsage: poolsync COMMAND [FLAGS] [ARGUMENTS]\n\n%s\n\nCommands:\n", app.Usage, app.Description)
	for _, c := range app.Commands {
		if !c.Hidden {
			fmt.Fprintf(&b, "  %-10s %s\n", c.Name, c.Usage)
		}
	}
	b.WriteString("\npoolsync COMMAND --help tells the rest: flags, exit codes, examples.\n")
	return b.String()
}

// commandHelp is the help of a command.
func commandHelp(c *cli.Command) string {
	about, _, _ := strings.Cut(c.Description, "\n\nExample")
	m := manuals[c.Name]
	if len(m.examples) == 0 {
		m.examples = examplesIn(c.Description)
	}
	usage := strings.TrimRight("poolsync "+c.Name+" [FLAGS] "+c.ArgsUsage, " ")
	return helpPage("poolsync "+c.Name+" - "+c.Usage, usage, c.Aliases, about, c.Flags, m)
}

// stateHelp is the help of a verb of "poolsync state", if one is asked for.
func stateHelp(args []string, commands []*cli.Command) string {
	name, rest := splitCommand(args[min(1, len(args)):], commands)
	if name != "state" || !slices.ContainsFunc(rest, isHelp) {
		return ""
	}
	for _, word := range rest {
		v, ok := stateVerbs[word]
		if !ok {
			continue
		}
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == "state" })
		flags := slices.DeleteFunc(slices.Clone(commands[i].Flags), func(f cli.Flag) bool {
			return (f.Names()[0] == flagTo && word != "copy") || (f.Names()[0] == flagAutoApprove && word != "unlock")
		})
		return helpPage("poolsync state "+word, "poolsync state "+v.usage+" [FLAGS]", nil, v.about, flags, manual{manuals["state"].exits, v.examples})
	}
	return ""
}

func helpPage(title, usage string, aliases []string, about string, flags []cli.Flag, m manual) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage: %s\n", title, usage)
	if len(aliases) > 0 {
		fmt.Fprintf(&b, "Also: poolsync %s\n", strings.Join(aliases, ", "))
	}
	b.WriteString("\n")
	for line := range strings.SplitSeq(strings.TrimSpace(about), "\n") {
		writeWrapped(&b, line)
	}
	for i, g := range flagGroups {
		var found []cli.Flag
		for _, f := range flags {
			if groupOf(f.Names()[0]) == i {
				found = append(found, f)
			}
		}
		if len(found) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		for _, f := range found {
			writeFlag(&b, f)
		}
	}
	b.WriteString("\nExit codes:\n")
	for _, code := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(common, m.exits)))) {
		fmt.Fprintf(&b, "  %3d  %s\n", code, exitWords[code])
	}
	b.WriteString("\nExamples:\n")
	for _, e := range m.examples {
		fmt.Fprintf(&b, "  %s\n", e)
	}
	return b.String()
}

// writeWrapped writes a line of a description, in several where it is too long:
// what continues it stands further in.
func writeWrapped(b *strings.Builder, line string) {
	text := strings.TrimLeft(line, " ")
	lead := line[:len(line)-len(text)]
	parts := message.Code(text + strings.Repeat(" ", max(0, helpWidth/2-len(text)))).Lines(helpWidth - len(lead) - 4)
	for i, part := range parts {
		if i == 1 {
			lead += "    "
		}
		b.WriteString(lead + part + "\n")
	}
	if len(parts) == 0 {
		b.WriteString("\n")
	}
}

// groupOf is the place of a flag's group.
func groupOf(name string) int {
	return max(0, slices.IndexFunc(flagGroups, func(g struct {
		title string
		names []string
	},
	) bool {
		return slices.Contains(g.names, name)
	}))
}

const (
	flagColumn = 30 // where the texts of flags begin
	helpWidth  = 96
)

// writeFlag writes a flag, its text beside it or below.
func writeFlag(b *strings.Builder, f cli.Flag) {
	names, usage, _ := strings.Cut(flagHelp(f), "\t")
	lead := "  " + names
	lines := message.Code(usage + ".").Lines(helpWidth - flagColumn)
	if usage == "" {
		lines = []string{""}
	}
	lines[len(lines)-1] = strings.TrimSuffix(lines[len(lines)-1], ".")
	if message.Width(lead)+2 > flagColumn {
		b.WriteString(lead + "\n")
		lead = ""
	}
	for _, l := range lines {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s%s", flagColumn, lead, l), " ") + "\n")
		lead = ""
	}
}

// examplesIn are the examples at the end of a description.
func examplesIn(description string) []string {
	_, text, found := strings.Cut(description, "\n\nExample")
	if !found {
		return nil
	}
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "poolsync ") {
			out = append(out, line)
		}
	}
	return out
}

// flagHelp writes a flag's line of help: its names, its placeholder, its usage.
func flagHelp(f cli.Flag) string {
	var names []string
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append(names, "-"+n)
		} else {
			names = append(names, "--"+n)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	usage := ""
	if d, ok := f.(cli.DocGenerationFlag); ok {
		usage = d.GetUsage()
	}
	text := strings.Join(names, ", ")
	if before, rest, ok := strings.Cut(usage, "`"); ok {
		placeholder, after, _ := strings.Cut(rest, "`")
		text += " " + placeholder
		usage = before + placeholder + after
	}
	return text + "\t" + usage
}

// referencePage is the reference of the command line as Markdown.
func referencePage(app *cli.App) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nMade from the help of the program; `make update` writes it anew.\n\n```text\n" + appHelp(app) + "```\n")
	for _, p := range pagesOf(app) {
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s```\n", p.name, p.text)
	}
	return b.String()
}

// manPage is the reference of the command line as a page of man.
func manPage(app *cli.App) string {
	escape := strings.NewReplacer(`\`, `\e`, "-", `\-`)
	block := func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if line = escape.Replace(line); strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
				line = `\&` + line
			}
			b.WriteString(line)
		}
		return ".nf\n" + b.String() + ".fi\n"
	}
	var b strings.Builder
	b.WriteString(".TH POOLSYNC 1\n.SH NAME\npoolsync \\- " + escape.Replace(app.Usage) + "\n.SH SYNOPSIS\n.B poolsync\nCOMMAND [FLAGS] [ARGUMENTS]\n.SH DESCRIPTION\n" + block(app.Description+"\n"))
	for _, p := range pagesOf(app) {
		b.WriteString(".SH " + strings.ToUpper(escape.Replace(p.name)) + "\n" + block(p.text))
	}
	return b.String()
}

type helped struct{ name, text string }

// pagesOf are the help texts of all commands.
func pagesOf(app *cli.App) []helped {
	var out []helped
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		out = append(out, helped{"poolsync " + c.Name, commandHelp(c)})
		if c.Name == "state" {
			for _, verb := range []string{"list", "show", "forget", "unlock", "copy"} {
				out = append(out, helped{"poolsync state " + verb, stateHelp([]string{"poolsync", "state", verb, "--help"}, app.Commands)})
			}
		}
	}
	return out
}
