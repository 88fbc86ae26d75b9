package namespace

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"slices"
)

var errShort = errors.New("truncated")

// codec encodes or decodes, so that one list of fields serves for both.
type codec struct {
	b   []byte
	dec bool
	err error
}

func (c *codec) uint(v *uint64) {
	if !c.dec {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	x, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail()
		return
	}
	*v, c.b = x, c.b[n:]
}

func (c *codec) fail() {
	if c.err == nil {
		c.err = errShort
	}
	c.b = nil
}

func (c *codec) int(v *int64) {
	u := uint64(*v)<<1 ^ uint64(*v>>63)
	c.uint(&u)
	*v = int64(u>>1) ^ -int64(u&1)
}

func (c *codec) num(v *int) {
	x := int64(*v)
	c.int(&x)
	*v = int(x)
}

func (c *codec) bool(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.uint(&u)
	*v = u != 0
}

func (c *codec) mode(v *fs.FileMode) {
	u := uint64(*v)
	c.uint(&u)
	*v = fs.FileMode(u)
}

func (c *codec) byte(v *uint8) {
	u := uint64(*v)
	c.uint(&u)
	*v = uint8(u)
}

func (c *codec) bytes(v *[]byte) {
	n := uint64(len(*v))
	c.uint(&n)
	if !c.dec {
		c.b = append(c.b, *v...)
		return
	}
	if n > uint64(len(c.b)) {
		c.fail()
		return
	}
	*v = slices.Clone(c.b[:n])
	c.b = c.b[n:]
}

func (c *codec) str(v *string) {
	var p []byte
	if !c.dec {
		p = []byte(*v)
	}
	c.bytes(&p)
	*v = string(p)
}

func (c *codec) id(v *[16]byte) { c.fixed(v[:]) }

// fixed codes bytes whose number both sides know.
func (c *codec) fixed(v []byte) {
	if !c.dec {
		c.b = append(c.b, v...)
		return
	}
	if len(c.b) < len(v) {
		c.fail()
		return
	}
	copy(v, c.b)
	c.b = c.b[len(v):]
}

func (c *codec) strs(v *[]string) {
	n := uint64(len(*v))
	c.uint(&n)
	if c.dec {
		if n > uint64(len(c.b)) {
			c.fail()
			return
		}
		*v = make([]string, n)
	}
	for i := range *v {
		c.str(&(*v)[i])
	}
}

func (c *codec) table(v *map[string][]byte) {
	keys := slices.Sorted(maps.Keys(*v))
	c.strs(&keys)
	if c.dec {
		*v = nil
		if len(keys) > 0 {
			*v = map[string][]byte{}
		}
	}
	for _, k := range keys {
		p := (*v)[k]
		c.bytes(&p)
		if c.dec {
			(*v)[k] = p
		}
	}
}

func (c *codec) user(v **User) {
	has := *v != nil
	c.bool(&has)
	if !has {
		return
	}
	if c.dec {
		*v = new(User)
	}
	c.str(&(*v).Name)
	c.strs(&(*v).Groups)
	c.bool(&(*v).Superuser)
}

// opt codes an optional field.
func opt[T any](c *codec, v **T, f func(*T)) {
	has := *v != nil
	c.bool(&has)
	if !has {
		return
	}
	if c.dec {
		*v = new(T)
	}
	f(*v)
}
