package main

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// profile is what the first pass over the input learns: the second needs it before its first order.
type profile struct {
	days  map[string]int // orders of each
	shops map[string]sum
}

// sum is what a mean is made of.
type sum struct{ orders, cents int64 }

func newProfile() *profile { return &profile{map[string]int{}, map[string]sum{}} }

func (p *profile) add(o order) {
	p.days[o.day()]++
	s := p.shops[o.Shop]
	p.shops[o.Shop] = sum{s.orders + 1, s.cents + o.Cents}
}

func (p *profile) merge(q *profile) {
	for day, n := range q.days {
		p.days[day] += n
	}
	for shop, s := range q.shops {
		t := p.shops[shop]
		p.shops[shop] = sum{s.orders + t.orders, s.cents + t.cents}
	}
}

func (p *profile) orders() (n int) {
	for _, k := range p.days {
		n += k
	}
	return n
}

// percent is how an order compares with its shop's mean one; 0 where that is nothing.
func (p *profile) percent(o order) int64 {
	s := p.shops[o.Shop]
	if s.cents == 0 {
		return 0
	}
	return 100 * o.Cents * s.orders / s.cents
}

// profileInput is the first pass.
func (j *job) profileInput(ctx context.Context) (said string, err error) {
	var mu sync.Mutex
	all := newProfile()
	err = j.eachInput(ctx, func(orders iter.Seq2[order, error]) error {
		p := newProfile()
		for o, err := range orders {
			if err != nil {
				return err
			}
			p.add(o)
		}
		mu.Lock()
		defer mu.Unlock()
		all.merge(p)
		return nil
	})
	j.profile = all
	return fmt.Sprintf("%d orders of %d days, %d shops", all.orders(), len(all.days), len(all.shops)), err
}
