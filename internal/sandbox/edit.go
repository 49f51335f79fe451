package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Snapshot is what a pool holds, sorted by reference.
type Snapshot struct {
	Items      []Item     `json:"items"`
	Activities []Activity `json:"activities"`
}

// Pools returns the pools of a bank by reference, as pools get shows them without lag.
func (s *Server) Pools(bank int64) []PoolRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.now())
	b, ok := s.banks[bank]
	if !ok {
		return nil
	}
	out := make([]PoolRecord, 0, len(b.pools))
	for _, p := range b.pools {
		out = append(out, p.visible())
	}
	slices.SortFunc(out, func(a, b PoolRecord) int { return strings.Compare(a.Reference, b.Reference) })
	return out
}

// PoolContent returns a pool's copies; false if there is no such pool.
func (s *Server) PoolContent(bank int64, reference string) (Snapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.now())
	b, ok := s.banks[bank]
	if !ok || b.pools[reference] == nil {
		return Snapshot{}, false
	}
	return b.pools[reference].snapshot(), true
}

func (p *pool) snapshot() Snapshot {
	return Snapshot{Items: copied(p.items), Activities: copied(p.activities)}
}

// copied lists clones by reference.
func copied[T any, O object[T]](held map[string]O) []T {
	out := make([]T, 0, len(held))
	for _, ref := range sortedKeys(held) {
		out = append(out, *held[ref].clone())
	}
	return out
}

// edit runs a change under the lock, at the server's time, and saves.
func (s *Server) edit(bank int64, change func(b *bankState, now time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	b, ok := s.banks[bank]
	if !ok {
		return fmt.Errorf("no item bank %d", bank)
	}
	if err := change(b, now); err != nil {
		return err
	}
	s.dirty = true
	if refused := s.save(); refused != nil {
		return fmt.Errorf("%s", refused.Message)
	}
	return nil
}

// EditPool changes a pool by hand, as someone else would: name, description and
// status, any of the four statuses. It moves dt_updated by a second at least, to
// now if that is later; identity and dates are not for the function to set.
func (s *Server) EditPool(bank int64, reference string, change func(*PoolRecord)) error {
	return s.edit(bank, func(b *bankState, now time.Time) error {
		p, ok := b.pools[reference]
		if !ok {
			return fmt.Errorf("no item pool %d/%s", bank, reference)
		}
		r := p.visible()
		before := r.Status
		change(&r)
		switch {
		case r.Status == before:
		case r.Status == statusPublished || r.Status == statusUnpublished:
			p.Status, p.overlay = r.Status, ""
		case r.Status == statusPending || r.Status == statusHalted:
			p.overlay = r.Status
		default:
			return fmt.Errorf("item pool %d/%s: %q is no status of a pool", bank, reference, r.Status)
		}
		p.Name, p.Description = r.Name, r.Description
		p.touch(s.stored(now))
		p.note(now, s.sw.keeps())
		b.poolOrder = nil
		return nil
	})
}

// PutPool makes a pool as somebody else would, or replaces the content of one that
// is there: by the bank's items and activities of these references, as they are now.
// The change is made as EditPool makes it; a new pool is published unless it says
// otherwise.
func (s *Server) PutPool(bank int64, reference string, items, activities []string, change func(*PoolRecord)) error {
	err := s.edit(bank, func(b *bankState, now time.Time) error {
		if err := s.checkPoolReference(reference); err != nil {
			return fmt.Errorf("item pool %d/%q: %s", bank, reference, err.Message)
		}
		content := holding{map[string]*Item{}, map[string]*Activity{}}
		if err := errors.Join(take(content.items, &b.items, items), take(content.activities, &b.activities, activities)); err != nil {
			return fmt.Errorf("bank %d: %w", bank, err)
		}
		p := b.pools[reference]
		if p == nil {
			at := s.stored(now).Truncate(time.Second)
			p = &pool{PoolRecord: PoolRecord{Bank: bank, Reference: reference, Status: statusPublished, DtCreated: at, DtUpdated: at.Add(-time.Second)}}
			b.addPool(p)
		}
		p.holding = content
		return nil
	})
	if err != nil {
		return err
	}
	return s.EditPool(bank, reference, change)
}

// RemovePool takes a pool out of a bank. Jobs of it that are under way halt.
func (s *Server) RemovePool(bank int64, reference string) error {
	return s.edit(bank, func(b *bankState, _ time.Time) error {
		if b.pools[reference] == nil {
			return fmt.Errorf("item pool %d/%s: %w", bank, reference, errNotFound)
		}
		b.removePool(reference)
		return nil
	})
}

// take puts the objects of these references into a pool's content.
func take[T any, O object[T]](into map[string]O, from *shelf[T, O], refs []string) error {
	for _, ref := range refs {
		if into[ref] = from.get(ref); into[ref] == nil {
			return fmt.Errorf("no %s %s", from.noun, ref)
		}
	}
	return nil
}

// PutItem adds an item to a bank, or replaces it as it stands, dates included.
// Dates left out are now. Pools keep the copies they have.
func (s *Server) PutItem(bank int64, it Item) error {
	return s.edit(bank, func(b *bankState, now time.Time) error { return put(s, b, &b.items, it.clone(), now) })
}

// PutActivity adds an activity to a bank, or replaces it, as PutItem does.
func (s *Server) PutActivity(bank int64, a Activity) error {
	return s.edit(bank, func(b *bankState, now time.Time) error { return put(s, b, &b.activities, a.clone(), now) })
}

// EditItem changes an item of a bank and moves its dt_updated.
func (s *Server) EditItem(bank int64, reference string, change func(*Item)) error {
	return s.edit(bank, func(b *bankState, now time.Time) error { return alter(s, b, &b.items, reference, change, now) })
}

// EditActivity changes an activity of a bank and moves its dt_updated.
func (s *Server) EditActivity(bank int64, reference string, change func(*Activity)) error {
	return s.edit(bank, func(b *bankState, now time.Time) error {
		return alter(s, b, &b.activities, reference, change, now)
	})
}

func put[T any, O object[T]](s *Server, b *bankState, on *shelf[T, O], one *T, now time.Time) error {
	if r := O(one).record(); r.DtCreated.IsZero() {
		r.DtCreated = s.stored(now)
	}
	b.tags = nil
	return on.put(one)
}

func alter[T any, O object[T]](s *Server, b *bankState, on *shelf[T, O], reference string, change func(*T), now time.Time) error {
	old := on.get(reference)
	if old == nil {
		return fmt.Errorf("no %s %d/%s", on.noun, b.id, reference)
	}
	one := old.clone()
	change(one)
	r := O(one).record()
	r.Reference, r.DtCreated, r.DtUpdated = reference, old.record().DtCreated, later(old.record().DtUpdated, s.stored(now))
	b.tags = nil
	return on.put(O(one).clone())
}
