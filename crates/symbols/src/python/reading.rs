//! Numbers out of a stopped thread's memory. Every address comes from the target and may be anything.

use renacer_events::ReadMemory;

/// The 64-bit word at an offset of bytes that have been read.
pub(super) fn word(bytes: &[u8], offset: usize) -> Option<u64> {
    let piece = bytes.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_le_bytes(piece.try_into().ok()?))
}

/// The 32-bit number at an offset.
pub(super) fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    let piece = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(piece.try_into().ok()?))
}

/// Fills the buffer, or none.
pub(super) fn fill(memory: &mut dyn ReadMemory, address: u64, buffer: &mut [u8]) -> Option<()> {
    address.checked_add(buffer.len() as u64)?;
    (address != 0 && memory.read(address, buffer) == buffer.len()).then_some(())
}

/// The word at an address.
pub(super) fn word_at(memory: &mut dyn ReadMemory, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    fill(memory, address, &mut bytes)?;
    Some(u64::from_le_bytes(bytes))
}
