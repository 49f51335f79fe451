package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Switches decide what the server does where the documentation is silent. A field
// is named after the unknown it settles; an empty one means the default, which is
// the first value SwitchHelp lists for it. The meaning of every value is in
// SwitchHelp, and there only.
type Switches struct {
	U1, U2, U3, U4, U5, U6, U7, U8, U9, U10     string
	U11, U12, U13, U14, U15, U16, U17, U18, U19 string
	U20, U21, U22, U23, U24, U25, U26, U27, U28 string
	U29, U30, U31                               string
	// What services do that no page speaks of.
	CopyDates, ServerClock, DatabaseClock, Timestamp, Names, Replicas, ContentLag, Pages, Records, PoolReads string
}

// switchDef describes one switch. Values lists what is allowed, default first;
// without Values the switch takes what Kind says.
type switchDef struct {
	name   string
	field  func(*Switches) *string
	values []string
	kind   string // "duration", "offset" or "number" where values does not enumerate
	help   string
}

var switchDefs = []switchDef{
	{
		"U1", func(s *Switches) *string { return &s.U1 },
		[]string{"error", "conflict", "halt", "halt-pool", "noop"},
		"",
		"set, overwrite false, the reference exists: error = 400/30000 at once, conflict = 409/20011 at once, halt = the job halts, halt-pool = it halts and the pool shows halted, noop = the job completes; the pool's content, name and dates are untouched in all of them",
	},
	{
		"U2", func(s *Switches) *string { return &s.U2 },
		[]string{"keep", "lose"},
		"",
		"set, overwrite true, the job halts: the old content is kept or lost",
	},
	{
		"U3", func(s *Switches) *string { return &s.U3 },
		[]string{"reset", "keep"},
		"",
		"set, overwrite true, name, description or status left out: reset to the default, or kept",
	},
	{
		"U4", func(s *Switches) *string { return &s.U4 },
		[]string{"skip", "refresh", "error"},
		"",
		"update, overwrite false, an object that is already in the pool: left as it is, refreshed, or the job halts",
	},
	{
		"U5", func(s *Switches) *string { return &s.U5 },
		[]string{"ignore", "halt", "add"},
		"",
		"update, overwrite true, a named object that is not in the pool: ignored, the job halts, or it is added",
	},
	{
		"U6", func(s *Switches) *string { return &s.U6 },
		[]string{"reject", "allow"},
		"",
		"update without content: 400/20000, or name and status alone are applied",
	},
	{
		"U7", func(s *Switches) *string { return &s.U7 },
		[]string{"ignore", "apply", "reject"},
		"",
		"update with a description: ignored, applied, or 400/20009",
	},
	{
		"U8", func(s *Switches) *string { return &s.U8 },
		[]string{"publish", "keep"},
		"",
		"update without a status: the pool is published, or keeps its status",
	},
	{
		"U9", func(s *Switches) *string { return &s.U9 },
		[]string{"halt", "refuse", "skip"},
		"",
		"an unknown item or activity is named: the job halts, the request is refused (400/20013, 400/30001), or it is skipped",
	},
	{
		"U10", func(s *Switches) *string { return &s.U10 },
		[]string{"skip", "halt"},
		"",
		"an unpublished (flag off) or archived object is named: skipped, or the job halts",
	},
	{
		"U11", func(s *Switches) *string { return &s.U11 },
		[]string{"total", "each", "allow"},
		"",
		"tags that match nothing: the job halts when nothing at all was found, when any entry found nothing, or never",
	},
	{
		"U12", func(s *Switches) *string { return &s.U12 },
		[]string{"pool", "all"},
		"",
		"a job that halts: only this one, or all jobs of the request",
	},
	{
		"U13", func(s *Switches) *string { return &s.U13 },
		[]string{"results", "errors", "message", "data"},
		"",
		"where a halted job tells why: results or errors = list, message = text, data = {errors: list}",
	},
	{
		"U14", func(s *Switches) *string { return &s.U14 },
		[]string{"array", "get-object", "write-object", "object"},
		"",
		"data with exactly one pool: always an array, or one object for get, for set and update, for both",
	},
	{
		"U15", func(s *Switches) *string { return &s.U15 },
		[]string{"completed", "all"},
		"",
		"jobs get without status: completed jobs only (documented), or all (measured)",
	},
	{
		"U16", func(s *Switches) *string { return &s.U16 }, nil, "duration",
		"how long a new job stays invisible to jobs get (default 0s)",
	},
	{
		"U17", func(s *Switches) *string { return &s.U17 }, nil, "duration",
		"how far a timestamp may be off (default: Options.MaxSkew)",
	},
	{
		"U18", func(s *Switches) *string { return &s.U18 },
		[]string{"raw", "strict"},
		"",
		"the signature is checked over the bytes sent, or these must also be what PHP would encode",
	},
	{
		"U19", func(s *Switches) *string { return &s.U19 }, nil, "duration",
		"how far pools get lags behind (default 0s)",
	},
	{
		"U20", func(s *Switches) *string { return &s.U20 },
		[]string{"ascii", "any"},
		"",
		"pool references: 1 to 150 printable ASCII characters without quotes, or any",
	},
	{
		"U21", func(s *Switches) *string { return &s.U21 }, nil, "number",
		"longest name or description, in characters, above it 400/20001 (default 0: none)",
	},
	{
		"U22", func(s *Switches) *string { return &s.U22 }, nil, "number",
		"most references in the content of a pool, above it 400/20002 (default 10000; 0: none)",
	},
	{
		"U23", func(s *Switches) *string { return &s.U23 },
		[]string{"refuse", "queue"},
		"",
		"a write to a pool whose job is running: 409/20011, or it waits for its turn",
	},
	{
		"U24", func(s *Switches) *string { return &s.U24 },
		[]string{"readable", "refused"},
		"",
		"item_pool_id of an unpublished pool: readable, or 400/20004",
	},
	{
		"U25", func(s *Switches) *string { return &s.U25 },
		[]string{"error", "empty"},
		"",
		"item_pool_id of a pool that does not exist: 400/20004, or an empty answer",
	},
	{
		"U26", func(s *Switches) *string { return &s.U26 },
		[]string{"completed", "visible", "never"},
		"",
		"dt_updated moves with every completed job, only when get shows a difference, or never",
	},
	{
		"U27", func(s *Switches) *string { return &s.U27 },
		[]string{"dedupe", "refuse"},
		"",
		"a reference listed twice: counted once, or 400/20004",
	},
	{
		"U28", func(s *Switches) *string { return &s.U28 },
		[]string{"exact", "fold"},
		"",
		"tags are compared with or without letter case",
	},
	{
		"U29", func(s *Switches) *string { return &s.U29 },
		[]string{"never", "flag"},
		"",
		"archived items match tags: never, or with set_unpublished_to_published",
	},
	{
		"U30", func(s *Switches) *string { return &s.U30 },
		[]string{"omit", "refuse"},
		"",
		"pools get names a pool that does not exist: left out, or 400/30001",
	},
	{
		"U31", func(s *Switches) *string { return &s.U31 },
		[]string{"exact", "fold"},
		"",
		"pool references are compared with or without letter case",
	},
	{
		"CopyDates", func(s *Switches) *string { return &s.CopyDates },
		[]string{"bank", "copy"},
		"",
		"dt_updated of a pool's copy: the bank's, or the time of the job",
	},
	{
		"ServerClock", func(s *Switches) *string { return &s.ServerClock }, nil, "offset",
		"how far the server's clock is ahead of the real one; below 0 behind (default 0s)",
	},
	{
		"DatabaseClock", func(s *Switches) *string { return &s.DatabaseClock }, nil, "offset",
		"how far the clock behind dt_created, dt_updated and the times of jobs is ahead of the server's; below 0 behind (default 0s)",
	},
	{
		"Timestamp", func(s *Switches) *string { return &s.Timestamp },
		[]string{"present", "missing", "no-date"},
		"",
		"meta.timestamp is there, missing, or missing together with the Date header",
	},
	{
		"Names", func(s *Switches) *string { return &s.Names },
		[]string{"kept", "trim", "cut"},
		"",
		"names and descriptions: stored as sent, without white space at the ends, or cut at U21 (20 without it) instead of refused",
	},
	{
		"Replicas", func(s *Switches) *string { return &s.Replicas },
		[]string{"all", "alternate"},
		"",
		"reads of pools that lag by U19: all of them, or every second one",
	},
	{
		"ContentLag", func(s *Switches) *string { return &s.ContentLag }, nil, "duration",
		"how far reads with item_pool_id lag behind (default 0s)",
	},
	{
		"Pages", func(s *Switches) *string { return &s.Pages },
		[]string{"full", "short", "empty-last"},
		"",
		"pages hold limit records, or half of them, or an empty page comes last",
	},
	{
		"Records", func(s *Switches) *string { return &s.Records },
		[]string{"plain", "null", "missing", "extra"},
		"",
		"empty texts and lists of a record are written, null, or left out; or records have members that nobody documented",
	},
	{
		"PoolReads", func(s *Switches) *string { return &s.PoolReads },
		[]string{"allowed", "refused"},
		"",
		"item_pool_id in a read: answered, or refused with 400/20009 as unknown",
	},
}

