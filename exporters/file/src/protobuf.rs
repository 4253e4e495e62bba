//! From OTLP JSON to protobuf, along the schema.
//!
//! Lenient in what it takes, as the protocol asks: 64-bit integers as strings or numbers, hexadecimal in either case, names of
//! enumerations, unknown fields. Nesting is bounded by the JSON parser.

use serde_json::{Map, Value};

use crate::schema::{Field, Kind, Message};

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// Appends the fields of a message to `out`. What the JSON form of OTLP does not allow (names of enumerations, nulls) is replaced
/// in `json` by what it does allow. Fails with what is wrong, and leaves `out` in any state then.
pub(crate) fn encode(json: &mut Value, message: &Message, out: &mut Vec<u8>) -> Result<(), String> {
    let json = match json {
        Value::Object(json) => json,
        Value::Null => return required(&Map::new(), message),
        _ => return Err("is no object".to_owned()),
    };
    // The same as absent, but not every collector knows that.
    json.retain(|_, value| !value.is_null());
    required(json, message)?;
    for (name, value) in json {
        let Some(field) = message.0.iter().find(|field| field.name == name) else { continue };
        let result = match (field.repeated, value) {
            (true, Value::Array(values)) => values.iter_mut().try_for_each(|value| self::field(value, field, out)),
            (true, _) => Err("is no array".to_owned()),
            (false, value) => self::field(value, field, out),
        };
        result.map_err(|error| within(&format!(".{name}"), &error))?;
    }
    Ok(())
}

/// An error with the place where it is in front.
pub(crate) fn within(place: &str, error: &str) -> String {
    format!("{place}{}{error}", if error.starts_with('.') { "" } else { " " })
}

/// Appends a field whose value is known already.
pub(crate) fn length_delimited(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    open_length_delimited(number, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends what stands in front of such a field's content.
pub(crate) fn open_length_delimited(number: u32, length: usize, out: &mut Vec<u8>) {
    tag(number, LENGTH_DELIMITED, out);
    varint(length as u64, out);
}

/// How many bytes a length takes.
pub(crate) fn varint_length(length: usize) -> usize {
    1 + (length | 1).ilog2() as usize / 7
}

fn required(json: &Map<String, Value>, message: &Message) -> Result<(), String> {
    let missing = |field: &&Field| matches!(field.kind, Kind::Id(_)) && !json.contains_key(field.name);
    message.0.iter().find(missing).map_or(Ok(()), |field| Err(format!(".{} is missing", field.name)))
}

fn field(json: &mut Value, field: &Field, out: &mut Vec<u8>) -> Result<(), String> {
    let number = field.number;
    match &field.kind {
        Kind::Text => length_delimited(number, text(json)?.as_bytes(), out),
        Kind::Id(length) => length_delimited(number, &id(text(json)?, *length)?, out),
        Kind::OptionalId(length) => match text(json)? {
            "" => {}
            digits => length_delimited(number, &id(digits, *length)?, out),
        },
        Kind::Bytes => length_delimited(number, &base64(text(json)?).ok_or("is not in base64")?, out),
        Kind::Bool => {
            tag(number, VARINT, out);
            out.push(json.as_bool().ok_or("is neither true nor false")?.into());
        }
        Kind::Int64 => {
            tag(number, VARINT, out);
            let value = i64::try_from(integer(json)?).map_err(|_| "is out of range")?;
            varint(value as u64, out);
        }
        Kind::Uint32 => {
            tag(number, VARINT, out);
            varint(u32::try_from(integer(json)?).map_err(|_| "is out of range")?.into(), out);
        }
        Kind::Fixed32 => {
            tag(number, FIXED32, out);
            out.extend_from_slice(&u32::try_from(integer(json)?).map_err(|_| "is out of range")?.to_le_bytes());
        }
        Kind::Fixed64 => {
            tag(number, FIXED64, out);
            out.extend_from_slice(&u64::try_from(integer(json)?).map_err(|_| "is out of range")?.to_le_bytes());
        }
        Kind::Double => {
            tag(number, FIXED64, out);
            out.extend_from_slice(&double(json)?.to_le_bytes());
        }
        Kind::Enum(names) => {
            if let Some(index) = json.as_str().and_then(|name| names.iter().position(|known| *known == name)) {
                *json = Value::from(index);
            }
            let value = i32::try_from(integer(json)?).map_err(|_| "is out of range")?;
            tag(number, VARINT, out);
            varint(i64::from(value) as u64, out);
        }
        Kind::Message(message) => {
            tag(number, LENGTH_DELIMITED, out);
            let start = out.len();
            encode(json, message, out)?;
            let mut length = Vec::with_capacity(4);
            varint((out.len() - start) as u64, &mut length);
            out.splice(start..start, length);
        }
    }
    Ok(())
}

fn tag(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    varint(u64::from(number << 3 | wire_type), out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn text(json: &Value) -> Result<&str, String> {
    json.as_str().ok_or_else(|| "is no string".to_owned())
}

/// An integer as a number or a string; `1e3` and `5.0` are integers as well.
fn integer(json: &Value) -> Result<i128, String> {
    let from_double = |double: f64| (double.fract() == 0.0 && double.abs() < 1e19).then_some(double as i128);
    let integer = match json {
        Value::Number(number) => number.as_i128().or_else(|| from_double(number.as_f64()?)),
        Value::String(text) => text.parse().ok().or_else(|| from_double(text.parse().ok()?)),
        _ => None,
    };
    integer.ok_or_else(|| "is no integer".to_owned())
}

fn double(json: &Value) -> Result<f64, String> {
    let double = match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            // What Rust takes beyond numbers are other spellings of these three.
            text => text.parse().ok().filter(|double: &f64| double.is_finite()),
        },
        _ => None,
    };
    double.ok_or_else(|| "is no number".to_owned())
}

fn id(digits: &str, length: usize) -> Result<Vec<u8>, String> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| Some(digit(&pair[0])? << 4 | digit(&pair[1])?);
    (digits.len() == length * 2)
        .then(|| digits.as_bytes().chunks_exact(2).map(pair).collect::<Option<Vec<u8>>>())
        .flatten()
        .filter(|bytes| bytes.iter().any(|byte| *byte != 0))
        .ok_or_else(|| format!("is not {} hexadecimal digits, or zero", length * 2))
}

/// Base64 in either alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_all_its_forms() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
            ("-_+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Z", "Zm9v=Zg", "Zm 9v", "Zm9vZ"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }

    #[test]
    fn integers_in_all_their_forms() {
        let number = |text: &str| integer(&serde_json::from_str(text).unwrap());
        for (text, value) in [
            ("0", 0),
            ("\"18446744073709551615\"", i128::from(u64::MAX)),
            ("18446744073709551615", i128::from(u64::MAX)),
            ("\"-9223372036854775808\"", i128::from(i64::MIN)),
            ("1e3", 1000),
            ("5.0", 5),
            ("\"1e3\"", 1000),
        ] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for text in ["1.5", "\"\"", "\"x\"", "true", "[]", "1e300", "\"NaN\""] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn doubles_in_all_their_forms() {
        let number = |text: &str| double(&serde_json::from_str(text).unwrap());
        assert!(number("\"NaN\"").unwrap().is_nan());
        for (text, value) in [("3", 3.0), ("\"-0.5\"", -0.5), ("\"-Infinity\"", f64::NEG_INFINITY)] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for text in ["\"inf\"", "\"\"", "true", "\"1e999\""] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
