//! Names of functions and files as `code.function.name` and `code.file.path` want them: qualified, demangled, without
//! arguments; absolute and without detours.

use std::fmt;

/// Longest name or path, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024;

/// The readable form of a name in a symbol table or a DW_AT_linkage_name, without arguments, return type and hash; what is
/// not mangled comes back as it is, without the suffixes that compilers give to pieces of functions.
pub(crate) fn demangle(name: &str) -> String {
    let name = cut(name);
    if let Ok(rust) = rustc_demangle::try_demangle(name)
        && (name.starts_with("_R") || has_rust_hash(name))
    {
        return write_bounded(|out| fmt::write(out, format_args!("{rust:#}"))).unwrap_or_else(|| name.to_owned());
    }
    // Versions of symbols and clones of functions.
    let plain = name.split(['.', '@']).next().filter(|plain| !plain.is_empty()).unwrap_or(name);
    if plain.starts_with("_Z") {
        let options = cpp_demangle::DemangleOptions::new().no_params().no_return_type();
        let demangled = cpp_demangle::Symbol::new(plain)
            .ok()
            .and_then(|symbol| write_bounded(|out| symbol.structured_demangle(out, &options)))
            .map(|name| without_arguments(&name));
        return demangled.unwrap_or_else(|| plain.to_owned());
    }
    // Go's names have dots, so only what compilers of C append is cut.
    let end = [".constprop.", ".isra.", ".part.", ".cold", ".lto_priv.", "@"].iter().filter_map(|mark| name.find(mark));
    name[..end.min().filter(|&end| end > 0).unwrap_or(name.len())].to_owned()
}

/// Removes what the demangler leaves of the arguments of functions that enclose local ones, and qualifiers at the end:
/// `a::f(int) const::{lambda(int)#1}::operator() const` becomes `a::f::{lambda(int)#1}::operator()`.
fn without_arguments(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut rest = name;
    // Of angle brackets and braces: what is inside stays as it is.
    let mut depth = 0_usize;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("operator") {
            // To a type, which may have parentheses of its own.
            if after.starts_with(' ') && after[1..].starts_with(char::is_alphabetic) {
                short.push_str(rest);
                break;
            }
            let symbol = after.find(|c: char| !"<>-=()[]".contains(c)).unwrap_or(after.len());
            let symbol = if after.starts_with("()") {
                2
            } else if after.starts_with('(') {
                0
            } else {
                symbol
            };
            // The arguments of a template, as in operator()<int> and operator< <int>.
            let symbol = after[..symbol].find("><").map_or(symbol, |at| at + 1);
            short.push_str(&rest[..8 + symbol]);
            rest = &after[symbol..];
            continue;
        }
        match c {
            '<' | '{' => depth += 1,
            '>' | '}' => depth = depth.saturating_sub(1),
            '(' if depth == 0 && !short.is_empty() && !short.ends_with("::") => {
                let Some(length) = group(rest) else { return name.to_owned() };
                rest = rest[length..].trim_start_matches([' ', '&']);
                for qualifier in ["const", "volatile"] {
                    rest = rest.strip_prefix(qualifier).unwrap_or(rest).trim_start_matches([' ', '&']);
                }
                continue;
            }
            _ => {}
        }
        short.push(c);
        rest = &rest[c.len_utf8()..];
    }
    // The demangler writes commas around packs of arguments that are empty.
    while short.contains(", , ") || short.contains(", >") {
        short = short.replace(", , ", ", ").replace(", >", ">");
    }
    for qualifier in [" &&", " &", " volatile", " const"] {
        short.truncate(short.strip_suffix(qualifier).unwrap_or(&short).len());
    }
    short
}

