package peer

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/millpond/millpond/peer/internal/link"
)

const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
	// warnFrom is the back-off from which a node that finds nobody is logged: that is the fourth attempt, after a second or two, by
	// which nodes that are started together have met, and before one begins a journal alone.
	warnFrom = time.Second
	// lookAgain is how often the sources are asked when all that they gave are members: others may have started since, or be
	// in another part of a mesh that was split for longer than failed nodes are remembered.
	lookAgain  = 30 * time.Second
	watchFiles = time.Second
	// newsTime is how long news of a node whose packets come already may be under way; then it is one that takes this node for a member
	// and is unknown here, as after a restart that was not noticed.
	newsTime    = 500 * time.Millisecond
	dialsAtOnce = 8               // that joining makes
	dialTime    = 2 * time.Second // of one: a node that is busy answers within it
)

// joiner brings the node together with what its sources give, and keeps it so.
type joiner struct {
	m       *Mesh
	sources sources
	files   map[string]os.FileInfo
	ids     map[string]string // of who answered at an address; "": nobody did
	heard   string            // where a stranger's packet came from that is to be looked at, or ""
	warned  bool              // that nobody is found
	dialing sync.WaitGroup
}

func (m *Mesh) newJoiner() *joiner {
	return &joiner{
		m:       m,
		sources: sources{join: m.cfg.Join, more: m.cfg.JoinFunc, network: m.cfg.Network},
		files:   map[string]os.FileInfo{},
		ids:     map[string]string{m.addr: m.opts.ID},
	}
}

// run tries until it works, with back-off, and looks again from time to time, and when a file has changed, until ctx ends.
func (j *joiner) run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		if j.sources.none() && j.heard == "" {
			j.wait(ctx, lookAgain)
			retry = firstRetry
			continue
		}
		j.sources.changed(j.files)
		info := j.attempt(ctx)
		if ctx.Err() == nil {
			j.warn(info, retry)
		}
		info.Retry, retry = pause(info, retry)
		if j.m.cfg.Events.Join != nil && ctx.Err() == nil {
			j.m.cfg.Events.Join(info)
		}
		j.wait(ctx, info.Retry)
	}
}

// warn logs that this node is alone for what its sources, or those that they name, fail with: once, until it has company. A
// misspelled one is an error of no call, and each node goes on by itself.
func (j *joiner) warn(info JoinInfo, retry time.Duration) {
	others := func(m Member) bool { return !m.Self && m.State == Alive }
	switch {
	case info.Reached > 0 || slices.ContainsFunc(j.m.table.shown.Load().members, others):
		j.warned = false
	case info.Err != nil && retry >= warnFrom && !j.warned:
		j.warned = true
		j.m.cfg.Logger.Warn("no other node is found, and joining goes on", "err", info.Err)
	}
}

// pause is how long to wait after an attempt, and the next pause should that one fail, too.
func pause(info JoinInfo, retry time.Duration) (now, next time.Duration) {
	switch {
	case info.Reached > 0: // who that one knows need not be joined
		return firstRetry, firstRetry
	case info.Err == nil:
		return lookAgain, firstRetry
	}
	return retry/2 + rand.N(retry), min(2*retry, lastRetry)
}

// wait lets some time pass, or until a file changes, or a stranger is heard.
func (j *joiner) wait(ctx context.Context, d time.Duration) {
	over, look := time.NewTimer(d), time.NewTicker(watchFiles)
	defer over.Stop()
	defer look.Stop()
	for {
		select {
		case <-over.C:
			return
		case <-look.C:
			if j.sources.changed(j.files) {
				return
			}
		case addr := <-j.m.heard:
			if j.heard != "" || !j.worthALook(addr) {
				continue
			}
			j.heard = addr
			if d == lookAgain { // else that before failed, and what it waits for goes for this one, too
				over.Reset(newsTime)
			}
		case <-ctx.Done():
			return
		}
	}
}

// worthALook reports whether a stranger's address is to be tried. Who is behind a translated one is heard as a stranger for ever: it is dialled once,
// and not again if nobody answers there, or a member does.
func (j *joiner) worthALook(addr string) bool {
	id, asked := j.ids[addr]
	return !asked || id != "" && !j.m.table.shown.Load().alive(id)
}

// attempt asks the sources, and joins one of those who are not members yet: the others mostly come with it.
func (j *joiner) attempt(ctx context.Context) JoinInfo {
	addrs, err := j.sources.addrs(ctx)
	if j.heard != "" && !slices.Contains(addrs, j.heard) {
		addrs = append(addrs, j.heard)
	}
	j.heard = ""
	info := JoinInfo{Addrs: j.strangers(addrs), Err: err}
	rand.Shuffle(len(info.Addrs), func(a, b int) { info.Addrs[a], info.Addrs[b] = info.Addrs[b], info.Addrs[a] })
	defer j.dialing.Wait()
	for some := range slices.Chunk(info.Addrs, dialsAtOnce) {
		addr, err := j.first(ctx, some)
		if addr != "" {
			if _, err = j.m.gossip.Join([]string{addr}); err == nil {
				info.Reached++
				return info
			}
		}
		info.Err = errors.Join(info.Err, err)
	}
	return info
}

// strangers are those of some addresses at which no member, nor this node itself, is known to answer.
func (j *joiner) strangers(addrs []string) (strangers []string) {
	v := j.m.table.shown.Load()
	for _, a := range addrs {
		byAddr := slices.ContainsFunc(v.members, func(m Member) bool { return m.Addr == a && m.State == Alive })
		if !byAddr && !v.alive(j.ids[a]) {
			strangers = append(strangers, a)
		}
	}
	return strangers
}

// first dials some addresses, all at once since those of machines that are gone take long, and returns the first at which
// a stranger answers; "" and why if none does. The others are not broken off: to them that would be a stranger that says
// half of a sentence.
func (j *joiner) first(ctx context.Context, addrs []string) (string, error) {
	answers := make(chan answer, len(addrs))
	for _, a := range addrs {
		j.dialing.Go(func() {
			id, err := j.m.whoAnswers(ctx, a)
			answers <- answer{a, id, err}
		})
	}
	var errs []error
	for range addrs {
		a := <-answers
		j.ids[a.addr] = a.id
		if a.err == nil && len(j.strangers([]string{a.addr})) > 0 {
			return a.addr, nil
		}
		errs = append(errs, a.err)
	}
	return "", errors.Join(errs...)
}

// answer is who is at an address, or why that is not known.
type answer struct {
	addr, id string
	err      error
}

// whoAnswers is the id of the node at an address.
func (m *Mesh) whoAnswers(ctx context.Context, addr string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, peer, err := m.link.DialGossip(ctx, addr, "")
	if errors.Is(err, link.ErrSelf) {
		return m.opts.ID, nil
	}
	if err != nil {
		return "", err
	}
	return peer.ID, conn.Close()
}
