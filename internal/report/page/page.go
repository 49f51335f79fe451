// Package page is a report before it is written in a format: what is said of
// which pool, in which order, and what may be folded or cut. Plans, results and
// the like become pages; text, Markdown and annotations are made of pages, so
// that all of them say the same. It does no input or output.
package page

import (
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/source"
)

// Sign is the mark that a line begins with. Nothing is said by its colour alone.
type Sign string

// The signs.
const (
	Create  Sign = "+"
	Change  Sign = "~"
	Danger  Sign = "!" // a published pool changes at once
	Leave   Sign = "-" // no longer declared
	Wait    Sign = "."
	Unknown Sign = "?"
	Failed  Sign = "x"
	Outside Sign = "*" // changed outside of poolsync
	Done    Sign = "="
	None    Sign = " "
)

// Page is a report.
type Page struct {
	Kind   string // what it is about: plan, result, drift
	Digest string // of the plan
	// Title is the first line of the text, Headline the heading of the page.
	Title, Headline message.Message
	Intro           []message.Message // what to know before all else
	Failure         *Failure          // the error that ended the command
	Sections        []Section
	// Rising says that the text, which is read from its end, has the sections in
	// the opposite order, so that what matters most stands last.
	Rising bool
	Legend bool
	Table  *Table
	Counts message.Message
	Next   []message.Message // what to do now
	Paste  *Paste
	Foot   message.Message // of the page: where it comes from
	// Findings are the findings of the run, which the text has elsewhere.
	Findings source.Diagnostics
	Notice   string // title of the annotation that has the counts; empty: none
}

// Failure is an error that ended a command, in the words of whoever met it.
type Failure struct {
	Reason  string
	Message string
	Hints   []string
}

// Fold says whether a section of a page is folded.
type Fold int

// The kinds of folding.
const (
	Open Fold = iota
	Long      // folded if it is long
	Always
)

// Section is a part of a page.
type Section struct {
	Title   message.Message // of words and numbers alone
	Fold    Fold
	Entries []Entry
	Most    int             // how many entries are shown, 0 for all
	Rest    message.Message // what those that are not shown are called
}

// Alarm says how an entry is annotated.
type Alarm int

// The alarms.
const (
	Quiet Alarm = iota
	Warning
	Error
)

// Entry is what is said of one pool, or of several that are alike.
type Entry struct {
	Sign     Sign
	Name     string // of one pool, or nothing
	Many     message.Message
	Pools    []Pool // of several
	Verb     message.Message
	Place    source.Position
	Lines    []Line
	Block    []string // text of others, line by line
	Reasons  []Reason
	Notes    []message.Message
	Evidence []message.Message
	Alarm    Alarm
	Stands   int // for how many pools; 0 is 1
}

// Pool is one of the pools that an entry is about.
type Pool struct {
	Name  string
	Job   string
	Place source.Position
}

// Size is the number of pools that the entry stands for.
func (e Entry) Size() int { return max(1, e.Stands, len(e.Pools)) }

// Names are the names of the entry's pools.
func (e Entry) Names() []string {
	out := make([]string, len(e.Pools))
	for i, p := range e.Pools {
		out[i] = p.Name
	}
	return out
}

// Line is one line of what changes. A line with Entries is a list that gains or
// loses; another has a value before, after or both.
type Line struct {
	Path          string
	Sign          string // of the entries: "+", "-" or nothing
	Entries       []string
	More          int // entries that are not shown
	Before, After string
	Was, Is       message.Message // what the two values are called, if not "->"
}

// Reason is why something is not done or failed, and what to do about it.
type Reason struct {
	Lead    message.Message // "blocked"
	Message message.Message
	Rule    string
	Remedy  message.Message
	More    message.Message // what support asks for
}

// Table is rows in columns, with what belongs below a row.
type Table struct {
	Head []string
	Rows []Row
}

// Row is a row of a table.
type Row struct {
	Sign  Sign
	Cells []string
	Below string
}

// Paste is text to be pasted elsewhere, line by line.
type Paste struct {
	Lead  message.Message
	Lines []string
	Rest  int
}
