#!/usr/bin/env bash
# Azure Blob: azurite over a directory.
# MILLPOND_AZURITE_PORT is its port. Default: the first free one from 10000 on.
source "$(dirname "$0")/lib.sh"

VERSION=3.35.0

install() {
  BIN=$CACHE/azurite-$VERSION/node_modules/.bin/azurite-blob
  [ ! -x "$BIN" ] || return 0
  need npm "install Node.js and npm"
  mkdir -p "$CACHE/azurite-$VERSION"
  again npm install --no-audit --no-fund --prefix "$CACHE/azurite-$VERSION" "azurite@$VERSION" || die "npm cannot install azurite@$VERSION in three tries"
}

start() {
  local dir=$1 port key
  port=$(port MILLPOND_AZURITE_PORT 10000)
  key=$(echo millpond-test-key | base64)
  # Azurite 3.35 knows no API version as new as the SDK's: --skipApiVersionCheck.
  AZURITE_ACCOUNTS="millpond:$key" daemon "$dir" azurite "$BIN" --silent --skipApiVersionCheck --disableTelemetry \
    --blobHost 127.0.0.1 --blobPort "$port" --location "$dir"
  await "$dir" azurite 30 listening "$port"
  echo "MILLPOND_AZURE_ENDPOINT=http://127.0.0.1:$port/millpond"
  echo "AZURE_STORAGE_ACCOUNT=millpond"
  echo "AZURE_STORAGE_KEY=$key"
}

main "$@"
