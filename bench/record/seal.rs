//! The seal of a finished run: `SHA256SUMS` over its files, in the format of `sha256sum`, so that anyone can check it without
//! this program. It shows that files changed after sealing; it does not prove who sealed them.

use crate::folder::{BAND, CHECKPOINTS, EVENTS, Folder, MAP, POINTS, PREDICTION, RUN, SAMPLES, SUMMARY, SUMS, TABLE};
use crate::{Error, folder::sha256};
use std::collections::BTreeMap;
use std::fmt;
use toml::Table;

/// The files under the seal, in the order of `SHA256SUMS`.
pub const SEALED: [&str; 5] = [RUN, PREDICTION, SAMPLES, EVENTS, SUMMARY];

/// What is under the seal too where a run has it.
const SEALED_IF_THERE: [&str; 1] = [BAND];

/// The files under the seal of a map, in the order of `SHA256SUMS`.
pub const SEALED_MAP: [&str; 5] = [MAP, POINTS, EVENTS, TABLE, SUMMARY];

/// What a folder's seal is over: its manifest, what must be there, what may be.
struct Contract {
    manifest: &'static str,
    sealed: &'static [&'static str],
    if_there: &'static [&'static str],
}

/// Its manifest says what a folder is.
fn contract(folder: &Folder) -> Contract {
    if folder.is_map() {
        Contract { manifest: MAP, sealed: &SEALED_MAP, if_there: &[] }
    } else {
        Contract { manifest: RUN, sealed: &SEALED, if_there: &SEALED_IF_THERE }
    }
}

/// What can be said about a run's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every file is as it was when the run was sealed.
    Sealed {
        /// SHA-256 of `SHA256SUMS` itself, for reports to quote.
        seal: String,
    },
    /// There is no seal: the run did not end, or is under way.
    Unsealed {
        /// What is known about it.
        why: String,
    },
    /// A file is not what was sealed.
    Tampered {
        /// Which one.
        file: String,
        /// In what way.
        why: String,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed { seal } => write!(f, "sealed (seal {})", seal.get(..16).unwrap_or(seal)),
            Self::Unsealed { why } => write!(f, "unsealed: {why}"),
            Self::Tampered { file, why } => write!(f, "tampered: {file}: {why}"),
        }
    }
}

/// Seals a run or a map that has all its files, and a run's band if it has one. From then on none of them may change. Returns the SHA-256 of the
/// seal.
pub fn seal(folder: &Folder) -> Result<String, Error> {
    let mut sums = String::new();
    let contract = contract(folder);
    for name in contract.sealed.iter().chain(contract.if_there.iter().filter(|name| folder.file(name).exists())) {
        sums.push_str(&folder.sha256(name)?);
        sums.push_str("  ");
        sums.push_str(name);
        sums.push('\n');
    }
    folder.replace(SUMS, sums.as_bytes())?;
    Ok(sha256(sums.as_bytes()))
}

/// Checks the seal of a run or a map. An error means that a file could not be read, which is neither.
pub fn verify(folder: &Folder) -> Result<Verdict, Error> {
    let contract = contract(folder);
    let sums = match folder.text(SUMS) {
        Err(e) if e.is_missing() => return prediction_kept(folder, contract.manifest),
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::InvalidData => {
            return Ok(tampered(SUMS, "it is no text".into()));
        }
        sums => sums?,
    };
    let mut expected: BTreeMap<&str, &str> = BTreeMap::new();
    for (at, line) in sums.lines().enumerate() {
        let Some((sum, name)) = entry(line) else {
            return Ok(tampered(SUMS, format!("line {} is no SHA-256 and file name: \"{line}\"", at + 1)));
        };
        if !contract.sealed.contains(&name) && !contract.if_there.contains(&name) {
            return Ok(tampered(SUMS, format!("line {} names \"{name}\", which is not under the seal", at + 1)));
        }
        if expected.insert(name, sum).is_some() {
            return Ok(tampered(SUMS, format!("line {} names \"{name}\" a second time", at + 1)));
        }
    }
    for name in contract.sealed.iter().chain(contract.if_there).copied() {
        let optional = contract.if_there.contains(&name);
        let Some(sum) = expected.get(name) else {
            match optional {
                true if folder.file(name).exists() => return Ok(tampered(name, "it was not there when the run was sealed".into())),
                true => continue,
                false => return Ok(tampered(SUMS, format!("it has no line for {name}"))),
            }
        };
        match folder.sha256(name) {
            Err(e) if e.is_missing() => return Ok(tampered(name, "it is sealed but missing".into())),
            found if found.as_ref().is_ok_and(|f| f.eq_ignore_ascii_case(sum)) => {}
            found => return Ok(tampered(name, format!("its SHA-256 is {}, sealed was {sum}", found?))),
        }
    }
    Ok(broken_promise(folder).unwrap_or_else(|| Verdict::Sealed { seal: sha256(sums.as_bytes()) }))
}

