//! Which process of this machine listens at a URL, so that its processor time and memory can be
//! told. Linux alone knows; elsewhere the report leaves them out.

use std::path::Path;

/// Process id of the listener; `None` when it is not here, not ours to see, or not on Linux.
pub(super) fn process(url: &str) -> Option<u32> {
    let url = reqwest::Url::parse(url).ok()?;
    let port = url.port_or_known_default()?;
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .filter_map(|table| listening_inode(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        holds_socket(&entry.path().join("fd"), &inodes).then_some(pid)
    })
}

/// The inode of the socket that listens on a port, from a table as in `proc_net_tcp(5)`.
fn listening_inode(table: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns.get(3) == Some(&LISTEN) && columns.get(1)?.ends_with(&wanted);
        let inode = columns.get(9).filter(|inode| **inode != "0")?;
        listens.then(|| (*inode).to_owned())
    })
}

fn holds_socket(descriptors: &Path, inodes: &[String]) -> bool {
    let Ok(entries) = std::fs::read_dir(descriptors) else {
        return false;
    };
    entries.flatten().any(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|link| {
            let link = link.to_string_lossy();
            let inode = link
                .strip_prefix("socket:[")
                .and_then(|rest| rest.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.iter().any(|known| known == inode))
        })
    })
}

#[cfg(test)]
mod tests {
    //! The kernel's table of sockets.

    use super::listening_inode;

    #[test]
    fn only_a_listening_socket_of_the_port_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F96 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 111 1\n\
             1: 0100007F:1F96 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 222 1\n";
        assert_eq!(listening_inode(table, 8086).as_deref(), Some("222"));
        assert_eq!(listening_inode(table, 8087), None);
    }
}
