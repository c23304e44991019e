//! Which collectors there are, how often each runs, and how each is made from its configuration.

use std::sync::Arc;
use std::time::Duration;

use super::Collector;
use super::checks::Checks;
use super::self_metrics::SelfMetrics;
use crate::config::{CollectorsConfig, Section};
use crate::filter::{Filter, FilterError};
use crate::metrics::AgentMetrics;

/// A timeout that is not configured is half the interval, within these bounds: long enough for a busy
/// host, short enough that a hung collector does not cost the others their tick.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(5);

/// Between looks at what must not be looked at often: a disk that is asked more often than it waits before it
/// sleeps is kept awake.
const SELDOM: Duration = Duration::from_secs(30 * 60);

/// Between runs of a program whose start costs some 20 ms of processor.
const PROGRAM: Duration = Duration::from_secs(30);

/// Between looks at packages, which take a package manager a second or two.
const HOUR: Duration = Duration::from_secs(3600);

/// A check takes 30 seconds at most, and is given up soon after.
const LONGEST_CHECK: Duration = Duration::from_secs(35);

type Build = Arc<dyn Fn() -> Box<dyn Collector> + Send + Sync>;

/// A collector, when it runs, and how to make it.
#[derive(Clone)]
pub struct Assignment {
    /// The collector's name.
    pub name: &'static str,
    /// The time between collections.
    pub interval: Duration,
    /// The time one collection may take.
    pub timeout: Duration,
    /// Whether it waits for others (a program, a socket, the network), so that no other collector may wait for it:
    /// what it gives is taken when it comes.
    pub in_background: bool,
    /// Whether it opens a socket for others: a single look at the host must not, beside an agent that runs.
    pub listens: bool,
    /// The text of its configuration: the same text, the same collector, so a reload leaves it running.
    pub identity: String,
    build: Build,
}

impl Assignment {
    /// A new collector, without a previous sample.
    pub fn build(&self) -> Box<dyn Collector> {
        (self.build)()
    }
}

/// The assignments of a configuration, those that are enabled. `interval` is for the fast collectors
/// without one of their own; the slow ones (which list a folder a process, ask every mount or every core)
/// take [`slow_interval`]. `metrics` is what the agent tells of itself.
pub fn assignments(
    config: &CollectorsConfig,
    interval: Duration,
    metrics: &AgentMetrics,
) -> Result<Vec<Assignment>, FilterError> {
    let mut list = List {
        interval,
        assignments: Vec::new(),
    };
    platform::add(config, &mut list)?;
    if !config.checks.targets.is_empty() {
        let checks = config.checks.targets.clone();
        list.slow("checks", &config.checks, move || Checks::new(&checks));
        list.in_background(&config.checks, LONGEST_CHECK);
    }
    programs::add(config, &mut list, metrics)?;
    let metrics = metrics.clone();
    list.slow("agent", &config.agent, move || {
        SelfMetrics::new(metrics.clone())
    });
    Ok(list.assignments)
}

/// The interval of the slow collectors beside fast ones of `interval`: what they tell changes slowly, and
/// costs more than all the others.
pub fn slow_interval(interval: Duration) -> Duration {
    interval.max(Duration::from_secs(10))
}

struct List {
    interval: Duration,
    assignments: Vec<Assignment>,
}

