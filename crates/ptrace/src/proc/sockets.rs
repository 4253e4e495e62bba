//! Addresses of sockets by inode, from `/proc/PID/net`, which shows the process's own network namespace.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use renacer_events::{Peer, Pid};

/// Lines read of each table; a busy host has tables far longer than a person waits for.
const MOST_LINES: usize = 200_000;

/// The sockets of a network namespace.
pub struct Sockets(HashMap<u64, Peer>);

impl Sockets {
    /// Reads the tables for TCP, UDP and Unix sockets.
    pub fn of(pid: Pid) -> Sockets {
        let mut sockets = HashMap::new();
        for (table, transport) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
            let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            sockets.extend(text.lines().skip(1).take(MOST_LINES).filter_map(|line| internet(line, transport)));
        }
        let text = fs::read(format!("/proc/{pid}/net/unix")).unwrap_or_default();
        sockets.extend(String::from_utf8_lossy(&text).lines().skip(1).take(MOST_LINES).filter_map(unix));
        Sockets(sockets)
    }

    /// Takes out what is known of the socket with this inode.
    pub fn take(&mut self, inode: u64) -> Option<Peer> {
        self.0.remove(&inode)
    }
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …` (proc_net_tcp.txt of the kernel)
fn internet(line: &str, transport: &'static str) -> Option<(u64, Peer)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (local, remote, inode) = (address(words.get(1)?)?, address(words.get(2)?)?, words.get(9)?.parse().ok()?);
    let connected = remote.1 != 0;
    let peer = Peer {
        transport: Some(transport),
        network: Some(if local.0.is_ipv4() { "ipv4" } else { "ipv6" }),
        address: connected.then_some(remote.0),
        port: connected.then_some(remote.1),
        local: Some(local),
        name: Some(format!("socket:[{inode}]").into()),
        ..Peer::default()
    };
    Some((inode, peer))
}

/// Hexadecimal words in the host's byte order, a colon, the port in hexadecimal.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((address, port))
}

/// `Num RefCount Protocol Flags Type St Inode [Path]`
fn unix(line: &str) -> Option<(u64, Peer)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let inode = words.get(6)?.parse().ok()?;
    let peer = Peer {
        transport: Some("unix"),
        unix_path: words.get(7).map(|&path| path.into()),
        name: Some(format!("socket:[{inode}]").into()),
        ..Peer::default()
    };
    Some((inode, peer))
}
