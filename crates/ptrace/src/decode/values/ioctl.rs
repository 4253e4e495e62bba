//! Requests of ioctl, and the structures of the commonest.

use super::address::sockaddr;
use super::fields::Fields;
use super::flags::Flags;
use super::tables::ioctl::{INPUT_AXIS, INPUT_EVENT, IOCTL, IOCTL_32};
use super::tables::socket::{HARDWARE_TYPE, INTERFACE};
use super::tables::terminal;
use super::{field, int};
use crate::decode::number::{hex, push_unsigned};
use crate::decode::quote::quote;

/// Appends a request: `TCGETS`, and one without a name by its parts: `_IOC(_IOC_READ, 0x12, 0x34, 0x48)`.
pub(crate) fn ioctl(out: &mut String, value: u64) {
    let value = value & 0xffff_ffff;
    if let Some(name) = IOCTL.name(value).or_else(|| IOCTL_32.name(value)) {
        return out.push_str(name);
    }
    if sized_request(out, value) {
        return;
    }
    out.push_str(match value >> 30 {
        0 => "_IOC(_IOC_NONE",
        1 => "_IOC(_IOC_WRITE",
        2 => "_IOC(_IOC_READ",
        _ => "_IOC(_IOC_READ|_IOC_WRITE",
    });
    for part in [value >> 8 & 0xff, value & 0xff, value >> 16 & 0x3fff] {
        out.push_str(", ");
        hex(out, part);
    }
    out.push(')');
}

/// Appends a request of an input device, whose number contains the size of a buffer: `EVIOCGNAME(256)`. Says whether it is one.
fn sized_request(out: &mut String, value: u64) -> bool {
    let (direction, size, number) = (value >> 30, value >> 16 & 0x3fff, value & 0xff);
    let name = match (direction, value >> 8 & 0xff, number) {
        (1, 0x45, 0xc0..) => "EVIOCSABS",
        (2, 0x45, 0x06) => "EVIOCGNAME",
        (2, 0x45, 0x07) => "EVIOCGPHYS",
        (2, 0x45, 0x08) => "EVIOCGUNIQ",
        (2, 0x45, 0x09) => "EVIOCGPROP",
        (2, 0x45, 0x0a) => "EVIOCGMTSLOTS",
        (2, 0x45, 0x18) => "EVIOCGKEY",
        (2, 0x45, 0x19) => "EVIOCGLED",
        (2, 0x45, 0x1a) => "EVIOCGSND",
        (2, 0x45, 0x1b) => "EVIOCGSW",
        (2, 0x45, 0x20..0x40) => "EVIOCGBIT",
        (2, 0x45, 0x40..0x80) => "EVIOCGABS",
        (2, 0x48, 0x04) => "HIDIOCGRAWNAME",
        (2, 0x48, 0x05) => "HIDIOCGRAWPHYS",
        (2, 0x48, 0x08) => "HIDIOCGRAWUNIQ",
        (2, 0x48, 0x12) => "HIDIOCGPHYS",
        (2 | 3, 0x48, 0x06) => "HIDIOCSFEATURE",
        (3, 0x48, 0x07) => "HIDIOCGFEATURE",
        _ => return false,
    };
    out.push_str(name);
    out.push('(');
    match name {
        "EVIOCSABS" | "EVIOCGABS" => INPUT_AXIS.write(out, number & 0x3f),
        "EVIOCGBIT" => {
            match number & 0x1f {
                0 => out.push('0'),
                event => INPUT_EVENT.write(out, event),
            }
            out.push_str(", ");
            push_unsigned(out, size);
        }
        _ => push_unsigned(out, size),
    }
    out.push(')');
    true
}

/// Size of the kernel's `struct termios`, as TCGETS and TCSETS have it.
pub(crate) const TERMIOS_SIZE: usize = 36;

/// Appends the kernel's `struct termios`. As with strace, a member without any flag has no text.
pub(crate) fn termios(out: &mut String, bytes: &[u8]) {
    let [input, output, control, local] = [0, 4, 8, 12].map(|offset| field(bytes, offset, 4));
    let mut fields = Fields::new(out);
    flags(fields.name("c_iflag"), &terminal::INPUT, input);
    let out = fields.name("c_oflag");
    out.push_str(if output & 0x100 == 0 { "NL0|" } else { "NL1|" });
    out.push_str(["CR0|", "CR1|", "CR2|", "CR3|"][(output >> 9 & 3) as usize]);
    out.push_str(["TAB0|", "TAB1|", "TAB2|", "XTABS|"][(output >> 11 & 3) as usize]);
    out.push_str(if output & 0x2000 == 0 { "BS0|" } else { "BS1|" });
    out.push_str(if output & 0x4000 == 0 { "VT0|" } else { "VT1|" });
    out.push_str(if output & 0x8000 == 0 { "FF0|" } else { "FF1|" });
    flags(out, &terminal::OUTPUT, output & 0xffff_00ff);
    let out = fields.name("c_cflag");
    terminal::SPEED.write(out, control & 0x100f);
    let input_speed = control >> 16 & 0x100f;
    if input_speed != 0 {
        out.push('|');
        terminal::SPEED.write(out, input_speed);
        out.push_str("<<IBSHIFT");
    }
    out.push_str(["|CS5|", "|CS6|", "|CS7|", "|CS8|"][(control >> 4 & 3) as usize]);
    flags(out, &terminal::CONTROL, control & 0xeff0_efc0);
    flags(fields.name("c_lflag"), &terminal::LOCAL, local);
    fields.end_cut();
}

