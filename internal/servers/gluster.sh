#!/usr/bin/env bash
# GlusterFS: a volume of one brick, in a network namespace of its own (Gluster refuses the addresses of loopback), mounted
# at DIR/first and DIR/second as by two hosts, which see each other's changes at once. From Debian's packages and without
# systemd. Beside the usual:
#
#   gluster.sh mount DIR NAME [OPTION...]   mount the volume at DIR/NAME; DIR/NAME.pid has the process that serves the mount
#   gluster.sh unmount DIR NAME             also one whose process is dead
#   gluster.sh profile DIR ARGUMENT...      what Gluster's own "volume profile" says of the calls that reached the brick
#   gluster.sh option DIR NAME VALUE        set an option of the volume
#   gluster.sh bricks DIR                   start bricks that are dead; DIR/run/vols/millpond/*.pid has their processes
source "$(dirname "$0")/lib.sh"

IP=10.79.0.1

install() {
  [ "$(id -u)" = 0 ] || cannot "root alone can mount a volume and make a network namespace"
  need unshare "install util-linux"
  [ -c /dev/fuse ] || cannot "no /dev/fuse on this machine: load the kernel's module fuse, or give the container the device"
  unshare --net true 2>/dev/null || cannot "no network namespace may be made here: it takes CAP_SYS_ADMIN"
  debian "glusterd gluster glusterfs" "glusterfs-server glusterfs-client"
  debian "ip" "iproute2"
}

# network DIR: the name of DIR's network namespace.
network() { echo "millpond-gluster-$(stat -c %i "$1")"; }

# inside DIR: what runs a command in DIR's network. "ip netns exec" would make its mounts in a namespace that nobody else sees.
inside() { echo "nsenter --net=/run/netns/$(network "$1")"; }

volume() { $(inside "$1") gluster --mode=script --glusterd-sock="$1/glusterd.socket" "${@:2}"; }

# mount_volume DIR NAME OPTION...
mount_volume() {
  local dir=$1 name=$2
  shift 2
  mkdir -p "$dir/$name"
  daemon "$dir" "$name" $(inside "$dir") glusterfs --no-daemon --pid-file="$dir/$name.pid" \
    --volfile-server="$IP" --volfile-id=millpond --log-file="$dir/$name.client.log" "$@" "$dir/$name"
  await "$dir" "$name" 30 mountpoint -q "$dir/$name"
}

unmount_volume() { umount --lazy "$1/$2"; }

start() {
  local dir=$1 net name
  need mountpoint "install util-linux"
  net=$(network "$dir")
  ip netns add "$net" 2>/dev/null || cannot "this root may not make a network namespace: it takes CAP_SYS_ADMIN of the machine"
  ip -n "$net" link set lo up
  ip -n "$net" address add "$IP/32" dev lo
  mkdir -p "$dir/brick" "$dir/work" "$dir/run"
  cat >"$dir/glusterd.vol" <<V
volume management
    type mgmt/glusterd
    option working-directory $dir/work
    option run-directory $dir/run
    option glusterd-sockfile $dir/glusterd.socket
    option transport-type socket
    option transport.socket.bind-address $IP
    option ping-timeout 0
    option event-threads 1
    option max-port 60999
end-volume
V
  daemon "$dir" glusterd $(inside "$dir") glusterd --no-daemon -f "$dir/glusterd.vol" -l "$dir/glusterd.messages" -L WARNING -p "$dir/glusterd.pid"
  await "$dir" glusterd 30 volume "$dir" pool list
  {
    volume "$dir" volume create millpond "$IP:$dir/brick" force &&
      volume "$dir" volume start millpond
  } >"$dir/volume.log" 2>&1 || die "cannot make the volume: $(tail -n 1 "$dir/volume.log")"
  for name in first second; do
    mount_volume "$dir" "$name" --attribute-timeout=0 --entry-timeout=0 --xlator-option=millpond-md-cache.pass-through=true
  done
  echo "MILLPOND_GLUSTER_DIR=$dir"
}

# start_bricks DIR: more than once, since glusterd may not have noticed yet that they are dead.
start_bricks() {
  local n
  for ((n = 0; n < 30; n++)); do
    volume "$1" volume start millpond force >"$1/volume.log" 2>&1 || true
    if volume "$1" volume status millpond detail | grep -q '^Online.*: Y'; then return 0; fi
    sleep 1
  done
  die "the brick does not start: $(tail -n 1 "$1/volume.log")"
}

# before_stop: bricks are daemons of their own; all that runs in the network goes.
before_stop() {
  local dir net pid
  [ -d "$1" ] || return 0
  dir=$(cd "$1" && pwd)
  net=$(network "$dir")
  [ -e "/run/netns/$net" ] || return 0
  for pid in "$dir"/*.pid; do # of mounts, but for one
    unmount_volume "$dir" "$(basename "$pid" .pid)" 2>/dev/null || true
  done
  for pid in $(ip netns pids "$net"); do kill -KILL "$pid" 2>/dev/null || true; done
  ip netns delete "$net"
}

case "${1:-}" in
  mount) mount_volume "${@:2}" ;;
  unmount) unmount_volume "$2" "$3" ;;
  profile) volume "$2" volume profile millpond "${@:3}" ;;
  option) volume "$2" volume set millpond "$3" "$4" ;;
  bricks) start_bricks "$2" ;;
  *) main "$@" ;;
esac
