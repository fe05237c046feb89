#!/bin/sh
# PM2 restarts what ends, not what hangs: this asks an agent's /livez, and has PM2 restart it after three silences in a row.
# usage: pm2_watch.sh NAME URL [SECONDS]
name=$1 url=$2 pause=${3:-10} failed=0
while sleep "$pause"; do
    if curl --fail --silent --output /dev/null --max-time 5 "$url"; then
        failed=0
    else
        failed=$((failed + 1))
    fi
    if [ "$failed" -ge 3 ]; then
        pm2 restart "$name"
        failed=0
        sleep 30 # to start
    fi
done
