package learnosity_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

const bank pool.Bank = 505

// against makes a client of a fresh sandbox. Both have to be made inside the
// bubble in which they are used.
func against(t *testing.T, opts sandbox.Options, faults ...sandbox.Fault) (*learnosity.Client, *sandbox.Server) {
	t.Helper()
	server, err := sandbox.New(opts)
	require.NoError(t, err)
	for _, f := range faults {
		require.NoError(t, server.AddFault(f))
	}
	client, err := learnosity.New(learnosity.Config{
		ConsumerKey: sandbox.DefaultConsumerKey, Secret: learnosity.NewSecret(sandbox.DefaultConsumerSecret),
		Transport: server.RoundTripper(),
	})
	require.NoError(t, err)
	return client, server
}

func create(reference string) pool.Request {
	description := "made by a test: é < > & \" / 📚"
	ignore := false
	return pool.Request{
		Reference: pool.Reference(reference), Name: "Name of " + reference, Description: &description,
		Status: pool.Published, IgnoreEmpty: &ignore,
		Content: pool.Content{
			Items: []string{"dataapi_test_001", "dataapi_test_002"},
			Tags:  []pool.Selector{{Type: "course", Name: "commoncore"}},
		},
	}
}

// finish waits for a job as apply does, only that the clock costs nothing.
func finish(t *testing.T, c *learnosity.Client, job pool.JobReference) pool.Job {
	t.Helper()
	for range 60 {
		jobs, err := c.Jobs(t.Context(), learnosity.JobsQuery{Bank: bank, References: []pool.JobReference{job}})
		require.NoError(t, err)
		if len(jobs) == 1 && jobs[0].Ended() {
			return jobs[0]
		}
		<-time.After(time.Second)
	}
	require.FailNow(t, "the job does not end")
	return pool.Job{}
}

func TestSandboxLifeOfAPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := against(t, sandbox.Options{Latency: 3 * time.Second})
		ctx := t.Context()
		accepted, err := c.Write(ctx, pool.Set, bank, []pool.Request{create("ela-a"), create("ela-b")})
		require.NoError(t, err)
		require.Len(t, accepted.Jobs, 2)
		require.False(t, accepted.At.IsZero())
		job := finish(t, c, accepted.Jobs["ela-a"])
		require.Equal(t, pool.JobCompleted, job.Status, "%+v", job)

		live, err := c.Pools(ctx, learnosity.PoolsQuery{Bank: bank, References: []pool.Reference{"ela-a", "absent"}})
		require.NoError(t, err)
		require.Len(t, live, 1)
		want := pool.Live{
			Reference: "ela-a", Name: "Name of ela-a", Description: *create("").Description,
			Status: pool.Published, Created: live[0].Created, Updated: live[0].Updated,
		}
		if diff := cmp.Diff(want, live[0]); diff != "" {
			t.Error(diff)
		}
		items, err := c.Items(ctx, learnosity.ItemsQuery{
			Bank: bank, Pool: "ela-a", References: []string{"dataapi_test_001", "absent"}, WithUpdated: true,
		})
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.NotEmpty(t, items[0].Updated)

		update := create("ela-a")
		update.Description, update.IgnoreEmpty, update.Status = nil, nil, pool.Unpublished
		accepted, err = c.Write(ctx, pool.Update, bank, []pool.Request{update})
		require.NoError(t, err)
		finish(t, c, accepted.Jobs["ela-a"])
		live, err = c.Pools(ctx, learnosity.PoolsQuery{Bank: bank, Status: []pool.Status{pool.Unpublished}})
		require.NoError(t, err)
		require.Len(t, live, 1)
		require.Equal(t, pool.Reference("ela-a"), live[0].Reference)

		since, ok := c.ServerTime()
		require.True(t, ok)
		jobs, err := c.Jobs(ctx, learnosity.JobsQuery{Bank: bank, Since: since.Add(-time.Hour)})
		require.NoError(t, err)
		require.Len(t, jobs, 3)
	})
}

func TestSandboxBankContent(t *testing.T) {
	c, _ := against(t, sandbox.Options{})
	ctx := t.Context()
	items, err := c.Items(ctx, learnosity.ItemsQuery{
		Bank: bank, Status: []pool.Status{pool.Published}, AllTags: []pool.Tag{{Type: "course", Name: "commoncore"}},
	})
	require.NoError(t, err)
	require.NotEmpty(t, items)
	for _, i := range items {
		require.Contains(t, i.Tags, pool.Tag{Type: "course", Name: "commoncore"})
	}
	activities, err := c.Activities(ctx, learnosity.ActivitiesQuery{Bank: bank, WithUpdated: true})
	require.NoError(t, err)
	require.NotEmpty(t, activities)
	tags, err := c.Tags(ctx, learnosity.TagsQuery{Bank: bank, Types: []string{"course"}})
	require.NoError(t, err)
	require.Contains(t, tags, pool.Tag{Type: "course", Name: "commoncore"})
}

