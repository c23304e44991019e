# What the stories share. Each step is a function; a line a step goes to /check/result, all else to /check/log.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
exec </dev/null >>/check/log 2>&1

operator=/etc/watchpost/tokens/operator.token
daemons="engine alerter web agent"

# step NAME: runs the function of that name, to its first command that fails.
step() {
    echo "=== $1"
    local before
    before=$(wc -l </check/log)
    (set -e && "$1")
    if [ $? -eq 0 ]; then
        echo "ok   $1" >>/check/result
    else
        echo "FAIL $1: $(tail -n +"$before" /check/log | grep -v '^===' | tail -3 | tr '\n' ' ' | cut -c1-300)" >>/check/result
    fi
}

# No `!` before a command: errexit would not see it.
fails() { if "$@"; then echo "ended well, and should not have: $*"; return 1; fi; }

wait_for() {
    for _ in $(seq 90); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 1
    done
    echo "not within 90 s: $*"
    return 1
}

is_active() { systemctl is-active --quiet "watchpost-$1"; }
pid_of() { systemctl show --property MainPID --value "watchpost-$1"; }

# Every role works: the units, their ports, and the agent's writes.
all_run() {
    for role in $daemons; do wait_for is_active "$role"; done
    systemctl is-active --quiet watchpost-health.timer
    for port in 8086 9102 5000 9101; do wait_for curl -sf "http://127.0.0.1:$port/health"; done
    wait_for watchpost-agent status
}

query() {
    curl -sf "http://127.0.0.1:8086/api/v2/query?org=watchpost" -H "Authorization: Token $(cat $operator)" \
        -H 'Content-Type: application/vnd.flux' -H 'Accept: application/csv' -d "$1"
}

write_mark() {
    curl -sf "http://127.0.0.1:8086/api/v2/write?org=watchpost&bucket=system_metrics_raw" \
        -H "Authorization: Token $(cat $operator)" -d 'package_check value=42i'
}

# A point that was written before is still answered.
mark_is_there() {
    query 'from(bucket: "system_metrics_raw") |> range(start: -1d) |> filter(fn: (r) => r._measurement == "package_check")' |
        grep -q ',42,'
}

remember_processes() { for role in $daemons; do pid_of "$role" >"/check/pid.$role"; done; }
same_process() { [ "$(pid_of "$1")" = "$(cat "/check/pid.$1")" ]; }
other_process() { is_active "$1" && fails same_process "$1"; }

# --- Steps that both formats have -----------------------------------------------------------------

each_role_has_its_user_and_closed_folders() {
    for role in $daemons provisioner; do
        id "watchpost-$role"
        [ "$(stat -c '%a %U' "/var/lib/watchpost/$role")" = "700 watchpost-$role" ]
    done
    [ "$(stat -c '%a %U' /etc/watchpost/tokens)" = "700 watchpost-provisioner" ]
    [ -z "$(find /etc/watchpost/tokens -type f ! -perm 600)" ]
    for role in $daemons; do
        [ "$(stat -c %U "/proc/$(pid_of "$role")")" = "watchpost-$role" ]
        grep -q '^CapEff:.0*$' "/proc/$(pid_of "$role")/status"
    done
}

systemd_finds_little_exposure() {
    for role in $daemons provisioner health; do
        local score
        score=$(systemd-analyze security --no-pager "watchpost-$role.service" | grep -o 'exposure level.*' | grep -o '[0-9]\.[0-9]')
        echo "$role $score" >>/check/scores
        [ "$role" = agent ] && limit=35 || limit=20
        [ "$(echo "$score" | tr -d .)" -le "$limit" ]
    done
}

# In spite of its closed unit: the root's file system, and the processes of all users.
the_agent_sees_its_host() {
    wait_for agent_wrote 'r.mountpoint == "/"'
    wait_for agent_counts_all_processes
}
agent_counts_all_processes() {
    local counted own
    counted=$(query 'from(bucket: "system_metrics_raw") |> range(start: -1m) |> filter(fn: (r) => r._field == "process_count")
        |> last() |> keep(columns: ["_value"])' | tr -d '\r' | grep -E '^,' | tail -1 | cut -d, -f4)
    own=$(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)
    echo "the agent counts $counted processes, /proc has $own"
    [ "$counted" -gt $((own - 8)) ] && [ "$counted" -lt $((own + 8)) ]
}
agent_wrote() {
    query "from(bucket: \"system_metrics_raw\") |> range(start: -5m) |> filter(fn: (r) => $1) |> last()" | grep -q _value
}

a_wrong_token_changes_nothing() {
    echo not-the-token-at-all >/root/wrong && chmod 600 /root/wrong
    pid_of agent >/check/pid.agent
    sha256sum /etc/watchpost/agent.toml /etc/watchpost/tokens/agent.token >/check/before
    watchpost-agent enroll --server http://127.0.0.1:8086 --token-file /root/wrong >/check/said 2>&1 && ended=well
    cat /check/said
    [ "${ended:-}" != well ]
    grep -q 'Bad token' /check/said
    grep -q 'Nothing was changed' /check/said
    sha256sum --check --quiet /check/before
    same_process agent
}

a_host_is_enrolled() {
    cp /etc/watchpost/tokens/agent.token /root/right && chmod 600 /root/right
    watchpost-agent enroll --server http://127.0.0.1:8086 --token-file /root/right --tag rack=7
    other_process agent
    wait_for agent_wrote 'r.rack == "7"'
    systemctl is-enabled watchpost-agent
}
completions_and_pages_are_there() {
    for role in $daemons provisioner; do
        bash -n "/usr/share/bash-completion/completions/watchpost-$role"
        grep -q "#compdef watchpost-$role" "/usr/share/zsh/$1/_watchpost-$role"
        [ -s "/usr/share/fish/vendor_completions.d/watchpost-$role.fish" ]
        zcat "/usr/share/man/man1/watchpost-$role.1.gz" | grep -q '^\.SH'
    done
}
