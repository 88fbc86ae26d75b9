// Package ufstest is what every under store is held to: [Run] is the conformance table, 59 named items asserted against
// a *ufs.Store.
//
// # Use
//
// A driver's test hands over a [Harness], which makes fresh empty places and, where it can, does what only the store's
// own side can do: write as a stranger, count what aborted uploads left, take access away.
//
//	func TestConformance(t *testing.T) {
//		ufstest.Run(t, ufstest.Harness{Open: func(tb testing.TB) *ufs.Store { ... }})
//	}
//
// An item is left out for one of three reasons, and says which: a capability that the store lacks ("Caps.RenameDir"), a
// func that the Harness lacks ("Harness.Deny"), a defect of the server that the Harness names ("known: ...").
//
// # Cost
//
// A few thousand calls and some 20 MiB, most of them 16 at a time: 0.1 s over a store in memory, 0.8 s over a directory.
package ufstest
