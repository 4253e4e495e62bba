//! Points in time, durations and timers.

use super::fields::{Fields, address};
use super::signal::signal;
use super::tables::time;
use super::{field, int, word_at};
use crate::decode::number::{push_decimal, push_unsigned};

/// How a pair of seconds and a fraction is stored.
#[derive(Clone, Copy)]
pub(crate) enum Width {
    /// Twice 4 bytes: the old calls of i386.
    Narrow,
    /// Twice 8 bytes.
    Wide,
}

impl Width {
    /// Size of a pair, in bytes.
    pub(crate) const fn size(self) -> usize {
        match self {
            Width::Narrow => 8,
            Width::Wide => 16,
        }
    }

    fn get(self, bytes: &[u8], index: usize) -> (i64, u64) {
        let start = index * self.size();
        match self {
            Width::Narrow => (int(bytes, start), field(bytes, start + 4, 4)),
            Width::Wide => (field(bytes, start, 8) as i64, field(bytes, start + 8, 8)),
        }
    }
}

fn pair(out: &mut String, (seconds, fraction): (i64, u64), name: &str) {
    let mut fields = Fields::new(out);
    fields.signed("tv_sec", seconds);
    fields.unsigned(name, fraction);
    fields.end();
}

/// Appends a `struct timespec`: `{tv_sec=1, tv_nsec=0}`.
pub(crate) fn timespec(out: &mut String, width: Width, bytes: &[u8]) {
    pair(out, width.get(bytes, 0), "tv_nsec");
}

/// Appends a `struct timeval`: `{tv_sec=1, tv_usec=0}`.
pub(crate) fn timeval(out: &mut String, width: Width, bytes: &[u8]) {
    pair(out, width.get(bytes, 0), "tv_usec");
}

/// Appends the two times of utimensat, in twice the size of a pair.
pub(crate) fn utimensat_times(out: &mut String, width: Width, bytes: &[u8]) {
    times(out, width, bytes, |out, (seconds, fraction)| match fraction {
        0x3fff_ffff => out.push_str("UTIME_NOW"),
        0x3fff_fffe => out.push_str("UTIME_OMIT"),
        _ => {
            pair(out, (seconds, fraction), "tv_nsec");
            if fraction < 1_000_000_000 {
                date_comment(out, seconds, fraction, 9);
            }
        }
    });
}

/// Appends the two times of utimes and futimesat, in twice the size of a pair.
pub(crate) fn utimes_times(out: &mut String, width: Width, bytes: &[u8]) {
    times(out, width, bytes, |out, (seconds, fraction)| {
        pair(out, (seconds, fraction), "tv_usec");
        if fraction < 1_000_000 {
            date_comment(out, seconds, fraction, 6);
        }
    });
}

fn times(out: &mut String, width: Width, bytes: &[u8], write: impl Fn(&mut String, (i64, u64))) {
    out.push('[');
    write(out, width.get(bytes, 0));
    out.push_str(", ");
    write(out, width.get(bytes, 1));
    out.push(']');
}

/// Appends the structure of utime: two times of `word` bytes each.
pub(crate) fn utimbuf(out: &mut String, word: usize, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    unix_time(fields.name("actime"), word_at(bytes, 0, word));
    unix_time(fields.name("modtime"), word_at(bytes, word, word));
    fields.end();
}

/// Appends a clock: `CLOCK_MONOTONIC`.
pub(crate) fn clock(out: &mut String, value: u64) {
    time::CLOCK.write_int(out, value);
}

/// Appends a time in seconds, with its date as a comment.
pub(crate) fn unix_time(out: &mut String, seconds: i64) {
    push_decimal(out, seconds);
    date_comment(out, seconds, 0, 0);
}

/// Appends a date in UTC as a comment; nothing for the epoch itself, which stands for "not set", and for what is no date.
fn date_comment(out: &mut String, seconds: i64, fraction: u64, digits: usize) {
    let start = out.len();
    out.push_str(" /* ");
    let before = out.len();
    write_date(out, seconds, fraction, digits);
    if out.len() == before {
        return out.truncate(start);
    }
    out.push_str(" */");
}

/// Appends the date in UTC of a time in seconds: `2023-11-14T22:13:20+0000`; nothing for 0 and for what is no date.
pub(crate) fn date(out: &mut String, seconds: i64) {
    write_date(out, seconds, 0, 0);
}

