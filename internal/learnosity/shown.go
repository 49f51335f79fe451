package learnosity

import "encoding/json"

// maxShown bounds what a log shows of a request, in characters.
const maxShown = 4000

// loggable are the members of a request whose values a log may show: what says
// which records are meant and what is done to them. Names, descriptions and
// whatever may be added to requests one day are not among them.
var loggable = map[string]bool{
	"organisation_id": true, "references": true, "item_pool_id": true, "status": true, "sort": true, "sort_field": true,
	"limit": true, "mintime": true, "maxtime": true, "include": true, "items": true, "types": true,
	"pools": true, "reference": true, "overwrite": true, "ignore_empty_additional_tags": true, "set_unpublished_to_published": true,
	"content": true, "item_references": true, "activity_references": true, "tags": true, "item_tags": true, "activity_tags": true,
	"required_tags": true, "additional_tags": true, "type": true,
}

// shown returns a request for the log, with every value that is not loggable
// replaced.
func shown(request any) string {
	data, err := json.Marshal(request)
	if err != nil {
		return redacted
	}
	var v any
	if json.Unmarshal(data, &v) != nil {
		return redacted
	}
	if data, err = json.Marshal(redact(v)); err != nil {
		return redacted
	}
	return clean(string(data), maxShown)
}

func redact(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = redact(v[i])
		}
	case map[string]any:
		for name, member := range v {
			if loggable[name] {
				v[name] = redact(member)
			} else {
				v[name] = redacted
			}
		}
	}
	return v
}
