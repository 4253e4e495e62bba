//! The reader: lines of OTLP JSON, ours or others', as requests that can be sent to a collector.
//!
//! A line becomes the bytes of one or more export requests, and no spans of our own types in between: so nothing that another
//! writer knows and we do not (scopes, kinds, nested values) can be lost.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::protobuf::{self, length_delimited, open_length_delimited, varint_length, within};
use crate::schema::{RESOURCE, SCOPE, SPAN};
use crate::{Error, LineError, open, transcode};

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 64 << 20;

/// The form of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `ExportTraceServiceRequest` in protobuf: for gRPC and HTTP/protobuf.
    Protobuf,
    /// The same in JSON: for HTTP/JSON.
    Json,
}

/// An export request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Spans in it.
    pub spans: u64,
    /// The encoded `ExportTraceServiceRequest`.
    pub bytes: Vec<u8>,
}

/// What a line holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The line's number, from 1.
    pub number: u64,
    /// Where it ends, in bytes from the file's beginning.
    pub end: u64,
    /// Its spans. None for a line without spans.
    pub requests: Vec<Request>,
    /// Spans that are left out because a collector would refuse the whole request for them.
    pub skipped: u64,
    /// What is wrong with the first of those.
    pub reason: Option<String>,
}

/// Reads a file line by line. Ends after the first failure to read.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    encoding: Encoding,
    max_bytes: usize,
    number: u64,
    /// Where the line ends.
    at: u64,
    ended: bool,
}

impl Reader {
    /// Opens a file. Requests shall have at most `max_bytes` bytes; only one with a single span may have more.
    pub fn open(path: impl Into<PathBuf>, encoding: Encoding, max_bytes: usize) -> Result<Self, Error> {
        let path = path.into();
        let input = BufReader::with_capacity(1 << 18, open::read(&path)?);
        Ok(Reader { path, input, encoding, max_bytes, number: 0, at: 0, ended: false })
    }

    /// Goes on behind a line: its number and its end.
    ///
    /// # Errors
    ///
    /// The file has no places to go to, because it is a pipe.
    pub fn continue_behind(&mut self, number: u64, end: u64) -> io::Result<()> {
        self.input.seek(io::SeekFrom::Start(end))?;
        (self.number, self.at) = (number, end);
        Ok(())
    }

    /// The open file.
    pub fn file(&self) -> &File {
        self.input.get_ref()
    }

