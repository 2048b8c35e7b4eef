//! Which providers there are: programs named `asm-pipe-*`, and what each says it serves.
//!
//! Looked for in the folders that the user names, then beside this program, then on PATH. Of two with the same name the first is
//! taken. What a program says of itself is remembered by the program's stamp, so that nothing is started to ask it again. A broken
//! provider is a warning: pipelines that do not need it go on.

mod about;

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

pub use self::about::{Examined, examine};
use crate::stage::protocol::{Description, FORMAT};
use crate::stage::{KindInfo, Program};
use crate::store::Store;

/// What the names of providers begin with.
const PREFIX: &str = "asm-pipe-";

/// How long a provider may take to say what it serves: a large library may have to come from a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// No honest description is longer.
const LONGEST: u64 = 16 << 20;

/// A program and what it serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// The program.
    pub program: Program,
    /// Its kinds.
    pub kinds: Vec<KindInfo>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    /// The providers that answered, in the order in which they were found.
    pub providers: Vec<Provider>,
    /// What is wrong with the others.
    pub warnings: Vec<BrokenProvider>,
}

/// A provider that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider `{}` cannot be used: {why}", program.display())]
pub struct BrokenProvider {
    /// The program.
    pub program: PathBuf,
    /// What is wrong.
    pub why: String,
}

/// The folders to look in, best first. `named` is a list like PATH that comes first (`ASM_PIPE_PROVIDERS`), `executable` this
/// program, `path` the PATH. Beside a program that `cargo` has just built, the other profile's folder counts too.
#[must_use]
pub fn folders(named: Option<&OsStr>, executable: Option<&Path>, path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = named.into_iter().flat_map(std::env::split_paths).collect();
    if let Some(own) = executable.and_then(Path::parent) {
        // A test's program lies one deeper than those it tests.
        let own = if own.ends_with("deps") {
            own.parent().unwrap_or(own)
        } else {
            own
        };
        folders.push(own.to_owned());
        let is_profile = |name: &str| own.file_name() == Some(OsStr::new(name));
        if let (true, Some(target)) = (is_profile("debug") || is_profile("release"), own.parent()) {
            folders.extend(["release", "debug"].map(|profile| target.join(profile)));
        }
    }
    folders.extend(path.into_iter().flat_map(std::env::split_paths));
    let mut kept: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !folder.as_os_str().is_empty() && !kept.contains(&folder) {
            kept.push(folder);
        }
    }
    kept
}

/// The providers in some folders; what they say is remembered in the store, if there is one.
#[must_use]
pub fn discover(store: Option<&Store>, folders: &[PathBuf]) -> Discovery {
    let mut discovery = Discovery::default();
    for program in programs(folders) {
        match described(store, &program) {
            Ok(Description { kinds, environment, .. }) => {
                let program = Program {
                    path: program,
                    environment,
                };
                discovery.providers.push(Provider { program, kinds });
            }
            Err(why) => discovery.warnings.push(BrokenProvider { program, why }),
        }
    }
    discovery
}

/// The programs by that name, by folder and then by name. A folder that cannot be read has none: PATH often names such.
fn programs(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let Ok(entries) = fs_err::read_dir(folder) else {
            continue;
        };
        let named = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        let entries = entries.filter_map(Result::ok).filter(|entry| named(&entry.file_name()));
        let mut here: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| is_executable(path))
            .collect();
        here.sort_unstable();
        here.retain(|path| found.iter().all(|earlier| earlier.file_name() != path.file_name()));
        found.extend(here.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)));
    }
    found
}

fn is_executable(path: &Path) -> bool {
    fs_err::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// What a program says of itself, from memory if it is the program that was asked.
fn described(store: Option<&Store>, program: &Path) -> Result<Description, String> {
    let ask = || ask(program, "describe", PATIENCE).and_then(|text| check(&text).map(|_| text));
    match store {
        Some(store) => check(&store.provider_cache(program, ask)?),
        None => check(&ask()?),
    }
}

fn check(text: &str) -> Result<Description, String> {
    // First the version alone: another one may have other fields.
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("`describe` printed something that is not JSON ({e})"))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            return Err(format!(
                "it speaks version {format} of the protocol, this program version {FORMAT}"
            ));
        }
        None => return Err("`describe` did not print the version of the protocol in the field `format`".to_owned()),
    }
    serde_json::from_value(value).map_err(|e| format!("`describe` printed something that is no description: {e}"))
}

