package sandbox

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// poolWrite is one pool of a set or update request, checked. A nil string was left
// out. It is also what a job keeps of its request across a restart.
type poolWrite struct {
	Reference   string   `json:"reference"`
	Name        *string  `json:"name,omitempty"`
	Description *string  `json:"description,omitempty"`
	Status      *string  `json:"status,omitempty"`
	Overwrite   bool     `json:"overwrite,omitempty"`
	IgnoreEmpty bool     `json:"ignore_empty_additional_tags,omitempty"`
	Publish     bool     `json:"set_unpublished_to_published,omitempty"`
	Content     *content `json:"content,omitempty"`
}

// content is pools[].content.
type content struct {
	Items        []string   `json:"item_references,omitempty"`
	Activities   []string   `json:"activity_references,omitempty"`
	Tags         []selector `json:"tags,omitempty"`
	ItemTags     []selector `json:"item_tags,omitempty"`
	ActivityTags []selector `json:"activity_tags,omitempty"`
}

func (c *content) empty() bool {
	return c == nil || len(c.Items)+len(c.Activities)+len(c.Tags)+len(c.ItemTags)+len(c.ActivityTags) == 0
}

// writeAnswer is a record of the answer to set and update.
type writeAnswer struct {
	Pool string `json:"pool_reference"`
	Job  string `json:"job_reference"`
}

func (x *exchange) setPools(p *params) (result, *apiError)    { return x.writePools("set", p) }
func (x *exchange) updatePools(p *params) (result, *apiError) { return x.writePools("update", p) }

// writePools is itembank/pools set and update: everything is checked before
// anything is accepted, so a refused request starts no job (U12).
func (x *exchange) writePools(action string, p *params) (result, *apiError) {
	organisation, _ := p.integer("organisation_id")
	if !p.has("pools") {
		p.fail(codeMissing, "pools is mandatory")
	}
	pools := p.objects("pools", pageSize)
	p.take("meta")
	p.finish()
	if *p.err == nil && len(pools) == 0 {
		p.fail(codeValue, "pools is empty")
	}
	writes := make([]poolWrite, len(pools))
	for i, one := range pools {
		writes[i] = x.server.readWrite(action, one)
	}
	if *p.err != nil {
		return result{}, *p.err
	}
	b, refused := x.server.bankOf(organisation)
	if refused != nil {
		return result{}, refused
	}
	if refused := x.checkWrites(action, b, writes); refused != nil {
		return result{}, refused
	}
	return x.accept(action, b, writes), nil
}

// readWrite reads one entry of pools.
func (s *Server) readWrite(action string, p *params) poolWrite {
	var w poolWrite
	if ref, ok := p.str("reference"); !ok {
		p.fail(codeMissing, "%s must have a non-null value", p.name("reference"))
	} else if err := s.checkPoolReference(ref); err != nil {
		p.fail(err.Code, "%s: %s", p.name("reference"), err.Message)
	} else {
		w.Reference = ref
	}
	w.Name, w.Description = p.optional("name"), p.optional("description")
	if status := p.choice("status", "", statusPublished, statusUnpublished); status != "" {
		w.Status = &status
	}
	w.Overwrite, w.Publish = p.boolean("overwrite"), p.boolean("set_unpublished_to_published")
	if action == "set" {
		w.IgnoreEmpty = p.boolean("ignore_empty_additional_tags")
	} else if w.Description != nil && s.sw.U7 == "reject" {
		p.fail(codeSchema, "%s is not a parameter of update", p.name("description"))
	}
	for _, text := range []*string{w.Name, w.Description} {
		if text != nil && s.sw.Names != "cut" && s.sw.maxText > 0 && utf8.RuneCountInString(*text) > s.sw.maxText {
			p.fail(codeLength, "%s: name or description longer than %d characters", p.path, s.sw.maxText)
		}
	}
	if c := p.object("content"); c != nil {
		w.Content = s.readContent(c)
	}
	p.finish()
	if w.Content.empty() && (action == "set" || s.sw.U6 == "reject") {
		p.fail(codeMissing, "%s must contain at least one valid entry", p.name("content"))
	}
	return w
}

func (s *Server) readContent(p *params) *content {
	c := &content{
		Items: p.list("item_references", 0), Activities: p.list("activity_references", 0),
		Tags: readSelectors(p, "tags"), ItemTags: readSelectors(p, "item_tags"), ActivityTags: readSelectors(p, "activity_tags"),
	}
	p.finish()
	if n := len(c.Items) + len(c.Activities); s.sw.maxReferences > 0 && n > s.sw.maxReferences {
		p.fail(codeTooMany, "%s names %d references, more than %d", p.path, n, s.sw.maxReferences)
	}
	for _, refs := range []*[]string{&c.Items, &c.Activities} {
		sorted := slices.Compact(slices.Sorted(slices.Values(*refs)))
		if len(sorted) < len(*refs) && s.sw.U27 == "refuse" {
			p.fail(codeValue, "%s names a reference twice", p.path)
		}
		*refs = sorted
	}
	return c
}