/// The length of the parentheses at the start of a text, with all that is inside.
fn group(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// Legacy mangling ends in `17h`, 16 hexadecimal digits and `E`, perhaps with a suffix of LLVM's.
fn has_rust_hash(name: &str) -> bool {
    name.rmatch_indices("17h").any(|(at, _)| {
        let rest = &name.as_bytes()[at + 3..];
        rest.len() > 16 && rest[..16].iter().all(u8::is_ascii_hexdigit) && rest[16] == b'E'
    })
}

/// A path without `.`, `..` and doubled slashes, behind `folder` unless it is absolute. Symbolic links are not followed:
/// the folder may be on another machine.
pub(crate) fn absolute(folder: Option<&str>, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let relative = !path.starts_with('/');
    let folder = folder.filter(|_| relative).unwrap_or_default();
    let is_absolute = !relative || folder.starts_with('/');
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => drop(parts.pop()),
                _ if is_absolute => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    let mut joined = String::with_capacity(folder.len() + path.len() + 2);
    if is_absolute {
        joined.push('/');
    }
    joined.push_str(&parts.join("/"));
    joined.truncate(cut(&joined).len());
    joined
}

/// The text up to the most bytes that are kept, at a character's border.
pub(crate) fn cut(text: &str) -> &str {
    if text.len() <= LONGEST {
        return text;
    }
    let end = (0..=LONGEST).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

/// Collects text, and fails when it becomes too long: substitutions in mangled names can grow without measure.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LONGEST {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

fn write_bounded(write: impl FnOnce(&mut Bounded) -> fmt::Result) -> Option<String> {
    let mut out = Bounded(String::new());
    write(&mut out).ok()?;
    Some(out.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_qualified_and_have_no_arguments() {
        let cases = [
            ("main", "main"),
            ("_ZN2ns5Class6methodEi", "ns::Class::method"),
            ("_ZNK2ns5Class6methodEi", "ns::Class::method"),
            ("_ZN2ns3addIiEET_S1_S1_", "ns::add<int>"),
            ("_ZN12_GLOBAL__N_15innerEv", "(anonymous namespace)::inner"),
            ("_ZN2nsC1Ev", "ns::ns"),
            (
                "_ZZNK5outer6Runner3runERSt6vectorIiSaIiEEENKUliiE_clEii",
                "outer::Runner::run::{lambda(int, int)#1}::operator()",
            ),
            ("_ZN1AltERKS_", "A::operator<"),
            ("_ZNK1AptEv", "A::operator->"),
            ("_ZN1AclIiEEvT_", "A::operator()<int>"),
            ("_ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc", "std::operator<< <std::char_traits<char> >"),
            ("_ZN3rs19open_file17h0123456789abcdefE", "rs1::open_file"),
            ("_ZN3rs19open_file17h0123456789abcdefE.llvm.123", "rs1::open_file"),
            ("_RNvCs1234_7mycrate4main", "mycrate::main"),
            ("work.constprop.0", "work"),
            ("work.cold", "work"),
            ("main.(*T).method", "main.(*T).method"),
            ("_ZN2ns5Class6methodEi.constprop.0", "ns::Class::method"),
            ("read@@GLIBC_2.2.5", "read"),
            ("_Z", "_Z"),
        ];
        for (mangled, readable) in cases {
            assert_eq!(demangle(mangled), readable, "{mangled}");
        }
    }

    #[test]
    fn a_name_that_grows_without_measure_is_left_mangled() {
        // Each substitution doubles what it stands for.
        let mut name = String::from("_Z1fI1aE");
        for level in 0..40 {
            name.push_str(&format!(
                "St4pairIS{0}_S{0}_E",
                if level == 0 { String::new() } else { format!("{level:X}") }
            ));
        }
        assert!(demangle(&name).len() <= LONGEST);
        assert!(demangle(&"x".repeat(100_000)).len() <= LONGEST);
    }

    #[test]
    fn paths_are_absolute_and_without_detours() {
        let cases = [
            (Some("/build/io"), "../file.c", "/build/file.c"),
            (Some("/build"), "./io/../file.c", "/build/file.c"),
            (Some("/build"), "/src//a/./b.c", "/src/a/b.c"),
            (Some("/"), "../../a.c", "/a.c"),
            (None, "a/../b.c", "b.c"),
            (None, "../b.c", "../b.c"),
            (Some("."), "fmt/print.go", "fmt/print.go"),
        ];
        for (folder, path, expected) in cases {
            assert_eq!(absolute(folder, path), expected, "{folder:?} {path}");
        }
    }
}
