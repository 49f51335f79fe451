// Package report writes diagnostics, plans, results and the like: as text for
// people, as JSON for programs, as Markdown for reviews and as annotations for
// GitHub Actions. Values come in, bytes go out. It decides nothing, and nothing
// that others wrote acts in what it writes.
package report

import (
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/source"
)

// SchemaVersion is the version of the JSON documents' layout.
const SchemaVersion = 1

// Target says which bank a document is about: in JSON the first one, since there
// every change names its own.
type Target struct {
	Endpoint     string    `json:"endpoint"`
	ReadEndpoint string    `json:"read_endpoint,omitempty"` // where it differs
	APIVersion   string    `json:"api_version"`
	Bank         pool.Bank `json:"organisation_id"`
	// Banks are all that were addressed, where they are several.
	Banks []pool.Bank `json:"-"`
}

// at returns "https://data.learnosity.com (v2026.2.LTS)", with the address that is
// read from, where it is another one.
func (t Target) at() message.Message {
	read := message.Message{}
	if t.ReadEndpoint != "" {
		read = message.New(", read from %s", message.Code(t.ReadEndpoint))
	}
	return message.New("%s%s (%s)", message.Code(t.Endpoint), read, message.Code(t.APIVersion))
}

// Exit is how a command ended: the exit code and why.
type Exit struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// Failure is an error that ended a command.
type Failure struct {
	Message string   `json:"message"`
	Hints   []string `json:"hints,omitempty"`
}

// Head is what every JSON document begins with. Every document is written on
// every exit, so that Error and Diagnostics say why there is nothing else in it.
type Head struct {
	SchemaVersion int                `json:"schema_version"`
	Command       string             `json:"command"`
	Target        *Target            `json:"target"`
	Exit          Exit               `json:"exit"`
	Error         *Failure           `json:"error,omitempty"`
	Diagnostics   source.Diagnostics `json:"diagnostics,omitempty"`

	Config string `json:"-"` // the configuration file, if there is one
	// Complete makes a command line of this program that goes on from this run: it has
	// the flags that say where.
	Complete func(args ...string) message.Message `json:"-"`
}

// bankID is an item bank.
type bankID = pool.Bank

// failure is the error that ended the command, for a page.
func (h Head) failure() *page.Failure {
	if h.Error == nil {
		return nil
	}
	return &page.Failure{Reason: h.Exit.Reason, Message: h.Error.Message, Hints: h.Error.Hints}
}

// wording is how the document is put into words.
func (h Head) wording(full, withBank bool) wording {
	w := wording{full: full, withBank: withBank, command: h.Complete}
	if w.command == nil {
		w.command = func(args ...string) message.Message {
			return message.Command(append([]string{"poolsync"}, args...)...)
		}
	}
	return w
}

// config is " (poolsync.yaml)", where the run has a configuration.
func (h Head) config() message.Message {
	if h.Config == "" {
		return message.Message{}
	}
	return message.New(" (%s)", message.Code(h.Config))
}

// banks returns the banks that a document is about, in order: those that were
// addressed, and those of its pools.
func (h Head) banks(pools []pool.Key) []bankID {
	var all []bankID
	if h.Target != nil {
		all = append(slices.Clone(h.Target.Banks), h.Target.Bank)
	}
	for _, k := range pools {
		all = append(all, k.Bank)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bankNames returns "item bank 505" or "item banks 505, 606".
func bankNames(banks []bankID) message.Message {
	switch {
	case len(banks) == 0:
		return message.New("no item bank")
	case len(banks) > 1:
		all := make([]message.Message, len(banks))
		for i, b := range banks {
			all[i] = bankName(b)
		}
		return message.New("item banks %s", message.Join(", ", all...))
	case banks[0] == pool.Primary:
		return message.New("the key's primary item bank")
	default:
		return message.New("item bank %s", bankName(banks[0]))
	}
}

func bankName(b bankID) message.Message {
	if b == pool.Primary {
		return message.New("primary")
	}
	return message.Number(int(b))
}

// about returns "item bank 505 at https://data.learnosity.com (v2026.2.LTS)".
func (h Head) about(banks []bankID) message.Message {
	if h.Target == nil {
		return message.New("no item bank")
	}
	return message.New("%s at %s", bankNames(banks), h.Target.at())
}

// where says what a page is about.
func (h Head) where() message.Message {
	if h.Target == nil {
		return message.Message{}
	}
	return h.Target.at()
}
