//! Bytes as strace writes them: between quotes, escaped like a C string.

/// Appends `bytes` between double quotes, escaped as strace does: printable ASCII as it is; `\"`, `\\`, `\n`, `\t`, `\r`, `\v` and `\f`;
/// anything else as the shortest octal escape that the next byte cannot be mistaken for a part of.
/// `truncated` says that there was more: `...` follows the closing quote.
pub fn quote(out: &mut String, bytes: &[u8], truncated: bool) {
    out.reserve(bytes.len() + 5);
    out.push('"');
    escape(out, bytes);
    out.push('"');
    if truncated {
        out.push_str("...");
    }
}

/// Appends `bytes` as [`quote`] does, but without the quotes.
pub fn escape(out: &mut String, bytes: &[u8]) {
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            0x0b => out.push_str("\\v"),
            0x0c => out.push_str("\\f"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let full = matches!(bytes.get(index + 1), Some(b'0'..=b'7'));
                let digits = [byte >> 6, (byte >> 3) & 7, byte & 7];
                let skip = match digits {
                    _ if full => 0,
                    [0, 0, _] => 2,
                    [0, _, _] => 1,
                    _ => 0,
                };
                out.push('\\');
                out.extend(digits[skip..].iter().map(|digit| char::from(b'0' + digit)));
            }
        }
    }
}

/// Appends `bytes` between double quotes, each as a hexadecimal escape.
pub fn quote_hex(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for byte in bytes {
        out.push_str("\\x");
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    out.push('"');
}

/// Appends a string that ends at its first NUL, as in a fixed-size array: all of `bytes` if there is none.
pub fn quote_until_nul(out: &mut String, bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    quote(out, &bytes[..end], false);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut out = String::new();
        quote(&mut out, bytes, false);
        out
    }

    // The expected texts are what strace 6.1 prints for these bytes.

    #[test]
    fn an_octal_escape_has_three_digits_only_before_an_octal_digit() {
        let with = |next: u8| -> String {
            let bytes: Vec<u8> = [1, 7, 8, 27, 127, 128, 200, 255].iter().flat_map(|&byte| [byte, next]).collect();
            quoted(&bytes)
        };
        assert_eq!(with(b'0'), r#""\0010\0070\0100\0330\1770\2000\3100\3770""#);
        assert_eq!(with(b'7'), r#""\0017\0077\0107\0337\1777\2007\3107\3777""#);
        assert_eq!(with(b'8'), r#""\18\78\108\338\1778\2008\3108\3778""#);
        assert_eq!(with(b'9'), r#""\19\79\109\339\1779\2009\3109\3779""#);
        assert_eq!(with(b'a'), r#""\1a\7a\10a\33a\177a\200a\310a\377a""#);
        assert_eq!(quoted(b"\0\0\x001"), r#""\0\0\0001""#);
    }

    #[test]
    fn letters_stand_for_the_usual_control_characters() {
        assert_eq!(
            quoted(b"\x01\x02\x06\x07\x08\t\n\x0b\x0c\r\x0e\x1f !\"#[\\]~\x7f"),
            r##""\1\2\6\7\10\t\n\v\f\r\16\37 !\"#[\\]~\177""##
        );
        assert_eq!(quoted(b""), r#""""#);
    }

    #[test]
    fn a_cut_string_is_marked() {
        let mut out = String::new();
        quote(&mut out, b"abc\x01", true);
        assert_eq!(out, r#""abc\1"..."#);
    }

    #[test]
    fn an_array_ends_at_its_first_nul() {
        let mut out = String::new();
        quote_until_nul(&mut out, b"Linux\0\xff\xff");
        quote_until_nul(&mut out, b"abc");
        assert_eq!(out, r#""Linux""abc""#);
    }
}
