//! The search for debug files: each place, in a root of the target's own, and files that do not belong.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::modules::Code;
use crate::object_file::tests::{compile, open, run};

/// Two roots, each with a folder `/app`.
struct Fixture {
    target: TempDir,
    ours: TempDir,
    debug_files: DebugFiles,
}

fn root(folder: &Path) -> OwnedFd {
    File::open(folder).unwrap().into()
}

impl Fixture {
    fn new() -> Fixture {
        let (target, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&target, &ours] {
            fs::create_dir(folder.path().join("app")).unwrap();
        }
        let environment = |name: &str| (name == "DEBUGINFOD_CACHE_PATH").then(|| "/cache".into());
        let debug_files = DebugFiles::new(Some(Root::of_process(Arc::new(root(ours.path())))), &environment);
        Fixture { target, ours, debug_files }
    }

    /// The target's folder `/app`.
    fn app(&self) -> PathBuf {
        self.target.path().join("app")
    }

    fn module(&self, path: &str) -> Module {
        let file = File::open(self.target.path().join(path.trim_start_matches('/'))).unwrap();
        let root = Some(Arc::new(root(self.target.path())));
        Module { code: Code::File(file), path: path.as_bytes().to_vec(), is_program: true, root }
    }

    fn find(&self, path: &str) -> Option<DebugFile> {
        let module = self.module(path);
        let Code::File(file) = &module.code else { unreachable!() };
        match self.debug_files.find(&module, &ObjectFile::open(file).unwrap()) {
            Lookup::Found(debug) => {
                assert!(debug.object.has_section(".debug_info"));
                Some(debug)
            }
            Lookup::Pending => panic!("there is no server"),
            Lookup::Absent => None,
        }
    }

    /// Compiles `/app/program`, and splits its debug information off into `/app/whole.debug`.
    fn split_program(&self, options: &[&str]) -> PathBuf {
        let app = self.app();
        compile(&app, "program", options);
        run("objcopy", &["--only-keep-debug", "program", "whole.debug"], &app);
        run("strip", &["program"], &app);
        app.join("whole.debug")
    }
}

fn put(from: &Path, to: PathBuf) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

const ID: &str = "-Wl,--build-id=0x0123456789abcdef";
const BY_ID: &str = "usr/lib/debug/.build-id/01/23456789abcdef.debug";

#[test]
fn a_module_with_debug_information_is_its_own_debug_file() {
    let fixture = Fixture::new();
    compile(&fixture.app(), "program", &["-g", ID]);
    let debug = fixture.find("/app/program").unwrap();
    assert_eq!(debug.object.data(), fs::read(fixture.app().join("program")).unwrap());
}

#[test]
fn by_build_id_in_the_targets_root_then_in_ours() {
    let fixture = Fixture::new();
    let debug = fixture.split_program(&["-g", ID]);
    assert!(fixture.find("/app/program").is_none());
    let ours = fixture.ours.path().join(BY_ID);
    put(&debug, ours.clone());
    let found = fixture.find("/app/program").unwrap();
    assert_eq!(found.object.data(), fs::read(&debug).unwrap());
    // Another file of the same id in the target's root is preferred.
    let mut other = fs::read(&debug).unwrap();
    other.push(0);
    let in_target = fixture.target.path().join(BY_ID);
    put(&debug, in_target.clone());
    fs::write(in_target, &other).unwrap();
    assert_eq!(fixture.find("/app/program").unwrap().object.data(), other);
    // One of another id is not taken.
    compile(&fixture.app(), "another", &["-g", "-Wl,--build-id=0x0123456789abcdee"]);
    for root in [&fixture.target, &fixture.ours] {
        put(&fixture.app().join("another"), root.path().join(BY_ID));
    }
    assert!(fixture.find("/app/program").is_none());
    assert_eq!(fixture.debug_files.refused(), 0);
}

