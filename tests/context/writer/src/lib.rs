//! The writer in a library, for `tests/context/loader.c`.

mod work;

/// Opens files inside and outside of spans.
// SAFETY: nothing else in the process has this name.
#[unsafe(no_mangle)]
pub extern "C" fn work(thread: u32) {
    work::work(thread);
}
