// Package hdfsufs is the under store of a directory in HDFS, by Hadoop's own protocols. Import it for its scheme, or use
// [Open].
//
// # URL
//
//	hdfs://namenode:port/path?user=NAME
//
// For namenode stands a host, with port 8020 if none is said; several of them with commas between, of which the active
// one is found ("nn1:8020,nn2:8020"; if one has a port, the last has one); a name service of Hadoop's configuration; or
// nothing, for that of fs.defaultFS. user is its one option: who works there. An option that looks like a secret is refused.
//
// Two places with a NameNode's address in common are of one file system. A name service and its NameNodes' addresses are not
// seen to be one: the configuration of another machine may have others.
//
// # Configuration
//
// That of Hadoop's clients, core-site.xml and hdfs-site.xml in HADOOP_CONF_DIR or HADOOP_HOME/conf: fs.defaultFS,
// dfs.ha.namenodes, dfs.namenode.rpc-address, dfs.client.use.datanode.hostname, hadoop.security.authentication,
// dfs.namenode.kerberos.principal, dfs.data.transfer.protection, dfs.encrypt.data.transfer. Without it a URL that names its
// NameNodes is enough.
//
// Without Kerberos HDFS believes what it is told: the user of the URL or of Options, else HADOOP_USER_NAME, else the
// system's.
//
// With Kerberos, where hadoop.security.authentication is kerberos, it is the ticket that kinit left in the file that KRB5CCNAME
// names (default /tmp/krb5cc_UID; other kinds of caches cannot be read), or the client that Options.Kerberos hands over. The
// file is read again when it was written again, so that who has kinit run from time to time goes on.
// KRB5_CONFIG (default /etc/krb5.conf) says where the realm's KDCs are, and the realm of the NameNodes by
// domain_realm. Wanted are dfs.namenode.kerberos.principal, in which _HOST stands for the host of the URL, and
// dfs.data.transfer.protection as the DataNodes have it. No key or ticket gets into an identity, a log or an error.
//
// # Model
//
// Keys are paths below the directory; its directories are real ones. Files are written aside and renamed: a temporary
// file, in the directory of the file or, with Parents, the nearest that is there, has a name of the form ".millpond-tmp-" and
// 16 hexadecimal digits. Such names are not listed, and refused as keys. Names with a colon, which HDFS has not, are
// driver.ErrInvalid. Symbolic links, which HDFS has but nobody may use, and names that are no keys are left out of listings
// and counted in driver.Page.Skipped.
//
// A version is file id, length and modification time: "16402-1530-1763977200123". Another file under the name has another
// id, an append another length; a rename, a mode and an owner are no part of it. HDFS takes no version as a condition of a
// read; package ufs looks at the end of each whether it still is the file that was opened.
//
// Files of an encryption zone and erasure-coded ones are driver.ErrUnsupported to Open and Create: the library would take
// what it finds for plain bytes.
//
// # Requests
//
// To the NameNode:
//
//	Stat               1 (getFileInfo)
//	List               1 for each 1,000 entries (getListing); recursive, 1 for each directory at least, and for each
//	                   level of the key that a page begins in
//	Open               1, and 2 more if there is something to read; ufs adds 1 where it was asked for a version
//	Create             2, and 1 for each directory that Parents finds missing; Write 2 for each block
//	Commit             3: complete, rename, a look; 2 more each 10 ms until the DataNodes have told of the last blocks;
//	                   with Parents that were missing 2 more
//	Abort              1
//	Delete             1; of a directory that holds but temporary files 1 for each and 2 more
//	Rename             3
//	Mkdir              2
//	SetMode, SetOwner  2
//
// A connection serves one call at a time, and waits 3 s for the next one. A new one that opens or creates files asks once
// for the defaults; each asks once a second that its leases be kept. A body, and each block that is written, has a
// connection to a DataNode.
//
// # Errors
//
//	FileNotFoundException, a path through a file          ErrNotExist; of the second ErrNotDir as well
//	FileAlreadyExistsException                            ErrExist
//	PathIsNotEmptyDirectoryException                      ErrNotEmpty
//	AccessControlException, AuthorizationException        ErrPermission
//	a cluster that wants Kerberos, of who comes without   ErrPermission, with what to set
//	a ticket that is missing, over or not for this cluster    ErrPermission, with what to do
//	no KDC that answers                                   ErrUnavailable
//	InvalidPathException, HadoopIllegalArgumentException, a name that is too long    ErrInvalid
//	SnapshotAccessControlException                        ErrReadOnly
//	UnsupportedOperationException, RpcNoSuchMethodException    ErrUnsupported
//	SafeModeException, RetriableException, ServerTooBusyException    *driver.Retryable
//	StandbyException of all, no NameNode that can be reached    ErrUnavailable
//	a change whose answer is lost                         *driver.Unknown, unless the file's id tells what became of it:
//	                                                      Commit and Rename look, and ask again up to 3 times
//	else                                                  an error with method, class and first line
//
// Bytes that are not those of their checksum are an error, after which the next DataNode is asked.
//
// # Guarantees and limits
//
//   - Commit and Rename replace a file in one step; with IfAbsent, or without overwrite, they refuse an existing name in
//     one step. A directory moves in one step.
//   - What is cut, cancelled or aborted publishes nothing and leaves no temporary file: its removal goes on for up to 30 s where the context has
//     ended, a second of that in the caller's way. One that a crash left is removed
//     when its directory is next listed, 10 minutes after its last byte and once the NameNode says that nobody writes it,
//     which it knows 20 minutes after a writer died.
//   - An upload is not mended when a DataNode fails: it fails. A block that takes less
//     time than the DataNodes to tell the NameNode of the block before (NotReplicatedYetException) waits for them, as a
//     Commit does, until the context ends or 10 s are over.
//   - DataNodes that protect blocks (dfs.data.transfer.protection) may do so by authentication, or by privacy with AES
//     (dfs.encrypt.data.transfer.cipher.suites). What they do by integrity, or by privacy without AES, the library cannot read: it is
//     driver.ErrUnsupported to Open, and to a writer's first block. Calls to NameNodes may have any hadoop.rpc.protection.
//   - New files have 0644 and directories 0755, whatever the umask; replicas and block size as the NameNode's defaults say.
//
// # Concurrency
//
// That of driver.Store. A context that ends closes the connections of its call. A store holds the library's goroutines, one
// for each connection to a NameNode and two for each block that is being written, until Close.
package hdfsufs
