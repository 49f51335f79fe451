package schemas_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	editor = flag.String("editor", "", "the yaml-language-server that TestEditor drives")
	ajv    = flag.String("ajv", "", "the ajv that TestStrict runs")
)

// server is a language server of an editor, asked over its standard streams.
type server struct {
	t    *testing.T
	in   io.Writer
	out  *bufio.Reader
	next int
	// diagnostics are the latest of each document.
	diagnostics map[string][]string
}

type packet struct {
	ID     *json.RawMessage `json:"id,omitempty"`
	Method string           `json:"method,omitempty"`
	Params json.RawMessage  `json:"params,omitempty"`
	Result json.RawMessage  `json:"result,omitempty"`
	Error  json.RawMessage  `json:"error,omitempty"`
}

// startEditor starts the language server with our schemas for *.pools.yaml and
// poolsync.yaml.
func startEditor(t *testing.T) *server {
	t.Helper()
	if *editor == "" {
		t.Skip("no language server given; make editor installs one")
	}
	cmd := exec.CommandContext(t.Context(), *editor, "--stdio")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &server{t: t, in: in, out: bufio.NewReader(out), diagnostics: map[string][]string{}}
	s.ask("initialize", map[string]any{"processId": os.Getpid(), "rootUri": nil, "capabilities": map[string]any{
		"textDocument": map[string]any{"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}},
		"workspace":    map[string]any{"configuration": true, "didChangeConfiguration": map[string]any{"dynamicRegistration": true}},
	}})
	s.send(map[string]any{"method": "initialized", "params": map[string]any{}})
	return s
}

func (s *server) send(m map[string]any) {
	s.t.Helper()
	m["jsonrpc"] = "2.0"
	data, err := json.Marshal(m)
	require.NoError(s.t, err)
	_, err = fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(data), data)
	require.NoError(s.t, err)
}

// read reads the next message, and answers what the server wants to know.
func (s *server) read() packet {
	s.t.Helper()
	length := 0
	for {
		line, err := s.out.ReadString('\n')
		require.NoError(s.t, err)
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, err = strconv.Atoi(value)
			require.NoError(s.t, err)
		}
	}
	data := make([]byte, length)
	_, err := io.ReadFull(s.out, data)
	require.NoError(s.t, err)
	var p packet
	require.NoError(s.t, json.Unmarshal(data, &p))
	if p.Method != "" && p.ID != nil {
		s.send(map[string]any{"id": p.ID, "result": s.configuration(p)})
	}
	if p.Method == "textDocument/publishDiagnostics" {
		var found struct {
			URI         string
			Diagnostics []struct {
				Message string
				Range   struct{ Start struct{ Line int } }
			}
		}
		require.NoError(s.t, json.Unmarshal(p.Params, &found))
		all := []string{}
		for _, d := range found.Diagnostics {
			all = append(all, fmt.Sprintf("%d: %s", d.Range.Start.Line+1, d.Message))
		}
		s.diagnostics[found.URI] = all
	}
	return p
}

// configuration is what an editor is set to, in the order in which it is asked.
func (s *server) configuration(p packet) any {
	if p.Method != "workspace/configuration" {
		return nil
	}
	var asked struct{ Items []struct{ Section string } }
	require.NoError(s.t, json.Unmarshal(p.Params, &asked))
	here, err := os.Getwd()
	require.NoError(s.t, err)
	yaml := map[string]any{
		"validate": true, "hover": true, "completion": true, "schemaStore": map[string]any{"enable": false},
		"schemas": map[string]any{"file://" + here + "/pools.schema.json": "*.pools.yaml", "file://" + here + "/poolsync.schema.json": "poolsync.yaml"},
	}
	var out []any
	for _, item := range asked.Items {
		if item.Section == "yaml" {
			out = append(out, yaml)
		} else {
			out = append(out, map[string]any{})
		}
	}
	return out
}

