//! Which running processes a user means who does not know their ids: by name, by the port that they listen on, by container.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use regex::Regex;
use renacer_events::{Container, Pid};

use crate::proc;
use crate::proc::container;

/// Lines of a table of sockets that are read; a busy host has tables far longer than a person waits for.
const MOST_LINES: usize = 200_000;

/// What distinguishes the processes that are meant.
#[derive(Clone, Debug)]
pub enum Target {
    /// The base name of the executable, the process's own name, or its first argument, whole or its base name.
    Name(String),
    /// An expression that one of these matches.
    Pattern(Regex),
    /// The TCP port that it listens on, in its own network.
    Port(u16),
    /// The beginning of the id of its container.
    Container(String),
    /// The name of its container in its pod.
    PodContainer(String),
    /// Every container but Renacer's own and the one that only holds a pod's namespaces.
    AllContainers,
}

/// The ids of the processes that any of `targets` means, in ascending order. Never Renacer itself, nor, where Renacer is in a container, any
/// process of that, nor a runtime that is still making a container.
pub fn find(targets: &[Target]) -> Vec<Pid> {
    let own = std::process::id() as Pid;
    let own_container = container::of(own).and_then(|container| container.id);
    let by_port = targets.iter().any(|target| matches!(target, Target::Port(_)));
    let by_container = targets
        .iter()
        .any(|target| matches!(target, Target::Container(_) | Target::PodContainer(_) | Target::AllContainers));
    let mut listening = Listening::default();
    let mut found: Vec<Pid> = pids()
        .filter(|&pid| pid != own)
        .filter(|&pid| {
            let Some(names) = names(pid).filter(|names| !is_runtime(names)) else { return false };
            let place = (by_container || own_container.is_some()).then(|| container::of(pid)).flatten();
            let is_ours = |place: &Container| own_container.is_some() && place.id == own_container;
            if place.as_ref().is_some_and(is_ours) {
                return false;
            }
            let ports = if by_port { listening.ports(pid) } else { HashSet::new() };
            targets.iter().any(|target| means(target, &names, place.as_ref(), &ports))
        })
        .collect();
    found.sort_unstable();
    found
}

fn means(target: &Target, names: &[String], place: Option<&Container>, ports: &HashSet<u16>) -> bool {
    let in_container = |wanted: &dyn Fn(&Container) -> bool| place.is_some_and(wanted);
    match target {
        Target::Name(wanted) => names.iter().any(|name| name == wanted),
        Target::Pattern(pattern) => names.iter().any(|name| pattern.is_match(name)),
        Target::Port(port) => ports.contains(port),
        Target::Container(prefix) => {
            in_container(&|place| place.id.as_ref().is_some_and(|id| id.starts_with(&prefix.to_ascii_lowercase())))
        }
        Target::PodContainer(wanted) => in_container(&|place| place.name.as_ref() == Some(wanted)),
        // The process that holds a pod's namespaces has no name there.
        Target::AllContainers => {
            in_container(&|place| place.id.is_some() && (place.pod_uid.is_some() || !is_pause(names)))
        }
    }
}

/// A container's runtime, which is in the container already while it makes it, under a name such as `runc:[2:INIT]`.
fn is_runtime(names: &[String]) -> bool {
    names.iter().any(|name| name == "runc" || name == "crun" || name.starts_with("runc:["))
}

fn is_pause(names: &[String]) -> bool {
    names.iter().any(|name| name == "pause")
}

fn pids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// What a process is known as; none for one of the kernel's own, and for one that has ended.
fn names(pid: Pid) -> Option<Vec<String>> {
    let image = proc::program(pid);
    let first = image.command_args.first()?;
    let base =
        |bytes: &[u8]| String::from_utf8_lossy(bytes.rsplit(|&byte| byte == b'/').next().unwrap_or(bytes)).into_owned();
    let executable = image.executable.as_ref().map(|path| base(path.as_os_str().as_bytes()));
    let own = [proc::name(pid), base(first), String::from_utf8_lossy(first).into_owned()];
    Some(executable.into_iter().chain(own).collect())
}

/// Who listens where: the tables of each network that was seen.
#[derive(Default)]
struct Listening(HashMap<PathBuf, HashMap<u64, u16>>);

impl Listening {
    /// The ports that a process listens on.
    fn ports(&mut self, pid: Pid) -> HashSet<u16> {
        let Ok(network) = fs::read_link(format!("/proc/{pid}/ns/net")) else { return HashSet::new() };
        let sockets = self.0.entry(network).or_insert_with(|| listening(pid));
        let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return HashSet::new() };
        // The number of a socket's inode is that of its descriptor's target.
        let inode = |entry: fs::DirEntry| fs::metadata(entry.path()).ok().map(|metadata| metadata.ino());
        entries.filter_map(|entry| sockets.get(&inode(entry.ok()?)?).copied()).collect()
    }
}

/// The sockets in a process's network that listen: inode and port (proc_net_tcp.txt of the kernel; state 0A is TCP_LISTEN).
fn listening(pid: Pid) -> HashMap<u64, u16> {
    let mut sockets = HashMap::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        sockets.extend(text.lines().skip(1).take(MOST_LINES).filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (_, port) = words.get(1)?.split_once(':')?;
            (*words.get(3)? == "0A").then_some((words.get(9)?.parse().ok()?, u16::from_str_radix(port, 16).ok()?))
        }));
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str, name: Option<&str>) -> Container {
        Container {
            id: Some(id.into()),
            pod_uid: name.map(|_| "4f6e".into()),
            name: name.map(str::to_owned),
            ..Container::default()
        }
    }

    #[test]
    fn a_target_means_what_it_says() {
        let names: Vec<String> = ["python3.11", "gunicorn", "app", "/srv/app"].map(str::to_owned).into();
        let none = HashSet::new();
        let by_name = |target: Target| means(&target, &names, None, &none);
        for name in ["python3.11", "gunicorn", "app", "/srv/app"] {
            assert!(by_name(Target::Name(name.into())), "{name}");
        }
        assert!(!by_name(Target::Name("python".into())) && !by_name(Target::AllContainers));
        assert!(by_name(Target::Pattern(Regex::new("^python3").unwrap())));
        assert!(means(&Target::Port(80), &names, None, &HashSet::from([80])) && !by_name(Target::Port(80)));
        let (plain, pods) = (container("ab12", None), container("ab12", Some("app")));
        let in_container = |target: Target, place| means(&target, &names, Some(place), &none);
        assert!(
            in_container(Target::Container("AB".into()), &plain)
                && !in_container(Target::Container("b".into()), &plain)
        );
        assert!(in_container(Target::PodContainer("app".into()), &pods));
        assert!(!in_container(Target::PodContainer("app".into()), &plain));
        assert!(in_container(Target::AllContainers, &plain) && in_container(Target::AllContainers, &pods));
        let pause = ["pause".to_owned()];
        assert!(!means(&Target::AllContainers, &pause, Some(&plain), &none));
    }

    #[test]
    fn who_listens_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = std::process::id() as Pid;
        assert!(Listening::default().ports(own).contains(&port));
        drop(listener);
        assert!(!Listening::default().ports(own).contains(&port));
    }
}
