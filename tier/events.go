package tier

// Events are called as things happen, from the goroutine that made them happen: they must not wait. Nil ones are left out.
type Events struct {
	Evicted  func(EvictInfo)   // a block has left a tier for want of room: down, or away if there is no tier below
	Corrupt  func(CorruptInfo) // a block did not match its checksum; it was dropped
	DirDown  func(DirInfo)     // a directory was taken out of service
	DirUp    func(DirInfo)     // it works again
	Rejected func(EvictInfo)   // a block that should have moved down a tier was lost from the cache
}

// EvictInfo is a block that left a tier.
type EvictInfo struct {
	ID     BlockID
	Length int64
	From   Kind
	To     Kind // where it went
	Gone   bool // it went nowhere
	Err    error
}

// CorruptInfo is a block that did not match its checksum.
type CorruptInfo struct {
	ID   BlockID
	Kind Kind
	Dir  string
}

// DirInfo is a directory of a disk tier.
type DirInfo struct {
	Kind Kind
	Dir  string
	Err  error // what it failed with; nil when it is up
}
