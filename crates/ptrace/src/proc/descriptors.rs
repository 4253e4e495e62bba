//! The descriptors that a process had open before it was traced.

use std::fs;
use std::os::unix::ffi::OsStrExt;

use renacer_events::{DescriptorTarget, OpenDescriptor, Peer, Pid};

use super::sockets::Sockets;

/// Reads `/proc/PID/fd`; empty where that is not permitted.
pub fn open(pid: Pid) -> Vec<OpenDescriptor> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let mut sockets = None;
    let mut open: Vec<OpenDescriptor> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number: i32 = entry.file_name().to_str()?.parse().ok()?;
            let path = fs::read_link(entry.path()).ok()?;
            let bytes = path.as_os_str().as_bytes();
            let inode = std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            let target =
                match inode {
                    Some(inode) => {
                        let sockets = sockets.get_or_insert_with(|| Sockets::of(pid));
                        DescriptorTarget::Socket(sockets.take(inode).unwrap_or_else(|| Peer {
                            name: Some(format!("socket:[{inode}]").into()),
                            ..Peer::default()
                        }))
                    }
                    None => DescriptorTarget::Path(bytes.to_vec()),
                };
            Some(OpenDescriptor { number, target, close_on_exec: closes_on_exec(pid, number) })
        })
        .collect();
    open.sort_by_key(|descriptor| descriptor.number);
    open
}

fn closes_on_exec(pid: Pid, number: i32) -> bool {
    let info = super::contents(&format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
    String::from_utf8_lossy(&info)
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & libc::O_CLOEXEC != 0)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn our_own_descriptors_have_paths_and_addresses() {
        let file = fs::File::open("/etc/passwd").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let open = open(std::process::id() as Pid);
        let find = |number: i32| open.iter().find(|descriptor| descriptor.number == number).unwrap();
        assert_eq!(find(file.as_raw_fd()).target, DescriptorTarget::Path(b"/etc/passwd".to_vec()));
        assert!(find(file.as_raw_fd()).close_on_exec);
        let DescriptorTarget::Socket(peer) = &find(stream.as_raw_fd()).target else { panic!("not a socket") };
        let there = stream.peer_addr().unwrap();
        assert_eq!((peer.address, peer.port, peer.transport), (Some(there.ip()), Some(there.port()), Some("tcp")));
        assert_eq!(peer.local, stream.local_addr().ok().map(|here| (here.ip(), here.port())));
    }
}
