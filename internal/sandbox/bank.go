package sandbox

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// The statuses of items and activities ("What is the Item Status?"), and those
// an item pool adds to the first two (pools endpoint, get, "status").
const (
	statusPublished   = "published"
	statusUnpublished = "unpublished"
	statusArchived    = "archived"
	statusPending     = "pending"
	statusHalted      = "halted"
)

// Bank is the content a server starts with: one or more item banks, and which of
// them is the primary one of the consumer key. Its JSON form is the file that
// `poolsync sandbox --bank FILE` takes.
type Bank struct {
	// Primary is the organisation_id meant when a request names none.
	Primary   int64      `json:"primary_organisation_id"`
	ItemBanks []ItemBank `json:"item_banks"`
}

// ItemBank is one item bank that the consumer key may reach.
type ItemBank struct {
	OrganisationID int64      `json:"organisation_id"`
	Items          []Item     `json:"items"`
	Activities     []Activity `json:"activities"`
}

// Record is what items and activities have in common. Tags are kept the way they
// are read, type -> names, not the way they are written (items endpoint).
type Record struct {
	Reference     string              `json:"reference"`
	Title         string              `json:"title,omitempty"`
	Description   string              `json:"description,omitempty"`
	Status        string              `json:"status,omitempty"` // left out: published
	Tags          map[string][]string `json:"tags,omitempty"`
	CreatedBy     string              `json:"created_by,omitempty"`
	LastUpdatedBy string              `json:"last_updated_by,omitempty"`
	DtCreated     time.Time           `json:"dt_created"` // left out: 2024-01-08T09:00:00Z
	DtUpdated     time.Time           `json:"dt_updated"` // left out: dt_created
}

// Item is an item as the bank keeps it.
type Item struct {
	Record
	Note      string     `json:"note,omitempty"`
	Questions []Question `json:"questions,omitempty"`
	MaxScore  int        `json:"max_score,omitempty"`
}

// Question names a question inside an item.
type Question struct {
	Reference string `json:"reference"`
	Type      string `json:"type"`
}

// Activity is an activity as the bank keeps it.
type Activity struct {
	Record
	Items []ActivityItem `json:"items"`
}

// ActivityItem is an entry of an activity's item list, which mixes two shapes: a
// bare reference, or (OrganisationID set) an object that also names the item bank.
type ActivityItem struct {
	Reference      string
	OrganisationID int64
}

type activityItemObject struct {
	Reference      string `json:"reference"`
	OrganisationID int64  `json:"organisation_id"`
}

// MarshalJSON writes a string, or an object when the item bank is named.
func (a ActivityItem) MarshalJSON() ([]byte, error) {
	if a.OrganisationID == 0 {
		return json.Marshal(a.Reference)
	}
	return json.Marshal(activityItemObject(a))
}

// UnmarshalJSON reads either shape.
func (a *ActivityItem) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		*a = ActivityItem{}
		return json.Unmarshal(data, &a.Reference)
	}
	var o activityItemObject
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	*a = ActivityItem(o)
	return nil
}

//go:embed seed/bank.json
var seedJSON []byte

// DefaultBank is the embedded seed: bank 505, which reads like a small assessment
// programme, and bank 606 beside it. Each call gives a copy of its own.
func DefaultBank() *Bank { return parsedSeed().clone() }

var parsedSeed = sync.OnceValue(func() *Bank {
	b, err := ParseBank(seedJSON)
	if err != nil {
		panic("sandbox: the embedded seed is broken: " + err.Error()) // the tests parse it
	}
	return b
})

// ReadBankFile reads a bank file.
func ReadBankFile(path string) (*Bank, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read bank file: %w", err)
	}
	b, err := ParseBank(data)
	if err != nil {
		return nil, fmt.Errorf("bank file %s: %w", path, err)
	}
	return b, nil
}

// ParseBank decodes and checks a bank. An error names the line, or the member that
// is wrong.
func ParseBank(data []byte) (*Bank, error) {
	b := new(Bank)
	if err := decodeStrict(data, b); err != nil {
		return nil, err
	}
	if err := b.complete(); err != nil {
		return nil, err
	}
	return b, nil
}

// decodeStrict refuses unknown members and anything after the value, and says on
// which line the text is not JSON.
func decodeStrict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: unexpected text after the closing brace", lineAt(data, dec.InputOffset()))
		}
		return nil
	}
	at := dec.InputOffset()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = syntax.Offset
	}
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("line %d: %s must be a %s, not a JSON %s", lineAt(data, typed.Offset), typed.Field, typed.Type, typed.Value)
	}
	return fmt.Errorf("line %d: %w", lineAt(data, at), err)
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

