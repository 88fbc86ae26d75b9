package harness

// Request asks a node to do one thing.
type Request struct {
	ID   uint64
	Op   string // put, app, rm, mv, mkdir, read, look, hear, tree, cluster, shutdown
	Path string `json:",omitempty"`
	To   string `json:",omitempty"` // mv
	Seed uint32 `json:",omitempty"` // put, app: of signed.Bytes
	Size int    `json:",omitempty"`
	Type int    `json:",omitempty"` // put, app: a cachefs.WriteType
	Wait int64  `json:",omitempty"` // how long it may take, in milliseconds
}

// Answer is what came of a Request.
type Answer struct {
	ID      uint64
	Err     string            `json:",omitempty"`
	Timeout bool              `json:",omitempty"` // Err is the end of Wait: it may have happened or not
	What    string            `json:",omitempty"` // read, look: signed.Identify
	Tree    map[string]string `json:",omitempty"` // tree: each file below Path and what it is; directories end in "/"
	Node    string            `json:",omitempty"` // ready, cluster: this node's id
	Primary string            `json:",omitempty"` // cluster: the id of the primary, as this node knows it
	Role    string            `json:",omitempty"` // cluster: this node's journal.Role, as it knows it
	Term    uint64            `json:",omitempty"` // cluster: of the primary; the next one has a higher one
}
