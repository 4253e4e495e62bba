//! The resource of a process: what its spans have in common.

use std::path::Path;

use crate::escape::{MAX_TEXT, escape, shorten};
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

impl ResourceOptions {
    /// Limits all texts; returns how many had to be shortened.
    pub(crate) fn shorten(&mut self) -> u64 {
        let given = self.detected.iter_mut().chain(&mut self.user).map(|attribute| attribute.value.shorten());
        given.sum::<u64>() + self.service_name.as_mut().map_or(0, |name| u64::from(shorten(name)))
    }
}

impl Value {
    /// Limits its texts; returns how many had to be shortened.
    pub(crate) fn shorten(&mut self) -> u64 {
        match self {
            Value::Text(text) => u64::from(shorten(text)),
            Value::Texts(texts) => texts.iter_mut().map(|text| u64::from(shorten(text))).sum(),
            Value::Int(_) | Value::Bool(_) | Value::Double(_) => 0,
        }
    }
}

/// Facts about a process's image, rendered once for its resource and its span.
pub(crate) struct ImageFacts {
    /// The executable's base name, else the process's own name.
    pub(crate) name: Text,
    pub(crate) executable_path: Option<Text>,
    pub(crate) working_directory: Option<Text>,
    pub(crate) command_args: Vec<Text>,
    /// Of its container: attributes.
    pub(crate) container: Vec<(&'static str, Text)>,
    /// The host's name as it sees it.
    pub(crate) host_name: Option<Text>,
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
        let truncated = truncated + u64::from(cut);
        let place = image.container.as_deref();
        let container = place.into_iter().flat_map(|place| {
            let named = [
                ("container.id", &place.id),
                ("k8s.pod.uid", &place.pod_uid),
                ("k8s.container.name", &place.name),
                ("k8s.namespace.name", &place.namespace),
            ];
            named.into_iter().filter_map(|(key, value)| Some((key, Text::from(value.as_deref()?))))
        });
        let container = container.collect();
        let host_name = place.and_then(|place| place.host_name.as_deref()).map(Text::from);
        ImageFacts { name, executable_path, working_directory, command_args, container, host_name, truncated }
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
    // In a container the host may have another name.
    list.add_some("host.name", facts.host_name.clone());
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
    for (key, value) in &facts.container {
        list.add(key, value.clone());
    }
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

/// A resource with what its process says of itself. As which service it wants to be known is for the process to say, unless the
/// user does; what Renacer has seen for itself stays.
pub(crate) fn described(resource: &Resource, options: &ResourceOptions, attributes: Vec<Attribute>) -> Resource {
    let mut described = resource.attributes.clone();
    for attribute in attributes {
        let users = options.user.iter().any(|user| user.key == attribute.key)
            || attribute.key == "service.name" && options.service_name.is_some();
        match described.iter().position(|known| known.key == attribute.key) {
            Some(place) if attribute.key.starts_with("service.") && !users => described[place] = attribute,
            Some(_) => {}
            None => described.push(attribute),
        }
    }
    Resource { attributes: described }
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::Container;

    fn image() -> Image {
        Image {
            executable: Some(PathBuf::from("/usr/bin/na\"me")),
            command_args: vec![b"name".to_vec(), b"a\xffb\n".to_vec(), Vec::new()],
            working_directory: Some(PathBuf::from("/home/me")),
            name: "comm".into(),
            vpid: Some(7),
            user_id: Some(1000),
            caller: None,
            container: Some(Arc::new(Container {
                id: Some("ab".repeat(32)),
                pod_uid: Some("4f6e".into()),
                name: Some("app".into()),
                namespace: Some("shop".into()),
                host_name: Some("pod-1".into()),
            })),
        }
    }

    fn build(options: &ResourceOptions, image: &Image) -> Resource {
        resource(options, TraceId([1; 16]), 1, 42, Some(41), image, &ImageFacts::new(image))
    }

    fn get<'a>(resource: &'a Resource, key: &str) -> Option<&'a Value> {
        let mut found = resource.attributes.iter().filter(|attribute| attribute.key == key);
        let first = found.next();
        assert!(found.next().is_none(), "{key} stands twice");
        first.map(|attribute| &attribute.value)
    }

