//! What a process says of itself (OpenTelemetry's proposal 4719): its resource, and the keys of its threads' attributes.
//!
//! The mapping begins with "OTEL_CTX", a version, the payload's size, when it was published (0 while it is being written), and where
//! the payload is: a `ProcessContext` of `opentelemetry.proto.processcontext.v1development`.

use std::borrow::Cow;

use renacer_events::{Attribute, ReadMemory, Text, Value};

const VERSION: u32 = 2;
/// The largest payload that is read, in bytes.
const MOST: u32 = 64 << 10;
/// How often it is read again because it was changed meanwhile.
const TRIES: u8 = 3;
/// The most attributes that are kept.
const MOST_ATTRIBUTES: usize = 128;
/// The most values of a list that are kept; keys of attributes are numbers of one byte.
const MOST_VALUES: usize = 256;

/// What a process says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Description {
    /// Of its resource.
    pub resource: Vec<Attribute>,
    /// The keys of its threads' attributes.
    pub keys: Vec<Text>,
}

/// Reads it from the mapping that begins at `address`.
pub(crate) fn read(address: u64, memory: &mut dyn ReadMemory) -> Option<Description> {
    for _ in 0..TRIES {
        let (published, size, payload) = header(address, memory)?;
        let mut bytes = vec![0; size as usize];
        if memory.read(payload, &mut bytes) == bytes.len() && header(address, memory)?.0 == published {
            return parse(&bytes);
        }
    }
    None
}

/// When it was published, how long the payload is, and where; none while it is being written.
fn header(address: u64, memory: &mut dyn ReadMemory) -> Option<(u64, u32, u64)> {
    let mut header = [0; 32];
    if memory.read(address, &mut header) != header.len() || !header.starts_with(b"OTEL_CTX") {
        return None;
    }
    let word = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let long = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    let (version, size, published, payload) = (word(8), word(12), long(16), long(24));
    (version == VERSION && size <= MOST && published != 0).then_some((published, size, payload))
}

/// Reads a payload; none if it is no protobuf.
pub(crate) fn parse(bytes: &[u8]) -> Option<Description> {
    let mut description = Description::default();
    for field in fields(bytes) {
        match field? {
            (1, Content::Bytes(resource)) => {
                for field in fields(resource) {
                    if let (1, Content::Bytes(attribute)) = field?
                        && description.resource.len() < MOST_ATTRIBUTES
                        && let Some((key, value)) = attribute_of(attribute)?
                    {
                        description.resource.retain(|known| known.key != key);
                        description.resource.push(Attribute { key: Cow::Owned(key.to_owned()), value });
                    }
                }
            }
            (2, Content::Bytes(attribute)) => {
                if let Some(("threadlocal.attribute_key_map", Value::Texts(keys))) = attribute_of(attribute)? {
                    description.keys = keys;
                }
            }
            _ => {}
        }
    }
    Some(description)
}

/// A `KeyValue`; none inside where the key is missing or the value is of no kind that we have.
fn attribute_of(bytes: &[u8]) -> Option<Option<(&str, Value)>> {
    let (mut key, mut value) = ("", None);
    for field in fields(bytes) {
        match field? {
            (1, Content::Bytes(bytes)) => key = std::str::from_utf8(bytes).unwrap_or_default(),
            (2, Content::Bytes(bytes)) => value = value_of(bytes)?,
            _ => {}
        }
    }
    Some(value.filter(|_| !key.is_empty()).map(|value| (key, value)))
}

