// Package batch is what one raft entry carries: the commands that waited together.
//
//	 0   1       9       13
//	+---+-------+-------+-----------
//	|v=1| time  | count | commands...      time: ns, stamped by the primary
//	+---+-------+-------+-----------
//
// and each command, numbers little-endian:
//
//	 0         16     24      32    40      44     48
//	+---------+------+-------+-----+-------+------+-------+
//	| session | seq  | acked | at  | level | len  | bytes |
//	+---------+------+-------+-----+-------+------+-------+
//
// at is when the operation was first proposed, ns, by the proposer's clock; 0 if it does not say. The log's records
// carry the checksum.
package batch

import (
	"encoding/binary"
	"errors"
)

const (
	version    = 1
	headerLen  = 13
	commandLen = 48
)

// ErrFormat says that bytes are no batch.
var ErrFormat = errors.New("not a batch of commands")

// ErrVersion says that a later version wrote the batch.
var ErrVersion = errors.New("batch of commands has an unknown version")

// Command is one command as it is logged.
type Command struct {
	Session [16]byte
	Seq     uint64 // of the operation in its session
	Acked   uint64 // operations up to here have their answers
	At      int64
	Level   uint32 // feature level needed
	Cmd     []byte
}

// Append adds a command to a batch begun by Begin.
func Append(b []byte, c *Command) []byte {
	b = append(b, c.Session[:]...)
	b = binary.LittleEndian.AppendUint64(b, c.Seq)
	b = binary.LittleEndian.AppendUint64(b, c.Acked)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.At))
	b = binary.LittleEndian.AppendUint32(b, c.Level)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Cmd)))
	return append(b, c.Cmd...)
}

// Begin appends room for a batch's header, which Finish fills.
func Begin(b []byte) []byte { return append(b, make([]byte, headerLen)...) }

// Finish fills the header of the batch b.
func Finish(b []byte, now int64, count int) {
	b[0] = version
	binary.LittleEndian.PutUint64(b[1:], uint64(now))
	binary.LittleEndian.PutUint32(b[9:], uint32(count))
}

// Count reads a batch's header alone.
func Count(b []byte) (now int64, count int, err error) {
	if len(b) < headerLen {
		return 0, 0, ErrFormat
	}
	if b[0] != version {
		return 0, 0, ErrVersion
	}
	now, count = int64(binary.LittleEndian.Uint64(b[1:])), int(binary.LittleEndian.Uint32(b[9:]))
	if count > (len(b)-headerLen)/commandLen {
		return 0, 0, ErrFormat
	}
	return now, count, nil
}

// Decode appends a batch's commands to dst; their bytes lie in b.
func Decode(dst []Command, b []byte) (cmds []Command, now int64, err error) {
	now, count, err := Count(b)
	if err != nil {
		return dst, 0, err
	}
	b = b[headerLen:]
	for range count {
		if len(b) < commandLen {
			return dst, 0, ErrFormat
		}
		n := int(binary.LittleEndian.Uint32(b[44:]))
		if n > len(b)-commandLen {
			return dst, 0, ErrFormat
		}
		dst = append(dst, Command{
			Session: [16]byte(b), Seq: binary.LittleEndian.Uint64(b[16:]), Acked: binary.LittleEndian.Uint64(b[24:]),
			At: int64(binary.LittleEndian.Uint64(b[32:])), Level: binary.LittleEndian.Uint32(b[40:]),
			Cmd: b[commandLen : commandLen+n : commandLen+n],
		})
		b = b[commandLen+n:]
	}
	if len(b) != 0 {
		return dst, 0, ErrFormat
	}
	return dst, now, nil
}
