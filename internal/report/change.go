package report

import (
	"bytes"
	"encoding/json"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/source"
)

// written is a change as documents in JSON have it: what is refused, and what there
// is to say, in words.
type written struct {
	pool.Key
	Actions     []diff.Action     `json:"actions"`
	Source      source.Position   `json:"source"`
	Fields      []diff.Field      `json:"fields"`
	Content     diff.Delta        `json:"content"`
	Resolved    *diff.Resolved    `json:"resolved,omitempty"`
	Calls       []diff.Call       `json:"calls,omitempty"`
	Evidence    diff.Evidence     `json:"evidence"`
	Blocked     []block           `json:"blocked"`
	Notes       []message.Message `json:"notes,omitempty"`
	Fingerprint string            `json:"fingerprint,omitempty"`
	Dangerous   bool              `json:"dangerous,omitempty"`
}

// block is a refusal in words.
type block struct {
	Rule    diff.Rule       `json:"rule"`
	Message message.Message `json:"message"`
	Remedy  message.Message `json:"remedy"`
}

// ended is an outcome as documents in JSON have it.
type ended struct {
	written
	Outcome  apply.State       `json:"outcome"`
	Job      pool.JobReference `json:"job_reference"`
	Error    *apply.Problem    `json:"error"`
	Warnings []string          `json:"warnings,omitempty"`
}

func (w wording) write(ch diff.Change) written {
	out := written{
		Key: ch.Key, Actions: ch.Actions, Source: ch.Source, Fields: ch.Fields, Content: ch.Content, Resolved: ch.Resolved, Calls: ch.Calls,
		Evidence: ch.Evidence, Fingerprint: ch.Fingerprint, Dangerous: ch.Dangerous,
	}
	for _, r := range w.refusals(ch, false) {
		out.Blocked = append(out.Blocked, block{r.rule, r.message, r.remedy})
	}
	for _, n := range ch.Notes {
		out.Notes = append(out.Notes, w.tell(ch, ch.Key, n))
	}
	return out
}

// MarshalJSON writes the plan with the words of its changes.
func (p Plan) MarshalJSON() ([]byte, error) {
	type plan Plan
	w := p.wording(true, len(p.banks(keysOf(p.Changes))) > 1)
	p.Written = make([]written, len(p.Changes))
	for i, ch := range p.Changes {
		p.Written[i] = w.write(ch)
	}
	return marshal(plan(p))
}

// MarshalJSON writes the drift with the words of the changes beside it.
func (d Drift) MarshalJSON() ([]byte, error) {
	type drift Drift
	w := d.wording(true, false)
	d.Written = make([]written, len(d.Changes))
	for i, ch := range d.Changes {
		d.Written[i] = w.write(ch)
	}
	return marshal(drift(d))
}

// MarshalJSON writes the result with the words of its changes.
func (r Result) MarshalJSON() ([]byte, error) {
	type result Result
	w := r.wording(true, len(r.banks(r.keys())) > 1)
	r.Written = make([]ended, len(r.Changes))
	for i, o := range r.Changes {
		r.Written[i] = ended{w.write(o.Change), o.Outcome, o.Job, o.Error, o.Warnings}
		if refused := r.Written[i].Blocked; o.Error == nil && len(refused) > 0 && o.Outcome != apply.Applied {
			r.Written[i].Error = &apply.Problem{Message: refused[0].Message.Text(), Remedy: refused[0].Remedy.Text()}
		}
	}
	return marshal(result(r))
}

// marshal leaves HTML alone, which the document's own encoder decides about.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
