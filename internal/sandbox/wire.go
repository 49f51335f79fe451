package sandbox

import (
	"encoding/json"
	"slices"
)

// wire returns an item as items get shows it: the twelve members measured on the
// live API, and those that include.items asks for.
func (it *Item) wire(include []string) map[string]any {
	widgets := make([]map[string]string, len(it.Questions))
	for i, q := range it.Questions {
		widgets[i] = map[string]string{"reference": q.Reference, "widget_type": "response"}
	}
	m := map[string]any{
		"reference": it.Reference, "title": it.Title, "description": it.Description, "note": it.Note, "source": "",
		"status": it.Status, "workflow": nil, "metadata": nil, "definition": map[string]any{"template": "dynamic", "widgets": widgets},
		"questions": append([]Question{}, it.Questions...), "features": []any{}, "tags": readShape(it.Tags),
	}
	optional := map[string]any{
		"adaptive": nil, "dynamic_content_data": nil, "authoring_workflow": nil, "max_score": it.MaxScore,
		"dt_created": stamp(it.DtCreated), "dt_updated": stamp(it.DtUpdated),
		"created_by": it.CreatedBy, "last_updated_by": it.LastUpdatedBy,
	}
	for _, name := range include {
		m[name] = optional[name]
	}
	return m
}

// wire returns an activity as activities get shows it.
func (a *Activity) wire(include []string) map[string]any {
	m := map[string]any{
		"reference": a.Reference, "description": a.Description, "status": a.Status, "tags": readShape(a.Tags),
		"data": map[string]any{"items": append([]ActivityItem{}, a.Items...), "rendering_type": "assess", "config": map[string]any{}},
	}
	optional := map[string]any{
		"title": a.Title, "metadata": nil, "dt_created": stamp(a.DtCreated), "dt_updated": stamp(a.DtUpdated),
		"created_by": a.CreatedBy, "last_updated_by": a.LastUpdatedBy,
	}
	for _, name := range include {
		m[name] = optional[name]
	}
	return m
}

// readShape is type -> names; PHP writes an empty one as a list.
func readShape(tags map[string][]string) any {
	if len(tags) == 0 {
		return []any{}
	}
	return tags
}

// getTags is itembank/tagging/tags get.
func (x *exchange) getTags(p *params) (result, *apiError) {
	bound := digests(p)
	organisation, _ := p.integer("organisation_id")
	poolID, _ := p.str("item_pool_id")
	names, types := p.list("names", maxFilter), p.list("types", maxFilter)
	p.choice("sort_field", "sort_key", "sort_key", "created", "updated")
	pg := x.server.readPaging(p, bound, p.choice("sort", "asc", "asc", "desc"))
	p.take("meta")
	p.finish()
	if *p.err != nil {
		return result{}, *p.err
	}
	src, known, refused := x.source(organisation, poolID)
	if refused != nil || !known {
		return result{data: []any{}}, refused
	}
	list := []ordered[Tag]{}
	for _, t := range src.tags() {
		if (len(names) == 0 || slices.Contains(names, t.Name)) && (len(types) == 0 || slices.Contains(types, t.Type)) {
			list = append(list, ordered[Tag]{t.Type, t.Name, t})
		}
	}
	if len(list) == 0 && src.held == nil && src.bank.anyItem {
		list = madeUpTags(types, names)
	}
	out, next := page(list, pg, func(Tag) bool { return true })
	return result{data: out, records: len(out), next: next}, nil
}

// tags returns every tag of the bank or pool, sorted by type and name: the sandbox
// knows no other sort key.
func (src source) tags() []Tag {
	if src.held != nil {
		return sortedTags(*src.held)
	}
	if src.bank.tags == nil {
		src.bank.tags = sortedTags(holding{src.bank.items.all, src.bank.activities.all})
	}
	return src.bank.tags
}

// madeUpTags lets invented tags exist under AnyItem.
func madeUpTags(types, names []string) []ordered[Tag] {
	if len(names) == 0 {
		names = []string{"any"}
	}
	var list []ordered[Tag]
	for _, kind := range types {
		for _, name := range names {
			list = append(list, ordered[Tag]{kind, name, Tag{kind, name}})
		}
	}
	return sortRecords(list)
}

// dressed puts a record into the form of the switch Records: empty texts and lists
// as null or left out, or members that nobody documented.
func (x *exchange) dressed(record any) any {
	how := x.server.sw.Records
	if how == "plain" {
		return record
	}
	var m map[string]any
	if err := json.Unmarshal(encode(record), &m); err != nil {
		panic("sandbox: a record is no object: " + err.Error()) // our own only
	}
	for name, v := range m {
		list, isList := v.([]any)
		switch {
		case v != "" && (!isList || len(list) > 0):
		case how == "null":
			m[name] = nil
		case how == "missing":
			delete(m, name)
		}
	}
	if how == "extra" {
		m["id"], m["item_count"], m["_links"] = "7001", nil, map[string]any{"self": []any{}}
	}
	return m
}
