//! What a span may carry at most, and what had to be left out.

use renacer_events::{Attribute, Span, Value};

use crate::variables::Variables;

/// No string is longer than this, in bytes: some stores refuse longer ones, and with them the whole batch.
pub const MAX_TEXT: usize = 16 << 10;

/// OpenTelemetry's limits for spans. What is beyond a count is left out and counted in the span itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest string of an attribute, in characters (and never more than [`MAX_TEXT`] bytes).
    pub value_length: usize,
    /// Most attributes of a span.
    pub attributes: usize,
    /// Most events of a span.
    pub events: usize,
    /// Most links of a span.
    pub links: usize,
    /// Most attributes of an event.
    pub event_attributes: usize,
    /// Most attributes of a link.
    pub link_attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            value_length: MAX_TEXT,
            attributes: 128,
            events: 128,
            links: 128,
            event_attributes: 128,
            link_attributes: 128,
        }
    }
}

impl Limits {
    /// Reads `OTEL_SPAN_*`, `OTEL_EVENT_*`, `OTEL_LINK_*` and `OTEL_ATTRIBUTE_*`.
    pub(crate) fn from_variables(variables: &mut Variables<'_>) -> Self {
        let length = variables.number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0);
        let length = variables.number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0).or(length);
        let count = variables.number("OTEL_ATTRIBUTE_COUNT_LIMIT", 0);
        let default = Limits::default();
        let mut or =
            |name: &str, general: Option<usize>, least: usize| variables.number(name, 0).or(general).unwrap_or(least);
        Limits {
            value_length: length.unwrap_or(default.value_length),
            attributes: or("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count, default.attributes),
            events: or("OTEL_SPAN_EVENT_COUNT_LIMIT", None, default.events),
            links: or("OTEL_SPAN_LINK_COUNT_LIMIT", None, default.links),
            event_attributes: or("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", count, default.event_attributes),
            link_attributes: or("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", count, default.link_attributes),
        }
    }
}

impl Limits {
    /// How many texts of a span the length limit cuts: of its attributes that are sent, and those of its events.
    pub(crate) fn cuts(&self, span: &Span) -> u64 {
        // No text is longer than the longest that there may be.
        if self.value_length >= MAX_TEXT {
            return 0;
        }
        let is_cut = |text: &str| u64::from(cut(text, self.value_length).len() < text.len());
        let of = |attribute: &Attribute| match &attribute.value {
            Value::Text(text) => is_cut(text),
            Value::Texts(texts) => texts.iter().map(|text| is_cut(text)).sum(),
            Value::Int(_) | Value::Bool(_) | Value::Double(_) => 0,
        };
        let own: u64 = span.all_attributes().take(self.attributes).map(of).sum();
        let of_events = span.events.iter().take(self.events);
        own + of_events.flat_map(|event| event.attributes.iter().take(self.event_attributes)).map(of).sum::<u64>()
    }
}

/// The start of `text` that is within `characters` and [`MAX_TEXT`] bytes.
#[inline]
pub(crate) fn cut(text: &str, characters: usize) -> &str {
    // No text has more characters than bytes.
    if text.len() <= characters.min(MAX_TEXT) { text } else { cut_long(text, characters) }
}

#[cold]
fn cut_long(text: &str, characters: usize) -> &str {
    let end = text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
    let mut end = end.min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
