#!/bin/sh
# Runs main.sh of the tar on /dev/vdb, puts what it left in /run/results as a tar on /dev/vdc, and powers off.
mkdir -p /run/payload /run/results
tar -xf /dev/vdb -C /run/payload
cd /run/payload || exit
sh ./main.sh
status=$?
tar -cf /dev/vdc -C /run/results .
sync
echo "end $status" >/dev/ttyS1
systemctl poweroff --force
