//! Readers of a run's CSV files, and of any CSV with a header, back into columns. The order of a header does not matter. A torn
//! last line (the writer was killed, or is still writing) is left out and reported; anything else wrong is an error with its place.

use crate::row::{Layout, RowError, number};
use crate::{Columns, Error, Event, Row, events::EVENT_COLUMNS};
use csv::{ByteRecord, StringRecord};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The last line of a file, which has no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Its line number, from 1.
    pub line: u64,
    /// Bytes of it.
    pub bytes: usize,
}

/// The rows of one of our CSV files.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The columns it has.
    pub columns: Columns,
    /// Its rows, in file order.
    pub rows: Vec<Row>,
    /// What was left out at the end.
    pub torn: Option<Torn>,
}

/// A whole CSV file as named columns of numbers or words.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: BTreeMap<String, Cells>,
    rows: usize,
    torn: Option<Torn>,
}

#[derive(Clone, Debug)]
enum Cells {
    Numbers(Vec<Option<f64>>),
    Words { cells: Vec<String>, why: Box<NoNumber> },
}

/// Why a column holds words: its first cell that is no number.
#[derive(Clone, Debug)]
struct NoNumber {
    line: u64,
    wrong: RowError,
}

/// The text of `path` up to its last line break, and what is torn after it.
fn whole_lines(path: &Path) -> Result<(Vec<u8>, Option<Torn>), Error> {
    let mut bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let torn = (end < bytes.len()).then(|| {
        let line = bytes[..end].split(|b| *b == b'\n').count() as u64;
        Torn { line, bytes: bytes.len() - end }
    });
    bytes.truncate(end);
    Ok((bytes, torn))
}

fn csv_reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes)
}

/// The record after this one as text, or `None` at the end.
fn next(path: &Path, csv: &mut csv::Reader<&[u8]>, bytes: &mut ByteRecord) -> Result<Option<(u64, StringRecord)>, Error> {
    if !csv.read_byte_record(bytes).map_err(|e| Error::unusable(path, e.to_string()))? {
        return Ok(None);
    }
    let line = bytes.position().map_or(0, csv::Position::line);
    match StringRecord::from_byte_record(std::mem::take(bytes)) {
        Ok(record) => Ok(Some((line, record))),
        Err(refused) => {
            let field = refused.utf8_error().field() + 1;
            Err(Error::cell(path, line, RowError { column: format!("field {field}"), field, why: "the text is not UTF-8".into() }))
        }
    }
}

fn header_of(path: &Path, csv: &mut csv::Reader<&[u8]>) -> Result<Vec<String>, Error> {
    let Some((_, record)) = next(path, csv, &mut ByteRecord::new())? else {
        return Err(Error::unusable(path, "it is empty: expected a header line"));
    };
    // Spreadsheets begin their CSVs with a byte order mark.
    let names: Vec<String> = record.iter().map(|n| n.trim_start_matches('\u{feff}').trim().to_owned()).collect();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            let why = "the header has this name twice".to_owned();
            return Err(Error::cell(path, 1, RowError { column: name.clone(), field: at + 1, why }));
        }
    }
    Ok(names)
}

/// The names in the first line of `path`.
pub(crate) fn header(path: &Path) -> Result<Vec<String>, Error> {
    let (bytes, _) = whole_lines(path)?;
    header_of(path, &mut csv_reader(&bytes))
}

/// Reads `samples.csv` or `prediction.csv` row by row, so that a long run does not fill the memory with rows.
pub fn each_row(path: &Path, mut take: impl FnMut(Row)) -> Result<(Columns, Option<Torn>), Error> {
    let (bytes, torn) = whole_lines(path)?;
    let mut csv = csv_reader(&bytes);
    let header = header_of(path, &mut csv)?;
    let layout = Layout::of_header(&header).map_err(|wrong| Error::cell(path, 1, wrong))?;
    let mut record = ByteRecord::new();
    while let Some((line, text)) = next(path, &mut csv, &mut record)? {
        take(layout.row(text.iter()).map_err(|wrong| Error::cell(path, line, wrong))?);
        record = text.into_byte_record();
    }
    Ok((Columns::of_header(header.iter().map(String::as_str)), torn))
}

/// Reads `samples.csv` or `prediction.csv` as rows.
pub fn read_rows(path: &Path) -> Result<Rows, Error> {
    let mut rows = Vec::new();
    let (columns, torn) = each_row(path, |row| rows.push(row))?;
    Ok(Rows { columns, rows, torn })
}

