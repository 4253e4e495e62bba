//! The classes of calls, with strace's members.

mod newer;
mod table;

/// A class of calls: `%file`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class(&'static Row);

impl PartialEq for Class {
    fn eq(&self, other: &Class) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Class {}

#[derive(Debug)]
struct Row {
    name: &'static str,
    members: &'static [&'static str],
    newer: &'static [&'static str],
}

const fn row(name: &'static str, members: &'static [&'static str], newer: &'static [&'static str]) -> Row {
    Row { name, members, newer }
}

static ROWS: [Row; 17] = [
    row("%file", table::FILE, newer::FILE),
    row("%desc", table::DESC, newer::DESC),
    row("%network", table::NETWORK, &[]),
    row("%process", table::PROCESS, &[]),
    row("%memory", table::MEMORY, newer::MEMORY),
    row("%signal", table::SIGNAL, &[]),
    row("%ipc", table::IPC, &[]),
    row("%creds", table::CREDS, &[]),
    row("%clock", table::CLOCK, &[]),
    row("%pure", table::PURE, &[]),
    row("%stat", table::STAT, &[]),
    row("%lstat", table::LSTAT, &[]),
    row("%fstat", table::FSTAT, &[]),
    row("%%stat", table::ALL_STAT, &[]),
    row("%statfs", table::STATFS, &[]),
    row("%fstatfs", table::FSTATFS, &[]),
    row("%%statfs", table::ALL_STATFS, &[]),
];

/// The classes that strace takes without their `%` too.
const BARE: [&str; 7] = ["file", "desc", "network", "process", "memory", "signal", "ipc"];

impl Class {
    /// The class with this name, which begins with `%`.
    pub(crate) fn named(name: &str) -> Option<Class> {
        let name = if name == "%net" { "%network" } else { name };
        ROWS.iter().find(|row| row.name == name).map(Class)
    }

    /// The class with this name as strace takes it among names of calls: the oldest ones need no `%`.
    pub(crate) fn in_list(name: &str) -> Option<Class> {
        match name.starts_with('%') {
            true => Class::named(name),
            false => BARE.contains(&name).then(|| Class::named(&format!("%{name}")))?,
        }
    }

    /// The class with this name, with or without its first `%`.
    pub(crate) fn with_or_without_percent(name: &str) -> Option<Class> {
        Class::named(name).or_else(|| Class::named(&format!("%{name}")))
    }

    /// Its name, with the `%`.
    pub(crate) fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether the call with this name belongs to it.
    pub(crate) fn contains(self, call: &str) -> bool {
        self.0.members.binary_search(&call).is_ok() || self.0.newer.contains(&call)
    }

    /// The names of all classes.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|row| row.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted() {
        assert!(ROWS.iter().all(|row| row.members.is_sorted() && !row.members.is_empty()));
    }

    #[test]
    fn classes_are_found_as_strace_finds_them() {
        assert_eq!(Class::in_list("net"), None, "strace has %net alone");
        assert_eq!(Class::in_list("%net"), Class::named("%network"));
        assert_eq!(Class::in_list("file"), Class::named("%file"));
        assert_eq!(Class::in_list("stat"), None, "that is a call");
        assert_eq!(Class::in_list("creds"), None);
        assert_eq!(Class::with_or_without_percent("stat"), Class::named("%stat"));
        assert_eq!(Class::with_or_without_percent("%stat"), Class::named("%stat"));
        assert_eq!(Class::with_or_without_percent("%%stat"), Class::named("%%stat"));
    }

    #[test]
    fn newer_calls_belong_too() {
        let file = Class::named("%file").unwrap();
        assert!(file.contains("openat") && file.contains("fchmodat2") && !file.contains("read"));
    }
}