fn write_date(out: &mut String, seconds: i64, fraction: u64, digits: usize) {
    // As far as the C library's years reach.
    const MOST: i64 = 0x7fff_ffff * 31_556_952;
    if (seconds == 0 && fraction == 0) || !(-MOST..MOST).contains(&seconds) {
        return;
    }
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u64);
    // Days since 1 March of year 0, in the proleptic Gregorian calendar, whose 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    push_decimal(out, year);
    for (mark, value) in [('-', month as u64), ('-', day as u64), ('T', second / 3600), (':', second / 60 % 60)] {
        out.push(mark);
        padded(out, value, 2);
    }
    out.push(':');
    padded(out, second % 60, 2);
    if fraction != 0 {
        out.push('.');
        padded(out, fraction, digits);
    }
    out.push_str("+0000");
}

/// Appends a number with leading zeros.
fn padded(out: &mut String, value: u64, digits: usize) {
    let mut limit = 10u64.pow(digits as u32 - 1);
    while value < limit && limit > 1 {
        out.push('0');
        limit /= 10;
    }
    push_unsigned(out, value);
}

/// Appends a `struct itimerspec`, in twice the size of a pair.
pub(crate) fn itimerspec(out: &mut String, width: Width, bytes: &[u8]) {
    timer(out, width, bytes, "tv_nsec");
}

/// Appends a `struct itimerval`, in twice the size of a pair.
pub(crate) fn itimerval(out: &mut String, width: Width, bytes: &[u8]) {
    timer(out, width, bytes, "tv_usec");
}

fn timer(out: &mut String, width: Width, bytes: &[u8], fraction: &str) {
    let mut fields = Fields::new(out);
    pair(fields.name("it_interval"), width.get(bytes, 0), fraction);
    pair(fields.name("it_value"), width.get(bytes, 1), fraction);
    fields.end();
}

/// Appends a `struct timezone`.
pub(crate) fn timezone(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    fields.signed("tz_minuteswest", int(bytes, 0));
    fields.signed("tz_dsttime", int(bytes, 4));
    fields.end();
}

/// Appends the structure of times: four numbers of clock ticks, of `word` bytes each.
pub(crate) fn tms(out: &mut String, word: usize, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    for (index, name) in ["tms_utime", "tms_stime", "tms_cutime", "tms_cstime"].into_iter().enumerate() {
        clock_ticks(fields.name(name), word_at(bytes, index * word, word) as u64);
    }
    fields.end();
}

/// Appends a number of clock ticks, of which a second has 100, with the seconds as a comment.
pub(super) fn clock_ticks(out: &mut String, ticks: u64) {
    push_unsigned(out, ticks);
    if ticks != 0 {
        out.push_str(" /* ");
        push_unsigned(out, ticks / 100);
        out.push('.');
        padded(out, ticks % 100, 2);
        out.push_str(" s */");
    }
}

/// Size of a `struct sigevent`, as far as it is looked at.
pub(crate) fn sigevent_size(word: usize) -> usize {
    word + 8 + 2 * word
}

/// Appends a `struct sigevent`.
pub(crate) fn sigevent(out: &mut String, word: usize, bytes: &[u8]) {
    let value = field(bytes, 0, word);
    let (number, notify) = (field(bytes, word, 4), field(bytes, word + 4, 4));
    let rest = word + 8;
    let mut fields = Fields::new(out);
    if value != 0 {
        sigval(fields.name("sigev_value"), value);
    }
    match notify {
        0 | 2 | 4 => signal(fields.name("sigev_signo"), number),
        _ => fields.unsigned("sigev_signo", number),
    }
    time::SIGEV.write(fields.name("sigev_notify"), notify);
    match notify {
        2 => {
            address(fields.name("sigev_notify_function"), field(bytes, rest, word));
            address(fields.name("sigev_notify_attributes"), field(bytes, rest + word, word));
        }
        4 => fields.signed("sigev_notify_thread_id", int(bytes, rest)),
        _ => {}
    }
    fields.end();
}

fn sigval(out: &mut String, value: u64) {
    let mut fields = Fields::new(out);
    fields.signed("sival_int", (value as i32).into());
    fields.address("sival_ptr", value);
    fields.end();
}

