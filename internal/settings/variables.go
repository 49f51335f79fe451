package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/suggest"
)

const prefix = "POOLSYNC_"

// settable are the settings that a variable can give.
var settable = []string{Config, Bank, Endpoint, APIVersion, State, Only, Timeout}

// variableOf returns the name of a setting's variable, or "".
func variableOf(name string) string {
	if !slices.Contains(settable, name) {
		return ""
	}
	return prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// variables are the variables of the environment that are poolsync's by name.
type variables map[string]string

func variablesOf(environ []string) variables {
	v := variables{}
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if ok && strings.HasPrefix(strings.ToUpper(name), prefix) {
			v[name] = value
		}
	}
	return v
}

// names returns the names of the variables in order.
func (v variables) names() []string { return slices.Sorted(maps.Keys(v)) }

// known lists the variables that there are.
func known() []string {
	var all []string
	for _, name := range settable {
		all = append(all, variableOf(name))
	}
	return append(all, gitToken)
}

// gitToken is read by internal/git alone. Where a workflow has no token it is
// empty, and git does without.
const gitToken = "POOLSYNC_GIT_TOKEN"

// empty refuses a variable that is set to nothing: it neither counts nor leaves
// the word to the file.
func (v variables) empty() error {
	for _, name := range v.names() {
		if strings.TrimSpace(v[name]) == "" && name != gitToken && slices.Contains(known(), name) {
			return refuse("give it a value, or unset it", "%s is empty", name)
		}
	}
	return nil
}

// unknown warns of variables that nothing reads. Their values are not shown: who
// misspells a name may have put anything there.
func (v variables) unknown() []string {
	var out []string
	for _, name := range v.names() {
		if slices.Contains(known(), name) {
			continue
		}
		text := fmt.Sprintf("warning: the variable %s is not known and does nothing", name)
		if near := suggest.Nearest(strings.ReplaceAll(name[len(prefix):], "_", "-"), settable); near != "" {
			text += "; did you mean " + variableOf(near) + "?"
		}
		out = append(out, text)
	}
	return out
}
