package cli

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/state"
)

// settings are what flags, environment, configuration file and defaults come to,
// in that order of precedence.
type settings struct {
	config   manifest.Config
	base     string    // folder that the configuration's paths start from
	bank     pool.Bank // 0: the key's primary bank
	bankFrom string    // who says so
	read     string
	write    string
	version  string
	origin   map[string]string // who gave the settings that a learnosity.ConfigError may name
	state    string
	set      string
	paths    []string // manifests of this run
	given    bool     // the paths were arguments
	only     []string
	timeout  time.Duration
	freeze   []diff.Freeze
	maxPct   int
}

const (
	defaultSet   = "default"
	defaultState = "file:.poolsync/state.json"
)

// resolve finds out the settings of a command. Findings in the configuration
// file come back as diagnostics.
func resolve(c *cli.Context, p *program) (settings, source.Diagnostics, error) {
	s := settings{base: ".", maxPct: diff.DefaultMaxChangePercent}
	found, err := s.loadConfig(c, p)
	if err != nil || found.HasErrors() {
		return s, found, err
	}
	steps := []func(*cli.Context, *program) error{s.resolveBank, s.resolveTarget, s.resolveRun}
	for _, step := range steps {
		if err := step(c, p); err != nil {
			return s, found, err
		}
	}
	s.resolvePaths(c)
	return s, found, nil
}

func (s *settings) loadConfig(c *cli.Context, p *program) (source.Diagnostics, error) {
	name, _ := pick(c, p, flagConfig, "POOLSYNC_CONFIG", "", "")
	if name == "" {
		var err error
		if name, err = manifest.FindConfig("."); err != nil || name == "" {
			return nil, err
		}
	}
	var found source.Diagnostics
	var err error
	if s.config, found, err = manifest.LoadConfig(name); err != nil {
		return nil, err
	}
	s.base = filepath.Dir(name)
	for _, f := range s.config.FreezeWindows {
		s.freeze = append(s.freeze, diff.Freeze{From: f.From, To: f.To, Pools: f.Pools, Reason: f.Reason})
	}
	if s.config.MaxChange.Known() {
		s.maxPct = s.config.MaxChange.Value
	}
	return found, nil
}

// pick takes the first setting that is given: flag, variable, file, default. It
// says where the value came from, too.
func pick(c *cli.Context, p *program, flag, variable, file, fallback string) (value, from string) {
	if c.IsSet(flag) {
		return c.String(flag), "--" + flag
	}
	if v := p.Getenv(variable); v != "" {
		return v, variable
	}
	if file != "" {
		return file, "file"
	}
	return fallback, "default"
}

