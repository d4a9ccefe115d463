//! The file in which work crosses an eclipse: written whole or not at all, believed only if every byte of it is ours.
//!
//! ```text
//! orbitbench checkpoint 1\n | length of the header, u32 LE | header, JSON | state of the work | SHA-256 of all before
//! ```
//!
//! Written to `NAME.part` beside it, flushed to the disk, renamed, and the folder flushed: whatever ends the writer, what bears the name is the
//! newest whole one. Not here: what the state is (`job`), when (`worker`).

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Begins every checkpoint, with the version of its layout.
const MAGIC: &[u8] = b"orbitbench checkpoint 1\n";
/// A longer header is none of ours.
const LONGEST_HEADER: u32 = 1 << 16;
/// Bytes handed to the system at once.
const PIECE: usize = 1 << 20;
const DIGEST: u64 = 32;

/// Whose state it is: a checkpoint goes back into the very same work and no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Preset or file.
    pub model: String,
    /// Its sizes.
    pub shape: String,
    /// Decode, prefill, mixed or train.
    pub task: String,
    /// Numbers that are computed with.
    pub number: String,
    /// Seed of weights, prompts and texts.
    pub seed: u64,
    /// Sequences, or texts a step.
    pub batch: usize,
    /// Which of several workers.
    pub worker: usize,
}

impl Identity {
    /// The first thing in which another differs, in words.
    fn unlike(&self, other: &Self) -> Option<String> {
        let parts = |of: &Self| {
            [
                ("model", of.model.clone()),
                ("shape", of.shape.clone()),
                ("task", of.task.clone()),
                ("number", of.number.clone()),
                ("seed", of.seed.to_string()),
                ("batch", of.batch.to_string()),
                ("worker", of.worker.to_string()),
            ]
        };
        let pairs = parts(self).into_iter().zip(parts(other));
        pairs.into_iter().find(|(ours, its)| ours != its).map(|((name, ours), (_, its))| format!("its {name} is {its}, ours {ours}"))
    }
}

/// What stands before the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Whose state it is.
    pub identity: Identity,
    /// Units put out when it was written.
    pub output: u64,
    /// Units taken in when it was written.
    pub input: u64,
}

/// Why a checkpoint is not gone on from.
#[derive(Debug, Error)]
pub enum Refused {
    /// It cannot be read.
    #[error("cannot read the checkpoint {file}: {why}")]
    Unread {
        /// Its path.
        file: String,
        /// The system's reason.
        why: io::Error,
    },
    /// It is not what was written.
    #[error("the checkpoint {file} is torn or damaged: {why}")]
    Torn {
        /// Its path.
        file: String,
        /// What was found.
        why: String,
    },
    /// It is of other work.
    #[error("the checkpoint {file} is not of this work: {why}")]
    Foreign {
        /// Its path.
        file: String,
        /// What differs.
        why: String,
    },
}

/// Passes bytes on and sums them up.
struct Summed<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.take(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.take(&bytes[..read]);
        Ok(read)
    }
}

/// The name it has while it is being written.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Writes a checkpoint and waits until it is on the disk; its size in bytes. If that fails, nothing of it is left, and an older one of that name is as it was.
pub fn write(path: &Path, header: &Header, state: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<u64> {
    let part = part_of(path);
    let written = write_part(&part, header, state).and_then(|bytes| {
        fs::rename(&part, path)?;
        // The name is only on the disk once the folder is.
        File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(bytes)
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_part(part: &Path, header: &Header, state: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<u64> {
    let header = serde_json::to_vec(header)?;
    let length = u32::try_from(header.len()).ok().filter(|n| *n <= LONGEST_HEADER);
    let length = length.ok_or_else(|| io::Error::other("the work's description is too long for a checkpoint"))?;
    // A new file, whatever was left under that name.
    let _ = fs::remove_file(part);
    let mut out = BufWriter::with_capacity(PIECE, Summed::new(File::create_new(part)?));
    out.write_all(MAGIC)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&header)?;
    state(&mut out)?;
    out.flush()?;
    let Summed { mut inner, hash, bytes } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    inner.write_all(&hash.finalize())?;
    inner.sync_all()?;
    Ok(bytes + DIGEST)
}

/// Reads a checkpoint of this very work; its header and size. `state` may have taken in rubbish when this refuses: it is only to be used when it does not.
pub fn read(path: &Path, identity: &Identity, state: impl FnOnce(&mut dyn Read) -> io::Result<()>) -> Result<(Header, u64), Refused> {
    let file = || path.display().to_string();
    let unread = |why| Refused::Unread { file: file(), why };
    let torn = |why: String| Refused::Torn { file: file(), why };
    // Whatever has its name by now: opening a pipe would wait for somebody to write into it.
    let open = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path).map_err(unread)?;
    let about = open.metadata().map_err(unread)?;
    if !about.is_file() {
        return Err(torn("it is no file any more".to_owned()));
    }
    let size = about.len();
    let whole = size.checked_sub(DIGEST).ok_or_else(|| torn(format!("it has {size} bytes")))?;
    let mut reader = BufReader::with_capacity(PIECE, open);
    let mut summed = Summed::new((&mut reader).take(whole));
    let early = |e: io::Error| torn(format!("after {size} bytes: {e}"));
    let mut magic = [0; MAGIC.len()];
    summed.read_exact(&mut magic).map_err(early)?;
    if magic != MAGIC {
        return Err(Refused::Foreign { file: file(), why: "it does not begin as a checkpoint of this version".to_owned() });
    }
    let mut length = [0; 4];
    summed.read_exact(&mut length).map_err(early)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err(torn(format!("a header of {length} bytes")));
    }
    let mut header = vec![0; length as usize];
    summed.read_exact(&mut header).map_err(early)?;
    let header: Header = serde_json::from_slice(&header).map_err(|e| torn(format!("its header: {e}")))?;
    if let Some(why) = identity.unlike(&header.identity) {
        return Err(Refused::Foreign { file: file(), why });
    }
    state(&mut summed).map_err(|e| torn(e.to_string()))?;
    let left = whole - summed.bytes;
    if left > 0 {
        return Err(torn(format!("{left} bytes are left over")));
    }
    let found = summed.hash.finalize();
    let mut kept = [0; DIGEST as usize];
    reader.read_exact(&mut kept).map_err(early)?;
    if found[..] != kept {
        return Err(torn("its checksum does not fit".to_owned()));
    }
    Ok((header, size))
}

#[cfg(test)]
mod tests;
