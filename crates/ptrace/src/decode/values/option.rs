//! Socket options and control messages.

use renacer_events::Abi;

use super::address::{ipv4, ipv6, sockaddr};
use super::errno::errno;
use super::fields::Fields;
use super::flags::Names;
use super::tables::option as tables;
use super::time::{Width, timespec, timeval};
use super::{field, id, int};
use crate::decode::number::{hex, push_decimal, push_hex, push_unsigned};
use crate::decode::quote::quote;

const SOL_IP: u64 = 0;
const SOL_SOCKET: u64 = 1;
const SOL_IPV6: u64 = 41;
const SOL_PACKET: u64 = 263;
const SOL_NETLINK: u64 = 270;

/// The options of a level. Some numbers mean one thing for setsockopt and another for getsockopt (`got`).
fn names(level: u64, got: bool) -> Option<&'static Names> {
    Some(match level {
        SOL_IP if got => &tables::IP_GOT,
        SOL_IP => &tables::IP_SET,
        SOL_SOCKET if got => &tables::SOCKET_GOT,
        SOL_SOCKET => &tables::SOCKET_SET,
        6 => &tables::TCP,
        17 => &tables::UDP,
        40 => &tables::VSOCK,
        SOL_IPV6 if got => &tables::IPV6_GOT,
        SOL_IPV6 => &tables::IPV6_SET,
        101 => &tables::CAN_RAW,
        132 => &tables::SCTP,
        255 => &tables::RAW,
        SOL_PACKET => &tables::PACKET,
        SOL_NETLINK => &tables::NETLINK,
        271 => &tables::TIPC,
        274 => &tables::BLUETOOTH,
        279 => &tables::ALG,
        281 => &tables::KCM,
        282 => &tables::TLS,
        283 => &tables::XDP,
        284 => &tables::MPTCP,
        _ => return None,
    })
}

/// Appends an option of a level of setsockopt or (`got`) getsockopt: `SO_REUSEADDR`. Unknown level: its number.
pub(crate) fn socket_option(out: &mut String, level: u64, option: u64, got: bool) {
    match names(level & 0xffff_ffff, got) {
        Some(names) => names.write_int(out, option),
        None => push_unsigned(out, (option as u32).into()),
    }
}

/// Appends a value that setsockopt gets, where its type is known and it is long enough. Says whether.
pub(crate) fn socket_option_given(out: &mut String, abi: Abi, level: u64, option: u64, bytes: &[u8]) -> bool {
    let length = bytes.len();
    match (level & 0xffff_ffff, option & 0xffff_ffff) {
        (SOL_SOCKET, 13) if length >= 8 => linger(out, bytes),
        (SOL_SOCKET, 26 | 51) if length == 2 * abi.word_size() => {
            let mut fields = Fields::new(out);
            fields.unsigned("len", field(bytes, 0, 2));
            fields.address("filter", field(bytes, abi.word_size(), abi.word_size()));
            fields.end();
        }
        (SOL_SOCKET, 74) if length >= 4 => rehash(out, bytes),
        (SOL_SOCKET, option) if is_int(option) && length >= 4 => bracketed_int(out, bytes),
        (SOL_IP, 35 | 36) if length >= 8 => {
            let mut fields = Fields::new(out);
            ipv4(fields.name("imr_multiaddr"), field(bytes, 0, 4));
            ipv4(fields.name("imr_interface"), field(bytes, 4, 4));
            fields.end();
        }
        (SOL_IPV6, 20 | 21 | 27 | 28) if length >= 20 => {
            let mut fields = Fields::new(out);
            let group = fields.separate();
            group.push_str("inet_pton(AF_INET6, \"");
            group.push_str(&ipv6(bytes, 0).to_string());
            group.push_str("\", &ipv6mr_multiaddr)");
            fields.unsigned("ipv6mr_interface", field(bytes, 16, 4));
            fields.end();
        }
        (SOL_PACKET, 5 | 13) if length == 16 => {
            let mut fields = Fields::new(out);
            for (index, name) in
                ["tp_block_size", "tp_block_nr", "tp_frame_size", "tp_frame_nr"].into_iter().enumerate()
            {
                fields.unsigned(name, field(bytes, 4 * index, 4));
            }
            fields.end();
        }
        (SOL_NETLINK, option) if option != 9 && tables::NETLINK.name(option).is_some() && length >= 4 => {
            bracketed_int(out, bytes);
        }
        _ => return false,
    }
    true
}

