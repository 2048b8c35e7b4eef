//! What a provider said of itself, so that it need not be started only to be asked again.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::seal::RACY;
use super::stamp::Stamp;
use super::{Digest, Store, atomic};

#[derive(Serialize, Deserialize)]
struct Answer {
    program: PathBuf,
    size: u64,
    modified: i64,
    changed: i64,
    inode: u64,
    text: String,
}

impl Answer {
    fn is_of(&self, program: &Path, stamp: &Stamp) -> bool {
        let known = Stamp {
            size: self.size,
            modified: self.modified,
            changed: self.changed,
            inode: self.inode,
        };
        self.program == program && known == *stamp
    }
}

impl Store {
    /// Removes what is known of programs and files outside that are no more, and all seals.
    pub(super) fn trim_indexes(&self) {
        self.outside.trim();
        self.break_seals();
        let Ok(entries) = std::fs::read_dir(self.root().join("index/providers")) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let text = fs_err::read(&path).unwrap_or_default();
            if !serde_json::from_slice::<Answer>(&text).is_ok_and(|answer| answer.program.exists()) {
                let _ = fs_err::remove_file(&path);
            }
        }
    }

    /// What a provider's `describe` printed: as cached for this program as it is on disk, else by asking it.
    ///
    /// # Errors
    /// Those of `describe`. A cache that cannot be read or written only costs the asking.
    pub fn provider_cache<E>(&self, program: &Path, describe: impl FnOnce() -> Result<String, E>) -> Result<String, E> {
        let Some((program, stamp)) = settled(program) else {
            return describe();
        };
        let name = Digest::of_bytes(program.as_os_str().as_encoded_bytes()).to_string();
        let path = self.root().join("index/providers").join(&name[..32]);
        let known = fs_err::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice::<Answer>(&text).ok());
        if let Some(answer) = known
            && answer.is_of(&program, &stamp)
        {
            return Ok(answer.text);
        }
        let text = describe()?;
        let answer = Answer {
            program,
            size: stamp.size,
            modified: stamp.modified,
            changed: stamp.changed,
            inode: stamp.inode,
            text,
        };
        if let Ok(json) = serde_json::to_vec(&answer) {
            let _ = atomic::write(&path, &self.temporary(), &json);
        }
        Ok(answer.text)
    }
}

/// The program's file and its stamp. One that has just been built is given the moment after which a further change shows.
fn settled(program: &Path) -> Option<(PathBuf, Stamp)> {
    let program = fs_err::canonicalize(program).ok()?;
    let look = || Some(Stamp::of(&fs_err::metadata(&program).ok()?));
    let stamp = look()?;
    let changed = SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(stamp.changed).ok()?);
    if SystemTime::now().duration_since(changed).is_ok_and(|age| age > RACY) {
        return Some((program, stamp));
    }
    std::thread::sleep(RACY);
    let stamp = look()?;
    Some((program, stamp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_program_is_asked_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let program = PathBuf::from("/bin/sh");
        let asked = Cell::new(0);
        let ask = |program: &Path| {
            let describe = || {
                asked.set(asked.get() + 1);
                Ok::<_, ()>(format!("answer {}", asked.get()))
            };
            store.provider_cache(program, describe).unwrap()
        };
        let first = ask(&program);
        assert_eq!(ask(&program), first);
        let copy = folder.path().join("program");
        fs_err::write(&copy, "one").unwrap();
        let one = ask(&copy);
        assert_eq!(ask(&copy), one, "one that was just made is remembered too");
        fs_err::write(&copy, "two").unwrap();
        assert_ne!(ask(&copy), one);
    }

    #[test]
    fn an_answer_that_failed_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let program = std::env::current_exe().unwrap();
        assert_eq!(store.provider_cache(&program, || Err("crashed")), Err("crashed"));
        assert_eq!(
            store.provider_cache(&program, || Ok::<_, ()>("fine".into())),
            Ok("fine".into())
        );
    }
}