// ParseSwitch reads a setting such as "U4=refresh" for Switches.Set.
func ParseSwitch(text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return "", "", fmt.Errorf("switch %q: want NAME=VALUE, such as U4=refresh", text)
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	var probe Switches
	return name, value, probe.Set(name, value)
}

// Set changes one switch, named without regard to letter case. The error lists
// what is allowed.
func (s *Switches) Set(name, value string) error {
	i := slices.IndexFunc(switchDefs, func(d switchDef) bool { return strings.EqualFold(d.name, name) })
	if i < 0 {
		return fmt.Errorf("unknown switch %q; want U1 to U31%s", name, otherNames())
	}
	if err := switchDefs[i].check(value); err != nil {
		return err
	}
	*switchDefs[i].field(s) = value
	return nil
}

func (d switchDef) check(value string) error {
	switch d.kind {
	case "duration":
		if v, err := time.ParseDuration(value); err != nil || v < 0 {
			return fmt.Errorf("switch %s: %q is not a duration such as 2s", d.name, value)
		}
	case "offset":
		if _, err := time.ParseDuration(value); err != nil {
			return fmt.Errorf("switch %s: %q is not a duration such as 2s or -2s", d.name, value)
		}
	case "number":
		if v, err := strconv.Atoi(value); err != nil || v < 0 {
			return fmt.Errorf("switch %s: %q is not a number of 0 or more", d.name, value)
		}
	default:
		if !slices.Contains(d.values, value) {
			return fmt.Errorf("switch %s: unknown value %q; want one of %s", d.name, value, strings.Join(d.values, ", "))
		}
	}
	return nil
}

