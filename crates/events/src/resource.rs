//! The resource of a process: what its spans have in common.

use std::path::Path;

use crate::escape::{MAX_TEXT, escape};
use crate::ids::mix;
use crate::{Attribute, Image, Pid, Resource, Text, TraceId, Value};

/// What is told about every process alike.
#[derive(Clone, Debug, Default)]
pub struct ResourceOptions {
    /// `service.name` for all processes (`--service-name`, `OTEL_SERVICE_NAME`). None: what `user` says, else each process's executable.
    pub service_name: Option<Text>,
    /// What was detected: `host.*`, `os.*`, `telemetry.*`.
    pub detected: Vec<Attribute>,
    /// What the user said (`OTEL_RESOURCE_ATTRIBUTES`). It wins over what was detected, also about the process.
    pub user: Vec<Attribute>,
}

/// Facts about a process's image, rendered once for its resource and its span.
pub(crate) struct ImageFacts {
    /// The executable's base name, else the process's own name.
    pub(crate) name: Text,
    pub(crate) executable_path: Option<Text>,
    pub(crate) working_directory: Option<Text>,
    pub(crate) command_args: Vec<Text>,
    /// How many of these had to be shortened.
    pub(crate) truncated: u64,
}

impl ImageFacts {
    pub(crate) fn new(image: &Image) -> Self {
        let mut truncated = 0;
        let mut text = |bytes: &[u8]| {
            let (text, cut) = escape(bytes, MAX_TEXT);
            truncated += u64::from(cut);
            text
        };
        let name = match image.executable.as_deref().and_then(base_name) {
            Some(name) => text(name),
            None if image.name.is_empty() => "process".into(),
            None => text(image.name.as_bytes()),
        };
        let executable_path = image.executable.as_deref().map(|path| text(path_bytes(path)));
        let working_directory = image.working_directory.as_deref().map(|path| text(path_bytes(path)));
        let (command_args, cut) = arguments(&image.command_args);
        ImageFacts { name, executable_path, working_directory, command_args, truncated: truncated + u64::from(cut) }
    }
}

fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The last component, without the mark that the kernel sets behind the name of an executable that was removed.
fn base_name(path: &Path) -> Option<&[u8]> {
    let name = path.file_name()?.as_encoded_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    (!name.is_empty()).then_some(name)
}

/// As many arguments as fit into one text's limit together; `...` stands for the rest, as in strace's output.
fn arguments(arguments: &[Vec<u8>]) -> (Vec<Text>, bool) {
    let mut left = MAX_TEXT;
    let mut texts = Vec::with_capacity(arguments.len().min(64));
    for argument in arguments {
        let (text, cut) = escape(argument, left);
        // Each argument counts for one byte more, so that a million empty ones have an end too.
        if cut || text.len() >= left {
            texts.push("...".into());
            return (texts, true);
        }
        left -= text.len() + 1;
        texts.push(text);
    }
    (texts, false)
}

/// Builds the resource of the `count`th image of the run. Short attributes stand first, what may be long last.
pub(crate) fn resource(
    options: &ResourceOptions,
    trace: TraceId,
    count: u64,
    pid: Pid,
    parent_pid: Option<Pid>,
    image: &Image,
    facts: &ImageFacts,
) -> Resource {
    let mut list = List { attributes: Vec::with_capacity(24), user: &options.user };
    list.add_first("service.instance.id", || instance_id(trace, pid, count).into());
    match &options.service_name {
        Some(name) => list.attributes.push(Attribute::new("service.name", name.clone())),
        None => list.add_first("service.name", || facts.name.clone().into()),
    }
    for attribute in &options.detected {
        if !list.has(&attribute.key) {
            list.attributes.push(attribute.clone());
        }
    }
    list.add("process.pid", pid);
    list.add_some("process.parent_pid", parent_pid);
    list.add_some("process.vpid", image.vpid);
    list.add_some("process.real_user.id", image.user_id.map(i64::from));
    list.add("process.executable.name", facts.name.clone());
    list.add_some("container.id", image.cgroup.as_deref().and_then(container_id));
    let places = list.attributes.len();
    for attribute in &options.user {
        match list.attributes.iter().position(|known| known.key == attribute.key) {
            // The last of several with one key wins, as in the environment variable.
            Some(place) if place >= places => list.attributes[place] = attribute.clone(),
            Some(_) => {}
            None => list.attributes.push(attribute.clone()),
        }
    }
    list.add_some("process.executable.path", facts.executable_path.clone());
    list.add_some("process.working_directory", facts.working_directory.clone());
    if !facts.command_args.is_empty() {
        list.add("process.command_args", facts.command_args.clone());
    }
    Resource { attributes: list.attributes }
}

/// Attributes in the making. What the user set is left to the user.
struct List<'a> {
    attributes: Vec<Attribute>,
    user: &'a [Attribute],
}

impl List<'_> {
    fn has(&self, key: &str) -> bool {
        self.user.iter().chain(&self.attributes).any(|attribute| attribute.key == key)
    }

    fn add(&mut self, key: &'static str, value: impl Into<Value>) {
        if !self.has(key) {
            self.attributes.push(Attribute::new(key, value));
        }
    }

    fn add_some(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    /// An attribute that keeps its place at the front even when the user sets it.
    fn add_first(&mut self, key: &'static str, value: impl FnOnce() -> Value) {
        match self.user.iter().rev().find(|attribute| attribute.key == key) {
            Some(attribute) => self.attributes.push(attribute.clone()),
            None => self.attributes.push(Attribute { key: key.into(), value: value() }),
        }
    }
}

/// A UUID (version 8, RFC 9562) that only this image of this process in this trace has.
fn instance_id(trace: TraceId, pid: Pid, count: u64) -> Text {
    let number = u128::from_be_bytes(trace.0);
    let place = mix(count ^ (u64::from(pid as u32) << 32));
    let high = mix((number >> 64) as u64 ^ place);
    let low = mix(number as u64 ^ mix(place ^ 0x9e37_79b9_7f4a_7c15));
    let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
    compact_str::format_compact!(
        "{a:08x}-{b:04x}-8{c:03x}-{:04x}-{:012x}",
        low >> 48 & 0x3fff | 0x8000,
        low << 16 >> 16
    )
}

/// The container's id in `/proc/PID/cgroup`: the last component of 64 hexadecimal digits, between a prefix such as `docker-`
/// and `.scope` where systemd manages the groups.
fn container_id(cgroup: &str) -> Option<&str> {
    cgroup.lines().flat_map(|line| line.rsplit('/')).find_map(|component| {
        let name = component.strip_suffix(".scope").unwrap_or(component);
        let id = match name.rsplit_once('-') {
            Some((prefix, id)) if prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') => id,
            Some(_) => return None,
            None => name,
        };
        (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    })
}
