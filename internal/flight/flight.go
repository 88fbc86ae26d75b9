// Package flight merges equal calls that are under way at the same time, on groupcache's singleflight: with contexts,
// and with a panic that reaches who waits instead of wedging the key.
package flight

import (
	"context"
	"fmt"

	"github.com/golang/groupcache/singleflight"
)

// Group merges calls that return a V.
type Group[V any] struct {
	g     singleflight.Group
	spawn func(task func(ctx context.Context)) bool
	ended error
}

// New returns a Group whose calls run in goroutines that spawn starts, under the context that spawn gives: a caller who
// leaves does not end the call for the others. spawn reports false if it starts nothing any more; calls that come then
// end with the error ended.
func New[V any](spawn func(task func(ctx context.Context)) bool, ended error) *Group[V] {
	return &Group[V]{spawn: spawn, ended: ended}
}

type result[V any] struct {
	v   V
	err error
}

// Do returns what call returns, or what an equal call that is under way does; or ctx's error, if that ends first, while
// the call goes on.
func (g *Group[V]) Do(ctx context.Context, key string, call func(ctx context.Context) (V, error)) (v V, err error) {
	out := make(chan result[V], 1)
	started := g.spawn(func(under context.Context) {
		got, err := g.g.Do(key, func() (any, error) { return guarded(under, call) })
		v, _ := got.(V)
		out <- result[V]{v, err}
	})
	if !started {
		return v, g.ended
	}
	select {
	case r := <-out:
		return r.v, r.err
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
}

// guarded turns a panic into an error: singleflight would never release the key.
func guarded[V any](ctx context.Context, call func(ctx context.Context) (V, error)) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	got, err := call(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // rather than the words of whatever noticed it
	}
	return got, err
}
