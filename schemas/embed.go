// Package schemas holds the JSON Schemas of the files that poolsync reads and of
// the documents that it writes, for validation, editors and other programs.
package schemas

import _ "embed"

// The fixed addresses of the schemas: their $id, which no program ever fetches.
const (
	PoolsID    = "https://poolsync.dev/schemas/pools.schema.json"
	PoolsyncID = "https://poolsync.dev/schemas/poolsync.schema.json"
	PlanID     = "https://poolsync.dev/schemas/plan.schema.json"
	ResultID   = "https://poolsync.dev/schemas/result.schema.json"
	AdoptID    = "https://poolsync.dev/schemas/adopt.schema.json"
	DriftID    = "https://poolsync.dev/schemas/drift.schema.json"
	JobsID     = "https://poolsync.dev/schemas/jobs.schema.json"
	ListID     = "https://poolsync.dev/schemas/list.schema.json"
	StateID    = "https://poolsync.dev/schemas/state.schema.json"
	ValidateID = "https://poolsync.dev/schemas/validate.schema.json"
)

// Pools is the schema of a manifest.
//
//go:embed pools.schema.json
var Pools []byte

// Poolsync is the schema of the configuration file, poolsync.yaml.
//
//go:embed poolsync.schema.json
var Poolsync []byte

// Plan is the schema of the JSON that "poolsync plan" writes.
//
//go:embed plan.schema.json
var Plan []byte

// Result is the schema of the JSON that "poolsync apply" writes.
//
//go:embed result.schema.json
var Result []byte

// The schemas of the JSON that the other commands write.
var (
	//go:embed adopt.schema.json
	Adopt []byte
	//go:embed drift.schema.json
	Drift []byte
	//go:embed jobs.schema.json
	Jobs []byte
	//go:embed list.schema.json
	List []byte
	//go:embed state.schema.json
	State []byte
	//go:embed validate.schema.json
	Validate []byte
)

// All are the schemas by the name that "poolsync schema" takes: those of files
// that are read, then those of documents, by their command.
var All = map[string][]byte{
	"pools": Pools, "poolsync": Poolsync, "plan": Plan, "result": Result,
	"adopt": Adopt, "drift": Drift, "jobs": Jobs, "list": List, "state": State, "validate": Validate,
}
