//! How far a file was sent: kept beside it, so that an interrupted `send` goes on there.
//!
//! `FILE.sent` holds one line of JSON. It is replaced as a whole and removed when the file is done; it counts only for the same
//! file, which has not become shorter, and for the same collector. Spans behind it may have been accepted nevertheless: they
//! are sent again, with the same ids.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use renacer_file::Reader;
use serde_json::json;

use crate::exit::say;

/// How often it is written.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// So much of a file's beginning tells it from another one that got its place.
const BEGINNING: usize = 1024;

/// How far a file was sent.
pub struct Progress {
    path: PathBuf,
    /// What tells the file from others, and the collector; none for what is no regular file.
    identity: Option<Identity>,
    /// The number of the last line up to which everything was accepted or refused.
    pub line: u64,
    /// Its end.
    pub end: u64,
    /// Some of it was refused or could not be read.
    pub flawed: bool,
    /// All lines were read.
    pub read_to_end: bool,
    saved: (u64, Instant),
    /// It cannot be saved, and that was told.
    told: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    place: (u64, u64),
    beginning: String,
    endpoint: String,
}

impl Progress {
    /// Looks for what an earlier `send` has left.
    pub fn find(reader: &Reader, endpoint: &str) -> Progress {
        let path = reader.path().to_owned();
        let identity = identity(reader.file(), endpoint).ok().flatten();
        let mut progress = Progress {
            path,
            identity,
            line: 0,
            end: 0,
            flawed: false,
            read_to_end: false,
            saved: (0, Instant::now()),
            told: false,
        };
        let length = reader.file().metadata().map_or(0, |metadata| metadata.len());
        if let Some((line, end, flawed)) = progress.load().filter(|(_, end, _)| *end <= length) {
            (progress.line, progress.end, progress.flawed) = (line, end, flawed);
            progress.saved.0 = end;
        }
        progress
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        (self.line, self.end, self.flawed) = (0, 0, false);
    }

    /// Whether the file is still the one that was sent, and has nothing new.
    pub fn check(&self) -> io::Result<()> {
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        let same = self.identity.as_ref().is_some_and(|identity| identity.place == (metadata.dev(), metadata.ino()));
        match same && metadata.len() == self.end {
            true => Ok(()),
            false => Err(io::Error::other("it has changed meanwhile")),
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(ending);
        name.into()
    }

    fn load(&self) -> Option<(u64, u64, bool)> {
        let identity = self.identity.as_ref()?;
        let text = fs::read(self.beside(".sent")).ok()?;
        let state: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let number = |key: &str| state[key].as_u64();
        let found = Identity {
            place: (number("device")?, number("inode")?),
            beginning: state["beginning"].as_str()?.to_owned(),
            endpoint: state["endpoint"].as_str()?.to_owned(),
        };
        (found == *identity).then_some((number("line")?, number("end")?, state["flawed"].as_bool()?))
    }

    /// Saves it if that was a while ago.
    pub fn save_now_and_then(&mut self) {
        if self.saved.1.elapsed() >= SAVE_EVERY {
            self.save();
        }
    }

    /// Saves it.
    pub fn save(&mut self) {
        if self.end == self.saved.0 {
            return;
        }
        if let Some(identity) = &self.identity
            && let Err(error) = self.write(identity)
            && !std::mem::replace(&mut self.told, true)
        {
            let path = self.beside(".sent");
            say(&format!("renacer: cannot write {}: {error}; if interrupted, send begins anew", path.display()));
        }
        self.saved = (self.end, Instant::now());
    }

    fn write(&self, identity: &Identity) -> io::Result<()> {
        let state = json!({
            "line": self.line,
            "end": self.end,
            "flawed": self.flawed,
            "device": identity.place.0,
            "inode": identity.place.1,
            "beginning": identity.beginning,
            "endpoint": identity.endpoint,
        });
        let new = self.beside(".sent.new");
        // Left over by one that was killed: not followed where it is a link.
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        writeln!(file, "{state}")?;
        fs::rename(&new, self.beside(".sent"))
    }

    /// The file is done: nothing is left to remember.
    pub fn remove(&self) {
        if self.identity.is_some() {
            // It is not there if the file was short.
            let _ = fs::remove_file(self.beside(".sent"));
        }
    }
}

fn identity(file: &File, endpoint: &str) -> io::Result<Option<Identity>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut start = [0; BEGINNING];
    let mut length = 0;
    while length < start.len() {
        match file.read_at(&mut start[length..], length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    // FNV-1a: not against ill will, but against a file that took another's place.
    let hash = start[..length]
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let beginning = format!("{length} {hash:016x}");
    Ok(Some(Identity { place: (metadata.dev(), metadata.ino()), beginning, endpoint: endpoint.to_owned() }))
}
