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
	// lookAgain is how often the sources are asked when all that they gave are members: others may have started since, or be
	// in another part of a mesh that was split for longer than failed nodes are remembered.
	lookAgain   = 30 * time.Second
	watchFiles  = time.Second
	dialsAtOnce = 8 // that joining makes
)

// joiner brings the node together with what its sources give, and keeps it so.
type joiner struct {
	m       *Mesh
	sources sources
	files   map[string]os.FileInfo
	own     map[string]bool // addresses at which this node itself answers
}

// run tries until it works, with back-off, and looks again from time to time, and when a file has changed, until ctx ends.
func (j *joiner) run(ctx context.Context) {
	if j.sources.none() {
		return
	}
	retry := firstRetry
	for ctx.Err() == nil {
		j.sources.changed(j.files)
		info := j.attempt(ctx)
		info.Retry, retry = pause(info, retry)
		if j.m.cfg.Events.Join != nil && ctx.Err() == nil {
			j.m.cfg.Events.Join(info)
		}
		j.wait(ctx, info.Retry)
	}
}

// pause is how long to wait after an attempt, and the next pause should that one fail, too.
func pause(info JoinInfo, retry time.Duration) (now, next time.Duration) {
	if info.Err == nil && info.Reached == len(info.Addrs) {
		return lookAgain, firstRetry
	}
	return retry/2 + rand.N(retry), min(2*retry, lastRetry)
}

// wait lets some time pass, or until a file changes.
func (j *joiner) wait(ctx context.Context, d time.Duration) {
	for d > 0 {
		step := min(d, watchFiles)
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return
		}
		if j.sources.changed(j.files) {
			return
		}
		d -= step
	}
}

// attempt asks the sources, and joins who is not a member yet.
func (j *joiner) attempt(ctx context.Context) JoinInfo {
	addrs, err := j.sources.addrs(ctx)
	info := JoinInfo{Err: err}
	v := j.m.table.shown.Load()
	for _, a := range addrs {
		if !j.own[a] && !slices.ContainsFunc(v.members, func(m Member) bool { return m.Addr == a && m.State == Alive }) {
			info.Addrs = append(info.Addrs, a)
		}
	}
	answer, err := j.whoAnswers(ctx, info.Addrs)
	info.Addrs = slices.DeleteFunc(info.Addrs, func(a string) bool { return j.own[a] })
	info.Err = errors.Join(info.Err, err)
	for _, a := range answer {
		if _, err := j.m.gossip.Join([]string{a}); err != nil {
			info.Err = errors.Join(info.Err, err)
			continue
		}
		info.Reached++
	}
	return info
}

// whoAnswers connects to addresses, several at a time since those of machines that are gone take long, and returns where
// nodes are that may be joined.
func (j *joiner) whoAnswers(ctx context.Context, addrs []string) (answer []string, err error) {
	var mu sync.Mutex
	var errs []error
	var trying sync.WaitGroup
	turns := make(chan struct{}, dialsAtOnce)
	for _, a := range addrs {
		turns <- struct{}{}
		trying.Go(func() {
			defer func() { <-turns }()
			conn, _, err := j.m.link.DialGossip(ctx, a, "")
			if err == nil {
				err = conn.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, link.ErrSelf):
				j.own[a] = true
			case err != nil:
				errs = append(errs, err)
			default:
				answer = append(answer, a)
			}
		})
	}
	trying.Wait()
	return answer, errors.Join(errs...)
}