/// Reads `events.csv`.
pub fn read_events(path: &Path) -> Result<(Vec<Event>, Option<Torn>), Error> {
    let (bytes, torn) = whole_lines(path)?;
    let mut csv = csv_reader(&bytes);
    let header = header_of(path, &mut csv)?;
    if let Some((name, _)) = EVENT_COLUMNS.iter().find(|c| !header.iter().any(|h| h == c.0)) {
        return Err(Error::NoColumn { path: path.to_owned(), column: (*name).to_owned(), found: header.join(", ") });
    }
    let (mut events, mut record) = (Vec::new(), ByteRecord::new());
    while let Some((line, text)) = next(path, &mut csv, &mut record)? {
        let event = Event::of_fields(&header, &text).map_err(|wrong| Error::cell(path, line, wrong))?;
        events.push(event);
        record = text.into_byte_record();
    }
    Ok((events, torn))
}

impl Table {
    /// Reads a CSV file with a header line. A column with any cell that is neither empty nor a finite number holds words.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (bytes, torn) = whole_lines(path)?;
        let mut csv = csv_reader(&bytes);
        let names = header_of(path, &mut csv)?;
        let mut cells: Vec<Cells> = names.iter().map(|_| Cells::Numbers(Vec::new())).collect();
        let (mut rows, mut record) = (0, ByteRecord::new());
        while let Some((line, text)) = next(path, &mut csv, &mut record)? {
            if text.len() != names.len() {
                let column = names.get(text.len()).map_or("end of line", String::as_str).to_owned();
                let why = format!("the line has {} fields: expected {}", text.len(), names.len());
                return Err(Error::cell(path, line, RowError { column, field: text.len().min(names.len()), why }));
            }
            for (at, (field, cells)) in text.iter().zip(&mut cells).enumerate() {
                cells.push(field, || (line, at + 1, &names[at]));
            }
            rows += 1;
            record = text.into_byte_record();
        }
        let mut table = Self { path: path.to_owned(), columns: BTreeMap::new(), rows, torn, names };
        table.take(&bytes, cells)?;
        Ok(table)
    }

    /// Puts the columns in place; those that turned out to be words part-way are collected again from the text, so that their
    /// first cells stay as they were written ("0007").
    fn take(&mut self, bytes: &[u8], mut cells: Vec<Cells>) -> Result<(), Error> {
        if cells.iter().any(|c| matches!(c, Cells::Words { .. })) {
            let mut csv = csv_reader(bytes);
            let mut record = next(&self.path, &mut csv, &mut ByteRecord::new())?.map(|r| r.1).unwrap_or_default().into_byte_record();
            while let Some((_, text)) = next(&self.path, &mut csv, &mut record)? {
                for (field, column) in text.iter().zip(&mut cells) {
                    if let Cells::Words { cells, .. } = column {
                        cells.push(field.to_owned());
                    }
                }
                record = text.into_byte_record();
            }
        }
        self.columns = self.names.iter().cloned().zip(cells).collect();
        Ok(())
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the columns, in file order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many rows were read.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// True if there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What was left out at the end.
    pub const fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// True if there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    fn column(&self, name: &str) -> Result<&Cells, Error> {
        self.columns.get(name).ok_or_else(|| Error::NoColumn {
            path: self.path.clone(),
            column: name.to_owned(),
            found: self.names.join(", "),
        })
    }

    /// A column of numbers; empty cells are `None`.
    pub fn numbers(&self, name: &str) -> Result<&[Option<f64>], Error> {
        match self.column(name)? {
            Cells::Numbers(cells) => Ok(cells),
            Cells::Words { why, .. } => Err(Error::cell(&self.path, why.line, why.wrong.clone())),
        }
    }

    /// A column as words; `None` if it holds only numbers and empty cells.
    pub fn words(&self, name: &str) -> Result<Option<&[String]>, Error> {
        match self.column(name)? {
            Cells::Words { cells, .. } => Ok(Some(cells)),
            Cells::Numbers(_) => Ok(None),
        }
    }
}

