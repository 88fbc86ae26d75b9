package ufstest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/memufs"
	"github.com/millpond/millpond/ufs/ufstest"
)

func ExampleNewFaulty() {
	f, err := ufstest.NewFaulty(memufs.New(nil), "stat key=a/* nth=2- fail=permission")
	if err != nil {
		panic(err)
	}
	s, err := ufs.New(f, "mem://faulty", nil)
	if err != nil {
		panic(err)
	}
	defer s.Close()
	for range 2 {
		_, err = s.Stat(context.Background(), "a/b")
		fmt.Println(errors.Is(err, ufs.ErrNotExist), errors.Is(err, ufs.ErrPermission))
	}
	fmt.Println(f.Log())
	// Output:
	// true false
	// false true
	// [stat a/b stat a/b]
}

func ExampleParseScript() {
	s, err := ufstest.ParseScript(`
		# the third answer is cut short
		open nth=3 cut=1000
		* delay=5ms key="with space"
	`)
	fmt.Print(s)
	fmt.Println(err)
	// Output:
	// open nth=3 cut=1000
	// * key="with space" delay=5ms
	// <nil>
}
