package git

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// EnvToken is the variable with the token that git shows the server of this
// workflow, GITHUB_SERVER_URL, where the checkout left none behind.
const EnvToken = "POOLSYNC_GIT_TOKEN"

// withToken hands the token on to git as a setting in the environment: so it
// stands in no argument list, which every process of the machine can read, and in
// no file. It is for one server, whatever remote a repository names.
func withToken(env []string) []string {
	values := map[string]string{}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		values[name] = value
	}
	env = slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == EnvToken || name == "GIT_CONFIG_COUNT" && values[EnvToken] != ""
	})
	token := values[EnvToken]
	if token == "" {
		return env
	}
	n, err := strconv.Atoi(cmp.Or(values["GIT_CONFIG_COUNT"], "0"))
	if err != nil || n < 0 {
		n = 0
	}
	server := strings.TrimRight(cmp.Or(values["GITHUB_SERVER_URL"], "https://github.com"), "/")
	key := "http." + server + "/.extraHeader"
	header := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))
	// The empty value drops what the checkout may have set: two headers are refused.
	for i, value := range []string{"", header} {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", n+i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n+i, value))
	}
	return append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", n+2))
}
