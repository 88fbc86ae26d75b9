package journal_test

import (
	"context"
	"fmt"
	"log"
	"os"

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

// written is a closed journal on disk with two changes.
func written() (dir string) {
	dir, err := os.MkdirTemp("", "journal-example-")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{Dir: dir, NodeID: "n1"}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	for _, fruit := range []string{"apples", "pears"} {
		if _, _, err := j.Propose(ctx, journal.OpID{}, []byte("add "+fruit)); err != nil {
			log.Fatal(err)
		}
	}
	if err := j.Close(ctx); err != nil {
		log.Fatal(err)
	}
	return dir
}

func ExampleCheck() {
	dir := written()
	defer os.RemoveAll(dir)
	report, err := journal.Check(dir)
	fmt.Println(report.Node, report.Changes, "changes,", len(report.Problems), "problems", err)
	// Output: n1 2 changes, 0 problems <nil>
}

func ExampleDump() {
	dir := written()
	defer os.RemoveAll(dir)
	lines := &commands{}
	if err := journal.Dump(lines, dir, func(cmd []byte) string { return "<" + string(cmd) + ">" }); err != nil {
		log.Fatal(err)
	}
	fmt.Println(lines.n, "commands")
	// Output: 2 commands
}

// commands counts the lines of a dump that are commands.
type commands struct{ n int }

func (c *commands) Write(p []byte) (int, error) {
	if p[len(p)-2] == '>' {
		c.n++
	}
	return len(p), nil
}

func ExampleJournal_Checkpoint() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close(ctx) }()
	if _, _, err := j.Propose(ctx, journal.OpID{}, []byte("add apples")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(j.Checkpoint(ctx), j.Metrics().Checkpoints)
	// Output: <nil> 1
}

func ExampleJournal_KV() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close(ctx) }()
	kv := j.KV() // this node's own, not replicated
	if err := kv.Put("upload/7", []byte("part 3")); err != nil {
		log.Fatal(err)
	}
	value, ok, err := kv.Get("upload/7")
	fmt.Println(string(value), ok, err)
	// Output: part 3 true <nil>
}

func ExampleJournal_Barrier() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close(ctx) }()
	fmt.Println(j.Barrier(ctx)) // what was acknowledged anywhere before is applied here
	// Output: <nil>
}

func ExampleJournal_PrimaryContext() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	led := j.PrimaryContext() // for what only the primary does
	fmt.Println(led.Err())
	_ = j.Close(ctx)
	fmt.Println(led.Err())
	// Output:
	// <nil>
	// context canceled
}