// defaultCreated dates what a bank file leaves undated: well in the past, so that
// nothing looks freshly edited.
var defaultCreated = time.Date(2024, 1, 8, 9, 0, 0, 0, time.UTC)

// complete fills in defaults and checks the bank.
func (b *Bank) complete() error {
	if len(b.ItemBanks) == 0 {
		return errors.New("item_banks: at least one item bank is needed")
	}
	if b.Primary == 0 {
		b.Primary = b.ItemBanks[0].OrganisationID
	}
	seen := map[int64]bool{}
	for i := range b.ItemBanks {
		bank := &b.ItemBanks[i]
		at := fmt.Sprintf("item_banks[%d]", i)
		if bank.OrganisationID <= 0 || seen[bank.OrganisationID] {
			return fmt.Errorf("%s.organisation_id: %d is not a positive number used once", at, bank.OrganisationID)
		}
		seen[bank.OrganisationID] = true
		if err := bank.complete(at); err != nil {
			return err
		}
	}
	if !seen[b.Primary] {
		return fmt.Errorf("primary_organisation_id: %d is none of item_banks", b.Primary)
	}
	return nil
}

func (b *ItemBank) complete(at string) error {
	if err := completeAll(at+".items", b.Items); err != nil {
		return err
	}
	if err := completeAll(at+".activities", b.Activities); err != nil {
		return err
	}
	for i, a := range b.Activities {
		for j, entry := range a.Items {
			if err := checkReference(entry.Reference); err != nil {
				return fmt.Errorf("%s.activities[%d].items[%d]: %s", at, i, j, err.Message)
			}
		}
	}
	return nil
}

// object is an item or an activity.
type object[T any] interface {
	*T
	record() *Record
	clone() *T
}

func (it *Item) record() *Record    { return &it.Record }
func (a *Activity) record() *Record { return &a.Record }

func completeAll[T any, O object[T]](at string, list []T) error {
	seen := map[string]bool{}
	for i := range list {
		r := O(&list[i]).record()
		where := fmt.Sprintf("%s[%d]", at, i)
		if err := r.complete(where); err != nil {
			return err
		}
		if seen[r.Reference] {
			return fmt.Errorf("%s.reference: %q is used twice", where, r.Reference)
		}
		seen[r.Reference] = true
	}
	return nil
}

// complete fills in defaults and checks the record.
func (r *Record) complete(at string) error {
	if err := checkReference(r.Reference); err != nil {
		return fmt.Errorf("%s.reference: %s", at, err.Message)
	}
	r.Status = cmp.Or(r.Status, statusPublished)
	if !slices.Contains([]string{statusPublished, statusUnpublished, statusArchived}, r.Status) {
		return fmt.Errorf("%s.status: %q is not published, unpublished or archived", at, r.Status)
	}
	for kind, names := range r.Tags {
		if kind == "" || len(names) == 0 || slices.Contains(names, "") {
			return fmt.Errorf("%s.tags: type %q needs a type and at least one name, none empty", at, kind)
		}
	}
	if r.DtCreated.IsZero() {
		r.DtCreated = defaultCreated
	}
	if r.DtUpdated.IsZero() {
		r.DtUpdated = r.DtCreated
	}
	r.DtCreated, r.DtUpdated = r.DtCreated.UTC().Truncate(time.Second), r.DtUpdated.UTC().Truncate(time.Second)
	return nil
}

func (b *Bank) clone() *Bank {
	c := &Bank{Primary: b.Primary, ItemBanks: make([]ItemBank, len(b.ItemBanks))}
	for i, bank := range b.ItemBanks {
		c.ItemBanks[i] = ItemBank{bank.OrganisationID, clones(bank.Items), clones(bank.Activities)}
	}
	return c
}

func clones[T any, O object[T]](list []T) []T {
	var out []T
	for i := range list {
		out = append(out, *O(&list[i]).clone())
	}
	return out
}

func (it *Item) clone() *Item {
	c := *it
	c.Tags, c.Questions = cloneTags(it.Tags), slices.Clone(it.Questions)
	return &c
}

func (a *Activity) clone() *Activity {
	c := *a
	c.Tags, c.Items = cloneTags(a.Tags), slices.Clone(a.Items)
	return &c
}

func cloneTags(tags map[string][]string) map[string][]string {
	c := maps.Clone(tags)
	for kind, names := range c {
		c[kind] = slices.Clone(names)
	}
	return c
}
