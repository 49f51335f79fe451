package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/text"
	"github.com/poolsync/poolsync/internal/settings"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/state"
)

// session is a command at work on manifests: settings, declared pools, state
// and a bank to read.
type session struct {
	settings.Settings
	p        *program
	out      outputs
	options  diff.Options
	manifest manifest.Set
	declared []pool.Declared
	found    source.Diagnostics
	origin   origin
	reader   *learnosity.Reader
	clock    *state.Clock
	told     []string // what stores had to tell
	// lostState is set where declared pools are live and nothing is recorded.
	lostState *report.LostState
	store     state.Store
	// skipVerify is --verify=false of apply.
	skipVerify bool
	quiet      bool // findings are the product, and not shown beside it
	prunes     bool // the command knows --prune
	held       *report.Holder
	offline    *report.Offline
}

// begin resolves the settings and the outputs of a command. ok is false if the
// command is over, with the exit that says why.
func begin(c *cli.Context, p *program) (s *session, x exit, ok bool) {
	_, prunes := flagsOf(c.Command)[flagPrune]
	s = &session{p: p, quiet: c.Command.Name == "validate", prunes: prunes}
	var err error
	if s.out, err = outputsOf(c, p); err != nil {
		return s, usage("%w", err), false
	}
	if p.refused != nil {
		return s, *p.refused, false
	}
	s.Settings, s.found, err = resolve(c, p)
	p.findTree(s.Base)
	if err = errors.Join(err, s.out.spare(s.State, append(s.Configs, s.Config))); err != nil {
		return s, usage("%w", err), false
	}
	if err = s.out.prepare(); err != nil {
		return s, exit{code: CodeError, reason: "an output cannot be written; nothing was done", err: err}, false
	}
	if s.found.HasErrors() {
		return s, s.invalid("the configuration is not valid"), false
	}
	return s, exit{}, true
}

// emptyRules are the manifest rules that --allow-empty lifts.
var emptyRules = []string{"no-pools", "no-manifests"}

func isEmpty(d source.Diagnostic) bool { return slices.Contains(emptyRules, d.Rule) }

// invalid shows the findings on standard error and gives the exit for them.
func (s *session) invalid(reason string) exit {
	s.showFindings()
	return exit{code: CodeError, reason: reason}
}

func (s *session) showFindings() {
	if s.quiet {
		return
	}
	_ = text.WriteDiagnostics(s.p.Stderr, s.found, s.out.colored(s.p.Stderr))
}

// loadPercent lets the heap grow further between collections while manifests
// are loaded, which is when most garbage is made, for a little more memory.
const loadPercent = 150

// load loads the manifests, gives every pool its bank, and limits them to --only.
func (s *session) load(ctx context.Context, allowEmpty bool) (exit, bool) {
	before := debug.SetGCPercent(loadPercent)
	set, found, err := manifest.Load(ctx, manifest.Options{Paths: s.Paths, Root: s.Base, Config: s.Config, Configs: s.quiet})
	debug.SetGCPercent(before)
	if err != nil {
		return failed(ctx, err), false
	}
	s.manifest = set
	if err := s.out.spare("", set.Files); err != nil {
		return usage("%w", err), false
	}
	s.found = append(s.found, found...)
	s.found = append(s.found, s.Outside(set.Files)...)
	s.assertBanks()
	if allowEmpty {
		s.found = slices.DeleteFunc(s.found, isEmpty)
	}
	if s.found = manifest.Quote(s.found.Sort()); s.found.HasErrors() {
		x := s.invalid(fmt.Sprintf("the manifests are not valid: %s", plural(errorsIn(s.found), "error")))
		if s.prunes && slices.ContainsFunc(s.found, isEmpty) {
			x = x.hint("if nothing is to be declared any more: --prune --allow-empty, and --organisation-id for the bank")
		}
		return x, false
	}
	s.declared = set.Pools
	return s.limit()
}

