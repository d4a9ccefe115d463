//! What a GPU's settings were before a run changed them: a small file beside the card's lock, written before anything is changed and taken away when
//! everything is back. It outlives engine and guardian; whoever holds the card next puts back what it says. It does not outlive the machine's boot, and
//! neither do the settings.
//!
//! Not here: putting them back (the accelerator floor).

use accelerator::Gpu;
use accelerator::nvml::{Library, Original, put_back};
use rustix::fs::{Mode, OFlags, fstat, open};
use serde::{Deserialize, Serialize};
use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const ENDING: &str = "settings";
const SCHEMA: u32 = 1;
/// No note of ours is longer, bytes.
const MOST: u64 = 4096;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    schema: u32,
    gpu: String,
    /// As it goes to a guardian.
    original: String,
    process: u32,
    since: String,
    run: String,
}

/// A note that lies there, and what it says: another run's has another text.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) path: PathBuf,
    text: String,
}

impl Note {
    /// Writes what is to be put back, whole or not at all.
    pub(super) fn leave(uuid: &str, original: Original, run: &Path) -> Result<Self, String> {
        Self::leave_at(workload::gpu::beside(uuid, ENDING), uuid, original, run)
    }

    fn leave_at(path: PathBuf, uuid: &str, original: Original, run: &Path) -> Result<Self, String> {
        let told = Told {
            schema: SCHEMA,
            gpu: uuid.to_owned(),
            original: original.to_string(),
            process: std::process::id(),
            since: jiff::Timestamp::now().to_string(),
            run: run.display().to_string(),
        };
        let cannot = |why: String| format!("cannot note in {} what the settings were: {why}", path.display());
        let text = toml::to_string(&told).map_err(|e| cannot(e.to_string()))?;
        let written = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
            file.write_all(text.as_bytes())?;
            file.as_file().set_permissions(Permissions::from_mode(0o644))?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        written().map_err(|e| cannot(e.to_string()))?;
        Ok(Self { path, text })
    }

    /// The one at `path`, if there is one that may be believed.
    pub(super) fn at(path: &Path) -> Result<Option<Self>, String> {
        let read = || -> std::io::Result<Option<Self>> {
            let file = match open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()) {
                Err(rustix::io::Errno::NOENT) => return Ok(None),
                other => other?,
            };
            // Everybody may make files in that folder: only root's word and our own goes.
            let owner = fstat(&file)?.st_uid;
            if owner != 0 && owner != rustix::process::getuid().as_raw() {
                return Err(std::io::Error::other(format!("it is user {owner}'s, and only root's or one's own is believed")));
            }
            let mut text = String::new();
            File::from(file).take(MOST).read_to_string(&mut text)?;
            Ok(Some(Self { path: path.to_owned(), text }))
        };
        read().map_err(|e| format!("cannot read {}: {e}", path.display()))
    }

    /// True while it is this very note that lies there.
    pub(super) fn lies_there(&self) -> bool {
        Self::at(&self.path).is_ok_and(|found| found.is_some_and(|found| found.text == self.text))
    }

    /// Takes it away: everything is back.
    pub(super) fn remove(&self) {
        if self.lies_there() {
            // One that cannot be removed makes the next run put back once more what is there already.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn told(&self, uuid: &str) -> Result<(Told, Original), String> {
        let wrong = |why: String| {
            format!(
                "{} does not say what the settings of {uuid} were ({why}): look at them with `nvidia-smi -q -d POWER,CLOCK`, set them \
                 (`nvidia-smi -pl WATTS`, `-rgc`), then remove that file",
                self.path.display()
            )
        };
        let told: Told = toml::from_str(&self.text).map_err(|e| wrong(e.message().to_owned()))?;
        if told.schema != SCHEMA || told.gpu != uuid {
            return Err(wrong(format!("expected schema {SCHEMA} and gpu \"{uuid}\"")));
        }
        let original = told.original.parse::<Original>().map_err(wrong)?;
        Ok((told, original))
    }
}