#[test]
fn symbolic_links_do_not_lead_out_of_a_root() {
    let fixture = Fixture::new();
    let debug = fixture.split_program(&["-g", ID]);
    let by_id = fixture.target.path().join(BY_ID);
    fs::create_dir_all(by_id.parent().unwrap()).unwrap();
    // Absolute in the host's terms: leads nowhere in the target.
    symlink(&debug, &by_id).unwrap();
    assert!(fixture.find("/app/program").is_none());
    fs::remove_file(&by_id).unwrap();
    symlink("../../../../../../../../../../app/whole.debug", &by_id).unwrap();
    assert!(fixture.find("/app/program").is_some(), "to the root and no further");
    fs::remove_file(&by_id).unwrap();
    symlink("/app/whole.debug", &by_id).unwrap();
    let found = fixture.find("/app/program").unwrap();
    assert_eq!(found.object.data(), fs::read(&debug).unwrap());
    // What belongs to it is searched beside the link and beside the file itself.
    let beside: Vec<_> = found.places.iter().map(|place| place.path.to_str().unwrap()).collect();
    assert_eq!(beside, [&format!("/{BY_ID}"), "/app/whole.debug", "/app/program"]);
}

#[test]
fn what_is_no_regular_file_is_neither_opened_nor_waited_for() {
    let fixture = Fixture::new();
    fixture.split_program(&["-g", ID]);
    let by_id = fixture.target.path().join(BY_ID);
    fs::create_dir_all(by_id.parent().unwrap()).unwrap();
    run("mkfifo", &[by_id.to_str().unwrap()], Path::new("/"));
    assert!(fixture.find("/app/program").is_none());
    fs::remove_file(&by_id).unwrap();
    fs::create_dir(&by_id).unwrap();
    assert!(fixture.find("/app/program").is_none());
    fs::remove_dir(&by_id).unwrap();
    fs::write(&by_id, "text").unwrap();
    assert!(fixture.find("/app/program").is_none());
    assert_eq!(fixture.debug_files.refused(), 0);
    fs::write(&by_id, [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 8], &[0xff; 60]].concat()).unwrap();
    assert!(fixture.find("/app/program").is_none());
    assert_eq!(fixture.debug_files.refused(), 1, "malformed is counted");
}

#[test]
fn by_link_and_checksum_in_each_folder() {
    let fixture = Fixture::new();
    let app = fixture.app();
    let debug = fixture.split_program(&["-g", "-Wl,--build-id=none"]);
    run("objcopy", &["--add-gnu-debuglink=whole.debug", "program"], &app);
    let right = fs::read(&debug).unwrap();
    fs::remove_file(&debug).unwrap();
    let mut wrong = right.clone();
    *wrong.last_mut().unwrap() ^= 1;
    for root in [&fixture.target, &fixture.ours] {
        for folder in ["app", "app/.debug", "usr/lib/debug/app"] {
            let place = root.path().join(folder).join("whole.debug");
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            assert!(fixture.find("/app/program").is_none());
            fs::write(&place, &wrong).unwrap();
            assert!(fixture.find("/app/program").is_none(), "{folder}: another checksum");
            fs::write(&place, &right).unwrap();
            assert_eq!(fixture.find("/app/program").unwrap().object.data(), right, "{folder}");
            fs::remove_file(&place).unwrap();
        }
    }
}

#[test]
fn a_link_is_a_name_without_a_folder() {
    let fixture = Fixture::new();
    let app = fixture.app();
    let debug = fixture.split_program(&["-g", "-Wl,--build-id=none"]);
    fs::create_dir(app.join("sub")).unwrap();
    fs::copy(&debug, app.join("sub/d")).unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(&fs::read(&debug).unwrap());
    for (name, found) in
        [(&b"whole.debug\0"[..], true), (b"sub/d\0\0\0", false), (b"\0\0\0\0", false), (b"unending", false)]
    {
        fs::write(app.join("link"), [name, &crc.sum().to_le_bytes()].concat()).unwrap();
        run("objcopy", &["--add-section", ".gnu_debuglink=link", "program", "linked"], &app);
        assert_eq!(fixture.find("/app/linked").is_some(), found, "{}", String::from_utf8_lossy(name));
    }
}

