//! What has been made, by content: objects, records, locks, and the digests of files outside.
//!
//! Answers "are the outputs of this key at hand, and if not, why not". Must not know what a stage means: a key is
//! named bytes. The one invariant: whatever a record names can be checked against its digest, and a process that is
//! killed at any moment leaves nothing behind that would be taken for good.
//!
//! The folder on disk (`.asm-pipe/` unless told otherwise):
//!
//! ```text
//! format                  version of this layout, written last when the store is made
//! CACHEDIR.TAG            tells backup programs to leave the folder out
//! .gitignore              `*`
//! objects/ab/cdef..       content by BLAKE3 digest, read-only. A folder is an object too: its manifest
//! records/ab/<key>.json   what a stage gave: one line of JSON, then that line's digest
//! history/<name>          keys that stages of one name were made under, oldest first: for explanations
//! views/<digest>/         a folder as its files, hard links to objects; may be deleted at any time
//! locks/<key>             who is making a key; the kernel lets go at the owner's death
//! locks/gate, in-use      keep the collector and those who use the content apart
//! scratch/<key>/          where a stage works; survives a job that was cut off
//! slurm/                  what jobs of a cluster print besides, while they are watched, and queues of pilots
//! runs/                   journals
//! damaged/                objects that were not what their name says
//! index/stamps            size, mtime, ctime and inode of each object when it was last known to be good
//! index/seals/<hash>      runs in which all was at hand, with the stamps of all that this rests on
//! index/outside/<hash>    the same for files outside, with their digests: one file for each path asked for
//! index/lists/<digest>    files of a folder outside when a stage was recorded: for explanations
//! index/providers/<hash>  what a provider said of itself
//! tmp/                    files being written; swept when older than a day
//! ```
//!
//! Everything under `index`, `history`, `views`, `tmp` and `damaged` can be lost without harm. Nothing in `objects`
//! or `records` names the store's own place, so that both can be copied to another machine.

mod archive;
mod atomic;
mod census;
mod collect;
mod difference;
mod digest;
mod disk;
mod error;
mod examine;
mod export;
mod external;
mod file_list;
mod find;
mod gate;
mod hash_file;
mod history;
mod inventory;
mod key;
mod layout;
mod lock;
mod lookup;
mod materialise;
mod object;
mod provider;
mod record;
mod seal;
mod stamp;
mod transfer;
mod tree;
mod unlike;
mod verify;
mod view;
mod walk;

pub use archive::{Exported, Imported, Refused};
pub use census::Census;
pub use collect::{Garbage, Removed, Wanted};
pub use difference::{ParamChange, Reason, param_changes};
pub use digest::Digest;
pub use disk::Disk;
pub use error::StoreError;
pub use examine::{Examined, Locks, Place, Trial, examine};
pub use file_list::FileChanges;
pub use gate::{Alone, InUse};
pub use inventory::{Inventory, Part};
pub use key::{InputDigest, KeyMaterial};
pub use layout::Store;
pub use lock::KeyLock;
pub use lookup::{Explanation, Lookup};
pub use record::{Maker, Output, Record};
pub use seal::Grounds;
pub use unlike::{How, Unlike};
pub use verify::{Missing, Verification};