// assertBanks gives pools without a stated bank the run's bank. A bank that a
// manifest states is an assertion: another one is an error that names both.
func (s *session) assertBanks() {
	for _, b := range slices.Sorted(maps.Keys(s.manifest.Banks)) {
		if s.Bank != pool.Primary && b != s.Bank {
			s.found = append(s.found, source.Diagnostic{
				Position: s.manifest.Banks[b], Severity: source.Error, Rule: "bank-conflict",
				Message: fmt.Sprintf("organisation_id %s is stated here, and %s by %s", b, s.Bank, s.From(settings.Bank)),
				Hint:    "one of them is wrong; a manifest's organisation_id says which bank it is for",
			})
		}
	}
	if s.Bank == pool.Primary {
		s.assertOneName()
		return
	}
	for i := range s.manifest.Pools {
		if d := &s.manifest.Pools[i]; d.Bank == pool.Primary {
			d.Bank = s.Bank
		}
	}
	slices.SortStableFunc(s.manifest.Pools, func(a, b pool.Declared) int { return a.Key.Compare(b.Key) })
	s.found = append(s.found, manifest.Duplicates(s.manifest.Pools)...)
}

// assertOneName refuses a reference that is declared both with and without
// organisation_id: the bank that is named may be the key's primary one.
func (s *session) assertOneName() {
	unstated := map[pool.Reference]*pool.Declared{}
	for i := range s.manifest.Pools {
		if d := &s.manifest.Pools[i]; d.Bank == pool.Primary {
			unstated[d.Reference] = d
		}
	}
	for _, d := range s.manifest.Pools {
		if twin := unstated[d.Reference]; twin != nil && d.Bank != pool.Primary {
			at := d.Position(d.At.Pool)
			s.found = append(s.found, source.Diagnostic{
				Position: twin.Position(twin.At.Pool), Severity: source.Error, Rule: "bank-unstated", Related: &at,
				Message: fmt.Sprintf("pool %q is declared here for the key's primary bank, and for bank %s at %s: they may be the same", d.Reference, d.Bank, at),
				Hint:    "state organisation_id in both manifests",
			})
		}
	}
}

// limit applies --only. A glob that matches nothing is a typing error.
func (s *session) limit() (exit, bool) {
	if len(s.Only) == 0 {
		return exit{}, true
	}
	for _, glob := range s.Only {
		if !slices.ContainsFunc(s.declared, func(d pool.Declared) bool { return diff.MatchAny([]string{glob}, d.Reference) }) {
			x := exit{code: CodeError, reason: "--only matches nothing", err: fmt.Errorf("--only %s matches none of the %s declared", glob, plural(len(s.declared), "pool"))}
			return x.hint("a glob knows * and ?; quote it, so that the shell leaves it alone"), false
		}
	}
	s.declared = slices.Clone(s.declared)
	s.declared = slices.DeleteFunc(s.declared, func(d pool.Declared) bool { return !diff.MatchAny(s.Only, d.Reference) })
	return exit{}, true
}

// connect prepares the client and the store. Commands that only read get a
// reader, which has no method that writes.
func (s *session) connect(ctx context.Context, c *cli.Context) (exit, bool) {
	var err error
	if s.reader, err = learnosity.NewReader(s.clientConfig()); err != nil {
		return s.badConfig(err), false
	}
	return s.open(ctx, c)
}

// open prepares the store, and what the comparison goes by.
func (s *session) open(ctx context.Context, c *cli.Context) (exit, bool) {
	err := s.findOrigin(ctx)
	if err != nil {
		return usage("%w", err), false
	}
	if s.store, err = s.openStore(s.State); err != nil {
		return usage("%w", err), false
	}
	s.p.shows = newProgress(s.p)
	s.p.shows.enter("reading the state")
	s.options = diffOptions(c)
	s.options.Freeze = frozen(s.Settings)
	s.options.MaxChangePercent = s.MaxChange
	return exit{}, true
}

func (s *session) clientConfig() learnosity.Config {
	return learnosity.Config{
		ReadEndpoint: s.Read, WriteEndpoint: s.Write, Version: s.Version,
		ConsumerKey: s.p.Getenv(learnosity.EnvKey), Getenv: s.p.Getenv, Secret: learnosity.NewSecret(s.p.Getenv(learnosity.EnvSecret)),
		Domain: s.p.Getenv(learnosity.EnvDomain), Logger: s.p.log, ProgramVersion: version(),
	}
}

