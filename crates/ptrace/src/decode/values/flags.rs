//! Tables of names for numbers: flags that are combined, and enumerations.

use std::fmt::Write;

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
            write_hex(out, value);
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
            _ = write!(out, "|{left:#x}");
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
            _ = write!(out, "|{left:#x}");
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
                write_hex(out, value);
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
        _ = write!(out, " /* {comment} */");
    }
}

/// Appends a number as C's `%#x` does: `0`, `0x1f`.
pub fn write_hex(out: &mut String, value: u64) {
    if value == 0 {
        out.push('0');
    } else {
        _ = write!(out, "{value:#x}");
    }
}