/// Without a seal one promise can still be broken: the prediction is fixed in `run.toml` before the first measured row.
fn prediction_kept(folder: &Folder, manifest: &str) -> Result<Verdict, Error> {
    // A folder that cannot be read at all is an error, not an unsealed run.
    folder.text(manifest)?;
    let left = folder.checkpoints().map_or_else(String::new, |bytes| {
        let at = folder.file(CHECKPOINTS);
        format!(
            "; {:.1} MB of its work's state are in {}: no run goes on from them, remove them once it has ended",
            bytes as f64 / 1e6,
            at.display()
        )
    });
    let unsealed = || Verdict::Unsealed { why: format!("there is no {SUMS}: it is under way or did not end as it should{left}") };
    Ok(broken_promise(folder).unwrap_or_else(unsealed))
}

/// The file that was fixed in `run.toml` before the first measured row and is not what was promised; `None` where all are, or
/// where nothing can be known.
fn broken_promise(folder: &Folder) -> Option<Verdict> {
    let run: Table = folder.text(RUN).ok()?.parse().ok()?;
    for (key, name) in [("prediction", PREDICTION), ("band", BAND)] {
        let promised = run.get(key).and_then(|p| p.get("sha256")).and_then(|s| s.as_str()).map(str::to_ascii_lowercase);
        if let (Some(promised), Ok(found)) = (promised, folder.sha256(name))
            && promised != found
        {
            let why = format!("its SHA-256 is {found}, but {RUN} promised {promised} before the first measured row");
            return Some(tampered(name, why));
        }
    }
    None
}

fn tampered(file: &str, why: String) -> Verdict {
    Verdict::Tampered { file: file.to_owned(), why }
}