    /// The number and the end of the line that was read last.
    pub fn position(&self) -> (u64, u64) {
        (self.number, self.at)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Iterator for Reader {
    type Item = Result<Line, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let read = read_line(&mut self.input, &mut self.at);
            self.number += 1;
            let error = |message| Some(Err(LineError { line: self.number, message }));
            let (line, whole) = match read {
                Ok(Some(Text::Line { bytes, whole })) => (bytes, whole),
                Ok(Some(Text::TooLong)) => return error(format!("is longer than {} MiB", MAX_LINE >> 20)),
                Ok(None) => {
                    self.ended = true;
                    return None;
                }
                Err(failure) => {
                    self.ended = true;
                    return error(format!("cannot be read: {failure}"));
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            return match requests(&line, self.encoding, self.max_bytes) {
                Ok(line) => Some(Ok(Line { number: self.number, end: self.at, ..line })),
                Err(message) if whole => error(message),
                Err(message) => error(format!("is the last one and cut off ({message})")),
            };
        }
        None
    }
}

enum Text {
    /// `whole`: it has its newline.
    Line {
        bytes: Vec<u8>,
        whole: bool,
    },
    TooLong,
}

/// The next line, if there is one.
fn read_line(input: &mut impl BufRead, at: &mut u64) -> io::Result<Option<Text>> {
    let mut bytes = Vec::new();
    let mut too_long = false;
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let newline = memchr::memchr(b'\n', chunk);
        let taken = newline.unwrap_or(chunk.len());
        let ended = chunk.is_empty();
        too_long |= bytes.len() + taken > MAX_LINE;
        if too_long {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk[..taken]);
        }
        let consumed = taken + usize::from(newline.is_some());
        *at += consumed as u64;
        input.consume(consumed);
        if newline.is_some() || ended {
            return Ok(match (too_long, ended && bytes.is_empty()) {
                (true, _) => Some(Text::TooLong),
                (false, true) => None,
                (false, false) => Some(Text::Line { bytes, whole: newline.is_some() }),
            });
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TracesData<'a> {
    #[serde(borrow)]
    resource_spans: Option<Vec<ResourceSpans<'a>>>,
    resource_logs: Option<IgnoredAny>,
    resource_metrics: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Option<Value>,
    #[serde(borrow)]
    scope_spans: Option<Vec<ScopeSpans<'a>>>,
    schema_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeSpans<'a> {
    scope: Option<Value>,
    /// Unparsed: the tree of a whole line would take many times its size.
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    schema_url: Option<String>,
}

fn requests(line: &[u8], encoding: Encoding, max_bytes: usize) -> Result<Line, String> {
    if encoding == Encoding::Protobuf
        && let Ok(resources) = transcode::line(line)
    {
        return Ok(quick(&resources, max_bytes));
    }
    patient(line, encoding, max_bytes)
}

/// What a line comes to that has the usual form.
pub(crate) fn quick(resources: &[transcode::ResourceSpans], max_bytes: usize) -> Line {
    let mut builder =
        Builder { encoding: Encoding::Protobuf, max_bytes, requests: Vec::new(), pieces: Vec::new(), spans: 0 };
    for resource_spans in resources {
        let resource = Head::protobuf(&resource_spans.resource, &resource_spans.schema_url);
        for scope_spans in &resource_spans.scopes {
            let scope = Head::protobuf(&scope_spans.scope, &scope_spans.schema_url);
            let starts = std::iter::once(0).chain(scope_spans.ends.iter().copied());
            let spans: Vec<_> =
                starts.zip(&scope_spans.ends).map(|(start, end)| &scope_spans.spans[start..*end]).collect();
            builder.add(&resource, &scope, &spans);
        }
    }
    builder.close();
    Line { requests: builder.requests, ..Line::default() }
}

/// The same for any line.
pub(crate) fn patient(line: &[u8], encoding: Encoding, max_bytes: usize) -> Result<Line, String> {
    let data: TracesData = serde_json::from_slice(line).map_err(|error| format!("is not OTLP JSON: {error}"))?;
    let Some(resource_spans) = data.resource_spans else {
        return Err(match (data.resource_logs, data.resource_metrics) {
            (Some(_), _) => "holds logs and no spans",
            (_, Some(_)) => "holds metrics and no spans",
            _ => "is not OTLP JSON: it has no resourceSpans",
        }
        .to_owned());
    };
    let mut builder = Builder { encoding, max_bytes, requests: Vec::new(), pieces: Vec::new(), spans: 0 };
    let mut line = Line::default();
    for resource_spans in resource_spans {
        let resource = Head::new(encoding, "resource", resource_spans.resource, &RESOURCE, resource_spans.schema_url)?;
        for scope_spans in resource_spans.scope_spans.unwrap_or_default() {
            let scope = Head::new(encoding, "scope", scope_spans.scope, &SCOPE, scope_spans.schema_url)?;
            let mut spans = Vec::new();
            for raw in scope_spans.spans.unwrap_or_default() {
                match span(raw, encoding) {
                    Ok(span) => spans.push(span),
                    Err(reason) => {
                        line.skipped += 1;
                        line.reason.get_or_insert(reason);
                    }
                }
            }
            builder.add(&resource, &scope, &spans);
        }
    }
    builder.close();
    line.requests = builder.requests;
    Ok(line)
}

/// One span in the form of the request.
fn span(raw: &RawValue, encoding: Encoding) -> Result<Vec<u8>, String> {
    let mut json: Value = serde_json::from_str(raw.get()).map_err(|error| format!("a span is no JSON: {error}"))?;
    let mut bytes = Vec::new();
    protobuf::encode(&mut json, &SPAN, &mut bytes).map_err(|error| within("span", &error))?;
    Ok(match encoding {
        Encoding::Protobuf => bytes,
        Encoding::Json => json.to_string().into_bytes(),
    })
}

/// What stands in front of the spans: the resource or the scope, with its schema.
struct Head(Vec<u8>);

impl Head {
    fn new(
        encoding: Encoding,
        name: &str,
        json: Option<Value>,
        message: &crate::schema::Message,
        schema_url: Option<String>,
    ) -> Result<Self, String> {
        let mut json = json.unwrap_or(Value::Null);
        let mut bytes = Vec::new();
        protobuf::encode(&mut json, message, &mut bytes).map_err(|error| within(name, &error))?;
        let head = match encoding {
            Encoding::Protobuf => return Ok(Head::protobuf(&bytes, &schema_url.unwrap_or_default())),
            Encoding::Json => {
                if json.is_null() {
                    json = Value::Object(serde_json::Map::new());
                }
                let url = Value::String(schema_url.unwrap_or_default());
                format!("\"{name}\":{json},\"schemaUrl\":{url}").into_bytes()
            }
        };
        Ok(Head(head))
    }

    fn protobuf(encoded: &[u8], schema_url: &str) -> Self {
        let mut head = Vec::with_capacity(encoded.len() + schema_url.len() + 16);
        length_delimited(1, encoded, &mut head);
        if !schema_url.is_empty() {
            length_delimited(3, schema_url.as_bytes(), &mut head);
        }
        Head(head)
    }
}

struct Builder {
    encoding: Encoding,
    max_bytes: usize,
    requests: Vec<Request>,
    /// The objects or messages of `resourceSpans` of the next request.
    pieces: Vec<u8>,
    spans: u64,
}

impl Builder {
    /// Adds spans of one scope, in as few requests as possible.
    fn add<S: AsRef<[u8]>>(&mut self, resource: &Head, scope: &Head, mut spans: &[S]) {
        // At most: six lengths of five bytes with their tags, or the names in JSON.
        const AROUND: usize = 64;
        while !spans.is_empty() {
            let mut length = self.pieces.len() + resource.0.len() + scope.0.len() + AROUND;
            let fitting = spans.iter().take_while(|span| {
                length += span.as_ref().len() + 6;
                length <= self.max_bytes
            });
            let count = match fitting.count() {
                0 if self.spans > 0 => {
                    self.close();
                    continue;
                }
                count => count.max(1),
            };
            let (piece, rest) = spans.split_at(count);
            self.piece(resource, scope, piece);
            spans = rest;
        }
    }

    fn piece<S: AsRef<[u8]>>(&mut self, resource: &Head, scope: &Head, spans: &[S]) {
        self.spans += spans.len() as u64;
        match self.encoding {
            Encoding::Protobuf => {
                // Lengths first, so that each byte is moved once.
                let field = |length: usize| 1 + varint_length(length) + length;
                let scope_length = scope.0.len() + spans.iter().map(|span| field(span.as_ref().len())).sum::<usize>();
                let resource_length = resource.0.len() + field(scope_length);
                let pieces = &mut self.pieces;
                pieces.reserve(field(resource_length));
                open_length_delimited(1, resource_length, pieces);
                pieces.extend_from_slice(&resource.0);
                open_length_delimited(2, scope_length, pieces);
                pieces.extend_from_slice(&scope.0);
                for span in spans {
                    length_delimited(2, span.as_ref(), pieces);
                }
            }
            Encoding::Json => {
                let pieces = &mut self.pieces;
                pieces.extend_from_slice(if pieces.is_empty() { b"{" } else { b",{" });
                pieces.extend_from_slice(&resource.0);
                pieces.extend_from_slice(b",\"scopeSpans\":[{");
                pieces.extend_from_slice(&scope.0);
                pieces.extend_from_slice(b",\"spans\":[");
                for (index, span) in spans.iter().enumerate() {
                    if index > 0 {
                        pieces.push(b',');
                    }
                    pieces.extend_from_slice(span.as_ref());
                }
                pieces.extend_from_slice(b"]}]}");
            }
        }
    }

    fn close(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        let spans = std::mem::take(&mut self.spans);
        if spans > 0 {
            let bytes = match self.encoding {
                Encoding::Protobuf => pieces,
                Encoding::Json => [&b"{\"resourceSpans\":["[..], &pieces, b"]}"].concat(),
            };
            self.requests.push(Request { spans, bytes });
        }
    }
}
