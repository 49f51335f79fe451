package schemas_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/schemas"
)

var ids = map[string]string{
	"pools": schemas.PoolsID, "poolsync": schemas.PoolsyncID, "plan": schemas.PlanID, "result": schemas.ResultID,
	"adopt": schemas.AdoptID, "drift": schemas.DriftID, "jobs": schemas.JobsID, "list": schemas.ListID, "state": schemas.StateID, "validate": schemas.ValidateID,
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	require.NoError(t, json.Unmarshal(text, &doc))
	return doc
}

func TestSchemas(t *testing.T) {
	require.Len(t, schemas.All, len(ids))
	for name, id := range ids {
		t.Run(name, func(t *testing.T) {
			text := schemas.All[name]
			doc := decode(t, text)
			if doc["$schema"] != "http://json-schema.org/draft-07/schema#" || doc["$id"] != id {
				t.Errorf("$schema %q, $id %q; want draft-07 and %q", doc["$schema"], doc["$id"], id)
			}
			c := jsonschema.NewCompiler()
			require.NoError(t, c.AddResource(id, bytes.NewReader(text)))
			s, err := c.Compile(id)
			require.NoError(t, err)
			if s.Draft != jsonschema.Draft7 {
				t.Errorf("compiled as %v; want draft-07", s.Draft)
			}
			told(t, "", doc)
		})
	}
}

// told checks that everything of the schema that has a name, and what lists hold,
// can be read by a person. A schema that is only a reference is what it refers
// to; an empty one says nothing.
func told(t *testing.T, at string, schema map[string]any) {
	t.Helper()
	if _, isRef := schema["$ref"]; !isRef && len(schema) > 0 {
		for _, word := range []string{"title", "description"} {
			if text, _ := schema[word].(string); text == "" {
				t.Errorf("the schema at %q has no %s", at, word)
			}
		}
	}
	named := func(at string, members any) {
		all, _ := members.(map[string]any)
		for name, member := range all {
			told(t, at+"/"+name, member.(map[string]any))
		}
	}
	named(at+"/properties", schema["properties"])
	named(at+"/definitions", schema["definitions"])
	if items, ok := schema["items"].(map[string]any); ok {
		told(t, at+"/items", items)
	}
	parts, _ := schema["allOf"].([]any)
	for _, part := range parts {
		named(at+"/allOf/properties", part.(map[string]any)["properties"])
	}
}

// Documents say the same things in the same words.
func TestSharedDefinitions(t *testing.T) {
	plan := decode(t, schemas.Plan)["definitions"].(map[string]any)
	for document, text := range schemas.All {
		if document == "pools" || document == "poolsync" {
			continue
		}
		definitions := decode(t, text)["definitions"].(map[string]any)
		for name, want := range plan {
			if have, ok := definitions[name]; !ok && document != "result" {
				continue
			} else if d := cmp.Diff(want, have); d != "" {
				t.Errorf("definition %s of plan and %s (-plan +%s):\n%s", name, document, document, d)
			}
		}
	}
}
