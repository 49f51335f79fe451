package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/sandbox"
)

var each = flag.Bool("each", false, "run the scripts of the rules in each setting by itself, which takes a minute")

// values are what the API may do where its documentation is silent, other than
// the default. Every rule has to hold under each of them.
var values = []string{
	"U1=conflict", "U1=halt", "U1=noop", "U2=lose", "U4=refresh", "U4=error", "U6=allow", "U8=keep", "U9=refuse", "U9=skip",
	"U10=halt", "U26=visible", "U26=never", "U30=refuse", "U31=fold",
}

// settings are lists of values to run under: each by itself, or together, so
// that each occurs. An empty list is the default.
func settings() [][]string {
	list := [][]string{nil}
	if !*each {
		return append(list,
			[]string{"U1=conflict", "U2=lose", "U4=refresh", "U6=allow", "U8=keep", "U9=refuse", "U10=halt", "U26=visible", "U30=refuse"},
			[]string{"U1=halt", "U9=skip", "U26=never", "U31=fold"},
			[]string{"U1=noop", "U4=error"},
		)
	}
	for _, v := range values {
		list = append(list, []string{v})
	}
	return list
}

// TestSettings holds the settings against the values: none is left out.
func TestSettings(t *testing.T) {
	used := slices.Concat(settings()...)
	slices.Sort(used)
	require.ElementsMatch(t, values, slices.Compact(used))
}

// TestRules runs the scripts of the change model in each setting. Scripts say
// where a setting rightly changes the outcome by a condition such as [U4:error];
// texts are compared under [default] alone, JSON and calls in all of them.
func TestRules(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for i, setting := range settings() {
		work := filepath.Join(root, strconv.Itoa(i))
		require.NoError(t, os.Mkdir(work, 0o700))
		name := strings.Join(setting, ",")
		if name == "" {
			name = "default"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                 "testdata/rules",
				UpdateScripts:       *update && len(setting) == 0,
				RequireUniqueNames:  true,
				RequireExplicitExec: true,
				Setup:               func(env *testscript.Env) error { return setupRules(env, setting) },
				WorkdirRoot:         work,
				Condition:           func(name string) (bool, error) { return inSetting(setting, name) },
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"run": run, "calls": writes, "bank": rulesBank, "jsonget": jsonGet, "generate": generate,
					"changes": changes, "naive": naive, "tag": tag, "ends": ends, "edit": edit,
				},
			})
		})
	}
}

func setupRules(env *testscript.Env, setting []string) error {
	if err := setup(env); err != nil {
		return err
	}
	env.Values["setting"] = setting
	return switchTo(env.Values["world"].(*world).server.Load(), setting...)
}

// switchTo settles undocumented behaviours of a server.
func switchTo(server *sandbox.Server, setting ...string) error {
	sw := server.Switches()
	for _, text := range setting {
		name, value, err := sandbox.ParseSwitch(text)
		if err != nil {
			return err
		}
		if err := sw.Set(name, value); err != nil {
			return err
		}
	}
	return server.SetSwitches(sw)
}

// inSetting tells whether a condition such as U4:error holds.
func inSetting(setting []string, condition string) (bool, error) {
	switch condition {
	case "default":
		return len(setting) == 0, nil
	case "each":
		return *each, nil
	}
	value := strings.Replace(condition, ":", "=", 1)
	if !slices.Contains(values, value) {
		return false, fmt.Errorf("no setting %q", condition)
	}
	return slices.Contains(setting, value), nil
}

// rulesBank is the command bank; a fresh bank is in the script's setting, too.
func rulesBank(ts *testscript.TestScript, neg bool, args []string) {
	bank(ts, neg, args)
	if args[0] == "fresh" {
		ts.Check(switchTo(worldOf(ts).server.Load(), ts.Value("setting").([]string)...))
	}
}

// writes prints the writes that arrived since the last one, all sets before all
// updates: the two are sent side by side.
func writes(ts *testscript.TestScript, _ bool, _ []string) {
	server := worldOf(ts).server.Load()
	log := slices.DeleteFunc(server.Log(), func(c sandbox.Call) bool { return c.Action == "get" })
	server.ClearLog()
	var out strings.Builder
	slices.SortStableFunc(log, func(a, b sandbox.Call) int { return strings.Compare(a.Action, b.Action) })
	for _, c := range log {
		fmt.Fprintf(&out, "%s %s %s", c.Action, c.Endpoint, c.Request)
		if c.Status != http.StatusOK {
			fmt.Fprintf(&out, " -> %d/%d", c.Status, c.Code)
		}
		out.WriteByte('\n')
	}
	_, err := fmt.Fprint(ts.Stdout(), out.String())
	ts.Check(err)
}

// planned is what scripts compare of a plan, a result or a drift in JSON.
type planned struct {
	Command string
	Exit    struct{ Code int }
	Summary map[string]int
	Calls   map[string]int
	Changes []plannedChange
	Drift   []plannedChange
}

type plannedChange struct {
	Reference string
	Actions   []string
	Kinds     []string
	Outcome   string
	Source    struct {
		File         string
		Line, Column int
	}
	Fields   []struct{ Path string }
	Content  struct{ Added, Removed map[string][]any }
	Evidence struct{ Rule string }
	Blocked  []struct{ Rule, Message, Remedy string }
}

