package main

import "github.com/millpond/millpond/cachefs"

// A child process reads orders from its standard input and answers each on its standard output, as JSON.

// order is what the parent wants of a child.
type order struct {
	Do     string `json:"do"`               // one of the names below
	Secret string `json:"secret,omitempty"` // open: of the mesh
	Join   string `json:"join,omitempty"`   // open: address of another process; none for the first one
	Store  string `json:"store,omitempty"`  // open: URL of what is counted
	Memory int64  `json:"memory,omitempty"` // open: tier, bytes
	Share  int    `json:"share,omitempty"`  // count: which part of the files comes first
	Of     int    `json:"of,omitempty"`     // count: how many parts there are
	Half   int    `json:"half,omitempty"`   // count: 0 or 1
	Name   string `json:"name,omitempty"`   // change: of the file
}

// What a child can do.
const (
	doOpen   = "open"   // a node that joins the mesh
	doCount  = "count"  // words of one half of the files
	doChange = "change" // the namespace: a file and a directory
	doLook   = "look"   // which changes there are
	doClose  = "close"  // the node
)

// answer is what a child says of an order.
type answer struct {
	Err     string          `json:"err,omitempty"`
	ID      string          `json:"id,omitempty"`      // of the node
	Addr    string          `json:"addr,omitempty"`    // at which others join
	Primary bool            `json:"primary,omitempty"` // it orders the changes
	Voters  int             `json:"voters,omitempty"`  // that keep the journal, as it sees them
	Files   int64           `json:"files"`             // counted so far
	Bytes   int64           `json:"bytes"`
	Words   int             `json:"words,omitempty"`
	Digest  string          `json:"digest,omitempty"` // of the counts
	Changes []string        `json:"changes,omitempty"`
	Seconds float64         `json:"seconds"` // of counting
	Metrics cachefs.Metrics `json:"metrics"`
}
