//! Which container a process is in, and which pod, as `/proc` tells without any server of the runtime's or of Kubernetes'.

/// Where a process lives. What is unknown is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// The runtime's id, 64 hexadecimal digits.
    pub id: Option<String>,
    /// The id of its pod.
    pub pod_uid: Option<String>,
    /// Its name in the pod.
    pub name: Option<String>,
    /// The pod's Kubernetes namespace.
    pub namespace: Option<String>,
    /// The host's name as the process sees it, where it sees another than we do.
    pub host_name: Option<String>,
}

impl Container {
    /// Reads `/proc/PID/cgroup` and `/proc/PID/mountinfo` (proc(5)); none for a process that is in no container as far as these tell.
    pub fn read(cgroup: &str, mountinfo: &str) -> Option<Container> {
        let mut container = Container { id: id(cgroup).map(str::to_owned), ..Container::default() };
        for line in mountinfo.lines() {
            // mount id, parent id, device, root of the mount in its file system, mount point
            let mut words = line.split(' ').skip(3);
            let (Some(root), Some(point)) = (words.next(), words.next()) else { continue };
            match point {
                "/etc/hostname" if container.id.is_none() => container.id = id_of_hostname(root).map(str::to_owned),
                // The kubelet mounts it into each container of a pod but the one that only holds the namespaces.
                "/dev/termination-log" => {
                    let Some((uid, name)) = pod_and_name(root) else { continue };
                    (container.pod_uid, container.name) = (Some(uid.to_owned()), Some(name.to_owned()));
                }
                _ => {}
            }
        }
        (container != Container::default()).then_some(container)
    }
}

/// The last component of 64 hexadecimal digits, between a prefix such as `docker-` and `.scope` where systemd manages the groups.
fn id(cgroup: &str) -> Option<&str> {
    cgroup.lines().flat_map(|line| line.rsplit('/')).find_map(|component| {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        let id = match name.rsplit_once('-') {
            Some((prefix, id)) if prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') => id,
            Some(_) => return None,
            None => name,
        };
        is_id(id).then_some(id)
    })
}

/// `.../containers/ID/hostname`, as Docker and its kin mount it: where the control group is hidden, it still tells.
fn id_of_hostname(root: &str) -> Option<&str> {
    let (_, id) = root.strip_suffix("/hostname")?.rsplit_once('/')?;
    is_id(id).then_some(id)
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `.../pods/UID/containers/NAME/FILE`
fn pod_and_name(root: &str) -> Option<(&str, &str)> {
    let (_, rest) = root.rsplit_once("/pods/")?;
    let mut words = rest.split('/');
    let (uid, containers, name) = (words.next()?, words.next()?, words.next()?);
    (containers == "containers" && !uid.is_empty() && !name.is_empty()).then_some((uid, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> String {
        "0123456789abcdef".repeat(4)
    }

    #[test]
    fn the_id_is_found_in_each_runtimes_form() {
        let id = digits();
        for group in [
            format!("12:cpu:/docker/{id}\n0::/"),
            format!("0::/../{id}"),
            format!("0::/docker/{id}/init.scope"),
            format!("0::/system.slice/docker-{id}.scope"),
            format!("0::/system.slice/nerdctl-{id}.scope"),
            format!("0::/kubepods.slice/kubepods-burstable-pod1_2.slice/cri-containerd-{id}.scope"),
            format!("0::/kubepods.slice/kubepods-pod1_2.slice/crio-{id}.scope"),
            format!("3:pids:/kubepods/besteffort/pod4f6e7f0c-52f3/{id}"),
            format!("0::/machine.slice/libpod-{id}.scope/container"),
        ] {
            assert_eq!(Container::read(&group, "").and_then(|container| container.id), Some(id.clone()), "{group}");
        }
        for group in [
            "0::/".to_owned(),
            "0::/user.slice/user-1000.slice/session-2.scope".to_owned(),
            format!("0::/docker/{}", &id[1..]),
            format!("0::/docker/{}g", &id[1..]),
            format!("0::/POD{id}"),
            format!("0::/2-{id}.scope"),
            String::new(),
        ] {
            assert_eq!(Container::read(&group, ""), None, "{group}");
        }
    }

    #[test]
    fn mounts_tell_where_the_control_group_is_hidden() {
        let id = digits();
        let mounts = format!(
            "812 798 254:0 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda rw\n\
             813 798 254:0 /var/lib/docker/containers/{id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw\n"
        );
        assert_eq!(Container::read("0::/", &mounts), Some(Container { id: Some(id.clone()), ..Container::default() }));
        // The host has the containers' files mounted elsewhere.
        let host = format!("90 28 0:50 / /var/lib/docker/containers/{id}/mounts/shm rw - tmpfs shm rw\n");
        assert_eq!(Container::read("0::/", &host), None);
    }

    #[test]
    fn a_pods_container_has_its_name_and_the_pods_id() {
        let id = digits();
        let mounts = "1051 1040 254:0 /var/lib/kubelet/pods/4f6e7f0c-52f3-4c4b-9d6e-2a7a4a6f0a11/containers/app/8d1c2f30 \
                      /dev/termination-log rw,relatime - ext4 /dev/vda rw\n";
        let found = Container::read(&format!("0::/../{id}"), mounts).unwrap();
        let expected = Container {
            id: Some(id),
            pod_uid: Some("4f6e7f0c-52f3-4c4b-9d6e-2a7a4a6f0a11".into()),
            name: Some("app".into()),
            ..Container::default()
        };
        assert_eq!(found, expected);
        for odd in
            ["1 1 0:1 /pods//containers/app/x /dev/termination-log rw", "1 1 0:1 /log /dev/termination-log rw", "1 1"]
        {
            assert_eq!(Container::read("", odd), None, "{odd}");
        }
    }
}
