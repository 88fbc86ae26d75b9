# What the server scripts share. Each script is one store: it sources this file, defines
#
#   install     puts the server's files into $CACHE; does nothing when they are there
#   start DIR   starts it with its data below DIR, waits until it serves, prints the environment of its tests
#
# and, if its server needs more than signals to its process groups, before_stop DIR. It ends with: main "$@". Usage of every script:
#
#   STORE.sh install      fetch it
#   STORE.sh start DIR    install, start, print NAME=VALUE lines (nothing else goes to stdout)
#   STORE.sh stop DIR     stop what start started in DIR
#   STORE.sh run COMMAND  start, run COMMAND with that environment, stop; its status is COMMAND's
#
# What goes wrong ends the script with status 1 and one line: "STORE: what, and what would do". Status 3 says that the
# store cannot run here (it needs root, a package that this machine cannot get).
#
# MILLPOND_SERVERS is where downloads are kept. Default: millpond/servers in the user's cache directory.
set -euo pipefail
shopt -s inherit_errexit # run starts the server within $(...)

STORE=$(basename "$0" .sh)
CACHE=${MILLPOND_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/millpond/servers}

say() { echo "$STORE: $*" >&2; }
die() { say "$*"; exit 1; }
cannot() { say "$*"; exit 3; }

# need COMMAND ADVICE...: a command that the script cannot do without.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null || cannot "no $command on this machine: $*"
}

# again COMMAND...: run it up to three times. Its output is shown when the last try fails.
again() {
  local n log
  log=$(mktemp)
  for n in 1 2 3; do
    if "$@" >"$log" 2>&1; then
      rm -f "$log"
      return 0
    fi
    [ "$n" = 3 ] || sleep $((n * 5))
  done
  tail -n 5 "$log" >&2
  rm -f "$log"
  return 1
}

# debian COMMANDS PACKAGES: Debian's packages, unless their commands are there. Both are lists with spaces between.
debian() {
  local commands packages
  read -ra commands <<<"$1"
  read -ra packages <<<"$2"
  if type "${commands[@]}" >/dev/null 2>&1; then return 0; fi # every one: command -v wants but one
  [ "$(id -u)" = 0 ] || cannot "${commands[*]}: not all are installed, and root alone can: apt-get install $2"
  need apt-get "want a Debian, or install $2"
  again apt-get update || die "apt-get update fails in three tries"
  again env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}" ||
    die "apt-get cannot install $2 in three tries"
}

# go_tool PACKAGE@VERSION: build a Go program into the cache; its path goes to stdout.
go_tool() {
  local package=${1%@*} version=${1#*@} dir
  dir=$CACHE/$(basename "$package")-$version
  if [ ! -x "$dir/$(basename "$package")" ]; then
    need go "install Go first"
    mkdir -p "$dir"
    CGO_ENABLED=0 GOBIN=$dir again go install "$1" || die "cannot build $1 in three tries"
  fi
  echo "$dir/$(basename "$package")"
}

# listening PORT: something answers there.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# CLAIMS are the ports that scripts have chosen, each a directory with the process that chose it and the server's DIR: two scripts that start
# at the same time would else both find a port free, and one would talk to the other's server.
CLAIMS=${MILLPOND_PORTS:-/tmp/millpond-ports}
SERVER_DIR= # of the server that this script starts

# claim PORT: it is this script's, until its server is stopped; false if it is another's.
claim() {
  local pid dir
  mkdir -p -m 1777 "$CLAIMS"
  if ! mkdir "$CLAIMS/$1" 2>/dev/null; then
    read -r pid dir 2>/dev/null <"$CLAIMS/$1/by" || return 1
    if kill -0 "$pid" 2>/dev/null || [ -s "$dir/pids" ]; then return 1; fi
    rm -rf "${CLAIMS:?}/$1" # it was killed
    mkdir "$CLAIMS/$1" 2>/dev/null || return 1
  fi
  echo "$$ $SERVER_DIR" >"$CLAIMS/$1/by"
}

# unclaim DIR: gives back the ports of the server in DIR.
unclaim() {
  local by pid dir
  for by in "$CLAIMS"/*/by; do
    read -r pid dir 2>/dev/null <"$by" || continue
    [ "$dir" != "$1" ] || rm -rf "$(dirname "$by")"
  done
}

# port VARIABLE DEFAULT: the port that the environment names, or the first free one from DEFAULT on.
port() {
  local asked=${!1:-} p
  if [ -n "$asked" ]; then
    ! listening "$asked" || die "port $asked is taken: set $1 to a free one"
    echo "$asked"
    return
  fi
  for ((p = $2; p < $2 + 50; p++)); do
    if ! listening "$p" && claim "$p"; then
      echo "$p"
      return
    fi
  done
  die "ports $2 to $((p - 1)) are all taken: set $1 to a free one"
}

# daemon DIR NAME COMMAND...: run it in the background, its output in DIR/NAME.log, its process group noted for stop.
daemon() {
  local dir=$1 name=$2
  shift 2
  setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
  echo $! >>"$dir/pids"
}

# await DIR NAME SECONDS COMMAND...: wait until COMMAND succeeds; what daemon NAME said last if it does not.
await() {
  local dir=$1 name=$2 seconds=$3 pid
  shift 3
  pid=$(tail -n 1 "$dir/pids")
  for ((n = 0; n < seconds * 10; n++)); do
    if "$@" >/dev/null 2>&1; then
      return 0
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  stop "$dir"
  die "$name did not come up in $seconds s: $(tail -n 1 "$dir/$name.log")"
}

# before_stop DIR: what a script does first when it stops. It must not fail where nothing is there yet.
before_stop() { :; }

# stop DIR: end what was started in DIR, politely, then not.
stop() {
  before_stop "$1"
  [ -d "$1" ] || return 0
  end "$1"
  unclaim "$(cd "$1" && pwd)"
}

# end DIR: the processes that were started in DIR.
end() {
  local pid n
  [ -f "$1/pids" ] || return 0
  while read -r pid; do
    kill -TERM -- "-$pid" 2>/dev/null || true
  done <"$1/pids"
  while read -r pid; do
    for ((n = 0; n < 100; n++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$pid" 2>/dev/null || true
  done <"$1/pids"
  rm -f "$1/pids"
}

# run COMMAND...: the server is there for as long as the command runs.
run() {
  RUN_DIR=$(mktemp -d)
  trap 'stop "$RUN_DIR"; rm -rf "$RUN_DIR"' EXIT
  local environment
  SERVER_DIR=$(cd "$RUN_DIR" && pwd)
  environment=$(start "$SERVER_DIR")
  # shellcheck disable=SC2046 # a line is a word
  env $(printf '%s' "$environment") "$@"
}

main() {
  case "${1:-} $#" in
    "install 1") install ;;
    "start 2")
      install
      mkdir -p "$2"
      [ ! -s "$2/pids" ] || die "$2 has a server already: $0 stop $2"
      SERVER_DIR=$(cd "$2" && pwd)
      start "$SERVER_DIR"
      ;;
    "stop 2") stop "$2" ;;
    "run "*)
      shift
      [ $# -gt 0 ] || die "run what? usage: $0 run COMMAND"
      install
      run "$@"
      ;;
    *) die "usage: $0 install | start DIR | stop DIR | run COMMAND" ;;
  esac
}