// badConfig shows every setting that cannot be used, each with its remedy.
func (s *session) badConfig(err error) exit {
	x := exit{code: CodeError, reason: "the client cannot be set up"}
	var told []error
	for _, e := range unjoin(err) {
		var c *learnosity.ConfigError
		if !errors.As(e, &c) {
			told = append(told, e)
			continue
		}
		from := s.From(settingOf[c.Setting])
		if from == settings.FromDefault {
			from = ""
		}
		if strings.HasPrefix(from, "--") {
			x.code, x.reason = CodeUsage, "the command line cannot be used"
		}
		if from != "" {
			e = fmt.Errorf("%s: %w", from, e)
		}
		told = append(told, e)
		x = x.hint("%s: %s", cmp.Or(from, c.Setting), c.Advice)
	}
	x.err = errors.Join(told...)
	return x
}

// settingOf maps what the client calls a setting to what the user does.
var settingOf = map[string]string{
	learnosity.SettingReadEndpoint: settings.Endpoint, learnosity.SettingWriteEndpoint: settings.Endpoint, learnosity.SettingVersion: settings.APIVersion,
}

func unjoin(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return []error{err}
}

// banks are the banks that this run addresses.
func (s *session) banks() []pool.Bank {
	set := map[pool.Bank]bool{}
	for _, d := range s.manifest.Pools {
		set[d.Bank] = true
	}
	for b := range s.manifest.Banks {
		set[b] = true
	}
	if s.Bank != pool.Primary || len(set) == 0 {
		set[s.Bank] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// target names what the documents are about. With pools of several banks it
// names the first; every change names its own.
// head begins the document of a command.
func (s *session) head(command string) report.Head {
	h := report.Head{Command: command, Target: s.target(), Diagnostics: s.found, Complete: s.p.pasteable}
	if s.Place.Config != "" {
		h.Config = filepath.Base(s.Place.Config)
	}
	return h
}

// pasteable is a command line of this program that is about the same bank, state
// and manifests as this run's.
func (p *program) pasteable(args ...string) message.Message {
	where := flagsIn(p.Args, append([]string{flagState}, whereFlags...))
	return message.Command(slices.Concat([]string{"poolsync"}, args, where)...)
}

func (s *session) target() *report.Target {
	t := &report.Target{Endpoint: s.Write, APIVersion: s.Version, Bank: s.Bank}
	if s.Read != s.Write {
		t.ReadEndpoint = s.Read
	}
	if t.Banks = s.banks(); len(t.Banks) > 0 {
		t.Bank = t.Banks[0]
	}
	return t
}

// tellNotices says what was found on taking the state.
func (s *session) tellNotices(held state.Session) {
	if l, ok := held.(state.Leased); ok {
		for _, notice := range l.Notices() {
			s.p.say("%s", notice)
		}
	}
}

// holder says who we are, for whoever finds the state held.
func (s *session) holder(run string) state.Holder {
	where, err := os.Hostname()
	if err != nil {
		where = "an unnamed machine"
	}
	who := "poolsync"
	for _, v := range []string{"GITHUB_ACTOR", "USER", "USERNAME"} {
		if name := s.p.Getenv(v); name != "" {
			who = name
			break
		}
	}
	if id := s.p.Getenv("GITHUB_RUN_ID"); id != "" {
		where = s.p.Getenv("GITHUB_SERVER_URL") + "/" + s.p.Getenv("GITHUB_REPOSITORY") + "/actions/runs/" + id
	}
	return state.Holder{Who: who, Where: where, Run: run, Since: time.Now().UTC().Truncate(time.Second), Commit: s.origin.head.Commit}
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func errorsIn(ds source.Diagnostics) int {
	n := 0
	for _, d := range ds {
		if d.Severity == source.Error {
			n++
		}
	}
	return n
}
