package pool

import "github.com/poolsync/poolsync/internal/source"

// Declared is an item pool as a manifest states it: defaults applied, content
// in normal form.
type Declared struct {
	Key
	Spec
	Snapshot    string
	Corrections []Correction
	Lifecycle   Lifecycle
	File        string
	At          Places
}

// Correction asks for items and activities of a pool to be copied again from
// the bank, once for each ID. Both lists are in normal form.
type Correction struct {
	ID         string       `json:"id"`
	Items      []string     `json:"item_references,omitempty"`
	Activities []string     `json:"activity_references,omitempty"`
	Note       string       `json:"note,omitempty"`
	At         source.Place `json:"-"`
}

// Content gives what the correction names, as content.
func (c Correction) Content() Content {
	return Content{Items: c.Items, Activities: c.Activities}
}

// Replace says when a pool may be rebuilt from the bank.
type Replace string

// The values of lifecycle.replace.
const (
	ReplaceGuarded Replace = "guarded"
	ReplaceDeny    Replace = "deny"
	ReplaceAllow   Replace = "allow"
)

// Lifecycle is a manifest's lifecycle block. Each Ignore member says that the
// field is used when the pool is created and left alone from then on.
type Lifecycle struct {
	Replace           Replace
	IgnoreName        bool
	IgnoreDescription bool
	IgnoreStatus      bool
}

// Places are the places of a declared pool's parts, in Declared.File. A field
// taken from the file's defaults has the place of the default. The slices run
// parallel to those of the content in normal form.
type Places struct {
	Pool, Reference, Name, Description, Status source.Place
	Content, IgnoreEmpty, UnpublishedPublished source.Place
	Snapshot, Replace                          source.Place
	Items, Activities                          []source.Place
	Tags, ItemTags, ActivityTags               []source.Place
}

// Position gives a place of this pool together with its file; a place that is
// not known falls back to the pool's own.
func (d Declared) Position(p source.Place) source.Position {
	if !p.Known() {
		p = d.At.Pool
	}
	return p.In(d.File)
}
