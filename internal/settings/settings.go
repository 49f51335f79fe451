// Package settings finds out what a run is about: which configuration, which
// folder, which bank, which address. Flags, the environment, the configuration
// file and defaults come in, in that order of precedence; plain values go out,
// each with where it comes from and what it takes precedence over. It reads
// files to find the configuration, and never writes, calls or prints.
package settings

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// The settings, by the names that they have in flags and lists.
const (
	Config     = "config"
	Bank       = "organisation-id"
	Endpoint   = "endpoint"
	APIVersion = "api-version"
	State      = "state"
	Only       = "only"
	Timeout    = "timeout"
	MaxChange  = "max-change-percent"
	Set        = "set"
	Manifests  = "manifests"
)

// Defaults of the settings that have the same one everywhere.
const (
	DefaultSet     = "default"
	DefaultState   = "file:" + stateFolder + "/state.json"
	DefaultTimeout = "60m"
)

const stateFolder = ".poolsync"

// FromDefault is the origin of a value that nobody gave.
const FromDefault = "default"

// Input is what the settings are made from.
type Input struct {
	// Flags are the flags that were given, by name, without dashes.
	Flags map[string]string
	// Environ is the environment, as KEY=VALUE.
	Environ []string
	// Dir is the working directory; empty: that of the process.
	Dir string
	// Paths are the arguments that name manifests. Configuration files may be among
	// them.
	Paths []string
	// Manifests says that the run reads manifests.
	Manifests bool
	// Endpoint and APIVersion are the defaults for the Data API, MaxChange that for
	// the volume guard, in percent.
	Endpoint, APIVersion string
	MaxChange            int
}

// Origin is a value and who gave it: "--state", "POOLSYNC_STATE",
// "poolsync.yaml:6:8" or "default".
type Origin struct {
	From  string
	Value string
}

// Setting is a setting as it counts, and what it takes precedence over.
type Setting struct {
	Name string
	Origin
	Overridden []Origin
}

// Settings are what a run goes by.
type Settings struct {
	Place
	File      manifest.Config // what the configuration file states
	Bank      pool.Bank       // 0: the key's primary bank
	Read      string          // address for reads
	Write     string          // address for writes
	Version   string          // of the Data API
	State     string          // file:PATH, git:BRANCH or none; a path in a file starts from the file
	Set       string          // name of the manifest set in the state
	Only      []string        // globs over references
	Timeout   time.Duration
	MaxChange int // percent
	// All lists the settings with their origins, in a fixed order.
	All []Setting
	// Warnings are what is odd about the environment.
	Warnings []string
}

// From returns who gave a setting, or "".
func (s Settings) From(name string) string {
	for _, x := range s.All {
		if x.Name == name {
			return x.From
		}
	}
	return ""
}

// UsageError is a flag, variable or place that cannot be used.
type UsageError struct {
	Message string
	// Advice says what to do, where that is known.
	Advice string
}

// Error says what cannot be used.
func (e *UsageError) Error() string { return e.Message }

// Hint says what to do.
func (e *UsageError) Hint() string { return e.Advice }

func refuse(advice, format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...), advice}
}

// Resolve makes the settings. The findings are those of configuration files; if
// any of them is an error, what depends on the file is not set.
func Resolve(in Input) (Settings, source.Diagnostics, error) {
	env := variablesOf(in.Environ)
	s := Settings{Warnings: env.unknown()}
	if err := errors.Join(emptyFlags(in.Flags), env.empty()); err != nil {
		return s, nil, err
	}
	r := &resolver{in: in, env: env, s: &s}
	found, err := r.place()
	if err != nil || found.HasErrors() {
		return s, found, err
	}
	return s, found, r.values()
}

// resolver makes one Settings.
type resolver struct {
	in  Input
	env variables
	s   *Settings
}

// place finds the configuration and reads it, and those that are given beside it.
func (r *resolver) place() (source.Diagnostics, error) {
	name := r.choose(Config, stated{}, "")
	if name.From == FromDefault {
		name.Value = ""
	}
	var err error
	r.s.Place, err = locate(r.in, name.Value)
	if err != nil {
		return nil, err
	}
	name.Value = r.s.Place.Config
	r.keep(name)
	var found source.Diagnostics
	if r.s.Place.Config != "" {
		if r.s.File, found, err = manifest.LoadConfig(r.in.Dir, r.s.Place.Config); err != nil {
			return nil, err
		}
	}
	for _, other := range r.s.Configs {
		_, more, err := manifest.LoadConfig(r.in.Dir, other)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	r.s.cover(r.s.File.Manifests)
	return found.Sort(), nil
}

// values resolves every other setting.
func (r *resolver) values() error {
	for _, step := range []func() error{r.bank, r.target, r.state, r.scope, r.limits} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// stated is a value of the configuration file in the form of a flag.
type stated struct {
	value string
	at    source.Position
}

func statedText(s manifest.Stated[string]) stated { return stated{s.Value, s.At} }

// choose takes the first value that is given: flag, variable, file, default.
func (r *resolver) choose(name string, file stated, fallback string) Setting {
	var all []Origin
	if v, ok := r.in.Flags[name]; ok {
		all = append(all, Origin{"--" + name, v})
	}
	if variable := variableOf(name); variable != "" {
		if v, ok := r.env[variable]; ok {
			all = append(all, Origin{variable, v})
		}
	}
	if file.at.Line > 0 {
		all = append(all, Origin{file.at.String(), file.value})
	}
	all = append(all, Origin{FromDefault, fallback})
	return Setting{Name: name, Origin: all[0], Overridden: slices.Clone(all[1:])}
}

func (r *resolver) keep(s Setting) { r.s.All = append(r.s.All, s) }
