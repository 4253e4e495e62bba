//! Names for clocks and timers.

use super::super::flags::{Flags, Names};

/// Clocks.
pub(crate) static CLOCK: Names = Names {
    names: &[
        (0, "CLOCK_REALTIME"),
        (1, "CLOCK_MONOTONIC"),
        (2, "CLOCK_PROCESS_CPUTIME_ID"),
        (3, "CLOCK_THREAD_CPUTIME_ID"),
        (4, "CLOCK_MONOTONIC_RAW"),
        (5, "CLOCK_REALTIME_COARSE"),
        (6, "CLOCK_MONOTONIC_COARSE"),
        (7, "CLOCK_BOOTTIME"),
        (8, "CLOCK_REALTIME_ALARM"),
        (9, "CLOCK_BOOTTIME_ALARM"),
        (0xa, "CLOCK_SGI_CYCLE"),
        (0xb, "CLOCK_TAI"),
    ],
    unknown: "CLOCK_???",
};

/// Flags of clock_nanosleep and timer_settime.
pub(crate) static TIMER_FLAGS: Flags = Flags { names: &[(1, "TIMER_ABSTIME")], unknown: "TIMER_???" };

/// Interval timers.
pub(crate) static ITIMER: Names =
    Names { names: &[(0, "ITIMER_REAL"), (1, "ITIMER_VIRTUAL"), (2, "ITIMER_PROF")], unknown: "ITIMER_???" };
