package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/schemas"
)

// The consumer of every script. The secret must never be printed: run looks for
// it in everything that the program writes.
const (
	key    = "script-consumer1"
	secret = "made-up-secret-of-the-scripts-7f3a"
)

// world is what belongs to one script.
type world struct {
	server atomic.Pointer[sandbox.Server]
	url    string
	served chan struct{} // a call was answered; whoever waits looks at the log
	calls  atomic.Int64  // calls answered so far

	background *exec.Cmd
}

// ServeHTTP passes a call on to the server of the moment.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.server.Load().ServeHTTP(rw, r)
	w.calls.Add(1)
	select {
	case w.served <- struct{}{}:
	default:
	}
}

// awaitWrite waits until a write has been answered.
func (w *world) awaitWrite(ctx context.Context) {
	for {
		for _, c := range w.server.Load().Log() {
			if c.Action != "get" {
				return
			}
		}
		select {
		case <-w.served:
		case <-ctx.Done():
			return
		}
	}
}

func newServer() (*sandbox.Server, error) { return newServerAt(0) }

// newServerAt makes a server whose clock differs from ours.
func newServerAt(offset time.Duration) (*sandbox.Server, error) {
	return sandbox.New(sandbox.Options{
		ConsumerKey: key, ConsumerSecret: secret, Latency: 200 * time.Millisecond, Seed: "scripts", ClockOffset: offset,
	})
}

func setup(env *testscript.Env) error {
	server, err := newServer()
	if err != nil {
		return err
	}
	w := &world{served: make(chan struct{}, 1)}
	w.server.Store(server)
	h := httptest.NewServer(w)
	env.Defer(h.Close)
	w.url = h.URL
	env.Values["world"] = w
	env.Setenv("POOLSYNC_ENDPOINT", h.URL)
	// The port of a connection's own end is taken, and nobody listens at it.
	own, err := net.Dial("tcp", h.Listener.Addr().String())
	if err != nil {
		return err
	}
	env.Defer(func() { _ = own.Close() })
	env.Setenv("NOBODY", "http://"+own.LocalAddr().String())
	env.Setenv("LEARNOSITY_CONSUMER_KEY", key)
	env.Setenv("LEARNOSITY_CONSUMER_SECRET", secret)
	env.Setenv("LEARNOSITY_DOMAIN", "localhost")
	env.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(env.WorkDir))
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("USER", "tester")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env.Setenv("GIT_"+who+"_NAME", "tester")
		env.Setenv("GIT_"+who+"_EMAIL", "tester@example.test")
	}
	return nil
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value("world").(*world) }

