package cli

import (
	"io"
	"os"
	"regexp"
	"strconv"

	"golang.org/x/term"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/text"
)

// text says how text is written to a stream: as wide as its terminal, in colour
// where that is wanted.
func (o outputs) text(stream io.Writer) text.Options {
	return text.Options{Color: o.colored(stream), Full: o.full, Width: o.p.columns(stream)}
}

// colored reports whether a stream gets colours. A flag decides, then NO_COLOR,
// then CLICOLOR_FORCE and FORCE_COLOR, then whether it is a terminal that has them.
func (o outputs) colored(stream any) bool {
	forced := func(name string) bool { v := o.p.Getenv(name); return v != "" && v != "0" && v != "false" }
	switch {
	case o.noColor || o.p.Getenv("NO_COLOR") != "":
		return false
	case forced("CLICOLOR_FORCE"), forced("FORCE_COLOR"):
		return true
	default:
		return o.p.Getenv("TERM") != "dumb" && terminal(stream)
	}
}

// terminal reports whether a stream is a terminal.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is the width of a stream's terminal, or 0 where there is none.
func (p *program) columns(stream any) int {
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	wide, _, err := term.GetSize(int(f.Fd()))
	if n, convErr := strconv.Atoi(p.Getenv("COLUMNS")); err != nil && convErr == nil {
		return n
	}
	return wide
}

// A repository and a commit as a workflow of GitHub names them.
var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)
	commitName     = regexp.MustCompile(`^[0-9a-f]{40,64}$`)
	serverName     = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:\d+)?$`)
)

// links makes links to the manifests at the commit of a GitHub workflow's run.
func (p *program) links() message.Links {
	server, repository, commit := p.Getenv("GITHUB_SERVER_URL"), p.Getenv("GITHUB_REPOSITORY"), p.Getenv("GITHUB_SHA")
	if !serverName.MatchString(server) || !repositoryName.MatchString(repository) || !commitName.MatchString(commit) {
		return message.Links{}
	}
	return message.Links{Base: server + "/" + repository + "/blob/" + commit + "/", Tree: p.tree}
}
