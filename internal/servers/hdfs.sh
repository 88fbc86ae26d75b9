#!/usr/bin/env bash
# HDFS, which believes its clients who they are.
# MILLPOND_HDFS_PORT is the NameNode's port, default the first free one from 19000 on; the other ports are free ones from
# there on.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/hadoop.sh"

install() { install_hadoop; }

start() {
  start_hdfs "$1"
  echo "HADOOP_USER_NAME=$(id -un)" # the superuser there: who formats
}

main "$@"