// The faults that a sandbox can be asked for, as seen by a write and by a read.
func TestSandboxFaults(t *testing.T) {
	tests := []struct {
		kind    sandbox.FaultKind
		outcome learnosity.Outcome
		ok      bool // the write goes through in the end
	}{
		{sandbox.FaultTooMany, 0, true},
		{sandbox.FaultError, learnosity.InDoubt, false},
		{sandbox.FaultErrorAfter, learnosity.InDoubt, false},
		{sandbox.FaultHTML, learnosity.InDoubt, false},
		{sandbox.FaultRedirect, learnosity.Refused, false},
		{sandbox.FaultCutBefore, learnosity.InDoubt, false},
		{sandbox.FaultCutAfter, learnosity.InDoubt, false},
		{sandbox.FaultTruncated, learnosity.InDoubt, false},
		{sandbox.FaultShortBody, learnosity.InDoubt, false},
		{sandbox.FaultFalse, learnosity.InDoubt, false},
		{sandbox.FaultNotJSON, learnosity.InDoubt, false},
		{sandbox.FaultNever, learnosity.InDoubt, false},
		{sandbox.FaultSlow, 0, true},
	}
	for _, test := range tests {
		t.Run(string(test.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, server := against(t, sandbox.Options{},
					sandbox.Fault{Action: "set", Nth: 1, Kind: test.kind}, sandbox.Fault{Action: "get", Nth: 1, Kind: test.kind})
				_, err := c.Write(t.Context(), pool.Set, bank, []pool.Request{create("ela-a")})
				if test.ok {
					require.NoError(t, err)
				} else {
					require.Equal(t, test.outcome, learnosity.OutcomeOf(err), "%v", err)
				}
				_, err = c.Pools(t.Context(), learnosity.PoolsQuery{Bank: bank})
				if test.kind == sandbox.FaultRedirect {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
				}
				require.LessOrEqual(t, len(server.Pools(int64(bank))), 1)
			})
		})
	}
}

// A clock that is off is corrected by the server's, so that work can go on.
func TestSandboxSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := against(t, sandbox.Options{ClockOffset: 7 * time.Hour})
		_, err := c.Pools(t.Context(), learnosity.PoolsQuery{Bank: bank})
		require.NoError(t, err)
		now, ok := c.ServerTime()
		require.True(t, ok)
		require.InDelta(t, 7*time.Hour, time.Until(now), float64(2*time.Second))
	})
}

func TestSandboxRefusals(t *testing.T) {
	server, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	tests := []struct {
		name   string
		change func(*learnosity.Config)
		code   int
	}{
		{"key", func(c *learnosity.Config) { c.ConsumerKey = "unknown-consumer" }, 41002},
		{"secret", func(c *learnosity.Config) { c.Secret = learnosity.NewSecret("not it") }, 41003},
		{"domain", func(c *learnosity.Config) { c.Domain = "example.test" }, 41005},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := learnosity.Config{
				ConsumerKey: sandbox.DefaultConsumerKey, Secret: learnosity.NewSecret(sandbox.DefaultConsumerSecret),
				Transport: server.RoundTripper(),
			}
			test.change(&cfg)
			r, err := learnosity.NewReader(cfg)
			require.NoError(t, err)
			_, err = r.Pools(t.Context(), learnosity.PoolsQuery{Bank: bank})
			e, ok := errors.AsType[*learnosity.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, test.code, e.Code)
			require.NotEmpty(t, e.Hint())
		})
	}
}

// The switches that change what the client gets to see.
func TestSandboxSwitches(t *testing.T) {
	for _, setting := range []string{"U14=object", "U15=all", "U16=2s", "U18=strict", "U30=refuse", "U31=fold"} {
		t.Run(setting, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, server := against(t, sandbox.Options{Latency: 3 * time.Second})
				name, value, err := sandbox.ParseSwitch(setting)
				require.NoError(t, err)
				switches := server.Switches()
				require.NoError(t, switches.Set(name, value))
				require.NoError(t, server.SetSwitches(switches))
				accepted, err := c.Write(t.Context(), pool.Set, bank, []pool.Request{create("ela-a")})
				require.NoError(t, err)
				require.Equal(t, pool.JobCompleted, finish(t, c, accepted.Jobs["ela-a"]).Status)
				live, err := c.Pools(t.Context(), learnosity.PoolsQuery{Bank: bank, References: []pool.Reference{"ela-a", "absent"}})
				require.NoError(t, err)
				require.Len(t, live, 1)
			})
		})
	}
}
