//! Attributes of a record, whose keys are numbers of a list that the process publishes.

use std::borrow::Cow;

use renacer_events::{Attribute, Text, Value};

/// The attributes that are packed in `bytes` as key, length, value. Of several with one key the last counts; what has no known key, or
/// is no text, is left out.
pub(crate) fn attributes(mut bytes: &[u8], keys: &[Text]) -> Vec<Attribute> {
    let mut found: Vec<Attribute> = Vec::new();
    while let [key, length, rest @ ..] = bytes {
        let Some((value, after)) = rest.split_at_checked(usize::from(*length)) else { break };
        bytes = after;
        let (Some(key), Ok(value)) = (keys.get(usize::from(*key)), std::str::from_utf8(value)) else { continue };
        if key.is_empty() {
            continue;
        }
        let value = Value::Text(value.into());
        match found.iter_mut().find(|known| known.key == **key) {
            Some(known) => known.value = value,
            None => found.push(Attribute { key: Cow::Owned(key.to_string()), value }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_looked_up_and_the_last_value_counts() {
        let keys = ["root".into(), "route".into()];
        let bytes = b"\x01\x02/a\x00\x01x\x07\x01y\x01\x02/b\x00\x05cut";
        let found = attributes(bytes, &keys);
        assert_eq!(found, [attribute("route", "/b"), attribute("root", "x")]);
        assert_eq!(attributes(b"\x00\x01\xff", &keys), []);
        assert_eq!(attributes(b"\x00", &keys), []);
    }

    fn attribute(key: &'static str, value: &str) -> Attribute {
        Attribute::new(key, value)
    }
}
