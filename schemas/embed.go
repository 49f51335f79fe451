// Package schemas holds the JSON Schemas of the files that poolsync reads, for
// validation and for editors.
package schemas

import _ "embed"

// The fixed addresses of the schemas: their $id, which no program ever fetches.
const (
	PoolsID    = "https://poolsync.dev/schemas/pools.schema.json"
	PoolsyncID = "https://poolsync.dev/schemas/poolsync.schema.json"
)

// Pools is the schema of a manifest.
//
//go:embed pools.schema.json
var Pools []byte

// Poolsync is the schema of the configuration file, poolsync.yaml.
//
//go:embed poolsync.schema.json
var Poolsync []byte

// All are the schemas by the name that "poolsync schema" takes.
var All = map[string][]byte{"pools": Pools, "poolsync": Poolsync}
