//! What is told while a run goes on, how one ended, and why one did not begin.

use super::{EmulatorError, GuardError};
use crate::devices::Unconfirmed;
use crate::folder::FolderError;
use control::{End, Event};
use record::Row;
use signal::RunState;
use std::any::Any;
use std::path::PathBuf;
use thiserror::Error;

/// What is told while a run goes on.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The run folder exists.
    Folder(PathBuf),
    /// Screens can attach.
    Session {
        /// The socket.
        socket: PathBuf,
        /// The run's name.
        name: String,
    },
    /// The prediction is made and sealed.
    Predicted(Box<crate::rehearse::Rehearsal>),
    /// Something happened.
    Event(Event),
    /// Once a second.
    At {
        /// State of the run.
        state: RunState,
        /// Mission seconds, and how many there will be.
        mission_s: Option<f64>,
        /// Mission seconds in all.
        duration_s: f64,
        /// Wall seconds to go, as far as that can be known.
        eta_s: Option<f64>,
        /// The newest row.
        row: Box<Row>,
    },
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run folder.
    pub folder: PathBuf,
    /// How it ended.
    pub end: End,
    /// What is not confirmed safe.
    pub unconfirmed: Vec<Unconfirmed>,
    /// `SAFE CONFIRMED` or `SAFE UNCONFIRMED ...`, and how the run ended.
    pub words: String,
    /// The program itself failed (a panic), in words.
    pub internal: Option<String>,
    /// What the disk did not take at the end, besides what ended the run.
    pub unrecorded: Option<String>,
    /// The folder was sealed.
    pub sealed: bool,
}

/// Why a run did not begin.
#[derive(Debug, Error)]
pub enum RunError {
    /// The run folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The emulated rig is not there.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The accelerator is not there.
    #[error(transparent)]
    Accelerator(#[from] ::accelerator::Error),
    /// Its settings cannot be made.
    #[error(transparent)]
    Settings(#[from] GuardError),
    /// The workload cannot be started.
    #[error(transparent)]
    Workload(#[from] workload::Error),
    /// The rig cannot be driven.
    #[error(transparent)]
    Rig(#[from] rig::Error),
    /// The virtual card is not there.
    #[error(transparent)]
    Card(#[from] twin::LinkError),
    /// Threads or sockets are not to be had.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was attempted.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The rig's commissioning does not allow it.
    #[error("{0}; nothing was switched on")]
    Commissioning(String),
    /// The rehearsal says the run cannot be flown.
    #[error("the rehearsal already {0}; nothing was switched on")]
    Rehearsal(String),
    /// A work map cannot be kept, or its work is not understood.
    #[error("{0}")]
    Map(String),
}

impl Outcome {
    /// Takes in what the disk would not take. What is not recorded is not flown: that ends a run as an interlock does, and is no fault of this program.
    pub(super) fn unrecorded(&mut self, why: String, unknown: Option<&str>) {
        match &self.end {
            End::Done | End::Stopped => {
                self.end = End::Tripped(why);
                self.words = end_words(&self.end, unknown, &self.unconfirmed);
            }
            End::Tripped(told) if *told == why => {}
            End::Aborted | End::Halted | End::Tripped(_) => {
                self.unrecorded.get_or_insert(why);
            }
        }
    }

    /// The documented exit code of the run.
    pub fn code(&self) -> u8 {
        match &self.end {
            _ if !self.unconfirmed.is_empty() => 7,
            _ if self.internal.is_some() => 1,
            End::Done | End::Stopped => 0,
            End::Aborted | End::Halted => 5,
            End::Tripped(_) => 6,
        }
    }
}

/// One word for scripts.
pub(super) const fn how(end: &End) -> &'static str {
    match end {
        End::Done => "done",
        End::Stopped => "stopped",
        End::Aborted => "aborted",
        End::Halted => "halted",
        End::Tripped(_) => "tripped",
    }
}

/// `unknown` is what of its work is not known to be right.
pub(super) fn end_words(end: &End, unknown: Option<&str>, unconfirmed: &[Unconfirmed]) -> String {
    let how = match end {
        End::Tripped(why) => format!("tripped: {why}"),
        other => unknown.map_or_else(|| how(other).to_owned(), |left| format!("{}; {left}", how(other))),
    };
    if unconfirmed.is_empty() {
        return format!("{how}. SAFE CONFIRMED");
    }
    let left: Vec<String> = unconfirmed.iter().map(|u| format!("{}: {}", u.device, u.why)).collect();
    format!("{how}. SAFE UNCONFIRMED, go and look: {}", left.join("; "))
}

pub(super) fn panic_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full is an interlock, whenever it is: the exit code is never that of a fault of ours, and what is not confirmed comes first all the same.
    #[test]
    fn what_the_disk_does_not_take_is_a_trip() {
        let after = |end: End, left: usize| {
            let unconfirmed = vec![Unconfirmed { device: "tec".into(), why: "silent".into() }; left];
            let mut outcome =
                Outcome { folder: PathBuf::new(), end, unconfirmed, words: String::new(), internal: None, unrecorded: None, sealed: false };
            outcome.unrecorded("cannot write run.toml: full".to_owned(), None);
            (outcome.code(), outcome.words, outcome.unrecorded.is_some())
        };
        let told = "tripped: cannot write run.toml: full. SAFE CONFIRMED".to_owned();
        assert_eq!(after(End::Done, 0), (6, told.clone(), false));
        assert_eq!(after(End::Stopped, 0), (6, told, false));
        assert_eq!(after(End::Tripped("cannot write samples.csv: full".into()), 0), (6, String::new(), true));
        assert_eq!(after(End::Tripped("cannot write run.toml: full".into()), 0), (6, String::new(), false));
        assert_eq!(after(End::Aborted, 0), (5, String::new(), true));
        assert_eq!(after(End::Done, 1).0, 7);
    }
}
