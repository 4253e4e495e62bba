//! What perf_event_open is asked to count.

use super::field;
use super::fields::Fields;
use super::flags::Names;
use super::tables::perf;
use crate::decode::number::{hex, push_hex, push_unsigned};

/// How much of a `struct perf_event_attr` is looked at: the least that is accepted has 64 bytes.
pub(crate) const PERF_EVENT_ATTR_SIZE: usize = 48;

/// The members of one bit each, in order; two bits of `precise_ip` stand between the 15th and the next.
const BITS: [&str; 36] = [
    "disabled",
    "inherit",
    "pinned",
    "exclusive",
    "exclude_user",
    "exclude_kernel",
    "exclude_hv",
    "exclude_idle",
    "mmap",
    "comm",
    "freq",
    "inherit_stat",
    "enable_on_exec",
    "task",
    "watermark",
    "mmap_data",
    "sample_id_all",
    "exclude_host",
    "exclude_guest",
    "exclude_callchain_kernel",
    "exclude_callchain_user",
    "mmap2",
    "comm_exec",
    "use_clockid",
    "context_switch",
    "write_backward",
    "namespaces",
    "ksymbol",
    "bpf_event",
    "aux_output",
    "cgroup",
    "text_poke",
    "build_id",
    "inherit_thread",
    "remove_on_exec",
    "sigtrap",
];
const PRECISE_IP: usize = 15;
const FREQ: u64 = 1 << 10;

/// Appends a `struct perf_event_attr`, its first members.
pub(crate) fn perf_event_attr(out: &mut String, bytes: &[u8]) {
    let kind = field(bytes, 0, 4);
    let bits = field(bytes, 40, 8);
    let mut fields = Fields::new(out);
    perf::TYPE.write(fields.name("type"), kind);
    let (size, size_out) = (field(bytes, 4, 4), fields.name("size"));
    match [64, 72, 80, 96, 104, 112, 120, 128].iter().position(|&known| known == size) {
        Some(version) => {
            size_out.push_str("PERF_ATTR_SIZE_VER");
            push_unsigned(size_out, version as u64);
        }
        None => {
            hex(size_out, size);
            size_out.push_str(" /* PERF_ATTR_SIZE_??? */");
        }
    }
    config(fields.name("config"), kind, field(bytes, 8, 8));
    fields.unsigned(if bits & FREQ == 0 { "sample_period" } else { "sample_freq" }, field(bytes, 16, 8));
    perf::SAMPLE.write(fields.name("sample_type"), field(bytes, 24, 8));
    perf::FORMAT.write(fields.name("read_format"), field(bytes, 32, 8));
    for (index, name) in BITS.iter().enumerate() {
        if index == PRECISE_IP {
            precise_ip(fields.name("precise_ip"), bits >> PRECISE_IP & 3);
        }
        let position = if index < PRECISE_IP { index } else { index + 2 };
        if bits & 1 << position != 0 {
            fields.unsigned(name, 1);
        }
    }
    if bits >> 38 != 0 {
        let out = fields.name("__reserved_1");
        push_hex(out, bits >> 38);
        out.push_str(" /* Bits 63..38 */");
    }
    fields.end_cut();
}

fn precise_ip(out: &mut String, value: u64) {
    out.push_str(match value {
        0 => "0 /* arbitrary skid */",
        1 => "1 /* constant skid */",
        2 => "2 /* requested to have 0 skid */",
        _ => "3 /* must have 0 skid */",
    });
}

/// Appends what is counted, of that type of event.
fn config(out: &mut String, kind: u64, value: u64) {
    match kind {
        0 => {
            shifted(out, value >> 32, 32);
            perf::HARDWARE.write_int(out, value);
        }
        1 => perf::SOFTWARE.write(out, value),
        2 => push_unsigned(out, value),
        3 => {
            shifted(out, value >> 32, 32);
            shifted(out, value >> 24 & 0xff, 24);
            let part = |out: &mut String, names: &Names, shift: u64, separator: &str| {
                names.write(out, value >> shift & 0xff);
                out.push_str(separator);
            };
            part(out, &perf::CACHE_RESULT, 16, "<<16|");
            part(out, &perf::CACHE_OPERATION, 8, "<<8|");
            part(out, &perf::CACHE, 0, "");
        }
        _ => hex(out, value),
    }
}

/// Appends the bits above those that have a meaning, if any is set.
fn shifted(out: &mut String, value: u64, shift: u64) {
    if value != 0 {
        push_hex(out, value);
        out.push_str("<<");
        push_unsigned(out, shift);
        out.push('|');
    }
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these bytes.

    fn show(numbers: [u64; 6]) -> String {
        text(|out| perf_event_attr(out, &words(8, &numbers)))
    }

    #[test]
    fn events() {
        assert_eq!(
            show([112 << 32, 3, 4000, 0, 0, 1]),
            "{type=PERF_TYPE_HARDWARE, size=PERF_ATTR_SIZE_VER5, config=PERF_COUNT_HW_CACHE_MISSES, sample_period=4000, \
             sample_type=0, read_format=0, disabled=1, precise_ip=0 /* arbitrary skid */, ...}"
        );
        assert_eq!(
            show([2 | 128 << 32, 300, 1, 0x107, 4, 0x160463]),
            "{type=PERF_TYPE_TRACEPOINT, size=PERF_ATTR_SIZE_VER7, config=300, sample_freq=1, \
             sample_type=PERF_SAMPLE_IP|PERF_SAMPLE_TID|PERF_SAMPLE_TIME|PERF_SAMPLE_PERIOD, read_format=PERF_FORMAT_ID, \
             disabled=1, inherit=1, exclude_kernel=1, exclude_hv=1, freq=1, precise_ip=0 /* arbitrary skid */, \
             mmap_data=1, sample_id_all=1, exclude_guest=1, ...}"
        );
        assert!(
            show([136 << 32, 0, 0, 0, 0, 1 << 63])
                .ends_with("precise_ip=0 /* arbitrary skid */, __reserved_1=0x2000000 /* Bits 63..38 */, ...}")
        );
    }

    #[test]
    fn what_is_counted() {
        let config = |kind, value| text(|out| config(out, kind, value));
        assert_eq!(config(0, 0x5_0000_0003), "0x5<<32|PERF_COUNT_HW_CACHE_MISSES");
        assert_eq!(config(1, 99), "0x63 /* PERF_COUNT_SW_??? */");
        assert_eq!(
            config(3, 0x10203),
            "PERF_COUNT_HW_CACHE_RESULT_MISS<<16|PERF_COUNT_HW_CACHE_OP_PREFETCH<<8|PERF_COUNT_HW_CACHE_DTLB"
        );
        assert_eq!(
            config(3, 0x100_0099),
            "0x1<<24|PERF_COUNT_HW_CACHE_RESULT_ACCESS<<16|PERF_COUNT_HW_CACHE_OP_READ<<8|\
             0x99 /* PERF_COUNT_HW_CACHE_??? */"
        );
        assert_eq!(config(4, 0x1cd), "0x1cd");
    }
}
