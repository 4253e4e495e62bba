//! Records as MessagePack: an array of the kind, the time, the thread, the name, and a map of the values.

use crate::value::Value;

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was decided.
    Decision,
    /// Something came of it.
    Result,
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// What it tells.
    pub kind: Kind,
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub at: u64,
    /// The thread, as it is numbered in its own pid namespace.
    pub tid: u32,
    /// `category::name`.
    pub name: &'a str,
    /// Keys and values.
    pub values: Vec<(&'a str, Value<'a>)>,
}

/// Where encoded bytes go.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

/// Counts them.
pub(crate) struct Length(pub(crate) usize);

impl Sink for Length {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Writes a record.
pub(crate) fn encode(sink: &mut impl Sink, kind: Kind, at: u64, tid: u32, name: &str, values: &[(&str, Value<'_>)]) {
    sink.put(&[0x95, u8::from(kind == Kind::Result), 0xcf]);
    sink.put(&at.to_be_bytes());
    sink.put(&[0xce]);
    sink.put(&tid.to_be_bytes());
    text(sink, name);
    match values.len() {
        count @ 0..16 => sink.put(&[0x80 | count as u8]),
        count => {
            sink.put(&[0xdf]);
            sink.put(&(count as u32).to_be_bytes());
        }
    }
    for (key, value) in values {
        text(sink, key);
        match value {
            Value::Bool(value) => sink.put(&[0xc2 | u8::from(*value)]),
            Value::Int(value @ 0..128) => sink.put(&[*value as u8]),
            Value::Int(value) => {
                sink.put(&[0xd3]);
                sink.put(&value.to_be_bytes());
            }
            Value::Double(value) => {
                sink.put(&[0xcb]);
                sink.put(&value.to_be_bytes());
            }
            Value::Text(value) => text(sink, value),
        }
    }
}

fn text(sink: &mut impl Sink, text: &str) {
    match text.len() {
        length @ 0..32 => sink.put(&[0xa0 | length as u8]),
        length => {
            sink.put(&[0xdb]);
            sink.put(&(length as u32).to_be_bytes());
        }
    }
    sink.put(text.as_bytes());
}

/// What MessagePack knows, as far as records have it.
enum Item<'a> {
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Double(f64),
    Text(&'a str),
    Array(usize),
    Map(usize),
}

/// Reads items one after another.
struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or("it ends within an item")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn number(&mut self, length: usize) -> Result<u64, &'static str> {
        Ok(self.bytes(length)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self, length: u64) -> Result<Item<'a>, &'static str> {
        let bytes = self.bytes(usize::try_from(length).map_err(|_| "it ends within an item")?)?;
        str::from_utf8(bytes).map(Item::Text).map_err(|_| "text that is not UTF-8")
    }

    /// Any item of the specification that a record can have; other writers choose other lengths of numbers than we do.
    fn next(&mut self) -> Result<Item<'a>, &'static str> {
        let first = self.number(1)? as u8;
        Ok(match first {
            0x00..=0x7f => Item::Unsigned(first.into()),
            0xe0..=0xff => Item::Negative((first as i8).into()),
            0x80..=0x8f => Item::Map((first & 0x0f).into()),
            0x90..=0x9f => Item::Array((first & 0x0f).into()),
            0xa0..=0xbf => return self.text((first & 0x1f).into()),
            0xc2 | 0xc3 => Item::Bool(first == 0xc3),
            0xca => Item::Double(f32::from_bits(self.number(4)? as u32).into()),
            0xcb => Item::Double(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => Item::Unsigned(self.number(1 << (first - 0xcc))?),
            0xd0..=0xd3 => {
                let length = 1 << (first - 0xd0);
                let unused = 64 - 8 * length;
                Item::Negative((self.number(length)? << unused) as i64 >> unused)
            }
            0xd9..=0xdb => {
                let length = self.number(1 << (first - 0xd9))?;
                return self.text(length);
            }
            0xdc | 0xdd => Item::Array(self.number(2 << (first - 0xdc))? as usize),
            0xde | 0xdf => Item::Map(self.number(2 << (first - 0xde))? as usize),
            _ => return Err("an item that no record has"),
        })
    }

    fn unsigned(&mut self) -> Result<u64, &'static str> {
        match self.next()? {
            Item::Unsigned(number) => Ok(number),
            _ => Err("no number where one must be"),
        }
    }

    fn name(&mut self) -> Result<&'a str, &'static str> {
        match self.next()? {
            Item::Text(text) => Ok(text),
            _ => Err("no text where one must be"),
        }
    }

    fn value(&mut self) -> Result<Value<'a>, &'static str> {
        Ok(match self.next()? {
            Item::Bool(value) => Value::Bool(value),
            Item::Unsigned(value) => Value::Int(i64::try_from(value).map_err(|_| "a number that is too large")?),
            Item::Negative(value) => Value::Int(value),
            Item::Double(value) => Value::Double(value),
            Item::Text(value) => Value::Text(value),
            Item::Array(_) | Item::Map(_) => return Err("a value within a value"),
        })
    }
}

/// Reads a record, which takes all of these bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record<'_>, &'static str> {
    let mut items = Items(bytes);
    let Item::Array(5) = items.next()? else { return Err("no array of five") };
    let kind = match items.unsigned()? {
        0 => Kind::Decision,
        1 => Kind::Result,
        _ => return Err("neither a decision nor a result"),
    };
    let at = items.unsigned()?;
    let tid = u32::try_from(items.unsigned()?).map_err(|_| "a thread id that is too large")?;
    let name = items.name()?;
    let Item::Map(count) = items.next()? else { return Err("no map of values") };
    // Each takes two bytes at least, so what a count promises has a limit.
    let mut values = Vec::with_capacity(count.min(bytes.len() / 2));
    for _ in 0..count {
        values.push((items.name()?, items.value()?));
    }
    match items.0 {
        [] => Ok(Record { kind, at, tid, name, values }),
        _ => Err("more than five items"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sink for Vec<u8> {
        fn put(&mut self, bytes: &[u8]) {
            self.extend_from_slice(bytes);
        }
    }

    fn encoded(record: &Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&mut bytes, record.kind, record.at, record.tid, record.name, &record.values);
        let mut length = Length(0);
        encode(&mut length, record.kind, record.at, record.tid, record.name, &record.values);
        assert_eq!(length.0, bytes.len());
        bytes
    }

    const LONG: &str = "0123456789012345678901234567890123456789";

    fn values() -> Vec<(&'static str, Value<'static>)> {
        let numbers = [0, 127, 128, -1, -33, i64::MAX, i64::MIN].map(|number| ("number", Value::Int(number)));
        let others = [Value::Bool(true), Value::Bool(false), Value::Double(-1.5), Value::Text(""), Value::Text(LONG)];
        numbers.into_iter().chain(others.map(|value| (LONG, value))).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for count in [0, 1, 12, 15, 16, 40] {
            let values: Vec<_> = values().into_iter().cycle().take(count).collect();
            for kind in [Kind::Decision, Kind::Result] {
                let record = Record { kind, at: 1 << 60, tid: 70_000, name: "a::b", values: values.clone() };
                assert_eq!(decode(&encoded(&record)), Ok(record));
            }
        }
    }

    #[test]
    fn another_makers_library_reads_it() {
        let record = Record { kind: Kind::Result, at: u64::MAX, tid: 5, name: LONG, values: values() };
        let bytes = encoded(&record);
        let mut rest = &*bytes;
        let read = rmpv::decode::read_value(&mut rest).unwrap();
        assert!(rest.is_empty());
        let array = read.as_array().unwrap();
        assert_eq!((array[0].as_u64(), array[1].as_u64(), array[2].as_u64()), (Some(1), Some(u64::MAX), Some(5)));
        assert_eq!(array[3].as_str(), Some(LONG));
        for ((key, value), (found_key, found)) in record.values.iter().zip(array[4].as_map().unwrap()) {
            assert_eq!(found_key.as_str(), Some(*key));
            let expected = match *value {
                Value::Bool(value) => rmpv::Value::from(value),
                Value::Int(value) => rmpv::Value::from(value),
                Value::Double(value) => rmpv::Value::from(value),
                Value::Text(value) => rmpv::Value::from(value),
            };
            assert_eq!(*found, expected);
        }
    }

    #[test]
    fn what_another_makers_library_writes_is_read() {
        let map = values().into_iter().map(|(key, value)| {
            let value = match value {
                Value::Bool(value) => rmpv::Value::from(value),
                Value::Int(value) => rmpv::Value::from(value),
                Value::Double(value) => rmpv::Value::from(value),
                Value::Text(value) => rmpv::Value::from(value),
            };
            (rmpv::Value::from(key), value)
        });
        let array = vec![0.into(), 300.into(), 7.into(), "x".into(), rmpv::Value::Map(map.collect())];
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(array)).unwrap();
        let expected = Record { kind: Kind::Decision, at: 300, tid: 7, name: "x", values: values() };
        assert_eq!(decode(&bytes), Ok(expected));
    }

    #[test]
    fn any_cut_or_changed_record_is_an_error_or_another_record() {
        let record = Record { kind: Kind::Decision, at: 9, tid: 5, name: "a::b", values: values() };
        let bytes = encoded(&record);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{end}");
        }
        assert!(decode(&[&*bytes, &[0]].concat()).is_err());
        for at in 0..bytes.len() {
            for byte in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = byte;
                let _ = decode(&changed);
            }
        }
    }
}
