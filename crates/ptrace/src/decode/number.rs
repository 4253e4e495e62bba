//! Numbers as text, without the formatting machinery: these are most of what a call's text consists of.

/// Appends a number in base 8, 10 or 16.
fn push_digits(out: &mut String, mut value: u64, base: u64, least: usize) {
    let (mut digits, mut start) = ([b'0'; 24], 24);
    while value != 0 || 24 - start < least {
        start -= 1;
        digits[start] = b"0123456789abcdef"[(value % base) as usize];
        value /= base;
    }
    out.extend(digits[start..].iter().map(|&digit| char::from(digit)));
}

/// Appends a number.
pub(crate) fn push_unsigned(out: &mut String, value: u64) {
    push_digits(out, value, 10, 1);
}

/// Appends a number with its sign.
pub(crate) fn push_decimal(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    push_digits(out, value.unsigned_abs(), 10, 1);
}

/// Appends a number as `0x1f`, 0 as `0x0`.
pub(crate) fn push_hex(out: &mut String, value: u64) {
    out.push_str("0x");
    push_digits(out, value, 16, 1);
}

/// Appends a number as `0x1f`, 0 as `0`.
pub(crate) fn hex(out: &mut String, value: u64) {
    if value == 0 { out.push('0') } else { push_hex(out, value) }
}

/// Appends an octal number with a leading 0, and so at least `least` digits.
pub(crate) fn push_octal(out: &mut String, value: u64, least: usize) {
    if value == 0 {
        return push_digits(out, 0, 8, least);
    }
    let digits = (64 - value.leading_zeros() as usize).div_ceil(3) + 1;
    push_digits(out, value, 8, digits.max(least));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        assert_eq!(text(|out| push_decimal(out, i64::MIN)), i64::MIN.to_string());
        assert_eq!(text(|out| push_decimal(out, 0)), "0");
        assert_eq!(text(|out| push_unsigned(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(text(|out| push_hex(out, 0)), "0x0");
        assert_eq!(text(|out| hex(out, 0)), "0");
        assert_eq!(text(|out| hex(out, u64::MAX)), "0xffffffffffffffff");
    }

    #[test]
    fn octal_numbers_have_a_leading_zero_and_at_least_so_many_digits() {
        assert_eq!(text(|out| push_octal(out, 0, 3)), "000");
        assert_eq!(text(|out| push_octal(out, 0o7, 3)), "007");
        assert_eq!(text(|out| push_octal(out, 0o22, 3)), "022");
        assert_eq!(text(|out| push_octal(out, 0o644, 3)), "0644");
        assert_eq!(text(|out| push_octal(out, 0o100644, 3)), "0100644");
        assert_eq!(text(|out| push_octal(out, u64::MAX, 3)), "01777777777777777777777");
    }
}
