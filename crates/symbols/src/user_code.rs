//! Whose code a frame is: the user's own, that of a package that it uses, or that of the language and the system.

use std::path::{Path, PathBuf};

/// Whose code it is, nearest to the user last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// The system's libraries, standard libraries, interpreters.
    Runtime,
    /// A package of somebody else.
    Dependency,
    /// The user.
    User,
}

/// What decides, beside the paths themselves.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Paths that are the user's, whatever they look like.
    pub(crate) user_code: Vec<PathBuf>,
    /// Paths that are not, whatever they look like.
    pub(crate) not_user_code: Vec<PathBuf>,
}

/// Where the sources of one program are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The package that has `main`. Packages inside it, as in `vendor`, are not its own.
    pub(crate) root: Option<String>,
    /// Go's own sources.
    pub(crate) go: Option<String>,
}

impl Rules {
    /// What the user has said about a path; the longest prefix counts.
    pub(crate) fn told(&self, path: &str) -> Option<Owner> {
        let longest = |paths: &[PathBuf]| {
            let holding = paths.iter().filter(|prefix| Path::new(path).starts_with(prefix));
            holding.map(|prefix| prefix.components().count()).max()
        };
        match (longest(&self.user_code), longest(&self.not_user_code)) {
            (None, None) => None,
            (user, not_user) if user > not_user => Some(Owner::User),
            _ => Some(Owner::Dependency),
        }
    }

    /// Whose a source file is.
    pub(crate) fn of_file(&self, path: &str, sources: &Sources) -> Owner {
        if let Some(told) = self.told(path) {
            return told;
        }
        let inside = |root: &Option<String>| {
            let rest = path.strip_prefix(root.as_deref()?)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        if inside(&sources.go).is_some() {
            return Owner::Runtime;
        }
        let in_root = inside(&sources.root);
        if in_root.is_none() && is_runtime(path) {
            return Owner::Runtime;
        }
        if is_dependency(in_root.unwrap_or(path)) { Owner::Dependency } else { Owner::User }
    }
}

/// Sources of compilers' and systems' libraries.
fn is_runtime(path: &str) -> bool {
    const FOLDERS: [&str; 7] =
        ["/rustc/", "/rust/deps/", "/usr/include/", "/usr/lib/", "/usr/lib64/", "/usr/src/", "/lib/"];
    FOLDERS.iter().any(|folder| path.starts_with(folder))
        || path.contains("/lib/rustlib/src/")
        // As distributions build them: /build/glibc-JDzRq5/glibc-2.36/csu/..., /build/gcc-12-12.2.0/...
        || path.split('/').any(|part| ["glibc-", "musl-", "gcc-", "libc-start"].iter().any(|start| part.starts_with(start)))
            && path.starts_with("/build")
}

/// Sources of packages, as package managers lay them out. `path` is relative to the program's own package if it is in it.
fn is_dependency(path: &str) -> bool {
    const PARTS: [&str; 12] = [
        "/.cargo/registry/",
        "/cargo/registry/",
        "/registry/src/",
        "/.cargo/git/",
        "/git/checkouts/",
        "/pkg/mod/",
        "/vendor/",
        "/third_party/",
        "/node_modules/",
        "/site-packages/",
        "/dist-packages/",
        "/usr/local/include/",
    ];
    PARTS.iter().any(|part| path.contains(part))
}

/// The package that a source file is part of, if it is one that a package manager has fetched.
pub(crate) fn package_of(path: &str) -> Option<String> {
    let folder_after = |mark: &str, parts: usize| {
        let start = path.find(mark)? + mark.len();
        let (end, _) = path[start..].match_indices('/').nth(parts - 1)?;
        Some(path[..start + end].to_owned())
    };
    // registry/src/INDEX/NAME-VERSION, git/checkouts/NAME-HASH/COMMIT, pkg/mod/HOST/PATH@VERSION
    let of_go = || {
        let start = path.find("/pkg/mod/")?;
        let at = start + path[start..].find('@')?;
        let end = path[at..].find('/').map_or(path.len(), |end| at + end);
        Some(path[..end].to_owned())
    };
    folder_after("/registry/src/", 2).or_else(|| folder_after("/git/checkouts/", 2)).or_else(of_go)
}

/// Whether a library is one of the system's: in a folder that only its package manager writes to.
pub(crate) fn is_system_library(path: &str) -> bool {
    const FOLDERS: [&str; 9] = [
        "/lib/",
        "/lib32/",
        "/lib64/",
        "/libx32/",
        "/usr/lib/",
        "/usr/lib32/",
        "/usr/lib64/",
        "/nix/store/",
        "/gnu/store/",
    ];
    FOLDERS.iter().any(|folder| path.starts_with(folder))
        && !["/node_modules/", "/site-packages/", "/dist-packages/"].iter().any(|part| path.contains(part))
}

/// Whether a function is of a standard library by its name, where there is no path to tell.
pub(crate) fn is_runtime_name(function: &str) -> bool {
    const STARTS: [&str; 8] =
        ["std::", "core::", "alloc::", "__gnu_cxx::", "__rust", "rust_begin_unwind", "__libc_", "_start"];
    let name = function.trim_start_matches(['<', '&']);
    STARTS.iter().any(|start| name.starts_with(start))
}

/// Whether a file is an interpreter, the library that has most of it, or a part of its standard library.
pub(crate) fn is_interpreter(path: &str) -> bool {
    if is_python_library(path) && !is_dependency(path) {
        return true;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, version) = name.split_at(name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len()));
    if !version.is_empty() && !version.starts_with(|c: char| c.is_ascii_digit()) && !version.starts_with(".so") {
        return false;
    }
    const NAMES: [&str; 17] = [
        "python",
        "libpython",
        "pypy",
        "libpypy",
        "node",
        "nodejs",
        "libnode",
        "deno",
        "bun",
        "java",
        "libjvm",
        "ruby",
        "libruby",
        "perl",
        "libperl",
        "php",
        "lua",
    ];
    NAMES.contains(&stem)
}

