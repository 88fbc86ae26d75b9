package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/peer"
)

// rival is another way to get bytes from another process, both ends in this one.
type rival struct {
	read  func(dst []byte) error // any number of goroutines
	close func() error
}

func (v *rival) side(n int) side {
	dst := make([]byte, n)
	return func(times int) error {
		for range times {
			if err := v.read(dst); err != nil {
				return err
			}
		}
		return nil
	}
}

// largePeerReads is goal 8: 1 MiB from another node of the host.
func largePeerReads(r *report) error { return largeReads(r, peer.Config{}) }

// smallPeerReads is goal 9: 4 KiB from another node of the host.
func smallPeerReads(r *report) error { return smallReads(r, peer.Config{}) }

// peerReadsOverTCP are goals 8 and 9 as nodes of different hosts read, but without a network between them.
func peerReadsOverTCP(r *report) error {
	return errors.Join(largeReads(r, peer.Config{TCPOnly: true}), smallReads(r, peer.Config{TCPOnly: true}))
}

func largeReads(r *report, cfg peer.Config) (err error) {
	p, err := newPeerPair(context.Background(), r.dir, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	raw, err := sendfileRival(p.osFile())
	if err != nil {
		return err
	}
	defer raw.close()
	for _, from := range []struct {
		name string
		key  byte
	}{{"memory", fromMemory}, {"memory, sums kept", fromSummed}, {"a file", fromFile}} {
		ours := p.read(miB, from.key)
		if err := r.compare("peer read, 1 MiB from "+from.name+", against sendfile", atLeast(0.9), true, false, ours, raw.side(miB)); err != nil {
			return err
		}
		if err := r.compare("the same, CPU", atMost(1.15), false, true, ours, raw.side(miB)); err != nil {
			return err
		}
	}
	return p.largeAgainst(r, []namedRival{
		{"net/http", 1, httpRival}, {"gRPC", 4, protobufRival}, {"gRPC, raw codec", 1, rawRival}, {"groupcache's pool", 7, groupcacheRival},
	})
}

type namedRival struct {
	name string
	want float64 // times as fast
	open func(block []byte) (*rival, error)
}

// largeAgainst reads a block again and again, as the rivals do, whose sums a node keeps from the first time on; the rivals have none.
func (p *peerPair) largeAgainst(r *report, rivals []namedRival) error {
	for _, v := range rivals {
		other, err := v.open(p.block)
		if err != nil {
			return err
		}
		err = r.compare("peer read, 1 MiB, against "+v.name, atLeast(v.want), true, false, p.read(miB, fromSummed), other.side(miB))
		if err := errors.Join(err, other.close()); err != nil {
			return err
		}
	}
	return nil
}

func smallReads(r *report, cfg peer.Config) (err error) {
	p, err := newPeerPair(context.Background(), r.dir, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, v := range []namedRival{{"raw TCP", 1.5, echoRival}, {"net/http", 0.4, httpRival}} {
		other, err := v.open(p.block)
		if err != nil {
			return err
		}
		err = r.compareMedians("peer read, 4 KiB, median, against "+v.name, atMost(v.want), p.read(4*kiB, fromMemory), other.side(4*kiB))
		if err := errors.Join(err, other.close()); err != nil {
			return err
		}
	}
	one := p.read(4*kiB, fromMemory)
	return r.compare("peer read, 4 KiB, 16 in flight, against one", atLeast(3), true, false, p.inFlight(16, 4*kiB), one)
}

// inFlight spreads reads over callers.
func (p *peerPair) inFlight(callers, n int) side {
	return func(times int) error {
		var left atomic.Int64
		left.Store(int64(times))
		errs := make([]error, callers)
		var all sync.WaitGroup
		for i := range callers {
			one := p.read(n, fromMemory)
			all.Go(func() {
				for left.Add(-1) >= 0 && errs[i] == nil {
					errs[i] = one(1)
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	}
}

// compareMedians compares the medians of single operations.
func (r *report) compareMedians(name string, b bound, ours, theirs side) error {
	const times = 3000
	var o, t, ratios []float64
	for i := range r.rounds {
		first, second := ours, theirs
		if i%2 == 1 {
			first, second = theirs, ours
		}
		a, err := medianTime(first, times)
		if err != nil {
			return err
		}
		c, err := medianTime(second, times)
		if err != nil {
			return err
		}
		if i%2 == 1 {
			a, c = c, a
		}
		o, t, ratios = append(o, a), append(t, c), append(ratios, a/c)
	}
	r.line(name, nanos(median(o)), nanos(median(t)), b, ratios...)
	return nil
}

func medianTime(s side, times int) (float64, error) {
	each := make([]time.Duration, times)
	for i := range each {
		begun := time.Now()
		if err := s(1); err != nil {
			return 0, err
		}
		each[i] = time.Since(begun)
	}
	slices.Sort(each)
	return float64(each[times/2]), nil
}

// encryptedPeerReads is goal 10: 1 MiB from another node under TLS, of blocks that have been read before, as in largeAgainst.
func encryptedPeerReads(r *report) (err error) {
	p, err := newPeerPair(context.Background(), r.dir, peer.Config{Secret: "a secret of the benchmark, 32 b.", Encrypt: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	bare, err := tlsRival(p.block)
	if err != nil {
		return err
	}
	defer bare.close()
	if err := r.compare("encrypted peer read, 1 MiB, against crypto/tls", atLeast(0.85), true, false, p.read(miB, fromSummed), bare.side(miB)); err != nil {
		return err
	}
	return r.compare("the same from a file", atLeast(0.85), true, false, p.read(miB, fromFile), bare.side(miB))
}
