//! From OTLP JSON to protobuf in one pass over the text, without a tree in between: ten times as fast, for lines in the form in
//! which the Collector's file exporter and we write them. Anything else (unknown fields, names of enumerations, what is wrong)
//! is [`Unusual`], and the line is read again by [`crate::protobuf`], which takes more and says what is wrong.

use serde_json::Value;

use crate::schema::{Field, Kind, Message, RESOURCE, SCOPE, SPAN};

/// The line is to be read with more patience.
#[derive(Debug)]
pub(crate) struct Unusual;

/// Deeper nesting is left to the other one, which has a limit.
const MAX_DEPTH: u32 = 32;

/// The spans of a resource, by scope.
pub(crate) struct ResourceSpans {
    /// The encoded resource.
    pub(crate) resource: Vec<u8>,
    pub(crate) schema_url: String,
    pub(crate) scopes: Vec<ScopeSpans>,
}

pub(crate) struct ScopeSpans {
    /// The encoded scope.
    pub(crate) scope: Vec<u8>,
    pub(crate) schema_url: String,
    /// Encoded spans one behind the other.
    pub(crate) spans: Vec<u8>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize>,
}

/// Reads a whole line.
pub(crate) fn line(line: &[u8]) -> Result<Vec<ResourceSpans>, Unusual> {
    // Once for all its strings.
    let text = std::str::from_utf8(line).map_err(|_| Unusual)?;
    let mut input = Input { text, at: 0 };
    let mut found = None;
    input.object(|input, key| match key {
        "resourceSpans" if found.is_none() => {
            let mut all = Vec::new();
            input.array(|input| {
                all.push(resource_spans(input)?);
                Ok(())
            })?;
            found = Some(all);
            Ok(())
        }
        _ => Err(Unusual),
    })?;
    input.space();
    if input.at < text.len() { Err(Unusual) } else { found.ok_or(Unusual) }
}

fn resource_spans(input: &mut Input) -> Result<ResourceSpans, Unusual> {
    let (mut resource, mut url, mut scopes) = (None, None, None);
    input.object(|input, key| match key {
        "resource" => set(&mut resource, input.encoded(&RESOURCE)?),
        "schemaUrl" => set(&mut url, input.string()?),
        "scopeSpans" => {
            let mut all = Vec::new();
            input.array(|input| {
                all.push(scope_spans(input)?);
                Ok(())
            })?;
            set(&mut scopes, all)
        }
        _ => Err(Unusual),
    })?;
    let (resource, schema_url) = (resource.unwrap_or_default(), url.unwrap_or_default());
    Ok(ResourceSpans { resource, schema_url, scopes: scopes.unwrap_or_default() })
}

fn scope_spans(input: &mut Input) -> Result<ScopeSpans, Unusual> {
    let (mut scope, mut url, mut spans) = (None, None, None);
    input.object(|input, key| match key {
        "scope" => set(&mut scope, input.encoded(&SCOPE)?),
        "schemaUrl" => set(&mut url, input.string()?),
        "spans" => {
            let mut all = (Vec::with_capacity((input.text.len() - input.at) / 2), Vec::new());
            input.array(|input| {
                input.message(&SPAN, &mut all.0, 0)?;
                all.1.push(all.0.len());
                Ok(())
            })?;
            set(&mut spans, all)
        }
        _ => Err(Unusual),
    })?;
    let (spans, ends) = spans.unwrap_or_default();
    Ok(ScopeSpans { scope: scope.unwrap_or_default(), schema_url: url.unwrap_or_default(), spans, ends })
}

/// A member that stands twice has another meaning in JSON than in protobuf.
fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Unusual> {
    if place.replace(value).is_some() { Err(Unusual) } else { Ok(()) }
}

struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn peek(&self) -> u8 {
        // The end is no token either.
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// The next byte that is no space.
    fn token(&mut self) -> u8 {
        let byte = self.peek();
        if byte > b' ' {
            return byte;
        }
        self.space();
        self.peek()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unusual> {
        if self.token() != byte {
            return Err(Unusual);
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Result<(), Unusual>) -> Result<(), Unusual> {
        self.expect(b'{')?;
        if self.token() == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.plain()?;
            self.expect(b':')?;
            member(self, key)?;
            let next = self.token();
            self.at += 1;
            match next {
                b',' => {}
                b'}' => return Ok(()),
                _ => return Err(Unusual),
            }
        }
    }

    fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Unusual>) -> Result<(), Unusual> {
        self.expect(b'[')?;
        if self.token() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            let next = self.token();
            self.at += 1;
            match next {
                b',' => {}
                b']' => return Ok(()),
                _ => return Err(Unusual),
            }
        }
    }

    /// Bytes up to the next quote, backslash or control character.
    fn run(&self, from: usize) -> usize {
        let bytes = &self.text.as_bytes()[from..];
        let mut at = 0;
        while let Some(word) = bytes[at..].first_chunk::<8>() {
            let found = stops(u64::from_le_bytes(*word));
            if found != 0 {
                return at + (found.trailing_zeros() / 8) as usize;
            }
            at += 8;
        }
        at + bytes[at..].iter().take_while(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')).count()
    }

    /// A string without escapes.
    fn plain(&mut self) -> Result<&'a str, Unusual> {
        self.expect(b'"')?;
        let end = self.at + self.run(self.at);
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return Err(Unusual);
        }
        let text = self.text.get(self.at..end).ok_or(Unusual)?;
        self.at = end + 1;
        Ok(text)
    }

    fn string(&mut self) -> Result<String, Unusual> {
        let mut bytes = Vec::new();
        self.text(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Unusual)
    }

    /// Appends a string.
    fn text(&mut self, out: &mut Vec<u8>) -> Result<(), Unusual> {
        self.expect(b'"')?;
        loop {
            let end = self.at + self.run(self.at);
            out.extend_from_slice(&self.text.as_bytes()[self.at..end]);
            self.at = end + 1;
            match self.text.as_bytes().get(end) {
                Some(b'"') => return Ok(()),
                Some(b'\\') => self.escape(out)?,
                _ => return Err(Unusual),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Unusual> {
        let byte = self.peek();
        self.at += 1;
        out.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4).ok_or(Unusual)?;
                let digits: [u8; 4] = digits.as_bytes().try_into().map_err(|_| Unusual)?;
                let mut code = 0;
                for digit in digits {
                    code = code << 4 | char::from(digit).to_digit(16).ok_or(Unusual)?;
                }
                // Halves of pairs are left to the other one.
                let character = char::from_u32(code).ok_or(Unusual)?;
                self.at += 4;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Unusual),
        });
        Ok(())
    }

    /// The digits of a number, which may be in quotes.
    fn digits(&mut self) -> Result<&'a str, Unusual> {
        if self.token() == b'"' {
            return self.plain();
        }
        let number = self.number();
        // That is no JSON.
        let leading_zero = number.trim_start_matches('-').starts_with('0') && number.trim_start_matches('-').len() > 1;
        if leading_zero || number.is_empty() { Err(Unusual) } else { Ok(number) }
    }

    fn number(&mut self) -> &'a str {
        let start = self.at;
        while matches!(self.peek(), b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// Digits and nothing else, no plus sign either.
    fn unsigned(&mut self) -> Result<u64, Unusual> {
        let digits = self.digits()?;
        let mut value = 0_u64;
        if digits.is_empty() {
            return Err(Unusual);
        }
        for byte in digits.bytes() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Err(Unusual);
            }
            value = value.checked_mul(10).and_then(|value| value.checked_add(digit.into())).ok_or(Unusual)?;
        }
        Ok(value)
    }

    fn signed(&mut self) -> Result<i64, Unusual> {
        let digits = self.digits()?;
        if digits.starts_with('+') {
            return Err(Unusual);
        }
        digits.parse().map_err(|_| Unusual)
    }

    fn encoded(&mut self, message: &Message) -> Result<Vec<u8>, Unusual> {
        let mut out = Vec::new();
        self.message(message, &mut out, 0)?;
        Ok(out)
    }

    /// Appends the fields of a message.
    fn message(&mut self, message: &Message, out: &mut Vec<u8>, depth: u32) -> Result<(), Unusual> {
        if depth > MAX_DEPTH {
            return Err(Unusual);
        }
        let (mut seen, mut next) = (0_u32, 0);
        self.object(|input, key| {
            // Mostly they stand in an order that is nearly that of the schema.
            let fields = &message.0;
            let found = fields[next..].iter().position(|field| field.name == key).map(|at| at + next);
            let index = found.or_else(|| fields.iter().position(|field| field.name == key)).ok_or(Unusual)?;
            if seen & 1 << index != 0 {
                return Err(Unusual);
            }
            seen |= 1 << index;
            next = if index + 1 < fields.len() { index + 1 } else { 0 };
            let field = &fields[index];
            if field.repeated {
                input.array(|input| input.field(field, out, depth))
            } else {
                input.field(field, out, depth)
            }
        })?;
        let missing = |(index, field): (usize, &Field)| matches!(field.kind, Kind::Id(_)) && seen & 1 << index == 0;
        if message.0.iter().enumerate().any(missing) { Err(Unusual) } else { Ok(()) }
    }

    fn field(&mut self, field: &Field, out: &mut Vec<u8>, depth: u32) -> Result<(), Unusual> {
        match &field.kind {
            Kind::Text => nested(field.number, out, |out| self.text(out)),
            Kind::Message(message) => nested(field.number, out, |out| self.message(message, out, depth + 1)),
            Kind::Id(length) => {
                let digits = self.plain()?;
                nested(field.number, out, |out| id(digits, *length, out))
            }
            Kind::OptionalId(length) => match self.plain()? {
                "" => Ok(()),
                digits => nested(field.number, out, |out| id(digits, *length, out)),
            },
            Kind::Bool => {
                self.token();
                let rest = &self.text.as_bytes()[self.at..];
                let value = rest.starts_with(b"true");
                if !value && !rest.starts_with(b"false") {
                    return Err(Unusual);
                }
                self.at += if value { 4 } else { 5 };
                tag(field.number, 0, out);
                out.push(value.into());
                Ok(())
            }
            Kind::Int64 => {
                let value = self.signed()?;
                tag(field.number, 0, out);
                varint(value as u64, out);
                Ok(())
            }
            Kind::Uint32 => {
                let value = u32::try_from(self.unsigned()?).map_err(|_| Unusual)?;
                tag(field.number, 0, out);
                varint(value.into(), out);
                Ok(())
            }
            Kind::Enum(_) => {
                if self.token() == b'"' {
                    return Err(Unusual);
                }
                let value = i32::try_from(self.signed()?).map_err(|_| Unusual)?;
                tag(field.number, 0, out);
                varint(i64::from(value) as u64, out);
                Ok(())
            }
            Kind::Fixed32 => {
                let value = u32::try_from(self.unsigned()?).map_err(|_| Unusual)?;
                tag(field.number, 5, out);
                out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            Kind::Fixed64 => {
                let value = self.unsigned()?;
                tag(field.number, 1, out);
                out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            Kind::Double => {
                self.token();
                let number: Value = serde_json::from_str(self.number()).map_err(|_| Unusual)?;
                let value = number.as_f64().ok_or(Unusual)?;
                tag(field.number, 1, out);
                out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            Kind::Bytes => Err(Unusual),
        }
    }
}

/// The high bit of each byte that is a control character, a quote or a backslash; exact up to the first one.
fn stops(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGH
}

/// Appends a length-delimited field whose length is known only afterwards.
fn nested(
    number: u32,
    out: &mut Vec<u8>,
    content: impl FnOnce(&mut Vec<u8>) -> Result<(), Unusual>,
) -> Result<(), Unusual> {
    tag(number, 2, out);
    // Mostly one byte is enough.
    out.push(0);
    let start = out.len();
    content(out)?;
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
        return Ok(());
    }
    let mut digits = Vec::with_capacity(5);
    varint(length as u64, &mut digits);
    let more = digits.len() - 1;
    out.resize(out.len() + more, 0);
    out.copy_within(start..start + length, start + more);
    out[start - 1..start + more].copy_from_slice(&digits);
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

fn id(digits: &str, length: usize, out: &mut Vec<u8>) -> Result<(), Unusual> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return Err(Unusual) };
    if pairs.len() != length {
        return Err(Unusual);
    }
    let mut any = 0;
    for [high, low] in pairs {
        let (high, low) = (HEX[usize::from(*high)], HEX[usize::from(*low)]);
        if high | low > 15 {
            return Err(Unusual);
        }
        any |= high | low;
        out.push(high << 4 | low);
    }
    // All zero means none.
    if any == 0 { Err(Unusual) } else { Ok(()) }
}

