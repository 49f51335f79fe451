// Package sandbox is Learnosity's Data API emulated in memory, as far as item
// pools need it: strict, repeatable, and able to go wrong on request.
//
// What comes in are signed POST requests to /{version}/itembank/pools (get, set,
// update), /{version}/jobs, /{version}/itembank/items, /itembank/activities and
// /itembank/tagging/tags (get), either through net/http ([Server] is a handler) or
// in memory ([Server.RoundTripper]). What goes out are the answers the API would
// give. Tests, scripts and users steer a server by [Switches], [Fault]s and hand
// edits, and read back what it was asked ([Server.Log]) and what it holds
// ([Server.Pools], [Server.PoolContent]).
//
// It never calls out, starts no goroutine and no timer of its own (only delays that
// were asked for wait), never logs a secret, and shares no code with the client:
// the signature, the limits and the wire format are written here a second time, so
// that a mistake on one side does not agree with itself.
//
// # Where each behaviour comes from
//
// Documented (pages "Pools", "Jobs", "Items", "Activities" and "Tags - Endpoints -
// Data API", "Using Item Pools to Create Content Snapshots", "Rate Limiting With the
// Data API", "troubleshooting - Data API", the SDKs):
//
//   - signature, security packet and its lengths; codes 2xxxx, 3xxxx, 4xxxx and
//     their HTTP statuses; 50 set, 50 update and 1000 get in any 5 seconds, per key,
//     action and endpoint, answered 429/42000;
//   - pools get: parameters, members of a record, paging by meta.next with the
//     original parameters;
//   - set and update: 50 pools, defaults, one job for each pool, published content
//     only, set_unpublished_to_published, simple and advanced tags with
//     ignore_empty_additional_tags, activities bring their items, an item of another
//     bank fails the pool, a pool is a copy, overwrite of set replaces and overwrite
//     of update refreshes only what is there;
//   - jobs get: parameters, times without zone, 50 records and no next.
//
// Measured by third parties on the live API, not in the documentation: a limit above
// the maximum is clamped silently; meta.versions; a missing version is a plain-text
// 404; the last page has no next; twelve members of an item; tags are read as type ->
// names; unknown include values are refused for items (20004) and ignored for jobs;
// job results as a sixth member.
//
// Unknown, therefore a switch whose default is the cautious reading: U1 to U31. What
// services do that no page speaks of has switches of its own: two clocks that differ,
// replicas that lag, names that are trimmed or cut, short pages, records with fewer or
// more members. [SwitchHelp] lists them all, [FaultHelp] what can go wrong with a call
// or its jobs.
//
// Decided here, where neither the documentation nor a switch says anything:
//
//   - an unknown member anywhere in a request is 400/20009 (request.meta, which SDKs
//     add, is let through); a null counts as left out; a documented filter that is not
//     emulated (created_by, scoring_type, authoring_workflow, questions) is refused too;
//   - update of a pool that does not exist is 404/20012; a pool listed twice in one
//     request is 400/20004; a next token with other parameters is 400/20004, by name;
//   - references: [] in a filter means no filter;
//   - a malformed pool reference is 400/20001 (length) or 400/20004 (characters);
//   - a request that is delivered twice is worked twice, one after the other, so that
//     U1 and U23 decide what the second delivery is answered; one that a gateway
//     delivers late is worked as of the moment at which it arrives;
//   - nobody but somebody else's hand (the control surface, foreign-first) makes a pool
//     without a job, and only pool-vanishes and DELETE take one away;
//   - a new pool shows at once, pending, and stays as halted if its job halts; replacing
//     keeps dt_created; a halted job moves no date; a halted pool shows its own status
//     again once a job completes;
//   - dt_updated moves by one second at least, so that changes within a second differ;
//     only the first job of a new pool may leave it equal to dt_created;
//   - additional_tags are matched within required_tags, items and activities together;
//     an empty additional_tags list matches nothing;
//   - update with overwrite refreshes those items of a listed activity that the pool
//     holds, and adds none;
//   - an archived object that is named counts as unpublished (U10);
//   - item_pool_id reads the pool's present content whatever its status, unless U24 says
//     otherwise; tags as a filter of items get asks for all of them;
//   - an item or activity without tags shows "tags": [], as PHP encodes an empty map;
//     created_by and last_updated_by are plain strings;
//   - jobs get lists the newest first; a refused call does not count against a quota.
package sandbox
