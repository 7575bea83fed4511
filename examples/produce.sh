#!/bin/sh
# Sends the numbers from 1 to COUNT to the queue NAME, which is made when it is missing.
#
#     sh produce.sh jobs 3
set -eu
queue=$1
count=$2
seq "$count" | sed 's/^/job /' |
    ipc mq send "$queue" --lines --create --max-messages 4 --max-size 64 --timeout 30s
