//! Containers, by what the kernel counts of their control groups: no runtime has to help. Names and images come
//! from the runtime's socket where it may be read, else from its state files; whether a container stopped, is
//! unhealthy or begins again and again, only the socket tells.

mod names;
mod runtime;

use std::collections::{BTreeMap, BTreeSet};

use self::names::Name;
use self::runtime::{Listed, State};
use super::cgroups::{self, Cgroup, Usage, Version};
use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points, memory, processes, uptime};
use crate::filter::Filter;

/// A container that stopped is told of for so many collections, an hour: an alert has time to fire, and a host
/// does not carry the stopped ones of years.
const COLLECTIONS_AFTER_END: u32 = 360;

/// One that went and that no runtime lists is remembered for so many, should it be on its way to start again.
const COLLECTIONS_UNLISTED: u32 = 6;

/// Bytes of a container's name at most: those of Kubernetes have three parts of 63.
const MAX_NAME_BYTES: usize = 200;

/// Exit codes of a container that did its work, or that was asked to stop (128 and SIGINT, SIGTERM).
const GOOD_EXITS: [i64; 3] = [0, 130, 143];

/// What is counted of each container, and its state.
#[derive(Debug)]
pub struct Containers {
    names: Filter,
    max: usize,
    ask_sockets: bool,
    refused: BTreeSet<String>,
    known: BTreeMap<String, Known>,
    previous_uptime: Option<f64>,
}

/// A container by its id, between collections.
#[derive(Debug, Default)]
struct Known {
    name: Name,
    /// Whether its name was looked for; one without a name goes by the start of its id.
    looked: bool,
    usage: Usage,
    /// The first process when it was looked at last: another one is another start.
    process: Option<u32>,
    restarts: u64,
    /// Collections since it was last seen running.
    ended: u32,
    /// Whether a runtime lists it, and how it is by that.
    listed: bool,
    state: Option<State>,
}

impl Containers {
    /// At most `max` containers whose names pass `names`; `ask_sockets` for their state.
    pub fn new(names: Filter, max: usize, ask_sockets: bool) -> Self {
        Self {
            names,
            max,
            ask_sockets,
            refused: BTreeSet::new(),
            known: BTreeMap::new(),
            previous_uptime: None,
        }
    }

    /// The containers that the runtimes of this host list. A socket that may not be read is told of once.
    fn listed(&mut self, files: &HostFiles) -> Vec<Listed> {
        let mut sockets: Vec<String> = runtime::SOCKETS.map(str::to_owned).to_vec();
        for user in files.list("run/user") {
            sockets.extend(
                runtime::SOCKETS_OF_USERS.map(|socket| format!("run/user/{user}/{socket}")),
            );
        }
        let mut listed = Vec::new();
        for socket in sockets
            .into_iter()
            .filter(|socket| self.ask_sockets && files.exists(socket))
        {
            match runtime::list(&files.path(&socket)) {
                Ok(containers) => {
                    listed.extend(containers);
                    self.refused.remove(&socket);
                }
                Err(error) => {
                    if self.refused.insert(socket.clone()) {
                        tracing::warn!(
                            socket, %error,
                            "The runtime's socket cannot be read: whether containers stopped or are unhealthy is \
                             not known. Let the agent's user read it, or set collectors.containers.sockets = false."
                        );
                    }
                }
            }
        }
        listed
    }

    /// Takes in what the runtimes list: names, states, and containers that have stopped.
    fn learn(&mut self, listed: Vec<Listed>) {
        for known in self.known.values_mut() {
            known.listed = false;
        }
        for container in listed {
            let new = !self.known.contains_key(&container.id);
            // One that had stopped before the agent began is old news.
            if new && !matches!(container.state, State::Running { .. } | State::Restarting) {
                continue;
            }
            if new && self.known.len() >= self.max {
                continue;
            }
            let known = self.known.entry(container.id).or_default();
            known.name = Name {
                name: container.name,
                image: container.image,
            };
            (known.looked, known.listed) = (true, true);
            known.state = Some(container.state);
        }
    }

    /// Gives rows of those whose control groups are not to be seen, and forgets them in time.
    fn others(&mut self, running: &BTreeSet<&str>, at: i64, points: &mut Points) {
        for (id, known) in &mut self.known {
            if running.contains(id.as_str()) {
                continue;
            }
            // In a container the control groups of the host are hidden: the runtime's word is all there is.
            let runs = known.listed && matches!(known.state, Some(State::Running { .. }));
            known.ended = if runs { 0 } else { known.ended + 1 };
            if known.listed && self.names.admits(&known.name.name) {
                points.push(known.row(at));
            }
        }
        self.known.retain(|_, known| {
            known.ended
                < if known.listed {
                    COLLECTIONS_AFTER_END
                } else {
                    COLLECTIONS_UNLISTED
                }
        });
    }

    /// Reads one that runs, and gives its row.
    fn running(
        &mut self,
        files: &mut HostFiles,
        cgroup: &Cgroup,
        host: &Host,
        at: i64,
    ) -> Option<Row> {
        if !self.known.contains_key(&cgroup.id) && self.known.len() >= self.max {
            return None;
        }
        let known = self.known.entry(cgroup.id.clone()).or_default();
        if !std::mem::replace(&mut known.looked, true) {
            known.name = names::find(files, &cgroup.id).unwrap_or_default();
        }
        if known.name.name.is_empty() {
            cgroup
                .id
                .chars()
                .take(12)
                .collect::<String>()
                .clone_into(&mut known.name.name);
        }
        if !self.names.admits(&known.name.name) {
            known.ended = 0;
            return None;
        }
        let process = cgroups::first_process(files, host.version, &cgroup.folder);
        if known.process.is_some() && process.is_some() && known.process != process {
            known.restarts += 1;
        }
        known.process = process.or(known.process);
        let usage = cgroups::usage(files, host.version, &cgroup.folder);
        let network = process.and_then(|process| network(files, process));
        let row = counted(known.row(at), &known.usage, &usage, host);
        known.usage = usage;
        known.ended = 0;
        let (received, sent) = network.unzip();
        Some(
            row.optional_integer("container_network_recv_bytes", received)
                .optional_integer("container_network_sent_bytes", sent)
                .integer("container_restarts", known.restarts),
        )
    }
}

