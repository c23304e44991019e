//! Collectors over recorded `/proc` and `/sys` trees: successive snapshots in, line protocol out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use watchpost_agent::collectors::clock::Clock;
use watchpost_agent::collectors::command::Output;
use watchpost_agent::collectors::connections::Connections;
use watchpost_agent::collectors::containers::Containers;
use watchpost_agent::collectors::cpu::Cpu;
use watchpost_agent::collectors::cpu_frequency::CpuFrequency;
use watchpost_agent::collectors::disk_health::DiskHealth;
use watchpost_agent::collectors::disk_io::DiskIo;
use watchpost_agent::collectors::file_systems::{FileSystemUsage, FileSystems};
use watchpost_agent::collectors::gpu::Gpu;
use watchpost_agent::collectors::journal::Journal;
use watchpost_agent::collectors::kernel::Kernel;
use watchpost_agent::collectors::load::Load;
use watchpost_agent::collectors::memory::Memory;
use watchpost_agent::collectors::network::Network;
use watchpost_agent::collectors::nvidia::Nvidia;
use watchpost_agent::collectors::packages::Packages;
use watchpost_agent::collectors::power::Power;
use watchpost_agent::collectors::pressure::Pressure;
use watchpost_agent::collectors::processes::{Processes, Units};
use watchpost_agent::collectors::protocols::Protocols;
use watchpost_agent::collectors::services::Services;
use watchpost_agent::collectors::smart::Smart;
use watchpost_agent::collectors::temperature::Temperature;
use watchpost_agent::collectors::thin_pools::ThinPools;
use watchpost_agent::collectors::uptime::Uptime;
use watchpost_agent::collectors::users::Users;
use watchpost_agent::collectors::{Collector, HostFiles, Points};
use watchpost_agent::config::CollectorsConfig;
use watchpost_agent::filter::Filter;
use watchpost_core::line_protocol::write_points;
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_testkit::cases::{self, Case};

const SUITES: &[&str] = &[
    "containers.md",
    "cpu.md",
    "disk.md",
    "disk_health.md",
    "journal.md",
    "kernel.md",
    "memory.md",
    "network.md",
    "nvidia.md",
    "packages.md",
    "processes.md",
    "services.md",
    "system.md",
    "thin_pools.md",
];

#[test]
fn recorded_trees_give_their_points() {
    cases::run("testdata/collectors", collect);
}

#[test]
fn every_suite_is_run() {
    cases::assert_none_forgotten("testdata/collectors", SUITES);
}

/// Collects each snapshot of a case.
fn collect(case: &Case) -> String {
    let folder = watchpost_testkit::temp_folder();
    let mut collector = collector(case);
    let mut files = HostFiles::new(folder.path());
    let mut out = String::new();
    for number in 1..=snapshots(case) {
        apply(case, number, folder.path(), str::to_owned);
        let mut points = Points::default();
        let result = collector.collect(
            &mut files,
            i64::from(number) * NANOS_PER_SECOND,
            &mut points,
        );
        let lines = write_points(&points.into_vec()).unwrap();
        out.push_str(&String::from_utf8(lines).unwrap());
        if let Err(error) = result {
            // The folder has another name each time.
            out.push_str(
                &format!("error: {error}\n").replace(&folder.path().display().to_string(), "ROOT"),
            );
        }
    }
    out
}

/// The number in `1 proc/stat`.
fn snapshot(name: &str) -> Option<u32> {
    name.split(' ').next()?.parse().ok()
}

/// How many snapshots a case has.
pub(crate) fn snapshots(case: &Case) -> u32 {
    let files = case.inputs().filter(|block| block.language == "file");
    let numbers = files.filter_map(|block| snapshot(&block.name));
    numbers.max().unwrap_or(1)
}

/// Writes the files of one snapshot, each after an `edit`.
pub(crate) fn apply(case: &Case, number: u32, root: &Path, mut edit: impl FnMut(&str) -> String) {
    for block in case
        .inputs()
        .filter(|block| block.language == "file" && snapshot(&block.name) == Some(number))
    {
        let (_, path) = block
            .name
            .split_once(' ')
            .unwrap_or_else(|| panic!("no path in {:?}", block.name));
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, edit(&block.text)).unwrap();
    }
}

/// The collector a case names, with the default globs.
pub(crate) fn collector(case: &Case) -> Box<dyn Collector> {
    let config = CollectorsConfig::default();
    let filter = |include: &[String], exclude: &[String]| Filter::new(include, exclude).unwrap();
    match case.input("collector").trim() {
        "connections" => Box::new(Connections),
        "cpu" => Box::new(Cpu::new(true)),
        "cpu_frequency" => Box::new(CpuFrequency::new(true)),
        "disk_io" => Box::new(DiskIo::new(filter(
            &config.disk_io.include,
            &config.disk_io.exclude,
        ))),
        "file_systems" => {
            let mounts = filter(&config.file_systems.include, &config.file_systems.exclude);
            Box::new(FileSystems::new(mounts, Filter::default(), statvfs(case)))
        }
        "load" => Box::new(Load),
        "memory" => Box::new(Memory),
        "network" => Box::new(Network::new(filter(
            &config.network.include,
            &config.network.exclude,
        ))),
        "pressure" => Box::new(Pressure),
        "processes" => Box::new(Processes::new(
            2,
            Filter::default(),
            Units {
                ticks_per_second: 100,
                page_bytes: 4096,
            },
        )),
        "temperature" => Box::new(Temperature::new(Filter::default())),
        "uptime" => Box::new(Uptime),
        "users" => Box::new(Users),
        other => source(case, other),
    }
}

