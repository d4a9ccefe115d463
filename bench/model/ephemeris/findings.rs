//! What is wrong with a file, collected while reading on.

use signal::{Problem, Problems};

/// Problems that are listed; a file of the wrong kind would have one a line.
const LISTED: usize = 100;

/// Every problem found so far.
#[derive(Debug)]
pub struct Findings {
    file: String,
    found: Vec<Problem>,
    more: usize,
}

impl Findings {
    /// None yet. `file` is the name to blame them on.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new(), more: 0 }
    }

    /// Adds one about `line`, from 1.
    pub fn at(&mut self, line: usize, message: impl Into<String>) {
        self.at_column(line, 1, message);
    }

    /// Adds one about a column of `line`, both from 1.
    pub fn at_column(&mut self, line: usize, column: usize, message: impl Into<String>) {
        if self.found.len() < LISTED {
            self.found.push(Problem { file: self.file.clone(), line, column, message: message.into() });
        } else {
            self.more += 1;
        }
    }

    /// The value of a result, or its error as a problem of `line`.
    pub fn ok<T>(&mut self, line: usize, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.at(line, why)).ok()
    }

    /// Nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.found.len() + self.more
    }

    /// `value`, unless anything was wrong.
    pub fn finish<T>(mut self, value: T) -> Result<T, Problems> {
        if self.found.is_empty() {
            return Ok(value);
        }
        self.found.sort_by_key(|p| (p.line, p.column));
        if self.more > 0
            && let Some(last) = self.found.last().cloned()
        {
            let message = format!("and {} more problems: is this the right kind of file?", self.more);
            self.found.push(Problem { message, ..last });
        }
        Err(Problems(self.found))
    }
}
