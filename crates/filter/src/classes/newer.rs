//! Calls that are newer than strace 6.1, up to Linux 6.18: what their arguments make them by the rules of the classes.

/// They take a file name.
pub(super) const FILE: &[&str] = &[
    "fchmodat2",
    "file_getattr",
    "file_setattr",
    "getxattrat",
    "listxattrat",
    "open_tree_attr",
    "removexattrat",
    "setxattrat",
];

/// They take or return a descriptor.
pub(super) const DESC: &[&str] = &[
    "cachestat",
    "fchmodat2",
    "file_getattr",
    "file_setattr",
    "getxattrat",
    "listxattrat",
    "open_tree_attr",
    "removexattrat",
    "setxattrat",
];

/// They change mappings.
pub(super) const MEMORY: &[&str] = &["map_shadow_stack", "mseal"];