#[test]
fn from_debuginfods_cache() {
    let fixture = Fixture::new();
    let debug = fixture.split_program(&["-g", ID]);
    let cached = fixture.ours.path().join("cache/0123456789abcdef/debuginfo");
    put(&debug, cached.clone());
    assert_eq!(fixture.find("/app/program").unwrap().object.data(), fs::read(&debug).unwrap());
    fs::write(cached, "").unwrap();
    assert!(fixture.find("/app/program").is_none(), "known to be absent");
}

#[test]
fn where_the_cache_is() {
    let cache = |variables: &[(&str, &str)]| {
        cache_directory(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    };
    assert_eq!(cache(&[]), None);
    assert_eq!(cache(&[("HOME", "/home/a")]), Some("/home/a/.cache/debuginfod_client".into()));
    assert_eq!(cache(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/x")]), Some("/x/debuginfod_client".into()));
    assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("DEBUGINFOD_CACHE_PATH", "/c")]), Some("/c".into()));
    assert_eq!(cache(&[("HOME", "relative"), ("DEBUGINFOD_CACHE_PATH", "")]), None);
}

#[test]
fn the_file_that_dwz_has_made_for_several() {
    let fixture = Fixture::new();
    let app = fixture.app();
    let compile_both = || ["one", "two"].map(|name| compile(&app, name, &["-g"]));
    compile_both();
    fs::create_dir(app.join("shared")).unwrap();
    run("dwz", &["-m", "shared/common", "-M", "../app/shared/common", "one", "two"], &app);
    let common = app.join("shared/common");
    let bytes = fs::read(&common).unwrap();
    let supplementary = |debug: &DebugFile| match fixture.debug_files.supplementary(debug) {
        Lookup::Found(object) => Some(object.data().to_vec()),
        _ => None,
    };
    let debug = fixture.find("/app/one").unwrap();
    assert_eq!(supplementary(&debug).as_ref(), Some(&bytes), "relative to the file's folder");
    // In the folder of build ids of either root, and with a name that is wrong.
    let id = open(&common).unwrap().build_id().unwrap().to_vec();
    let by_id = format!("usr/lib/debug/.build-id/{:02x}/{}.debug", id[0], hexadecimal(&id[1..]));
    fs::copy(app.join("two"), &common).unwrap();
    assert_eq!(supplementary(&debug), None, "another id");
    let moved = fixture.target.path().join(&by_id);
    fs::create_dir_all(moved.parent().unwrap()).unwrap();
    fs::write(&moved, &bytes).unwrap();
    assert_eq!(supplementary(&debug).as_ref(), Some(&bytes));
    // Absolute names are in the roots.
    compile_both();
    run("dwz", &["-m", "shared/common", "-M", "/app/shared/common", "one", "two"], &app);
    let two = fixture.find("/app/two").unwrap();
    assert_eq!(supplementary(&two), Some(fs::read(&common).unwrap()));
    compile(&app, "none", &["-g"]);
    assert_eq!(supplementary(&fixture.find("/app/none").unwrap()), None);
}

/// What the skeleton units of a file say: folder, name and id of their split units.
fn skeletons(object: &ObjectFile) -> Vec<(Vec<u8>, Vec<u8>, u64)> {
    let load = |id: gimli::SectionId| -> Result<_, gimli::Error> {
        Ok(gimli::EndianReader::new(
            object.section(id.name()).unwrap().unwrap_or_else(|| Vec::new().into()),
            object.endian(),
        ))
    };
    let dwarf = gimli::Dwarf::load(load).unwrap();
    let mut units = dwarf.units();
    let mut found = Vec::new();
    while let Some(header) = units.next().unwrap() {
        let unit = dwarf.unit(header).unwrap();
        let Some(id) = unit.dwo_id else { continue };
        let text =
            |reader: &gimli::EndianReader<gimli::RunTimeEndian, crate::object_file::Section>| reader.bytes().to_vec();
        let name = unit.dwo_name().unwrap().unwrap();
        let name = text(&dwarf.attr_string(&unit, name).unwrap());
        found.push((unit.comp_dir.as_ref().map(text).unwrap(), name, id.0));
    }
    found
}

