//! Runs or attaches to programs under ptrace and reads their system calls.
