# What the scripts of HDFS share: one NameNode and one DataNode as Java programs, from Maven's jars (64 MB), without Hadoop's
# tarball and without ssh. A script sources this file after lib.sh, and may define
#
#   more_core DIR, more_hdfs DIR    further properties of core-site.xml and hdfs-site.xml
#
# and set HOST, the servers' name, and JAVA_MORE, further options of Java.

VERSION=3.4.1
JARS=$CACHE/hadoop-$VERSION
HOST=127.0.0.1
JAVA_MORE=()

more_core() { :; }
more_hdfs() { :; }

install_hadoop() {
  debian "java mvn curl" "openjdk-17-jre-headless maven curl"
  [ ! -e "$JARS/complete" ] || return 0
  mkdir -p "$JARS"
  pom >"$JARS/pom.xml"
  again timeout 300 mvn -B -q -f "$JARS/pom.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$JARS" ||
    die "Maven cannot fetch Hadoop $VERSION in three tries"
  touch "$JARS/complete"
}

# pom names the servers and their client, which hadoop-hdfs leaves to others. Hadoop's own table of versions is imported:
# without it Maven mixes two versions of jackson, and the servers end with NoClassDefFoundError.
pom() {
  local group=org.apache.hadoop artifact
  echo "<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version><packaging>pom</packaging>"
  echo "<dependencyManagement><dependencies><dependency><groupId>$group</groupId><artifactId>hadoop-project</artifactId><version>$VERSION</version>"
  echo "<type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement><dependencies>"
  for artifact in $group:hadoop-common $group:hadoop-hdfs $group:hadoop-hdfs-client org.slf4j:slf4j-reload4j; do
    echo "<dependency><groupId>${artifact%:*}</groupId><artifactId>${artifact#*:}</artifactId><scope>compile</scope></dependency>"
  done
  echo "</dependencies></project>"
}

property() { echo "<property><name>$1</name><value>$2</value></property>"; }

# configure DIR RPC HTTP: the configuration of both servers. The pages that they insist on are in the tarball alone.
configure() {
  local dir=$1
  mkdir -p "$dir/conf/webapps/hdfs" "$dir/conf/webapps/datanode"
  {
    echo "<configuration>"
    property fs.defaultFS "hdfs://$HOST:$2"
    property hadoop.tmp.dir "$dir/tmp"
    more_core "$dir"
    echo "</configuration>"
  } >"$dir/conf/core-site.xml"
  {
    echo "<configuration>"
    property dfs.namenode.rpc-address "$HOST:$2"
    property dfs.namenode.http-address "127.0.0.1:$3"
    property dfs.namenode.name.dir "file://$dir/name"
    property dfs.datanode.data.dir "file://$dir/data"
    property dfs.datanode.hostname "$HOST"
    property dfs.replication 1
    property dfs.namenode.safemode.extension 0
    property dfs.namenode.fs-limits.min-block-size 512 # tests want many small blocks
    property dfs.heartbeat.interval 1                  # a DataNode counts from its first one on
    more_hdfs "$dir"
    echo "</configuration>"
  } >"$dir/conf/hdfs-site.xml"
  cat >"$dir/conf/log4j.properties" <<L
log4j.rootLogger=WARN,E
log4j.appender.E=org.apache.log4j.ConsoleAppender
log4j.appender.E.target=System.err
log4j.appender.E.layout=org.apache.log4j.PatternLayout
log4j.appender.E.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
L
}

# hadoop DIR CLASS ARGS...: puts Hadoop's command line into COMMAND: a small heap, and a collector without threads, since the
# servers share their processors with the tests.
hadoop() {
  local dir=$1
  shift
  COMMAND=(java --add-opens java.base/java.lang=ALL-UNNAMED -Xmx512m -XX:+UseSerialGC "${JAVA_MORE[@]}" -cp "$dir/conf:$JARS/*" "$@")
}

# state HTTP: what the NameNode says of itself.
state() { curl -sf "http://127.0.0.1:$1/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"; }

# serves HTTP: out of safe mode, and with a DataNode: files can be written.
serves() {
  local state
  state=$(state "$1")
  grep -q '"FSState" : "Operational"' <<<"$state" && grep -q '"NumLiveDataNodes" : 1,' <<<"$state"
}

# start_hdfs DIR: both servers, and the environment of those who know no more than the addresses.
start_hdfs() {
  local dir=$1 servers=org.apache.hadoop.hdfs.server rpc http data ipc info
  rpc=$(port MILLPOND_HDFS_PORT 19000)
  http=$(port MILLPOND_HDFS_HTTP_PORT $((rpc + 1)))
  data=$(port MILLPOND_HDFS_DATA_PORT $((http + 1)))
  ipc=$(port MILLPOND_HDFS_IPC_PORT $((data + 1)))
  info=$(port MILLPOND_HDFS_INFO_PORT $((ipc + 1)))
  configure "$dir" "$rpc" "$http"
  if [ ! -d "$dir/name/current" ]; then
    hadoop "$dir" $servers.namenode.NameNode -format -nonInteractive
    "${COMMAND[@]}" >"$dir/format.log" 2>&1 || die "cannot format: $(tail -n 1 "$dir/format.log")"
  fi
  hadoop "$dir" $servers.namenode.NameNode
  daemon "$dir" namenode "${COMMAND[@]}"
  await "$dir" namenode 60 state "$http"
  hadoop "$dir" $servers.datanode.DataNode "-Ddfs.datanode.address=127.0.0.1:$data" "-Ddfs.datanode.ipc.address=127.0.0.1:$ipc" \
    "-Ddfs.datanode.http.address=127.0.0.1:$info"
  daemon "$dir" datanode "${COMMAND[@]}"
  await "$dir" datanode 60 serves "$http"
  echo "MILLPOND_HDFS_NAMENODE=$HOST:$rpc"
  echo "MILLPOND_HDFS_DATANODE=127.0.0.1:$data"
}
