//! What a request delivers, and what is sent for it.

use hyper::body::Bytes;
use renacer_events::Span;

use crate::encode::Body;

/// What a request delivers.
pub(crate) enum Load {
    /// Fresh spans.
    Spans(Vec<Span>),
    /// Spans that have been waiting elsewhere, in this portion.
    Backlog(u64, Vec<Span>),
    /// So many spans that exist only in the request itself, in this portion.
    Encoded(u64, usize),
}

impl Load {
    pub(crate) fn count(&self) -> usize {
        match self {
            Load::Spans(spans) | Load::Backlog(_, spans) => spans.len(),
            Load::Encoded(_, count) => *count,
        }
    }

    pub(super) fn is_backlog(&self) -> bool {
        matches!(self, Load::Backlog(..))
    }
}

/// What is sent for it.
pub(crate) enum Content {
    Body(Body),
    Encoded(Bytes),
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        match self {
            Content::Body(body) => body.len(),
            Content::Encoded(bytes) => bytes.len(),
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        match self {
            Content::Body(body) => body.finish(),
            Content::Encoded(bytes) => bytes,
        }
    }
}
