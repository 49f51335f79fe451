package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// dataFormat is the version of the data file.
const dataFormat = 1

// dataFile is all state that survives a restart. Banks and pools share records, so
// items and activities are written once and named by their place in the list.
type dataFile struct {
	Format     int         `json:"format"`
	Primary    int64       `json:"primary_organisation_id"`
	Batches    int64       `json:"batches"`
	Drawn      uint64      `json:"drawn"`
	Banks      []bankData  `json:"banks"`
	Jobs       []*job      `json:"jobs"`
	Items      []*Item     `json:"items"`
	Activities []*Activity `json:"activities"`
}

type bankData struct {
	OrganisationID int64      `json:"organisation_id"`
	Items          []int      `json:"items"`
	Activities     []int      `json:"activities"`
	Pools          []poolData `json:"pools"`
}

type poolData struct {
	PoolRecord
	Overlay    string    `json:"overlay,omitempty"`
	Running    int       `json:"running,omitempty"`
	Free       time.Time `json:"free"`
	Items      []int     `json:"items"`
	Activities []int     `json:"activities"`
}

// places numbers shared records.
type places[T any] struct {
	list []*T
	at   map[*T]int
}

// of returns the places of a map's records, in the order of their references so that
// the file does not change without need.
func (p *places[T]) of(records map[string]*T) []int {
	out := make([]int, 0, len(records))
	for _, ref := range sortedKeys(records) {
		r := records[ref]
		if _, ok := p.at[r]; !ok {
			p.at[r] = len(p.list)
			p.list = append(p.list, r)
		}
		out = append(out, p.at[r])
	}
	return out
}

// save writes the data file if there is one and anything changed.
func (s *Server) save() *apiError {
	if !s.dirty || s.opts.DataFile == "" {
		return nil
	}
	if err := writeFile(s.opts.DataFile, encode(s.data())); err != nil {
		return refusal(500, 10000, "internal error: %v", err)
	}
	s.dirty = false
	return nil
}

func (s *Server) data() dataFile {
	items, activities := places[Item]{at: map[*Item]int{}}, places[Activity]{at: map[*Activity]int{}}
	d := dataFile{Format: dataFormat, Primary: s.primary, Batches: s.batches, Drawn: s.drawn, Jobs: s.jobs}
	for _, id := range sortedKeys(s.banks) {
		b := s.banks[id]
		bank := bankData{OrganisationID: id, Items: items.of(b.items.all), Activities: activities.of(b.activities.all)}
		for _, ref := range sortedKeys(b.pools) {
			p := b.pools[ref]
			bank.Pools = append(bank.Pools, poolData{
				PoolRecord: p.PoolRecord, Overlay: p.overlay, Running: p.running, Free: p.free,
				Items: items.of(p.items), Activities: activities.of(p.activities),
			})
		}
		d.Banks = append(d.Banks, bank)
	}
	d.Items, d.Activities = items.list, activities.list
	return d
}

// writeFile replaces a file so that a crash leaves the old one or the new one.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(data, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// load reads the data file back. The error of a file that is not there is
// os.ErrNotExist.
func (s *Server) load(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read data file: %w", err)
	}
	var d dataFile
	if err := decodeStrict(text, &d); err != nil {
		return fmt.Errorf("data file %s is damaged: %w; move it away to start afresh", path, err)
	}
	if d.Format != dataFormat {
		return fmt.Errorf("data file %s has format %d, this program knows %d; move it away to start afresh", path, d.Format, dataFormat)
	}
	if err := s.restore(&d); err != nil {
		return fmt.Errorf("data file %s is damaged: %w; move it away to start afresh", path, err)
	}
	return nil
}

func (s *Server) restore(d *dataFile) error {
	s.primary, s.batches, s.drawn, s.banks = d.Primary, d.Batches, d.Drawn, map[int64]*bankState{}
	for _, bank := range d.Banks {
		b := newBankState(&ItemBank{OrganisationID: bank.OrganisationID}, s.opts.AnyItem)
		err := errors.Join(place(b.items.all, bank.Items, d.Items), place(b.activities.all, bank.Activities, d.Activities))
		for _, stored := range bank.Pools {
			p := &pool{
				PoolRecord: stored.PoolRecord, overlay: stored.Overlay, running: stored.Running, free: stored.Free,
				holding: holding{map[string]*Item{}, map[string]*Activity{}},
			}
			err = errors.Join(err, place(p.items, stored.Items, d.Items), place(p.activities, stored.Activities, d.Activities))
			p.past = []past{{p.DtCreated, p.visible(), p.holding}}
			b.addPool(p)
		}
		if err != nil {
			return fmt.Errorf("bank %d: %w", bank.OrganisationID, err)
		}
		s.banks[b.id] = b
	}
	if s.banks[s.primary] == nil {
		return fmt.Errorf("primary bank %d is missing", s.primary)
	}
	for _, j := range d.Jobs {
		if j == nil || s.banks[j.Bank] == nil || j.Status == "" && s.banks[j.Bank].pools[j.Pool] == nil {
			return errors.New("a job names a pool that is missing")
		}
		s.addJob(j)
	}
	return nil
}

// place fills a map from numbered records.
func place[T any, O object[T]](into map[string]O, at []int, list []*T) error {
	for _, i := range at {
		if i < 0 || i >= len(list) || list[i] == nil {
			return fmt.Errorf("record %d is missing", i)
		}
		one := O(list[i])
		into[one.record().Reference] = one
	}
	return nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
