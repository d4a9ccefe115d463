//! One run a GPU: a file a card, locked by whoever works on it. The system lets go of the lock when its holder ends, however it ends, so none is ever stale.
//!
//! The file is where every user of this machine finds it, whatever their TMPDIR: `/run/lock`, or `/tmp` where that is not everybody's. Containers with folders of
//! their own exclude each other only if they share that folder; `ORBITBENCH_LOCKS` names another one, the same for everybody.
//!
//! Not here: who it is that holds one (`holder`), processes that know nothing of us (the accelerator floor sees those).

use super::{Fault, holder};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Names another folder for locks: of containers that share a card, and of tests that share a double of one.
pub const FOLDER_VARIABLE: &str = "ORBITBENCH_LOCKS";
/// Where everybody may make a file and nobody may take another's away (FHS 3.0, 3.15 `/run` and 3.18 `/tmp`).
const FOLDERS: [&str; 2] = ["/run/lock", "/tmp"];

/// What names of files about cards begin with.
const PREFIX: &str = "orbitbench-";

/// A card that is ours until this is dropped.
#[derive(Debug)]
pub struct Hold {
    _file: File,
    caution: Option<String>,
}

impl Hold {
    /// What is wrong with the place of the lock.
    pub fn caution(&self) -> Option<&str> {
        self.caution.as_deref()
    }
}

/// Where the locks are, and what is wrong with that place.
fn place() -> (PathBuf, Option<String>) {
    let chosen = std::env::var_os(FOLDER_VARIABLE).filter(|f| !f.is_empty()).map(PathBuf::from);
    place_among(chosen, &FOLDERS.map(Path::new), std::env::temp_dir())
}

fn place_among(chosen: Option<PathBuf>, everybodys: &[&Path], own: PathBuf) -> (PathBuf, Option<String>) {
    if let Some(chosen) = chosen {
        return (chosen, None);
    }
    if let Some(found) = everybodys.iter().find(|f| is_everybodys(f)) {
        return ((*found).to_owned(), None);
    }
    let names: Vec<String> = everybodys.iter().map(|f| f.display().to_string()).collect();
    let caution = format!(
        "none of {} is a folder for everybody (mode 1777): the card's lock is in {}, and keeps out only who has that folder too",
        names.join(", "),
        own.display()
    );
    (own, Some(caution))
}

/// Everybody may write there, and nobody may take another's file away.
fn is_everybodys(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|m| m.is_dir() && m.permissions().mode() & 0o1777 == 0o1777)
}

/// A file about this card beside its lock.
pub fn beside(uuid: &str, ending: &str) -> PathBuf {
    file(&place().0, uuid, ending)
}

/// Whether there is such a file about any card: who only looks need not ask a driver about one of which there is nothing to say.
pub fn any_beside(ending: &str) -> bool {
    let ours = |name: &str| name.strip_prefix(PREFIX).is_some_and(|rest| rest.ends_with(&format!(".{ending}")));
    std::fs::read_dir(place().0).into_iter().flatten().flatten().any(|entry| entry.file_name().to_str().is_some_and(ours))
}

fn file(folder: &Path, uuid: &str, ending: &str) -> PathBuf {
    let name: String = uuid.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    folder.join(format!("{PREFIX}{name}.{ending}"))
}

/// Who has the card of this UUID, in words, and `None` where nobody has it as far as the system tells. Looks only: whoever takes it just now is not in its way.
pub fn held_by(uuid: &str) -> Option<String> {
    let path = file(&place().0, uuid, "lock");
    let mut file = open(&path, OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty()).map(File::from).ok()?;
    holder::listed(&file)?;
    let mut said = String::new();
    let _ = (&mut file).take(500).read_to_string(&mut said);
    Some(holder::words(&file, said.trim(), &path))
}

/// Within one process a card may be held twice: by the run that measures it and by the work in it.
static HELD: Mutex<Option<HashMap<PathBuf, Weak<Hold>>>> = Mutex::new(None);

/// Takes the card of this UUID, or says who has it.
pub fn hold(uuid: &str) -> Result<Arc<Hold>, Fault> {
    let (folder, caution) = place();
    hold_in(&folder, uuid, caution)
}

