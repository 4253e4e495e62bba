//! The descriptions of all calls that are known by hand.

mod control;
mod file;
mod futex;
mod identity;
mod io;
mod ipc;
mod ipc_state;
mod keys;
mod memory;
pub(crate) mod message;
mod mount;
mod numa;
mod poll;
mod prctl;
mod process;
mod queue;
mod schedule;
mod signal;
mod socket;
mod structures;
mod time;

use renacer_events::{Abi, Peer};

pub(crate) use self::poll::{WAITS, waited_for};

use super::spec::Spec;
use super::view::Observed;

/// All descriptions.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    let families = [
        control::CALLS,
        file::CALLS,
        futex::CALLS,
        identity::CALLS,
        io::CALLS,
        ipc::CALLS,
        keys::CALLS,
        memory::CALLS,
        mount::CALLS,
        numa::CALLS,
        poll::CALLS,
        prctl::CALLS,
        process::CALLS,
        queue::CALLS,
        schedule::CALLS,
        signal::CALLS,
        socket::CALLS,
        time::CALLS,
    ];
    families.into_iter().flatten()
}

/// The description for an ABI, where a call's registers are in another order there.
pub(crate) fn variant(spec: &'static Spec, abi: Abi) -> &'static Spec {
    match (spec.name, abi) {
        ("clone", Abi::I386 | Abi::Aarch64) => &process::CLONE_BACKWARDS,
        _ => spec,
    }
}

/// The other end of a socket, as a call's own arguments tell it.
pub(crate) fn told_peer(observed: &Observed<'_>) -> Option<Peer> {
    socket::told_peer(observed)
}
