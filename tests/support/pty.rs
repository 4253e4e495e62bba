//! A program on a pseudo-terminal of its own, driven like a person would: type, wait for what appears.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::wait_until;

/// A pseudo-terminal with the session that runs on it.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    /// How much of the screen has been waited for already.
    seen: usize,
}

impl Terminal {
    /// Starts a command as leader of a session whose controlling terminal is a new pseudo-terminal (`setsid --ctty`).
    pub fn start(words: &[&std::ffi::OsStr], configure: impl FnOnce(&mut Command)) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudo-terminal");
        grantpt(&master).expect("grantpt");
        unlockpt(&master).expect("unlockpt");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let other = OpenOptions::new().read(true).write(true).open(path).expect("its other side");
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).args(words);
        command.stdin(other.try_clone().expect("a descriptor")).stdout(other.try_clone().expect("a descriptor"));
        command.stderr(other);
        configure(&mut command);
        let child = command.spawn().expect("setsid runs");
        drop(command);
        let keyboard = File::from(master);
        let mut source = keyboard.try_clone().expect("a descriptor");
        let screen = Arc::new(Mutex::new(String::new()));
        let target = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The read fails when the last process on the other side is gone.
            while let Ok(length) = source.read(&mut buffer) {
                target.lock().expect("screen").push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Terminal { child, keyboard, screen, seen: 0 }
    }

    /// Types. A line ends with `\n`; `\x1a` is Ctrl-Z, `\x03` Ctrl-C.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits for a text to appear behind what was waited for before.
    pub fn expect(&mut self, text: &str) {
        let (screen, seen) = (Arc::clone(&self.screen), self.seen);
        let find = || screen.lock().expect("screen")[seen..].find(text);
        wait_until(&format!("{text:?} on the screen"), || {
            let found = find();
            if let Some(at) = found {
                self.seen = seen + at + text.len();
            }
            found.is_some()
        });
    }

    /// All that appeared so far.
    pub fn screen(&self) -> String {
        self.screen.lock().expect("screen").clone()
    }

    /// Waits for the session's leader to end.
    pub fn end(mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of the session", || {
            status = self.child.try_wait().expect("wait");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing is left behind when a test fails. Ending an ended child does nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
