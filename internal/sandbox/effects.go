package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// finish ends a job as of the moment it is due.
func (s *Server) finish(j *job) {
	b := s.banks[j.Bank]
	p := b.pools[j.Pool]
	if p == nil { // removed meanwhile
		j.halt(finding{codeNotFound, "item pool not found", j.Pool})
		return
	}
	if j.Fate == fateExists {
		s.finishExisting(j, p)
		return
	}
	p.running--
	if p.overlay == statusPending {
		p.overlay = ""
	}
	k := s.pick(b, j.Write, p)
	k.settle(j.Action)
	s.judge(j, k)
	switch {
	case j.Status == jobHalted:
		s.halted(j, p)
	case j.Skips == FaultSkipsAll:
		if p.Status == "" && p.running == 0 {
			b.removePool(p.Reference)
		}
	default:
		s.completed(j, p, k)
	}
	if p.running > 0 || j.KeepsPool {
		p.overlay = statusPending
	}
	p.note(j.Due, s.sw.keeps())
	b.poolOrder = nil
}

// finishExisting ends the creation of a pool that was there before (U1).
func (s *Server) finishExisting(j *job, p *pool) {
	j.Status = jobCompleted
	if s.sw.U1 == "noop" {
		return
	}
	j.halt(finding{codeExists, "item pool exists", j.Pool})
	if s.sw.U1 == "halt-pool" {
		p.overlay = statusHalted
		p.note(j.Due, s.sw.keeps())
		s.banks[j.Bank].poolOrder = nil
	}
}

func (j *job) halt(f ...finding) { j.Status, j.Findings = jobHalted, append(j.Findings, f...) }

// judge decides between completed and halted.
func (s *Server) judge(j *job, k *picker) {
	j.Status = jobCompleted
	if s.sw.U12 == "all" {
		s.judgeBatch(j)
	}
	switch {
	case j.Fate == fateHalt:
		j.halt(finding{10000, "halted on request of the sandbox", j.Pool})
	case len(k.findings) > 0:
		j.halt(k.findings...)
	case j.Foreseen != nil:
		j.halt(*j.Foreseen)
	}
}

// judgeBatch looks, before the first job of a request ends, whether any of them
// will halt (U12 all).
func (s *Server) judgeBatch(first *job) {
	if first.Judged {
		return
	}
	var mates []*job
	var halts *finding
	for _, j := range slices.Backward(s.jobs) {
		if j.Batch < first.Batch {
			break
		}
		b := s.banks[j.Bank]
		if j.Batch != first.Batch || j.Fate == fateExists || b.pools[j.Pool] == nil {
			continue
		}
		mates = append(mates, j)
		k := s.pick(b, j.Write, b.pools[j.Pool])
		k.settle(j.Action)
		if j.Fate == fateHalt || len(k.findings) > 0 {
			halts = &finding{codeConflict, "another pool of the request failed", j.Pool}
		}
	}
	for _, j := range mates {
		j.Judged, j.Foreseen = true, halts
	}
}

// halted ends a job in failure: what the pool held stays, unless U2 says it is lost.
func (s *Server) halted(j *job, p *pool) {
	p.overlay = statusHalted
	if j.Action == "set" && s.sw.U2 == "lose" {
		p.items, p.activities = map[string]*Item{}, map[string]*Activity{}
	}
}

// completed applies the write.
func (s *Server) completed(j *job, p *pool, k *picker) {
	items, activities := k.copies(s.stored(j.Due))
	if j.Skips == FaultSkipsItem && len(items) > 0 {
		delete(items, slices.Max(slices.Collect(maps.Keys(items))))
	}
	before, heldItems, heldActivities := p.PoolRecord, p.items, p.activities
	if j.Action == "set" {
		s.replaceFields(j.Write, p)
		p.items, p.activities = items, activities
	} else {
		s.updateFields(j.Write, p)
		p.items, p.activities = joined(p.items, items), joined(p.activities, activities)
	}
	switch j.Skips {
	case FaultSkipsName:
		p.Name = before.Name
	case FaultSkipsStatus:
		p.Status = cmp.Or(before.Status, statusUnpublished)
	case FaultSkipsContent:
		p.items, p.activities = heldItems, heldActivities
	}
	s.stampPool(j, p, before)
}

// joined makes a new map: the old one is what a replica may still show.
func joined[T any](held, added map[string]T) map[string]T {
	all := maps.Clone(held)
	maps.Copy(all, added)
	return all
}

// stampPool moves dt_updated by the rule of U26. A new pool keeps the two dates
// that the documentation's example shows alike when the job was quick.
func (s *Server) stampPool(j *job, p *pool, before PoolRecord) {
	created := before.Status == ""
	before.Status = j.Before
	switch {
	case s.sw.U26 == "never", s.sw.U26 == "visible" && before == p.PoolRecord:
	case created:
		if at := s.stored(j.Due).Truncate(time.Second); at.After(p.DtUpdated) {
			p.DtUpdated = at
		}
	default:
		p.touch(s.stored(j.Due))
	}
}

// replaceFields is set: what is left out is reset, or kept under U3.
func (s *Server) replaceFields(w poolWrite, p *pool) {
	keep := s.sw.U3 == "keep" && p.Status != ""
	w = s.kept(w)
	assign := func(field *string, sent *string, def string) {
		if sent != nil {
			*field = *sent
		} else if !keep {
			*field = def
		}
	}
	assign(&p.Name, w.Name, "")
	assign(&p.Description, w.Description, "")
	assign(&p.Status, w.Status, statusPublished)
}

// updateFields is update: a name left out is unchanged, a status left out
// publishes (U8), a description is ignored (U7).
func (s *Server) updateFields(w poolWrite, p *pool) {
	w = s.kept(w)
	if w.Name != nil {
		p.Name = *w.Name
	}
	if w.Description != nil && s.sw.U7 == "apply" {
		p.Description = *w.Description
	}
	switch {
	case w.Status != nil:
		p.Status = *w.Status
	case s.sw.U8 == "publish" || p.Status == "":
		p.Status = statusPublished
	}
}

// kept is the write with its texts in the form that the server stores (Names).
func (s *Server) kept(w poolWrite) poolWrite {
	for _, text := range []**string{&w.Name, &w.Description} {
		if *text != nil {
			t := s.keptText(**text)
			*text = &t
		}
	}
	return w
}

func (s *Server) keptText(text string) string {
	switch s.sw.Names {
	case "trim":
		return strings.TrimSpace(text)
	case "cut":
		runes := []rune(text)
		return string(runes[:min(len(runes), cmp.Or(s.sw.maxText, 20))])
	}
	return text
}