// volatile is what differs from run to run, and what stands for it in scripts.
var volatile = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\d{8}T\d{6}-[0-9a-z]{4}`), "RUN"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "DIGEST"},
	{regexp.MustCompile(`"fingerprint": "[0-9a-f]{64}"`), `"fingerprint": "FINGERPRINT"`},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "SANDBOX"},
	{regexp.MustCompile(`(?m)^poolsync: (reading|applying|finding out|waiting) .* for [0-9hms]+\n`), ""}, // told when the machine is slow
}

func settleText(ts *testscript.TestScript, text string) string {
	text = strings.ReplaceAll(text, worldOf(ts).url, "SANDBOX")
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	return text
}

var signals = map[string]os.Signal{"-int": os.Interrupt, "-term": syscall.SIGTERM, "-hup": syscall.SIGHUP, "-kill": os.Kill}

// run CODE [-int|-term|-hup|-kill] COMMAND... runs a command and checks its exit code. What
// it wrote, with what differs from run to run replaced, is what stdout, stderr
// and cmp see. With a signal's name it gets that signal when the first write was
// answered; a killed command's exit code is -1.
func run(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: run CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var signal os.Signal
	if named, ok := signals[args[1]]; ok {
		signal, args = named, slices.Delete(args, 1, 2)
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		path = filepath.Join(filepath.Dir(ts.Getenv("PATH")), args[1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environ(ts)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ts.Check(cmd.Start())
	if signal != nil {
		worldOf(ts).awaitWrite(ctx)
		ts.Check(cmd.Process.Signal(signal))
	}
	err = cmd.Wait()
	got := 0
	var x *exec.ExitError
	if errors.As(err, &x) {
		got = x.ExitCode()
	} else {
		ts.Check(err)
	}
	if strings.Contains(stdout.String()+stderr.String(), secret) {
		ts.Fatalf("the secret was printed:\n%s%s", stdout.String(), stderr.String())
	}
	_, err = fmt.Fprint(ts.Stdout(), settleText(ts, stdout.String()))
	ts.Check(err)
	_, err = fmt.Fprint(ts.Stderr(), settleText(ts, stderr.String()))
	ts.Check(err)
	checkJSON(ts, args[1:], stdout.Bytes())
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// start COMMAND... starts a command in the background and waits until its first
// call; join CODE waits for its end.
func start(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	w.background = exec.Command(path, args[1:]...)
	w.background.Dir, w.background.Env = ts.MkAbs("."), environ(ts)
	before := w.calls.Load()
	ts.Check(w.background.Start())
	for w.calls.Load() == before {
		<-w.served
	}
}

func join(ts *testscript.TestScript, _ bool, args []string) {
	err := worldOf(ts).background.Wait()
	code := 0
	if x, ok := errors.AsType[*exec.ExitError](err); ok {
		code = x.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("the background command ended with %d, want %s", code, args[0])
	}
}

// checkJSON holds every plan and result in JSON that a script makes against the
// published schemas.
func checkJSON(ts *testscript.TestScript, args []string, stdout []byte) {
	for i, arg := range args {
		format, file, _ := strings.Cut(arg, "=")
		if format != "json" || i == 0 || args[i-1] != "-o" {
			continue
		}
		data := stdout
		if file != "" && file != "-" {
			info, err := os.Stat(ts.MkAbs(file))
			if err != nil || !info.Mode().IsRegular() {
				continue // the command line was refused, or nothing can be read back
			}
			if data, err = os.ReadFile(ts.MkAbs(file)); err != nil {
				ts.Fatalf("%v", err)
			}
			if !bytes.HasPrefix(data, []byte("{")) {
				continue // an input, which was left as it is
			}
		}
		var doc any
		ts.Check(json.Unmarshal(data, &doc))
		name, _ := doc.(map[string]any)["command"].(string)
		if name == "apply" {
			name = "result"
		}
		published, err := compiled()
		ts.Check(err)
		schema, ok := published[name]
		if !ok {
			continue
		}
		if err := schema.Validate(doc); err != nil {
			ts.Fatalf("%s: %+v", strings.Join(args, " "), leafCauses(err))
		}
	}
}

// compiled returns the schemas by their name.
var compiled = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	out := map[string]*jsonschema.Schema{}
	for name, text := range schemas.All {
		schema, err := jsonschema.CompileString(name+".schema.json", string(text))
		if err != nil {
			return nil, err
		}
		out[name] = schema
	}
	return out, nil
})

// environ is the script's environment as the program gets it. A variable that is
// to be set to nothing is named by EMPTY.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "USER", "TMPDIR", "POOLSYNC_ENDPOINT", "POOLSYNC_ORGANISATION_ID", "POOLSYNC_STATE", "POOLSYNC_CONFIG",
		"POOLSYNC_ONLY", "POOLSYNC_TIMEOUT", "POOLSYNC_ORGANIZATION_ID", "POOLSYNC_API_VERSION", "LEARNOSITY_CONSUMER_KEY", "LEARNOSITY_CONSUMER_SECRET",
		"LEARNOSITY_DOMAIN", "NO_COLOR", "CI", "GITHUB_ACTIONS", "GIT_CEILING_DIRECTORIES", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL",
		"GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_REPOSITORY", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_SERVER_URL",
		"GITHUB_RUN_ID", "GITHUB_SHA", "GITHUB_WORKSPACE", "RUNNER_TEMP", "INPUT_COMMAND", "INPUT_PATHS", "INPUT_ARGS", "INPUT_LABEL",
		"INPUT_ONLY", "INPUT_CONFIG", "INPUT_WORKING_DIRECTORY", "INPUT_PLAN_FILE", "INPUT_EXPECT_PLAN", "INPUT_FAIL_ON_CHANGES",
		"INPUT_FAIL_ON_DRIFT", "INPUT_ANNOTATIONS", "INPUT_SUMMARY",
		"GIT_DIR", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE", "GIT_AUTHOR_DATE", "TESTSCRIPT_COMMAND", "GOCOVERDIR",
		"HTTPS_PROXY", "all_proxy",
	} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if name := ts.Getenv("EMPTY"); name != "" {
		env = append(env, name+"=")
	}
	return env
}

// calls [writes] prints the calls that arrived since the last calls: a line for
// each write with its request, and the number of reads by endpoint.
func calls(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	reads := map[string]int{}
	var out strings.Builder
	for _, c := range w.server.Load().Log() {
		if c.Action == "get" {
			reads[c.Endpoint]++
			continue
		}
		fmt.Fprintf(&out, "%s %s %s", c.Action, c.Endpoint, c.Request)
		if c.Status != 200 {
			fmt.Fprintf(&out, " -> %d/%d", c.Status, c.Code)
		}
		out.WriteByte('\n')
	}
	w.server.Load().ClearLog()
	if len(args) == 0 {
		var names []string
		for name := range reads {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(&out, "get %s: %d\n", name, reads[name])
		}
	}
	_, err := fmt.Fprint(ts.Stdout(), out.String())
	ts.Check(err)
}

// bank changes the sandbox from outside:
//
//	bank pool BANK REF FIELD=VALUE...   a hand edit of name, status or description
//	bank foreign BANK REF ITEM,... FIELD=VALUE...
//	                                    somebody else's pool, or rebuild, of these items
//	bank remove BANK REF                the pool is gone
//	bank item BANK REF                  an edit of an item, which moves its dt_updated
//	bank tag BANK REF TYPE=NAME         gives an item one tag in place of its own
//	bank switch NAME=VALUE              an undocumented behaviour
//	bank fault TEXT                     a fault, as the sandbox's --fault takes it
//	bank fresh                          another bank at the same address
//	bank clock OFFSET                   the same, whose clock is not ours
//	bank clear                          no faults any more
//	bank show BANK REF                  prints what the pool holds
func bank(ts *testscript.TestScript, _ bool, args []string) {
	s := worldOf(ts).server.Load()
	number := func() int64 {
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		return n
	}
	switch args[0] {
	case "pool":
		ts.Check(s.EditPool(number(), args[2], func(p *sandbox.PoolRecord) { editPool(ts, p, args[3:]) }))
	case "foreign":
		ts.Check(s.PutPool(number(), args[2], strings.Split(args[3], ","), nil,
			func(p *sandbox.PoolRecord) { editPool(ts, p, args[4:]) }))
	case "remove":
		ts.Check(s.RemovePool(number(), args[2]))
	case "item":
		ts.Check(s.EditItem(number(), args[2], func(it *sandbox.Item) { it.Title += " (edited)" }))
	case "tag":
		kind, name, _ := strings.Cut(args[3], "=")
		ts.Check(s.EditItem(number(), args[2], func(it *sandbox.Item) { it.Tags = map[string][]string{kind: {name}} }))
	case "unpublish-item":
		ts.Check(s.EditItem(number(), args[2], func(it *sandbox.Item) { it.Status = "unpublished" }))
	case "switch":
		sw := s.Switches()
		name, value, _ := strings.Cut(args[1], "=")
		ts.Check(sw.Set(name, value))
		ts.Check(s.SetSwitches(sw))
	case "fault":
		f, err := sandbox.ParseFault(args[1])
		ts.Check(err)
		ts.Check(s.AddFault(f))
	case "fresh", "clock":
		var offset time.Duration
		if args[0] == "clock" {
			var err error
			offset, err = time.ParseDuration(args[1])
			ts.Check(err)
		}
		fresh, err := newServerAt(offset)
		ts.Check(err)
		worldOf(ts).server.Store(fresh)
	case "clear":
		s.ClearFaults()
	case "show":
		snap, ok := s.PoolContent(number(), args[2])
		if !ok {
			ts.Fatalf("bank %s has no pool %s", args[1], args[2])
		}
		for _, it := range snap.Items {
			_, err := fmt.Fprintln(ts.Stdout(), it.Reference, it.Title)
			ts.Check(err)
		}
	default:
		ts.Fatalf("bank %s: unknown", args[0])
	}
}

func editPool(ts *testscript.TestScript, p *sandbox.PoolRecord, fields []string) {
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "name":
			p.Name = value
		case "status":
			p.Status = value
		case "description":
			p.Description = value
		default:
			ts.Fatalf("a pool has no field %s", name)
		}
	}
}

// jsonenv FILE PATH NAME puts a text of a JSON file into the environment.
func jsonEnv(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: jsonenv FILE PATH NAME")
	}
	text, ok := jsonAt(ts, args[0], args[1]).(string)
	if !ok {
		ts.Fatalf("%s of %s is no text", args[1], args[0])
	}
	ts.Setenv(args[2], text)
}

// jsonget FILE PATH VALUE compares one value of a JSON file or of stdout. The
// path is a list of members and indexes joined by dots.
func jsonGet(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: jsonget FILE PATH VALUE")
	}
	v := jsonAt(ts, args[0], args[1])
	got, err := json.Marshal(v)
	ts.Check(err)
	if same := string(got) == args[2] || v == args[2]; same == neg {
		ts.Fatalf("%s is %s, want %s", args[1], got, args[2])
	}
}

// jsonAt gives the value at a path of a JSON file.
func jsonAt(ts *testscript.TestScript, file, path string) any {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &v))
	for part := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				ts.Fatalf("%s: no element %s of %d", path, part, len(x))
			}
			v = x[i]
		default:
			ts.Fatalf("%s: nothing at %s", path, part)
		}
	}
	return v
}

// tamper FILE OLD NEW changes the first OLD in a file.
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// generate FILE N writes a manifest of N pools with one item each.
func generate(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("version: 1\norganisation_id: 505\npools:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - reference: pool-%04d\n    name: Pool %d\n    content:\n      item_references: [dataapi_test_%03d]\n", i, i, i%6+1)
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, []byte(b.String()), 0o600))
}

// leafCauses lists what a document breaks, each with its place.
func leafCauses(err error) []string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []string{err.Error()}
	}
	if len(v.Causes) == 0 {
		return []string{v.InstanceLocation + ": " + v.Message}
	}
	var out []string
	for _, c := range v.Causes {
		out = append(out, leafCauses(c)...)
	}
	return out
}