impl List {
    /// A collector that runs at the common interval, unless its section says otherwise.
    fn fast<C: Collector + 'static>(
        &mut self,
        name: &'static str,
        section: &dyn Section,
        build: impl Fn() -> C + Send + Sync + 'static,
    ) {
        self.add(
            name,
            section,
            self.interval,
            Arc::new(move || Box::new(build())),
        );
    }

    /// A collector that runs at the slow interval, unless its section says otherwise.
    fn slow<C: Collector + 'static>(
        &mut self,
        name: &'static str,
        section: &dyn Section,
        build: impl Fn() -> C + Send + Sync + 'static,
    ) {
        self.add(
            name,
            section,
            slow_interval(self.interval),
            Arc::new(move || Box::new(build())),
        );
    }

    /// The collector added last runs in the background, by default within `timeout`.
    fn in_background(&mut self, section: &dyn Section, timeout: Duration) {
        let Some(last) = self.assignments.last_mut() else {
            return;
        };
        if section.timing().enabled {
            last.in_background = true;
            let own = section.timing().timeout;
            last.timeout = own.map_or(timeout, |own| own.get());
        }
    }

    /// The collector added last opens a socket.
    fn listens(&mut self, section: &dyn Section) {
        if let Some(last) = self.assignments.last_mut() {
            last.listens |= section.timing().enabled;
        }
    }

    /// A collector that runs every so often, unless its section says otherwise.
    fn every<C: Collector + 'static>(
        &mut self,
        interval: Duration,
        name: &'static str,
        section: &dyn Section,
        build: impl Fn() -> C + Send + Sync + 'static,
    ) {
        let interval = interval.max(self.interval);
        self.add(name, section, interval, Arc::new(move || Box::new(build())));
    }

    fn add(
        &mut self,
        name: &'static str,
        section: &dyn Section,
        default_interval: Duration,
        build: Build,
    ) {
        let timing = section.timing();
        if !timing.enabled {
            return;
        }
        let interval = timing
            .interval
            .map_or(default_interval, |interval| interval.get());
        let default_timeout = (interval / 2).clamp(MIN_TIMEOUT, MAX_TIMEOUT);
        let timeout = timing
            .timeout
            .map_or(default_timeout, |timeout| timeout.get());
        self.assignments.push(Assignment {
            name,
            interval,
            timeout,
            in_background: false,
            listens: false,
            identity: format!("{section:?}"),
            build,
        });
    }
}

mod programs {
    //! What programs send.

    use super::{
        AgentMetrics, CollectorsConfig, Filter, FilterError, LONGEST_CHECK, List, Section as _,
        slow_interval,
    };
    use crate::programs::Intake;
    use crate::programs::exec::Exec;
    #[cfg(unix)]
    use crate::programs::line_protocol::LineProtocol;
    use crate::programs::logs::Logs;
    #[cfg(unix)]
    use crate::programs::otlp::{self, Otlp};
    use crate::programs::prometheus::{Scrape, TextFiles};
    #[cfg(unix)]
    use crate::programs::statsd::{self, StatsD};

    pub(super) fn add(
        config: &CollectorsConfig,
        list: &mut List,
        metrics: &AgentMetrics,
    ) -> Result<(), FilterError> {
        #[cfg(unix)]
        add_listeners(config, list, metrics)?;
        let intake = |name| Intake::new(metrics, name);
        if !config.prometheus.targets.is_empty() {
            let (targets, intake) = (config.prometheus.targets.clone(), intake("prometheus"));
            list.slow("prometheus", &config.prometheus, move || {
                Scrape::new(&targets, intake.clone())
            });
            list.in_background(&config.prometheus, LONGEST_CHECK);
        }
        let (section, of_files) = (config.textfile.clone(), intake("textfile"));
        list.slow("textfile", &config.textfile, move || {
            TextFiles::new(&section.folders, section.max_samples, of_files.clone())
        });
        if !config.exec.commands.is_empty() {
            let (commands, intake) = (config.exec.commands.clone(), intake("exec"));
            list.slow("exec", &config.exec, move || {
                Exec::new(&commands, intake.clone())
            });
            list.in_background(&config.exec, LONGEST_CHECK);
        }
        if !config.logs.files.is_empty() {
            let files = config.logs.files.clone();
            list.slow("logs", &config.logs, move || Logs::new(&files));
        }
        Ok(())
    }

