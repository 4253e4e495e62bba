//! W3C trace context as text (<https://www.w3.org/TR/trace-context/>): what a caller hands over in a header or a variable.

use crate::{SpanContext, SpanId, TraceId};

impl SpanContext {
    /// Reads `00-TRACE-SPAN-FLAGS`, and what later versions append to it; the state is empty. None if it is no trace context.
    ///
    /// By hand, since the SDK's propagator (0.33.1) takes ids that are too short, and a `-` at the end.
    pub fn from_traceparent(text: &str) -> Option<SpanContext> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = hex::<1>(version)?;
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let (trace_id, span_id, [flags]) = (hex::<16>(trace)?, hex::<8>(span)?, hex::<1>(flags)?);
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        Some(SpanContext {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            sampled: flags & 1 != 0,
            trace_state: String::new(),
            remote: true,
        })
    }
}

/// Exactly `N` bytes in lower-case hexadecimal.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn trace_contexts() {
        let context = SpanContext::from_traceparent(GOOD).unwrap();
        assert_eq!(context.trace_id.0, 0x4bf92f3577b34da6a3ce929d0e0e4736_u128.to_be_bytes());
        assert_eq!(context.span_id.0, 0x00f067aa0ba902b7_u64.to_be_bytes());
        assert!(context.sampled && context.remote && context.trace_state.is_empty());

        let sampled = |text: &str| SpanContext::from_traceparent(text).map(|context| context.sampled);
        let (ids, zeros) = (&GOOD[2..52], "0".repeat(16));
        // Unknown flags are ignored, and so is what a later version appends.
        for (text, expected) in [
            (format!("00{ids}-00"), Some(false)),
            (format!("00{ids}-fe"), Some(false)),
            (format!("00{ids}-ff"), Some(true)),
            (format!(" {GOOD}\n"), Some(true)),
            (format!("01{ids}-01-more"), Some(true)),
            (format!("cc{ids}-01"), Some(true)),
            (format!("00{ids}-01-more"), None),
            (format!("00{ids}-01-"), None),
            (format!("01{ids}-01more"), None),
            (format!("ff{ids}-01"), None),
            (format!("0{ids}-01"), None),
            (format!("00{ids}-1"), None),
            (format!("00{ids}"), None),
            (format!("00{}-01", ids.to_uppercase()), None),
            (format!("00-{zeros}{zeros}-00f067aa0ba902b7-01"), None),
            (format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{zeros}-01"), None),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01".into(), None),
            ("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(), None),
            ("00-\u{20ac}-00f067aa0ba902b7-01".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(sampled(&text), expected, "{text:?}");
        }
    }
}
