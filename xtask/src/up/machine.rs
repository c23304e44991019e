//! What can be known to go wrong before anything is built or started.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

use super::layout::Layout;
use super::options::{Options, Server};

/// Below this a day of a small fleet would fill the disk.
const FREE_BYTES_MIN: u64 = 512 * 1024 * 1024;

/// Refuses to begin on a disk that is nearly full.
pub(super) fn check_space(layout: &Layout) -> Result<()> {
    let Ok(numbers) = rustix::fs::statvfs(&layout.folder) else {
        return Ok(());
    };
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

/// Names every port that somebody else holds, and the option that changes it.
pub(super) fn check_ports(options: &Options) -> Result<()> {
    let ports = &options.ports;
    let mut wanted = vec![
        ("web", ports.web, "--web-port"),
        ("agent", ports.agent, "--agent-port"),
        ("alerter", ports.alerter, "--alerter-port"),
        ("fleet", ports.fleet, "--free-ports"),
    ];
    if options.server == Server::Embedded {
        wanted.push(("engine", ports.engine, "--engine-port"));
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
            format!(
                "port {port} of the {role} is taken by another program: stop that, or choose another with {option}"
            )
        }
        _ => format!("the {role} cannot listen on 127.0.0.1:{port}: {error}"),
    })
}
