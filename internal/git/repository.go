package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The oldest git that has all that is used here.
const minMajor, minMinor = 2, 30

// Repository is a git repository as far as it is used here: its objects, and
// references of our own. Its work tree, index, HEAD and branches are left alone.
type Repository struct {
	Dir
	Common  string // the git directory that all work trees share
	Shallow bool
	partial bool          // objects may be missing, and are to be had of a remote
	sealed  bool          // nothing may be written into it
	timeout time.Duration // of a command that talks to a remote
	config  []setting
}

// setting is a line of git's configuration.
type setting struct{ name, value string }

// remoteTimeout bounds a command that talks to the remote. It leaves a lease
// time for another attempt.
const remoteTimeout = 60 * time.Second

// Open checks git and the repository that a folder lies in. A timeout of 0 is a
// minute.
func Open(ctx context.Context, dir string, timeout time.Duration, log *slog.Logger) (Repository, error) {
	r := Repository{Dir: Dir{Path: cmp.Or(dir, "."), Log: log}, timeout: cmp.Or(timeout, remoteTimeout)}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	version, err := r.Line(ctx, "version")
	if err != nil {
		return r, err
	}
	var major, minor int
	if n, _ := fmt.Sscanf(version, "git version %d.%d", &major, &minor); n < 2 || major < minMajor || (major == minMajor && minor < minMinor) {
		return r, fmt.Errorf("%s is too old; install git %d.%d or newer", Harmless(version), minMajor, minMinor)
	}
	out, err := r.Line(ctx, "rev-parse", "--git-common-dir", "--is-shallow-repository")
	if err != nil {
		return r, fmt.Errorf("find the git repository of %s: %w", r.Path, err)
	}
	common, shallow, _ := strings.Cut(out, "\n")
	if !filepath.IsAbs(common) {
		common = filepath.Join(r.Path, common)
	}
	r.Common, r.Shallow = common, shallow == "true"
	if r.config, err = r.settings(ctx); err != nil {
		return r, err
	}
	r.partial = slices.ContainsFunc(r.config, func(s setting) bool {
		return s.name == "extensions.partialclone" || (strings.HasSuffix(s.name, ".promisor") && s.value != "false")
	})
	return r, r.probe()
}

// settings reads what is needed of git's configuration, in one go.
func (r Repository) settings(ctx context.Context) ([]setting, error) {
	const wanted = `^(remote\..*\.(url|promisor)|branch\..*\.remote|(user|author|committer)\.(name|email)|extensions\.partialclone)$`
	out, err := r.Run(ctx, nil, "config", "-z", "--get-regexp", wanted)
	var failed *Error
	if errors.As(err, &failed) && failed.Code() == 1 {
		return nil, nil
	}
	var all []setting
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		name, value, _ := strings.Cut(line, "\n")
		all = append(all, setting{name, value})
	}
	return all, err
}

// setting gives the last value of a name, as git does.
func (r Repository) setting(name string) string {
	for _, s := range slices.Backward(r.config) {
		if s.name == name {
			return s.value
		}
	}
	return ""
}

// probe finds out whether objects can be stored. Where they cannot (a folder of
// another user, a file system that is read-only), what is fetched goes into a
// folder of our own, and reading works all the same.
func (r *Repository) probe() error {
	f, err := os.CreateTemp(filepath.Join(r.Common, "objects"), "tmp_obj_")
	if err == nil {
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
	dir, err := os.MkdirTemp("", "poolsync-objects-")
	if err != nil {
		return fmt.Errorf("nothing can be written to %s, nor to a temporary folder: %w", r.Common, err)
	}
	objects, err := filepath.Abs(filepath.Join(r.Common, "objects"))
	if err != nil {
		return err
	}
	r.sealed = true
	r.Env = append(r.Env, "GIT_OBJECT_DIRECTORY="+dir, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+objects)
	if !r.Shallow {
		return nil
	}
	shallow := filepath.Join(dir, "shallow") // git rewrites it with every fetch
	data, err := os.ReadFile(filepath.Join(r.Common, "shallow"))
	if err == nil {
		err = os.WriteFile(shallow, data, 0o600)
	}
	r.Env = append(r.Env, "GIT_SHALLOW_FILE="+shallow)
	return err
}

// Close removes what was fetched into a folder of our own.
func (r Repository) Close() {
	for _, v := range r.Env {
		if dir, ours := strings.CutPrefix(v, "GIT_OBJECT_DIRECTORY="); ours {
			_ = os.RemoveAll(dir)
		}
	}
}

// remote runs a git command that talks to a remote, for a bounded time.
func (r Repository) remote(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("no answer within %s", r.timeout))
	defer cancel()
	return r.Run(ctx, strings.NewReader(stdin), args...)
}

// Remotes are the names of the repository's remotes.
func (r Repository) Remotes() []string {
	var names []string
	for _, s := range r.config {
		name, isRemote := strings.CutPrefix(s.name, "remote.")
		if name, isURL := strings.CutSuffix(name, ".url"); isRemote && isURL {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// remoteOf decides where a branch is kept: its own remote, the only one, or
// origin. "" means the repository itself.
func (r Repository) remoteOf(branch string) (string, error) {
	remote := r.setting("branch." + branch + ".remote")
	if remote != "" && remote != "." {
		return remote, plainRemote(remote)
	}
	switch names := r.Remotes(); {
	case len(names) == 0:
		return "", nil
	case len(names) == 1:
		return names[0], plainRemote(names[0])
	case slices.Contains(names, "origin"):
		return "origin", nil
	default:
		return "", fmt.Errorf("which of the remotes %s keeps the branch? say so once: git config branch.%s.remote NAME", strings.Join(names, ", "), branch)
	}
}

// plainRemote refuses what git would take for an option.
func plainRemote(remote string) error {
	if strings.HasPrefix(remote, "-") {
		return fmt.Errorf("%q is no remote", remote)
	}
	return nil
}

// identity is who git says we are, as a commit has it: by the environment, the
// configuration, and where both are silent, poolsync itself. Role is author or
// committer.
func (r Repository) identity(role string) string {
	pick := func(what, otherwise string) string {
		value := cmp.Or(variable("GIT_"+strings.ToUpper(role+"_"+what)), r.setting(role+"."+what), r.setting("user."+what))
		value = strings.Trim(strings.Map(func(c rune) rune {
			if c < ' ' || c == '<' || c == '>' || c == 0x7f {
				return -1
			}
			return c
		}, value), ` .,:;"\'`)
		return cmp.Or(value, otherwise)
	}
	return pick("name", "poolsync") + " <" + pick("email", "poolsync@localhost") + ">"
}

// variable is a variable of the environment that git runs in.
func variable(name string) string {
	for _, v := range slices.Backward(os.Environ()) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}