// checkWrites applies what needs to know the bank.
func (x *exchange) checkWrites(action string, b *bankState, writes []poolWrite) *apiError {
	seen := map[string]bool{}
	for i, w := range writes {
		ref := x.fold(w.Reference)
		if seen[ref] {
			return refusal(400, codeValue, "pools[%d].reference: %q is listed twice", i, w.Reference)
		}
		seen[ref] = true
		if err := x.checkAgainstPool(action, b, w); err != nil {
			return err
		}
		if err := x.checkUnknown(b, w); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) fold(ref string) string {
	if x.server.sw.U31 == "fold" {
		return strings.ToLower(ref)
	}
	return ref
}

func (x *exchange) checkAgainstPool(action string, b *bankState, w poolWrite) *apiError {
	p := b.pool(w.Reference, x.server.sw.U31 == "fold")
	if p == nil {
		if action == "update" {
			return refusal(404, codeNotFound, "item pool %q not found", w.Reference)
		}
		return nil
	}
	if action == "set" && !w.Overwrite {
		switch x.server.sw.U1 {
		case "error":
			return refusal(400, codeExists, "item pool %q exists", w.Reference)
		case "conflict":
			return refusal(409, codeConflict, "item pool %q exists", w.Reference)
		}
		return nil
	}
	if p.overlay == statusPending && x.server.sw.U23 == "refuse" {
		return refusal(409, codeConflict, "item pool %q has a job running", w.Reference)
	}
	return nil
}

// checkUnknown is U9 "refuse": unknown references fail the request.
func (x *exchange) checkUnknown(b *bankState, w poolWrite) *apiError {
	if x.server.sw.U9 != "refuse" || w.Content == nil {
		return nil
	}
	for _, ref := range w.Content.Items {
		if b.items.get(ref) == nil {
			return refusal(400, codeNoItem, "item %q not found in organisation %d", ref, b.id)
		}
	}
	for _, ref := range w.Content.Activities {
		if b.activities.get(ref) == nil {
			return refusal(400, codeNoRecord, "activity %q not found in organisation %d", ref, b.id)
		}
	}
	return nil
}

// accept starts one job for each pool.
func (x *exchange) accept(action string, b *bankState, writes []poolWrite) result {
	s := x.server
	s.batches++
	answers := make([]writeAnswer, 0, len(writes))
	for _, w := range writes {
		p := b.pool(w.Reference, s.sw.U31 == "fold")
		j := &job{Reference: s.uuid(), Bank: b.id, Action: action, Batch: s.batches, Created: x.now, Write: w}
		switch {
		case p == nil:
			p = x.create(b, w)
		case action == "set" && !w.Overwrite:
			j.Fate = fateExists
		}
		j.Pool = p.Reference
		x.schedule(p, j)
		answers = append(answers, writeAnswer{p.Reference, j.Reference})
	}
	s.dirty = true
	answers = x.withoutLacking(answers)
	return result{data: x.shapeWrites(answers), records: len(answers)}
}

func (x *exchange) shapeWrites(list []writeAnswer) any {
	if u := x.server.sw.U14; len(list) == 1 && (u == "write-object" || u == "object") {
		return list[0]
	}
	return list
}

// create makes the record of a new pool: there at once, pending, without content.
func (x *exchange) create(b *bankState, w poolWrite) *pool {
	at := x.server.stored(x.now).Truncate(time.Second)
	w = x.server.kept(w)
	p := &pool{PoolRecord: PoolRecord{
		Bank: b.id, Reference: w.Reference, Name: orEmpty(w.Name), Description: orEmpty(w.Description),
		DtCreated: at, DtUpdated: at,
	}, holding: holding{map[string]*Item{}, map[string]*Activity{}}}
	b.addPool(p)
	return p
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// schedule sets when the job ends and shows the pool as pending until then.
func (x *exchange) schedule(p *pool, j *job) {
	s := x.server
	x.applyJobFaults(j)
	j.Start, j.Before = j.Created, p.visible().Status
	if j.Before == statusPending {
		j.Before = p.Status
	}
	if j.Fate != fateExists {
		if p.running > 0 && p.free.After(j.Start) {
			j.Start = p.free
		}
		p.running++
		p.overlay = statusPending
		p.note(x.now, s.sw.keeps())
	}
	j.Due = j.Start.Add(s.opts.Latency)
	if !j.Never {
		p.free = j.Due
	}
	s.addJob(j)
}