fn flags(out: &mut String, names: &Flags, value: u64) {
    if value != 0 {
        names.write(out, value);
    }
}

/// Size of a `struct winsize`.
pub(crate) const WINSIZE_SIZE: usize = 8;

/// Appends a `struct winsize`.
pub(crate) fn winsize(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    for (index, name) in ["ws_row", "ws_col", "ws_xpixel", "ws_ypixel"].into_iter().enumerate() {
        fields.unsigned(name, field(bytes, 2 * index, 2));
    }
    fields.end();
}

/// Size of a `struct ifreq`.
pub(crate) fn ifreq_size(word: usize) -> usize {
    if word == 8 { 40 } else { 32 }
}

/// Appends the `struct ifreq` of the requests SIOCGIF... (`returned` tells that the kernel has filled it in) and SIOCSIF....
/// Says whether it knows the request.
pub(crate) fn ifreq(out: &mut String, request: u64, returned: bool, bytes: &[u8]) -> bool {
    const GET_INDEX: u64 = 0x8933;
    const GET_NAME: u64 = 0x8910;
    let getter =
        matches!(request, GET_INDEX | 0x8913 | 0x8915 | 0x8917 | 0x8919 | 0x891b | 0x891d | 0x8921 | 0x8927 | 0x8942);
    let setter = matches!(request, 0x8914 | 0x8916 | 0x8918 | 0x891a | 0x891c | 0x891e | 0x8922 | 0x8924 | 0x8943);
    if request == GET_NAME {
        let mut fields = Fields::new(out);
        fields.signed("ifr_ifindex", int(bytes, 16));
        if returned {
            name(fields.name("ifr_name"), bytes);
        }
        fields.end();
        return true;
    }
    if !getter && !setter {
        return false;
    }
    let value = bytes.get(16..).unwrap_or_default();
    let mut fields = Fields::new(out);
    name(fields.name("ifr_name"), bytes);
    if returned || setter {
        match request {
            GET_INDEX => fields.signed("ifr_ifindex", int(value, 0)),
            0x8913 | 0x8914 => INTERFACE.write(fields.name("ifr_flags"), field(value, 0, 2)),
            0x8915 | 0x8916 => address(fields.name("ifr_addr"), value),
            0x8917 | 0x8918 => address(fields.name("ifr_dstaddr"), value),
            0x8919 | 0x891a => address(fields.name("ifr_broadaddr"), value),
            0x891b | 0x891c => address(fields.name("ifr_netmask"), value),
            0x891d | 0x891e => fields.signed("ifr_metric", int(value, 0)),
            0x8921 | 0x8922 => fields.signed("ifr_mtu", int(value, 0)),
            0x8927 | 0x8924 => hardware_address(fields.name("ifr_hwaddr"), value),
            _ => fields.signed("ifr_qlen", int(value, 0)),
        }
    }
    fields.end();
    true
}

fn name(out: &mut String, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(16)];
    match bytes.iter().position(|&byte| byte == 0) {
        Some(end) => quote(out, &bytes[..end], false),
        None => quote(out, &bytes[..bytes.len().min(15)], true),
    }
}

fn address(out: &mut String, bytes: &[u8]) {
    sockaddr(out, &bytes[..bytes.len().min(16)]);
}