/// Appends a value that getsockopt returned, where its type is known. Says whether.
pub(crate) fn socket_option_returned(out: &mut String, _: Abi, level: u64, option: u64, bytes: &[u8]) -> bool {
    let length = bytes.len();
    match (level & 0xffff_ffff, option & 0xffff_ffff) {
        (SOL_SOCKET, 4) if length >= 4 => {
            out.push('[');
            let number = int(bytes, 0);
            match i32::try_from(number).ok().and_then(errno) {
                Some(error) => out.push_str(error.name),
                None => push_decimal(out, number),
            }
            out.push(']');
        }
        (SOL_SOCKET, 13) if length >= 8 => linger(out, bytes),
        (SOL_SOCKET, 17) if length >= 12 => credentials(out, bytes),
        (SOL_SOCKET, 74) if length >= 4 => rehash(out, bytes),
        (SOL_SOCKET, option) if is_int(option) && length >= 4 => bracketed_int(out, bytes),
        (SOL_PACKET, 6) if length >= 8 => {
            let mut fields = Fields::new(out);
            fields.unsigned("tp_packets", field(bytes, 0, 4));
            fields.unsigned("tp_drops", field(bytes, 4, 4));
            if length >= 12 {
                fields.unsigned("tp_freeze_q_cnt", field(bytes, 8, 4));
            }
            fields.end();
        }
        (SOL_NETLINK, 9) => list(out, bytes.chunks_exact(4), |out, group| push_unsigned(out, field(group, 0, 4))),
        (SOL_NETLINK, option) if tables::NETLINK.name(option).is_some() && length >= 4 => bracketed_int(out, bytes),
        _ => return false,
    }
    true
}

/// Whether an option of the level SOL_SOCKET has an `int` as its value, even where more bytes are given.
fn is_int(option: u64) -> bool {
    matches!(option,
        1 | 2 | 5..=12 | 14..=16 | 18 | 19 | 27 | 29 | 30 | 32..=37 | 40..=46 | 48 | 49 | 53 | 56 | 60 | 63..=65
        | 68..=70 | 73 | 75)
}

fn bracketed_int(out: &mut String, bytes: &[u8]) {
    out.push('[');
    push_decimal(out, int(bytes, 0));
    out.push(']');
}

fn linger(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    fields.signed("l_onoff", int(bytes, 0));
    fields.signed("l_linger", int(bytes, 4));
    fields.end();
}

fn credentials(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    fields.signed("pid", int(bytes, 0));
    for (name, offset) in [("uid", 4), ("gid", 8)] {
        id(fields.name(name), field(bytes, offset, 4));
    }
    fields.end();
}

fn rehash(out: &mut String, bytes: &[u8]) {
    out.push('[');
    match int(bytes, 0) {
        0 => out.push_str("SOCK_TXREHASH_DISABLED"),
        1 => out.push_str("SOCK_TXREHASH_ENABLED"),
        number => {
            push_decimal(out, number);
            out.push_str(" /* SOCK_TXREHASH_??? */");
        }
    }
    out.push(']');
}

fn list<'a>(out: &mut String, items: impl Iterator<Item = &'a [u8]>, write: impl Fn(&mut String, &[u8])) {
    out.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, item);
    }
    out.push(']');
}

