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

// All are the schemas by the name that "poolsync schema" takes.
var All = map[string][]byte{"pools": Pools, "poolsync": Poolsync, "plan": Plan, "result": Result}
