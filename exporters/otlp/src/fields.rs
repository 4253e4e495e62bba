//! Reading protobuf that others wrote: a collector's short answers.

/// One field's content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// A varint.
    Number(u64),
    /// Length-delimited: text, bytes or a nested structure.
    Bytes(&'a [u8]),
    /// Of fixed size, which nothing here uses.
    Fixed,
}

/// The fields of a structure with their numbers, up to the first thing that makes no sense.
pub(crate) fn fields(bytes: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    let mut rest = bytes;
    std::iter::from_fn(move || field(&mut rest))
}

/// The fields of a structure: number, content if it is length-delimited, and all bytes of the field; up to the first thing
/// that makes no sense.
pub(crate) fn raw_fields(bytes: &[u8]) -> impl Iterator<Item = (u64, Option<&[u8]>, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let before = rest;
        let (number, content) = field(&mut rest)?;
        let content = match content {
            Field::Bytes(content) => Some(content),
            Field::Number(_) | Field::Fixed => None,
        };
        Some((number, content, &before[..before.len() - rest.len()]))
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = varint(rest)?;
    let field = match tag & 7 {
        0 => Field::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Field::Fixed)?,
        2 => {
            let len = usize::try_from(varint(rest)?).ok()?;
            Field::Bytes(take(rest, len)?)
        }
        5 => take(rest, 4).map(|_| Field::Fixed)?,
        _ => return None,
    };
    Some((tag >> 3, field))
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_stops_at_what_is_not() {
        let found: Vec<_> = fields(&[0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0, 0, 0x12, 9, 1]).collect();
        assert_eq!(found, [(1, Field::Number(150)), (2, Field::Bytes(b"hi")), (3, Field::Fixed)]);
        assert_eq!(fields(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).count(), 0);
        assert_eq!(fields(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).count(), 0);
    }
}