func (s *settings) resolveBank(c *cli.Context, p *program) error {
	text, from := pick(c, p, flagBank, "POOLSYNC_ORGANISATION_ID", "", "")
	if text == "" {
		if s.config.Organisation.Known() {
			s.bank, s.bankFrom = s.config.Organisation.Value, s.config.Organisation.At.String()
		}
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n >= 1<<53 {
		return fmt.Errorf("%s %q: want the number of an item bank, such as 505", from, text)
	}
	s.bank, s.bankFrom = pool.Bank(n), from
	return nil
}

func (s *settings) resolveTarget(c *cli.Context, p *program) error {
	s.read, s.write = s.config.ReadEndpoint.Value, s.config.WriteEndpoint.Value
	s.origin = map[string]string{
		learnosity.SettingReadEndpoint:  s.config.ReadEndpoint.At.String(),
		learnosity.SettingWriteEndpoint: s.config.WriteEndpoint.At.String(),
	}
	if text, from := pick(c, p, flagEndpoint, "POOLSYNC_ENDPOINT", "", ""); text != "" {
		var err error
		if s.read, s.write, err = parseEndpoint(text); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		s.origin[learnosity.SettingReadEndpoint], s.origin[learnosity.SettingWriteEndpoint] = from, from
	}
	if s.read == "" {
		s.read, s.write = learnosity.DefaultEndpoint, learnosity.DefaultEndpoint
	}
	var from string
	if s.version, from = pick(c, p, flagAPIVersion, "POOLSYNC_API_VERSION", s.config.APIVersion.Value, learnosity.DefaultVersion); from == "file" {
		from = s.config.APIVersion.At.String()
	}
	s.origin[learnosity.SettingVersion] = from
	return nil
}

func (s *settings) resolveRun(c *cli.Context, p *program) error {
	var from string
	s.state, from = pick(c, p, flagState, "POOLSYNC_STATE", s.config.State.Value, defaultState)
	if path, isFile := strings.CutPrefix(s.state, "file:"); isFile && (from == "file" || from == "default") && !filepath.IsAbs(path) {
		s.state = "file:" + filepath.Join(s.base, path)
	}
	s.set = defaultSet
	if s.config.Set.Known() {
		s.set = s.config.Set.Value
	}
	s.only = c.StringSlice(flagOnly)
	if v := p.Getenv("POOLSYNC_ONLY"); v != "" && !c.IsSet(flagOnly) {
		s.only = strings.Split(v, ",")
	}
	s.timeout = defaultTimeout
	text := p.Getenv("POOLSYNC_TIMEOUT")
	switch {
	case c.IsSet(flagTimeout):
		s.timeout = c.Duration(flagTimeout)
	case text != "":
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("POOLSYNC_TIMEOUT %q: want a time such as 30m", text)
		}
		s.timeout = d
	}
	switch {
	case s.timeout <= 0:
		return fmt.Errorf("--timeout %s: want a time greater than zero", s.timeout)
	case c.Duration(flagLockTimeout) < 0:
		return fmt.Errorf("--%s %s: want a time, or leave it out", flagLockTimeout, c.Duration(flagLockTimeout))
	case c.Int(flagMaxChange) < 0 || c.Int(flagMaxChange) > 100:
		return fmt.Errorf("--%s %d: want a number from 0 to 100", flagMaxChange, c.Int(flagMaxChange))
	}
	return nil
}

// resolvePaths takes the manifests from the arguments, else from the file, else
// the working directory.
func (s *settings) resolvePaths(c *cli.Context) {
	s.paths, s.given = c.Args().Slice(), c.NArg() > 0
	if !s.given {
		s.paths = s.configured()
	}
}

// configured are the manifests that the configuration names, or the folder that
// it lies in.
func (s *settings) configured() []string {
	var paths []string
	for _, m := range s.config.Manifests {
		path := m.Value
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.base, path)
		}
		paths = append(paths, path)
	}
	if len(paths) == 0 {
		paths = []string{s.base}
	}
	return paths
}

// recorded gives a manifest's name as the state records it: relative to the
// configuration's folder, so that runs from different folders agree.
func (s *settings) recorded(name string) string {
	base, err1 := filepath.Abs(s.base)
	file, err2 := filepath.Abs(name)
	if err1 != nil || err2 != nil {
		return name
	}
	rel, err := filepath.Rel(base, file)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

// openStore opens the state that a setting names. now is the server's time, in
// which leases are counted.
func (s *settings) openStore(setting string, now func() time.Time, log *slog.Logger) (state.Store, error) {
	switch path, isFile := strings.CutPrefix(setting, "file:"); {
	case setting == "none":
		return state.None{}, nil
	case isFile && path != "":
		return state.File{Path: path}, nil
	case setting == "git" || strings.HasPrefix(setting, "git:"):
		return state.Git{Dir: s.base, Branch: strings.TrimPrefix(strings.TrimPrefix(setting, "git"), ":"), Now: now, Log: log}, nil
	default:
		return nil, fmt.Errorf("--state %q: want file:PATH, git:BRANCH or none", setting)
	}
}

// workingDir is where the configuration lies.
func (s *settings) workingDir() string {
	if info, err := os.Stat(s.base); err == nil && info.IsDir() {
		return s.base
	}
	return "."
}
