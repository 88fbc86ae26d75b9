package link

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/millpond/millpond/internal/piece"
)

// kind says what a frame is.
type kind uint8

const (
	kindCall   kind = 1 // to the server: a call
	kindRead   kind = 2 // to the server: a range of a block is wanted
	kindCancel kind = 3 // to the server: no answer is wanted any more
	kindAnswer kind = 4 // to the client: a call's answer
	kindError  kind = 5 // to the client: the request failed
	kindData   kind = 6 // to the client: bytes of a block
	kindEnd    kind = 7 // to the client: the block's range is complete
)

const (
	headLen   = 24
	pieceLen  = piece.Size
	maxData   = 1 << 20 // of one frame: on a link of 1 Gb/s it holds up others for 8 ms
	maxPieces = maxData/pieceLen + 1
	maxMeta   = 20 << 10 // a hint and what stands beside it
	maxText   = 4 << 10
	maxName   = 128
)

// limits are the longest meta and body of a kind; an unknown kind has none.
func (k kind) limits() (meta, body int, ok bool) {
	switch k {
	case kindCall:
		return 4 + 8 + 1 + 255, MaxCall, true
	case kindRead:
		return maxMeta, 0, true
	case kindCancel:
		return 0, 0, true
	case kindAnswer:
		return 8, MaxCall, true
	case kindError:
		return 5 + maxText, 0, true
	case kindData:
		return 8 + 8*maxPieces, maxData, true
	case kindEnd:
		return maxMeta, 0, true
	}
	return 0, 0, false
}

// head begins each frame.
type head struct {
	kind kind
	meta int // bytes of meta that follow the head
	body int // bytes of body that follow those
	id   uint64
}

// parseHead decodes the first headLen bytes of a frame, all but the check.
func parseHead(b []byte) (head, error) {
	h := head{
		kind: kind(b[0]),
		meta: int(binary.BigEndian.Uint16(b[2:])),
		id:   binary.BigEndian.Uint64(b[8:]),
	}
	body := binary.BigEndian.Uint32(b[4:])
	meta, most, ok := h.kind.limits()
	switch {
	case !ok || b[1] != 0:
		return h, badFrame("unknown kind %d, flags %d", b[0], b[1])
	case h.meta > meta || body > uint32(most):
		return h, badFrame("kind %d of %d and %d bytes: want at most %d and %d", b[0], h.meta, body, meta, most)
	}
	h.body = int(body)
	return h, nil
}

// checkHead verifies the check of a head and its meta.
func checkHead(b, meta []byte) error {
	if binary.BigEndian.Uint64(b[16:]) != headSum(b, meta) {
		return badFrame("the check of kind %d does not match", b[0])
	}
	return nil
}

func headSum(b, meta []byte) uint64 {
	var whole [128]byte
	if n := copy(whole[:], b[:16]); n+len(meta) <= len(whole) { // most are, and are summed in half the time
		return xxhash.Sum64(whole[:n+copy(whole[n:], meta)])
	}
	var d xxhash.Digest
	d.Reset()
	d.Write(b[:16])
	d.Write(meta)
	return d.Sum64()
}

// beginFrame appends a head that endFrame completes.
func beginFrame(b []byte, k kind, id uint64) []byte {
	b = append(b, byte(k), 0, 0, 0, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, id)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
}

// endFrame completes the frame that begins at b[at]: what follows its head is its meta, and body bytes come after.
func endFrame(b []byte, at, body int) []byte {
	f := b[at:]
	binary.BigEndian.PutUint16(f[2:], uint16(len(f)-headLen))
	binary.BigEndian.PutUint32(f[4:], uint32(body))
	binary.BigEndian.PutUint64(f[16:], headSum(f, f[headLen:]))
	return b
}

// fields decodes a meta; the first thing that is amiss stays.
type fields struct {
	b   []byte
	err error
}

func (f *fields) take(n int) []byte {
	if len(f.b) < n {
		f.b, f.err = nil, badFrame("truncated")
		return make([]byte, n)
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) u8() byte      { return f.take(1)[0] }
func (f *fields) u16() uint16   { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32   { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64   { return binary.BigEndian.Uint64(f.take(8)) }
func (f *fields) str8() string  { return string(f.take(int(f.u8()))) }
func (f *fields) bytes() []byte { return append([]byte(nil), f.take(int(f.u16()))...) }
func (f *fields) rest() []byte  { return f.take(len(f.b)) }
func (f *fields) finish() error {
	if f.err == nil && len(f.b) > 0 {
		return badFrame("%d bytes too many", len(f.b))
	}
	return f.err
}

// appendStr8 appends a string that is shorter than 256 bytes.
func appendStr8(b []byte, s string) []byte {
	if len(s) > 255 {
		panic(fmt.Sprintf("link: %d bytes in a short string", len(s)))
	}
	return append(append(b, byte(len(s))), s...)
}
