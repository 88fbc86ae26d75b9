#!/usr/bin/env bash
# Google Cloud Storage: fake-gcs-server in memory (over a directory it loses names that end in "/" and refuses those of 255 bytes).
# MILLPOND_FAKEGCS_PORT is its port. Default: the first free one from 4443 on.
source "$(dirname "$0")/lib.sh"

install() { BIN=$(go_tool github.com/fsouza/fake-gcs-server@v1.56.1); }

start() {
  local dir=$1 port
  port=$(port MILLPOND_FAKEGCS_PORT 4443)
  # It hands out URLs of uploads with the name that it is told to have.
  daemon "$dir" fakegcs "$BIN" -scheme http -host 127.0.0.1 -port "$port" -backend memory \
    -public-host "127.0.0.1:$port" -external-url "http://127.0.0.1:$port" -log-level error
  await "$dir" fakegcs 20 listening "$port"
  echo "MILLPOND_GCS_ENDPOINT=http://127.0.0.1:$port"
  # The SDK asks once whether this is a machine of Google's, and may leave that connection behind: it is told so.
  echo "GCE_METADATA_HOST=127.0.0.1:1"
}

main "$@"
