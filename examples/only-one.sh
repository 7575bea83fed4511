#!/bin/sh
# Runs COMMAND while no other one holds LOCK; after one that was killed
# CLEANUP comes first. The lock is this shell's, from one command to the next.
#
#     sh only-one.sh deploy ./clean-up ./deploy
set -eu
lock=$1
cleanup=$2
shift 2
taken=$(ipc -q lock acquire "$lock" --owner $$ --timeout 30s --json)
case $taken in
*'"recovered":true'*) "$cleanup" ;;
esac
"$@"
ipc lock release "$lock" --owner $$