/// Appends the type of a control message, and its data where they are understood: `SCM_RIGHTS, cmsg_data=[3]`.
pub(crate) fn control_message(out: &mut String, abi: Abi, level: u64, kind: u64, data: &[u8]) {
    match level {
        SOL_SOCKET => tables::SOCKET_MESSAGE.write(out, kind),
        SOL_IP => tables::IP_MESSAGE.write(out, kind),
        _ => return hex(out, kind),
    }
    let start = out.len();
    out.push_str(", cmsg_data=");
    let width = if abi == Abi::I386 { Width::Narrow } else { Width::Wide };
    let length = data.len();
    match (level, kind) {
        (SOL_SOCKET, 1) if length >= 4 => {
            list(out, data.chunks_exact(4), |out, descriptor| push_decimal(out, int(descriptor, 0)));
        }
        (SOL_SOCKET, 2) if length >= 12 => credentials(out, data),
        (SOL_SOCKET, 3) if length > 0 => quote(out, data, false),
        (SOL_SOCKET, 29) if length >= width.size() => timeval(out, width, data),
        (SOL_SOCKET, 35) if length >= width.size() => timespec(out, width, data),
        (SOL_SOCKET, 37) if length >= 3 * width.size() => {
            list(out, data.chunks_exact(width.size()).take(3), |out, time| timespec(out, width, time));
        }
        (SOL_SOCKET, 63) if length >= 16 => timeval(out, Width::Wide, data),
        (SOL_SOCKET, 64) if length >= 16 => timespec(out, Width::Wide, data),
        (SOL_SOCKET, 65) if length >= 48 => {
            list(out, data.chunks_exact(16).take(3), |out, time| timespec(out, Width::Wide, time));
        }
        (SOL_IP, 1) if length >= 1 => {
            out.push('[');
            hex(out, field(data, 0, 1));
            out.push(']');
        }
        (SOL_IP, 2) if length >= 4 => {
            out.push('[');
            push_unsigned(out, field(data, 0, 4));
            out.push(']');
        }
        (SOL_IP, 23) if length >= 4 => {
            out.push('[');
            push_unsigned(out, field(data, 0, 4));
            out.push(']');
        }
        (SOL_IP, 3) if length > 0 => quote(out, data, false),
        (SOL_IP, 6 | 7) if length > 0 => list(out, data.chunks(1), |out, byte| push_hex(out, field(byte, 0, 1))),
        (SOL_IP, 8) if length >= 12 => {
            let mut fields = Fields::new(out);
            fields.unsigned("ipi_ifindex", field(data, 0, 4));
            ipv4(fields.name("ipi_spec_dst"), field(data, 4, 4));
            ipv4(fields.name("ipi_addr"), field(data, 8, 4));
            fields.end();
        }
        (SOL_IP, 11) if length >= 32 => {
            let mut fields = Fields::new(out);
            fields.unsigned("ee_errno", field(data, 0, 4));
            for (name, offset) in [("ee_origin", 4), ("ee_type", 5), ("ee_code", 6)] {
                fields.unsigned(name, field(data, offset, 1));
            }
            fields.unsigned("ee_info", field(data, 8, 4));
            fields.unsigned("ee_data", field(data, 12, 4));
            sockaddr(fields.name("offender"), &data[16..32]);
            fields.end();
        }
        (SOL_IP, 20) if length >= 16 => sockaddr(out, &data[..16]),
        _ => out.truncate(start),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these bytes.

    #[test]
    fn options() {
        let name = |level, option, got| text(|out| socket_option(out, level, option, got));
        assert_eq!(name(1, 2, false), "SO_REUSEADDR");
        assert_eq!(name(1, 26, false), "SO_ATTACH_FILTER");
        assert_eq!(name(1, 26, true), "SO_GET_FILTER");
        assert_eq!(name(0, 64, true), "IPT_SO_GET_INFO");
        assert_eq!(name(6, 1, false), "TCP_NODELAY");
        assert_eq!(name(41, 26, false), "IPV6_V6ONLY");
        assert_eq!(name(1, 999, false), "0x3e7 /* SO_??? */");
        assert_eq!(name(58, 1, false), "1");
    }

    /// What is shown of a value that setsockopt gets.
    fn given(level: u64, option: u64, bytes: &[u8]) -> Option<String> {
        let mut out = String::new();
        socket_option_given(&mut out, Abi::X86_64, level, option, bytes).then_some(out)
    }

    /// What is shown of a value that getsockopt returned.
    fn returned(level: u64, option: u64, bytes: &[u8]) -> Option<String> {
        let mut out = String::new();
        socket_option_returned(&mut out, Abi::X86_64, level, option, bytes).then_some(out)
    }

    #[test]
    fn values_given() {
        let bytes: Vec<u8> = (1..=40).collect();
        assert_eq!(given(1, 1, &bytes[..4]).as_deref(), Some("[67305985]"));
        assert_eq!(given(1, 1, &bytes).as_deref(), Some("[67305985]"));
        assert_eq!(given(1, 1, &bytes[..3]), None);
        assert_eq!(given(1, 3, &bytes), None);
        assert_eq!(given(1, 13, &bytes[..8]).as_deref(), Some("{l_onoff=67305985, l_linger=134678021}"));
        assert_eq!(given(1, 26, &bytes[..16]).as_deref(), Some("{len=513, filter=0x100f0e0d0c0b0a09}"));
        assert_eq!(given(1, 74, &words(4, &[1])).as_deref(), Some("[SOCK_TXREHASH_ENABLED]"));
        assert_eq!(given(1, 74, &words(4, &[111])).as_deref(), Some("[111 /* SOCK_TXREHASH_??? */]"));
        assert_eq!(
            given(0, 35, &bytes[..8]).as_deref(),
            Some(r#"{imr_multiaddr=inet_addr("1.2.3.4"), imr_interface=inet_addr("5.6.7.8")}"#)
        );
        assert_eq!(
            given(41, 20, &bytes[..20]).as_deref(),
            Some(
                r#"{inet_pton(AF_INET6, "102:304:506:708:90a:b0c:d0e:f10", &ipv6mr_multiaddr), ipv6mr_interface=336794129}"#
            )
        );
        assert_eq!(
            given(263, 5, &bytes[..16]).as_deref(),
            Some("{tp_block_size=67305985, tp_block_nr=134678021, tp_frame_size=202050057, tp_frame_nr=269422093}")
        );
        assert_eq!(given(270, 1, &bytes).as_deref(), Some("[67305985]"));
        assert_eq!(given(6, 1, &bytes[..4]), None);
    }

    #[test]
    fn values_returned() {
        assert_eq!(returned(1, 4, &words(4, &[111])).as_deref(), Some("[ECONNREFUSED]"));
        assert_eq!(returned(1, 4, &words(4, &[0])).as_deref(), Some("[0]"));
        assert_eq!(returned(1, 17, &words(4, &[1, 0, 0xffff_ffff])).as_deref(), Some("{pid=1, uid=0, gid=-1}"));
        assert_eq!(returned(263, 6, &words(4, &[1, 2])).as_deref(), Some("{tp_packets=1, tp_drops=2}"));
        assert_eq!(returned(270, 9, &words(4, &[1, 2])).as_deref(), Some("[1, 2]"));
        assert_eq!(returned(270, 9, &[]).as_deref(), Some("[]"));
        assert_eq!(returned(1, 20, &words(8, &[1, 2])), None);
    }

    #[test]
    fn control_messages() {
        let show = |level, kind, data: &[u8]| text(|out| control_message(out, Abi::X86_64, level, kind, data));
        assert_eq!(show(1, 1, &words(4, &[3, 4])), "SCM_RIGHTS, cmsg_data=[3, 4]");
        assert_eq!(show(1, 1, &[1, 2, 3]), "SCM_RIGHTS");
        assert_eq!(show(1, 2, &words(4, &[5, 6, 7])), "SCM_CREDENTIALS, cmsg_data={pid=5, uid=6, gid=7}");
        assert_eq!(show(1, 3, b"ctx"), "SCM_SECURITY, cmsg_data=\"ctx\"");
        assert_eq!(show(1, 29, &words(8, &[5, 6])), "SO_TIMESTAMP_OLD, cmsg_data={tv_sec=5, tv_usec=6}");
        assert_eq!(
            show(1, 37, &words(8, &[1, 2, 3, 4, 5, 6])),
            "SO_TIMESTAMPING_OLD, cmsg_data=[{tv_sec=1, tv_nsec=2}, {tv_sec=3, tv_nsec=4}, {tv_sec=5, tv_nsec=6}]"
        );
        assert_eq!(show(1, 99, b"abc"), "0x63 /* SCM_??? */");
        assert_eq!(
            show(0, 8, &words(4, &[99, 0x0403_0201, 0x0807_0605])),
            "IP_PKTINFO, cmsg_data={ipi_ifindex=99, ipi_spec_dst=inet_addr(\"1.2.3.4\"), ipi_addr=inet_addr(\"5.6.7.8\")}"
        );
        assert_eq!(show(0, 2, &words(4, &[64])), "IP_TTL, cmsg_data=[64]");
        assert_eq!(show(0, 1, &[5]), "IP_TOS, cmsg_data=[0x5]");
        assert_eq!(show(0, 6, b"abc"), "IP_RECVOPTS, cmsg_data=[0x61, 0x62, 0x63]");
        assert_eq!(
            show(0, 11, &words(4, &[111, 0x0001_0302, 0, 0, 0x5000_0002, 0x0403_0201, 0, 0])),
            "IP_RECVERR, cmsg_data={ee_errno=111, ee_origin=2, ee_type=3, ee_code=1, ee_info=0, ee_data=0, \
             offender={sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"1.2.3.4\")}}"
        );
        assert_eq!(show(41, 50, &[0; 20]), "0x32");
    }
}
