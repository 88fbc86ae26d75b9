// Package millpond is the tour of Millpond, a cache for slow storage inside the processes that compute. It has no code.
//
// A program opens a node ([cachefs.Open]), which holds tiers of memory and disk in front of under stores and shows them as
// one tree of files:
//
//	node, err := cachefs.Open(ctx, cachefs.Config{
//		Mounts: []cachefs.MountConfig{{Path: "/in", URL: "file:///data/in"}},
//	})
//	defer node.Close()
//	f, err := node.Open(ctx, "/in/a.log", nil)
//
// A driver is imported for its side effect, as in database/sql:
//
//	import _ "github.com/millpond/millpond/ufs/fileufs"
//
// With Config.Mesh the nodes of several processes are one: they have one tree and read blocks from each other.
//
// # Where to go next
//
//   - [github.com/millpond/millpond/cachefs]: nodes, files, writers, mounts; what each call means
//   - [github.com/millpond/millpond/tier]: blocks in memory and on disks, useful alone
//   - [github.com/millpond/millpond/journal]: a replicated log of changes over hashicorp/raft, useful alone
//   - [github.com/millpond/millpond/peer]: members, ring, calls and blocks over one port, useful alone
//   - [github.com/millpond/millpond/ufs]: under stores; how to write a driver
//   - [github.com/millpond/millpond/cachefs/cachefstest]: nodes for unit tests, without disk or network
//   - examples/quickstart: the main job on real input; examples/mesh: several processes
package millpond