/// Runs `PROGRAM WORD`, which must end in time.
fn ask(program: &Path, word: &str, patience: Duration) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg(word).process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("it cannot be started: {e}"))?;
    let out = reader(child.stdout.take());
    let err = reader(child.stderr.take());
    let Some(status) = wait(&mut child, patience) else {
        return Err(format!(
            "`{word}` did not end within {} seconds",
            patience.as_secs_f64()
        ));
    };
    let text =
        |reader: thread::JoinHandle<Vec<u8>>| String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned();
    let (out, err) = (text(out), text(err));
    if status.success() {
        return Ok(out);
    }
    let lines: Vec<&str> = err.trim().lines().collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    Err(if last.is_empty() {
        format!("`{word}` ended with {status}")
    } else {
        format!("`{word}` ended with {status}: {last}")
    })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before an error is still worth telling.
            let _ = pipe.take(LONGEST).read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Waits for the end, but not for ever; whatever it has started ends with it, or its output would stay open.
fn wait(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + patience;
    let mut pause = Duration::from_millis(1);
    while Instant::now() < end {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
        let path = folder.join(name);
        super::super::test_support::program(&path, &format!("#!/bin/sh\n{script}\n"));
        path
    }

    fn store(folder: &Path) -> Store {
        Store::open(&folder.join("store")).unwrap()
    }

    const EMPTY: &str = r#"echo '{"format": 1, "kinds": []}'"#;

    #[test]
    fn the_users_folders_come_first_then_ours_then_the_path() {
        let found = folders(
            Some(OsStr::new("/mine:/more")),
            Some(Path::new("/home/me/target/debug/asm-pipe")),
            Some(OsStr::new("/usr/bin::/mine")),
        );
        let expected = [
            "/mine",
            "/more",
            "/home/me/target/debug",
            "/home/me/target/release",
            "/usr/bin",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
        let installed = folders(None, Some(Path::new("/opt/bin/asm-pipe")), None);
        assert_eq!(installed, [PathBuf::from("/opt/bin")]);
        let test = folders(None, Some(Path::new("/t/release/deps/main-12")), None);
        assert_eq!(test, ["/t/release", "/t/debug"].map(PathBuf::from));
    }

    #[test]
    fn of_two_programs_of_one_name_the_first_is_taken_and_other_files_are_not() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = program(a.path(), "asm-pipe-x", EMPTY);
        program(b.path(), "asm-pipe-x", EMPTY);
        let other = program(b.path(), "asm-pipe-y", EMPTY);
        program(b.path(), "something", EMPTY);
        fs_err::write(b.path().join("asm-pipe-x.d"), "text").unwrap();
        fs_err::create_dir(b.path().join("asm-pipe-folder")).unwrap();
        let absent = PathBuf::from("/no/such/folder");
        assert_eq!(
            programs(&[absent, a.path().to_owned(), b.path().to_owned()]),
            [first, other]
        );
    }

    #[test]
    fn a_provider_is_asked_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let script = format!("echo x >> {}\n{EMPTY}", asked.display());
        program(folder.path(), "asm-pipe-x", &script);
        let store = store(folder.path());
        let times = || fs_err::read_to_string(&asked).unwrap().lines().count();
        // A program that has just been written may be written again without a trace: the store does not trust it yet.
        thread::sleep(Duration::from_millis(2200));
        for _ in 0..2 {
            let discovery = discover(Some(&store), &[folder.path().to_owned()]);
            assert_eq!(
                (discovery.providers.len(), discovery.warnings.len()),
                (1, 0),
                "{discovery:?}"
            );
        }
        assert_eq!(times(), 1);
        program(folder.path(), "asm-pipe-x", &format!("# another\n{script}"));
        assert_eq!(discover(Some(&store), &[folder.path().to_owned()]).providers.len(), 1);
        assert_eq!(times(), 2);
    }

    #[test]
    fn broken_providers_are_told_of_and_do_no_harm_to_others() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), "asm-pipe-a", "echo no library >&2; exit 3");
        program(folder.path(), "asm-pipe-b", "echo hello");
        program(folder.path(), "asm-pipe-c", r#"echo '{"format": 7, "new": 1}'"#);
        program(
            folder.path(),
            "asm-pipe-d",
            r#"echo '{"format": 1, "kinds": [{"name": "x"}]}'"#,
        );
        program(folder.path(), "asm-pipe-e", "kill -SEGV $$");
        program(folder.path(), "asm-pipe-f", EMPTY);
        let discovery = discover(Some(&store(folder.path())), &[folder.path().to_owned()]);
        assert_eq!(discovery.providers.len(), 1);
        let why: Vec<&str> = discovery.warnings.iter().map(|warning| warning.why.as_str()).collect();
        for (why, part) in why
            .iter()
            .zip(["no library", "not JSON", "version 7", "no description", "signal"])
        {
            assert!(why.contains(part), "{why}");
        }
        assert_eq!(why.len(), 5);
    }
}
