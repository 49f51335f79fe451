package settings

import (
	"cmp"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

func (r *resolver) bank() error {
	file := stated{at: r.s.File.Organisation.At}
	if file.at.Line > 0 {
		file.value = r.s.File.Organisation.Value.String()
	}
	x := r.choose(Bank, file, "")
	r.keep(x)
	if x.From == FromDefault {
		return nil
	}
	n, err := strconv.ParseInt(x.Value, 10, 64)
	if err != nil || n <= 0 || n >= 1<<53 {
		return refuse("", "%s %q: want the number of an item bank, such as 505", x.From, x.Value)
	}
	r.s.Bank = pool.Bank(n)
	return nil
}

func (r *resolver) target() error {
	file := statedText(r.s.File.WriteEndpoint)
	if read := r.s.File.ReadEndpoint; file.at.Line > 0 && read != r.s.File.WriteEndpoint {
		file = stated{"read=" + read.Value + ",write=" + file.value, read.At}
	}
	x := r.choose(Endpoint, file, r.in.Endpoint)
	var err error
	if r.s.Read, r.s.Write, err = parseEndpoint(x); err != nil {
		return err
	}
	r.keep(x)
	version := r.choose(APIVersion, statedText(r.s.File.APIVersion), r.in.APIVersion)
	r.s.Version = version.Value
	r.keep(version)
	return nil
}

// parseEndpoint reads "URL" or "read=URL,write=URL".
func parseEndpoint(x Setting) (read, write string, err error) {
	if !strings.HasPrefix(x.Value, "read=") && !strings.HasPrefix(x.Value, "write=") {
		return x.Value, x.Value, nil
	}
	for part := range strings.SplitSeq(x.Value, ",") {
		name, url, _ := strings.Cut(part, "=")
		switch name {
		case "read":
			read = url
		case "write":
			write = url
		default:
			return "", "", refuse("", "%s %q: want a URL, or read=URL,write=URL", x.From, x.Value)
		}
	}
	if read == "" || write == "" {
		return "", "", refuse("", "%s %q: want both read=URL and write=URL", x.From, x.Value)
	}
	return read, write, nil
}

// state finds the setting of the state. A relative path that a flag or variable
// names starts from the working directory, as everywhere; one of the file, and
// the default, from the place of the run.
func (r *resolver) state() error {
	x := r.choose(State, statedText(r.s.File.State), DefaultState)
	path, isFile := strings.CutPrefix(x.Value, "file:")
	given := x.From == "--"+State || x.From == variableOf(State)
	if isFile {
		var err error
		if path, err = r.fromHome(path); err != nil {
			return err
		}
		x.Value = "file:" + path
	}
	if isFile && path != "" && !given && !filepath.IsAbs(path) {
		x.Value = "file:" + filepath.Join(r.s.Base, path)
	}
	r.s.State = x.Value
	r.keep(x)
	return nil
}

// fromHome reads "~/" as a shell does, which does not read it behind "file:".
func (r *resolver) fromHome(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path, nil
	}
	var home string
	for _, v := range r.in.Environ {
		if value, ok := strings.CutPrefix(v, "HOME="); ok {
			home = value
		}
	}
	if home == "" || (rest != "" && rest[0] != '/') {
		return "", refuse("write the folder out: file:/home/you/"+strings.TrimLeft(rest, "/"), "state file:%s: whose folder ~ is cannot be told", path)
	}
	return home + rest, nil
}

// scope finds the set's name, and which of its pools the run is about.
func (r *resolver) scope() error {
	set := r.choose(Set, statedText(r.s.File.Set), DefaultSet)
	r.s.Set = set.Value
	r.keep(set)
	only := r.choose(Only, stated{}, "")
	r.keep(only)
	if only.From == FromDefault {
		return nil
	}
	for glob := range strings.SplitSeq(only.Value, ",") {
		if glob = strings.TrimSpace(glob); glob == "" {
			return refuse("leave it out to address all pools", "%s %q: a glob is empty", only.From, only.Value)
		}
		r.s.Only = append(r.s.Only, glob)
	}
	return nil
}

func (r *resolver) limits() error {
	x := r.choose(Timeout, stated{}, DefaultTimeout)
	d, err := Duration(x.Value)
	if err != nil || d == 0 {
		return refuse("", "%s %q: want a time greater than zero, such as 30m, or a number of seconds", x.From, x.Value)
	}
	r.s.Timeout = d
	r.keep(x)
	file := stated{at: r.s.File.MaxChange.At, value: strconv.Itoa(r.s.File.MaxChange.Value)}
	x = r.choose(MaxChange, file, strconv.Itoa(r.in.MaxChange))
	percent, err := strconv.Atoi(x.Value)
	if err != nil || percent < 0 || percent > 100 {
		return refuse("", "%s %q: want a number from 0 to 100", x.From, x.Value)
	}
	r.s.MaxChange = percent
	r.keep(x)
	return nil
}

// Duration reads a length of time: 90s, 1h30m, or a plain number of seconds. It
// is not negative.
func Duration(text string) (time.Duration, error) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil && n <= math.MaxInt64/uint64(time.Second) {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, refuse("", "%q: want a time such as 30m, or a number of seconds", text)
	}
	return d, nil
}

// emptyFlags refuses flags whose value is empty: one of a script's variables may
// not be set, and that must not pass for another setting.
func emptyFlags(flags map[string]string) error {
	var first string
	for name, value := range flags {
		if strings.TrimSpace(value) == "" && (first == "" || cmp.Less(name, first)) {
			first = name
		}
	}
	if first == "" {
		return nil
	}
	return EmptyFlag("--" + first)
}

// EmptyFlag is the refusal of a flag with an empty value.
func EmptyFlag(flag string) error {
	return refuse("give it a value, or leave it out", "%s is empty", flag)
}
