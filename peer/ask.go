package peer

import (
	"context"
	"net"

	"github.com/millpond/millpond/peer/internal/link"
)

// Call sends a request to a member and returns the answer of its Handler's ServeCall, each up to 17 MiB. The deadline of
// ctx travels with it. It may end with ErrUnreachable, ErrUnknownOutcome, a *RemoteError, or ctx's error.
func (m *Mesh) Call(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return m.link.Call(ctx, to, method, req)
}

// CallLong is Call for what may take the member as long as an under store does. Of those, some hundred are under way at a time to
// one member; whatever they wait for, Call does not wait for them.
func (m *Mesh) CallLong(ctx context.Context, to, method string, req []byte) ([]byte, error) {
	return m.link.CallLong(ctx, to, method, req)
}

// ReadBlock reads a part of a block from a member into dst, which has r.Length bytes in all. arrived, if not nil, is told
// how many bytes from the start are there and verified, in this goroutine or another one; it returns at once. When ReadBlock has returned
// nothing writes to dst any more, and arrived is not called.
// holders are other members that have the block, if the member says so. It may end with ErrMissing, ErrUnreachable,
// ErrChecksum, a *RemoteError, or ctx's error.
func (m *Mesh) ReadBlock(ctx context.Context, to string, r BlockRequest, dst [][]byte, arrived func(n int64)) (holders []string, err error) {
	return m.link.ReadBlock(ctx, to, link.BlockRequest(r), dst, arrived)
}

// Dial opens a stream to a member's Handler.ServeStream, authenticated, for a protocol of up to 128 bytes. Who calls
// closes it: Close of the mesh does not.
func (m *Mesh) Dial(ctx context.Context, to, proto string) (net.Conn, error) {
	return m.link.Dial(ctx, to, proto)
}
