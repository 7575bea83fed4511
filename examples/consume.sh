#!/bin/sh
# Takes COUNT messages from the queue NAME and prints each on a line.
#
#     sh consume.sh jobs 3
set -eu
queue=$1
count=$2
ipc mq recv "$queue" -n "$count" --newline --timeout 30s
