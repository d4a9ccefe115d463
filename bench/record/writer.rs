//! Writers of `samples.csv`, `prediction.csv` and `events.csv`: append-only, a line handed to the kernel by one write, so that a
//! killed process loses at most the line it was writing. When to [`Samples::sync`] is the engine's business.

use crate::{Columns, Error, Event, Row, events::EVENT_COLUMNS};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// When rows are handed to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// Each by a write of its own: what a measurement needs.
    EachRow,
    /// In blocks: for what can be computed again, such as a prediction. [`Samples::sync`] hands over the rest.
    Blocks,
}

/// Bytes that make a block.
const BLOCK: usize = 1 << 16;

/// An append-only file that never keeps half a line after a failed write.
struct Lines {
    path: PathBuf,
    /// `None`: a null sink, which formats and counts but keeps nothing.
    file: Option<File>,
    length: u64,
}

impl Lines {
    fn create(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().append(true).create_new(true).open(path).map_err(Error::io("create", path))?;
        Ok(Self { path: path.to_owned(), file: Some(file), length: 0 })
    }

    fn append(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().append(true).open(path).map_err(Error::io("open for appending", path))?;
        let length = file.metadata().map_err(Error::io("look at", path))?.len();
        Ok(Self { path: path.to_owned(), file: Some(file), length })
    }

    fn null() -> Self {
        Self { path: PathBuf::new(), file: None, length: 0 }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(file) = &mut self.file
            && let Err(source) = file.write_all(bytes)
        {
            // A full disc may have taken half the line: give it back, so that the next line starts on its own.
            let _ = file.set_len(self.length);
            return Err(Error::Io { doing: "append to", path: self.path.clone(), source });
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn sync(&self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), File::sync_data).map_err(Error::io("sync", &self.path))
    }
}

/// Writer of rows.
pub struct Samples {
    lines: Lines,
    columns: Columns,
    handover: Handover,
    buffer: Vec<u8>,
    rows: u64,
}

impl Samples {
    /// A new file at `path`, which must not exist yet, with its header.
    pub fn create(path: &Path, columns: Columns, handover: Handover) -> Result<Self, Error> {
        Self::begin(Lines::create(path)?, columns, handover)
    }

    /// Keeps nothing, but does all the work of formatting.
    pub fn null(columns: Columns) -> Result<Self, Error> {
        Self::begin(Lines::null(), columns, Handover::Blocks)
    }

    /// Goes on with a file of `rows` rows that was [mended](crate::mend). Its header must be that of `columns`.
    pub fn append(path: &Path, columns: Columns, handover: Handover, rows: u64) -> Result<Self, Error> {
        let header = crate::reader::header(path)?;
        if header != columns.header() {
            return Err(Error::unusable(
                path,
                "its header is not that of this plan: a run can only be resumed with the plan it began with",
            ));
        }
        Ok(Self { lines: Lines::append(path)?, columns, handover, buffer: Vec::with_capacity(2 * BLOCK), rows })
    }

    fn begin(mut lines: Lines, columns: Columns, handover: Handover) -> Result<Self, Error> {
        let mut header = columns.header().join(",");
        header.push('\n');
        lines.push(header.as_bytes())?;
        Ok(Self { lines, columns, handover, buffer: Vec::with_capacity(2 * BLOCK), rows: 0 })
    }

    /// Appends one row.
    pub fn write(&mut self, row: &Row) -> Result<(), Error> {
        row.write_line(&self.columns, &mut self.buffer);
        if self.handover == Handover::EachRow || self.buffer.len() >= BLOCK {
            self.hand_over()?;
        }
        self.rows += 1;
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), Error> {
        let handed = self.lines.push(&self.buffer);
        // Also after a failure: the engine goes safe on it and must not write the same row twice.
        self.buffer.clear();
        handed
    }

    /// Hands over what is left and waits until all of it is on the disc.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.hand_over()?;
        self.lines.sync()
    }

    /// Rows written.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The columns being written.
    pub const fn columns(&self) -> &Columns {
        &self.columns
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        // Who needs to know whether it worked calls `sync`.
        let _ = self.hand_over();
    }
}

/// Writer of events.
pub struct Events {
    lines: Lines,
}