/// What the shares are shares of.
struct Host {
    version: Version,
    /// Microseconds of all processors since the collection before; 0 at the first.
    cpu_us: f64,
    memory: u64,
}

impl Known {
    /// A row with what the runtime tells.
    fn row(&self, at: i64) -> Row {
        let name = &self.name.name[..self.name.name.floor_char_boundary(MAX_NAME_BYTES)];
        let row = Row::new("container", at)
            .tag("container", name)
            .tag("image", &self.name.image);
        match self.state {
            Some(State::Running { unhealthy }) => row
                .integer("container_running", 1)
                .integer("container_failed", 0)
                .optional_integer("container_unhealthy", unhealthy.map(u64::from)),
            Some(State::Restarting) => row
                .integer("container_running", 0)
                .integer("container_failed", 1),
            Some(State::Exited { code }) => row
                .integer("container_running", 0)
                .integer("container_failed", u64::from(!GOOD_EXITS.contains(&code)))
                .optional_integer("container_exit_code", u64::try_from(code).ok()),
            Some(State::Other) | None => row,
        }
    }
}

/// Adds what the kernel counted since `before`.
fn counted(row: Row, before: &Usage, usage: &Usage, host: &Host) -> Row {
    let spent = before
        .cpu_us
        .zip(usage.cpu_us)
        .and_then(|(before, now)| now.checked_sub(before));
    let cpu = spent
        .filter(|_| host.cpu_us > 0.0)
        .map(|spent| 100.0 * spent as f64 / host.cpu_us);
    let throttled = before.periods.zip(usage.periods).and_then(|(before, now)| {
        percent(now.1.checked_sub(before.1)?, now.0.checked_sub(before.0)?)
    });
    let limit = usage.memory_limit.filter(|limit| *limit > 0);
    let whole = limit.map_or(host.memory, |limit| limit.min(host.memory.max(1)));
    row.optional_float(
        "container_cpu_percent",
        cpu.filter(|cpu| *cpu <= 105.0).map(|cpu| cpu.min(100.0)),
    )
    .optional_float("container_cpu_throttled_percent", throttled)
    .optional_integer("container_memory_bytes", usage.memory)
    .optional_integer("container_memory_limit_bytes", limit)
    .optional_float(
        "container_memory_percent",
        usage.memory.and_then(|memory| percent(memory, whole)),
    )
    .optional_integer("container_oom_kills", usage.oom_kills)
    .optional_integer("container_io_read_bytes", usage.read_bytes)
    .optional_integer("container_io_write_bytes", usage.written_bytes)
    .optional_integer("container_tasks", usage.tasks)
}

/// Bytes received and sent in the network namespace of a process, but for the loopback; nothing if that is the
/// host's own.
fn network(files: &mut HostFiles, process: u32) -> Option<(u64, u64)> {
    let namespace =
        |process: &str| std::fs::read_link(files.path(&format!("proc/{process}/ns/net"))).ok();
    let (own, host) = (namespace(&process.to_string()), namespace("1"));
    if own.is_some() && own == host {
        return None;
    }
    let text = files
        .read_optional(&format!("proc/{process}/net/dev"))?
        .to_owned();
    let names = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.rsplit_once(':'));
        names.map(|(name, _)| name.trim().to_owned()).collect()
    };
    if own.is_none() || host.is_none() {
        // Not allowed to compare the namespaces: the same interfaces are taken for the same namespace.
        let of_host = files.read_optional("proc/1/net/dev").map(names);
        if of_host.is_some_and(|of_host| of_host == names(&text)) {
            return None;
        }
    }
    let mut sums = (0_u64, 0_u64);
    for (name, rest) in text.lines().filter_map(|line| line.rsplit_once(':')) {
        let mut words = rest
            .split_ascii_whitespace()
            .map(|word| word.parse::<u64>().ok());
        if name.trim() != "lo" {
            sums.0 = sums.0.saturating_add(words.next()??);
            sums.1 = sums.1.saturating_add(words.nth(7)??);
        }
    }
    Some(sums)
}

impl Collector for Containers {
    fn name(&self) -> &'static str {
        "containers"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let listed = self.listed(files);
        let version = cgroups::version(files);
        let groups = version
            .map(|version| cgroups::find(files, version))
            .unwrap_or_default();
        if groups.is_empty() && listed.is_empty() && self.known.is_empty() {
            return Ok(()); // No containers here.
        }
        self.learn(listed);
        let uptime = uptime::seconds(files)?;
        let seconds = self
            .previous_uptime
            .replace(uptime)
            .map_or(0.0, |before| uptime - before);
        let host = Host {
            version: version.unwrap_or(Version::Two),
            cpu_us: seconds * 1e6 * processes::online_cpus(files).max(1) as f64,
            memory: memory::total_bytes(files),
        };
        let running: BTreeSet<&str> = groups.iter().map(|group| group.id.as_str()).collect();
        points.push(Row::new("container", at).integer("container_count", running.len() as u64));
        for group in &groups {
            if let Some(row) = self.running(files, group, &host, at) {
                points.push(row);
            }
        }
        self.others(&running, at, points);
        Ok(())
    }
}