/// Hash and name of a line as `sha256sum` writes it: two spaces, or a space and a star.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (sum, name) = line.split_once(' ')?;
    let name = name.strip_prefix([' ', '*'])?;
    (sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit())).then_some((sum, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn run() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let folder = Folder::create(dir.path(), "2026-06-21T00:00:00Z".parse().expect("an instant"), "p", "r").expect("a new folder");
        for name in [PREDICTION, SAMPLES, EVENTS, SUMMARY] {
            folder.replace(name, format!("the {name} of a run\n").as_bytes()).expect("room");
        }
        let promise = format!("schema = 1\n[prediction]\nsha256 = \"{}\"\n", folder.sha256(PREDICTION).expect("there"));
        folder.replace(RUN, promise.as_bytes()).expect("room");
        (dir, folder)
    }

    fn blamed(folder: &Folder) -> (String, String) {
        match verify(folder).expect("readable") {
            Verdict::Tampered { file, why } => (file, why),
            other => panic!("expected tampered, found {other}"),
        }
    }

    #[test]
    fn the_state_of_work_that_was_killed_is_told_of() {
        let (_dir, folder) = run();
        let told = || verify(&folder).expect("readable").to_string();
        fs::create_dir(folder.file(CHECKPOINTS)).expect("room");
        assert!(folder.checkpoints().is_none() && !told().contains("state"), "an empty folder holds none");
        fs::write(folder.file(CHECKPOINTS).join("work-0.checkpoint"), vec![7; 2_500_000]).expect("room");
        assert_eq!(folder.checkpoints(), Some(2_500_000));
        assert!(told().contains("2.5 MB of its work's state are in ") && told().contains("remove them"), "{}", told());
        seal(&folder).expect("complete");
        assert!(!told().contains("state"), "wanted, where the run has ended");
    }

    #[test]
    fn a_run_is_unsealed_then_sealed() {
        let (_dir, folder) = run();
        assert!(matches!(verify(&folder).expect("readable"), Verdict::Unsealed { .. }));
        let quoted = seal(&folder).expect("all five are there");
        assert_eq!(verify(&folder).expect("readable"), Verdict::Sealed { seal: quoted });
        let sums = folder.text(SUMS).expect("there");
        assert_eq!(sums.lines().map(|l| &l[66..]).collect::<Vec<_>>(), SEALED);
    }

    #[test]
    fn a_map_has_a_seal_of_its_own() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let folder = Folder::create(dir.path(), "2026-06-21T00:00:00Z".parse().expect("an instant"), "workmap", "r").expect("a new folder");
        for name in SEALED_MAP {
            folder.replace(name, format!("the {name} of a map\n").as_bytes()).expect("room");
        }
        assert!(matches!(verify(&folder).expect("readable"), Verdict::Unsealed { .. }));
        let quoted = seal(&folder).expect("all are there");
        assert_eq!(verify(&folder).expect("readable"), Verdict::Sealed { seal: quoted });
        assert_eq!(Folder::open_map(folder.path()).expect("a map"), folder);
        assert!(Folder::open(folder.path()).is_err(), "it is no run");
        fs::write(folder.file(POINTS), "another point\n").expect("room");
        assert_eq!(blamed(&folder).0, POINTS);
        fs::remove_file(folder.file(POINTS)).expect("there");
        assert_eq!(blamed(&folder).1, "it is sealed but missing");
    }

    #[test]
    fn every_changed_or_missing_file_is_named() {
        for name in SEALED {
            let (_dir, folder) = run();
            seal(&folder).expect("all five are there");
            let path = folder.file(name);
            let mut bytes = fs::read(&path).expect("there");
            bytes[0] ^= 1;
            fs::write(&path, &bytes).expect("room");
            let (file, why) = blamed(&folder);
            assert_eq!(file, name);
            assert!(why.contains("its SHA-256 is"), "{why}");
            fs::remove_file(&path).expect("there");
            let (file, why) = blamed(&folder);
            assert_eq!((file.as_str(), why.as_str()), (name, "it is sealed but missing"));
        }
    }

    #[test]
    fn a_seal_that_was_edited_is_no_seal() {
        let (_dir, folder) = run();
        seal(&folder).expect("all five are there");
        let sums = folder.text(SUMS).expect("there");
        let without_last = sums.split_inclusive('\n').take(4).collect::<String>();
        let extra = format!("{sums}{}  report.html\n", sha256(b""));
        let twice = format!("{sums}{}\n", sums.lines().next().expect("five lines"));
        let cases = [
            (without_last.as_str(), "no line for summary.json"),
            (extra.as_str(), "not under the seal"),
            (twice.as_str(), "a second time"),
            ("", "no line for run.toml"),
            ("hello\n", "line 1 is no SHA-256"),
        ];
        for (text, why) in cases {
            fs::write(folder.file(SUMS), text).expect("room");
            let (file, found) = blamed(&folder);
            assert_eq!(file, SUMS);
            assert!(found.contains(why), "{found}");
        }
        fs::write(folder.file(SUMS), [0xff, 0xfe, 0]).expect("room");
        assert_eq!(blamed(&folder).0, SUMS);
    }

    #[test]
    fn a_band_is_under_the_seal_of_a_run_that_has_one_and_of_no_other() {
        let (_dir, folder) = run();
        seal(&folder).expect("all five are there");
        folder.replace(BAND, b"wide enough\n").expect("room");
        let (file, why) = blamed(&folder);
        assert_eq!((file.as_str(), why.as_str()), (BAND, "it was not there when the run was sealed"));
        seal(&folder).expect("six are there");
        assert!(matches!(verify(&folder).expect("readable"), Verdict::Sealed { .. }));
        fs::write(folder.file(BAND), "wider\n").expect("room");
        assert_eq!(blamed(&folder).0, BAND);
        fs::remove_file(folder.file(BAND)).expect("there");
        assert_eq!(blamed(&folder), (BAND.to_owned(), "it is sealed but missing".to_owned()));
    }

    #[test]
    fn a_prediction_made_afterwards_is_found_out_even_when_resealed() {
        let (_dir, folder) = run();
        fs::write(folder.file(PREDICTION), "better hindsight\n").expect("room");
        assert_eq!(blamed(&folder).0, PREDICTION);
        seal(&folder).expect("all five are there");
        let (file, why) = blamed(&folder);
        assert_eq!(file, PREDICTION);
        assert!(why.contains("before the first measured row"), "{why}");
    }

    #[test]
    fn an_unfinished_run_cannot_be_sealed() {
        let (_dir, folder) = run();
        fs::remove_file(folder.file(SUMMARY)).expect("there");
        assert!(seal(&folder).expect_err("no summary").to_string().contains("summary.json"));
        fs::remove_file(folder.file(RUN)).expect("there");
        assert!(verify(&folder).is_err());
    }
}
