//! Bytes as text: escaped as strace escapes them, and limited in length.

use crate::Text;

/// The most bytes that a text of a span may have.
pub(crate) const MAX_TEXT: usize = 16 * 1024;

/// `bytes` as strace writes them inside quotes: printable ASCII as it is, the rest as C escapes, octal where there is no letter.
/// Stops before the text gets longer than `limit` bytes; the second value tells whether it did.
pub(crate) fn escape(bytes: &[u8], limit: usize) -> (Text, bool) {
    let mut text = Text::with_capacity(bytes.len().min(limit));
    for (index, &byte) in bytes.iter().enumerate() {
        let before = text.len();
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b'\r' => text.push_str("\\r"),
            b' '..=b'~' => text.push(byte as char),
            _ => {
                // A following octal digit would be read as part of a shorter number.
                let all = matches!(bytes.get(index + 1), Some(b'0'..=b'7'));
                text.push('\\');
                for shift in [6, 3, 0] {
                    if all || byte >> shift != 0 || shift == 0 {
                        text.push((b'0' + (byte >> shift & 7)) as char);
                    }
                }
            }
        }
        if text.len() > limit {
            text.truncate(before);
            return (text, true);
        }
    }
    (text, false)
}

/// Shortens a text to [`MAX_TEXT`] bytes, at a character boundary. Tells whether it had to.
pub(crate) fn shorten(text: &mut Text) -> bool {
    if text.len() <= MAX_TEXT {
        return false;
    }
    let end = (0..=MAX_TEXT).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.truncate(end);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_strace_writes_them() {
        assert_eq!(escape(b"plain name", 99).0, "plain name");
        assert_eq!(escape(b"a\"b\\c\td\ne\x0bf\x0cg\rh", 99).0, "a\\\"b\\\\c\\td\\ne\\vf\\fg\\rh");
        assert_eq!(escape("\u{e9}".as_bytes(), 99).0, "\\303\\251");
        assert_eq!(escape(b"\x00", 99).0, "\\0");
        assert_eq!(escape(b"\x017\x018", 99).0, "\\0017\\18");
        assert_eq!(escape(b"\x0ax\x0b9\x1b[0m\x7f", 99).0, "\\nx\\v9\\33[0m\\177");
    }

    #[test]
    fn an_escape_is_never_cut_in_half() {
        assert_eq!(escape(b"abc\xff", 6), ("abc".into(), true));
        assert_eq!(escape(b"abc\xff", 7), ("abc\\377".into(), false));
        assert_eq!(escape(b"", 0), ("".into(), false));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let mut text = Text::from("\u{20ac}".repeat(6000));
        assert!(shorten(&mut text));
        assert_eq!(text.len(), 16_383);
        assert_eq!(text, "\u{20ac}".repeat(5461));
        let mut text = Text::from("x".repeat(MAX_TEXT));
        assert!(!shorten(&mut text));
        assert_eq!(text.len(), MAX_TEXT);
    }
}
