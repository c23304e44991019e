#!/bin/sh
# Runs while the files still lie there. Debian calls it with `remove` or `upgrade`, RPM with how many versions remain.
set -e

units="@UNITS@"

case "$1" in
remove | deconfigure | 0) ;;
*) exit 0 ;;
esac

for unit in $units; do
    if [ -d /run/systemd/system ]; then
        systemctl stop "$unit" || true
    fi
    systemctl disable "$unit" >/dev/null 2>&1 || true
done
