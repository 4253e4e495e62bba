//! The arguments of socket.

use super::tables::socket;
use crate::decode::number::{hex, push_unsigned};

/// Appends a socket type with its flags: `SOCK_STREAM|SOCK_CLOEXEC`.
pub(crate) fn socket_type(out: &mut String, value: u64) {
    match socket::SOCK_TYPE.name(value & 0xf) {
        Some(name) => {
            out.push_str(name);
            let flags = value & 0xffff_fff0;
            if flags != 0 {
                out.push('|');
                socket::SOCK_FLAGS.write(out, flags);
            }
        }
        None => socket::SOCK_FLAGS.write_int(out, value),
    }
}

/// Appends a protocol of that address family: `IPPROTO_TCP`, `NETLINK_ROUTE`, `htons(ETH_P_ALL)`, or its number.
pub(crate) fn protocol(out: &mut String, family: u64, value: u64) {
    let value = value & 0xffff_ffff;
    match family & 0xffff_ffff {
        2 | 10 => socket::IPPROTO.write(out, value),
        16 => socket::NETLINK_FAMILY.write(out, value),
        17 => ethernet_protocol(out, value),
        29 => socket::CAN_PROTOCOL.write(out, value),
        31 => socket::BLUETOOTH_PROTOCOL.write(out, value),
        _ => push_unsigned(out, value),
    }
}

/// Appends an ethernet protocol in network byte order: `htons(ETH_P_ALL)`.
pub(super) fn ethernet_protocol(out: &mut String, value: u64) {
    let number = u64::from((value as u16).swap_bytes());
    out.push_str("htons(");
    match socket::ETHERNET_PROTOCOL.name(number) {
        Some(name) => out.push_str(name),
        None => {
            hex(out, number);
            out.push_str(" /* ETH_P_??? */");
        }
    }
    out.push(')');
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    // The expected texts are what strace 6.1 prints for these numbers.

    #[test]
    fn socket_types() {
        let kind = |value| text(|out| socket_type(out, value));
        assert_eq!(kind(1), "SOCK_STREAM");
        assert_eq!(kind(0x80802), "SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK");
        assert_eq!(kind(0), "0");
        assert_eq!(kind(0xf00), "SOCK_NONBLOCK|0x700");
        assert_eq!(kind(0xfffff), "SOCK_CLOEXEC|SOCK_NONBLOCK|0x7f7ff");
        assert_eq!(kind(7), "0x7 /* SOCK_??? */");
    }

    #[test]
    fn protocols() {
        let name = |family, value| text(|out| protocol(out, family, value));
        assert_eq!(name(2, 0), "IPPROTO_IP");
        assert_eq!(name(2, 999), "0x3e7 /* IPPROTO_??? */");
        assert_eq!(name(1, 3), "3");
        assert_eq!(name(16, 15), "NETLINK_KOBJECT_UEVENT");
        assert_eq!(name(16, 99), "0x63 /* NETLINK_??? */");
        assert_eq!(name(17, 0x300), "htons(ETH_P_ALL)");
        assert_eq!(name(17, 3), "htons(0x300 /* ETH_P_??? */)");
        assert_eq!(name(17, 0), "htons(0 /* ETH_P_??? */)");
        assert_eq!(name(31, 3), "BTPROTO_RFCOMM");
        assert_eq!(name(29, 1), "CAN_RAW");
    }
}
