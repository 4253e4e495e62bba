//! CLONE_UNTRACED under a filter. A child that nobody traces would fail with ENOSYS in every call that the filter reports, so the
//! flag is taken out of the call, and put back when the call has returned.

use renacer_events::Entry;

use crate::arch::{self, Role};
use crate::tracee::Stopped;

/// linux/sched.h
const CLONE_UNTRACED: u64 = 0x0080_0000;

/// Whether the call asks for a child that is not traced.
pub(super) fn asks(entry: &Entry) -> bool {
    flags(entry).is_some_and(|flags| flags & CLONE_UNTRACED != 0)
}

/// Takes the flag out of a call at its entry.
pub(super) fn take_out(stopped: &Stopped, entry: &Entry) {
    set(stopped, entry, !CLONE_UNTRACED);
}

/// Puts the flag back at the call's return.
pub(super) fn put_back(stopped: &Stopped, entry: &Entry) {
    set(stopped, entry, !0);
}

fn flags(entry: &Entry) -> Option<u64> {
    match arch::role(entry.abi, entry.number)? {
        Role::Clone => Some(entry.arguments[0]),
        Role::Clone3 => Some(u64::from_ne_bytes(entry.memory.get(entry.arguments[0], 8)?.try_into().ok()?)),
        _ => None,
    }
}

/// Makes the flags what they were, but for those that are not in `mask`.
fn set(stopped: &Stopped, entry: &Entry, mask: u64) {
    let Some(flags) = flags(entry) else { return };
    // Where it fails, the tracee is gone, or its memory cannot be written, and then it was none that the kernel could read.
    if arch::role(entry.abi, entry.number) == Some(Role::Clone) {
        let _ = stopped.set_first_argument(entry.abi, flags & mask);
    } else {
        let _ = stopped.poke(entry.arguments[0], (flags & mask).to_ne_bytes());
    }
}
