//! Calls on who a process runs for: user and group ids.

use super::super::spec::Kind::{Complex as Memory, Id, Int, Out};
use super::super::spec::{Complex, Parameter, Spec, arg, call};
use super::super::view::id;
use super::structures::ID;
use crate::capture::number;

const NOTHING: &[Parameter] = &[];

/// The groups that setgroups gets: the first argument is their number.
static GROUPS_GIVEN: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.array(address, copier.arguments[0] as u32 as u64, 4);
    }),
    at_return: None,
    write: |out, view, address| {
        let count = view.arguments[0] as u32;
        if count > 65536 {
            return view.address(out, address);
        }
        view.array(out, address, count.into(), 4, view.before, |out, group| id(out, number(group) as u32));
    },
};

/// The groups that getgroups returns: the result is their number.
static GROUPS_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        if copier.arguments[0] as u32 != 0 {
            copier.array(address, result.max(0) as u64, 4);
        }
    }),
    write: |out, view, address| {
        let count = if view.failed { 1 } else { view.result.unwrap_or(0).max(0) as u64 };
        view.array(out, address, count, 4, view.after, |out, group| id(out, number(group) as u32));
    },
};

pub(super) static CALLS: &[Spec] = &[
    call("getuid", NOTHING),
    call("geteuid", NOTHING),
    call("getgid", NOTHING),
    call("getegid", NOTHING),
    call("setuid", &[arg("uid", Id)]),
    call("setgid", &[arg("gid", Id)]),
    call("setfsuid", &[arg("fsuid", Id)]),
    call("setfsgid", &[arg("fsgid", Id)]),
    call("setreuid", &[arg("ruid", Id), arg("euid", Id)]),
    call("setregid", &[arg("rgid", Id), arg("egid", Id)]),
    call("setresuid", &[arg("ruid", Id), arg("euid", Id), arg("suid", Id)]),
    call("setresgid", &[arg("rgid", Id), arg("egid", Id), arg("sgid", Id)]),
    call("getresuid", &[arg("ruid", Out(&ID)), arg("euid", Out(&ID)), arg("suid", Out(&ID))]),
    call("getresgid", &[arg("rgid", Out(&ID)), arg("egid", Out(&ID)), arg("sgid", Out(&ID))]),
    call("setuid32", &[arg("uid", Id)]),
    call("setgid32", &[arg("gid", Id)]),
    call("setfsuid32", &[arg("fsuid", Id)]),
    call("setfsgid32", &[arg("fsgid", Id)]),
    call("setreuid32", &[arg("ruid", Id), arg("euid", Id)]),
    call("setregid32", &[arg("rgid", Id), arg("egid", Id)]),
    call("setresuid32", &[arg("ruid", Id), arg("euid", Id), arg("suid", Id)]),
    call("setresgid32", &[arg("rgid", Id), arg("egid", Id), arg("sgid", Id)]),
    call("getresuid32", &[arg("ruid", Out(&ID)), arg("euid", Out(&ID)), arg("suid", Out(&ID))]),
    call("getresgid32", &[arg("rgid", Out(&ID)), arg("egid", Out(&ID)), arg("sgid", Out(&ID))]),
    call("getgroups", &[arg("size", Int), arg("list", Memory(&GROUPS_RETURNED))]),
    call("setgroups", &[arg("size", Int), arg("list", Memory(&GROUPS_GIVEN))]),
    call("getgroups32", &[arg("size", Int), arg("list", Memory(&GROUPS_RETURNED))]),
    call("setgroups32", &[arg("size", Int), arg("list", Memory(&GROUPS_GIVEN))]),
];