// changes FILE prints, in a line for each change of a document in JSON, what is
// to be done, by which rule, for which words of which file, and what blocks it;
// then the counts that are not zero.
func changes(ts *testscript.TestScript, _ bool, args []string) {
	var p planned
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &p))
	var out strings.Builder
	list := p.Changes
	if p.Command == "drift" {
		list = p.Drift
	}
	for _, ch := range list {
		fmt.Fprintln(&out, ch.line())
	}
	fmt.Fprintf(&out, "exit %d", p.Exit.Code)
	for _, counts := range []map[string]int{p.Summary, p.Calls} {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			if counts[name] != 0 {
				fmt.Fprintf(&out, " %s=%d", name, counts[name])
			}
		}
	}
	_, err := fmt.Fprintln(ts.Stdout(), out.String())
	ts.Check(err)
}

func (ch plannedChange) line() string {
	words := []string{ch.Reference, strings.Join(slices.Concat(ch.Actions, ch.Kinds), "+")}
	add := func(name, value string) {
		if value != "" {
			words = append(words, name, value)
		}
	}
	add("outcome", ch.Outcome)
	add("rule", ch.Evidence.Rule)
	if ch.Source.File != "" {
		add("at", fmt.Sprintf("%s:%d:%d", ch.Source.File, ch.Source.Line, ch.Source.Column))
	}
	var fields, blocks []string
	for _, f := range ch.Fields {
		fields = append(fields, f.Path)
	}
	for _, b := range ch.Blocked {
		blocks = append(blocks, b.Rule)
	}
	add("fields", strings.Join(fields, ","))
	if plus, minus := entries(ch.Content.Added), entries(ch.Content.Removed); plus+minus > 0 {
		add("content", fmt.Sprintf("+%d-%d", plus, minus))
	}
	add("blocked", strings.Join(blocks, ","))
	return strings.Join(words, " ")
}

func entries(content map[string][]any) int {
	n := 0
	for _, list := range content {
		n += len(list)
	}
	return n
}

// naive ACTION BANK POOL sends a pool object as it stands, as a program would
// that knows none of the rules, and waits for its job.
func naive(ts *testscript.TestScript, neg bool, args []string) {
	err := worldOf(ts).naive(args[0], args[1], args[2])
	if (err != nil) != neg {
		ts.Fatalf("naive %s: %v", args[0], err)
	}
}

// naive posts a signed call to the pools endpoint and waits for its job.
func (w *world) naive(action, bank, pool string) error {
	request := fmt.Sprintf(`{"organisation_id":%s,"pools":[%s]}`, bank, pool)
	stamp := time.Now().UTC().Format("20060102-1504")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join([]string{key, "localhost", stamp, request, action}, "_")))
	security, err := json.Marshal(map[string]string{
		"consumer_key": key, "domain": "localhost", "timestamp": stamp, "signature": "$02$" + hex.EncodeToString(mac.Sum(nil)),
	})
	if err != nil {
		return err
	}
	form := url.Values{"security": {string(security)}, "request": {request}, "action": {action}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url+"/v2026.2.LTS/itembank/pools", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("refused with HTTP %d", answer.StatusCode)
	}
	return w.awaitPool(bank, pool)
}

// awaitPool waits until no job runs on the pool.
func (w *world) awaitPool(bank, pool string) error {
	var sent struct{ Reference string }
	if err := json.Unmarshal([]byte(pool), &sent); err != nil {
		return err
	}
	number, err := strconv.ParseInt(bank, 10, 64)
	if err != nil {
		return err
	}
	look, deadline := time.NewTicker(20*time.Millisecond), time.After(10*time.Second)
	defer look.Stop()
	for w.record(number, sent.Reference).Status == "pending" {
		select {
		case <-look.C:
		case <-deadline:
			return fmt.Errorf("pool %s stays pending", sent.Reference)
		}
	}
	return nil
}

// record gives a pool as pools get shows it.
func (w *world) record(bank int64, reference string) sandbox.PoolRecord {
	for _, p := range w.server.Load().Pools(bank) {
		if p.Reference == reference {
			return p
		}
	}
	return sandbox.PoolRecord{}
}

// tag BANK ITEM TYPE NAME gives an item of the bank one more tag.
func tag(ts *testscript.TestScript, _ bool, args []string) {
	bank, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	ts.Check(worldOf(ts).tag(bank, args[1], args[2], args[3]))
}

func (w *world) tag(bank int64, item, kind, name string) error {
	return w.server.Load().EditItem(bank, item, func(it *sandbox.Item) {
		tags := maps.Clone(it.Tags)
		if tags == nil {
			tags = map[string][]string{}
		}
		tags[kind] = append(slices.Clone(tags[kind]), name)
		it.Tags = tags
	})
}

// edit FILE PATTERN REPLACEMENT replaces all matches in a file; $0 is the match,
// and \n a line break.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := regexp.MustCompile(args[1]).ReplaceAllString(ts.ReadFile(args[0]), strings.ReplaceAll(args[2], `\n`, "\n"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// ends BANK REF STATUS makes a job of someone else run on the pool, which ends
// with that status once poolsync has seen the pool pending.
func ends(ts *testscript.TestScript, _ bool, args []string) {
	bank, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	w := worldOf(ts)
	server := w.server.Load()
	become := func(status string) error {
		return server.EditPool(bank, args[1], func(p *sandbox.PoolRecord) { p.Status = status })
	}
	ts.Check(become("pending"))
	server.ClearLog()
	go func() {
		seen := func(c sandbox.Call) bool { return c.Endpoint == "itembank/pools" && c.Status == http.StatusOK }
		for range w.served {
			if slices.ContainsFunc(server.Log(), seen) {
				_ = become(args[2]) // the script notices if the pool stays pending
				return
			}
		}
	}()
}
