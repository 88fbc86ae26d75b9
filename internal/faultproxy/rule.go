package faultproxy

import (
	"net/http"
	"slices"
)

// Rule says which requests meet a fault. The first rule that picks a request decides.
type Rule struct {
	Kinds []string                 // of these kinds; nil: all
	Match func(*http.Request) bool // and only where this is true; nil: all
	Skip  int                      // so many are passed on first
	Times int                      // then so many meet the fault; 0: all
	Fault Fault
}

type rule struct {
	Rule
	seen int
}

// On adds a rule.
func (p *Proxy) On(r Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.rules = append(p.mu.rules, &rule{Rule: r})
}

// choose counts a request and finds its fault, nil for none.
func (p *Proxy) choose(r *http.Request) Fault {
	kind := p.kind(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.counts[kind]++
	for _, rule := range p.mu.rules {
		if rule.Kinds != nil && !slices.Contains(rule.Kinds, kind) || rule.Match != nil && !rule.Match(r) {
			continue
		}
		rule.seen++
		if rule.seen > rule.Skip && (rule.Times == 0 || rule.seen <= rule.Skip+rule.Times) {
			return rule.Fault
		}
	}
	return nil
}
