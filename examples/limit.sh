#!/bin/sh
# Runs COMMAND for each line of input, at most LIMIT at a time.
#
#     seq 10 | sh limit.sh builders 3 echo
set -eu
semaphore=$1
limit=$2
shift 2
ipc -q sem create "$semaphore" "$limit"
trap 'ipc sem rm "$semaphore"' EXIT
while read -r line; do
    ipc sem acquire "$semaphore" --timeout 30s
    { "$@" "$line"; ipc sem release "$semaphore"; } &
done
wait
