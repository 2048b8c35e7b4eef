//! The file system that a path is on, as the kernel tells of it: its kind, how it is mounted, what is free.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A file system that is mounted somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Its kind in the kernel's word, such as `ext4` or `nfs4`; empty if the kernel does not tell.
    pub kind: String,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// How it is mounted.
    pub options: Vec<String>,
    /// Bytes that this user may still write.
    pub free: Option<u64>,
    /// Files that this user may still make; none where they are not counted.
    pub free_files: Option<u64>,
}

/// Kinds that lie on other machines.
const SHARED: [&str; 20] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.juicefs",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "panfs",
    "smb3",
    "wekafs",
];

/// Kinds that lie in memory.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// Options with which locks are not passed on to the server.
const LOCAL_LOCKS: [&str; 5] = ["nolock", "local_lock=all", "local_lock=flock", "localflock", "noflock"];

impl Disk {
    /// The file system of a path that is there.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let path = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mounts = fs_err::read("/proc/self/mountinfo").unwrap_or_default();
        let found = rustix::fs::statvfs(&path).ok();
        Self {
            free: found
                .as_ref()
                .map(|found| found.f_bavail.saturating_mul(found.f_frsize)),
            free_files: found.filter(|found| found.f_files > 0).map(|found| found.f_favail),
            ..mounted(&mounts, &path).unwrap_or_default()
        }
    }

    /// Whether other machines can be expected to see it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        SHARED.contains(&self.kind.as_str())
    }

    /// Whether it is gone when the machine is started anew.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        MEMORY.contains(&self.kind.as_str())
    }

    /// The option by which other machines do not see this one's locks.
    #[must_use]
    pub fn keeps_locks_to_itself(&self) -> Option<&str> {
        let found = self.options.iter().map(String::as_str);
        found
            .filter(|_| self.is_shared())
            .find(|option| LOCAL_LOCKS.contains(option))
    }
}

/// The mount that a path is under, in a list like `/proc/self/mountinfo`: the longest, and of several the last, which hides the others.
fn mounted(list: &[u8], path: &Path) -> Option<Disk> {
    let lines = list.split(|byte| *byte == b'\n');
    let under = lines.filter_map(line).filter(|disk| path.starts_with(&disk.mount));
    under.max_by_key(|disk| disk.mount.as_os_str().len())
}

/// `36 35 98:0 /root /mount rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue`.
fn line(line: &[u8]) -> Option<Disk> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mount = fields.nth(4)?;
    let own = fields.next()?;
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = rest.next()?;
    let all = rest.nth(1).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let options = [own, all].into_iter().flat_map(|list| list.split(|byte| *byte == b','));
    Some(Disk {
        kind: text(kind),
        mount: PathBuf::from(OsString::from_vec(plain(mount))),
        options: options.map(text).collect(),
        ..Disk::default()
    })
}

/// Without the kernel's `\040` for a space.
fn plain(field: &[u8]) -> Vec<u8> {
    let (mut bytes, mut at) = (Vec::with_capacity(field.len()), 0);
    while at < field.len() {
        let digits = field.get(at + 1..at + 4).filter(|_| field[at] == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(field[at]));
        at += if code.is_some() { 4 } else { 1 };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
        30 22 0:40 / /data\\040sets rw shared:3 master:1 - nfs4 server:/x rw,vers=4.2,local_lock=none\n\
        31 22 0:41 / /old rw - nfs server:/y rw,nolock,local_lock=all\n\
        32 31 0:42 / /old rw - tmpfs none rw\n\
        rubbish\n";

    #[test]
    fn the_longest_mount_above_a_path_is_its_own_and_of_several_the_last() {
        let kind = |path: &str| mounted(LIST, Path::new(path)).unwrap().kind;
        assert_eq!(kind("/home"), "ext4");
        assert_eq!(kind("/data sets/x"), "nfs4");
        assert_eq!(kind("/data sets-2"), "ext4");
        assert_eq!(kind("/old/x"), "tmpfs");
        assert_eq!(mounted(b"", Path::new("/")), None);
    }

    #[test]
    fn what_others_see_and_whether_they_see_locks_follows_from_kind_and_options() {
        let disk = |number: usize| line(LIST.split(|byte| *byte == b'\n').nth(number).unwrap()).unwrap();
        assert!(!disk(0).is_shared() && disk(1).is_shared());
        assert_eq!(disk(1).keeps_locks_to_itself(), None);
        assert_eq!(disk(2).keeps_locks_to_itself(), Some("nolock"));
        assert!(disk(3).is_in_memory() && !disk(2).is_in_memory());
    }

    #[test]
    fn this_folder_is_on_some_disk() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(folder.path());
        assert!(!disk.kind.is_empty() && disk.free.is_some(), "{disk:?}");
    }
}
