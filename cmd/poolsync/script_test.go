package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

// programs are what scripts, pages and benchmarks run by name: this test's own
// binary, under other names.
var programs = map[string]func(){"poolsync": main}

func TestMain(m *testing.M) {
	// Scripts wait for jobs more than they work, so that many may run at once.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	testscript.Main(m, programs)
}

// TestScripts runs the real program against a sandbox of its own for each
// script. The commands that scripts have beside those of testscript are in
// commands_test.go.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setup,
		WorkdirRoot:         t.TempDir(), // removed as a whole, which some file systems do much faster
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"run": run, "calls": calls, "bank": bank, "connectproxy": connectProxy, "jsonget": jsonGet, "jsonenv": jsonEnv, "generate": generate, "start": start, "output": output, "tamper": tamper, "join": join,
			"largebank": largeBankCommand, "largemanifests": largeManifests,
		},
	})
}
