package fileufs

import "slices"

// servedByOthers are the kinds of file systems that another machine or process serves: statfs(2) and the kernel's magic.h.
var servedByOthers = []uint64{
	0x65735546, // FUSE: GlusterFS, sshfs, bucket mounts
	0x6969,     // NFS
	0xff534d42, // CIFS
	0xfe534d42, // SMB2
	0x517b,     // SMB
	0x00c36400, // Ceph
	0x0bd00bd3, // Lustre
	0x47504653, // GPFS
	0x19830326, // BeeGFS
	0x01021997, // 9P
	0x5346414f, // AFS
}

func isDistant(kind uint64) bool { return slices.Contains(servedByOthers, kind&0xffffffff) }
