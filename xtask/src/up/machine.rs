//! What can be known to go wrong before anything is built or started.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

use super::layout::Layout;
use super::options::{Engine, Options};

/// Below this a day of a small fleet would fill the disk.
const FREE_BYTES_MIN: u64 = 512 * 1024 * 1024;

/// Refuses to begin on a disk that is nearly full. The folder need not be there yet.
pub(super) fn check_space(layout: &Layout) -> Result<()> {
    let there = layout.folder.ancestors().find(|it| it.exists());
    let Some(Ok(numbers)) = there.map(rustix::fs::statvfs) else {
        return Ok(());
    };
    if numbers.f_blocks == 0 {
        return Ok(()); // /proc and its like have no size.
    }
    let free = numbers.f_bavail.saturating_mul(numbers.f_frsize);
    if free < FREE_BYTES_MIN {
        bail!(
            "only {} MiB are free where {} lies; the platform needs at least {} MiB: make room or choose another \
             folder with --folder",
            free >> 20,
            layout.folder.display(),
            FREE_BYTES_MIN >> 20
        );
    }
    Ok(())
}

/// Names every port that somebody else holds, who that is, and the option that changes it.
pub(super) fn check_ports(options: &Options) -> Result<()> {
    let ports = &options.ports;
    let engine = ("engine", ports.engine, "--engine-port");
    let web = ("web", ports.web, "--web-port");
    let grafana = ("grafana", ports.grafana, "--grafana-port");
    let mut wanted = vec![
        web,
        ("agent", ports.agent, "--agent-port"),
        ("alerter", ports.alerter, "--alerter-port"),
        ("fleet", ports.fleet, "--fleet-port"),
    ];
    match options.engine {
        Engine::Embedded => {
            wanted.push(engine);
            if options.backup.is_some() {
                wanted.push(("archive", ports.archive, "--archive-port"));
            }
        }
        // The others are inside of the containers' own network.
        Engine::Docker => wanted = vec![web, engine, grafana],
        Engine::External | Engine::VictoriaMetrics | Engine::InfluxDb3 => {}
    }
    let taken: Vec<String> = wanted
        .iter()
        .filter_map(|(role, port, option)| complaint(role, *port, option))
        .collect();
    if !taken.is_empty() {
        bail!(
            "{}\n(`--free-ports` takes free ones for all)",
            taken.join("\n")
        );
    }
    Ok(())
}

fn complaint(role: &str, port: u16, option: &str) -> Option<String> {
    let error = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err()?;
    Some(match error.kind() {
        ErrorKind::AddrInUse => {
            let holder = holder(port).unwrap_or_else(|| "another program".to_owned());
            format!(
                "port {port} of the {role} is taken by {holder}: stop that, or choose another with {option}"
            )
        }
        _ => format!("the {role} cannot listen on 127.0.0.1:{port}: {error}"),
    })
}

/// Name and number of the process that listens on a port. Only root sees those of other users.
fn holder(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        // `self` is no number, and stands beside that of this very process.
        let number = process.file_name();
        let Some(number) = number.to_str().filter(|it| it.parse::<u32>().is_ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = files
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|target| sockets.iter().any(|it| target.as_os_str() == it.as_str()));
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {number})", name.trim()));
        }
    }
    None
}

/// The inodes of the sockets that listen on a port, from the kernel's table (proc(5)): the 2nd column is
/// the local address, the 4th the state, of which 0A is "listening", the 10th the inode.
fn listening(table: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.len() > 9 && columns[1].ends_with(&end) && columns[3] == "0A")
        .map(|columns| columns[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{holder, listening};

    #[test]
    fn listening_sockets_are_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:1F96 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 4711 1 0\n\
                     1: 0100007F:1F96 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000 0 4712 1 0\n";
        assert_eq!(listening(table, 8086), ["4711"]);
        assert_eq!(listening(table, 80), Vec::<String>::new());
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = holder(port).unwrap();
        assert!(
            holder.ends_with(&format!("(process {})", std::process::id())),
            "{holder}"
        );
    }
}
