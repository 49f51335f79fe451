// Package actstory tests the action and the workflows of examples/github, as they
// are, in an emulated runner: nektos/act in host mode, against the sandbox, a
// stand-in for the platform's API, and a repository that is served over HTTP and
// asks for a token. It needs the runner: go test -act PATH, as make action does.
package actstory
