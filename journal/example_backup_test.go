package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"

	"github.com/millpond/millpond/journal"
)

func ExampleJournal_Backup() {
	ctx := context.Background()
	j, err := journal.Open(ctx, journal.Config{}, newRegister())
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := j.Propose(ctx, journal.OpID{}, []byte("add apples")); err != nil {
		log.Fatal(err)
	}
	var kept bytes.Buffer
	if _, err := j.Backup(ctx, &kept); err != nil {
		log.Fatal(err)
	}
	_ = j.Close(ctx)

	r := newRegister()
	j, err = journal.Open(ctx, journal.Config{
		Restore: func(_ context.Context, _ string, restore func(io.Reader) error) error { return restore(&kept) },
	}, r)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close(ctx) }()
	fmt.Println(r.get("apples"), j.Index())
	// Output: 1 1
}
