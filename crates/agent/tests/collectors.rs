//! Collectors over recorded `/proc` and `/sys` trees: successive snapshots in, line protocol out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use watchpost_agent::collectors::connections::Connections;
use watchpost_agent::collectors::cpu::Cpu;
use watchpost_agent::collectors::cpu_frequency::CpuFrequency;
use watchpost_agent::collectors::disk_io::DiskIo;
use watchpost_agent::collectors::file_systems::{FileSystemUsage, FileSystems};
use watchpost_agent::collectors::load::Load;
use watchpost_agent::collectors::memory::Memory;
use watchpost_agent::collectors::network::Network;
use watchpost_agent::collectors::pressure::Pressure;
use watchpost_agent::collectors::processes::{Processes, Units};
use watchpost_agent::collectors::temperature::Temperature;
use watchpost_agent::collectors::uptime::Uptime;
use watchpost_agent::collectors::users::Users;
use watchpost_agent::collectors::{Collector, HostFiles, Points};
use watchpost_agent::config::CollectorsConfig;
use watchpost_agent::filter::Filter;
use watchpost_core::line_protocol::write_points;
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_testkit::cases::{self, Case};

const SUITES: &[&str] = &[
    "cpu.md",
    "disk.md",
    "memory.md",
    "network.md",
    "processes.md",
    "system.md",
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
    let snapshots = case
        .inputs()
        .filter_map(|block| snapshot(&block.name))
        .max()
        .unwrap_or(1);
    let mut out = String::new();
    for number in 1..=snapshots {
        apply(case, number, folder.path());
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

/// Writes the files of one snapshot.
fn apply(case: &Case, number: u32, root: &Path) {
    for block in case
        .inputs()
        .filter(|block| snapshot(&block.name) == Some(number))
    {
        let (_, path) = block
            .name
            .split_once(' ')
            .unwrap_or_else(|| panic!("no path in {:?}", block.name));
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &block.text).unwrap();
    }
}

/// The collector a case names, with the default globs.
fn collector(case: &Case) -> Box<dyn Collector> {
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
        other => panic!("there is no collector {other:?}"),
    }
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
