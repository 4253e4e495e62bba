//! Opening the file that spans are written to: never through a symbolic link, never over another file unless asked.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Only the owner may read what a program asked of the kernel.
const MODE: u32 = 0o600;
/// How long a named pipe may be without a reader. One that is started along with us needs a moment.
const READER_WAIT: Duration = Duration::from_secs(5);

/// How to create a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// Whether a regular file of the same name is replaced.
    pub overwrite: bool,
}

/// Opens `path` for writing. Besides new files, character devices (`/dev/null`, a terminal), named pipes and descriptors that
/// are open already (`/dev/stdout`, `/dev/fd/3`) can be written to.
pub(crate) fn create(path: &Path, options: CreateOptions) -> Result<File, Error> {
    create_within(READER_WAIT, path, options)
}

fn create_within(reader_wait: Duration, path: &Path, options: CreateOptions) -> Result<File, Error> {
    let failed = |source| Error::Open { path: path.to_owned(), source };
    if let Some(file) = open_already(path) {
        return file.map_err(failed);
    }
    match create_new(path) {
        Ok(file) => return Ok(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    // A descriptor that gives access to nothing but what stands there now: what is looked at is what is opened below.
    let place =
        OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path).map_err(failed)?;
    let metadata = place.metadata().map_err(failed)?;
    let kind = metadata.file_type();
    let reopen =
        |flags: i32| OpenOptions::new().append(true).custom_flags(flags).open(own_descriptor(place.as_raw_fd()));
    if kind.is_symlink() {
        Err(Error::SymbolicLink { path: path.to_owned() })
    } else if kind.is_char_device() {
        reopen(libc::O_NOCTTY).map_err(failed)
    } else if kind.is_fifo() {
        let deadline = Instant::now() + reader_wait;
        loop {
            match reopen(libc::O_NONBLOCK) {
                // With a reader there, this does not wait; the descriptor that holds it open is dropped only then.
                Ok(_reader_is_there) => return reopen(0).map_err(failed),
                Err(error) if error.raw_os_error() != Some(libc::ENXIO) => return Err(failed(error)),
                Err(_) if Instant::now() >= deadline => return Err(Error::NoReader { path: path.to_owned() }),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    } else if !kind.is_file() {
        let kind = match () {
            () if kind.is_dir() => "directory",
            () if kind.is_socket() => "socket",
            () if kind.is_block_device() => "block device",
            () => "special file",
        };
        Err(Error::NotAFile { path: path.to_owned(), kind })
    } else if !options.overwrite {
        Err(Error::Exists { path: path.to_owned() })
    } else {
        let file = reopen(0).map_err(failed)?;
        // Before the first byte: also in a file of another mode, only the owner reads it.
        if metadata.permissions().mode() & 0o7777 != MODE {
            file.set_permissions(Permissions::from_mode(MODE)).map_err(failed)?;
        }
        file.set_len(0).map_err(failed)?;
        Ok(file)
    }
}

/// Creates a new file. When the name is taken, the first free one with a number before its extension:
/// `a.otlp.jsonl`, `a.1.otlp.jsonl`, `a.2.otlp.jsonl`.
pub(crate) fn create_numbered(path: &Path) -> Result<(File, PathBuf), Error> {
    let mut candidate = path.to_owned();
    for number in 1..=1000 {
        match create_new(&candidate) {
            Ok(file) => return Ok((file, candidate)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::Open { path: candidate, source }),
        }
        candidate = numbered(path, number);
    }
    Err(Error::Exists { path: path.to_owned() })
}

/// The path with a number in its name, before the ending of our files.
pub(crate) fn numbered(path: &Path, number: u64) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let ending: &[u8] = if name.ends_with(b".otlp.jsonl") { b".otlp.jsonl" } else { b"" };
    let stem = &name[..name.len() - ending.len()];
    let name = [stem, format!(".{number}").as_bytes(), ending].concat();
    path.with_file_name(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(name))
}

/// O_EXCL does not follow a symbolic link either; std adds O_CLOEXEC.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create_new(true).mode(MODE).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// A descriptor of ours that is named by a path: what is behind it was opened by whoever started us, so nothing is truncated.
fn open_already(path: &Path) -> Option<io::Result<File>> {
    if path == Path::new("/dev/stdout") {
        return Some(io::stdout().as_fd().try_clone_to_owned().map(File::from));
    }
    if path == Path::new("/dev/stderr") {
        return Some(io::stderr().as_fd().try_clone_to_owned().map(File::from));
    }
    let number = path.strip_prefix("/dev/fd").or_else(|_| path.strip_prefix("/proc/self/fd")).ok()?;
    let mut components = number.components();
    let (Some(Component::Normal(number)), None) = (components.next(), components.next()) else { return None };
    let number = number.to_str()?.parse().ok()?;
    Some(OpenOptions::new().append(true).open(own_descriptor(number)))
}

fn own_descriptor(number: i32) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{number}"))
}

/// Opens a file for reading. Symbolic links are followed: what is read is not trusted, whoever it is from.
pub(crate) fn read(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(Error::NotAFile { path: path.to_owned(), kind: "directory" });
    }
    File::open(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_is_no_hang() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = create_within(Duration::from_millis(20), &pipe, CreateOptions::default()).unwrap_err();
        assert!(matches!(error, Error::NoReader { .. }), "{error}");
    }
}
