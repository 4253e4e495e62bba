//! Calls on clocks, timers and sleeping.

use renacer_events::Abi;

use super::super::effect;
use super::super::spec::Kind::{Complex as Memory, Fd, Flags, In, Int, Names, Out, Uint, Word};
use super::super::spec::{Complex, Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::{file, time as t};
use super::super::view::View;
use super::structures::*;

/// Appends the time that was left when a sleep was interrupted.
macro_rules! remaining {
    ($name:ident, $structure:expr) => {
        static $name: Complex = Complex {
            at_entry: None,
            at_return: Some(|copier, address, result| {
                // Only a sleep that may go on leaves a rest, and TIMER_ABSTIME has none.
                let absolute = copier.call_name().starts_with("clock_nanosleep") && copier.arguments[1] as u32 != 0;
                if result < 0 && !absolute {
                    copier.bytes(address, ($structure(copier.abi).size)(copier.abi));
                }
            }),
            write: |out, view, address| {
                let structure = $structure(view.abi);
                match view.returned(address, (structure.size)(view.abi)) {
                    Some(bytes) => (structure.write)(out, view, bytes),
                    None => view.address(out, address),
                }
            },
        };
    };
}

remaining!(REMAINING, old_timespec);
remaining!(REMAINING64, |_: Abi| &TIMESPEC64);

/// The time that `time` returns.
fn time_note(out: &mut String, view: &View<'_>) {
    if let Some(value) = view.result.filter(|_| !view.failed) {
        v::date(out, value);
    }
}

/// What adjtimex says about the clock.
fn clock_state(out: &mut String, view: &View<'_>) {
    const STATES: [&str; 6] = ["TIME_OK", "TIME_INS", "TIME_DEL", "TIME_OOP", "TIME_WAIT", "TIME_ERROR"];
    if let Some(value) = view.result.filter(|_| !view.failed) {
        out.push_str(usize::try_from(value).ok().and_then(|value| STATES.get(value)).unwrap_or(&""));
    }
}

pub(super) static CALLS: &[Spec] = &[
    call("time", &[arg("tloc", Out(&TIME))]).note(time_note),
    call("stime", &[arg("t", In(&TIME))]),
    call("times", &[arg("buf", Out(&TMS))]),
    call("gettimeofday", &[arg("tv", Out(&TIMEVAL)), arg("tz", Out(&TIMEZONE))]),
    call("settimeofday", &[arg("tv", In(&TIMEVAL)), arg("tz", In(&TIMEZONE))]),
    call("clock_gettime", &[arg("clockid", Word(v::clock)), arg("tp", TIMESPEC_OUT)]),
    call("clock_settime", &[arg("clockid", Word(v::clock)), arg("tp", TIMESPEC_IN)]),
    call("clock_getres", &[arg("clockid", Word(v::clock)), arg("res", TIMESPEC_OUT)]),
    call("clock_gettime64", &[arg("clockid", Word(v::clock)), arg("tp", Out(&TIMESPEC64))]),
    call("clock_settime64", &[arg("clockid", Word(v::clock)), arg("tp", In(&TIMESPEC64))]),
    call("clock_getres_time64", &[arg("clockid", Word(v::clock)), arg("res", Out(&TIMESPEC64))]),
    call("adjtimex", &[arg("buf", Out(&TIMEX))]).note(clock_state),
    call("clock_adjtime", &[arg("clk_id", Word(v::clock)), arg("buf", Out(&TIMEX))]).note(clock_state),
    call("clock_adjtime64", &[arg("clk_id", Word(v::clock)), arg("buf", Out(&TIMEX64))]).note(clock_state),
    call("nanosleep", &[arg("req", TIMESPEC_IN), arg("rem", Memory(&REMAINING))]).even_interrupted(),
    call(
        "clock_nanosleep",
        &[
            arg("clockid", Word(v::clock)),
            arg("flags", Flags(&t::TIMER_FLAGS)),
            arg("request", TIMESPEC_IN),
            arg("remain", Memory(&REMAINING)),
        ],
    )
    .even_interrupted(),
    call(
        "clock_nanosleep_time64",
        &[
            arg("clockid", Word(v::clock)),
            arg("flags", Flags(&t::TIMER_FLAGS)),
            arg("request", In(&TIMESPEC64)),
            arg("remain", Memory(&REMAINING64)),
        ],
    )
    .even_interrupted(),
    call("getitimer", &[arg("which", Names(&t::ITIMER)), arg("curr_value", Out(&ITIMERVAL))]),
    call(
        "setitimer",
        &[arg("which", Names(&t::ITIMER)), arg("new_value", In(&ITIMERVAL)), arg("old_value", Out(&ITIMERVAL))],
    ),
    call("alarm", &[arg("seconds", Uint)]),
    call("timer_create", &[arg("clockid", Word(v::clock)), arg("sevp", In(&SIGEVENT)), arg("timerid", Out(&INT))]),
    call(
        "timer_settime",
        &[
            arg("timerid", Int),
            arg("flags", Flags(&t::TIMER_FLAGS)),
            arg("new_value", ITIMERSPEC_IN),
            arg("old_value", ITIMERSPEC_OUT),
        ],
    ),
    call("timer_gettime", &[arg("timerid", Int), arg("curr_value", ITIMERSPEC_OUT)]),
    call("timer_getoverrun", &[arg("timerid", Int)]),
    call("timer_delete", &[arg("timerid", Int)]),
    call(
        "timer_settime64",
        &[
            arg("timerid", Int),
            arg("flags", Flags(&t::TIMER_FLAGS)),
            arg("new_value", In(&ITIMERSPEC64)),
            arg("old_value", Out(&ITIMERSPEC64)),
        ],
    ),
    call("timer_gettime64", &[arg("timerid", Int), arg("curr_value", Out(&ITIMERSPEC64))]),
    call("timerfd_create", &[arg("clockid", Word(v::clock)), arg("flags", Flags(&file::TIMERFD))])
        .opens(effect::timerfd_create),
    call(
        "timerfd_settime",
        &[
            arg("fd", Fd),
            arg("flags", Flags(&file::TIMERFD)),
            arg("new_value", ITIMERSPEC_IN),
            arg("old_value", ITIMERSPEC_OUT),
        ],
    ),
    call("timerfd_gettime", &[arg("fd", Fd), arg("curr_value", ITIMERSPEC_OUT)]),
    call(
        "timerfd_settime64",
        &[
            arg("fd", Fd),
            arg("flags", Flags(&file::TIMERFD)),
            arg("new_value", In(&ITIMERSPEC64)),
            arg("old_value", Out(&ITIMERSPEC64)),
        ],
    ),
    call("timerfd_gettime64", &[arg("fd", Fd), arg("curr_value", Out(&ITIMERSPEC64))]),
];