// ask sends a request and returns its result.
func (s *server) ask(method string, params any) json.RawMessage {
	s.t.Helper()
	s.next++
	s.send(map[string]any{"id": s.next, "method": method, "params": params})
	for {
		p := s.read()
		if p.Method != "" || p.ID == nil || string(*p.ID) != strconv.Itoa(s.next) {
			continue
		}
		require.Empty(s.t, string(p.Error))
		return p.Result
	}
}

// open opens a document and returns what the editor marks in it.
func (s *server) open(uri, text string) []string {
	s.t.Helper()
	s.send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{
		"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": 1, "text": text},
	}})
	for s.diagnostics[uri] == nil {
		s.read()
	}
	return s.diagnostics[uri]
}

func position(uri string, line, character int) map[string]any {
	return map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": character}}
}

// completions are the texts that the editor offers at a place, by their label.
func (s *server) completions(uri string, line, character int) map[string]string {
	s.t.Helper()
	var list struct {
		Items []struct {
			Label, InsertText string
			TextEdit          struct{ NewText string }
		}
	}
	require.NoError(s.t, json.Unmarshal(s.ask("textDocument/completion", position(uri, line, character)), &list))
	out := map[string]string{}
	for _, i := range list.Items {
		out[i.Label] = i.InsertText
		if i.TextEdit.NewText != "" {
			out[i.Label] = i.TextEdit.NewText
		}
	}
	return out
}

func (s *server) hover(uri string, line, character int) string {
	s.t.Helper()
	var h struct{ Contents any }
	require.NoError(s.t, json.Unmarshal(s.ask("textDocument/hover", position(uri, line, character)), &h))
	return fmt.Sprint(h.Contents)
}

// TestEditor drives a language server: what it offers and says helps, the
// examples are clean, and mistakes are marked.
func TestEditor(t *testing.T) {
	s := startEditor(t)
	t.Run("empty file", func(t *testing.T) {
		s.open("file:///repo/empty.pools.yaml", "\n")
		got := s.completions("file:///repo/empty.pools.yaml", 0, 0)
		var whole string
		for label, text := range got {
			require.NotContains(t, label+text, "[object Object]")
			if strings.Contains(text, "pools:") && len(text) > len(whole) {
				whole = text
			}
		}
		for _, want := range []string{"version: ", "pools:", "reference: ", "name: ", "content:"} {
			require.Contains(t, whole, want, "%v", got)
		}
	})
	const manifest = "version: 1\npools:\n  - reference: a\n    name: A\n    content:\n      tags:\n        - \n      item_references: [x]\n"
	const uri = "file:///repo/one.pools.yaml"
	t.Run("hover", func(t *testing.T) {
		s.open(uri, manifest)
		text := s.hover(uri, 2, 6)
		require.Contains(t, text, "identity within the item bank")
		require.NotContains(t, text, "^[", "no pattern")
	})
	t.Run("tag entries", func(t *testing.T) {
		got := s.completions(uri, 6, 10)
		require.NotContains(t, fmt.Sprint(got), "[object Object]")
		require.Contains(t, fmt.Sprint(got), "type: ")
		require.Contains(t, fmt.Sprint(got), "required_tags:")
	})
	t.Run("endpoint", func(t *testing.T) {
		const config = "file:///repo/poolsync.yaml"
		s.open(config, "version: 1\nendpoint: \n")
		got := s.completions(config, 1, 10)
		require.NotContains(t, fmt.Sprint(got), "[object Object]")
		require.Contains(t, fmt.Sprint(got), "https://data.learnosity.com")
		const regions = "file:///other/poolsync.yaml"
		s.open(regions, "version: 1\nendpoint:\n  \n")
		got = s.completions(regions, 2, 2)
		require.NotContains(t, fmt.Sprint(got), "[object Object]")
		require.Contains(t, got, "read")
		require.Contains(t, got, "write")
	})
	t.Run("examples", func(t *testing.T) {
		files, err := filepath.Glob("../examples/pools/*.yaml")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Empty(t, s.open("file:///repo/"+filepath.Base(file)+".pools.yaml", withoutModeline(string(text))), file)
		}
	})
	for i, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			found := s.open(fmt.Sprintf("file:///repo/m%d.pools.yaml", i), m.text)
			require.NotEmpty(t, found)
			require.NotContains(t, strings.Join(found, "\n"), "pattern of", "a pattern is not shown raw")
			require.NotContains(t, strings.Join(found, "\n"), "^[", "a pattern is not shown raw")
			require.Contains(t, strings.Join(found, "\n"), fmt.Sprintf("%d: ", m.line))
		})
	}
}

