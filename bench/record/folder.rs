//! The run folder as a place: its name, its files, how runs are found again, and how a file is replaced without ever being half
//! there. What the files hold is told elsewhere.

use crate::Error;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// What a run is and was flown with.
pub const RUN: &str = "run.toml";
/// The rehearsal.
pub const PREDICTION: &str = "prediction.csv";
/// How far a run may be off the rehearsal without surprise.
pub const BAND: &str = "band.csv";
/// A row a tick.
pub const SAMPLES: &str = "samples.csv";
/// What happened.
pub const EVENTS: &str = "events.csv";
/// Figures of merit.
pub const SUMMARY: &str = "summary.json";
/// The seal.
pub const SUMS: &str = "SHA256SUMS";
/// Measured, predicted and residual: derived, can be made again at any time.
pub const COMPARISON: &str = "comparison.csv";

/// Room that is kept on the disk for the end of a run; gone with it.
pub const RESERVE: &str = ".reserve";
/// Folder of the work's checkpoints while the run goes on, which are removed at its end unless they are wanted.
pub const CHECKPOINTS: &str = "checkpoints";

/// What a work map is and was measured with: the manifest of a map's folder.
pub const MAP: &str = "map.toml";
/// A row a measured point.
pub const POINTS: &str = "points.csv";
/// A row a place of the map: means and intervals.
pub const TABLE: &str = "table.csv";

/// How often another random name is tried.
const NAME_TRIES: usize = 16;

/// One run's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes `<root>/<utc>_<profile>_<rig>_<4 random>/`, and `root` if need be.
    pub fn create(root: &Path, started: Timestamp, profile: &str, rig: &str) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(Error::io("make folder", root))?;
        let root = fs::canonicalize(root).map_err(Error::io("find folder", root))?;
        let utc = started.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut tries = 0;
        loop {
            // Seeded by the system: enough to tell apart runs begun in the same second.
            let random = RandomState::new().hash_one(tries) as u16;
            let path = root.join(format!("{utc}_{}_{}_{random:04x}", plain(profile), plain(rig)));
            tries += 1;
            match fs::create_dir(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && tries < NAME_TRIES => {}
                Err(source) => return Err(Error::Io { doing: "make run folder", path, source }),
                Ok(()) => return Ok(Self { path }),
            }
        }
    }

    /// The run folder at `path`, which must hold a `run.toml`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = fs::canonicalize(path).map_err(Error::io("open run folder", path))?;
        if path.join(RUN).is_file() {
            return Ok(Self { path });
        }
        Err(Error::unusable(&path, format!("it is no run folder: there is no {RUN} in it")))
    }

    /// The map's folder at `path`, which must hold a `map.toml`.
    pub fn open_map(path: &Path) -> Result<Self, Error> {
        let path = fs::canonicalize(path).map_err(Error::io("open the folder of a map", path))?;
        if path.join(MAP).is_file() {
            return Ok(Self { path });
        }
        Err(Error::unusable(&path, format!("it is no work map: there is no {MAP} in it")))
    }

    /// It is a work map's, not a run's.
    pub fn is_map(&self) -> bool {
        self.file(MAP).is_file()
    }

    /// Every run under `root`, the oldest first. No `root`, no runs.
    pub fn list(root: &Path) -> Result<Vec<Self>, Error> {
        let entries = match fs::read_dir(root) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("list runs in", root))?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("list runs in", root))?.path();
            if path.join(RUN).is_file() {
                runs.push(Self { path: fs::canonicalize(&path).map_err(Error::io("find folder", &path))? });
            }
        }
        // Names begin with the time.
        runs.sort_by_key(Self::name);
        Ok(runs)
    }

    /// The run that `wanted` means: a folder, `latest`, a name under `root`, its unique beginning, or its last four characters.
    pub fn find(root: &Path, wanted: &str) -> Result<Self, Error> {
        let as_path = Path::new(wanted);
        if as_path.join(RUN).is_file() {
            return Self::open(as_path);
        }
        let mut runs = Self::list(root)?;
        let none = |hint: String| Error::NoRun { wanted: wanted.to_owned(), root: root.to_owned(), hint };
        if wanted == "latest" {
            return runs.pop().ok_or_else(|| none("there is none yet".into()));
        }
        if let Some(at) = runs.iter().position(|r| r.name() == wanted) {
            return Ok(runs.swap_remove(at));
        }
        let fits = |run: &Self| {
            let name = run.name();
            name.starts_with(wanted) || name.rsplit('_').next() == Some(wanted)
        };
        let mut fitting: Vec<Self> = if wanted.is_empty() { Vec::new() } else { runs.iter().filter(|r| fits(r)).cloned().collect() };
        match (fitting.pop(), fitting.len()) {
            (Some(only), 0) => Ok(only),
            (Some(last), more) => Err(none(format!("{} runs begin so, the newest is {}; write more of the name", more + 1, last.name()))),
            (None, _) => Err(none(match runs.last() {
                Some(newest) => format!("there are {} runs, the newest is {}", runs.len(), newest.name()),
                None => "there is none yet".into(),
            })),
        }
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name: that of its folder.
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
    }

    /// The file of this name in the folder; the names are constants of this crate.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Bytes of the work's checkpoints that are here; `None` where there are none.
    pub fn checkpoints(&self) -> Option<u64> {
        let files = fs::read_dir(self.file(CHECKPOINTS)).ok()?.flatten();
        let sizes: Vec<u64> = files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|m| m.len()).collect();
        (!sizes.is_empty()).then(|| sizes.iter().sum())
    }

    /// Replaces the file `name` by `bytes` as a whole: at any moment, also after a power cut, it holds the old or the new.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        replace_file(&self.file(name), bytes)
    }

    /// Keeps room on the disk for what is written at the end of a run: a disk that fills up in between still takes manifest, figures and seal.
    ///
    /// # Errors
    /// If there is no room now: better than in the middle of a run.
    pub fn reserve(&self, bytes: usize) -> Result<(), Error> {
        // Nothing that a file system could fold together or compress: a multiplicative generator's upper bits (Knuth, TAOCP 2, 3.3.4, table 1, line 26).
        let mut x: u64 = 1;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (x >> 56) as u8
        };
        let filling: Vec<u8> = std::iter::repeat_with(&mut next).take(bytes).collect();
        self.replace(RESERVE, &filling)
    }

    /// Gives that room back, for what it was kept for.
    pub fn release(&self) {
        // One that is not there keeps nothing.
        let _ = fs::remove_file(self.file(RESERVE));
    }

    /// The text of the file `name`.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        let path = self.file(name);
        fs::read_to_string(&path).map_err(Error::io("read", &path))
    }

    /// SHA-256 of the file `name`, in lowercase hexadecimal.
    pub fn sha256(&self, name: &str) -> Result<String, Error> {
        sha256_file(&self.file(name))
    }
}

