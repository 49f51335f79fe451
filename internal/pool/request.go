package pool

// Verb is the action of a write on the pools endpoint.
type Verb string

// The two writes of the pools endpoint.
const (
	Set    Verb = "set"
	Update Verb = "update"
)

// MaxBatch is how many pools one set or update takes, and how many records one
// get returns (pools endpoint, "Maximum entries: 50").
const MaxBatch = 50

// Request is a pool object of a set or update request, member by member as the
// pools endpoint documents it. Description and IgnoreEmpty are nil in an update,
// which does not document them.
type Request struct {
	Reference            Reference `json:"reference"`
	Name                 string    `json:"name"`
	Description          *string   `json:"description,omitempty"`
	Status               Status    `json:"status"`
	Overwrite            bool      `json:"overwrite"`
	IgnoreEmpty          *bool     `json:"ignore_empty_additional_tags,omitempty"`
	UnpublishedPublished bool      `json:"set_unpublished_to_published"`
	Content              Content   `json:"content"`
}