/// An `AnyValue`.
fn value_of(bytes: &[u8]) -> Option<Option<Value>> {
    let mut value = None;
    for field in fields(bytes) {
        value = match field? {
            (1, Content::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(|text| Value::Text(text.into())),
            (2, Content::Number(flag)) => Some(Value::Bool(flag != 0)),
            (3, Content::Number(number)) => Some(Value::Int(number as i64)),
            (4, Content::Fixed(bits)) => Some(f64::from_bits(bits)).filter(|it| it.is_finite()).map(Value::Double),
            (5, Content::Bytes(list)) => texts(list)?.map(Value::Texts),
            _ => None,
        };
    }
    Some(value)
}

/// An `ArrayValue` of texts; none inside if there is anything else in it.
fn texts(bytes: &[u8]) -> Option<Option<Vec<Text>>> {
    let mut texts = Vec::new();
    for field in fields(bytes) {
        let (1, Content::Bytes(value)) = field? else { continue };
        let mut text = Some("");
        for field in fields(value) {
            text = match field? {
                (1, Content::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
                _ => None,
            };
        }
        let Some(text) = text else { return Some(None) };
        if texts.len() < MOST_VALUES {
            texts.push(text.into());
        }
    }
    Some(Some(texts))
}

/// What a field of a protobuf message has.
enum Content<'a> {
    Number(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
    /// 32 bits.
    Short,
}

/// The fields of a protobuf message, by number; none inside, and no more after it, where it is malformed.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Option<(u64, Content<'_>)>> {
    let mut field = move || {
        let key = number(&mut bytes)?;
        let content = match key & 7 {
            0 => Content::Number(number(&mut bytes)?),
            1 => Content::Fixed(u64::from_le_bytes(*take(&mut bytes, 8)?.first_chunk()?)),
            2 => {
                let length = usize::try_from(number(&mut bytes)?).ok()?;
                Content::Bytes(take(&mut bytes, length)?)
            }
            5 => take(&mut bytes, 4).map(|_| Content::Short)?,
            _ => return None,
        };
        Some(((key >> 3, content), bytes.is_empty()))
    };
    let mut over = bytes.is_empty();
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let next = field();
        over = next.as_ref().is_none_or(|(_, last)| *last);
        Some(next.map(|(field, _)| field))
    })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with bytes.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, content.len() as u8];
        bytes.extend(content);
        bytes
    }

    fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
        [field(1, key.as_bytes()), field(2, value)].concat()
    }

    fn payload() -> Vec<u8> {
        let name = field(1, &attribute("service.name", &field(1, b"shop")));
        let number = field(1, &attribute("number", &[3 << 3, 5]));
        let keys = field(5, &[field(1, &field(1, b"root")), field(1, &field(1, b"route"))].concat());
        let keys = attribute("threadlocal.attribute_key_map", &keys);
        let schema = attribute("threadlocal.schema_version", &field(1, b"tlsdesc_v1_dev"));
        [field(1, &[name, number].concat()), field(2, &schema), field(2, &keys)].concat()
    }

    fn description() -> Description {
        Description {
            resource: vec![Attribute::new("service.name", "shop"), Attribute::new("number", 5)],
            keys: vec!["root".into(), "route".into()],
        }
    }

    #[test]
    fn a_payload_is_read() {
        assert_eq!(parse(&payload()), Some(description()));
        assert_eq!(parse(&[]), Some(Description::default()));
    }

    #[test]
    fn a_malformed_payload_is_none() {
        let payload = payload();
        for length in 1..payload.len() {
            let _ = parse(&payload[..length]);
        }
        assert_eq!(parse(&payload[..payload.len() - 1]), None);
        assert_eq!(parse(&[0xff; 30]), None);
    }

    /// A process's memory whose publisher is at work: each read of the header finds another stamp, as often as there are some.
    struct Memory {
        stamps: Vec<u64>,
        payload: Vec<u8>,
    }

    impl ReadMemory for Memory {
        fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
            if address == 0x9000 {
                let length = buffer.len().min(self.payload.len());
                buffer[..length].copy_from_slice(&self.payload[..length]);
                return length;
            }
            let stamp = if self.stamps.len() > 1 { self.stamps.remove(0) } else { self.stamps[0] };
            let mut header = b"OTEL_CTX\x02\0\0\0".to_vec();
            header.extend((self.payload.len() as u32).to_ne_bytes());
            header.extend(stamp.to_ne_bytes());
            header.extend(0x9000_u64.to_ne_bytes());
            buffer.copy_from_slice(&header[..buffer.len()]);
            buffer.len()
        }
    }

    #[test]
    fn what_is_being_written_is_read_again() {
        let read = |stamps: &[u64]| super::read(0x1000, &mut Memory { stamps: stamps.to_vec(), payload: payload() });
        assert_eq!(read(&[7]), Some(description()));
        assert_eq!(read(&[7, 8, 8]), Some(description()));
        assert_eq!(read(&[0]), None);
        assert_eq!(read(&[1, 2, 3, 4, 5, 6]), None);
    }
}
