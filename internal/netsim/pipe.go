package netsim

import "time"

const (
	window  = 256 << 10 // bytes under way and unread; a Write waits for room
	segment = 64 << 10  // bytes that travel together
)

// pipe is one direction of a connection.
type pipe struct {
	link    Link
	stalled bool
	under   []piece // on their way, in order
	unread  [][]byte
	held    int       // bytes of both
	last    time.Time // when what was sent last arrives
	ended   bool      // the end has arrived
	reset   bool      // the other side knows nothing of the connection
	changed *signal   // the connection's: what one direction does, waiting calls of the other want to know
}

// piece is some bytes, or the end, or a reset.
type piece struct {
	at         time.Time // when it arrives
	bytes      []byte
	end, reset bool
}

// sendLocked puts a segment on its way.
func (p *pipe) sendLocked(s piece, now time.Time, lost bool) {
	at := now
	if p.link.Rate > 0 {
		at = later(p.last.Add(-p.link.Latency), now).Add(time.Duration(int64(len(s.bytes)) * int64(time.Second) / p.link.Rate))
	}
	at = at.Add(p.link.Latency)
	if lost {
		at = at.Add(resend)
	}
	if at.Before(p.last) {
		at = p.last
	}
	s.at, p.last = at, at
	p.held += len(s.bytes)
	p.under = append(p.under, s)
	p.changed.tell()
}

// arriveLocked moves what has arrived by now to where it is read.
func (p *pipe) arriveLocked(now time.Time) {
	for !p.stalled && len(p.under) > 0 && !p.under[0].at.After(now) {
		s := p.under[0]
		p.under[0] = piece{}
		p.under = p.under[1:]
		switch {
		case s.reset:
			p.reset = true
		case s.end:
			p.ended = true
		default:
			p.unread = append(p.unread, s.bytes)
		}
	}
}

// readLocked takes what has arrived.
func (p *pipe) readLocked(b []byte) (n int) {
	for n < len(b) && len(p.unread) > 0 {
		k := copy(b[n:], p.unread[0])
		n += k
		if p.unread[0] = p.unread[0][k:]; len(p.unread[0]) == 0 {
			p.unread[0] = nil
			p.unread = p.unread[1:]
		}
	}
	p.held -= n
	p.changed.tell()
	return n
}

// nextLocked is when something arrives; zero if nothing will by itself.
func (p *pipe) nextLocked() time.Time {
	if p.stalled || len(p.under) == 0 {
		return time.Time{}
	}
	return p.under[0].at
}

// stallLocked stops or resumes what is under way. What was held up begins its way anew.
func (p *pipe) stallLocked(stalled bool, now time.Time) {
	if p.stalled == stalled {
		return
	}
	p.arriveLocked(now)
	p.stalled = stalled
	if !stalled {
		for i := range p.under {
			if at := now.Add(p.link.Latency); p.under[i].at.Before(at) {
				p.under[i].at = at
			}
			p.last = p.under[i].at
		}
	}
	p.changed.tell()
}

// emptyLocked drops what nobody will read.
func (p *pipe) emptyLocked() {
	p.under, p.unread, p.held = nil, nil, 0
	p.changed.tell()
}
