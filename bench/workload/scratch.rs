//! A folder of our own among everybody's temporary files, for checkpoints of a bench: gone when we are done with it, and where we were killed, when the next one begins.
//!
//! Whether its maker lives is asked of a lock on the folder, which the system lets go of however the maker ends; not of a process number, which is another's by then,
//! or in another container.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A folder that is removed with this.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Scratch {
    /// A new folder `<name>-<process>` among temporary files; what dead makers left under that name is removed.
    pub fn new(name: &str) -> io::Result<Self> {
        Self::among(&std::env::temp_dir(), name, std::process::id())
    }

    fn among(folder: &Path, name: &str, number: u32) -> io::Result<Self> {
        sweep(folder, name);
        let path = folder.join(format!("{name}-{number}"));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        let lock = locked(&path)?.ok_or_else(|| io::Error::other(format!("{} is another's", path.display())))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The folder, if nobody holds it. Never through a link.
fn locked(path: &Path) -> rustix::io::Result<Option<OwnedFd>> {
    let folder = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(folder)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(why) => Err(why),
    }
}

/// Removes what makers that are gone left. What cannot be removed stays: it is in nobody's way.
fn sweep(folder: &Path, name: &str) {
    let ours = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let left =
            entry.file_name().to_str().and_then(|n| n.strip_prefix(name)?.strip_prefix('-')).is_some_and(|n| n.parse::<u32>().is_ok());
        if left && entry.metadata().is_ok_and(|m| m.is_dir() && m.uid() == ours) && matches!(locked(&entry.path()), Ok(Some(_))) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_is_removed_and_what_is_held_is_not() {
        let among = tempfile::tempdir().expect("a temp folder");
        let file = |n: u32| among.path().join(format!("work-{n}"));
        let held = Scratch::among(among.path(), "work", 1).expect("new");
        fs::write(held.path().join("a.checkpoint"), "state").expect("room");
        // A maker that was killed: its folder is there, its lock is not. Another's name is not ours to remove.
        for other in ["work-2", "work-x", "worker-3"] {
            fs::create_dir(among.path().join(other)).expect("room");
            fs::write(among.path().join(other).join("a.checkpoint"), "state").expect("room");
        }
        let next = Scratch::among(among.path(), "work", 4).expect("new");
        assert!(held.path().join("a.checkpoint").exists() && !file(2).exists() && file(4).is_dir());
        assert!(among.path().join("work-x").exists() && among.path().join("worker-3").exists());
        drop((held, next));
        assert!(!file(1).exists() && !file(4).exists(), "gone with them");
    }
}
