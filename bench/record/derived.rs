//! Writer of derived tables such as `comparison.csv`: made from a run at any time, replaced as a whole, never under the seal.

use crate::Error;
use crate::folder::replace_file;
use crate::format::push_optional;
use std::path::Path;

/// The cells of one column. Missing ones are empty.
#[derive(Clone, Debug)]
pub enum Cells<'a> {
    /// Numbers with this many decimals.
    Numbers(&'a [Option<f64>], usize),
    /// Words that need no quoting.
    Words(&'a [&'static str]),
}

/// Writes columns of `rows` cells each, with their names, replacing what is at `path`. A column that is too short ends in empty cells.
pub fn write_derived(path: &Path, rows: usize, columns: &[(String, Cells<'_>)]) -> Result<(), Error> {
    let names: Vec<&str> = columns.iter().map(|c| c.0.as_str()).collect();
    let mut text = names.join(",").into_bytes();
    text.push(b'\n');
    for row in 0..rows {
        for (at, (_, cells)) in columns.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            match cells {
                Cells::Numbers(numbers, decimals) => push_optional(&mut text, numbers.get(row).copied().flatten(), *decimals),
                Cells::Words(words) => text.extend_from_slice(words.get(row).copied().unwrap_or_default().as_bytes()),
            }
        }
        text.push(b'\n');
    }
    replace_file(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    #[test]
    fn what_is_missing_stays_missing() {
        let dir = tempfile::tempdir().expect("a temp folder");
        let path = dir.path().join("comparison.csv");
        let columns = [
            ("tick".to_owned(), Cells::Numbers(&[Some(1.0), Some(2.0)], 0)),
            ("limited".to_owned(), Cells::Words(&["none", "rate"])),
            ("a_residual".to_owned(), Cells::Numbers(&[None], 4)),
        ];
        write_derived(&path, 2, &columns).expect("room");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "tick,limited,a_residual\n1,none,\n2,rate,\n");
        let table = Table::read(&path).expect("our own");
        assert_eq!(table.numbers("tick").expect("numbers"), [Some(1.0), Some(2.0)]);
    }
}
