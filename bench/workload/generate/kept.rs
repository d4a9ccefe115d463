//! Known answers of random weights, kept between runs: for a model of billions of weights the reference takes a minute, and the same seed has the same answers.
//!
//! A file that is not whole, of something else or of other bytes than were written is as good as none. Not kept: answers of somebody's own weights, which only reading all of them
//! would tell apart.

use super::Known;
use crate::reference::Source;
use std::path::{Path, PathBuf};

/// Weights times tokens from which on it is worth a file.
const WORTH: usize = 10_000_000_000;

/// Changes with whatever changes an answer besides shape and seed.
const VERSION: &str = "orbitbench known answers 1";

/// `$XDG_CACHE_HOME/orbitbench/known`, by default in `~/.cache`; `None` for a user without a home.
fn folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("orbitbench/known"))
}

/// FNV-1a, 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

impl Known {
    /// As [`Known::from`], from a file where an earlier run left it.
    pub(crate) fn kept(source: &Source<'_>, seed: u64) -> Self {
        let worth = source.config().parameters() * Self::text(source.config(), seed).len() >= WORTH;
        match folder().filter(|_| worth) {
            Some(folder) => Self::kept_in(&folder, source, seed),
            None => Self::from(source, seed),
        }
    }

    fn kept_in(folder: &Path, source: &Source<'_>, seed: u64) -> Self {
        let Some(what) = source.named() else { return Self::from(source, seed) };
        let head = format!("{VERSION}: {what}, text {seed}\n");
        let path = folder.join(format!("{:016x}", hash(head.as_bytes())));
        if let Some(known) = std::fs::read(&path).ok().and_then(|bytes| Self::taken(&bytes, head.as_bytes(), source, seed)) {
            return known;
        }
        let known = Self::from(source, seed);
        let mut bytes = head.into_bytes();
        bytes.extend(known.marks.iter().flat_map(|(_, logits)| logits).flat_map(|l| l.to_le_bytes()));
        bytes.extend(hash(&bytes).to_le_bytes());
        // Whole or not at all; without room the next run computes it again.
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let written =
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&part, &bytes)).and_then(|()| std::fs::rename(&part, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        known
    }

    fn taken(bytes: &[u8], head: &[u8], source: &Source<'_>, seed: u64) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<8>()?;
        let numbers = body.strip_prefix(head)?;
        let c = source.config();
        let lengths = Self::lengths(c);
        if hash(body).to_le_bytes() != *sum || numbers.len() != 4 * lengths.len() * c.vocabulary {
            return None;
        }
        let logits = numbers
            .chunks_exact(4 * c.vocabulary)
            .map(|row| row.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect());
        Some(Self { text: Self::text(c, seed), marks: lengths.into_iter().zip(logits).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformer::{Config, Weights};

    const SHAPE: Config = Config { layers: 1, width: 16, heads: 2, hidden: 24, vocabulary: 30, context: 20, ..Config::USUAL };

    #[test]
    fn what_was_kept_is_taken_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Source::random(SHAPE, 5);
        let first = Known::kept_in(folder.path(), &source, 5);
        let file = std::fs::read_dir(folder.path()).expect("there").next().expect("a file").expect("read").path();
        let sound = std::fs::read(&file).expect("read");
        // Other answers with a sum that fits are taken, so that we know that the file is read; others without are not.
        let mut other = sound.clone();
        let end = other.len() - 8;
        other[end - 1] ^= 1;
        std::fs::write(&file, &other).expect("room");
        assert_eq!(Known::kept_in(folder.path(), &source, 5).marks, first.marks);
        assert_eq!(std::fs::read(&file).expect("read"), sound, "it is written anew");
        let sum = hash(&other[..end]).to_le_bytes();
        other[end..].copy_from_slice(&sum);
        std::fs::write(&file, &other).expect("room");
        assert_ne!(Known::kept_in(folder.path(), &source, 5).marks, first.marks);
        for wrong in [&b""[..], &sound[..sound.len() / 2]] {
            std::fs::write(&file, wrong).expect("room");
            assert_eq!(Known::kept_in(folder.path(), &source, 5).marks, first.marks);
        }
        // Another seed, shape or rounding has another file.
        Known::kept_in(folder.path(), &Source::random(SHAPE, 6), 6);
        Known::kept_in(folder.path(), &Source::random(Config { context: 19, ..SHAPE }, 5), 5);
        Known::kept_in(folder.path(), &source.rounded(true), 5);
        Known::kept_in(folder.path(), &Source::held(&Weights::random(SHAPE, 5)), 5);
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 4, "weights of one's own leave none");
    }
}
