//! The record of one active span, as it lies in memory.

use renacer_events::{SpanId, TraceId};

/// The most bytes of a record that are read: OpenTelemetry advises writers to stay within.
pub(crate) const MOST: usize = 640;

/// What of a record is there before its attributes.
const HEADER: usize = 28;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// W3C trace flags.
    pub flags: u8,
    /// Packed attributes: key, length, value.
    pub attributes: &'a [u8],
}

/// Which layout a record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `otel_thread_ctx_v1`
    ThreadContext,
    /// `elastic_apm_profiling_correlation_tls_v1`
    Elastic,
}

impl Layout {
    /// Reads a record of this layout; none if it says that there is no span, or is being written.
    pub fn parse(self, bytes: &[u8]) -> Option<Record<'_>> {
        match self {
            Layout::ThreadContext => thread_context(bytes),
            Layout::Elastic => elastic(bytes),
        }
    }

    /// How many bytes a record has at most.
    pub fn most(self) -> usize {
        match self {
            Layout::ThreadContext => MOST,
            Layout::Elastic => 37,
        }
    }

    /// How many bytes the record has of which `bytes` are the first ones.
    pub fn length(self, bytes: &[u8]) -> usize {
        match (self, bytes.first_chunk::<HEADER>()) {
            (Layout::ThreadContext, Some(header)) => {
                MOST.min(HEADER + usize::from(u16::from_ne_bytes([header[26], header[27]])))
            }
            _ => self.most(),
        }
    }
}

/// trace_id[16], span_id[8], valid, trace_flags, attrs_data_size u16, attrs.
pub(crate) fn thread_context(bytes: &[u8]) -> Option<Record<'_>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    if header[24] != 1 {
        return None;
    }
    let size = usize::from(u16::from_ne_bytes([header[26], header[27]]));
    let attributes = &rest[..size.min(rest.len())];
    record(&header[..16], &header[16..24], header[25], attributes)
}

/// minor version u16, valid, trace_present, flags, trace_id[16], span_id[8], transaction_id[8].
pub(crate) fn elastic(bytes: &[u8]) -> Option<Record<'_>> {
    let header = bytes.first_chunk::<37>()?;
    if header[2] != 1 || header[3] != 1 {
        return None;
    }
    record(&header[5..21], &header[21..29], header[4], &[])
}

/// An id of zeros is none.
fn record<'a>(trace: &[u8], span: &[u8], flags: u8, attributes: &'a [u8]) -> Option<Record<'a>> {
    let (trace, span): ([u8; 16], [u8; 8]) = (trace.try_into().ok()?, span.try_into().ok()?);
    let is_there = trace != [0; 16] && span != [0; 8];
    is_there.then_some(Record { trace_id: TraceId(trace), span_id: SpanId(span), flags, attributes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(valid: u8) -> Vec<u8> {
        let mut bytes = vec![7; 16];
        bytes.extend([8; 8]);
        bytes.extend([valid, 1, 3, 0, 0, 1, b'x']);
        bytes
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let bytes = written(1);
        let expected =
            Record { trace_id: TraceId([7; 16]), span_id: SpanId([8; 8]), flags: 1, attributes: &[0, 1, b'x'] };
        assert_eq!(Layout::ThreadContext.parse(&bytes), Some(expected));
    }

    #[test]
    fn only_one_is_valid() {
        for valid in [0, 2, 255] {
            assert_eq!(thread_context(&written(valid)), None, "{valid}");
        }
    }

    #[test]
    fn no_id_and_no_whole_header_is_no_span() {
        let bytes = written(1);
        for length in 0..HEADER {
            assert_eq!(thread_context(&bytes[..length]), None);
        }
        for zeros in [0..16, 16..24] {
            let mut bytes = written(1);
            bytes[zeros].fill(0);
            assert_eq!(thread_context(&bytes), None);
        }
        assert_eq!(
            thread_context(&bytes[..29]).map(|record| record.attributes.len()),
            Some(1),
            "cut where memory ends"
        );
    }

    #[test]
    fn elastics_record_is_read_only_with_a_trace() {
        let mut bytes = vec![1, 0, 1, 1, 1];
        bytes.extend([7; 16]);
        bytes.extend([8; 8]);
        bytes.extend([9; 8]);
        let expected = Record { trace_id: TraceId([7; 16]), span_id: SpanId([8; 8]), flags: 1, attributes: &[] };
        assert_eq!(elastic(&bytes), Some(expected));
        assert_eq!(elastic(&bytes[..36]), None);
        for at in [2, 3] {
            let mut bytes = bytes.clone();
            bytes[at] = 0;
            assert_eq!(elastic(&bytes), None);
        }
    }
}
