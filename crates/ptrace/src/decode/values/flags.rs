//! Tables of names for numbers: flags that are combined, and enumerations.

use crate::decode::number::{hex, push_hex};

/// Names for flags that are combined by OR, in the order in which they are written.
///
/// An entry with more than one bit matches if all of them are set; an entry with the value 0 names the absence of any flag.
pub struct Flags {
    /// Value and name.
    pub names: &'static [(u64, &'static str)],
    /// What stands in the comment behind a value without any known flag, such as `O_???`.
    pub unknown: &'static str,
}

impl Flags {
    /// Appends the names, joined by `|`, with a remainder in hexadecimal. Nothing known: `0x800 /* O_??? */`. No flag: `0`, or its name.
    pub fn write(&self, out: &mut String, value: u64) {
        if !self.write_known(out, value) {
            hex(out, value);
            if value != 0 {
                write_comment(out, self.unknown);
            }
        }
    }

    /// As [`Flags::write`] for an argument of the type `int`, in whose register the upper half has no meaning.
    pub fn write_int(&self, out: &mut String, value: u64) {
        self.write(out, value & 0xffff_ffff);
    }

    /// Appends the flags behind something else, as in `SOCK_STREAM|SOCK_CLOEXEC`: each with a `|` before it, a remainder in hexadecimal,
    /// and nothing at all for 0.
    pub fn write_more(&self, out: &mut String, value: u64) {
        let mut left = value;
        for &(bits, name) in self.names {
            if bits != 0 && left & bits == bits {
                out.push('|');
                out.push_str(name);
                left &= !bits;
            }
        }
        if left != 0 {
            out.push('|');
            push_hex(out, left);
        }
    }

    /// Appends the names if there is any for `value`, and says whether there was.
    pub fn write_known(&self, out: &mut String, value: u64) -> bool {
        let (mut left, mut any) = (value, false);
        for &(bits, name) in self.names {
            if left == bits || (bits != 0 && left & bits == bits) {
                if any {
                    out.push('|');
                }
                any = true;
                out.push_str(name);
                left &= !bits;
            }
            if left == 0 && any {
                break;
            }
        }
        if any && left != 0 {
            out.push('|');
            push_hex(out, left);
        }
        any
    }
}

/// Names for the values of an enumeration, sorted by value.
pub struct Names {
    /// Value and name, sorted by value.
    pub names: &'static [(u64, &'static str)],
    /// What stands in the comment behind a value without a name, such as `AF_???`.
    pub unknown: &'static str,
}

impl Names {
    /// The name of `value`, if it has one.
    pub fn name(&self, value: u64) -> Option<&'static str> {
        self.names.binary_search_by_key(&value, |&(number, _)| number).ok().map(|index| self.names[index].1)
    }

    /// Appends the name of `value`, or `0x63 /* AF_??? */`.
    pub fn write(&self, out: &mut String, value: u64) {
        match self.name(value) {
            Some(name) => out.push_str(name),
            None => {
                hex(out, value);
                write_comment(out, self.unknown);
            }
        }
    }

    /// As [`Names::write`] for an argument of the type `int`, in whose register the upper half has no meaning.
    pub fn write_int(&self, out: &mut String, value: u64) {
        self.write(out, value & 0xffff_ffff);
    }
}

/// Appends what a number without a name should have been; nothing if `comment` is empty.
fn write_comment(out: &mut String, comment: &str) {
    if !comment.is_empty() {
        out.push_str(" /* ");
        out.push_str(comment);
        out.push_str(" */");
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    static FLAGS: Flags = Flags { names: &[(3, "BOTH"), (1, "A"), (2, "B"), (8, "D")], unknown: "F_???" };
    static WITH_ZERO: Flags = Flags { names: &[(0, "NONE"), (1, "A")], unknown: "" };
    static NAMES: Names = Names { names: &[(1, "ONE"), (7, "SEVEN")], unknown: "N_???" };

    #[test]
    fn flags_are_joined_and_a_remainder_follows() {
        let write = |value| text(|out| FLAGS.write(out, value));
        assert_eq!(write(0), "0");
        assert_eq!(write(3), "BOTH");
        assert_eq!(write(9), "A|D");
        assert_eq!(write(0x1000000b), "BOTH|D|0x10000000");
        assert_eq!(write(0x20), "0x20 /* F_??? */");
        assert_eq!(text(|out| FLAGS.write_int(out, 0xffff_ffff_0000_0002)), "B");
    }

    #[test]
    fn the_absence_of_flags_may_have_a_name() {
        let write = |value| text(|out| WITH_ZERO.write(out, value));
        assert_eq!(write(0), "NONE");
        assert_eq!(write(5), "A|0x4");
        assert_eq!(write(4), "0x4");
    }

    #[test]
    fn further_flags_follow_what_is_there() {
        let write = |value| text(|out| FLAGS.write_more(out, value));
        assert_eq!(write(0), "");
        assert_eq!(write(0x2a), "|B|D|0x20");
    }

    #[test]
    fn an_unknown_value_is_explained_even_if_it_is_zero() {
        let write = |value| text(|out| NAMES.write(out, value));
        assert_eq!(write(7), "SEVEN");
        assert_eq!(write(0), "0 /* N_??? */");
        assert_eq!(write(99), "0x63 /* N_??? */");
        assert_eq!(text(|out| NAMES.write_int(out, 0xffff_ffff_0000_0001)), "ONE");
    }
}
