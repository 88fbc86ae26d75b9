package cachefs_test

import (
	"context"
	"fmt"
	"log"

	"github.com/millpond/millpond/cachefs"
	"github.com/millpond/millpond/ufs/memufs"
)

// A node that keeps nothing on a disk, and another one, elsewhere and later, with the same Backup.
func ExampleBackupConfig() {
	ctx := context.Background()
	bucket := memufs.New(nil) // in production: URL, such as "s3://bucket/backups"
	open := func() *cachefs.Node {
		node, err := cachefs.Open(ctx, cachefs.Config{Backup: &cachefs.BackupConfig{Store: bucket.UFS()}})
		if err != nil {
			log.Fatal(err)
		}
		return node
	}
	node := open()
	if err := node.Mkdir(ctx, "/reports/2026", &cachefs.MkdirOptions{Parents: true}); err != nil {
		log.Fatal(err)
	}
	if err := node.Close(); err != nil { // the last change is in the backup
		log.Fatal(err)
	}

	node = open()
	defer node.Close()
	info, err := node.Stat(ctx, "/reports/2026", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Path(), info.IsDir())
	// Output: /reports/2026 true
}

// Backup makes one before a risky step, without waiting for the next.
func ExampleNode_Backup() {
	ctx := context.Background()
	var made cachefs.BackupInfo
	node, err := cachefs.Open(ctx, cachefs.Config{
		Backup: &cachefs.BackupConfig{Store: memufs.New(nil).UFS()},
		Events: cachefs.Events{Backup: func(i cachefs.BackupInfo) { made = i }},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	if err := node.Mkdir(ctx, "/d", nil); err != nil {
		log.Fatal(err)
	}
	if err := node.Backup(ctx, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(made.Err, made.Bytes > 0, made.Index == node.Metrics().BackupIndex)
	// Output: <nil> true true
}