// otherNames lists the switches that settle no numbered unknown.
func otherNames() string {
	var b strings.Builder
	for _, d := range switchDefs {
		if !strings.HasPrefix(d.name, "U") {
			b.WriteString(", " + d.name)
		}
	}
	return b.String()
}

// SwitchHelp lists the switches, their values (default first) and meanings, one
// line each, for a command's help.
func SwitchHelp() string {
	var b strings.Builder
	for _, d := range switchDefs {
		values := strings.Join(d.values, "|")
		if d.kind != "" {
			values = strings.ToUpper(d.kind)
		}
		fmt.Fprintf(&b, "%s=%s  %s\n", d.name, values, d.help)
	}
	return b.String()
}

// settings are the switches in the form the server works with: defaults filled
// in, durations and numbers parsed.
type settings struct {
	Switches
	jobDelay, maxSkew, lag, contentLag, server, database time.Duration
	maxText, maxReferences                               int
}

// keeps is how long replicas show what is past.
func (s *settings) keeps() time.Duration { return max(s.lag, s.contentLag) }

// resolve checks every field and fills in the defaults.
func (s Switches) resolve(maxSkew time.Duration) (settings, error) {
	for _, d := range switchDefs {
		f := d.field(&s)
		if *f == "" && len(d.values) > 0 {
			*f = d.values[0]
		}
		if *f == "" {
			continue
		}
		if err := d.check(*f); err != nil {
			return settings{}, err
		}
	}
	r := settings{Switches: s, maxSkew: maxSkew, maxReferences: 10000}
	r.jobDelay, _ = time.ParseDuration(s.U16)
	r.lag, _ = time.ParseDuration(s.U19)
	r.contentLag, _ = time.ParseDuration(s.ContentLag)
	r.server, _ = time.ParseDuration(s.ServerClock)
	r.database, _ = time.ParseDuration(s.DatabaseClock)
	r.maxText, _ = strconv.Atoi(s.U21)
	if s.U17 != "" {
		r.maxSkew, _ = time.ParseDuration(s.U17)
	}
	if s.U22 != "" {
		r.maxReferences, _ = strconv.Atoi(s.U22)
	}
	return r, nil
}