/// Puts back what a run before this one left changed on the card, which must be held; says what was done.
pub(crate) fn take_up(uuid: &str) -> Result<Option<String>, String> {
    let Some(note) = Note::at(&workload::gpu::beside(uuid, ENDING))? else { return Ok(None) };
    let (told, original) = note.told(uuid)?;
    let left = format!("the run in {} (process {}, {}) left the settings of {uuid} changed", told.run, told.process, told.since);
    let library = Library::find().map_err(|e| format!("{left}: {e}"))?;
    put_back(library, &Gpu::Uuid(uuid.to_owned()), original)
        .map_err(|e| format!("{left}, and they cannot be put back to \"{}\": {e}", original.words()))?;
    note.remove();
    Ok(Some(format!("{left}; put back and read back: {}", original.words())))
}

/// There is a note about some card.
pub(crate) fn anything_left() -> bool {
    workload::gpu::any_beside(ENDING)
}

/// What lies on a card that nobody has taken: what a run before left changed, in words. Looks only: nothing is put back.
pub(crate) fn left_on(uuid: &str) -> Option<String> {
    let note = match Note::at(&workload::gpu::beside(uuid, ENDING)) {
        Ok(note) => note?,
        Err(why) => return Some(why),
    };
    let (told, original) = match note.told(uuid) {
        Ok(told) => told,
        Err(why) => return Some(why),
    };
    let before = original.words();
    Some(match workload::gpu::held_by(uuid) {
        Some(holder) => format!(
            "the settings of {uuid} are changed by the run in {}, which has the card ({holder}); before it there was {before}, which it puts back at its end: what \
             the card says of itself now is not what the next run finds",
            told.run
        ),
        None => format!(
            "the run in {} (process {}, {}) was killed and left the settings of {uuid} changed; before it there was {before}: whoever takes the card next (`run`, \
             `accelerator check`, `workload map`) puts that back first, and what the card says of itself now is not what it finds",
            told.run, told.process, told.since
        ),
    })
}

/// What whoever holds a card has changed on it, for who is refused it; empty where that is nothing.
pub(crate) fn of_a_holder(uuid: &str) -> String {
    let note = Note::at(&workload::gpu::beside(uuid, ENDING)).ok().flatten();
    let Some((told, original)) = note.and_then(|note| note.told(uuid).ok()) else { return String::new() };
    format!(
        " (the run in {}; it set the card otherwise than it was, {}, which its guardians put back while it is silent, and else whoever takes the card next)",
        told.run,
        original.words()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "GPU-12";

    #[test]
    fn a_note_says_what_was_there_until_it_is_taken_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("note");
        assert!(Note::at(&path).expect("readable").is_none());
        let original = Original { limit_mw: Some(650_000), unlock: true };
        let note = Note::leave_at(path.clone(), UUID, original, Path::new("logs/one")).expect("room");
        let found = Note::at(&path).expect("readable").expect("there");
        let (told, read) = found.told(UUID).expect("understood");
        assert_eq!((read, told.run.as_str(), told.process), (original, "logs/one", std::process::id()));
        assert!(found.told("GPU-13").expect_err("another card's").contains("GPU-13"));
        // Another run's is not ours to take away.
        let other = Note::leave_at(path.clone(), UUID, original, Path::new("logs/two")).expect("room");
        assert!(!note.lies_there() && other.lies_there());
        note.remove();
        assert!(path.exists());
        other.remove();
        assert!(!path.exists() && std::fs::read_dir(folder.path()).expect("ours").next().is_none(), "nothing is left beside it");
    }

    #[test]
    fn what_is_no_note_says_what_to_do_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("note");
        for nonsense in [
            "",
            "original = \"650000,unlock\"",
            "\0",
            "schema = 1\ngpu = \"GPU-12\"\noriginal = \"x\"\nprocess = 1\nsince = \"\"\nrun = \"\"",
        ] {
            std::fs::write(&path, nonsense).expect("room");
            let why = Note::at(&path).expect("readable").expect("there").told(UUID).expect_err("nonsense");
            assert!(why.contains("nvidia-smi") && why.contains("remove that file"), "{why}");
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert!(Note::at(&link).is_err());
    }
}
