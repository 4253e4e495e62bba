//! Which container a process is in.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;

use renacer_events::{Container, Pid};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// Where Kubernetes puts a pod's namespace, in each container that may ask its server.
const NAMESPACE: &str = "var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The longest name of a host or a namespace that is believed, in bytes (hostname(7), RFC 1123).
const LONGEST_NAME: u64 = 253;

/// The container that a process is in; none where it is in none, or where nothing can be read of it.
pub fn of(pid: Pid) -> Option<Container> {
    let text = |name: &str| {
        let bytes = super::contents(&format!("/proc/{pid}/{name}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let container = Container::read(&text("cgroup"), &text("mountinfo"))?;
    let root = File::open(format!("/proc/{pid}/root")).ok();
    let inside = |path: &str| root.as_ref().and_then(|root| name_in(root, path));
    let sees_other = |namespace: &str| {
        let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{namespace}")).ok();
        of(&pid.to_string()).is_some_and(|theirs| of("self") != Some(theirs))
    };
    Some(Container {
        namespace: container.pod_uid.as_ref().and_then(|_| inside(NAMESPACE)),
        host_name: if sees_other("uts") { inside("etc/hostname") } else { None },
        ..container
    })
}

/// A name that stands in a file of the process's own file system, whose links may not lead out of it.
fn name_in(root: &File, path: &str) -> Option<String> {
    // It may be anything: no device is to be begun, no pipe waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file: OwnedFd = openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT).ok()?;
    let file = File::from(file);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut name = String::new();
    file.take(LONGEST_NAME + 1).read_to_string(&mut name).ok()?;
    let name = name.trim();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (!name.is_empty() && name.len() as u64 <= LONGEST_NAME && name.bytes().all(is_name)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_inside_of_the_root_only() {
        let folder = std::env::temp_dir().join(format!("renacer-root-{}", std::process::id()));
        fs::create_dir_all(folder.join("etc")).unwrap();
        fs::write(folder.join("etc/hostname"), "pod-1\n").unwrap();
        fs::write(folder.join("etc/odd"), "two words\n").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.join("inside")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.join("outside")).unwrap();
        let root = File::open(&folder).unwrap();
        let names = ["etc/hostname", "inside", "etc/odd", "outside", "etc", "absent"].map(|path| name_in(&root, path));
        fs::remove_dir_all(folder).unwrap();
        let name = Some("pod-1".to_owned());
        assert_eq!(names, [name.clone(), name, None, None, None, None]);
    }
}