/// The collector of what a host may have.
fn source(case: &Case, name: &str) -> Box<dyn Collector> {
    match name {
        "containers" => Box::new(Containers::new(Filter::default(), 5, true)),
        "disk_health" => Box::new(DiskHealth::new(Filter::default())),
        "journal" => {
            // A look takes the next block.
            let looks: Vec<String> = case
                .inputs()
                .filter(|block| block.language == "journalctl")
                .map(|block| block.text.clone())
                .collect();
            let looks = std::sync::Mutex::new(looks.into_iter());
            Box::new(Journal::new(Arc::new(move |_| {
                looks
                    .lock()
                    .unwrap()
                    .next()
                    .ok_or_else(|| io::ErrorKind::TimedOut.into())
            })))
        }
        "nvidia" => {
            let (answer, asked) = (case.input("nvidia-smi").to_owned(), case.optional("asked"));
            let asked = asked.map(|asked| asked.trim().to_owned());
            Box::new(Nvidia::new(Arc::new(move |arguments| {
                let as_asked = arguments.get(2).copied() == asked.as_deref();
                let answer = as_asked.then(|| answer.clone());
                answer.ok_or_else(|| io::ErrorKind::InvalidInput.into())
            })))
        }
        "packages" => {
            let (code, answer) = (
                case.input("code").trim().parse().unwrap(),
                case.input("says").to_owned(),
            );
            Box::new(Packages::new(Arc::new(move |_, _| {
                Ok(Output {
                    text: answer.clone(),
                    code: Some(code),
                })
            })))
        }
        "thin_pools" => {
            let answer = case.input("dmsetup").to_owned();
            Box::new(ThinPools::new(Arc::new(move || Ok(answer.clone()))))
        }
        "clock" => {
            let text = case.input("chronyc").to_owned();
            Box::new(Clock::new(Arc::new(move || {
                Ok(Output {
                    text: text.clone(),
                    code: Some(0),
                })
            })))
        }
        "gpu" => Box::new(Gpu),
        "kernel" => Box::new(Kernel::default()),
        "power" => Box::new(Power),
        "protocols" => Box::new(Protocols),
        "smart" => {
            let reports: Vec<(String, String)> = case
                .inputs()
                .filter(|block| block.language == "smartctl")
                .map(|block| (block.name.clone(), block.text.clone()))
                .collect();
            Box::new(Smart::new(
                Filter::default(),
                Arc::new(move |device| answer(&reports, device)),
            ))
        }
        "services" => {
            let names: Vec<String> = case
                .optional("include")
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect();
            let list = case.input("systemctl").to_owned();
            let show = case.optional("show").unwrap_or_default().to_owned();
            let named = Filter::new(&names, &[]).unwrap();
            Box::new(Services::new(
                named,
                !names.is_empty(),
                Filter::default(),
                4,
                (
                    Arc::new(move || Ok(list.clone())),
                    Arc::new(move |_| Ok(show.clone())),
                ),
            ))
        }
        other => panic!("there is no collector {other:?}"),
    }
}

/// Answers as the block `smartctl CODE DEVICE` says.
fn answer(reports: &[(String, String)], device: &str) -> io::Result<Output> {
    let of_device = reports
        .iter()
        .find(|(name, _)| name.ends_with(&format!(" {device}")));
    let (name, text) = of_device.ok_or(io::ErrorKind::TimedOut)?;
    let code = name.split(' ').next().and_then(|code| code.parse().ok());
    Ok(Output {
        text: text.clone(),
        code,
    })
}

/// Answers as the block `statvfs` of the case says. A mount is told by the end of its path, since its root
/// is a folder of the test.
fn statvfs(case: &Case) -> watchpost_agent::collectors::file_systems::Statvfs {
    let table: Vec<(String, String)> = case
        .input("statvfs")
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let numbers = if words.last() == Some(&"hangs") { 1 } else { 5 };
            let (mount, answer) = words.split_at(words.len() - numbers);
            (mount.join(" "), answer.join(" "))
        })
        .collect();
    Arc::new(move |path| {
        let text = path.to_string_lossy();
        // The longest that fits: `/` ends every path of a folder joined with nothing.
        let fits = table
            .iter()
            .filter(|(mount, _)| mount == "/" || text.ends_with(mount.as_str()));
        let (_, answer) = fits
            .max_by_key(|(mount, _)| mount.len())
            .ok_or(io::ErrorKind::PermissionDenied)?;
        if answer == "hangs" {
            // Until the test process ends, like a mount whose server is gone.
            std::thread::park();
        }
        let numbers: Vec<u64> = answer
            .split(' ')
            .map(|word| word.parse().unwrap())
            .collect();
        let &[total, free, available, inodes_total, inodes_free] = numbers.as_slice() else {
            panic!("five numbers expected: {answer:?}");
        };
        Ok(FileSystemUsage {
            total,
            free,
            available,
            inodes_total,
            inodes_free,
        })
    })
}
