package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// sources are where others may be found.
type sources struct {
	join    []string
	more    func(context.Context) ([]string, error)
	network Network
}

func (s *sources) none() bool { return len(s.join) == 0 && s.more == nil }

// addrs are the addresses, of IP and port, that the sources give now, each once, and what went wrong with others.
func (s *sources) addrs(ctx context.Context) ([]string, error) {
	g := gathering{s: s, seen: map[string]bool{}}
	for _, entry := range s.join {
		g.entry(ctx, entry)
	}
	if s.more != nil {
		entries, err := s.more(ctx)
		g.fail("Config.JoinFunc", err)
		for _, entry := range entries {
			g.entry(ctx, entry)
		}
	}
	return g.found, errors.Join(g.errs...)
}

// gathering is one look at the sources.
type gathering struct {
	s     *sources
	seen  map[string]bool
	found []string
	errs  []error
}

func (g *gathering) fail(what string, err error) {
	if err != nil {
		g.errs = append(g.errs, fmt.Errorf("%s: %w", what, err))
	}
}

func (g *gathering) entry(ctx context.Context, entry string) {
	if path, ok := strings.CutPrefix(entry, "file:"); ok {
		g.file(ctx, path)
		return
	}
	if service, proto, name, ok := splitSRV(entry); ok {
		g.srv(ctx, entry, service, proto, name)
		return
	}
	host, port, err := net.SplitHostPort(entry)
	g.fail(entry, err)
	if err == nil {
		g.host(ctx, host, port)
	}
}

func (g *gathering) host(ctx context.Context, host, port string) {
	ips, err := g.s.network.LookupHost(ctx, host)
	g.fail(host, err)
	for _, ip := range ips {
		addr := net.JoinHostPort(ip, port)
		if !g.seen[addr] {
			g.seen[addr] = true
			g.found = append(g.found, addr)
		}
	}
}

func (g *gathering) srv(ctx context.Context, entry, service, proto, name string) {
	_, records, err := g.s.network.LookupSRV(ctx, service, proto, name)
	g.fail(entry, err)
	for _, r := range records {
		g.host(ctx, strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))
	}
}

// file takes an entry from each line that is not empty and not a comment.
func (g *gathering) file(ctx context.Context, path string) {
	text, err := os.ReadFile(path)
	g.fail("file:"+path, err)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch why := checkSource(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case why != "" || strings.HasPrefix(line, "file:"):
			g.fail("file:"+path, fmt.Errorf("line %q: use host:port or _service._tcp.name", line))
		default:
			g.entry(ctx, line)
		}
	}
}

// changed tells when one of the files was written, from what it was told before.
func (s *sources) changed(was map[string]os.FileInfo) bool {
	changed := false
	for _, entry := range s.join {
		path, ok := strings.CutPrefix(entry, "file:")
		if !ok {
			continue
		}
		is, _ := os.Stat(path)
		old, known := was[path]
		was[path] = is
		changed = changed || known && !sameFile(old, is)
	}
	return changed
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}
