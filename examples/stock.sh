#!/bin/sh
# Counts in FILE: any number may look at it together, and one at a time changes it.
#
#     sh stock.sh apples add 3
#     sh stock.sh apples show
set -eu
file=$1
case $2 in
show)
    ipc lock run "$(basename "$file")" --shared --timeout 30s -- cat "$file"
    ;;
add)
    ipc lock run "$(basename "$file")" --timeout 30s -- \
        sh -c 'echo $(($(cat "$1" 2>/dev/null) + $2)) >"$1"' sh "$file" "$3"
    ;;
esac
