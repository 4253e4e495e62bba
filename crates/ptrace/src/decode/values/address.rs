//! Socket addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::fields::Fields;
use super::socket::ethernet_protocol;
use super::tables::socket;
use super::{field, hex_bytes, int, padded_hex};
use crate::decode::number::{hex, push_hex, push_unsigned};
use crate::decode::quote::{quote, quote_until_nul};

/// How many bytes of an address are looked at: the size of `struct sockaddr_storage`.
pub(crate) const MOST_ADDRESS: usize = 128;

/// Appends a socket address, at least 2 bytes: `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}`.
///
/// Interfaces are shown by number: their names depend on the tracee's network namespace.
pub(crate) fn sockaddr(out: &mut String, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(MOST_ADDRESS)];
    let family = field(bytes, 0, 2);
    let mut fields = Fields::new(out);
    socket::AF.write(fields.name("sa_family"), family);
    match family {
        1 if bytes.len() > 2 => unix(&mut fields, &bytes[2..]),
        2 if bytes.len() >= 16 => inet(&mut fields, bytes),
        10 if bytes.len() >= 24 => inet6(&mut fields, bytes),
        16 if bytes.len() >= 12 => netlink(&mut fields, bytes),
        17 if bytes.len() >= 20 => packet(&mut fields, bytes),
        40 if bytes.len() >= 16 => vsock(&mut fields, bytes),
        42 if bytes.len() >= 12 => {
            fields.hex("sq_node", field(bytes, 4, 4));
            fields.hex("sq_port", field(bytes, 8, 4));
        }
        _ if bytes.len() > 2 => quote(fields.name("sa_data"), &bytes[2..], false),
        _ => {}
    }
    fields.end();
}

fn unix(fields: &mut Fields<'_>, path: &[u8]) {
    let path = &path[..path.len().min(108)];
    let out = fields.name("sun_path");
    match path {
        [0, name @ ..] => {
            out.push('@');
            quote(out, name, false);
        }
        _ => quote_until_nul(out, path),
    }
}

/// Appends a port in network byte order.
fn port(out: &mut String, bytes: &[u8]) {
    out.push_str("htons(");
    push_unsigned(out, u64::from((field(bytes, 2, 2) as u16).swap_bytes()));
    out.push(')');
}

fn inet(fields: &mut Fields<'_>, bytes: &[u8]) {
    port(fields.name("sin_port"), bytes);
    ipv4(fields.name("sin_addr"), field(bytes, 4, 4));
}

/// Appends an IPv4 address, as it stands in memory: `inet_addr("127.0.0.1")`.
pub(super) fn ipv4(out: &mut String, value: u64) {
    out.push_str("inet_addr(\"");
    out.push_str(&Ipv4Addr::from((value as u32).to_le_bytes()).to_string());
    out.push_str("\")");
}

/// The 16 bytes of an IPv6 address.
pub(super) fn ipv6(bytes: &[u8], offset: usize) -> Ipv6Addr {
    Ipv6Addr::from(
        u128::from(field(bytes, offset, 8).swap_bytes()) << 64 | u128::from(field(bytes, offset + 8, 8).swap_bytes()),
    )
}

fn inet6(fields: &mut Fields<'_>, bytes: &[u8]) {
    port(fields.name("sin6_port"), bytes);
    let out = fields.name("sin6_flowinfo");
    out.push_str("htonl(");
    push_unsigned(out, (field(bytes, 4, 4) as u32).swap_bytes().into());
    out.push(')');
    let out = fields.separate();
    out.push_str("inet_pton(AF_INET6, \"");
    out.push_str(&ipv6(bytes, 8).to_string());
    out.push_str("\", &sin6_addr)");
    if bytes.len() > 24 {
        fields.unsigned("sin6_scope_id", field(bytes, 24, 4));
    }
}

fn netlink(fields: &mut Fields<'_>, bytes: &[u8]) {
    let padding = field(bytes, 2, 2);
    if padding != 0 {
        fields.hex("nl_pad", padding);
    }
    fields.signed("nl_pid", int(bytes, 4));
    padded_hex(fields.name("nl_groups"), field(bytes, 8, 4));
}

fn packet(fields: &mut Fields<'_>, bytes: &[u8]) {
    ethernet_protocol(fields.name("sll_protocol"), field(bytes, 2, 2));
    fields.unsigned("sll_ifindex", field(bytes, 4, 4));
    socket::HARDWARE_TYPE.write(fields.name("sll_hatype"), field(bytes, 8, 2));
    socket::PACKET_TYPE.write(fields.name("sll_pkttype"), field(bytes, 10, 1));
    let length = field(bytes, 11, 1);
    fields.unsigned("sll_halen", length);
    if length == 0 {
        return;
    }
    let out = fields.name("sll_addr");
    let address = &bytes[12..];
    out.push('[');
    for (index, &byte) in address.iter().take(length as usize).enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if byte == 0 { out.push_str("00") } else { push_hex(out, byte.into()) }
    }
    if length as usize > address.len() {
        out.push_str(", ...");
    }
    out.push(']');
}

