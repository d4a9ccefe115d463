//! Mending of an append-only file whose writer was killed: the torn last line is cut off, nothing else is touched. Only the owner
//! of a run does this, on resume; readers pass a torn line over instead.

use crate::Error;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What mending a file came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Whole lines after the header.
    pub lines: u64,
    /// Bytes of the torn line that were cut off; 0 if the file was whole.
    pub cut: u64,
}

/// Cuts off what follows the last line break of `path` and counts the whole lines after the header.
pub fn mend(path: &Path) -> Result<Mended, Error> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(Error::io("open for mending", path))?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(Error::io("read", path))?;
    let Some(last) = bytes.iter().rposition(|b| *b == b'\n') else {
        return Err(Error::unusable(path, "not even its header is whole: there is nothing to resume"));
    };
    let cut = (bytes.len() - last - 1) as u64;
    if cut > 0 {
        file.set_len(last as u64 + 1).and_then(|()| file.sync_all()).map_err(Error::io("cut the torn line of", path))?;
    }
    // Pieces between line breaks: the header, the whole lines, and what is behind the last break.
    let pieces = bytes.split(|b| *b == b'\n').count() as u64;
    Ok(Mended { lines: pieces - 2, cut })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Columns, Handover, Row, Samples, read_rows};
    use signal::RunState;
    use std::fs;

    #[test]
    fn wherever_a_line_was_torn_the_whole_ones_stay_and_the_run_goes_on() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("samples.csv");
        let columns = Columns::where_present(|c| c == Column::AccelPowerW);
        let row = |tick| Row::new(0, tick, tick as f64, RunState::Running);
        let mut samples = Samples::create(&path, columns.clone(), Handover::EachRow).expect("a new file");
        samples.write(&row(0)).expect("room");
        let whole = fs::metadata(&path).expect("there").len() as usize;
        samples.write(&row(1)).expect("room");
        drop(samples);
        let bytes = fs::read(&path).expect("there");
        for length in whole..bytes.len() {
            fs::write(&path, &bytes[..length]).expect("room");
            let mended = mend(&path).expect("a header");
            assert_eq!(mended, Mended { lines: 1, cut: (length - whole) as u64 });
            let mut samples = Samples::append(&path, columns.clone(), Handover::EachRow, mended.lines).expect("mended");
            samples.write(&row(7)).expect("room");
            assert_eq!(samples.rows(), 2);
            let read = read_rows(&path).expect("whole lines");
            assert_eq!((read.rows.len(), read.rows[1].tick, read.torn), (2, 7, None));
        }
    }

    #[test]
    fn a_file_without_a_header_cannot_be_mended() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("samples.csv");
        fs::write(&path, "segment,ti").expect("room");
        assert!(mend(&path).expect_err("no header").to_string().contains("nothing to resume"));
        assert_eq!(fs::read(&path).expect("there"), b"segment,ti");
    }
}