fn hold_in(folder: &Path, uuid: &str, caution: Option<String>) -> Result<Arc<Hold>, Fault> {
    let path = file(folder, uuid, "lock");
    let mut all = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_default();
    if let Some(held) = all.get(&path).and_then(Weak::upgrade) {
        return Ok(held);
    }
    let refused = |holder: String| Fault::Held { uuid: uuid.to_owned(), holder };
    let mut file = opened(&path).map_err(|why| refused(format!("as far as can be told: {} cannot be opened ({why})", path.display())))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut said = String::new();
        let _ = (&mut file).take(500).read_to_string(&mut said);
        return Err(refused(holder::words(&file, said.trim(), &path)));
    }
    // Another user's file cannot be written, and is a lock all the same.
    let line = format!("process {} ({})\n", std::process::id(), std::env::args().take(3).collect::<Vec<_>>().join(" "));
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(line.as_bytes()));
    let held = Arc::new(Hold { _file: file, caution });
    all.insert(path, Arc::downgrade(&held));
    Ok(held)
}

/// Ours to write, another's to read, or a new one; never through a link.
fn opened(path: &Path) -> rustix::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let everybody = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    open(path, flags | OFlags::RDWR, Mode::empty())
        .or_else(
            |why| if why == rustix::io::Errno::NOENT { open(path, flags | OFlags::RDWR | OFlags::CREATE, everybody) } else { Err(why) },
        )
        .or_else(|_| open(path, flags | OFlags::RDONLY, Mode::empty()))
        .map(File::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_held_once_by_a_process_and_twice_within_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = hold_in(folder.path(), "GPU-12/../ab", None).expect("free");
        let path = folder.path().join("orbitbench-GPU-12ab.lock");
        assert!(std::fs::read_to_string(&path).expect("there").starts_with(&format!("process {}", std::process::id())));
        assert!(Arc::ptr_eq(&first, &hold_in(folder.path(), "GPU-12ab", None).expect("ours")));
        drop(first);
        // As another process would: a descriptor of its own.
        let other = File::options().read(true).write(true).open(&path).expect("there");
        // Waits: a test beside this one may just be starting a program, whose copy of the descriptor lives until its own begins.
        flock(&other, FlockOperation::LockExclusive).expect("free again");
        let said = format!("process {} (orbitbench run)", std::process::id());
        std::fs::write(&path, format!("{said}\n")).expect("room");
        let why = hold_in(folder.path(), "GPU-12ab", None).expect_err("held").to_string();
        assert!(why.contains("GPU-12ab") && why.contains(&said) && !why.contains("stopped"), "{why}");
        // What somebody else left in a file that its holder may not write is not its holder.
        std::fs::write(&path, "process 7 (orbitbench run)\n").expect("room");
        let why = hold_in(folder.path(), "GPU-12ab", None).expect_err("held").to_string();
        assert!(why.contains(&format!("process {} (", std::process::id())) && !why.contains("process 7 "), "{why}");
        drop(other);
        // What its holder left is no lock.
        while hold_in(folder.path(), "GPU-12ab", None).is_err() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_lock_is_where_everybody_looks_whatever_their_own_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let [shared, private] = ["shared", "private"].map(|name| folder.path().join(name));
        for (path, mode) in [(&shared, 0o1777), (&private, 0o777)] {
            std::fs::create_dir(path).expect("room");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
        }
        let everybodys = [Path::new("/nowhere"), private.as_path(), shared.as_path()];
        for own in ["/tmp/anna", "/tmp/ben"] {
            assert_eq!(place_among(None, &everybodys, own.into()), (shared.clone(), None));
        }
        // No folder for everybody: said.
        let (found, caution) = place_among(None, &everybodys[..2], "/tmp/anna".into());
        assert_eq!(found, Path::new("/tmp/anna"));
        assert!(caution.is_some_and(|c| c.contains("/nowhere") && c.contains("keeps out only")));
        assert_eq!(place_among(Some("/chosen".into()), &everybodys, "/tmp/anna".into()), ("/chosen".into(), None));
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let aim = folder.path().join("precious");
        std::fs::write(&aim, "text").expect("room");
        std::os::unix::fs::symlink(&aim, folder.path().join("orbitbench-GPU-1.lock")).expect("a link");
        assert!(hold_in(folder.path(), "GPU-1", None).is_err());
        assert_eq!(std::fs::read_to_string(&aim).expect("there"), "text");
    }
}
