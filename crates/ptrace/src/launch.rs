//! Finds a program and forks the process that will run it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use renacer_events::Pid;

use crate::choice::Choice;
use crate::seccomp;
use crate::sys::process::{self, Prepared};
use crate::sys::signal::{self, Mask};

/// A program to run.
#[derive(Clone, Debug)]
pub struct Command {
    /// Its name, looked up in PATH unless it has a slash, or its path.
    pub program: OsString,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The user that it runs as, by name (`-u`); none: as we do.
    pub user: Option<OsString>,
    /// Let the kernel filter its calls, by this choice.
    pub filter: Option<Choice>,
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such program.
    #[error("cannot find {}: no such program in PATH", .0.display())]
    NotInPath(PathBuf),
    /// There is no such file.
    #[error("cannot run {}: there is no such file", .0.display())]
    NotFound(PathBuf),
    /// The file is there, but what it needs to run is not.
    #[error("cannot run {}: the interpreter that its first line or its ELF header names is not there", .0.display())]
    NoInterpreter(PathBuf),
    /// The kernel refused to run it.
    #[error("cannot run {}: {reason}", .path.display())]
    NotRunnable {
        /// Which file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// `-u` names nobody.
    #[error("there is no user {}", .0.display())]
    NoSuchUser(PathBuf),
    /// A program name, argument or variable has a NUL byte.
    #[error("the program's name, arguments and environment cannot contain a NUL byte")]
    NulByte,
    /// ptrace is not permitted.
    #[error("ptrace is not permitted: {0}")]
    NotPermitted(String),
    /// Anything else, such as no more processes.
    #[error("cannot start a process: {0}")]
    Process(#[from] io::Error),
}

impl LaunchError {
    /// Whether the program does not exist (exit status 127), as opposed to not being runnable (126).
    pub fn is_not_found(&self) -> bool {
        matches!(self, LaunchError::NotInPath(_) | LaunchError::NotFound(_) | LaunchError::NoInterpreter(_))
    }

    /// Whether the program is at fault, as opposed to Renacer or its surroundings (125).
    pub fn is_the_programs(&self) -> bool {
        self.is_not_found() || matches!(self, LaunchError::NotRunnable { .. })
    }
}

/// A forked process that waits for [`Child::release`], and has not run the program yet.
pub struct Child {
    /// Its process id.
    pub pid: Pid,
    /// The file that it will run.
    pub path: PathBuf,
    /// A byte lets the child run the program; the end of the pipe lets it end.
    gate: Option<OwnedFd>,
}

impl Child {
    /// Lets it run the program.
    pub fn release(mut self) {
        if let Some(gate) = self.gate.take() {
            // It has ended if it cannot be told, and its end is reported.
            let _ = File::from(gate).write_all(&[1]);
        }
    }
}

impl Drop for Child {
    /// A child that was not released ends without running the program.
    fn drop(&mut self) {
        if self.gate.is_some() {
            let _ = signal::kill(self.pid, libc::SIGKILL);
        }
    }
}

/// Forks. Our process must have one thread. The program will have the signal mask `mask`.
pub fn fork(command: &Command, mask: Mask) -> Result<Child, LaunchError> {
    let path = find(&command.program, path_variable(command))?;
    let c_string = |text: &OsStr| CString::new(text.as_bytes()).map_err(|_| LaunchError::NulByte);
    let arguments = std::iter::once(&command.program).chain(&command.arguments).map(|text| c_string(text));
    let environment = command.environment.iter().map(|(name, value)| {
        let mut variable = name.clone();
        variable.push("=");
        variable.push(value);
        c_string(&variable)
    });
    let user = match &command.user {
        None => None,
        Some(name) => {
            Some(process::user(&c_string(name)?)?.ok_or_else(|| LaunchError::NoSuchUser(PathBuf::from(name)))?)
        }
    };
    let prepared = Prepared::new(
        c_string(path.as_os_str())?,
        arguments.collect::<Result<_, _>>()?,
        environment.collect::<Result<_, _>>()?,
        mask,
        user,
        command.filter.as_ref().map(seccomp::program).unwrap_or_default(),
    );
    let (theirs, ours) = io::pipe()?;
    let (theirs, ours): (OwnedFd, OwnedFd) = (theirs.into(), ours.into());
    let pid = process::fork_exec(&prepared, &theirs, &ours)?;
    Ok(Child { pid, path, gate: Some(ours) })
}

fn path_variable(command: &Command) -> &OsStr {
    let set = command.environment.iter().rev().find(|(name, _)| name == "PATH");
    // What execvp(3) uses where PATH is unset.
    set.map_or(OsStr::new("/bin:/usr/bin"), |(_, value)| value)
}

/// Where the program is, as execvp(3) looks for it: the first executable file wins, else the first one that is there.
fn find(program: &OsStr, path: &OsStr) -> Result<PathBuf, LaunchError> {
    let as_path = Path::new(program);
    if program.is_empty() {
        return Err(LaunchError::NotFound(as_path.into()));
    }
    if program.as_bytes().contains(&b'/') {
        return match as_path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LaunchError::NotFound(as_path.into())),
            // Whatever else is wrong, exec says it best.
            _ => Ok(as_path.into()),
        };
    }
    let mut unrunnable = None;
    for folder in path.as_bytes().split(|&byte| byte == b':') {
        let folder = if folder.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(folder)) };
        let candidate = folder.join(as_path);
        match candidate.metadata() {
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => return Ok(candidate),
            Ok(file) if file.is_file() => unrunnable = unrunnable.or(Some(candidate)),
            _ => {}
        }
    }
    unrunnable.ok_or_else(|| LaunchError::NotInPath(as_path.into()))
}

/// What the errno of a failed exec means to a person.
pub fn explain_exec(path: &Path, errno: i32) -> LaunchError {
    let reason = match errno {
        libc::ENOENT if path.exists() => return LaunchError::NoInterpreter(path.into()),
        libc::ENOENT => return LaunchError::NotFound(path.into()),
        libc::ENOEXEC => "it is neither a program for this machine nor a script with a `#!` line; \
             run a script as `sh SCRIPT`"
            .to_string(),
        libc::EACCES if path.is_dir() => "it is a folder".to_string(),
        libc::EACCES => {
            "permission denied; is it executable (`chmod +x`), and is its file system not mounted noexec?".to_string()
        }
        _ => io::Error::from_raw_os_error(errno).to_string(),
    };
    LaunchError::NotRunnable { path: path.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_execvp_finds_them() {
        assert_eq!(find(OsStr::new("sh"), OsStr::new("/nowhere:/bin")).unwrap(), Path::new("/bin/sh"));
        assert!(find(OsStr::new("no-such-program"), OsStr::new("/bin")).unwrap_err().is_not_found());
        assert!(find(OsStr::new("/no/such"), OsStr::new("")).unwrap_err().is_not_found());
        assert!(find(OsStr::new("passwd"), OsStr::new("/etc:/nowhere")).unwrap().starts_with("/etc"));
    }

    #[test]
    fn a_failed_exec_is_explained() {
        let error = explain_exec(Path::new("/etc"), libc::EACCES);
        assert_eq!(error.to_string(), "cannot run /etc: it is a folder");
        assert!(!error.is_not_found() && error.is_the_programs());
    }
}