fn hardware_address(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    let kind = field(bytes, 0, 2);
    HARDWARE_TYPE.write(fields.name("sa_family"), kind);
    let length = match kind {
        7 | 290 | 773 | 820..=822 => 1,
        15 => 2,
        768 | 776..=779 | 783 => 4,
        270 | 271 => 5,
        1 | 6 | 772 | 774 | 780 | 801..=803 => 6,
        0 | 3 => 7,
        27 | 804 | 805 | 825 | 826 => 8,
        _ => 14,
    };
    let out = fields.name("sa_data");
    for (index, byte) in bytes.iter().skip(2).take(length).enumerate() {
        if index > 0 {
            out.push(':');
        }
        for digit in [byte >> 4, byte & 0xf] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    fields.end();
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these numbers and bytes.

    #[test]
    fn requests() {
        let request = |value| text(|out| ioctl(out, value));
        assert_eq!(request(0x5401), "TCGETS");
        assert_eq!(request(0x5402), "SNDCTL_TMR_START or TCSETS");
        assert_eq!(request(0x541b), "FIONREAD");
        assert_eq!(request(0x8004_5430), "TIOCGPTN");
        assert_eq!(request(0x8912), "SIOCGIFCONF");
        assert_eq!(request(0x4004_9409), "BTRFS_IOC_CLONE or FICLONE");
        assert_eq!(request(0x1234), "_IOC(_IOC_NONE, 0x12, 0x34, 0)");
        assert_eq!(request(0xc048_1234), "_IOC(_IOC_READ|_IOC_WRITE, 0x12, 0x34, 0x48)");
        assert_eq!(request(0x4048_1234), "_IOC(_IOC_WRITE, 0x12, 0x34, 0x48)");
        assert_eq!(request(0xffff_ffff_ffff_ffff), "_IOC(_IOC_READ|_IOC_WRITE, 0xff, 0xff, 0x3fff)");
        assert_eq!(request(0x8100_4506), "EVIOCGNAME(256)");
        assert_eq!(request(0x8060_4521), "EVIOCGBIT(EV_KEY, 96)");
        assert_eq!(request(0x8018_4540), "EVIOCGABS(ABS_X)");
        assert_eq!(request(0x8011_4520), "EVIOCGBIT(0, 17)");
        // FS_IOC_GETFLAGS as an i386 program makes it.
        assert_eq!(request(0x8004_6601), "FS_IOC32_GETFLAGS");
    }

    #[test]
    fn the_tables_are_sorted() {
        for table in [&IOCTL, &IOCTL_32] {
            assert!(table.names.is_sorted_by(|(a, _), (b, _)| a < b));
        }
    }

    #[test]
    fn terminals() {
        let show = |modes: &[u64]| text(|out| termios(out, &words(4, modes)));
        assert_eq!(
            show(&[0x4500, 5, 0xbf, 0x8a3b]),
            "{c_iflag=ICRNL|IXON|IUTF8, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|OPOST|ONLCR, c_cflag=B38400|CS8|CREAD, \
             c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN|ECHOCTL|ECHOKE, ...}"
        );
        assert_eq!(
            show(&[0, 0, 0, 0]),
            "{c_iflag=, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|, c_cflag=B0|CS5|, c_lflag=, ...}"
        );
        let all = 0xffff_ffff;
        assert_eq!(
            show(&[all, all, all, all]),
            "{c_iflag=IGNBRK|BRKINT|IGNPAR|PARMRK|INPCK|ISTRIP|INLCR|IGNCR|ICRNL|IUCLC|IXON|IXANY|IXOFF|IMAXBEL|IUTF8|\
             0xffff8000, c_oflag=NL1|CR3|XTABS|BS1|VT1|FF1|OPOST|OLCUC|ONLCR|OCRNL|ONOCR|ONLRET|OFILL|OFDEL|0xffff0000, \
             c_cflag=B4000000|B4000000<<IBSHIFT|CS8|CSTOPB|CREAD|PARENB|PARODD|HUPCL|CLOCAL|CMSPAR|CRTSCTS|0x2ff0e000, \
             c_lflag=ISIG|ICANON|XCASE|ECHO|ECHOE|ECHOK|ECHONL|NOFLSH|IEXTEN|ECHOCTL|ECHOPRT|ECHOKE|FLUSHO|PENDIN|TOSTOP|\
             EXTPROC|0xfffe2000, ...}"
        );
        let size = words(2, &[24, 80, 1, 2]);
        assert_eq!(text(|out| winsize(out, &size)), "{ws_row=24, ws_col=80, ws_xpixel=1, ws_ypixel=2}");
    }

    #[test]
    fn interfaces() {
        let show = |request: u64, returned: bool| {
            let mut bytes = b"lo".to_vec();
            bytes.resize(16, 0);
            bytes.extend([2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
            bytes.resize(ifreq_size(8), 0);
            let mut out = String::new();
            ifreq(&mut out, request, returned, &bytes).then_some(out)
        };
        assert_eq!(show(0x8910, true).as_deref(), Some(r#"{ifr_ifindex=2, ifr_name="lo"}"#));
        assert_eq!(show(0x8910, false).as_deref(), Some("{ifr_ifindex=2}"));
        assert_eq!(show(0x8913, true).as_deref(), Some(r#"{ifr_name="lo", ifr_flags=IFF_BROADCAST}"#));
        assert_eq!(show(0x8913, false).as_deref(), Some(r#"{ifr_name="lo"}"#));
        assert_eq!(
            show(0x8916, false).as_deref(),
            Some(r#"{ifr_name="lo", ifr_addr={sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("1.2.3.4")}}"#)
        );
        assert_eq!(show(0x8921, true).as_deref(), Some(r#"{ifr_name="lo", ifr_mtu=2}"#));
        assert_eq!(
            show(0x8927, true).as_deref(),
            Some(
                r#"{ifr_name="lo", ifr_hwaddr={sa_family=ARPHRD_EETHER, sa_data=00:00:01:02:03:04:00:00:00:00:00:00:00:00}}"#
            )
        );
        assert_eq!(show(0x8946, true), None);
    }
}
