//! A CSV of rows that come one by one, in any order, over several sittings: a sweep's results. A few lines that begin with `#` say
//! what it is; each row is one line, handed to the kernel whole; a row torn by a kill is cut off when the sheet is opened again.
//!
//! Not here: what the rows mean.

use crate::Error;
use crate::folder::replace_file;
use crate::row::RowError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a sheet holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The lines at its head, without `# `.
    pub head: Vec<String>,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Its rows, as many fields each as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Bytes of a torn last line, which is left out.
    pub torn: usize,
}

/// A sheet that rows are added to. It is locked: nobody else adds to it meanwhile.
#[derive(Debug)]
pub struct SheetWriter {
    path: PathBuf,
    file: File,
}

impl Sheet {
    /// Reads the sheet at `path`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        Self::parse(path, &bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| Error::unusable(path, "it is not UTF-8 text"))?;
        let mut sheet = Self { torn: bytes.len() - whole, ..Self::default() };
        let mut rest = text;
        while let Some(line) = rest.strip_prefix('#') {
            let (line, after) = line.split_once('\n').unwrap_or((line, ""));
            sheet.head.push(line.trim().to_owned());
            rest = after;
        }
        let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rest.as_bytes());
        for (n, record) in csv.records().enumerate() {
            let record = record.map_err(|e| Error::unusable(path, e.to_string()))?;
            let fields: Vec<String> = record.iter().map(str::to_owned).collect();
            if n == 0 {
                sheet.columns = fields;
                continue;
            }
            if fields.len() != sheet.columns.len() {
                let line = record.position().map_or(0, csv::Position::line) + sheet.head.len() as u64;
                let column = sheet.columns.get(fields.len()).map_or("end of line", String::as_str).to_owned();
                let why = format!("the line has {} fields: expected {}", fields.len(), sheet.columns.len());
                return Err(Error::cell(path, line, RowError { column, field: fields.len().min(sheet.columns.len()), why }));
            }
            sheet.rows.push(fields);
        }
        if sheet.columns.is_empty() {
            return Err(Error::unusable(path, "it has no header line"));
        }
        Ok(sheet)
    }

    /// Position of a column.
    pub fn column(&self, path: &Path, name: &str) -> Result<usize, Error> {
        self.columns.iter().position(|c| c == name).ok_or_else(|| Error::NoColumn {
            path: path.to_owned(),
            column: name.to_owned(),
            found: self.columns.join(", "),
        })
    }

    /// Writes the sheet at `path` as a whole, replacing what is there.
    pub fn replace(&self, path: &Path) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for line in &self.head {
            bytes.extend_from_slice(format!("# {line}\n").as_bytes());
        }
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            bytes.extend_from_slice(&line(row));
        }
        replace_file(path, &bytes)
    }
}

impl SheetWriter {
    /// Opens the sheet at `path` to go on with it: its torn tail, if any, is cut off.
    pub fn open(path: &Path) -> Result<(Self, Sheet), Error> {
        let file = OpenOptions::new().read(true).append(true).open(path).map_err(Error::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::unusable(path, "another process is adding to it: wait for that one, or choose another file"));
            }
            Err(TryLockError::Error(why)) => return Err(Error::io("lock", path)(why)),
        }
        let sheet = Sheet::read(path)?;
        if sheet.torn > 0 {
            let whole = file.metadata().map_err(Error::io("look at", path))?.len() - sheet.torn as u64;
            file.set_len(whole).map_err(Error::io("cut the torn line of", path))?;
        }
        Ok((Self { path: path.to_owned(), file }, sheet))
    }

    /// Adds a row with one write, so that a kill tears at most this line.
    pub fn add(&mut self, row: &[String]) -> Result<(), Error> {
        self.file.write_all(&line(row)).map_err(Error::io("add a row to", &self.path))
    }

    /// Waits until what was added is on the disk: after that a power cut takes none of it.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }
}

/// A row as one line: what would break it is put on one line first.
fn line(row: &[String]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    let fields = row.iter().map(|f| f.replace(['\n', '\r'], " "));
    // Writing to a Vec cannot fail, and one record has no other to differ from in length.
    writer.write_record(fields).expect("memory takes a record");
    writer.into_inner().expect("memory takes a record")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(row: &[&str]) -> Vec<String> {
        row.iter().map(|s| (*s).to_owned()).collect()
    }

    fn sheet() -> Sheet {
        Sheet {
            head: strings(&["what it is", "of what: a, b"]),
            columns: strings(&["n", "what"]),
            rows: vec![strings(&["1", "a, \"b\""]), strings(&["0", ""])],
            torn: 0,
        }
    }

    #[test]
    fn what_is_written_is_read_and_goes_on_wherever_it_was_torn() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("sweep.csv");
        sheet().replace(&path).expect("room");
        assert_eq!(Sheet::read(&path).expect("our own"), sheet());
        let whole = std::fs::read(&path).expect("there");
        let (mut writer, _) = SheetWriter::open(&path).expect("whole");
        writer.add(&strings(&["2", "two\nlines"])).expect("room");
        drop(writer);
        let longer = std::fs::read(&path).expect("there");
        for end in whole.len()..longer.len() {
            std::fs::write(&path, &longer[..end]).expect("room");
            let (mut writer, found) = SheetWriter::open(&path).expect("a header");
            assert_eq!((found.rows, found.torn), (sheet().rows, end - whole.len()));
            writer.add(&strings(&["2", "two lines"])).expect("room");
            drop(writer);
            assert_eq!(std::fs::read(&path).expect("there"), longer, "torn at {end}");
        }
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("sweep.csv");
        sheet().replace(&path).expect("room");
        let first = SheetWriter::open(&path).expect("free");
        assert!(SheetWriter::open(&path).expect_err("taken").to_string().contains("another process"));
        drop(first);
        SheetWriter::open(&path).expect("free again");
    }

    #[test]
    fn what_is_no_sheet_is_refused_with_its_place() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("any.csv");
        for (text, why) in [
            (&b""[..], "no header line"),
            (b"# only a head\n", "no header line"),
            (b"a,b", "no header line"),
            (b"# head\na,b\n1,2\n3\n", ":4:1: cannot read `b`: the line has 1 fields: expected 2"),
            (b"\xff\n", "not UTF-8"),
        ] {
            std::fs::write(&path, text).expect("room");
            let refused = Sheet::read(&path).expect_err("no sheet").to_string();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(Sheet::read(&dir.path().join("none")).expect_err("absent").is_missing());
    }
}
