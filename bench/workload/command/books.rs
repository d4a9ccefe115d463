//! What becomes of a command's lines: counted, remarked, or too much of nonsense to go on with. Pure: no process, no clock.
//!
//! A line that is no report is forgiven, since programs print things while they load. Forgiving for ever would end a run in success with no work
//! counted, so that it has a limit, and work in another unit than before has none.

use super::line::{Report, Tally};

/// Lines that look like reports and are refused, one after the other: then none is expected to come right.
const MOST_REFUSED: u32 = 8;

/// Other lines before the first report: more than programs print while they load a model.
const MOST_NOISE: u64 = 1000;

/// The books of one command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Books {
    pub(super) tally: Tally,
    /// Lines that were no reports.
    pub(super) malformed: u64,
    /// Of those that look like reports, since the last good one.
    refused: u32,
    /// Why nothing that follows is of any use.
    pub(super) broken: Option<String>,
}

impl Books {
    /// Takes a line that is no note. The error is worth an event.
    pub(super) fn take(&mut self, line: &str) -> Result<(), String> {
        let shown: String = line.chars().take(80).collect();
        let report = Report::parse(line);
        let other_unit = report.as_ref().is_ok_and(|report| self.tally.unit().is_some_and(|unit| unit != report.unit));
        let Err(why) = report.and_then(|report| self.tally.add(report)) else {
            self.refused = 0;
            return Ok(());
        };
        self.malformed += 1;
        self.refused += u32::from(line.trim_start().starts_with('{'));
        if other_unit {
            self.give_up(format!("its lines count different things, which do not add up ({why}): {shown}"));
        } else if self.refused >= MOST_REFUSED {
            self.give_up(format!("{MOST_REFUSED} of its reports one after the other were refused, the last because {why}: {shown}"));
        } else if self.malformed >= MOST_NOISE && self.tally.unit().is_none() {
            self.give_up(format!("it printed {MOST_NOISE} lines and no report of work ({why}): {shown}"));
        }
        Err(format!("the command printed a line that is no report ({why}): {shown}"))
    }

    fn give_up(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after<'l>(lines: impl IntoIterator<Item = &'l str>) -> Books {
        let mut books = Books::default();
        for line in lines {
            let _ = books.take(line);
        }
        books
    }

    const GOOD: &str = r#"{"t":0,"units":2,"unit":"image"}"#;
    const BAD: &str = r#"{"t":0,"units":-2,"unit":"image"}"#;

    #[test]
    fn a_few_lines_of_noise_are_forgiven() {
        let mut lines = vec!["loading"; 999];
        lines.extend([GOOD, "epoch 1", GOOD]);
        let books = after(lines);
        assert_eq!((books.tally.output(), books.malformed, books.broken), (Some(4.0), 1000, None));
    }

    #[test]
    fn nothing_but_nonsense_is_given_up() {
        for (lines, words) in [
            (vec!["loading"; 1000], "1000 lines and no report"),
            (vec![BAD; 8], "8 of its reports"),
            (vec![r#"{"t":0,"units":1e15}"#; 8], "not believed"),
            (vec![r#"{"units":1}"#; 8], "missing field `t`"),
            (vec![GOOD, r#"{"t":0,"units":1,"unit":"token"}"#], "counts \"token\" after \"image\""),
        ] {
            let why = after(lines).broken.unwrap_or_default();
            assert!(why.contains(words), "{words}: {why}");
        }
        let mut forgiven = [BAD; 15];
        forgiven[7] = GOOD;
        assert_eq!(after(forgiven).broken, None, "seven, a good one, and seven");
    }
}
