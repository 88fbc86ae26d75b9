package journal_test

import (
	"context"
	"fmt"
	"log"

	"github.com/millpond/millpond/journal"
)

func ExampleOpen() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister()) // in memory; Config.Dir makes it durable
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close(ctx) }()
	fmt.Println("primary:", j.Primary())
	// Output: primary: true
}

func ExampleJournal_Propose() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close(ctx) }()
	session := j.Session()
	op := session.Next()
	for range 2 { // the second one is a retry: it gets the first one's answer
		answer, index, err := j.Propose(ctx, op, []byte("add apples"))
		fmt.Println(string(answer), index, err)
	}
	session.Done(op)
	// Output:
	// 1 1 <nil>
	// 1 1 <nil>
}

func ExampleJournal_Subscribe() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close(ctx) }()
	for _, fruit := range []string{"apples", "pears"} {
		if _, _, err := j.Propose(ctx, journal.OpID{}, []byte("add "+fruit)); err != nil {
			log.Fatal(err)
		}
	}
	for e, err := range j.Subscribe(ctx, 1) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Index, string(e.Cmd))
		if e.Index == j.Index() {
			break
		}
	}
	// Output:
	// 1 add apples
	// 2 add pears
}
