#!/bin/sh
# Runs after the files lie there. Debian calls it with `configure` and, on an upgrade, the version before; RPM with how many
# versions there are: 1 for the first, 2 for an upgrade.
set -e

name=@NAME@
units="@UNITS@"
tokens="@TOKENS@"

case "$1" in
configure)
    upgrade=$2
    if [ -e "/run/$name.install" ]; then
        upgrade=
        rm -f "/run/$name.install"
    fi
    ;;
1) upgrade= ;;
2 | 3) upgrade=yes ;;
*) exit 0 ;;
esac

systemd-sysusers "$name.conf"
systemd-tmpfiles --create "$name.conf" || true
[ -d /etc/watchpost/tokens ] || install -d -m 0700 /etc/watchpost/tokens
for token in $tokens; do
    file=/etc/watchpost/tokens/$token.token
    [ -e "$file" ] || (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file")
done

running() { [ -d /run/systemd/system ]; }

if [ -z "$upgrade" ]; then
    for unit in $units; do
        systemctl enable "$unit" >/dev/null 2>&1 || true
    done
    if running; then
        systemctl daemon-reload
        # A unit whose token is not there yet is not started, which is no failure.
        for unit in $units; do
            systemctl start "$unit" || echo "$name: $unit did not start: journalctl -u $unit" >&2
        done
    fi
    cat <<'NEXT'
@NEXT@
NEXT
elif running; then
    systemctl daemon-reload
    # What is wrong now would end what runs: it goes on with the version that it has.
    if @CHECK@; then
        for unit in $units; do
            systemctl try-restart "$unit" || echo "$name: $unit did not start: journalctl -u $unit" >&2
        done
    else
        echo "$name: the configuration has mistakes, so the version before goes on running." >&2
        echo "$name: correct them, then: systemctl restart $units" >&2
    fi
fi