#[test]
fn split_units_where_they_were_made_and_where_they_were_moved_to() {
    for options in [["gcc", "-gdwarf-4"], ["gcc", "-gdwarf-5"], ["clang", "-gdwarf-4"], ["clang", "-gdwarf-5"]] {
        let fixture = Fixture::new();
        let app = fixture.app();
        fs::create_dir(app.join("made")).unwrap();
        fs::write(app.join("a.c"), "int other(int);\nint main(int count, char **texts) { return other(count); }\n")
            .unwrap();
        fs::write(app.join("b.c"), "int other(int a) { return a + 1; }\n").unwrap();
        // In the target's terms it was compiled in /app.
        let map = format!("-fdebug-prefix-map={}=/app", fs::canonicalize(&app).unwrap().display());
        for name in ["a", "b"] {
            let object = format!("made/{name}.o");
            run(options[0], &["-c", options[1], "-gsplit-dwarf", &map, "-o", &object, &format!("{name}.c")], &app);
        }
        run(options[0], &["-o", "program", "made/a.o", "made/b.o"], &app);
        let debug = fixture.find("/app/program").unwrap();
        let units = skeletons(&debug.object);
        assert_eq!(units.len(), 2, "{options:?}");
        let split = |(folder, name, id): &(Vec<u8>, Vec<u8>, u64)| {
            fixture.debug_files.split(&debug, folder, name, *id).map(|object| object.data().to_vec())
        };
        for (index, unit) in units.iter().enumerate() {
            let expected = fs::read(app.join(["made/a.dwo", "made/b.dwo"][index])).unwrap();
            assert_eq!(split(unit).as_ref(), Some(&expected), "{options:?}: {unit:x?}");
            let (folder, name, id) = unit.clone();
            assert_eq!(split(&(folder.clone(), name.clone(), id ^ 1)), None, "another id");
            assert_eq!(split(&(b"/elsewhere".to_vec(), name, id)).as_ref(), Some(&expected), "beside the program");
            // The file is there, but is not what DWARF may have us open.
            fs::copy(app.join(["made/a.dwo", "made/b.dwo"][index]), app.join("secret")).unwrap();
            assert_eq!(split(&(folder, b"secret".to_vec(), id)), None);
        }
        // All moved beside the program.
        for name in ["a.dwo", "b.dwo"] {
            fs::rename(app.join("made").join(name), app.join(name)).unwrap();
        }
        assert!(units.iter().all(|unit| split(unit).is_some()));
        fs::remove_file(app.join("a.dwo")).unwrap();
        assert!(split(&units[0]).is_none() && split(&units[1]).is_some());
    }
}

#[test]
fn the_package_of_split_units_beside_the_program_or_its_debug_file() {
    let fixture = Fixture::new();
    let app = fixture.app();
    compile(&app, "program", &["-gdwarf-4", "-gsplit-dwarf", ID]);
    let find = || fixture.find("/app/program").unwrap();
    assert!(fixture.debug_files.package(&find()).is_none());
    run("dwp", &["-e", "program", "-o", "made.dwp"], &app);
    fs::rename(app.join("made.dwp"), app.join("program.dwp")).unwrap();
    let package = fs::read(app.join("program.dwp")).unwrap();
    assert_eq!(fixture.debug_files.package(&find()).unwrap().data(), package);
    run("objcopy", &["--only-keep-debug", "program", "whole.debug"], &app);
    run("strip", &["program"], &app);
    put(&app.join("whole.debug"), fixture.ours.path().join(BY_ID));
    assert_eq!(fixture.debug_files.package(&find()).unwrap().data(), package, "beside the program");
    fs::rename(app.join("program.dwp"), fixture.ours.path().join(format!("{BY_ID}.dwp"))).unwrap();
    assert_eq!(fixture.debug_files.package(&find()).unwrap().data(), package, "beside the debug file");
    fs::copy(app.join("program"), fixture.ours.path().join(format!("{BY_ID}.dwp"))).unwrap();
    assert!(fixture.debug_files.package(&find()).is_none(), "no package");
}