// withoutModeline takes the line off that names the schema by its place.
func withoutModeline(text string) string {
	if strings.HasPrefix(text, "# yaml-language-server") {
		_, rest, _ := strings.Cut(text, "\n")
		return "#\n" + rest
	}
	return text
}

func onePool(lines ...string) string {
	return "version: 1\npools:\n  - reference: a\n    name: A\n    content: {item_references: [x]}\n    " + strings.Join(lines, "\n    ") + "\n"
}

// mistakes are twenty that people make, each with the line that is marked.
var mistakes = []struct {
	name, text string
	line       int
}{
	{"no version", "pools:\n  - {reference: a, name: A, content: {item_references: [x]}}\n", 1},
	{"version 2", "version: 2\npools:\n  - {reference: a, name: A, content: {item_references: [x]}}\n", 1},
	{"no pools", "version: 1\n", 1},
	{"empty pools", "version: 1\npools: []\n", 2},
	{"unknown key", "version: 1\npolls: []\npools:\n  - {reference: a, name: A, content: {item_references: [x]}}\n", 2},
	{"no reference", "version: 1\npools:\n  - name: A\n    content: {item_references: [x]}\n", 3},
	{"no name", "version: 1\npools:\n  - reference: a\n    content: {item_references: [x]}\n", 3},
	{"no content", "version: 1\npools:\n  - reference: a\n    name: A\n", 3},
	{"empty content", "version: 1\npools:\n  - reference: a\n    name: A\n    content: {}\n", 5},
	{"quote in a reference", "version: 1\npools:\n  - reference: it's\n    name: A\n    content: {item_references: [x]}\n", 3},
	{"long reference", "version: 1\npools:\n  - reference: " + strings.Repeat("x", 151) + "\n    name: A\n    content: {item_references: [x]}\n", 3},
	{"unknown status", onePool("status: live"), 6},
	{"overwrite", onePool("overwrite: true"), 6},
	{"flag as text", onePool("set_unpublished_to_published: \"yes\""), 6},
	{"unknown lifecycle", onePool("lifecycle: {replace: never}"), 6},
	{"ignored field", onePool("lifecycle: {ignore: [content]}"), 6},
	{"correction without id", onePool("corrections: [{item_references: [x]}]"), 6},
	{"tag without type", "version: 1\npools:\n  - reference: a\n    name: A\n    content:\n      tags: [{name: x}]\n", 6},
	{"half of an advanced entry", "version: 1\npools:\n  - reference: a\n    name: A\n    content:\n      tags: [{additional_tags: [{type: x}]}]\n", 6},
	{"item as a text", "version: 1\npools:\n  - reference: a\n    name: A\n    content:\n      item_references: x\n", 6},
	{"bank as text", "version: 1\norganisation_id: \"505\"\npools:\n  - {reference: a, name: A, content: {item_references: [x]}}\n", 2},
}

// TestStrict: the schemas hold nothing that a strict reader finds fault with.
func TestStrict(t *testing.T) {
	if *ajv == "" {
		t.Skip("no ajv given; make editor installs one")
	}
	files, err := filepath.Glob("*.schema.json")
	require.NoError(t, err)
	for _, file := range files {
		out, err := exec.CommandContext(t.Context(), *ajv, "compile", "--spec=draft7", "--strict=true", "-s", file).CombinedOutput()
		require.NoError(t, err, "%s: %s", file, out)
	}
}
