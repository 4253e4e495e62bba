//! Downloads of debug files from debuginfod servers: only if DEBUGINFOD_URLS names some, and never for long in the way.
//!
//! A thread of its own asks the servers, one file after the other, checks what comes and puts it into the cache that
//! elfutils, gdb and others share, in their layout. Whoever wants a file waits a little while for it, a few times in a run;
//! after that it is simply not there yet. `DEBUGINFOD_URLS`, `_TIMEOUT`, `_MAXTIME` and `_MAXSIZE` mean what debuginfod's
//! manual says, with upper limits where they are not set.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::debug_files::hexadecimal;
use crate::object_file::ObjectFile;

/// Files that can wait for their download.
const QUEUE: usize = 64;
/// Different files that are asked for in a run.
const MOST_FILES: usize = 1024;
/// How long one asks, and all together, wait for downloads.
const PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE_IN_ALL: Duration = Duration::from_secs(6);
const CONNECT: Duration = Duration::from_secs(10);
/// A server that sends less in DEBUGINFOD_TIMEOUT is given up.
const LEAST_PROGRESS: u64 = 100 << 10;
/// Without DEBUGINFOD_MAXTIME or _MAXSIZE, and if they are larger.
const LONGEST: Duration = Duration::from_secs(600);
const LARGEST: u64 = 4 << 30;
/// How long nobody asks again for what no server has had. The cache may say otherwise.
const ABSENT_FOR: Duration = Duration::from_secs(600);

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Download {
    /// It is in the cache.
    Stored,
    /// It is under way.
    Pending,
    /// No server has it, or it cannot be had.
    Failed,
}

/// Servers, and what has been asked of them.
#[derive(Debug)]
pub(crate) struct Debuginfod {
    shared: Arc<Shared>,
    requests: OnceLock<Option<SyncSender<Vec<u8>>>>,
    patience_left: Mutex<Duration>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    /// By build id.
    downloads: Mutex<HashMap<Vec<u8>, Download>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Settings {
    servers: Vec<String>,
    cache: PathBuf,
    /// For [`LEAST_PROGRESS`].
    timeout: Option<Duration>,
    longest: Duration,
    largest: u64,
}

impl Debuginfod {
    /// With the environment's servers; none if it names none.
    pub(crate) fn new(cache: &Path, environment: &dyn Fn(&str) -> Option<OsString>) -> Option<Debuginfod> {
        let urls = environment("DEBUGINFOD_URLS")?.into_string().ok()?;
        let servers =
            urls.split_ascii_whitespace().filter(|url| url.starts_with("http://") || url.starts_with("https://"));
        let servers: Vec<String> =
            servers.map(|url| url.trim_end_matches('/').trim_end_matches("/buildid").to_owned()).collect();
        if servers.is_empty() {
            return None;
        }
        // As in debuginfod's client, 0 is no limit.
        let number = |name: &str| environment(name)?.to_str()?.trim().parse::<u64>().ok();
        let seconds = |name: &str| number(name).map(Duration::from_secs);
        let settings = Settings {
            servers,
            cache: cache.to_owned(),
            timeout: seconds("DEBUGINFOD_TIMEOUT").or(Some(Duration::from_secs(90))).filter(|time| !time.is_zero()),
            longest: seconds("DEBUGINFOD_MAXTIME").filter(|time| !time.is_zero()).unwrap_or(LONGEST).min(LONGEST),
            largest: number("DEBUGINFOD_MAXSIZE").filter(|&size| size > 0).unwrap_or(LARGEST).min(LARGEST),
        };
        let shared = Shared { settings, downloads: Mutex::default(), changed: Condvar::new() };
        Some(Debuginfod {
            shared: Arc::new(shared),
            requests: OnceLock::new(),
            patience_left: Mutex::new(PATIENCE_IN_ALL),
        })
    }

