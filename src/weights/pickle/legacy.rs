//! The format of `torch.save` before 1.6: four pickles in a row, then the storages' bytes.
//!
//! The pickles are a magic number, the protocol version, facts of the writer's machine, and the state dict; a fifth lists the
//! storages' keys in the order in which each follows as a count of elements (64 bits) and the elements.

use std::collections::BTreeMap;

use super::PickleError;
use super::machine::{self, Value};
use crate::weights::Arrays;

/// 0x1950a86a20f9469cfc6c, little-endian, as the first pickle holds it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;

pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.len() > 14 && bytes[0] == 0x80 && bytes[2..4] == [0x8a, 10] && bytes[4..14] == MAGIC
}

pub(super) fn read(bytes: &[u8]) -> Result<Arrays, PickleError> {
    let mut rest = bytes;
    machine::run(&mut rest)?;
    if !matches!(machine::run(&mut rest)?.root(), Value::Integer(PROTOCOL)) {
        return Err(PickleError::malformed("it has an unknown protocol version"));
    }
    let machine_facts = machine::run(&mut rest)?;
    if matches!(machine_facts.entry("little_endian"), Some(Value::Boolean(false))) {
        return Err(PickleError::malformed("it was written on a big-endian machine"));
    }
    let program = machine::run(&mut rest)?;
    let keys = machine::run(&mut rest)?.texts()?;
    let storages = storages(&program, &keys, rest)?;
    super::arrays(&program, bytes.len(), |storage| {
        storages
            .get(storage.key.as_str())
            .copied()
            .ok_or_else(|| PickleError::malformed(format!("storage `{}` is missing", storage.key)))
    })
}

/// Cuts the bytes after the pickles into storages by key.
fn storages<'a, 'b>(
    program: &machine::Pickle,
    keys: &'b [String],
    mut rest: &'a [u8],
) -> Result<BTreeMap<&'b str, &'a [u8]>, PickleError> {
    let declared = program.storages();
    let mut storages = BTreeMap::new();
    for key in keys {
        let storage = declared
            .get(key.as_str())
            .ok_or_else(|| PickleError::malformed(format!("storage `{key}` belongs to no tensor")))?;
        let (count, after) = rest.split_first_chunk::<8>().ok_or(PickleError::Truncated)?;
        if u64::from_le_bytes(*count) != storage.count as u64 {
            return Err(PickleError::malformed(format!(
                "storage `{key}` has another size than its tensors say"
            )));
        }
        let length = storage
            .count
            .checked_mul(storage.dtype.bitsize() / 8)
            .ok_or(PickleError::Truncated)?;
        let (data, after) = after.split_at_checked(length).ok_or(PickleError::Truncated)?;
        storages.insert(key.as_str(), data);
        rest = after;
    }
    Ok(storages)
}