    #[cfg(unix)]
    fn add_listeners(
        config: &CollectorsConfig,
        list: &mut List,
        metrics: &AgentMetrics,
    ) -> Result<(), FilterError> {
        let section = &config.statsd;
        let own = section.timing().interval.map(|interval| interval.get());
        let settings = statsd::Settings {
            address: section.address.clone(),
            socket: section.socket.clone(),
            max_series: section.max_series,
            percentiles: section.percentiles.clone(),
            interval: own.unwrap_or_else(|| slow_interval(list.interval)),
        };
        let intake = Intake::new(metrics, "statsd");
        list.slow("statsd", section, move || {
            StatsD::new(settings.clone(), intake.clone())
        });
        list.listens(section);
        let section = &config.otlp;
        let settings = otlp::Settings {
            address: section.listen,
            allowed_hosts: section.allowed_hosts.clone(),
            resource_attributes: Filter::new(&section.resource_attributes, &[])?,
            max_series: section.max_series,
        };
        let intake = Intake::new(metrics, "otlp");
        list.fast("otlp", section, move || {
            Otlp::new(settings.clone(), intake.clone())
        });
        list.listens(section);
        let section = &config.line_protocol;
        let path = section.socket.clone().unwrap_or_default();
        let intake = Intake::new(metrics, "line_protocol");
        list.fast("line_protocol", section, move || {
            LineProtocol::new(&path, intake.clone())
        });
        list.listens(section);
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod platform {
    //! Linux: everything from `/proc` and `/sys`.

    use super::super::clock::{Clock, chronyc};
    use super::super::connections::Connections;
    use super::super::containers::Containers;
    use super::super::cpu::Cpu;
    use super::super::cpu_frequency::CpuFrequency;
    use super::super::disk_health::DiskHealth;
    use super::super::disk_io::DiskIo;
    use super::super::file_systems::{FileSystems, statvfs};
    use super::super::gpu::Gpu;
    use super::super::journal::{Journal, journalctl};
    use super::super::kernel::Kernel;
    use super::super::load::Load;
    use super::super::memory::Memory;
    use super::super::network::Network;
    use super::super::nvidia::{Nvidia, nvidia_smi};
    use super::super::packages::{self, Packages};
    use super::super::power::Power;
    use super::super::pressure::Pressure;
    use super::super::processes::{Processes, Units};
    use super::super::protocols::Protocols;
    use super::super::services::{ListUnits, Services, ShowUnits, systemctl, systemctl_show};
    use super::super::smart::{Smart, smartctl};
    use super::super::temperature::Temperature;
    use super::super::thin_pools::{ThinPools, dmsetup};
    use super::super::ups::Ups;
    use super::super::uptime::Uptime;
    use super::super::users::Users;
    use super::{
        Arc, CollectorsConfig, Duration, Filter, FilterError, HOUR, List, MAX_TIMEOUT, PROGRAM,
        SELDOM,
    };

    pub(super) fn add(config: &CollectorsConfig, list: &mut List) -> Result<(), FilterError> {
        let per_core = config.cpu.per_core;
        list.fast("cpu", &config.cpu, move || Cpu::new(per_core));
        list.fast("load", &config.load, || Load);
        list.fast("memory", &config.memory, || Memory);
        list.fast("pressure", &config.pressure, || Pressure);
        list.fast("uptime", &config.uptime, || Uptime);
        let devices = Filter::new(&config.disk_io.include, &config.disk_io.exclude)?;
        list.fast("disk_io", &config.disk_io, move || {
            DiskIo::new(devices.clone())
        });
        let interfaces = Filter::new(&config.network.include, &config.network.exclude)?;
        list.fast("network", &config.network, move || {
            Network::new(interfaces.clone())
        });
        list.slow("connections", &config.connections, || Connections);
        let per_core = config.cpu_frequency.per_core;
        list.slow("cpu_frequency", &config.cpu_frequency, move || {
            CpuFrequency::new(per_core)
        });
        list.slow("users", &config.users, || Users);
        let sensors = Filter::new(&config.temperature.include, &config.temperature.exclude)?;
        list.slow("temperature", &config.temperature, move || {
            Temperature::new(sensors.clone())
        });
        let mounts = Filter::new(&config.file_systems.include, &config.file_systems.exclude)?;
        let types = Filter::new(&[], &config.file_systems.exclude_types)?;
        list.slow("file_systems", &config.file_systems, move || {
            FileSystems::new(mounts.clone(), types.clone(), Arc::new(statvfs))
        });
        let names = Filter::new(&config.processes.include, &config.processes.exclude)?;
        let top = config.processes.top;
        list.slow("processes", &config.processes, move || {
            Processes::new(top, names.clone(), units())
        });
        add_sources(config, list)
    }

    /// What runs on the host, and the health of its parts: each is quiet where its source is not there.
    fn add_sources(config: &CollectorsConfig, list: &mut List) -> Result<(), FilterError> {
        let names = Filter::new(&config.containers.include, &config.containers.exclude)?;
        let (max, sockets) = (config.containers.max, config.containers.sockets);
        list.slow("containers", &config.containers, move || {
            Containers::new(names.clone(), max, sockets)
        });
        list.in_background(&config.containers, MAX_TIMEOUT);
        let named = Filter::new(&config.services.include, &config.services.exclude)?;
        let (has_names, max) = (!config.services.include.is_empty(), config.services.max);
        let admitted = Filter::new(&[], &config.services.exclude)?;
        list.slow("services", &config.services, move || {
            let (named, admitted) = (named.clone(), admitted.clone());
            let ask: (ListUnits, ShowUnits) = (Arc::new(systemctl), Arc::new(systemctl_show));
            Services::new(named, has_names, admitted, max, ask)
        });
        list.in_background(&config.services, MAX_TIMEOUT);
        list.slow("protocols", &config.protocols, || Protocols);
        list.slow("kernel", &config.kernel, Kernel::default);
        list.slow("power", &config.power, || Power);
        list.slow("gpu", &config.gpu, || Gpu);
        list.every(PROGRAM, "nvidia", &config.nvidia, || {
            Nvidia::new(Arc::new(nvidia_smi))
        });
        list.in_background(&config.nvidia, MAX_TIMEOUT);
        list.every(PROGRAM, "journal", &config.journal, || {
            Journal::new(Arc::new(journalctl))
        });
        list.in_background(&config.journal, MAX_TIMEOUT);
        list.every(PROGRAM, "thin_pools", &config.thin_pools, || {
            ThinPools::new(Arc::new(dmsetup))
        });
        list.in_background(&config.thin_pools, MAX_TIMEOUT);
        let address = config.ups.address.clone();
        list.every(PROGRAM, "ups", &config.ups, move || Ups::new(&address));
        list.in_background(&config.ups, MAX_TIMEOUT);
        list.every(HOUR, "packages", &config.packages, || {
            Packages::new(Arc::new(packages::run))
        });
        list.in_background(&config.packages, packages::DEADLINE);
        list.slow("clock", &config.clock, || Clock::new(Arc::new(chronyc)));
        list.in_background(&config.clock, MAX_TIMEOUT);
        let devices = Filter::new(&config.disk_health.include, &config.disk_health.exclude)?;
        list.slow("disk_health", &config.disk_health, move || {
            DiskHealth::new(devices.clone())
        });
        let devices = Filter::new(&config.smart.include, &config.smart.exclude)?;
        list.every(SELDOM, "smart", &config.smart, move || {
            Smart::new(devices.clone(), Arc::new(smartctl))
        });
        list.in_background(&config.smart, Duration::from_secs(60));
        Ok(())
    }

    /// The running system's own units. A recorded tree brings those of its host.
    fn units() -> Units {
        Units {
            ticks_per_second: rustix::param::clock_ticks_per_second(),
            page_bytes: rustix::param::page_size() as u64,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    //! Other systems: one collector over `sysinfo`.

    use super::super::portable::Portable;
    use super::{CollectorsConfig, Filter, FilterError, List};

    pub(super) fn add(config: &CollectorsConfig, list: &mut List) -> Result<(), FilterError> {
        let interfaces = Filter::new(&config.network.include, &config.network.exclude)?;
        let mounts = Filter::new(&config.file_systems.include, &config.file_systems.exclude)?;
        let names = Filter::new(&config.processes.include, &config.processes.exclude)?;
        let top = config.processes.top;
        list.fast("portable", config, move || {
            Portable::new(interfaces.clone(), mounts.clone(), top, names.clone())
        });
        Ok(())
    }
}
