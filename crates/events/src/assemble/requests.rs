//! The requests that a thread is about, as the bytes say that it receives and sends.
//!
//! Where two requests could be meant, none is: a thread that serves its connections one after the other is in a request from the read
//! that brings its head to the write that ends its answer; where connections are waited for together, only the calls that
//! carry a request's bytes, or its answer's, are of it.

use std::sync::{Arc, Weak};

use crate::{ActiveSpan, Carried, Moves, Request, Role, Stream, Touched, Way};

/// The most requests that a thread is said to be about.
const MOST_HELD: usize = 8;

/// Who says what a call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The program itself.
    Thread,
    /// The header of a request that its thread has received, or sent.
    Header(Role),
}

impl Source {
    pub(super) fn name(self) -> &'static str {
        match self {
            Source::Thread => "thread_context",
            Source::Header(Role::Server) => "http_server",
            Source::Header(Role::Client) => "http_client",
        }
    }
}

/// The span that a call belongs to.
#[derive(Clone, Debug)]
pub(super) struct Belongs {
    pub(super) span: Arc<ActiveSpan>,
    pub(super) source: Source,
}

/// What a request's calls belong to: nothing else where its trace is not sampled, and so has no span of it.
fn belongs(request: &Request, role: Role) -> Option<Belongs> {
    let span = request.span.clone().filter(|span| span.sampled)?;
    Some(Belongs { span, source: Source::Header(role) })
}

struct Open {
    stream: Weak<Stream>,
    request: Request,
    role: Role,
}

impl Open {
    fn lasts(&self) -> bool {
        self.stream.upgrade().is_some_and(|stream| stream.is_current(self.request.number))
    }
}

/// What is known of one thread.
#[derive(Default)]
pub(super) struct Held {
    open: Vec<Open>,
    /// It waits for many things at once: what it does next may be for any of them.
    is_loop: bool,
}

impl Held {
    /// A call is entered: the connection whose bytes it moves, and what it belongs to as far as is known.
    pub(super) fn enter(
        &mut self,
        moves: Moves,
        multiplexes: &mut bool,
    ) -> (Option<(Arc<Stream>, Way)>, Option<Belongs>) {
        let mut stream = None;
        match moves {
            Moves::Nothing => {}
            Moves::Bytes(moved, way) => {
                moved.begins(way);
                stream = Some((moved, way));
            }
            Moves::Accepts => self.open.clear(),
            Moves::WaitsForMany => {
                self.is_loop = true;
                self.open.clear();
            }
            Moves::Registers(registered) => {
                registered.multiplex();
                *multiplexes = true;
            }
        }
        if *multiplexes {
            self.open.clear();
        }
        (stream, self.current())
    }

    /// The only request that is meant.
    fn current(&mut self) -> Option<Belongs> {
        self.open.retain(Open::lasts);
        let is_sent = |open: &&Open| open.role == Role::Client;
        let role = if self.open.iter().any(|open| is_sent(&open)) { Role::Client } else { Role::Server };
        let mut of_role = self.open.iter().filter(|open| open.role == role);
        let only = of_role.next().filter(|_| of_role.next().is_none())?;
        belongs(&only.request, role)
    }

    /// A call has moved bytes on a connection. What the program itself says of it holds.
    pub(super) fn leave(
        &mut self,
        stream: &Arc<Stream>,
        carried: Carried,
        multiplexes: bool,
        context: &mut Option<Belongs>,
    ) {
        let is_this = |open: &Open| std::ptr::eq(open.stream.as_ptr(), Arc::as_ptr(stream));
        let from_wire = match (&carried.touched, carried.role) {
            (Touched::One(request), Some(Role::Client)) if request.span.is_none() => context.take(),
            (Touched::One(request), Some(role)) => belongs(request, role),
            (Touched::None, Some(Role::Server)) if !self.open.iter().any(is_this) => None,
            (Touched::None, _) => context.take_if(|known| known.source != Source::Thread),
            (Touched::One(_) | Touched::Many, _) => None,
        };
        if context.as_ref().is_none_or(|known| known.source != Source::Thread) {
            *context = from_wire;
        }
        let (Touched::One(request), Some(role)) = (carried.touched, carried.role) else { return };
        let is_known = self.open.iter().any(|open| is_this(open) && open.request.number == request.number);
        if role == Role::Server && !is_known {
            // It is about another request now than those that it has read before, unless both wait.
            self.open.retain(|open| carried.begun && open.lasts());
        }
        // A request that is sent without a span is a part of what its thread does anyway.
        let counts = role == Role::Server || request.span.is_some();
        if counts && carried.begun && !self.is_loop && !multiplexes {
            self.open.push(Open { stream: Arc::downgrade(stream), request, role });
        }
        if self.open.len() > MOST_HELD {
            self.is_loop = true;
            self.open.clear();
        }
    }
}
