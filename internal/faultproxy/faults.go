package faultproxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"time"
)

// Fault is what happens to a request instead of being passed on.
type Fault func(*exchange)

// pass is what happens to all others.
func pass(x *exchange) {
	if resp, ok := x.ask(); ok {
		defer resp.Body.Close()
		x.header(resp, resp.ContentLength)
		x.body(resp.Body)
	}
}

// Delay passes a request on after d.
func Delay(d time.Duration) Fault {
	return func(x *exchange) {
		if x.wait(d) {
			pass(x)
		}
	}
}

// Answer answers by itself; the server never hears of it.
func Answer(status int, header http.Header, body string) Fault {
	return func(x *exchange) {
		io.Copy(io.Discard, x.r.Body)
		maps.Copy(x.w.Header(), header)
		x.w.WriteHeader(status)
		if x.r.Method != http.MethodHead {
			io.WriteString(x.w, body)
		}
	}
}

// GivenUp calls f, upon which the client gives the request up; the server does not hear of it. One that the server takes
// although the client has given it up is beyond the client, and what it leaves is.
func GivenUp(f func()) Fault {
	return func(x *exchange) {
		f()
		io.Copy(io.Discard, x.r.Body) // before that is read nobody looks whether the client is there
		<-x.r.Context().Done()
		x.reset()
	}
}

// Reset resets the connection before the server hears of the request.
func Reset() Fault { return (*exchange).reset }

// Lost lets the server do its work and resets the connection instead of answering.
func Lost() Fault {
	return func(x *exchange) {
		if resp, ok := x.ask(); ok {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			x.reset()
		}
	}
}

// Cut closes the connection after n bytes of the answer's body, all of which arrive.
func Cut(n int64) Fault { return CutThen(n, func() {}) }

// CutThen is Cut, and calls f before it closes.
func CutThen(n int64, f func()) Fault {
	return begin(n, func(_ *exchange, _ io.Reader) { f(); panic(http.ErrAbortHandler) })
}

// ResetAfter resets the connection after n bytes of the answer's body: those still on their way are lost, too.
func ResetAfter(n int64) Fault {
	return begin(n, func(x *exchange, _ io.Reader) { x.reset() })
}

// Stall sends n bytes of the answer's body, then nothing until the caller goes away.
func Stall(n int64) Fault {
	return begin(n, func(x *exchange, _ io.Reader) { <-x.r.Context().Done() })
}

// begin sends headers and n bytes of the body; then has the rest.
func begin(n int64, then func(x *exchange, rest io.Reader)) Fault {
	return func(x *exchange) {
		if resp, ok := x.ask(); ok {
			defer resp.Body.Close()
			x.header(resp, resp.ContentLength)
			x.body(io.LimitReader(resp.Body, n))
			then(x, resp.Body)
		}
	}
}

// Silence does not even answer until the caller goes away.
func Silence() Fault {
	return func(x *exchange) {
		io.Copy(io.Discard, x.r.Body) // only a connection that is being read tells that its other end has gone
		<-x.r.Context().Done()
	}
}

// Flip sends the answer with the lowest bit of the body's byte n the other way round.
func Flip(n int64) Fault {
	return begin(n, func(x *exchange, rest io.Reader) {
		var b [1]byte
		if _, err := io.ReadFull(rest, b[:]); err == nil {
			b[0] ^= 1
			x.w.Write(b[:])
		}
		x.body(rest)
	})
}

// Short sends a body that is n bytes shorter, and says so in its length: nothing in the transport looks wrong.
func Short(n int64) Fault {
	return func(x *exchange) {
		if resp, ok := x.ask(); ok {
			defer resp.Body.Close()
			left := max(resp.ContentLength-n, 0)
			x.header(resp, left)
			x.body(io.LimitReader(resp.Body, left))
		}
	}
}

var errCut = errors.New("cut by the proxy")

// CutUpload breaks both connections after n bytes of the request's body.
func CutUpload(n int64) Fault {
	return func(x *exchange) {
		resp, err := x.forward(io.MultiReader(io.LimitReader(x.r.Body, n), failing{}))
		if err == nil {
			resp.Body.Close()
		}
		x.reset()
	}
}

// FlipUpload passes the request's body on with the lowest bit of its byte n the other way round.
func FlipUpload(n int64) Fault {
	return func(x *exchange) {
		x.r.Body = &flipping{x.r.Body, n}
		pass(x)
	}
}

type flipping struct {
	io.ReadCloser
	left int64 // bytes before the one that is flipped
}

func (f *flipping) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.left >= 0 && f.left < int64(n) {
		p[f.left] ^= 1
	}
	f.left -= int64(n)
	return n, err
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errCut }