fn vsock(fields: &mut Fields<'_>, bytes: &[u8]) {
    let reserved = field(bytes, 2, 2);
    if reserved != 0 {
        fields.hex("svm_reserved1", reserved);
    }
    let (port, cid) = (field(bytes, 4, 4), field(bytes, 8, 4));
    let out = fields.name("svm_cid");
    match cid {
        0 => out.push_str("VMADDR_CID_HYPERVISOR"),
        1 => out.push_str("VMADDR_CID_LOCAL"),
        2 => out.push_str("VMADDR_CID_HOST"),
        0xffff_ffff => out.push_str("VMADDR_CID_ANY"),
        _ => hex(out, cid),
    }
    let out = fields.name("svm_port");
    if port == 0xffff_ffff {
        out.push_str("VMADDR_PORT_ANY")
    } else {
        hex(out, port)
    }
    let (out, flags) = (fields.name("svm_flags"), field(bytes, 12, 1));
    match flags {
        0 => out.push('0'),
        1 => out.push_str("VMADDR_FLAG_TO_HOST"),
        _ if flags & 1 != 0 => {
            out.push_str("VMADDR_FLAG_TO_HOST|");
            push_hex(out, flags & !1);
        }
        _ => {
            push_hex(out, flags);
            out.push_str(" /* VMADDR_FLAG_??? */");
        }
    }
    if bytes[13..16].iter().any(|&byte| byte != 0) {
        hex_bytes(fields.name("svm_zero"), &bytes[13..16]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    // The expected texts are what strace 6.1 prints for these bytes.

    fn address(family: u16, rest: &[u8]) -> String {
        let bytes = [&family.to_le_bytes(), rest].concat();
        text(|out| sockaddr(out, &bytes))
    }

    #[test]
    fn internet_addresses() {
        let v4 = [0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(address(2, &v4), r#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}"#);
        assert_eq!(address(2, &[0, 80, 1, 2, 3, 4]), r#"{sa_family=AF_INET, sa_data="\0P\1\2\3\4"}"#);
        assert_eq!(address(2, &[]), "{sa_family=AF_INET}");
        let v6 = |flow: u8, address: &str, scope: &[u8]| {
            let address: Ipv6Addr = address.parse().unwrap();
            [&[0, 80, 0, 0, 0, flow], &address.octets()[..], scope].concat()
        };
        assert_eq!(
            self::address(10, &v6(7, "fe80::1", &[99, 0, 0, 0])),
            "{sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(7), \
             inet_pton(AF_INET6, \"fe80::1\", &sin6_addr), sin6_scope_id=99}"
        );
        assert_eq!(
            self::address(10, &v6(0, "::ffff:1.2.3.4", &[])),
            "{sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), \
             inet_pton(AF_INET6, \"::ffff:1.2.3.4\", &sin6_addr)}"
        );
        assert_eq!(
            self::address(10, &v6(0, "fe80::1", &[])[..16]),
            r#"{sa_family=AF_INET6, sa_data="\0P\0\0\0\0\376\200\0\0\0\0\0\0\0\0"}"#
        );
    }

    #[test]
    fn unix_addresses() {
        assert_eq!(address(1, b"/tmp/s\0xyz"), r#"{sa_family=AF_UNIX, sun_path="/tmp/s"}"#);
        assert_eq!(address(1, b"/tmp/s"), r#"{sa_family=AF_UNIX, sun_path="/tmp/s"}"#);
        assert_eq!(address(1, b"\0abs\0def\0"), r#"{sa_family=AF_UNIX, sun_path=@"abs\0def\0"}"#);
        assert_eq!(address(1, b"\0"), r#"{sa_family=AF_UNIX, sun_path=@""}"#);
        assert_eq!(address(1, b""), "{sa_family=AF_UNIX}");
        let expected = format!(r#"{{sa_family=AF_UNIX, sun_path="{}"}}"#, "a".repeat(108));
        assert_eq!(address(1, &[b'a'; 120]), expected);
    }

    #[test]
    fn other_addresses() {
        let netlink = [0, 0, 123, 0, 0, 0, 5, 0, 0, 0];
        assert_eq!(address(16, &netlink), "{sa_family=AF_NETLINK, nl_pid=123, nl_groups=0x000005}");
        let netlink = [7, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(address(16, &netlink), "{sa_family=AF_NETLINK, nl_pad=0x7, nl_pid=0, nl_groups=00000000}");
        let packet = [0, 3, 0, 0, 0, 0, 4, 3, 4, 9, 1, 2, 3, 4, 0, 6, 7, 8];
        assert_eq!(
            address(17, &packet),
            "{sa_family=AF_PACKET, sll_protocol=htons(ETH_P_ALL), sll_ifindex=0, sll_hatype=ARPHRD_LOOPBACK, \
             sll_pkttype=PACKET_OUTGOING, sll_halen=9, sll_addr=[0x1, 0x2, 0x3, 0x4, 00, 0x6, 0x7, 0x8, ...]}"
        );
        let vsock = [0, 0, 0xd2, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(address(40, &vsock), "{sa_family=AF_VSOCK, svm_cid=VMADDR_CID_HOST, svm_port=0x4d2, svm_flags=0}");
        assert_eq!(
            address(40, &[5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, b'a', b'b', b'c']),
            "{sa_family=AF_VSOCK, svm_reserved1=0x5, svm_cid=VMADDR_CID_HYPERVISOR, svm_port=0x1, \
             svm_flags=VMADDR_FLAG_TO_HOST, svm_zero=\"\\x61\\x62\\x63\"}"
        );
        assert_eq!(address(0, b"abc"), r#"{sa_family=AF_UNSPEC, sa_data="abc"}"#);
        assert_eq!(address(99, b"abcdefghij"), r#"{sa_family=0x63 /* AF_??? */, sa_data="abcdefghij"}"#);
        assert_eq!(text(|out| sockaddr(out, &[2])), "{sa_family=AF_INET}");
    }
}
