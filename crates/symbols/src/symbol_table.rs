//! Names from a file's symbol table: what is left where there is no DWARF.

use std::ffi::CStr;

use crate::object_file::ObjectFile;

/// More symbols than this are not looked at.
const MOST_SYMBOLS: usize = 4 << 20;
const LONGEST_NAME: usize = 16 * 1024;

const TYPE_NONE: u8 = 0;
const TYPE_FUNCTION: u8 = 2;
const TYPE_INDIRECT: u8 = 10;

/// A function of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// As the table has it, mangled, without version.
    pub(crate) name: String,
    /// Its first address.
    pub(crate) address: u64,
}

#[derive(Clone, Copy)]
struct Function {
    address: u64,
    /// 0 where the table does not tell.
    size: u32,
    /// Offset of the name.
    name: u32,
    is_global: bool,
    is_typed: bool,
}

/// The functions of a file, by address.
pub(crate) struct SymbolTable {
    functions: Vec<Function>,
    names: crate::object_file::Section,
}

impl SymbolTable {
    /// The full table of the file, or else that of its dynamic symbols. None if there is neither.
    pub(crate) fn read(object: &ObjectFile) -> Option<SymbolTable> {
        SymbolTable::of(object, ".symtab", ".strtab").or_else(|| SymbolTable::of(object, ".dynsym", ".dynstr"))
    }

    fn of(object: &ObjectFile, symbols: &str, names: &str) -> Option<SymbolTable> {
        let symbols = object.section(symbols).ok()??;
        let names = object.section(names).ok()??;
        let is_little = matches!(object.endian(), gimli::RunTimeEndian::Little);
        let is_64 = object.data().get(4) == Some(&2);
        let entries = symbols.chunks_exact(if is_64 { 24 } else { 16 }).take(MOST_SYMBOLS);
        let mut functions: Vec<Function> = entries.filter_map(|entry| function(entry, is_64, is_little)).collect();
        functions.sort_unstable_by_key(|function| function.address);
        functions.shrink_to_fit();
        (!functions.is_empty()).then_some(SymbolTable { functions, names })
    }

    /// The function that holds an address.
    pub(crate) fn find(&self, address: u64) -> Option<Symbol> {
        let end = self.functions.partition_point(|function| function.address <= address);
        let holds = |function: &&Function| {
            let offset = address - function.address;
            // One without a size reaches to the next.
            offset < function.size.into() || (function.size == 0 && self.functions[end - 1].address == function.address)
        };
        let found = self.functions[..end].iter().rev().take(64).find(holds)?;
        // Of several names of one function, the one that a person would call it by.
        let same = self.functions[..end].iter().rev().skip_while(|function| function.address > found.address);
        let same = same.take_while(|function| function.address == found.address).take(64).filter(holds);
        let named = same.filter_map(|function| Some((function, self.name(function.name)?)));
        let (_, name) = named.min_by_key(|(function, name)| {
            let underscores = name.len() - name.trim_start_matches('_').len();
            (!function.is_typed, !function.is_global, underscores, name.len(), name.clone())
        })?;
        Some(Symbol { name, address: found.address })
    }

    /// All functions whose names satisfy a condition, some dozens at most.
    pub(crate) fn named(&self, mut is_wanted: impl FnMut(&[u8]) -> bool) -> Vec<u64> {
        let named = self.functions.iter().filter(|function| self.bytes(function.name).is_some_and(&mut is_wanted));
        named.map(|function| function.address).take(32).collect()
    }

    fn bytes(&self, offset: u32) -> Option<&[u8]> {
        let rest = self.names.get(offset as usize..)?;
        let name = CStr::from_bytes_until_nul(&rest[..rest.len().min(LONGEST_NAME)]).ok()?;
        Some(name.to_bytes())
    }

    fn name(&self, offset: u32) -> Option<String> {
        let bytes = self.bytes(offset).filter(|bytes| !bytes.is_empty())?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        self.functions.len() * size_of::<Function>()
    }
}

/// Reads one entry, if it is that of a function in this file.
fn function(entry: &[u8], is_64: bool, is_little: bool) -> Option<Function> {
    let number = |at: usize, length: usize| {
        let mut bytes = [0; 8];
        if is_little {
            bytes[..length].copy_from_slice(&entry[at..at + length]);
        } else {
            bytes[..length].copy_from_slice(&entry[at..at + length]);
            bytes[..length].reverse();
        }
        u64::from_le_bytes(bytes)
    };
    let (info, section, address, size) = match is_64 {
        true => (entry[4], number(6, 2), number(8, 8), number(16, 8)),
        false => (entry[12], number(14, 2), number(4, 4), number(8, 4)),
    };
    let kind = info & 0xf;
    if section == 0 || address == 0 || !matches!(kind, TYPE_NONE | TYPE_FUNCTION | TYPE_INDIRECT) {
        return None;
    }
    Some(Function {
        address,
        size: u32::try_from(size).unwrap_or(u32::MAX),
        name: number(0, 4) as u32,
        is_global: info >> 4 != 0,
        is_typed: kind != TYPE_NONE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: u32, info: u8, section: u16, address: u64, size: u64) -> Vec<u8> {
        let mut bytes = name.to_le_bytes().to_vec();
        bytes.extend([info, 0]);
        bytes.extend(section.to_le_bytes());
        bytes.extend(address.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes
    }

    #[test]
    fn a_function_holds_its_own_addresses_only_and_goes_by_its_best_name() {
        let names = b"\0__open64\0open64\0data\0start\0inner\0gone\0";
        let at = |name: &str| {
            let name = format!("\0{name}\0");
            names.windows(name.len()).position(|window| window == name.as_bytes()).expect("a name") as u32 + 1
        };
        let entries = [
            entry(at("__open64"), 0x12, 1, 0x1000, 0x40),
            entry(at("open64"), 0x22, 1, 0x1000, 0x40),
            entry(at("data"), 0x11, 2, 0x1010, 4),
            entry(at("start"), 0x10, 1, 0x2000, 0),
            entry(at("inner"), 0x02, 1, 0x1020, 8),
            entry(at("gone"), 0x12, 0, 0x3000, 8),
        ];
        let mut functions: Vec<_> = entries.iter().filter_map(|entry| function(entry, true, true)).collect();
        functions.sort_unstable_by_key(|function| function.address);
        let table = SymbolTable { functions, names: names.to_vec().into() };
        let named = |address| table.find(address).map(|symbol| (symbol.name, symbol.address));
        let is = |name: &str, address| Some((name.to_owned(), address));
        assert_eq!(named(0xfff), None);
        assert_eq!(named(0x1000), is("open64", 0x1000));
        assert_eq!(named(0x1012), is("open64", 0x1000));
        assert_eq!(named(0x1024), is("inner", 0x1020));
        assert_eq!(named(0x1028), is("open64", 0x1000));
        assert_eq!(named(0x1040), None);
        assert_eq!(named(0x2abc), is("start", 0x2000));
        assert_eq!(table.named(|name| name == b"inner"), [0x1020]);
    }
}
