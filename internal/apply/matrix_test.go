package apply_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

var update = flag.Bool("update", false, "rewrite the matrix in docs/reliability.md")

// columns are the endpoints and actions, in the order of the published table.
var columns = []string{
	"get itembank/pools", "set itembank/pools", "update itembank/pools", "get jobs", "get itembank/items", "get itembank/activities", "get itembank/tagging/tags",
}

const tagsColumn = 6 // of a look-up: an apply reads no tags

// matrixRow is a kind of fault. Only bounds it to some columns.
type matrixRow struct {
	kind, says string
	only       []int
}

var (
	writing = []int{1, 2}
	matrix  = []matrixRow{
		{"429", "429, quota used up", nil},
		{"500", "500, no work done", nil},
		{"503-html", "503, a proxy's page", nil},
		{connectionRefused, "connection refused", nil},
		{"cut-before", "connection cut, no work done", nil},
		{"cut-after", "connection cut, work done", nil},
		{"500-after", "500, work done", nil},
		{"truncated", "half an answer", nil},
		{"short-body", "body shorter than announced", nil},
		{"slow", "answer after 5 s", nil},
		{"never", "no answer at all", nil},
		{"status-false", "200, meta.status false", nil},
		{"not-json", "200, not JSON", nil},
		{"301", "301, redirect", nil},
		{"lacks-a-pool", "answer lacks a pool", writing},
		{jobUnknown, "accepted job is not listed", []int{3}},
		{"job-halt", "job halts", writing},
		{string(sandbox.FaultJobForever), "job never ends", writing},
		{string(sandbox.FaultPoolPending), "pool stays pending", writing},
	}
)

func (m matrixRow) covers(column int) bool {
	if m.only == nil {
		return true
	}
	return slices.Contains(m.only, column)
}

// spoilFirst hits the first n calls of a column; 0 means all of them.
func spoilFirst(column, kind string, n int) func(int, string, string) string {
	var mu sync.Mutex
	seen := 0
	return func(_ int, action, endpoint string) string {
		mu.Lock()
		defer mu.Unlock()
		if action+" "+endpoint != column {
			return ""
		}
		if seen++; n > 0 && seen > n {
			return ""
		}
		return kind
	}
}

// exitCodes are those that the command gives the endings of a run.
var exitCodes = map[apply.State]int{apply.StillRunning: 5, apply.InPart: 3, apply.Failed: 1, apply.Applied: 0}

// timeout is that of the command.
const timeout = time.Hour

// cell runs the story with a fault and gives the exit codes of the run and, if
// it was not 0, of the next one, in which the fault is gone.
func cell(t *testing.T, want ending, row matrixRow, column, times int) (text string) {
	bubble(t, sandboxOfStory(), func(t *testing.T, l *lab) {
		if column == tagsColumn {
			text = lookUp(t, l, row.kind, times)
			return
		}
		l.story()
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		begin := time.Now()
		r, err := l.live(ctx, &process{spoil: spoilFirst(columns[column], row.kind, times)})
		took := time.Since(begin)
		l.server.ClearFaults()
		code := exitCodes[r.Status(err)]
		text = fmt.Sprint(code)
		limit := 20 * time.Minute
		if row.kind == string(sandbox.FaultJobForever) {
			limit = timeout + 10*time.Second
		}
		if took > limit {
			t.Errorf("it took %s", took)
		}
		for _, o := range r.Outcomes {
			if o.State != apply.Applied && len(o.Change.Blocked) == 0 && (o.Problem == nil || o.Problem.Message == "") && err == nil {
				t.Errorf("%s is %s, and nothing says why", o.Change.Reference, o.State)
			}
		}
		if times > 0 && transient(row.kind) && code != 0 {
			t.Errorf("it ended %d in the run itself: %v %v", code, states(r), err)
		}
		if lasts(row.kind) {
			l.alone(storyJob)
			for ref, n := range l.started() {
				if n > want.started[ref] {
					t.Errorf("%s got %d jobs", ref, n)
				}
			}
			return
		}
		if code != 0 {
			l.finishes()
			text += " → 0"
		}
		l.endsBut(want, row.kind == "job-halt")
		if row.kind == "301" && columns[column] == "get itembank/items" && times > 0 {
			// Pools are looked into side by side: which look meets it is chance, and what
			// only confirms an append may fail.
			text = "0 or 3 → 0"
		}
	})
	return text
}

// transient faults are over within the run if they are few.
func transient(kind string) bool { return kind != "301" && kind != "job-halt" && !lasts(kind) }

// lasts tells the faults that no later run can mend.
func lasts(kind string) bool {
	return kind == string(sandbox.FaultJobForever) || kind == string(sandbox.FaultPoolPending)
}

// lookUp is what validate --online does with tags.
func lookUp(t *testing.T, l *lab, kind string, times int) string {
	d := declare("p")
	d.Content.Tags = []pool.Selector{{Type: "third", Name: "1"}}
	spoilt := &process{lab: l, spoil: spoilFirst(columns[tagsColumn], kind, times)}
	begin := time.Now()
	look := func(p *process) string {
		if _, err := bank.Lookup(t.Context(), newClient(t, p), []pool.Declared{d}); err != nil {
			return "1"
		}
		return "0"
	}
	first := look(spoilt)
	if took := time.Since(begin); took > 20*time.Minute {
		t.Errorf("it took %s", took)
	}
	l.server.ClearFaults()
	if first == "0" {
		return first
	}
	return first + " → " + look(&process{lab: l})
}

const (
	matrixBegins = "<!-- matrix: written by go test ./internal/apply -run TestFaultMatrix -update -->\n"
	matrixEnds   = "<!-- end of matrix -->\n"
)

// TestFaultMatrix publishes how a run ends after each fault of each call.
func TestFaultMatrix(t *testing.T) {
	want := endingOf(t)
	cells := make([][]string, len(matrix))
	t.Run("cells", func(t *testing.T) {
		for i, row := range matrix {
			cells[i] = make([]string, len(columns))
			for column := range columns {
				cells[i][column] = "–"
				if !row.covers(column) {
					continue
				}
				t.Run(row.kind+" "+columns[column], func(t *testing.T) {
					t.Parallel()
					var ends []string
					for _, times := range []int{1, 2, 0} {
						ends = append(ends, cell(t, want, row, column, times))
					}
					cells[i][column] = strings.Join(ends, ", ")
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	var b strings.Builder
	b.WriteString(matrixBegins + "| fault | `" + strings.Join(columns, "` | `") + "` |\n|---" + strings.Repeat("|---", len(columns)) + "|\n")
	for i, row := range matrix {
		fmt.Fprintf(&b, "| %s | %s |\n", row.says, strings.Join(cells[i], " | "))
	}
	b.WriteString(matrixEnds)
	page := filepath.Join("..", "..", "docs", "reliability.md")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok1 := strings.Cut(string(text), matrixBegins)
	_, after, ok2 := strings.Cut(rest, matrixEnds)
	require.True(t, ok1 && ok2, "%s has no place for the matrix", page)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+b.String()+after), 0o644))
		return
	}
	same(t, "matrix in docs/reliability.md; to rewrite it: -update", b.String(), matrixBegins+strings.TrimSuffix(strings.TrimPrefix(rest, ""), after))
}
