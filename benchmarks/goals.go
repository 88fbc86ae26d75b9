package main

// goals lists every goal, one function a file's idea. Lines beside the numbered goals start at 100.
func goals() []goal {
	return []goal{
		{1, "hot 1 MiB ReadAt", hotLarge},
		{2, "random 4 KiB ReadAt", random4K},
		{3, "hot 64 B ReadAt", hotSmall},
		{4, "View and Release", viewRelease},
		{5, "8 goroutines on one block", oneBlock},
		{6, "host's memory and collector", hostMemory},
		{7, "admit a block", admit},
		{8, "peer reads of 1 MiB", largePeerReads},
		{9, "peer reads of 4 KiB", smallPeerReads},
		{10, "encrypted peer reads", encryptedPeerReads},
		{11, "stat", stat},
		{12, "memory of 10 million files", tenMillion},
		{13, "sorted List of 10,000", list},
		{14, "checkpoint pause", checkpointPause},
		{15, "changes a second, one node", changes},
		{15, "changes a second, three nodes", changesOfThree},
		{16, "cold reads of an S3 server", coldS3},
		{17, "writes", writes},
		{17, "writes to an S3 server", writesS3},
		{18, "open, read 4 KiB, close", openReadClose},
		{19, "embedded rclone VFS", rcloneVFS},
		{20, "hit ratios on the traces", hitRatios},
		{21, "disk tier", diskTier},
		{100, "cold start", coldStart},
		{101, "cold readers of one file, four nodes", coldShared},
		{102, "failover, 50 kills", failover},
		{103, "changes a second, by nodes", changesByNodes},
		{104, "stats while another node writes", statsWhileWriting},
		{105, "node joins 1 million files", joins},
		{106, "node joins 10 million files", largeJoins},
		{107, "ring", ringTable},
		{108, "idle nodes", idleNodes},
	}
}