impl Events {
    /// A new file at `path`, which must not exist yet, with its header.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut events = Self { lines: Lines::create(path)? };
        events.line(&EVENT_COLUMNS.map(|c| c.0))?;
        Ok(events)
    }

    /// Goes on with a file that was [mended](crate::mend).
    pub fn append(path: &Path) -> Result<Self, Error> {
        Ok(Self { lines: Lines::append(path)? })
    }

    /// Keeps nothing.
    pub fn null() -> Self {
        Self { lines: Lines::null() }
    }

    /// Appends one event.
    pub fn write(&mut self, event: &Event) -> Result<(), Error> {
        self.line(&event.fields())
    }

    /// Waits until all of it is on the disc.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.lines.sync()
    }

    fn line<S: AsRef<[u8]>>(&mut self, fields: &[S]) -> Result<(), Error> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let refused = |e: &dyn std::error::Error| std::io::Error::other(e.to_string());
        let line = csv
            .write_record(fields)
            .map_err(|e| refused(&e))
            .and_then(|()| csv.into_inner().map_err(|e| refused(&e)))
            .map_err(Error::io("format a line of", &self.lines.path))?;
        self.lines.push(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::any_row;
    use crate::{Column, read_events, read_rows};
    use proptest::prelude::*;
    use signal::{RunState, Severity};

    fn event(tick: u64, message: &str) -> Event {
        Event {
            utc: "2026-06-21T00:00:00.125Z".parse().ok(),
            elapsed_s: Some(0.125),
            tick,
            severity: Severity::Alarm,
            kind: "link".into(),
            who: "tec, the \"cold\" one".into(),
            message: message.into(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn rows_written_are_rows_read(rows in proptest::collection::vec(any_row(), 0..12), blocks: bool) {
            let dir = tempfile::tempdir().expect("a temp folder");
            let path = dir.path().join("samples.csv");
            let handover = if blocks { Handover::Blocks } else { Handover::EachRow };
            let mut samples = Samples::create(&path, Columns::all(), handover).expect("a new file");
            for row in &rows {
                samples.write(row).expect("room");
            }
            samples.sync().expect("a disc");
            let read = read_rows(&path).expect("our own");
            prop_assert_eq!(samples.rows(), rows.len() as u64);
            prop_assert_eq!(&read.rows, &rows);
            prop_assert_eq!(read.columns, Columns::all());
            prop_assert!(read.torn.is_none());
        }
    }

    #[test]
    fn each_row_is_in_the_file_before_write_returns() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("samples.csv");
        let columns = Columns::where_present(|c| c == Column::AccelPowerW);
        let mut samples = Samples::create(&path, columns, Handover::EachRow).expect("a new file");
        for tick in 0..3 {
            samples.write(&Row::new(0, tick, tick as f64, RunState::Running)).expect("room");
            assert_eq!(read_rows(&path).expect("our own").rows.len() as u64, tick + 1);
        }
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("samples.csv");
        Samples::create(&path, Columns::all(), Handover::EachRow).expect("a new file");
        let again = Samples::create(&path, Columns::all(), Handover::EachRow).err().expect("refused");
        assert!(again.to_string().contains("cannot create"), "{again}");
    }

    #[test]
    fn a_run_goes_on_in_its_own_columns_only() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("samples.csv");
        let columns = Columns::where_present(|c| c == Column::AccelPowerW);
        let mut samples = Samples::create(&path, columns.clone(), Handover::EachRow).expect("a new file");
        samples.write(&Row::new(0, 0, 0.0, RunState::Running)).expect("room");
        drop(samples);
        let mut samples = Samples::append(&path, columns, Handover::EachRow, 1).expect("the same columns");
        samples.write(&Row::new(1, 5, 5.0, RunState::Staging)).expect("room");
        let read = read_rows(&path).expect("our own");
        assert_eq!(read.rows.iter().map(|r| (r.segment, r.tick)).collect::<Vec<_>>(), [(0, 0), (1, 5)]);
        assert!(Samples::append(&path, Columns::all(), Handover::EachRow, 1).is_err());
    }

    #[test]
    fn events_keep_quotes_and_lose_line_breaks() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("events.csv");
        let mut events = Events::create(&path).expect("a new file");
        events.write(&event(1, "no answer, \"yet\"")).expect("room");
        drop(events);
        let mut events = Events::append(&path).expect("the same file");
        events.write(&event(2, "two\nlines\rof\ttext")).expect("room");
        events.sync().expect("a disc");
        let (read, torn) = read_events(&path).expect("our own");
        assert_eq!(read, [event(1, "no answer, \"yet\""), event(2, "two lines of text")]);
        assert!(torn.is_none());
        assert_eq!(std::fs::read_to_string(&path).expect("text").lines().count(), 3);
    }
}
