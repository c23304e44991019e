#!/bin/sh
# Runs once the files are gone. Debian calls it with `remove`, later perhaps with `purge`; RPM with how many versions remain.
set -e

name=@NAME@
folder=/var/lib/watchpost/@ROLE@

case "$1" in
remove | purge | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
    # Tokens that this role alone used. The operator's stays: it opens the data, which stays, too.
    for token in @OWN_TOKENS@; do
        rm -f "/etc/watchpost/tokens/$token.token"
    done
    rmdir /etc/watchpost/tokens /etc/watchpost/rules.d /etc/watchpost 2>/dev/null || true
    if [ -d "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
        echo "$name: the data in $folder and its user stay; remove them with: rm -r $folder && userdel $name"
    elif [ -d "$folder" ]; then
        rmdir "$folder" /var/lib/watchpost 2>/dev/null || true
    fi
fi
