//! The writer in a library, for `tests/context/loader.c`.

mod work;

/// Opens files inside and outside of spans.
#[no_mangle]
pub extern "C" fn work(thread: u32) {
    work::work(thread);
}
