#!/bin/sh
# Books the sums of DEPOSITS and WITHDRAWALS, two files with a number on each
# line, on the account NAME by two processes at once, and prints the balance.
#
#     seq 500 > in && seq 300 > out && sh account.sh account in out
set -eu
account=$1
deposits=$2
withdrawals=$3
ipc -q value create "$account" int64 0
trap 'ipc value rm "$account"' EXIT
while read -r sum; do
    ipc value add "$account" "$sum"
done < "$deposits" > /dev/null &
sed 's/^/-/' "$withdrawals" | ipc value add "$account" --lines > /dev/null
wait $!
ipc value get "$account"
