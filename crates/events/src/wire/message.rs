//! The messages of HTTP/1.1 that go one way, as RFC 9112 divides them.

/// The longest head, and the longest line between chunks.
const MOST_HEAD: usize = 16 * 1024;

/// The way is lost: what follows cannot be divided with certainty.
#[derive(Debug)]
pub(super) struct Lost;

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Bytes(u64),
    Chunks,
    UntilClose,
}

/// A step on the way.
#[derive(Debug)]
pub(super) enum Step {
    /// A whole head, with the empty line behind it; what follows is to be told with [`Messages::follows`].
    Head(Vec<u8>),
    /// A part of a body.
    Inside,
    /// Nothing that belongs to a known message yet.
    Waits,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
}

/// The messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Messages {
    state: State,
    line: Vec<u8>,
}

impl Messages {
    /// Whether it stands between two messages.
    pub(super) fn is_between(&self) -> bool {
        self.state == State::Head
    }

    /// Forgets what was kept.
    pub(super) fn forget(&mut self) {
        *self = Messages::default();
    }

    /// What follows the head that was told of.
    pub(super) fn follows(&mut self, body: Body) {
        self.state = match body {
            Body::Bytes(0) => State::Head,
            Body::Bytes(count) => State::Body(count),
            Body::Chunks => State::ChunkSize,
            Body::UntilClose => State::UntilClose,
        };
    }

    /// Takes the next step over `bytes`, which are not empty.
    pub(super) fn step(&mut self, bytes: &mut &[u8]) -> Result<Step, Lost> {
        match self.state {
            State::Head => self.head(bytes),
            State::UntilClose => {
                *bytes = &[];
                Ok(Step::Inside)
            }
            State::Body(left) | State::Chunk(left) => {
                let count = left.min(bytes.len() as u64);
                *bytes = &bytes[count as usize..];
                self.pass(count)?;
                Ok(Step::Inside)
            }
            State::ChunkSize | State::ChunkEnd | State::Trailer => {
                if let Some(line) = self.line(bytes)? {
                    self.state = self.after_line(&line)?;
                }
                Ok(Step::Inside)
            }
        }
    }

    /// Passes over bytes of a body that nobody has seen.
    pub(super) fn pass(&mut self, count: u64) -> Result<(), Lost> {
        self.state = match self.state {
            State::UntilClose => State::UntilClose,
            State::Body(left) if count < left => State::Body(left - count),
            State::Body(left) if count == left => State::Head,
            State::Chunk(left) if count < left => State::Chunk(left - count),
            State::Chunk(left) if count == left => State::ChunkEnd,
            _ => return Err(Lost),
        };
        Ok(())
    }

    fn head(&mut self, bytes: &mut &[u8]) -> Result<Step, Lost> {
        let from = self.line.len().saturating_sub(3);
        let room = (MOST_HEAD - self.line.len()).min(bytes.len());
        let known = self.line.len();
        self.line.extend_from_slice(&bytes[..room]);
        match self.line[from..].windows(4).position(|end| end == b"\r\n\r\n") {
            Some(at) => {
                let end = from + at + 4;
                *bytes = &bytes[end - known..];
                self.line.truncate(end);
                Ok(Step::Head(std::mem::take(&mut self.line)))
            }
            None if self.line.len() >= MOST_HEAD => Err(Lost),
            None => {
                *bytes = &bytes[room..];
                Ok(Step::Waits)
            }
        }
    }

    /// The next line, without its end; none if it is not whole yet.
    fn line(&mut self, bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, Lost> {
        let end = bytes.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
        let count = end.unwrap_or(bytes.len());
        if self.line.len() + count > MOST_HEAD {
            return Err(Lost);
        }
        self.line.extend_from_slice(&bytes[..count]);
        *bytes = &bytes[count..];
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        if !line.ends_with(b"\r\n") {
            return Err(Lost);
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    fn after_line(&self, line: &[u8]) -> Result<State, Lost> {
        match self.state {
            State::ChunkSize => {
                let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii_end();
                let text = std::str::from_utf8(digits).map_err(|_| Lost)?;
                if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(Lost);
                }
                match u64::from_str_radix(text, 16).map_err(|_| Lost)? {
                    0 => Ok(State::Trailer),
                    count => Ok(State::Chunk(count)),
                }
            }
            State::ChunkEnd if line.is_empty() => Ok(State::ChunkSize),
            State::Trailer if line.is_empty() => Ok(State::Head),
            State::Trailer => Ok(State::Trailer),
            _ => Err(Lost),
        }
    }
}

/// A head, as far as it matters.
#[derive(Debug)]
pub(super) struct Head<'a> {
    /// Its first line.
    pub(super) first: &'a str,
    /// The only `traceparent` that it has.
    pub(super) traceparent: Option<&'a str>,
    length: Option<u64>,
    coding: Option<&'a str>,
}

impl<'a> Head<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Head<'a>, Lost> {
        let text = std::str::from_utf8(bytes).map_err(|_| Lost)?;
        let mut lines = text.strip_suffix("\r\n\r\n").ok_or(Lost)?.split("\r\n");
        let first = lines.next().ok_or(Lost)?;
        let mut head = Head { first, traceparent: None, length: None, coding: None };
        let mut several = false;
        if first.contains(['\r', '\n', '\0']) {
            return Err(Lost);
        }
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(Lost)?;
            if line.contains(['\r', '\n', '\0']) || name.is_empty() || name.contains([' ', '\t']) {
                return Err(Lost);
            }
            let value = value.trim_matches([' ', '\t']);
            if name.eq_ignore_ascii_case("traceparent") {
                several |= head.traceparent.replace(value).is_some();
            } else if name.eq_ignore_ascii_case("content-length") {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let length = value.parse().ok().filter(|_| digits).ok_or(Lost)?;
                if head.length.replace(length).is_some_and(|before| before != length) {
                    return Err(Lost);
                }
            } else if name.eq_ignore_ascii_case("transfer-encoding") && head.coding.replace(value).is_some() {
                return Err(Lost);
            }
        }
        if several {
            head.traceparent = None;
        }
        Ok(head)
    }

    /// What follows it; `otherwise` where it does not say.
    pub(super) fn body(&self, otherwise: Body) -> Result<Body, Lost> {
        match (self.coding, self.length) {
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Body::Chunks),
            // Both, or a coding that does not say where it ends: parsers disagree.
            (Some(_), _) => Err(Lost),
            (None, Some(length)) => Ok(Body::Bytes(length)),
            (None, None) => Ok(otherwise),
        }
    }
}
