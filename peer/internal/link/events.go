package link

// Events are told of what an operator may want to see. Any func may be nil; they are called from any goroutine, and
// should return at once.
type Events struct {
	Refused  func(*RefusedError) // a connection that one side did not let in
	Broken   func(BrokenInfo)    // a connection was closed for what came over it
	Corrupt  func(CorruptInfo)   // bytes of a block came changed
	Connects func(ConnectInfo)   // a frame connection begins or ends
}

// BrokenInfo is a connection whose other side broke the protocol.
type BrokenInfo struct {
	ID, Addr string
	Err      error // a *FrameError
}

// CorruptInfo is a piece of a block that did not match its checksum.
type CorruptInfo struct {
	ID, Addr string
	Key      Key
	Off      int64 // in the block, where the piece begins
}

// ConnectInfo is a connection for frames.
type ConnectInfo struct {
	ID, Addr string
	Dialled  bool  // by this node
	Unix     bool  // through a Unix socket of this host; who dialled has "process 1234" as Addr then
	End      bool  // it has ended
	Err      error // what ended it; nil when it was idle, or closed here
}

func (e *Events) refused(err *RefusedError) {
	if e.Refused != nil {
		e.Refused(err)
	}
}

func (e *Events) broken(i BrokenInfo) {
	if e.Broken != nil {
		e.Broken(i)
	}
}

func (e *Events) corrupt(i CorruptInfo) {
	if e.Corrupt != nil {
		e.Corrupt(i)
	}
}

func (e *Events) connects(i ConnectInfo) {
	if e.Connects != nil {
		e.Connects(i)
	}
}
