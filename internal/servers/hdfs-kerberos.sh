#!/usr/bin/env bash
# HDFS that believes nobody without a ticket: the servers of hdfs.sh, and a KDC from Debian's packages with a realm of its own.
# MILLPOND_KDC_PORT is the KDC's port, default the first free one from 18888 on; the others are those of hdfs.sh.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/hadoop.sh"

PATH=$PATH:/usr/sbin # the KDC's programs are there, where an ordinary user does not look
REALM=MILLPOND.TEST
HOST=localhost # a principal's name has a host

install() {
  debian "krb5kdc kdb5_util kadmin.local kinit" "krb5-kdc krb5-admin-server krb5-user"
  install_hadoop
}

# realm FILE NAME PORT: the configuration of those who want tickets of a realm.
realm() {
  cat >"$1" <<C
[libdefaults]
default_realm = $2
dns_lookup_kdc = false
rdns = false
udp_preference_limit = 1
[realms]
$2 = {
  kdc = 127.0.0.1:$3
}
[domain_realm]
localhost = $2
C
}

# kdc DIR PORT: the KDC with all principals and their keytab.
kdc() {
  local dir=$1 name
  cat >"$dir/kdc.conf" <<C
[kdcdefaults]
kdc_listen = 127.0.0.1:$2
kdc_tcp_listen = 127.0.0.1:$2
[realms]
$REALM = {
  database_name = $dir/principal
  key_stash_file = $dir/stash
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
}
[logging]
kdc = FILE:$dir/requests.log
C
  export KRB5_CONFIG=$dir/krb5.conf KRB5_KDC_PROFILE=$dir/kdc.conf
  if [ ! -e "$dir/principal" ]; then
    {
      kdb5_util create -s -r $REALM -P "$RANDOM$RANDOM"
      for name in hdfs/$HOST HTTP/$HOST miller stranger; do
        kadmin.local -r $REALM add_principal -randkey "$name"
        kadmin.local -r $REALM ktadd -k "$dir/keytab" "$name"
      done
    } >"$dir/realm.log" 2>&1 || die "cannot make a realm: $(tail -n 1 "$dir/realm.log")"
  fi
  daemon "$dir" krb5kdc krb5kdc -n
  await "$dir" krb5kdc 20 listening "$2"
}

more_core() {
  property hadoop.security.authentication kerberos
  property hadoop.security.authorization true
  property hadoop.rpc.protection privacy
  property hadoop.user.group.static.mapping.overrides "miller=supergroup;hdfs=supergroup;stranger=strangers"
}

# The DataNode may have ports that anybody may have, which is no good but for tests.
more_hdfs() {
  local dir=$1 server
  for server in namenode datanode; do
    property dfs.$server.kerberos.principal "hdfs/_HOST@$REALM"
    property dfs.$server.keytab.file "$dir/keytab"
  done
  property dfs.web.authentication.kerberos.principal "HTTP/_HOST@$REALM"
  property dfs.web.authentication.kerberos.keytab "$dir/keytab"
  property dfs.block.access.token.enable true
  property dfs.data.transfer.protection privacy
  property dfs.encrypt.data.transfer.cipher.suites AES/CTR/NoPadding # without it the library cannot read
  property ignore.secure.ports.for.testing true
}

# login DIR FILE OPTION...: a ticket of the superuser's.
login() {
  local dir=$1 file=$2
  shift 2
  kinit -k -t "$dir/keytab" -c "FILE:$dir/$file" "$@" miller >"$dir/kinit.log" 2>&1 || die "the KDC gives no ticket: $(tail -n 1 "$dir/kinit.log")"
}

start() {
  local dir=$1 kdc
  kdc=$(port MILLPOND_KDC_PORT 18888)
  realm "$dir/krb5.conf" $REALM "$kdc"
  realm "$dir/elsewhere.conf" ELSEWHERE.TEST "$kdc"
  kdc "$dir" "$kdc"
  login "$dir" expired -l 1s # so it is when the servers are up
  JAVA_MORE=("-Djava.security.krb5.conf=$dir/krb5.conf")
  start_hdfs "$dir"
  login "$dir" tickets
  echo "HADOOP_CONF_DIR=$dir/conf"
  echo "KRB5_CONFIG=$dir/krb5.conf"
  echo "KRB5CCNAME=FILE:$dir/tickets"
  echo "MILLPOND_HDFS_REALM=$dir"
}

main "$@"