/// Whose a frame of an interpreter is.
pub(crate) fn of_interpreted(rules: &Rules, file: &str) -> Owner {
    if let Some(told) = rules.told(file) {
        return told;
    }
    if is_dependency(file) {
        return Owner::Dependency;
    }
    // <frozen importlib._bootstrap>, but not <string> and <stdin>.
    if file.starts_with("<frozen ") || is_python_library(file) { Owner::Runtime } else { Owner::User }
}

/// Whose code is that was made at run time.
pub(crate) fn of_generated(rules: &Rules, function: &str, file: Option<&str>) -> Owner {
    const RUNTIME: [&str; 5] = ["java.", "javax.", "jdk.", "sun.", "node:"];
    match file {
        Some(file) if file.starts_with("node:") => Owner::Runtime,
        Some(file) => of_interpreted(rules, file.strip_prefix("file://").unwrap_or(file)),
        None if RUNTIME.iter().any(|start| function.starts_with(start)) => Owner::Runtime,
        None => Owner::User,
    }
}

/// Python's standard library: `/usr/lib/python3.13/...`, or the same under another prefix.
fn is_python_library(file: &str) -> bool {
    let mut parts = file.split('/');
    let mut last = "";
    parts.any(|part| {
        let is_version = part.strip_prefix("python").is_some_and(|version| {
            let version = version.trim_end_matches('t');
            version.starts_with('3') && version.chars().all(|c| c.is_ascii_digit() || c == '.')
        });
        let found = is_version && matches!(last, "lib" | "lib64");
        last = part;
        found
    }) || file.ends_with(".zip") && file.contains("/lib/python")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(path: &str, root: Option<&str>) -> Owner {
        let sources = Sources { root: root.map(str::to_owned), go: Some("/usr/local/go/src".to_owned()) };
        Rules::default().of_file(path, &sources)
    }

    #[test]
    fn files_belong_to_whom_their_paths_say() {
        let cases = [
            ("/home/u/app/src/main.rs", Owner::User),
            ("/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/fs.rs", Owner::Runtime),
            ("/root/.rustup/toolchains/stable-x86_64/lib/rustlib/src/rust/library/core/src/ops.rs", Owner::Runtime),
            ("/usr/include/c++/12/bits/stl_algo.h", Owner::Runtime),
            ("/usr/local/go/src/os/file.go", Owner::Runtime),
            ("/usr/local/gold/src/main.c", Owner::User),
            ("/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/memmap2-0.9.12/src/lib.rs", Owner::Dependency),
            ("/root/.cargo/git/checkouts/tool-1234/abcd/src/lib.rs", Owner::Dependency),
            ("/root/go/pkg/mod/github.com/a/b@v1.2.3/c.go", Owner::Dependency),
            ("/home/u/app/vendor/zlib/inflate.c", Owner::Dependency),
            ("/home/u/app/node_modules/x/binding.cc", Owner::Dependency),
            ("main.c", Owner::User),
        ];
        for (path, expected) in cases {
            assert_eq!(owner(path, None), expected, "{path}");
        }
    }

    #[test]
    fn a_program_installed_from_a_registry_is_the_users() {
        let main = "/root/.cargo/registry/src/index.crates.io-1949/ripgrep-14.1.1/crates/core/main.rs";
        let root = package_of(main);
        assert_eq!(root.as_deref(), Some("/root/.cargo/registry/src/index.crates.io-1949/ripgrep-14.1.1"));
        assert_eq!(owner(main, root.as_deref()), Owner::User);
        let other = "/root/.cargo/registry/src/index.crates.io-1949/ripgrep-14.1.10/main.rs";
        assert_eq!(owner(other, root.as_deref()), Owner::Dependency);
        let vendored = "/root/.cargo/registry/src/index.crates.io-1949/ripgrep-14.1.1/vendor/a/lib.rs";
        assert_eq!(owner(vendored, root.as_deref()), Owner::Dependency);
        let go = package_of("/root/go/pkg/mod/github.com/a/b@v1.2.3/cmd/main.go");
        assert_eq!(go.as_deref(), Some("/root/go/pkg/mod/github.com/a/b@v1.2.3"));
        assert_eq!(package_of("/home/u/app/src/main.rs"), None);
    }

    #[test]
    fn what_the_user_says_counts_and_the_longest_path_of_it() {
        let rules = Rules {
            user_code: vec!["/usr/include/mine".into(), "/home/u/app/vendor/own".into()],
            not_user_code: vec!["/home/u/app/vendor".into(), "/home/u/app/generated".into()],
        };
        let sources = Sources::default();
        assert_eq!(rules.of_file("/usr/include/mine/a.h", &sources), Owner::User);
        assert_eq!(rules.of_file("/usr/include/mine2/a.h", &sources), Owner::Runtime);
        assert_eq!(rules.of_file("/home/u/app/vendor/own/a.c", &sources), Owner::User);
        assert_eq!(rules.of_file("/home/u/app/vendor/a.c", &sources), Owner::Dependency);
        assert_eq!(rules.of_file("/home/u/app/generated/a.c", &sources), Owner::Dependency);
    }

    #[test]
    fn system_libraries_and_interpreters_are_known_by_their_places_and_names() {
        assert!(is_system_library("/usr/lib/x86_64-linux-gnu/libc.so.6"));
        assert!(is_system_library("/lib64/ld-linux-x86-64.so.2"));
        assert!(!is_system_library("/usr/local/lib/libmine.so"));
        assert!(!is_system_library("/usr/lib/python3/dist-packages/numpy/core.so"));
        for interpreter in
            ["/usr/bin/python3.13", "/usr/lib/libpython3.12.so.1.0", "/opt/node", "/jvm/lib/server/libjvm.so"]
        {
            assert!(is_interpreter(interpreter), "{interpreter}");
        }
        assert!(is_interpreter("/opt/python/lib/python3.13/lib-dynload/_json.cpython-313-x86_64-linux-gnu.so"));
        assert!(!is_interpreter("/venv/lib/python3.13/site-packages/numpy/core.so"));
        assert!(!is_interpreter("/home/u/pythonista"));
        assert!(is_runtime_name("<std::fs::File as std::io::Read>::read") && is_runtime_name("core::fmt::write"));
        assert!(!is_runtime_name("app::read") && !is_runtime_name("<app::File as std::io::Read>::read"));
        assert!(!is_interpreter("/home/u/app"));
    }

    #[test]
    fn python_files_belong_to_whom_their_paths_say() {
        let rules = Rules::default();
        let cases = [
            ("/home/u/script.py", Owner::User),
            ("<string>", Owner::User),
            ("<frozen importlib._bootstrap>", Owner::Runtime),
            ("/usr/lib/python3.13/pathlib/_local.py", Owner::Runtime),
            ("/root/.pyenv/versions/3.14.0t/lib/python3.14t/os.py", Owner::Runtime),
            ("/usr/lib/python3/dist-packages/yaml/__init__.py", Owner::Dependency),
            ("/venv/lib/python3.13/site-packages/requests/api.py", Owner::Dependency),
            ("/home/u/python3.13/app.py", Owner::User),
        ];
        for (file, expected) in cases {
            assert_eq!(of_interpreted(&rules, file), expected, "{file}");
        }
        assert_eq!(of_generated(&rules, "read", Some("node:internal/fs/utils")), Owner::Runtime);
        assert_eq!(of_generated(&rules, "read", Some("file:///home/u/a.mjs")), Owner::User);
        assert_eq!(of_generated(&rules, "java.io.File.open", None), Owner::Runtime);
        assert_eq!(of_generated(&rules, "app.Main.run", None), Owner::User);
    }
}
