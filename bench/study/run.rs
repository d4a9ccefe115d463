//! Flies the points of a study on several threads and keeps what comes out in one sheet, which a later sitting can go on with. What is
//! in a finished sheet depends on the study alone, byte for byte: not on threads, order or interruptions.

use crate::plan::{IS_SWEEP, Study};
use crate::point::{Outcome, Stopped};
use record::{Sheet, SheetWriter};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use thiserror::Error;

/// Why a sweep cannot go on.
#[derive(Debug, Error)]
pub enum Error {
    /// The sheet cannot be read or written.
    #[error(transparent)]
    Sheet(#[from] record::Error),
    /// The sheet holds something else.
    #[error("{} {what}; give another --out, or move it away, or --anew to discard a sweep that is there", path.display())]
    Other {
        /// The sheet.
        path: PathBuf,
        /// What it holds instead.
        what: String,
    },
}

/// A sheet being filled.
#[derive(Debug)]
pub struct Sweep<'s> {
    study: &'s Study,
    path: PathBuf,
    writer: SheetWriter,
    done: BTreeSet<usize>,
}

/// How a sitting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sitting {
    /// Every point is there.
    Complete,
    /// It was told to stop; the rest is for another sitting.
    Stopped,
}

impl<'s> Sweep<'s> {
    /// Begins a sheet at `path`; what another sweep left there is gone. What is no sweep's is refused.
    pub fn anew(study: &'s Study, path: &Path) -> Result<Self, Error> {
        if path.exists() {
            // Opened for adding: nobody else is adding to it.
            let (_held, sheet) = SheetWriter::open(path)?;
            if !is_sweep(&sheet) {
                return Err(Error::Other { path: path.to_owned(), what: "is there and no sweep's results".into() });
            }
            Sheet { head: study.head(), columns: study.columns(), ..Sheet::default() }.replace(path)?;
        }
        Self::open(study, path)
    }

    /// Opens the sheet at `path`, or begins one. A sheet of the same study, flown by the same program, is gone on with; any other is refused.
    pub fn open(study: &'s Study, path: &Path) -> Result<Self, Error> {
        let (head, columns) = (study.head(), study.columns());
        if !path.exists() {
            // Head and header are there together or not at all.
            Sheet { head: head.clone(), columns: columns.clone(), ..Sheet::default() }.replace(path)?;
        }
        let (writer, sheet) = SheetWriter::open(path)?;
        let other = |what: String| Error::Other { path: path.to_owned(), what };
        if !is_sweep(&sheet) {
            return Err(other("is there and no sweep's results".into()));
        }
        if sheet.head != head {
            return Err(other(format!("holds {}", difference(&sheet.head, &head))));
        }
        if sheet.columns != columns {
            return Err(other("has other columns than this version writes".into()));
        }
        let mut done = BTreeSet::new();
        for row in &sheet.rows {
            match row[0].parse::<usize>() {
                Ok(index) if index < study.len() => done.insert(index),
                _ => return Err(other(format!("has a row of point \"{}\", which this sweep has not", row[0]))),
            };
        }
        Ok(Self { study, path: path.to_owned(), writer, done })
    }

    /// Points that are there already.
    pub fn done(&self) -> usize {
        self.done.len()
    }

    /// Flies what is missing on `threads` threads, until all is there or `stop` is set. `progress` hears the number of points
    /// that are there, after each.
    pub fn run(mut self, threads: usize, stop: &AtomicBool, mut progress: impl FnMut(usize)) -> Result<Sitting, Error> {
        let todo: Vec<usize> = (0..self.study.len()).filter(|n| !self.done.contains(n)).collect();
        let next = AtomicUsize::new(0);
        let (send, receive) = mpsc::channel();
        std::thread::scope(|scope| -> Result<(), Error> {
            for _ in 0..threads.clamp(1, todo.len().max(1)) {
                let (send, todo, next, study) = (send.clone(), &todo, &next, self.study);
                scope.spawn(move || {
                    while let Some(&index) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let Ok(outcome) = guarded(study, index, stop) else { break };
                        if send.send((index, outcome)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(send);
            for (index, outcome) in receive {
                if let Err(why) = self.writer.add(&self.study.row(index, &outcome)) {
                    // The threads see it at their next tick, and this returns when they have.
                    stop.store(true, Ordering::Relaxed);
                    return Err(why.into());
                }
                self.done.insert(index);
                progress(self.done.len());
            }
            Ok(())
        })?;
        if self.done.len() < self.study.len() {
            return Ok(Sitting::Stopped);
        }
        self.finish()?;
        Ok(Sitting::Complete)
    }

    /// Puts the rows in order.
    fn finish(self) -> Result<(), Error> {
        let mut sheet = Sheet::read(&self.path)?;
        let sorted = sheet.rows.is_sorted_by_key(|row| row[0].parse::<usize>().unwrap_or(usize::MAX));
        if !sorted {
            sheet.rows.sort_by_key(|row| row[0].parse::<usize>().unwrap_or(usize::MAX));
            sheet.rows.dedup_by(|a, b| a[0] == b[0]);
            sheet.replace(&self.path)?;
        }
        Ok(())
    }
}

/// A fault of the program at one point must not lose the others: it becomes that point's row.
fn guarded(study: &Study, index: usize, stop: &AtomicBool) -> Result<Outcome, Stopped> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| study.fly(index, stop))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Ok(Outcome::refused(format!("a fault of this program, please report it: {}", words.unwrap_or("no message"))))
    })
}

fn is_sweep(sheet: &Sheet) -> bool {
    sheet.head.first().is_some_and(|line| line.starts_with(IS_SWEEP))
}

/// The first thing in which two heads differ, and what that means.
fn difference(there: &[String], wanted: &[String]) -> String {
    let Some((n, (a, b))) = there.iter().zip(wanted).enumerate().find(|(_, (a, b))| a != b) else {
        return format!("another sweep: there {} lines of head, here {}", there.len(), wanted.len());
    };
    let changed = ["profile: ", "rig: ", "weighed: "].iter().any(|what| a.starts_with(what) && b.starts_with(what));
    let what = match n {
        0 => "points of another version of this program, which may fly them differently",
        _ if changed => "points of another file, or of the same before it was changed",
        _ => "another sweep",
    };
    format!("{what}: there \"{a}\", here \"{b}\"")
}
