//! Files by their path in a root directory: that of a process, which may be in a container, or our own.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// A root directory. Paths are resolved within: its symbolic links, also absolute ones, do not lead out of it.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    directory: Arc<OwnedFd>,
    is_ours: bool,
}

impl Root {
    /// That of a process.
    pub(crate) fn of_process(directory: Arc<OwnedFd>) -> Root {
        Root { directory, is_ours: false }
    }

    /// Our own.
    pub(crate) fn ours() -> io::Result<Root> {
        let directory = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Root { directory: Arc::new(directory), is_ours: true })
    }

    /// Opens a regular file for reading. Nothing else is opened: opening a device or a FIFO may have effects, or block.
    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let mut tries = 0;
        let found = loop {
            match rustix::fs::openat2(&self.directory, path, flags, Mode::empty(), resolve) {
                // Something was renamed meanwhile.
                Err(Errno::AGAIN) if tries < 8 => tries += 1,
                // Before Linux 5.6.
                Err(Errno::NOSYS) if self.is_ours => break rustix::fs::openat(CWD, path, flags, Mode::empty())?,
                other => break other?,
            }
        };
        if FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let again = format!("/proc/self/fd/{}", found.as_raw_fd());
        Ok(rustix::fs::open(again, flags, Mode::empty())?.into())
    }

    /// The path of an open file in this root, without symbolic links; none where the kernel cannot tell.
    pub(crate) fn real_path(&self, file: &File) -> Option<PathBuf> {
        let file = path_of(file)?;
        let within = file.strip_prefix(path_of(&self.directory)?).ok()?;
        Some(Path::new("/").join(within))
    }
}

fn path_of(file: &impl AsFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())).ok().filter(|path| path.is_absolute())
}
