package learnosity

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// demoKey is the consumer key of Learnosity's published demos.
const demoKey = "yis0TYCu7U9V4o7M"

// keyLength is the length that the official SDKs ask of a consumer key; the
// service answers others with 41001.
const keyLength = 16

// The settings of a [ConfigError] that are no environment variables.
const (
	SettingVersion       = "API version"
	SettingReadEndpoint  = "read endpoint"
	SettingWriteEndpoint = "write endpoint"
)

// ConfigError is a setting that cannot be used. It never holds the value of a
// credential.
type ConfigError struct {
	Setting string // an environment variable, or a Setting constant
	Problem string // "is not set"
	Advice  string // what to do about it
}

// Error returns setting and problem.
func (e *ConfigError) Error() string { return e.Setting + " " + e.Problem }

// Hint says what to do about it.
func (e *ConfigError) Hint() string { return e.Advice }

func checkKey(key string) error {
	if key == "" {
		return &ConfigError{
			EnvKey, "is not set",
			"set it to the consumer key that Learnosity Console shows for your API consumer",
		}
	}
	return checkToken(EnvKey, key)
}

func checkSecret(secret Secret) error {
	text := secret.text()
	if text == "" {
		return &ConfigError{
			EnvSecret, "is not set",
			"set it to the secret that belongs to the consumer key; in CI, from a masked secret",
		}
	}
	if strings.TrimSpace(text) != text {
		return padded(EnvSecret)
	}
	return nil
}

func checkDomain(domain string) error { return checkToken(EnvDomain, domain) }

// checkToken takes printable ASCII without spaces: both key and domain are
// joined into the signed text, and the key also travels in a header.
func checkToken(setting, text string) error {
	if strings.TrimSpace(text) != text {
		return padded(setting)
	}
	for _, r := range text {
		if r <= ' ' || r >= 0x7f {
			return &ConfigError{
				setting, "holds a character that cannot be sent",
				"only printable ASCII characters without spaces can occur in it",
			}
		}
	}
	return nil
}

func padded(setting string) error {
	return &ConfigError{
		setting, "has a space or line break at its start or end",
		"set it again without; a secret read from a file often ends in a line break",
	}
}

// versionForm is what the official Node SDK takes for a version segment.
var versionForm = regexp.MustCompile(`(?i)^(v[\d.]+(\.(lts|preview\d+))?|latest|latest-lts|developer)$`)

func checkVersion(version string) error {
	if versionForm.MatchString(version) {
		return nil
	}
	return &ConfigError{
		SettingVersion, "is not a version of the Data API",
		`write it as Learnosity's release pages do, "` + DefaultVersion + `"`,
	}
}

// isMovingVersion reports whether the version changes its meaning over time.
func isMovingVersion(version string) bool {
	return !strings.HasPrefix(strings.ToLower(version), "v")
}

// parseEndpoint checks a base URL. Its errors never quote the URL, which might
// hold a password.
func parseEndpoint(setting, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return nil, &ConfigError{setting, "is not a URL", "write it as " + DefaultEndpoint}
	}
	switch {
	case u.User != nil:
		return nil, &ConfigError{
			setting, "holds a user name or password",
			"credentials are taken from " + EnvKey + " and " + EnvSecret + " alone",
		}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, &ConfigError{setting, "holds a query or fragment", "write it as " + DefaultEndpoint}
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, &ConfigError{
			setting, "is not https",
			"the Data API redirects plain http and the request is lost; write https://" + u.Host,
		}
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, &ConfigError{setting, "is not https", "write it as " + DefaultEndpoint}
	case versionForm.MatchString(path.Base(u.Path)):
		return nil, &ConfigError{
			setting, "ends in an API version",
			"leave the version out of it and give it as the API version",
		}
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// isLoopback reports whether a host name means this machine without asking DNS.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
