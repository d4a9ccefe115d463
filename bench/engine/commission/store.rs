//! The record on disk: written as a whole, sealed by its own hash, refused if it is not what was written; and the raw log beside it.

use super::raw;
use super::record::{RawLog, Record};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The only layout of records there is.
pub(super) const SCHEMA: u32 = 1;
/// What separates the record from the hash over everything before it.
const SEAL: &str = "\n[seal]\n";

/// Why a record cannot be written or believed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file cannot be read or written.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// What was attempted.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The record cannot be replaced.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// There is one already.
    #[error("{0} exists, and a commissioning is never overwritten: give another --out, or go on with it by --resume")]
    Exists(PathBuf),
    /// It is no record, or not the one that was written.
    #[error("{path} cannot be believed: {why}; take the file as it was written, or commission again")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { doing, path, source }
}

/// The files of one commissioning under way.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    raw: PathBuf,
    file: BufWriter<File>,
}

impl Store {
    /// Makes both files; refuses to overwrite any.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed("make", folder))?;
        }
        let raw = raw_of(path);
        for one in [path, &raw] {
            if one.exists() {
                return Err(StoreError::Exists(one.to_owned()));
            }
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&raw).map_err(failed("create", &raw))?;
        let mut store = Self { path: path.to_owned(), raw, file: BufWriter::new(file) };
        store.line(&raw::header())?;
        Ok(store)
    }

    /// Goes on with a record: what the raw log holds beyond its finished steps is cut off.
    pub fn resume(path: &Path) -> Result<(Self, Record), StoreError> {
        let record = read(path)?;
        let unusable = |why: &str| StoreError::Unusable { path: path.to_owned(), why: why.to_owned() };
        if record.complete {
            return Err(unusable("every step of it is finished: there is nothing to go on with"));
        }
        let raw = raw_of(path);
        check_raw(&raw, &record.raw).map_err(|why| unusable(&why))?;
        let begins = std::fs::read_to_string(&raw).map_err(failed("read", &raw))?.starts_with(&raw::header());
        if !begins {
            return Err(unusable("its raw log has other columns than this version writes: begin anew"));
        }
        let mut file = OpenOptions::new().write(true).open(&raw).map_err(failed("open", &raw))?;
        file.set_len(record.raw.bytes).map_err(failed("cut", &raw))?;
        file.seek(SeekFrom::End(0)).map_err(failed("open", &raw))?;
        Ok((Self { path: path.to_owned(), raw, file: BufWriter::new(file) }, record))
    }

    /// The record's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends to the raw log.
    pub(super) fn line(&mut self, line: &str) -> Result<(), StoreError> {
        self.file.write_all(line.as_bytes()).map_err(failed("write", &self.raw))
    }

    /// Syncs the raw log and replaces the record, which then covers all of it.
    pub(super) fn save(&mut self, record: &mut Record) -> Result<(), StoreError> {
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(failed("write", &self.raw))?;
        let bytes = std::fs::metadata(&self.raw).map_err(failed("read", &self.raw))?.len();
        let sha256 = record::sha256_file(&self.raw)?;
        let file = self.raw.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        record.raw = RawLog { file, bytes, sha256, calibration: std::mem::take(&mut record.raw.calibration) };
        Ok(record::replace_file(&self.path, sealed(record).as_bytes())?)
    }
}

/// The raw log of a record: its name with `.csv`.
fn raw_of(path: &Path) -> PathBuf {
    path.with_extension("csv")
}

fn sealed(record: &Record) -> String {
    // Only maps with keys that are no strings could be refused, and there are none.
    let text = toml::to_string(record).unwrap_or_else(|why| panic!("a record must serialise: {why}"));
    let hash = record::sha256(text.as_bytes());
    format!("{text}{SEAL}# Of everything above this table: a record that was edited is refused.\nsha256 = \"{hash}\"\n")
}

/// Reads a record and checks that it is what was written.
pub fn read(path: &Path) -> Result<Record, StoreError> {
    let text = std::fs::read_to_string(path).map_err(failed("read", path))?;
    let unusable = |why: String| StoreError::Unusable { path: path.to_owned(), why };
    let Some((body, seal)) = text.rsplit_once(SEAL) else {
        return Err(unusable("it has no [seal]: it is no commissioning record, or only a part of one".into()));
    };
    let table: toml::Table = seal.parse().map_err(|_| unusable("its [seal] is no TOML".into()))?;
    let told = table.get("sha256").and_then(toml::Value::as_str).unwrap_or_default();
    if told != record::sha256(body.as_bytes()) {
        return Err(unusable("it was changed after it was written (its hash differs)".into()));
    }
    let record: Record = toml::from_str(body).map_err(|why| unusable(format!("it is no commissioning record: {}", why.message())))?;
    if record.schema != SCHEMA {
        return Err(unusable(format!("its layout {} is not known, this version reads {SCHEMA}", record.schema)));
    }
    Ok(record)
}

/// Checks the raw log of a record, as far as it is there.
pub(super) fn check_beside(path: &Path, record: &Record) -> Result<(), String> {
    let raw = path.with_file_name(&record.raw.file);
    // It may be kept elsewhere; one that is there must be the one.
    if raw.exists() { check_raw(&raw, &record.raw) } else { Ok(()) }
}

fn check_raw(path: &Path, told: &RawLog) -> Result<(), String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(told.bytes).read_to_end(&mut bytes));
    read.map_err(|why| format!("its raw log {} cannot be read: {why}", path.display()))?;
    if bytes.len() as u64 != told.bytes || record::sha256(&bytes) != told.sha256 {
        return Err(format!("its raw log {} is not what was recorded", path.display()));
    }
    Ok(())
}
