//! The command line: parse, wire the pieces together, report, exit.

fn main() {}
