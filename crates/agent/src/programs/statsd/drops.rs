//! Datagrams that the system dropped, for they came faster than they were read.

use std::net::{IpAddr, SocketAddr};

/// The count of a UDP socket since it was bound, by the tables of the process's own network (Documentation/networking/
/// proc_net_tcp.rst; the last column is `drops`); `None` where there are none.
pub(super) fn drops(own: SocketAddr) -> Option<u64> {
    let (table, address) = match own.ip() {
        IpAddr::V4(address) => ("udp", words(&address.octets())),
        IpAddr::V6(address) => ("udp6", words(&address.octets())),
    };
    let text = std::fs::read_to_string(format!("/proc/self/net/{table}")).ok()?;
    find(&text, &format!("{address}:{:04X}", own.port()))
}

/// An address as the tables show it: words of four bytes as numbers of this machine.
fn words(octets: &[u8]) -> String {
    let (words, _) = octets.as_chunks::<4>();
    let words = words.iter().map(|word| u32::from_ne_bytes(*word));
    words.map(|word| format!("{word:08X}")).collect()
}

fn find(table: &str, local: &str) -> Option<u64> {
    let mut lines = table.lines().map(str::split_ascii_whitespace);
    let mut line = lines.find(|line| line.clone().nth(1) == Some(local))?;
    line.next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_drops_of_one_socket() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            39: 0100007F:1F9C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 3\n\
            40: 0100007F:1F9D 00000000:0000 07 00000000:00034000 00:00000000 00000000   998        0 23456 2 0000000000000000 417\n";
        assert_eq!(find(table, "0100007F:1F9D"), Some(417));
        assert_eq!(find(table, "0100007F:1F9E"), None);
    }
}
