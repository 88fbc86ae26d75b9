package cachefstest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/cachefs/cachefstest"
)

// t stands for the *testing.T of a test, which these examples do not have.
type t struct {
	testing.TB
	cleanup []func()
}

func (t *t) Helper()                   {}
func (t *t) Cleanup(f func())          { t.cleanup = append(t.cleanup, f) }
func (t *t) Errorf(s string, a ...any) { fmt.Printf(s, a...) }
func (t *t) Fatalf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }

func (t *t) end() {
	for _, f := range t.cleanup {
		f()
	}
}

func write(n *cachefs.Node, path, text string) error {
	w, err := n.Create(context.Background(), path, nil)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return errors.Join(err, w.Close())
}

// A node for a test: its store counts calls and fails by script.
func ExampleNew() {
	t := &t{}
	defer t.end()
	c := cachefstest.New(t, 1)
	fmt.Println(write(c.Node(), cachefstest.MountPath+"/f", "x"))
	c.Store.OnCall(func(op, key string) error { return errors.New("the store is down") })
	fmt.Println(write(c.Node(), cachefstest.MountPath+"/g", "x") != nil)
	_, err := c.Node().Stat(context.Background(), cachefstest.MountPath+"/f", nil)
	fmt.Println(err, c.Store.Calls()["commit"])
	// Output:
	// <nil>
	// true
	// <nil> 1
}

// Restart is what a process that ends and starts again sees: the same disk, the same store.
func ExampleCluster_Restart() {
	t := &t{}
	defer t.end()
	c := cachefstest.New(t, 1)
	fmt.Println(write(c.Node(), "/scratch", "kept on the disk tier"))
	c.Restart()
	info, err := c.Node().Stat(context.Background(), "/scratch", nil)
	fmt.Println(info.Size(), err)
	// Output:
	// <nil>
	// 21 <nil>
}
