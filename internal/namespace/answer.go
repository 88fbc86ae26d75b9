package namespace

import "errors"

func (a *Answer) append(b []byte) []byte {
	c := &codec{b: b}
	a.code(c)
	return c.b
}

func (a *Answer) code(c *codec) {
	var kind, held uint64
	if !c.dec && a.Err != nil {
		if e, ok := a.Err.(*IntentError); ok {
			kind, held = 255, e.ID
		} else {
			kind = uint64(errCode(a.Err))
		}
	}
	c.uint(&kind)
	c.uint(&held)
	c.uint(&a.Ino)
	c.uint(&a.IntentID)
	c.id(&a.FileID)
	if a.More || a.Next != "" || c.dec && len(c.b) > 0 { // few have these
		c.bool(&a.More)
		c.str(&a.Next)
	}
	if c.dec {
		switch {
		case kind == 255:
			a.Err = &IntentError{ID: held}
		case kind < uint64(len(coded)):
			a.Err = coded[kind]
		default:
			c.fail()
		}
	}
}

func errCode(err error) int {
	for i, e := range coded {
		if e != nil && errors.Is(err, e) {
			return i
		}
	}
	return 3
}

func DecodeAnswer(b []byte) (Answer, error) {
	var a Answer
	c := &codec{b: b, dec: true}
	a.code(c)
	return a, c.err
}
