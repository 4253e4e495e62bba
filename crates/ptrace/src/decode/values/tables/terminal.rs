//! Names for terminals.

use super::super::flags::{Flags, Names};

/// Input modes.
pub(crate) static INPUT: Flags = Flags {
    names: &[
        (1, "IGNBRK"),
        (2, "BRKINT"),
        (4, "IGNPAR"),
        (8, "PARMRK"),
        (0x10, "INPCK"),
        (0x20, "ISTRIP"),
        (0x40, "INLCR"),
        (0x80, "IGNCR"),
        (0x100, "ICRNL"),
        (0x200, "IUCLC"),
        (0x400, "IXON"),
        (0x800, "IXANY"),
        (0x1000, "IXOFF"),
        (0x2000, "IMAXBEL"),
        (0x4000, "IUTF8"),
    ],
    unknown: "",
};

/// Output modes, without the delays.
pub(crate) static OUTPUT: Flags = Flags {
    names: &[
        (1, "OPOST"),
        (2, "OLCUC"),
        (4, "ONLCR"),
        (8, "OCRNL"),
        (0x10, "ONOCR"),
        (0x20, "ONLRET"),
        (0x40, "OFILL"),
        (0x80, "OFDEL"),
    ],
    unknown: "",
};

/// Control modes, without speeds and character size.
pub(crate) static CONTROL: Flags = Flags {
    names: &[
        (0x40, "CSTOPB"),
        (0x80, "CREAD"),
        (0x100, "PARENB"),
        (0x200, "PARODD"),
        (0x400, "HUPCL"),
        (0x800, "CLOCAL"),
        (0x40000000, "CMSPAR"),
        (0x80000000, "CRTSCTS"),
    ],
    unknown: "",
};

/// Local modes.
pub(crate) static LOCAL: Flags = Flags {
    names: &[
        (1, "ISIG"),
        (2, "ICANON"),
        (4, "XCASE"),
        (8, "ECHO"),
        (0x10, "ECHOE"),
        (0x20, "ECHOK"),
        (0x40, "ECHONL"),
        (0x80, "NOFLSH"),
        (0x8000, "IEXTEN"),
        (0x200, "ECHOCTL"),
        (0x400, "ECHOPRT"),
        (0x800, "ECHOKE"),
        (0x1000, "FLUSHO"),
        (0x4000, "PENDIN"),
        (0x100, "TOSTOP"),
        (0x10000, "EXTPROC"),
    ],
    unknown: "",
};

/// Speeds.
pub(crate) static SPEED: Names = Names {
    names: &[
        (0, "B0"),
        (1, "B50"),
        (2, "B75"),
        (3, "B110"),
        (4, "B134"),
        (5, "B150"),
        (6, "B200"),
        (7, "B300"),
        (8, "B600"),
        (9, "B1200"),
        (0xa, "B1800"),
        (0xb, "B2400"),
        (0xc, "B4800"),
        (0xd, "B9600"),
        (0xe, "B19200"),
        (0xf, "B38400"),
        (0x1000, "BOTHER"),
        (0x1001, "B57600"),
        (0x1002, "B115200"),
        (0x1003, "B230400"),
        (0x1004, "B460800"),
        (0x1005, "B500000"),
        (0x1006, "B576000"),
        (0x1007, "B921600"),
        (0x1008, "B1000000"),
        (0x1009, "B1152000"),
        (0x100a, "B1500000"),
        (0x100b, "B2000000"),
        (0x100c, "B2500000"),
        (0x100d, "B3000000"),
        (0x100e, "B3500000"),
        (0x100f, "B4000000"),
    ],
    unknown: "B???",
};