    #[test]
    fn attributes_stand_in_their_order_with_long_ones_last() {
        let options = ResourceOptions {
            service_name: None,
            detected: vec![Attribute::new("host.name", "box"), Attribute::new("os.type", "linux")],
            user: vec![Attribute::new("team", "blue")],
        };
        let resource = build(&options, &image());
        let rendered: Vec<String> = resource.attributes[1..]
            .iter()
            .map(|attribute| format!("{} {:?}", attribute.key, attribute.value))
            .collect();
        let expected = [
            r#"service.name Text("na\\\"me")"#,
            r#"host.name Text("pod-1")"#,
            r#"os.type Text("linux")"#,
            "process.pid Int(42)",
            "process.parent_pid Int(41)",
            "process.vpid Int(7)",
            "process.real_user.id Int(1000)",
            r#"process.executable.name Text("na\\\"me")"#,
            &format!(r#"container.id Text("{}")"#, "ab".repeat(32)),
            r#"k8s.pod.uid Text("4f6e")"#,
            r#"k8s.container.name Text("app")"#,
            r#"k8s.namespace.name Text("shop")"#,
            r#"team Text("blue")"#,
            r#"process.executable.path Text("/usr/bin/na\\\"me")"#,
            r#"process.working_directory Text("/home/me")"#,
            r#"process.command_args Texts(["name", "a\\377b\\n", ""])"#,
        ];
        assert_eq!(rendered, expected);
        assert_eq!(resource.attributes[0].key, "service.instance.id");
    }

    #[test]
    fn the_user_wins_over_what_was_detected_and_the_option_over_the_user() {
        let mut options = ResourceOptions {
            service_name: None,
            detected: vec![Attribute::new("host.name", "box")],
            user: vec![
                Attribute::new("service.name", "first"),
                Attribute::new("service.name", "mine"),
                Attribute::new("host.name", "other"),
                Attribute::new("process.pid", 1),
                Attribute::new("process.working_directory", "hidden"),
                Attribute::new("service.instance.id", "instance"),
                Attribute::new("team", "red"),
                Attribute::new("team", "blue"),
            ],
        };
        let resource = build(&options, &image());
        assert_eq!(resource.attributes[0], Attribute::new("service.instance.id", "instance"));
        for (key, value) in [
            ("service.name", Value::from("mine")),
            ("host.name", "other".into()),
            ("process.pid", 1.into()),
            ("process.working_directory", "hidden".into()),
            ("team", "blue".into()),
        ] {
            assert_eq!(get(&resource, key), Some(&value), "{key}");
        }
        options.service_name = Some("given".into());
        assert_eq!(get(&build(&options, &image()), "service.name"), Some(&"given".into()));
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let resource = build(&ResourceOptions::default(), &Image::default());
        let keys: Vec<&str> = resource.attributes.iter().map(|attribute| &*attribute.key).collect();
        let expected =
            ["service.instance.id", "service.name", "process.pid", "process.parent_pid", "process.executable.name"];
        assert_eq!(keys, expected);
        assert_eq!(get(&resource, "service.name"), Some(&"process".into()));
    }

    #[test]
    fn the_name_is_the_executables_without_the_kernels_mark_else_the_processs() {
        let name = |path: Option<&str>| {
            let image = Image { executable: path.map(PathBuf::from), name: "comm".into(), ..Image::default() };
            ImageFacts::new(&image).name
        };
        assert_eq!(name(Some("/usr/bin/ls")), "ls");
        assert_eq!(name(Some("/opt/app (deleted)")), "app");
        assert_eq!(name(Some("/")), "comm");
        assert_eq!(name(None), "comm");
    }

    #[test]
    fn many_arguments_end_in_dots_and_are_counted() {
        let image = Image { command_args: vec![vec![b'x'; 1000]; 100], ..Image::default() };
        let facts = ImageFacts::new(&image);
        assert_eq!(facts.command_args.len(), 17);
        assert_eq!(facts.command_args[16], "...");
        assert_eq!(facts.truncated, 1);
        let image = Image { command_args: vec![Vec::new(); 1_000_000], ..Image::default() };
        assert_eq!(ImageFacts::new(&image).command_args.len(), MAX_TEXT + 1);
    }

    #[test]
    fn an_instance_id_is_a_uuid_of_its_own() {
        let trace = TraceId([0xfe; 16]);
        let ids: std::collections::HashSet<_> =
            (0..50).flat_map(|pid| (0..50).map(move |count| instance_id(trace, pid, count))).collect();
        assert_eq!(ids.len(), 2500);
        for id in ids {
            let groups: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
            assert!(id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{id}");
            assert!(id.as_bytes()[14] == b'8' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
        assert_eq!(instance_id(trace, 1, 2), instance_id(trace, 1, 2));
        assert_ne!(instance_id(trace, 1, 2), instance_id(TraceId([0xfd; 16]), 1, 2));
    }

    #[test]
    fn long_texts_of_the_user_are_cut_and_counted() {
        let mut options = ResourceOptions {
            service_name: Some("s".repeat(MAX_TEXT + 1).into()),
            detected: vec![Attribute::new("host.id", "short")],
            user: vec![Attribute::new("long", "x".repeat(20_000)), Attribute::new("number", 5)],
        };
        assert_eq!(options.shorten(), 2);
        assert_eq!(options.shorten(), 0);
        assert_eq!(options.service_name.as_ref().map(|name| name.len()), Some(MAX_TEXT));
    }
}
