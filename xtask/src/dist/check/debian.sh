#!/bin/bash
# The life of the packages on a Debian machine under systemd, from the first installation to the last trace.
. /check/story.sh

old=/check/previous
new=/check/release

apt() { apt-get -y -o Dpkg::Options::=--force-confold --allow-downgrades "$@"; }

install_previous() {
    apt install $old/*.deb >/check/said
    cat /check/said
    grep -q 'http://127.0.0.1:5000' /check/said
}
it_runs() { all_run && write_mark && wait_for mark_is_there; }
completions() { completions_and_pages_are_there vendor-completions; }

an_upgrade_keeps_what_was_changed() {
    sed -i 's/environment = .*/environment = "staging"/' /etc/watchpost/agent.toml
    echo '# Mine.' >>/etc/watchpost/web.toml
    remember_processes
    apt install $new/*.deb
    all_run
    for role in $daemons; do other_process "$role"; done
    grep -q 'environment = "staging"' /etc/watchpost/agent.toml
    grep -q '# Mine.' /etc/watchpost/web.toml
    # What nobody changed is the new version's.
    fails grep -q 'previous version' /etc/watchpost/alerter.toml
    ls /etc/watchpost/agent.toml.dpkg-dist
    mark_is_there
}

an_upgrade_restarts_only_what_ran() {
    systemctl disable --now watchpost-web
    apt install $old/watchpost-web_*.deb
    fails is_active web
    fails systemctl is-enabled watchpost-web
    apt install $new/watchpost-web_*.deb
    systemctl enable --now watchpost-web
}

a_downgrade_works() {
    remember_processes
    apt install $old/*.deb
    all_run
    for role in $daemons; do other_process "$role"; done
    mark_is_there
}

a_mistake_in_a_file_leaves_the_old_version_running() {
    cp -p /etc/watchpost/alerter.toml /check/alerter.toml
    echo 'nonsense = 5' >>/etc/watchpost/alerter.toml
    remember_processes
    apt install $new/*.deb >/check/said 2>&1
    cat /check/said
    grep -q 'the configuration has mistakes' /check/said
    grep -q 'nonsense' /check/said
    same_process alerter
    readlink "/proc/$(pid_of alerter)/exe" | grep -q deleted
    other_process engine
    cp -p /check/alerter.toml /etc/watchpost/alerter.toml
    systemctl restart watchpost-alerter
    all_run
}

a_taken_port_is_named_and_no_failure_of_the_package() {
    apt remove watchpost watchpost-web
    perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:5000", Listen => 1) or die; sleep 600' &
    other=$!
    trap "kill $other" EXIT
    wait_for bash -c 'exec 3<>/dev/tcp/127.0.0.1/5000'
    apt install $new/watchpost-web_*.deb >/check/said 2>&1
    cat /check/said
    grep -q 'watchpost-web.service did not start' /check/said
    [ -z "$(dpkg --audit)" ]
    journalctl -u watchpost-web --no-pager | tail -5 | tee /check/said
    grep -q '127.0.0.1:5000' /check/said
    kill $other
    trap - EXIT
    systemctl reset-failed watchpost-web
    wait_for systemctl restart watchpost-web
    apt install $new/watchpost_*.deb
    all_run
}

a_full_disk_leaves_the_old_version_running() {
    apt install $old/*.deb
    all_run
    remember_processes
    trap 'rm -f /var/fill' EXIT
    fallocate -l "$(($(df --output=avail -B1 / | tail -1) - 2000000))" /var/fill
    dpkg --force-confold -i $new/watchpost-engine_*.deb $new/watchpost-alerter_*.deb >/check/said 2>&1 && ended=well
    cat /check/said
    [ "${ended:-}" != well ]
    grep -q 'No space left on device' /check/said
    for role in $daemons; do same_process "$role"; done
    curl -sf http://127.0.0.1:8086/health
    rm /var/fill
    apt --fix-broken install || true
    apt install $new/*.deb
    all_run
    wait_for mark_is_there
}

a_removal_keeps_configuration_and_data() {
    apt remove 'watchpost*'
    for role in $daemons; do
        fails is_active "$role"
        [ ! -e "/usr/bin/watchpost-$role" ]
    done
    grep -q 'environment = "staging"' /etc/watchpost/agent.toml
    [ -s $operator ]
    [ -n "$(ls -A /var/lib/watchpost/engine)" ]
}

a_reinstallation_starts_again_with_the_data() {
    apt install $new/*.deb
    all_run
    for role in $daemons; do systemctl is-enabled "watchpost-$role"; done
    mark_is_there
}

a_purge_keeps_data_and_says_where() {
    apt purge 'watchpost*' >/check/said 2>&1
    cat /check/said
    grep -q '/var/lib/watchpost/engine and its user stay' /check/said
    [ -n "$(ls -A /var/lib/watchpost/engine)" ]
    [ -s $operator ]
    [ -z "$(find /etc/watchpost -name '*.toml' -o -name '*.env')" ]
    [ -z "$(find /usr /etc/systemd -name '*watchpost*' ! -name 'watchpost-check*')" ]
}

after_a_purge_it_can_come_back() {
    apt install $new/*.deb
    all_run
    mark_is_there
}

# Data first, by hand, as the purge said.
nothing_is_left_in_the_end() {
    apt purge 'watchpost*'
    rm -r /var/lib/watchpost /etc/watchpost
    [ -z "$(find /usr /etc /var/lib -name '*watchpost*' ! -name 'watchpost-check*' ! -path '/var/lib/dpkg/*')" ]
    [ -z "$(dpkg-query -W -f '${Package} ${Status}\n' 'watchpost*' | grep -v not-installed)" ]
}

for name in install_previous it_runs each_role_has_its_user_and_closed_folders systemd_finds_little_exposure \
    the_agent_sees_its_host completions an_upgrade_keeps_what_was_changed an_upgrade_restarts_only_what_ran \
    a_downgrade_works a_mistake_in_a_file_leaves_the_old_version_running \
    a_taken_port_is_named_and_no_failure_of_the_package a_full_disk_leaves_the_old_version_running \
    a_wrong_token_changes_nothing a_host_is_enrolled a_removal_keeps_configuration_and_data \
    a_reinstallation_starts_again_with_the_data a_purge_keeps_data_and_says_where after_a_purge_it_can_come_back \
    nothing_is_left_in_the_end; do
    step $name
done
touch /check/end