impl Cells {
    /// Takes in one field of a column of numbers, or finds out that it is one of words.
    fn push<'n>(&mut self, field: &str, place: impl FnOnce() -> (u64, usize, &'n String)) {
        let Self::Numbers(cells) = self else { return };
        let field = field.trim();
        if field.is_empty() {
            cells.push(None);
            return;
        }
        match number(field) {
            Ok(value) => cells.push(Some(value)),
            Err(why) => {
                let (line, field, column) = place();
                let wrong = RowError { column: column.clone(), field, why };
                *self = Self::Words { cells: Vec::new(), why: Box::new(NoNumber { line, wrong }) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, LEAD};
    use std::fmt::Write as _;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("any.csv");
        std::fs::write(&path, text).expect("room");
        (dir, path)
    }

    const HEAD: &str = "segment,tick,utc,elapsed_s,bench_s,mission_s,state,limited,rig_plate_degc,rig_plate_degc_quality";

    #[test]
    fn a_torn_last_line_is_left_out_and_reported() {
        let (_dir, path) = file(&format!("{HEAD}\n0,0,,,0.000,,running,none,20.0000,good\n0,1,,,1.000,,runn"));
        let read = read_rows(&path).expect("whole lines");
        assert_eq!(read.rows.len(), 1);
        assert_eq!(read.torn, Some(Torn { line: 3, bytes: 17 }));
        assert_eq!(Table::read(&path).expect("whole lines").torn(), Some(&Torn { line: 3, bytes: 17 }));
    }

    #[test]
    fn wrong_cells_are_named_with_file_line_and_field() {
        let (_dir, path) = file(&format!("{HEAD}\n0,0,,,0.000,,running,none,20.0000,good\n0,1,,,1.000,,running,none,warm,good\n"));
        let refused = read_rows(&path).expect_err("warm is no temperature").to_string();
        assert!(refused.contains("any.csv:3:9: cannot read `rig_plate_degc`: \"warm\" is no number"), "{refused}");
        let table = Table::read(&path).expect("words are fine in a table");
        let refused = table.numbers("rig_plate_degc").expect_err("until they are wanted as numbers").to_string();
        assert!(refused.contains("any.csv:3:9"), "{refused}");
    }

    #[test]
    fn the_order_of_a_header_does_not_matter_and_strangers_are_passed_over() {
        let mut names: Vec<&str> = LEAD.iter().map(|l| l.0).collect();
        names.reverse();
        let mut text = String::from("remark,accel_power_w,");
        let _ = writeln!(text, "{}", names.join(","));
        text.push_str("hello,70.5,saturated,held,12.5,13,,,7,2\n");
        let (_dir, path) = file(&text);
        let read = read_rows(&path).expect("all leads are there");
        let row = &read.rows[0];
        assert_eq!((row.segment, row.tick, row.bench_s, row.mission_s), (2, 7, 13.0, Some(12.5)));
        assert_eq!((row.state.word(), row.limited.word(), row.get(Column::AccelPowerW)), ("held", "saturated", Some(70.5)));
    }

    #[test]
    fn a_table_tells_numbers_from_words() {
        let (_dir, path) = file("\u{feff}time_s, plate ,id,note\n0,20.5,0007,\n1,,x1,\"a, b\"\n2,21,0008,\n");
        let table = Table::read(&path).expect("a sound file");
        assert_eq!(table.names(), ["time_s", "plate", "id", "note"]);
        assert_eq!(table.numbers("plate").expect("numbers"), [Some(20.5), None, Some(21.0)]);
        assert_eq!(table.words("id").expect("there"), Some(&["0007".to_owned(), "x1".to_owned(), "0008".to_owned()][..]));
        assert_eq!(table.words("note").expect("there").map(|w| w[1].as_str()), Some("a, b"));
        assert_eq!(table.words("time_s").expect("there"), None);
        assert!(table.numbers("sink").expect_err("absent").to_string().contains("no column `sink`"));
    }

    #[test]
    fn files_that_are_no_tables_are_refused_with_a_reason() {
        let cases = [
            ("", "empty"),
            ("no line end", "empty"),
            ("a,b\n1,2\n3\n", ":3:1: cannot read `b`: the line has 1 fields: expected 2"),
            ("a,b\n1,2,3\n", "the line has 3 fields"),
            ("a,a\n1,2\n", "twice"),
        ];
        for (text, why) in cases {
            let (_dir, path) = file(text);
            let refused = Table::read(&path).expect_err(text).to_string();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(Table::read(Path::new("/nowhere/at-all.csv")).expect_err("absent").is_missing());
        let (_dir, path) = file("tick,state\n0,running\n");
        assert!(read_rows(&path).expect_err("leads missing").to_string().contains("`segment`"));
        assert!(read_events(&path).expect_err("no events").to_string().contains("no column `utc`"));
    }

    #[test]
    fn a_wrong_event_is_named() {
        let (_dir, path) = file("utc,elapsed_s,tick,severity,kind,who,message\n,,1,info,a,b,c\n,,2,loud,a,b,c\n");
        let refused = read_events(&path).expect_err("loud is no severity").to_string();
        assert!(refused.contains("any.csv:3:4: cannot read `severity`"), "{refused}");
    }
}
