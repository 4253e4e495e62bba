//! What the process is: its resource's attributes, as OpenTelemetry's proposal 4719 publishes them.
//!
//! A mapping with a name that readers look for has a header that points to the payload, a `ProcessContext` of
//! `opentelemetry.proto.processcontext.v1development`.

/// Why a process could not be described.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The system refuses the memory: memfd_create, mmap or madvise failed.
    #[error("no memory to publish the process's description in: {0}")]
    Memory(#[from] std::io::Error),
    /// Readers take no more than 64 KiB.
    #[error("the description has {0} bytes, and may have {MOST}")]
    TooLong(usize),
    /// There is no clock that tells when it was published.
    #[error("the clock cannot be read")]
    Clock,
}

/// The longest payload that readers take, in bytes.
const MOST: usize = 64 << 10;

/// Says what this process is, by the attributes of its resource such as `service.name`. Said again, it replaces what was said before. A
/// forked child is not described until it says something itself.
///
/// # Errors
///
/// Where the system refuses the memory, or there is more to be said than readers take. On systems where nothing is published it
/// succeeds without doing anything.
pub fn describe<K: AsRef<str>, V: AsRef<str>>(
    attributes: impl IntoIterator<Item = (K, V)>,
) -> Result<(), DescribeError> {
    let payload = payload(attributes);
    if payload.len() > MOST {
        return Err(DescribeError::TooLong(payload.len()));
    }
    published::publish(payload)
}

/// A `ProcessContext`.
fn payload<K: AsRef<str>, V: AsRef<str>>(attributes: impl IntoIterator<Item = (K, V)>) -> Box<[u8]> {
    let mut resource = Vec::new();
    for (key, value) in attributes {
        field(&mut resource, 1, &attribute(key.as_ref(), value.as_ref()));
    }
    let mut payload = Vec::new();
    field(&mut payload, 1, &resource);
    // Of the threads' variables.
    field(&mut payload, 2, &attribute("threadlocal.schema_version", "tlsdesc_v1_dev"));
    payload.into_boxed_slice()
}

/// A `KeyValue` whose value is text.
fn attribute(key: &str, value: &str) -> Vec<u8> {
    let (mut attribute, mut any) = (Vec::new(), Vec::new());
    field(&mut any, 1, value.as_bytes());
    field(&mut attribute, 1, key.as_bytes());
    field(&mut attribute, 2, &any);
    attribute
}

/// A field of protobuf with a length.
fn field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod published {
    use std::ptr;
    use std::sync::atomic::Ordering::{Relaxed, SeqCst};
    use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, fence};
    use std::sync::{Mutex, PoisonError};

    use rustix::time::{ClockId, clock_gettime};

    use super::DescribeError;
    use crate::memory::Mapping;

    const VERSION: u32 = 2;

    /// What readers find at the beginning of the mapping.
    #[repr(C)]
    pub(crate) struct Header {
        signature: AtomicU64,
        version: AtomicU32,
        size: AtomicU32,
        /// CLOCK_BOOTTIME in ns; 0 while the rest is changed.
        published: AtomicU64,
        payload: AtomicPtr<u8>,
    }

    struct Description {
        mapping: Mapping,
        /// A child has the variable, but not the mapping.
        process: u32,
        /// What the header points to.
        _payload: Box<[u8]>,
    }

    static DESCRIPTION: Mutex<Option<Description>> = Mutex::new(None);

    pub fn publish(payload: Box<[u8]>) -> Result<(), DescribeError> {
        let mut description = DESCRIPTION.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        let mapping = match description.take() {
            Some(known) if known.process == process => {
                // What the header points to is freed only when it says that there is nothing.
                known.mapping.header().published.store(0, SeqCst);
                fence(SeqCst);
                known.mapping
            }
            _ => Mapping::new()?,
        };
        let header = mapping.header();
        header.signature.store(u64::from_ne_bytes(*b"OTEL_CTX"), Relaxed);
        header.version.store(VERSION, Relaxed);
        header.size.store(u32::try_from(payload.len()).map_err(|_| DescribeError::TooLong(payload.len()))?, Relaxed);
        header.payload.store(ptr::from_ref(&*payload).cast_mut().cast(), Relaxed);
        fence(SeqCst);
        let now = clock_gettime(ClockId::Boottime);
        let now = u64::try_from(now.tv_sec)
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000_000_000)?.checked_add(now.tv_nsec as u64));
        header.published.store(now.ok_or(DescribeError::Clock)?.max(1), SeqCst);
        *description = Some(Description { mapping, process, _payload: payload });
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_header_has_the_layout_that_readers_expect() {
            assert_eq!(size_of::<Header>(), 32);
            assert_eq!(std::mem::offset_of!(Header, published), 16);
            assert_eq!(std::mem::offset_of!(Header, payload), 24);
        }
    }
}

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod published {
    use super::DescribeError;

    pub fn publish(_: Box<[u8]>) -> Result<(), DescribeError> {
        Ok(())
    }
}

#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) use published::Header;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(matches!(describe([("key", "v".repeat(MOST))]), Err(DescribeError::TooLong(_))));
    }

    #[test]
    fn a_payload_is_protobuf() {
        let value = "v".repeat(200);
        let bytes = payload([("k", &value)]);
        // Resource, attribute, key, value, text: lengths of two bytes from 128 on.
        let expected = [0x0a, 212, 1, 0x0a, 209, 1, 0x0a, 1, b'k', 0x12, 203, 1, 0x0a, 200, 1, b'v'];
        assert_eq!(bytes[..expected.len()], expected);
        assert!(bytes.ends_with(b"\x12\x10\x0a\x0etlsdesc_v1_dev"));
    }
}