/// Size of a `struct timex`.
pub(crate) fn timex_size(word: usize) -> usize {
    if word == 8 { 208 } else { 128 }
}

/// Appends a `struct timex`. `word` is the size of its numbers.
pub(crate) fn timex(out: &mut String, word: usize, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    time::ADJ.write(fields.name("modes"), field(bytes, 0, 4));
    let words = |fields: &mut Fields<'_>, first: usize, names: &[&str]| {
        for (index, name) in names.iter().enumerate() {
            fields.signed(name, word_at(bytes, (first + index) * word, word));
        }
    };
    // Members of 4 bytes are followed by as many as fill a word.
    words(&mut fields, 1, &["offset", "freq", "maxerror", "esterror"]);
    time::STA.write(fields.name("status"), field(bytes, 5 * word, 4));
    words(&mut fields, 6, &["constant", "precision", "tolerance"]);
    let now = (word_at(bytes, 9 * word, word), field(bytes, 10 * word, word));
    pair(fields.name("time"), now, "tv_usec");
    words(&mut fields, 11, &["tick", "ppsfreq", "jitter"]);
    fields.signed("shift", int(bytes, 14 * word));
    words(&mut fields, 15, &["stabil", "jitcnt", "calcnt", "errcnt", "stbcnt"]);
    fields.signed("tai", int(bytes, 20 * word));
    fields.end();
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these bytes.

    const NOW: u64 = 0x3fff_ffff;
    const OMIT: u64 = 0x3fff_fffe;

    fn wide(numbers: &[u64]) -> Vec<u8> {
        words(8, numbers)
    }

    #[test]
    fn durations() {
        let spec = |numbers: [u64; 2]| text(|out| timespec(out, Width::Wide, &wide(&numbers)));
        assert_eq!(spec([1, 5]), "{tv_sec=1, tv_nsec=5}");
        assert_eq!(spec([u64::MAX, i64::MAX as u64]), "{tv_sec=-1, tv_nsec=9223372036854775807}");
        let narrow = words(4, &[0xffff_ffff, 0xffff_ffff]);
        assert_eq!(text(|out| timespec(out, Width::Narrow, &narrow)), "{tv_sec=-1, tv_nsec=4294967295}");
        assert_eq!(text(|out| timeval(out, Width::Wide, &wide(&[1, 2]))), "{tv_sec=1, tv_usec=2}");
        let zone = words(4, &[-60i64 as u64, 1]);
        assert_eq!(text(|out| timezone(out, &zone)), "{tz_minuteswest=-60, tz_dsttime=1}");
    }

    #[test]
    fn dates() {
        let pair = |numbers: [u64; 4]| text(|out| utimensat_times(out, Width::Wide, &wide(&numbers)));
        assert_eq!(pair([0, NOW, 5, OMIT]), "[UTIME_NOW, UTIME_OMIT]");
        assert_eq!(
            pair([1, 2, 1_700_000_000, 3]),
            "[{tv_sec=1, tv_nsec=2} /* 1970-01-01T00:00:01.000000002+0000 */, \
             {tv_sec=1700000000, tv_nsec=3} /* 2023-11-14T22:13:20.000000003+0000 */]"
        );
        assert_eq!(
            pair([0, 0, -1i64 as u64, 0]),
            "[{tv_sec=0, tv_nsec=0}, {tv_sec=-1, tv_nsec=0} /* 1969-12-31T23:59:59+0000 */]"
        );
        assert_eq!(
            pair([951_782_400, 0, 4_107_542_400, 999_999_999]),
            "[{tv_sec=951782400, tv_nsec=0} /* 2000-02-29T00:00:00+0000 */, \
             {tv_sec=4107542400, tv_nsec=999999999} /* 2100-03-01T00:00:00.999999999+0000 */]"
        );
        assert_eq!(
            pair([253_402_300_799, 5, 1 << 40, 1]),
            "[{tv_sec=253402300799, tv_nsec=5} /* 9999-12-31T23:59:59.000000005+0000 */, \
             {tv_sec=1099511627776, tv_nsec=1} /* 36812-02-20T00:36:16.000000001+0000 */]"
        );
        assert_eq!(
            pair([1 << 56, 1, 5, 1_000_000_000]),
            "[{tv_sec=72057594037927936, tv_nsec=1}, {tv_sec=5, tv_nsec=1000000000}]"
        );
        assert_eq!(
            text(|out| utimes_times(out, Width::Wide, &wide(&[1, 2, 1, 1 << 40]))),
            "[{tv_sec=1, tv_usec=2} /* 1970-01-01T00:00:01.000002+0000 */, {tv_sec=1, tv_usec=1099511627776}]"
        );
        assert_eq!(
            text(|out| utimbuf(out, 8, &wide(&[0, -5i64 as u64]))),
            "{actime=0, modtime=-5 /* 1969-12-31T23:59:55+0000 */}"
        );
        assert_eq!(text(|out| date(out, 1_700_000_000)), "2023-11-14T22:13:20+0000");
        for seconds in [i64::MIN, i64::MAX] {
            assert_eq!(text(|out| date(out, seconds)), "");
        }
    }

    #[test]
    fn timers() {
        let bytes = wide(&[1, 2, 3, 4]);
        assert_eq!(
            text(|out| itimerspec(out, Width::Wide, &bytes)),
            "{it_interval={tv_sec=1, tv_nsec=2}, it_value={tv_sec=3, tv_nsec=4}}"
        );
        let bytes = words(4, &[1, 2, 3, 4]);
        assert_eq!(
            text(|out| itimerval(out, Width::Narrow, &bytes)),
            "{it_interval={tv_sec=1, tv_usec=2}, it_value={tv_sec=3, tv_usec=4}}"
        );
        assert_eq!(
            text(|out| tms(out, 8, &wide(&[0, 2, -3i64 as u64, 12_345_678]))),
            "{tms_utime=0, tms_stime=2 /* 0.02 s */, tms_cutime=18446744073709551613 /* 184467440737095516.13 s */, \
             tms_cstime=12345678 /* 123456.78 s */}"
        );
    }

    #[test]
    fn notifications() {
        let event = |notify: u64, rest: [u64; 2]| {
            let bytes = wide(&[7, 10 | notify << 32, rest[0], rest[1]]);
            text(|out| sigevent(out, 8, &bytes))
        };
        let value = "sigev_value={sival_int=7, sival_ptr=0x7}";
        assert_eq!(event(0, [0, 0]), format!("{{{value}, sigev_signo=SIGUSR1, sigev_notify=SIGEV_SIGNAL}}"));
        assert_eq!(event(1, [0, 0]), format!("{{{value}, sigev_signo=10, sigev_notify=SIGEV_NONE}}"));
        assert_eq!(
            event(2, [0x1000, 0x2000]),
            format!(
                "{{{value}, sigev_signo=SIGUSR1, sigev_notify=SIGEV_THREAD, sigev_notify_function=0x1000, \
                 sigev_notify_attributes=0x2000}}"
            )
        );
        assert_eq!(
            event(4, [4096, 0]),
            format!("{{{value}, sigev_signo=SIGUSR1, sigev_notify=SIGEV_THREAD_ID, sigev_notify_thread_id=4096}}")
        );
        assert_eq!(event(9, [0, 0]), format!("{{{value}, sigev_signo=10, sigev_notify=0x9 /* SIGEV_??? */}}"));
    }

    #[test]
    fn clock_adjustments() {
        let expected = "{modes=ADJ_OFFSET|ADJ_NANO, offset=1, freq=2, maxerror=3, esterror=4, status=STA_UNSYNC, \
                        constant=6, precision=7, tolerance=8, time={tv_sec=9, tv_usec=10}, tick=11, ppsfreq=12, \
                        jitter=13, shift=14, stabil=15, jitcnt=16, calcnt=17, errcnt=18, stbcnt=19, tai=20}";
        let mut numbers: Vec<u64> = (0..=20).collect();
        (numbers[0], numbers[5]) = (0x2001, 0x40);
        assert_eq!(text(|out| timex(out, 8, &words(8, &numbers))), expected);
        assert_eq!(text(|out| timex(out, 4, &words(4, &numbers))), expected);
        let modes = |modes: u64| text(|out| timex(out, 8, &words(8, &[modes])));
        assert!(modes(0x8001).starts_with("{modes=ADJ_OFFSET_SINGLESHOT, "));
        assert!(modes(0xa001).starts_with("{modes=ADJ_OFFSET_SS_READ, "));
    }
}
