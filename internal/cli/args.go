package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/settings"
	"github.com/poolsync/poolsync/internal/suggest"
)

// arrange puts flags before arguments, since the flag parser stops at the first
// argument and would take what follows for arguments too: "apply pools
// --dry-run" would write. A flag that no command has is refused here, with the
// line as it was probably meant.
func arrange(args []string, commands []*cli.Command) ([]string, *exit) {
	name, rest := splitCommand(args[1:], commands)
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(name) })
	if i < 0 {
		if slices.ContainsFunc(args[1:], isVersion) {
			return []string{args[0], "version"}, nil
		}
		return args, nil
	}
	known := flagsOf(commands[i])
	var flags, arguments []string
	for n := 0; n < len(rest); n++ {
		word := rest[n]
		if word == "--" {
			arguments = append(arguments, rest[n+1:]...)
			break
		}
		if !isFlag(word) {
			arguments = append(arguments, word)
			continue
		}
		flag, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		takesValue, ok := known[flag]
		if !ok {
			return nil, unknownFlag(args, word, flag, known)
		}
		flags = append(flags, word)
		if !takesValue {
			continue
		}
		if !joined {
			if n++; n < len(rest) {
				value = rest[n]
				flags = append(flags, value)
			}
		}
		if x := badValue(word, value, n < len(rest), joined, known); x != nil {
			return nil, x
		}
	}
	if slices.ContainsFunc(flags, isHelp) {
		return []string{args[0], commands[i].Name, "--help"}, nil
	}
	out := append([]string{args[0], commands[i].Name}, flags...)
	if len(arguments) > 0 {
		out = append(append(out, "--"), arguments...)
	}
	return out, nil
}

// badValue refuses a flag without a value: one that ends the line, one before
// another flag, and one whose value is empty, since a variable of the script that
// wrote the line may not have been set.
func badValue(word, value string, there, joined bool, known map[string]bool) *exit {
	next, _, _ := strings.Cut(strings.TrimPrefix(value, "--"), "=")
	_, isOther := known[next]
	name, _, _ := strings.Cut(word, "=")
	var x exit
	switch {
	case !there || !joined && isOther && len(next) < len(value):
		x = usage("flag %s needs a value", name)
	case strings.TrimSpace(value) == "":
		x = usage("%w", settings.EmptyFlag(name))
	default:
		return nil
	}
	return &x
}

// outputsOnly is the command line with nothing but the command and its outputs,
// or nil where there are none.
func outputsOnly(args []string, commands []*cli.Command) []string {
	name, rest := splitCommand(args[1:], commands)
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(name) })
	if i < 0 {
		return nil
	}
	if _, ok := flagsOf(commands[i])[flagOutput]; !ok {
		return nil
	}
	var out []string
	for n, word := range rest {
		flag, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !isFlag(word) || flag != flagOutput && flag != flagOutput[:1] {
			continue
		}
		if !joined && n+1 < len(rest) {
			value = rest[n+1]
		}
		out = append(out, "--"+flagOutput+"="+value)
	}
	if out == nil {
		return nil
	}
	return append([]string{args[0], commands[i].Name}, out...)
}

// flagsIn gives those of the flags that stand in a command line, with their
// values. All of them take one.
func flagsIn(args, names []string) []string {
	var out []string
	eachFlag(args, names, func(words []string) { out = append(out, words...) })
	return out
}

// withoutFlag gives a command line without a flag and its value.
func withoutFlag(args []string, name string) []string {
	out := slices.Clone(args)
	eachFlag(args, []string{name}, func(words []string) {
		if i := slices.Index(out, words[0]); i >= 0 {
			out = slices.Delete(out, i, i+len(words))
		}
	})
	return out
}

// eachFlag finds flags that take a value, and gives the words of each.
func eachFlag(args, names []string, found func(words []string)) {
	for n := 1; n < len(args) && args[n] != "--"; n++ {
		flag, _, joined := strings.Cut(strings.TrimLeft(args[n], "-"), "=")
		switch {
		case !isFlag(args[n]) || !slices.Contains(names, flag):
		case joined:
			found(args[n : n+1])
		case n+1 < len(args):
			found(args[n : n+2])
			n++
		}
	}
}

func isHelp(flag string) bool { return slices.Contains([]string{"-h", "--h", "-help", "--help"}, flag) }

func isVersion(flag string) bool {
	return slices.Contains([]string{"-v", "--v", "-V", "-version", "--version"}, flag)
}

func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

// splitCommand finds the command, which common flags may precede.
func splitCommand(words []string, commands []*cli.Command) (name string, rest []string) {
	any := map[string]bool{}
	for _, c := range commands {
		for flag, takesValue := range flagsOf(c) {
			any[flag] = any[flag] || takesValue
		}
	}
	for n := 0; n < len(words); n++ {
		if !isFlag(words[n]) {
			return words[n], slices.Concat(words[:n], words[n+1:])
		}
		flag, _, joined := strings.Cut(strings.TrimLeft(words[n], "-"), "=")
		if any[flag] && !joined {
			n++
		}
	}
	return "", words
}

// flagsOf lists the flags of a command and whether each takes a value.
func flagsOf(c *cli.Command) map[string]bool {
	flags := map[string]bool{"help": false, "h": false}
	for _, f := range c.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			flags[name] = !isBool
		}
	}
	return flags
}

// unknownFlag refuses a flag and, where one is near, shows the corrected line.
func unknownFlag(args []string, word, flag string, known map[string]bool) *exit {
	x := usage("unknown flag %s", word)
	names := slices.DeleteFunc(slices.Collect(maps.Keys(known)), func(name string) bool { return len(name) < 2 || name == "help" })
	best := suggest.Nearest(flag, names)
	if best == "" && strings.HasPrefix(flag, "h") {
		best = suggest.Nearest(flag, []string{"help"})
	}
	if best == "" {
		x = x.hint("poolsync COMMAND --help lists the flags of a command")
		return &x
	}
	line := slices.Clone(args)
	for i := range line {
		if line[i] == word {
			line[i] = "--" + best + strings.TrimPrefix(strings.TrimLeft(word, "-"), flag)
		}
	}
	x = x.hint("did you mean: %s", commandLine(line))
	return &x
}

// commandLine writes arguments as a shell takes them.
func commandLine(args []string) string {
	line := append([]string{"poolsync"}, args[1:]...)
	for i, w := range line {
		if w == "" || strings.ContainsAny(w, " \t\n*?[]{}()<>|&;$'\"\\`!#~") {
			line[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(line, " ")
}

func didYouMean(word string, commands []*cli.Command) string {
	var names []string
	for _, c := range commands {
		names = append(names, c.Names()...)
	}
	if best := suggest.Nearest(word, names); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}
