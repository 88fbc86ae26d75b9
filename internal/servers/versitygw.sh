#!/usr/bin/env bash
# S3: versitygw over a directory. Objects are plain files with extended attributes below DIR/data.
# MILLPOND_VERSITYGW_PORT is its port. Default: the first free one from 7070 on.
source "$(dirname "$0")/lib.sh"

install() { BIN=$(go_tool github.com/versity/versitygw/cmd/versitygw@v1.8.0); }

start() {
  local dir=$1 port
  port=$(port MILLPOND_VERSITYGW_PORT 7070)
  mkdir -p "$dir/data"
  ROOT_ACCESS_KEY=access-of-tests ROOT_SECRET_KEY=secret-of-tests \
    daemon "$dir" versitygw "$BIN" --port "127.0.0.1:$port" --quiet --keep-alive --health /health posix "$dir/data"
  await "$dir" versitygw 20 listening "$port"
  echo "MILLPOND_S3_ENDPOINT=http://127.0.0.1:$port"
  echo "MILLPOND_S3_DATA=$dir/data"
  echo "AWS_ACCESS_KEY_ID=access-of-tests"
  echo "AWS_SECRET_ACCESS_KEY=secret-of-tests"
  echo "AWS_REGION=us-east-1"
}

main "$@"
