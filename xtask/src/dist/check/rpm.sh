#!/bin/bash
# The life of the .rpm under dnf and systemd. What Fedora's own packages would provide comes from a stand-in.
. /check/story.sh

old=/check/previous
new=/check/release

dnf() { command dnf --assumeyes --disablerepo='*' --setopt=install_weak_deps=0 "$@"; }

install_previous() {
    rpm -i --nodeps /check/stand-in.rpm
    dnf install $old/*.rpm
}
it_runs() { all_run && write_mark && wait_for mark_is_there; }
completions() { completions_and_pages_are_there site-functions; }
rpm_finds_its_files_as_they_were() {
    for role in $daemons provisioner; do rpm --verify --nodeps "watchpost-$role"; done
}

an_upgrade_keeps_what_was_changed() {
    sed -i 's/environment = .*/environment = "staging"/' /etc/watchpost/agent.toml
    remember_processes
    dnf upgrade $new/*.rpm
    all_run
    for role in $daemons; do other_process "$role"; done
    grep -q 'environment = "staging"' /etc/watchpost/agent.toml
    ls /etc/watchpost/agent.toml.rpmnew
    fails grep -q 'previous version' /etc/watchpost/alerter.toml
    mark_is_there
}

a_downgrade_works() {
    remember_processes
    dnf downgrade $old/*.rpm
    all_run
    for role in $daemons; do other_process "$role"; done
    mark_is_there
}

a_mistake_in_a_file_leaves_the_old_version_running() {
    cp -p /etc/watchpost/alerter.toml /check/alerter.toml
    echo 'nonsense = 5' >>/etc/watchpost/alerter.toml
    remember_processes
    dnf upgrade $new/*.rpm >/check/said 2>&1
    cat /check/said
    grep -q 'the configuration has mistakes' /check/said
    same_process alerter
    other_process engine
    cp -p /check/alerter.toml /etc/watchpost/alerter.toml
    systemctl restart watchpost-alerter
    all_run
}

a_removal_keeps_data_and_what_was_changed() {
    dnf remove 'watchpost*'
    for role in $daemons; do
        fails is_active "$role"
        [ ! -e "/usr/bin/watchpost-$role" ]
    done
    grep -q 'environment = "staging"' /etc/watchpost/agent.toml.rpmsave
    [ -s $operator ]
    [ -n "$(ls -A /var/lib/watchpost/engine)" ]
}

a_reinstallation_starts_again_with_the_data() {
    dnf install $new/*.rpm
    all_run
    mark_is_there
}

for name in install_previous it_runs each_role_has_its_user_and_closed_folders completions rpm_finds_its_files_as_they_were \
    an_upgrade_keeps_what_was_changed a_downgrade_works a_mistake_in_a_file_leaves_the_old_version_running \
    a_wrong_token_changes_nothing a_host_is_enrolled a_removal_keeps_data_and_what_was_changed \
    a_reinstallation_starts_again_with_the_data; do
    step $name
done
touch /check/end
