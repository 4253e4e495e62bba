//! Calls on how threads are scheduled.

use super::super::number::{push_decimal, push_hex, push_unsigned};
use super::super::spec::Kind::{Complex as Memory, In, Int, Names, Out, Uint, Word};
use super::super::spec::{Complex, Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::process as t;
use super::super::view::View;
use super::structures::*;

/// The name of the policy that sched_getscheduler returns.
fn scheduler_note(out: &mut String, view: &View<'_>) {
    if let Some(value) = view.result.filter(|_| !view.failed) {
        out.push_str(t::SCHED_POLICY.name(value as u64).unwrap_or(""));
    }
}

/// A mask of processors: the call's second argument is its size.
fn write_cpu_mask(out: &mut String, bytes: &[u8]) {
    out.push('[');
    let mut first = true;
    for (index, byte) in bytes.iter().enumerate() {
        for bit in (0..8).filter(|bit| byte >> bit & 1 != 0) {
            if !first {
                out.push(' ');
            }
            first = false;
            push_unsigned(out, (index * 8 + bit) as u64);
        }
    }
    out.push(']');
}

fn cpu_mask_size(length: u64, word: usize) -> usize {
    // 1024 bytes stand for more processors than any kernel has.
    (length as u32 as usize).min(1024) / word * word
}

static CPUS_GIVEN: Complex = Complex {
    at_entry: Some(|copier, address| {
        let size = cpu_mask_size(copier.arguments[1], copier.abi.word_size());
        copier.bytes(address, size);
    }),
    at_return: None,
    write: |out, view, address| match view.given(address, cpu_mask_size(view.arguments[1], view.word_size())) {
        _ if view.arguments[1] as u32 == 0 && address != 0 => out.push_str("[]"),
        Some(bytes) => write_cpu_mask(out, bytes),
        None => view.address(out, address),
    },
};

static CPUS_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        copier.bytes(address, cpu_mask_size(result.max(0) as u64, 1));
    }),
    write: |out, view, address| {
        let size = cpu_mask_size(view.result.unwrap_or(0).max(0) as u64, 1);
        match view.returned(address, size) {
            Some(bytes) => write_cpu_mask(out, bytes),
            None => view.address(out, address),
        }
    },
};

/// Size of the first version of `struct sched_attr`.
const LEAST_ATTRIBUTES: usize = 48;

/// `struct sched_attr`, which says itself how long it is.
static ATTRIBUTES_GIVEN: Complex = Complex {
    at_entry: Some(|copier, address| {
        // The kernel reads no less than the first version, whatever the size says.
        if copier.as_many(address, v::SCHED_ATTR_SIZE) < LEAST_ATTRIBUTES {
            copier.drop_last();
        }
    }),
    at_return: None,
    write: |out, view, address| match view.before.from(address) {
        Some(bytes) => v::sched_attr(out, bytes),
        None => view.address(out, address),
    },
};

/// The third argument is the room for it.
static ATTRIBUTES_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        let room = copier.arguments[2] as u32 as usize;
        copier.bytes(address, room.min(v::SCHED_ATTR_SIZE));
    }),
    write: |out, view, address| {
        let room = view.arguments[2] as u32 as usize;
        match view.returned(address, room.min(v::SCHED_ATTR_SIZE)) {
            Some(bytes) => v::sched_attr(out, bytes),
            None => view.address(out, address),
        }
    },
};

fn ioprio(out: &mut String, value: u64) {
    const CLASSES: [&str; 4] = ["IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"];
    let value = value as u32;
    out.push_str("IOPRIO_PRIO_VALUE(");
    match CLASSES.get((value >> 13) as usize) {
        Some(name) => out.push_str(name),
        None => {
            push_hex(out, (value >> 13).into());
            out.push_str(" /* IOPRIO_CLASS_??? */");
        }
    }
    out.push_str(", ");
    push_decimal(out, (value & 0x1fff).into());
    out.push(')');
}

fn ioprio_note(out: &mut String, view: &View<'_>) {
    if let Some(value) = view.result.filter(|_| !view.failed) {
        ioprio(out, value as u64);
    }
}

pub(super) static CALLS: &[Spec] = &[
    call("getpriority", &[arg("which", Names(&t::PRIORITY_WHICH)), arg("who", Int)]),
    call("setpriority", &[arg("which", Names(&t::PRIORITY_WHICH)), arg("who", Int), arg("prio", Int)]),
    call("sched_yield", &[]),
    call("sched_getscheduler", &[arg("pid", Int)]).note(scheduler_note),
    call(
        "sched_setscheduler",
        &[arg("pid", Int), arg("policy", Names(&t::SCHED_POLICY)), arg("param", In(&SCHED_PARAM))],
    ),
    call("sched_getparam", &[arg("pid", Int), arg("param", Out(&SCHED_PARAM))]),
    call("sched_setparam", &[arg("pid", Int), arg("param", In(&SCHED_PARAM))]),
    call("sched_get_priority_min", &[arg("policy", Names(&t::SCHED_POLICY))]),
    call("sched_get_priority_max", &[arg("policy", Names(&t::SCHED_POLICY))]),
    call("sched_getaffinity", &[arg("pid", Int), arg("cpusetsize", Uint), arg("mask", Memory(&CPUS_RETURNED))]),
    call("sched_setaffinity", &[arg("pid", Int), arg("cpusetsize", Uint), arg("mask", Memory(&CPUS_GIVEN))]),
    call("sched_rr_get_interval", &[arg("pid", Int), arg("tp", TIMESPEC_OUT)]),
    call("sched_rr_get_interval_time64", &[arg("pid", Int), arg("tp", Out(&TIMESPEC64))]),
    call("sched_setattr", &[arg("pid", Int), arg("attr", Memory(&ATTRIBUTES_GIVEN)), arg("flags", Uint)]),
    call(
        "sched_getattr",
        &[arg("pid", Int), arg("attr", Memory(&ATTRIBUTES_RETURNED)), arg("size", Uint), arg("flags", Uint)],
    ),
    call("ioprio_get", &[arg("which", Names(&t::IOPRIO_WHICH)), arg("who", Int)]).note(ioprio_note),
    call("ioprio_set", &[arg("which", Names(&t::IOPRIO_WHICH)), arg("who", Int), arg("ioprio", Word(ioprio))]),
];