/// The value of each hexadecimal digit; 255 for what is none.
const HEX: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use crate::reader::{Encoding, patient, quick};

    const LINES: [&str; 4] = [
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"b"}},{"key":"pid","value":{"intValue":"12"}}]},"scopeSpans":[{"scope":{"name":"renacer","version":"1"},"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","traceState":"a=b","parentSpanId":"","flags":256,"name":"openat \"\\\u0000\u00e9\n/é","kind":1,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000000001","attributes":[{"key":"x","value":{"boolValue":true}},{"key":"y","value":{"doubleValue":-1.5e-300}},{"key":"z","value":{"arrayValue":{"values":[{"stringValue":"1"},{"stringValue":""}]}}}],"droppedAttributesCount":3,"events":[{"timeUnixNano":"7","name":"signal","attributes":[{"key":"n","value":{"intValue":"-5"}}]}],"links":[{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202"}],"status":{"message":"No such file","code":2}},{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b8","parentSpanId":"00f067aa0ba902b7","name":"b","startTimeUnixNano":1,"endTimeUnixNano":2,"status":{}}],"schemaUrl":"s"}],"schemaUrl":"https://opentelemetry.io/schemas/1.44.0"}]}"#,
        r#" { "resourceSpans" : [ { "scopeSpans" : [ { "spans" : [ ] } ] } , {} ] } "#,
        r#"{"resourceSpans":[{"scopeSpans":[{"scope":{"attributes":[{"key":"k","value":{"kvlistValue":{"values":[{"key":"i","value":{"arrayValue":{"values":[{"intValue":9223372036854775807}]}}}]}}}]},"spans":[{"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00F067AA0BA902B7","name":"","attributes":[],"status":{"code":1}}]}]}]}"#,
        r#"{"resourceSpans":[]}"#,
    ];

    fn decode(line: &crate::Line) -> Vec<ExportTraceServiceRequest> {
        line.requests.iter().map(|request| ExportTraceServiceRequest::decode(&*request.bytes).unwrap()).collect()
    }

    /// Fails unless a line that is taken is understood as the other one understands it. Whether it is taken.
    fn same(line: &[u8]) -> bool {
        let Ok(resources) = super::line(line) else { return false };
        let text = String::from_utf8_lossy(line);
        for max_bytes in [1, 700, usize::MAX] {
            let slow = patient(line, Encoding::Protobuf, max_bytes).unwrap_or_else(|error| panic!("{error}: {text}"));
            let quick = quick(&resources, max_bytes);
            assert_eq!(slow.skipped, 0, "{:?}: {text}", slow.reason);
            assert_eq!(decode(&quick), decode(&slow), "{text}");
            let spans = |line: &crate::Line| line.requests.iter().map(|request| request.spans).collect::<Vec<_>>();
            assert_eq!(spans(&quick), spans(&slow));
        }
        true
    }

    #[test]
    fn usual_lines_are_understood_as_patience_understands_them() {
        for line in LINES {
            assert!(same(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn what_is_taken_of_changed_lines_is_what_patience_takes() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let (mut taken, mut left) = (0, 0);
        for round in 0..20_000 {
            let mut line = LINES[round % 3].as_bytes().to_vec();
            for _ in 0..1 + random(2) {
                let (at, other) = (random(line.len()), random(line.len()));
                match random(4) {
                    0 => line[at] = b"\"\\{}[],:0159-aAnu +.e\x00\x80"[random(23)],
                    1 => {
                        line.remove(at);
                    }
                    2 => line.insert(at, line[other]),
                    _ => {
                        let part = line[at..(at + random(40)).min(line.len())].to_vec();
                        line.splice(other..other, part);
                    }
                }
            }
            if same(&line) { taken += 1 } else { left += 1 }
        }
        // Both happen often.
        assert!(taken > 500 && left > 5_000, "{taken} taken, {left} left");
    }
}