    /// Sees to it that the debug file of a build id is in the cache; waits for it as long as patience lasts.
    pub(crate) fn fetch(&self, id: &[u8]) -> Download {
        let mut downloads = self.shared.downloads.lock().unwrap_or_else(PoisonError::into_inner);
        if !downloads.contains_key(id) {
            if downloads.len() >= MOST_FILES {
                return Download::Failed;
            }
            match self.requests().map(|requests| requests.try_send(id.to_owned())) {
                Some(Ok(())) => {}
                Some(Err(TrySendError::Full(_))) => return Download::Pending,
                Some(Err(TrySendError::Disconnected(_))) | None => return Download::Failed,
            }
            downloads.insert(id.to_owned(), Download::Pending);
        }
        let left = || self.patience_left.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = PATIENCE.min(*left());
        let start = Instant::now();
        let is_pending = |downloads: &mut HashMap<Vec<u8>, Download>| downloads.get(id) == Some(&Download::Pending);
        let waited = self.shared.changed.wait_timeout_while(downloads, patience, is_pending);
        let (downloads, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let mut left = left();
        *left = left.saturating_sub(start.elapsed());
        downloads.get(id).copied().unwrap_or(Download::Failed)
    }

    /// To the thread, which is started at the first wish.
    fn requests(&self) -> Option<&SyncSender<Vec<u8>>> {
        let start = || {
            let (sender, receiver) = sync_channel(QUEUE);
            let shared = self.shared.clone();
            let started = thread::Builder::new().name("debuginfod".into()).spawn(move || shared.serve(&receiver));
            started.ok().map(|_| sender)
        };
        self.requests.get_or_init(start).as_ref()
    }
}

impl Shared {
    fn serve(&self, requests: &Receiver<Vec<u8>>) {
        let mut agent = None;
        for id in requests {
            let agent = agent.get_or_insert_with(|| self.settings.agent());
            let stored = self.settings.download(agent, &id);
            let outcome = if stored { Download::Stored } else { Download::Failed };
            self.downloads.lock().unwrap_or_else(PoisonError::into_inner).insert(id, outcome);
            self.changed.notify_all();
        }
    }
}

/// What one server says.
enum Answer {
    Stored,
    Absent,
    /// It may have it, but it could not be had.
    Failed,
}

impl Settings {
    fn agent(&self) -> Agent {
        let mut tls =
            TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        if self.servers.iter().any(|server| server.starts_with("https:")) {
            let trusted = rustls_native_certs::load_native_certs().certs;
            let trusted = trusted.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
            tls = tls.root_certs(RootCerts::Specific(Arc::new(trusted.collect())));
        }
        let connect = self.timeout.map_or(CONNECT, |timeout| timeout.min(CONNECT));
        Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(5)
            .user_agent(concat!("renacer/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(self.longest))
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_recv_response(self.timeout)
            .timeout_per_read(self.timeout)
            .build()
            .new_agent()
    }

    /// Whether the file of this id is in the cache now.
    fn download(&self, agent: &Agent, id: &[u8]) -> bool {
        let folder = self.cache.join(hexadecimal(id));
        let target = folder.join("debuginfo");
        if self.is_known_absent(&target) {
            return false;
        }
        let mut all_lack_it = true;
        for server in &self.servers {
            match self.ask(agent, server, id, &folder, &target) {
                Ok(Answer::Stored) => return true,
                Ok(Answer::Absent) => {}
                Ok(Answer::Failed) | Err(_) => all_lack_it = false,
            }
        }
        if all_lack_it {
            // An empty file says so to all that share the cache. Where it cannot be made, one asks again.
            let _ = make_folder(&folder).and_then(|()| File::create(&target));
        }
        false
    }

    fn is_known_absent(&self, target: &Path) -> bool {
        let Ok(metadata) = fs::metadata(target) else { return false };
        let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        let configured = fs::read_to_string(self.cache.join("cache_miss_s")).ok();
        let seconds = configured.and_then(|text| text.trim().parse().ok());
        metadata.len() == 0 && age.is_none_or(|age| age <= seconds.map_or(ABSENT_FOR, Duration::from_secs))
    }

    fn ask(&self, agent: &Agent, server: &str, id: &[u8], folder: &Path, target: &Path) -> io::Result<Answer> {
        let url = format!("{server}/buildid/{}/debuginfo", hexadecimal(id));
        let mut request = agent.get(url);
        if self.largest < LARGEST {
            request = request.header("X-DEBUGINFOD-MAXSIZE", self.largest.to_string());
        }
        let start = Instant::now();
        let mut response = request.call().map_err(io::Error::other)?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(Answer::Absent),
            _ => return Ok(Answer::Failed),
        }
        if response.body().content_length().is_some_and(|length| length > self.largest) {
            return Ok(Answer::Failed);
        }
        make_folder(folder)?;
        let mut file = Unfinished::create(folder)?;
        let body = response.body_mut().with_config().limit(self.largest + 1).reader();
        if !self.copy(body, &file.file, start)? {
            return Ok(Answer::Failed);
        }
        // What a server sends is not believed: it must be the file of this id.
        let belongs = ObjectFile::open(&file.file).is_ok_and(|object| object.build_id() == Some(id));
        if !belongs {
            return Ok(Answer::Failed);
        }
        file.finish(target)?;
        Ok(Answer::Stored)
    }

    /// Whether all of it came in time and is not too large.
    fn copy(&self, mut body: impl Read, mut file: &File, start: Instant) -> io::Result<bool> {
        let mut buffer = vec![0; 64 << 10];
        let (mut size, mut progress) = (0, 0);
        let mut since = Instant::now();
        loop {
            let read = body.read(&mut buffer)?;
            if read == 0 {
                return Ok(size > 0);
            }
            size += read as u64;
            progress += read as u64;
            if size > self.largest || start.elapsed() > self.longest {
                return Ok(false);
            }
            if progress >= LEAST_PROGRESS {
                (progress, since) = (0, Instant::now());
            } else if self.timeout.is_some_and(|timeout| since.elapsed() > timeout) {
                return Ok(false);
            }
            file.write_all(&buffer[..read])?;
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A file that has no name until it is whole, so that a run which ends meanwhile leaves nothing.
struct Unfinished {
    file: File,
    /// A name that it has before it is whole, or while it gets its own.
    name: PathBuf,
    is_named: bool,
}

impl Unfinished {
    fn create(folder: &Path) -> io::Result<Unfinished> {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let name = folder.join(format!("debuginfo.{}-{now}", std::process::id()));
        let unnamed = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::open(folder, unnamed, Mode::RUSR) {
            Ok(file) => Ok(Unfinished { file: file.into(), name, is_named: false }),
            // Not all file systems have such files.
            Err(_) => {
                let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&name)?;
                Ok(Unfinished { file, name, is_named: true })
            }
        }
    }

    fn finish(&mut self, target: &Path) -> io::Result<()> {
        if !self.is_named {
            let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            rustix::fs::linkat(CWD, own, CWD, &self.name, AtFlags::SYMLINK_FOLLOW)?;
            self.is_named = true;
        }
        self.file.set_permissions(Permissions::from_mode(0o400))?;
        // There may be an empty file, which says that there was none.
        fs::rename(&self.name, target)?;
        self.is_named = false;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_named {
            let _ = fs::remove_file(&self.name);
        }
    }
}

#[cfg(test)]
mod tests;
