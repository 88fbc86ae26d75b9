package namespace

import (
	"errors"
	"fmt"
)

// command is one change; its number is its first byte on the wire.
type command interface {
	op() byte
	code(c *codec)
	apply(t *Tree, x *applied)
}

// stepInodes is how many inodes one command forgets, or changes below a directory, before it leaves the rest to further
// commands: some 300 us. It is part of what a command means: replicas must agree on it.
const stepInodes = 1024

// applied is one Apply under way.
type applied struct {
	index   uint64
	now     int64
	left    int  // inodes that it may still look at or forget
	partly  bool // it changed something, and has an error all the same
	answer  Answer
	effects []Effect
}

func appendCmd(b []byte, x command) []byte {
	c := &codec{b: append(b, 1, x.op())}
	x.code(c)
	return c.b
}

func decodeCmd(b []byte) (command, error) {
	if len(b) < 2 {
		return nil, errShort
	}
	if b[0] != 1 {
		return nil, fmt.Errorf("command of version %d; this build knows 1", b[0])
	}
	x := newCmd(b[1])
	if x == nil {
		return nil, fmt.Errorf("unknown command %d", b[1])
	}
	c := &codec{b: b[2:], dec: true}
	x.code(c)
	if c.err == nil && len(c.b) > 0 {
		c.err = errors.New("trailing bytes")
	}
	return x, c.err
}

// Level is the feature level that cmd needs.
func Level(cmd []byte) (uint32, error) {
	if len(cmd) < 2 || cmd[0] != 1 || newCmd(cmd[1]) == nil {
		return 0, errors.New("unknown command")
	}
	switch {
	case cmd[1] >= 28:
		return 4, nil
	case cmd[1] >= 22:
		return 3, nil
	case cmd[1] >= 19:
		return 2, nil
	}
	return 1, nil
}

// MaxLevel is the highest feature level that this build knows.
const MaxLevel = 4

func newCmd(op byte) command {
	switch op {
	case 1:
		return new(CreateFile)
	case 2:
		return new(CompleteFile)
	case 3:
		return new(AbandonFile)
	case 4:
		return new(ExpireLeases)
	case 5:
		return new(Mkdir)
	case 6:
		return new(Rename)
	case 7:
		return new(Remove)
	case 8:
		return new(SetAttr)
	case 9:
		return new(Mount)
	case 10:
		return new(Unmount)
	case 11:
		return new(Discover)
	case 12:
		return new(Forget)
	case 13:
		return new(Begin)
	case 14:
		return new(Step)
	case 15:
		return new(End)
	case 16:
		return new(MarkPersist)
	case 17:
		return new(PersistedFile)
	case 18:
		return new(MarkLost)
	case 19:
		return new(Continue)
	case 20:
		return new(SetAttrBelow)
	case 21:
		return new(Remount)
	case 22:
		return new(ExpireNode)
	case 23:
		return new(BeginBy)
	case 24:
		return new(Adopt)
	case 25:
		return new(EndBy)
	case 26:
		return new(SetHomes)
	case 27:
		return new(FreeFiles)
	case 28:
		return new(Leaving)
	}
	return nil
}
