//! Calls on where memory is placed among NUMA nodes.

use super::super::number::{push_decimal, push_hex, push_unsigned};
use super::super::spec::Kind::{Complex as Memory, Flags, Int, LongFlags, Out, Pointer, Ulong, Word};
use super::super::spec::{Complex, Spec, Struct, arg, call};
use super::super::values as v;
use super::super::values::tables::memory as t;
use super::super::view::View;
use crate::capture::{Copier, number};

/// How many words a mask of so many nodes has; none if that makes no sense.
fn words(nodes: u64, word: usize) -> Option<u64> {
    let bits = 8 * word as u64;
    let words = nodes.checked_add(bits - 2)? / bits;
    (words >= nodes / bits && (nodes == 0 || words > 0)).then_some(words)
}

fn copy_mask(copier: &mut Copier<'_>, address: u64, nodes: u64) {
    let word = copier.abi.word_size();
    copier.array(address, words(nodes, word).unwrap_or(0), word);
}

fn write_mask(out: &mut String, view: &View<'_>, address: u64, nodes: u64, memory: &renacer_events::Memory) {
    let word = view.word_size();
    match words(nodes, word) {
        Some(count) => view.array(out, address, count, word, memory, |out, bytes| padded(out, number(bytes), 2 * word)),
        None => view.address(out, address),
    }
}

/// Appends a number in hexadecimal, with as many zeros as fill `width`; zero has no `0x`.
fn padded(out: &mut String, value: u64, width: usize) {
    if value == 0 {
        return out.extend(std::iter::repeat_n('0', width));
    }
    let start = out.len();
    push_hex(out, value);
    for _ in out.len() - start..width {
        out.insert(start + 2, '0');
    }
}

/// A mask of nodes that the call gets, with its size in that register.
macro_rules! mask_given {
    ($name:ident, $register:expr) => {
        static $name: Complex = Complex {
            at_entry: Some(|copier, address| copy_mask(copier, address, copier.arguments[$register])),
            at_return: None,
            write: |out, view, address| {
                write_mask(out, view, address, view.unsigned(view.arguments[$register]), view.before);
            },
        };
    };
}

mask_given!(NODES_BY_SECOND, 1);
mask_given!(NODES_BY_THIRD, 2);
mask_given!(NODES_BY_FIFTH, 4);

static NODES_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| copy_mask(copier, address, copier.arguments[2])),
    write: |out, view, address| write_mask(out, view, address, view.unsigned(view.arguments[2]), view.after),
};

static POLICY: Struct = Struct {
    size: |_| 4,
    write: |out, _, bytes| {
        out.push('[');
        t::MEMPOLICY.write(out, number(bytes));
        out.push(']');
    },
};

/// Addresses or node numbers that move_pages gets: the second argument is their number.
static PAGES: Complex = Complex {
    at_entry: Some(|copier, address| {
        let word = copier.abi.word_size();
        copier.array(address, copier.arguments[1], word);
    }),
    at_return: None,
    write: |out, view, address| {
        let count = view.unsigned(view.arguments[1]);
        view.array(out, address, count, view.word_size(), view.before, |out, page| view.address(out, number(page)));
    },
};

static NODES: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.array(address, copier.arguments[1], 4);
    }),
    at_return: None,
    write: |out, view, address| {
        let count = view.unsigned(view.arguments[1]);
        view.array(out, address, count, 4, view.before, |out, node| push_decimal(out, (number(node) as i32).into()));
    },
};

/// Where the pages are now: a node, or an error.
static STATUS: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        copier.array(address, copier.arguments[1], 4);
    }),
    write: |out, view, address| {
        let count = view.unsigned(view.arguments[1]);
        view.array(out, address, count, 4, view.after, |out, status| {
            let status = number(status) as i32;
            match v::errno(status.saturating_neg()).filter(|_| status < 0) {
                Some(error) => {
                    out.push('-');
                    out.push_str(error.name);
                }
                None if status < 0 => push_decimal(out, status.into()),
                None => push_unsigned(out, status as u64),
            }
        });
    },
};

pub(super) static CALLS: &[Spec] = &[
    call(
        "mbind",
        &[
            arg("addr", Pointer),
            arg("len", Ulong),
            arg("mode", Word(v::mempolicy)),
            arg("nodemask", Memory(&NODES_BY_FIFTH)),
            arg("maxnode", Ulong),
            arg("flags", Flags(&t::MBIND)),
        ],
    ),
    call(
        "set_mempolicy",
        &[arg("mode", Word(v::mempolicy)), arg("nodemask", Memory(&NODES_BY_THIRD)), arg("maxnode", Ulong)],
    ),
    call(
        "get_mempolicy",
        &[
            arg("mode", Out(&POLICY)),
            arg("nodemask", Memory(&NODES_RETURNED)),
            arg("maxnode", Ulong),
            arg("addr", Pointer),
            arg("flags", LongFlags(&t::GET_MEMPOLICY)),
        ],
    ),
    call(
        "migrate_pages",
        &[
            arg("pid", Int),
            arg("maxnode", Ulong),
            arg("old_nodes", Memory(&NODES_BY_SECOND)),
            arg("new_nodes", Memory(&NODES_BY_SECOND)),
        ],
    ),
    call(
        "move_pages",
        &[
            arg("pid", Int),
            arg("count", Ulong),
            arg("pages", Memory(&PAGES)),
            arg("nodes", Memory(&NODES)),
            arg("status", Memory(&STATUS)),
            arg("flags", Flags(&t::MBIND)),
        ],
    ),
    call(
        "set_mempolicy_home_node",
        &[
            arg("start", Pointer),
            arg("len", Ulong),
            arg("home_node", Ulong),
            arg("flags", super::super::spec::Kind::Hex),
        ],
    ),
];
