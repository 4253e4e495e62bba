//! What an HTTP/1.1 connection in plain text says of the spans that its requests belong to.
//!
//! A [`Stream`] is one end of a connection. It is told of all bytes in the order in which they go, keeps none but those of a head that
//! is not whole yet, and says which request a call's bytes are of. Where it loses its way, it answers nothing from then on.

mod connection;
mod message;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::connection::Connection;
use crate::ActiveSpan;

/// The way that bytes go, as seen from this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// A part of what a call moves.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many bytes that were not copied.
    Gap(u64),
}

/// On which end of a request this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Requests come in.
    Server,
    /// Requests go out.
    Client,
}

/// A request that has not been answered yet, or was just now.
#[derive(Clone, Debug)]
pub struct Request {
    /// Counts the connection's requests.
    pub number: u64,
    /// The span that its `traceparent` names.
    pub span: Option<Arc<ActiveSpan>>,
}

/// Which requests a call's bytes are of.
#[derive(Clone, Debug, Default)]
pub enum Touched {
    /// None that is known.
    #[default]
    None,
    /// This one alone.
    One(Request),
    /// Several.
    Many,
}

/// What a call has carried.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Which end this is, where that is known.
    pub role: Option<Role>,
    /// What the bytes are of.
    pub touched: Touched,
    /// The call has completed the head of a request, and no other is waiting for its answer.
    pub begun: bool,
}

/// One end of a connection, shared by all descriptors that refer to it.
#[derive(Debug, Default)]
pub struct Stream(Mutex<Connection>);

impl Stream {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        // Every critical section leaves a consistent value behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins that moves bytes this way. Two at a time: nobody knows which is first.
    pub fn begins(&self, way: Way) {
        self.lock().begins(way);
    }

    /// The call that began has moved these parts.
    pub fn carried<'a>(&self, way: Way, parts: impl Iterator<Item = Part<'a>>) -> Carried {
        self.lock().carried(way, parts)
    }

    /// Something was done to it that cannot be followed.
    pub fn lose(&self) {
        self.lock().lose();
    }

    /// It is one of several that are waited for together, so that what its threads do between its calls may be for any of them.
    pub fn multiplex(&self) {
        self.lock().multiplexed = true;
    }

    /// Whether this is the only request that is not answered, and the connection is served by itself.
    pub fn is_current(&self, number: u64) -> bool {
        self.lock().is_current(number)
    }
}

#[cfg(test)]
mod tests;
