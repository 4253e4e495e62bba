//! `--inject-context python`: the program's own OpenTelemetry publishes its active span, without any change to the program.
//!
//! The binary carries the Python package `publishers/python`. It is laid into a folder of its own for the time of the run, and the
//! program's environment tells Python where it is and OpenTelemetry to use it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::setup;

/// Its name as a package, and as OTEL_PYTHON_CONTEXT has it.
const PACKAGE: &str = "renacer_context";

/// The package as Python finds it installed.
const FILES: [(&str, &[u8]); 6] = [
    ("renacer_context/__init__.py", include_bytes!("../publishers/python/renacer_context/__init__.py")),
    ("renacer_context/record.py", include_bytes!("../publishers/python/renacer_context/record.py")),
    ("renacer_context/switches.py", include_bytes!("../publishers/python/renacer_context/switches.py")),
    ("renacer_context/_thread_record.so", include_bytes!(concat!(env!("OUT_DIR"), "/_thread_record.so"))),
    ("renacer_context-0.1.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: renacer-context\nVersion: 0.1.0\n"),
    (
        "renacer_context-0.1.0.dist-info/entry_points.txt",
        b"[opentelemetry_context]\nrenacer_context = renacer_context:RuntimeContext\n",
    ),
];

/// The package in its folder, which goes with this value.
pub struct PythonPackage {
    folder: PathBuf,
}

impl PythonPackage {
    /// Lays the package into a new folder for temporary files. Whoever the program runs as can read it, and only we can write it.
    pub fn unpack() -> anyhow::Result<PythonPackage> {
        let folder = new_folder().context("cannot make a folder for the Python package (TMPDIR says where)")?;
        let package = PythonPackage { folder };
        for (name, contents) in FILES {
            package
                .write(name, contents)
                .with_context(|| format!("cannot write {}/{name}", package.folder.display()))?;
        }
        Ok(package)
    }

    fn write(&self, name: &str, contents: &[u8]) -> std::io::Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
            open_to_all(parent)?;
        }
        fs::write(&path, contents)?;
        fs::set_permissions(path, Permissions::from_mode(0o644))
    }

    /// Leaves the folder where it is, for programs that outlive the run: they have its name in their environment, and if it were gone, anybody
    /// could make another of that name.
    pub fn keep(self) {
        std::mem::forget(self);
    }

    /// Makes a program with these variables use the package. Returns what the user should know.
    pub fn add_to(&self, variables: &mut Vec<(OsString, OsString)>) -> Option<String> {
        let value = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        if let Some(other) = value("OTEL_PYTHON_CONTEXT").filter(|other| !other.is_empty() && other != PACKAGE) {
            let other = other.to_string_lossy();
            return Some(format!(
                "--inject-context python: OTEL_PYTHON_CONTEXT={other} is kept, so its spans are not seen"
            ));
        }
        let mut path = self.folder.clone().into_os_string();
        if let Some(others) = value("PYTHONPATH").filter(|others| !others.is_empty()) {
            path.push(":");
            path.push(others);
        }
        setup::set(variables, "PYTHONPATH".into(), Some(path));
        setup::set(variables, "OTEL_PYTHON_CONTEXT".into(), Some(PACKAGE.into()));
        None
    }
}

impl Drop for PythonPackage {
    fn drop(&mut self) {
        // Of what stays behind nobody needs to know: it is small, and where temporary files are.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder that was not there before: one that somebody else has made is not ours, whatever is in it.
fn new_folder() -> std::io::Result<PathBuf> {
    let mut number = 0;
    loop {
        let name = format!("renacer-python-{:016x}", u64::from_ne_bytes(renacer_events::SpanId::random().0));
        let folder = std::env::temp_dir().join(name);
        match DirBuilder::new().mode(0o755).create(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 10 => number += 1,
            Err(error) => return Err(error),
            Ok(()) => {
                // Colons would end its entry in PYTHONPATH, and relative paths be others after a change of folder.
                let folder = std::path::absolute(folder)?;
                open_to_all(&folder)?;
                return Ok(folder);
            }
        }
    }
}

/// Whatever our own umask is, since the program may run as another user.
fn open_to_all(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        list.iter().map(|&(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn the_package_is_there_for_the_time_of_the_run() {
        let package = PythonPackage::unpack().unwrap();
        let folder = package.folder.clone();
        let library = folder.join("renacer_context/_thread_record.so");
        assert!(fs::read(&library).unwrap().starts_with(b"\x7fELF"));
        assert_eq!(fs::metadata(library).unwrap().permissions().mode() & 0o777, 0o644);
        drop(package);
        assert!(!folder.exists());
    }

    #[test]
    fn what_the_program_has_in_its_environment_stays() {
        let package = PythonPackage::unpack().unwrap();
        let folder = package.folder.to_str().unwrap();
        let mut none = variables(&[("A", "1")]);
        assert_eq!(package.add_to(&mut none), None);
        assert_eq!(none, variables(&[("A", "1"), ("PYTHONPATH", folder), ("OTEL_PYTHON_CONTEXT", PACKAGE)]));
        let mut path = variables(&[("PYTHONPATH", "/mine:/yours")]);
        assert_eq!(package.add_to(&mut path), None);
        assert_eq!(path[0], ("PYTHONPATH".into(), format!("{folder}:/mine:/yours").into()));
        let mut other = variables(&[("OTEL_PYTHON_CONTEXT", "mine_context")]);
        assert!(package.add_to(&mut other).unwrap().contains("mine_context is kept"));
        assert_eq!(other, variables(&[("OTEL_PYTHON_CONTEXT", "mine_context")]));
    }

    #[test]
    fn the_entry_point_is_that_of_the_package_as_it_is_installed() {
        let project = include_str!("../publishers/python/pyproject.toml");
        assert!(project.contains("renacer_context = \"renacer_context:RuntimeContext\""));
        assert!(project.contains("version = \"0.1.0\""));
    }
}
