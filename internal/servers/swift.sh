#!/usr/bin/env bash
# OpenStack Swift: one node, one device, tempauth, from Debian's packages and without systemd. It serves S3's API as well, as it
# was long ago (s3api).
# MILLPOND_SWIFT_PORT is the proxy's port, default the first free one from 8085 on; the servers behind it take free ones from
# 6200 and 11219 on.
source "$(dirname "$0")/lib.sh"

install() {
  debian "swift-proxy-server swift-account-server swift-container-server swift-object-server swift-ring-builder memcached" \
    "swift-proxy swift-account swift-container swift-object memcached"
}

# storage DIR KIND PORT: configuration and ring of the account, container or object server.
storage() {
  local dir=$1 kind=$2 port=$3
  cat >"$dir/$kind.conf" <<C
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
workers = 0
user = $(id -un)
swift_dir = $dir
devices = $dir/srv
mount_check = false
fallocate_reserve = 0
disable_fallocate = true
log_level = WARNING
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
C
  (
    cd "$dir"
    swift-ring-builder "$kind.builder" create 6 1 0
    swift-ring-builder "$kind.builder" add "r1z1-127.0.0.1:$port/sdb1" 1
    swift-ring-builder "$kind.builder" rebalance
  ) >"$dir/$kind-ring.log" 2>&1 || die "cannot make the $kind ring: $(tail -n 1 "$dir/$kind-ring.log")"
}

# proxy DIR PORT MEMCACHED: configuration of the server that clients talk to.
proxy() {
  local dir=$1 filter filters="catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo"
  {
    printf '[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = %s\nworkers = 0\nuser = %s\nswift_dir = %s\nlog_level = WARNING\n' "$2" "$(id -un)" "$dir"
    printf '[pipeline:main]\npipeline = %s proxy-server\n[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n' "$filters"
    for filter in $filters; do
      printf '[filter:%s]\nuse = egg:swift#%s\n' "$filter" "${filter/cache/memcache}"
      case $filter in
        tempauth) printf 'user_test_tester = testing .admin\nuser_far_stranger = unknown\n' ;; # one who may do nothing in the other's account
        cache) echo "memcache_servers = 127.0.0.1:$3" ;;
      esac
    done
  } >"$dir/proxy.conf"
}

healthy() { curl -sf -o /dev/null "http://127.0.0.1:$1/healthcheck"; }

start() {
  local dir=$1 port memcached kind next=${MILLPOND_SWIFT_STORAGE_PORT:-6200} at
  need curl "install curl"
  mkdir -p "$dir/srv/sdb1"
  port=$(port MILLPOND_SWIFT_PORT 8085)
  memcached=$(port MILLPOND_SWIFT_MEMCACHED_PORT 11219)
  daemon "$dir" memcached memcached -u "$(id -un)" -l 127.0.0.1 -p "$memcached" -m 16
  await "$dir" memcached 20 listening "$memcached"
  for kind in account container object; do
    at=$(MILLPOND_SWIFT_STORAGE_PORT='' port MILLPOND_SWIFT_STORAGE_PORT "$next")
    next=$((at + 1))
    storage "$dir" "$kind" "$at"
    daemon "$dir" "swift-$kind" "swift-$kind-server" "$dir/$kind.conf" -v
    await "$dir" "swift-$kind" 60 listening "$at"
  done
  proxy "$dir" "$port" "$memcached"
  daemon "$dir" swift-proxy swift-proxy-server "$dir/proxy.conf" -v
  await "$dir" swift-proxy 60 healthy "$port"
  echo "MILLPOND_S3_KIND=s3api"
  echo "MILLPOND_S3_ENDPOINT=http://127.0.0.1:$port"
  echo "AWS_ACCESS_KEY_ID=test:tester"
  echo "AWS_SECRET_ACCESS_KEY=testing"
  echo "AWS_REGION=us-east-1"
  echo "ST_AUTH=http://127.0.0.1:$port/auth/v1.0"
  echo "ST_USER=test:tester"
  echo "ST_KEY=testing"
  echo "MILLPOND_SWIFT_STRANGER=far:stranger"
  echo "MILLPOND_SWIFT_STRANGER_KEY=unknown"
}

main "$@"
