package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var inShells = flag.Bool("shells", false, "try the completion in bash, zsh and fish, which have to be installed")

// The scripts of the shells, run by the shells: what is offered for a word.
func TestCompletionInShells(t *testing.T) {
	if !*inShells {
		return // the script "completion" holds what the shells are told
	}
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "poolsync"), ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	work := filepath.Join(dir, "work")
	require.NoError(t, os.MkdirAll(filepath.Join(work, "pools"), 0o755))
	manifest := "version: 1\npools:\n" + `  - {reference: win-1, name: Winter 1, content: {item_references: [a]}}` + "\n" +
		`  - {reference: "win 2", name: "Winter: 2", content: {item_references: [a]}}` + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(work, "pools", "a.yaml"), []byte(manifest), 0o644))
	ask := map[string]string{
		"bash": `source <(poolsync completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _poolsync; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { }; _describe() { print -rl -- "${(@)items%%:*}" }; _files() { print -rl -- ${words[CURRENT]}*(N) }
			source <(poolsync completion zsh); words=("$@"); CURRENT=$#; _poolsync`,
		"fish": `poolsync completion fish | source; complete -C (string join ' ' -- $argv) | string replace -r '\t.*' ''; true`,
	}
	tests := []struct{ line, want string }{
		{"poolsync pl", "plan"},
		{"poolsync apply --allow-repl", "--allow-replace"},
		{"poolsync state fo", "forget"},
		{"poolsync adopt win-", "win-1"},
		{"poolsync validate po", "pools"},
		{"poolsync plan -o js", "json"},
	}
	for shell, script := range ask {
		for _, tt := range tests {
			args := append([]string{"-c", script}, shellArgs(shell, strings.Fields(tt.line))...)
			cmd := exec.Command(shell, args...)
			cmd.Dir = work
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "HOME="+dir)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %s: %s", shell, tt.line, out)
			if d := cmp.Diff(tt.want, strings.TrimRight(strings.TrimSpace(string(out)), "/")); d != "" {
				t.Errorf("%s: %s (-want +got):\n%s", shell, tt.line, d)
			}
		}
	}
}

// shellArgs are the words as the shell's -c takes them: bash and zsh take the first
// one for $0.
func shellArgs(shell string, words []string) []string {
	if shell == "fish" {
		return words
	}
	return append([]string{shell}, words...)
}