/// Letters, digits, dots and dashes survive: names are typed in shells and split at underscores.
fn plain(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// Writes `bytes` beside `path` and renames over it, syncing file and folder.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut hidden = OsString::from(".");
    hidden.push(path.file_name().unwrap_or_default());
    hidden.push(".new");
    let beside = path.with_file_name(hidden);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(Error::io("write", &beside))?;
    fs::rename(&beside, path).map_err(Error::io("replace", path))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|f| f.sync_all()).map_err(Error::io("sync folder", folder))
}

/// SHA-256 of a file, in lowercase hexadecimal as `sha256sum` prints it.
pub fn sha256_file(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(n) => hash.update(&block[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("read", path)(e)),
        }
    }
}

/// SHA-256 of bytes, in lowercase hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(second: i64) -> Timestamp {
        // 2026-06-21T00:00:00Z
        Timestamp::new(1_781_999_999 + second, 0).expect("in range")
    }

    fn run(root: &Path, second: i64) -> Folder {
        let folder = Folder::create(root, started(second), "dawn-dusk-650", "twin").expect("a new folder");
        folder.replace(RUN, b"schema = 1\n").expect("room");
        folder
    }

    #[test]
    fn names_say_when_what_and_where() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let folder = Folder::create(&dir.path().join("logs"), started(1), "my profile_1", "../rig").expect("a new folder");
        let name = folder.name();
        let parts: Vec<&str> = name.split('_').collect();
        assert_eq!(parts[..3], ["20260621T000000Z", "my-profile-1", "rig"]);
        assert!(parts.len() == 4 && parts[3].len() == 4 && parts[3].bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
        assert!(folder.path().is_absolute());
    }

    #[test]
    fn runs_are_found_by_folder_name_beginning_end_and_age() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let (old, new) = (run(dir.path(), 0), run(dir.path(), 3600));
        Folder::create(dir.path(), started(7200), "no", "manifest").expect("a folder that is no run yet");
        assert_eq!(Folder::list(dir.path()).expect("listed"), [old.clone(), new.clone()]);
        let find = |wanted: &str| Folder::find(dir.path(), wanted);
        assert_eq!(find("latest").expect("newest"), new);
        assert_eq!(find(&old.name()).expect("by name"), old);
        assert_eq!(find("20260620T").expect("by beginning"), old);
        assert_eq!(find(old.path().to_str().expect("UTF-8")).expect("by folder"), old);
        let end = new.name().split_off(new.name().len() - 4);
        if !old.name().ends_with(&end) {
            assert_eq!(find(&end).expect("by end"), new);
        }
        assert!(find("2026").expect_err("two begin so").to_string().contains("2 runs begin so"));
        assert!(find("1999").expect_err("none begins so").to_string().contains(&new.name()));
        assert!(find("").is_err());
        assert!(Folder::find(&dir.path().join("nowhere"), "latest").expect_err("no root").is_missing());
        assert!(Folder::open(dir.path()).expect_err("no run").to_string().contains("no run.toml"));
    }

    #[test]
    fn a_replaced_file_is_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let folder = run(dir.path(), 0);
        folder.replace(RUN, b"schema = 2\n").expect("room");
        assert_eq!(folder.text(RUN).expect("there"), "schema = 2\n");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn hashes_are_those_of_sha256sum() {
        // FIPS 180-4 test vector "abc".
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("abc");
        fs::write(&path, "abc").expect("room");
        assert_eq!(sha256_file(&path).expect("there"), abc);
    }
}
