//! A thread's work put away and brought back: into a file or out of memory only, and from whatever is left of it.
//!
//! Not here: when (`worker` is told of power), what the file looks like (`eclipse`), what the state is (`job`).

use crate::eclipse::{self, Header, Identity};
use crate::generate::Done;
use crate::job::Job;
use signal::Crossing;
use std::io::{self, Write};
use std::path::PathBuf;

/// How work crosses an eclipse, and where its files go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// What becomes of it.
    pub crossing: Crossing,
    /// Folder of its checkpoints; it is made when it is needed.
    pub folder: PathBuf,
}

/// One thread's work, wherever it is.
pub(crate) struct Parking {
    keeping: Keeping,
    identity: Identity,
    /// Units so far.
    done: Done,
    away: Option<Away>,
}

/// What there is of work whose memory is gone.
struct Away {
    /// There is a file to go on from.
    filed: bool,
    /// What those who asked for the work still know, and what is lost if it begins with that. `None`: it begins from nothing.
    known: Option<(Done, Vec<u8>)>,
}

/// What putting away or bringing back came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) bytes: u64,
    /// Work that is lost by it.
    pub(crate) lost: Done,
    /// What did not go as it should.
    pub(crate) wrong: Option<String>,
    /// What of the job was not known to be right when its memory went.
    pub(crate) unchecked: Done,
    /// The work itself is wrong: a check before it left has found that.
    pub(crate) failed: Option<String>,
}

impl Parking {
    pub(crate) fn new(keeping: Keeping, identity: Identity) -> Self {
        Self { keeping, identity, done: Done::default(), away: None }
    }

    pub(crate) fn count(&mut self, done: Done) {
        self.done = self.done + done;
    }

    fn file(&self) -> PathBuf {
        self.keeping.folder.join(format!("work-{}.checkpoint", self.identity.worker))
    }

    /// Ends the job's time in memory. `alive` says whether it is still worth writing.
    pub(crate) fn leave(&mut self, mut job: Box<dyn Job + '_>, alive: &dyn Fn() -> bool) -> Outcome {
        let mut outcome = Outcome::default();
        let mut filed = false;
        if self.keeping.crossing == Crossing::Checkpoint {
            let header = Header { identity: self.identity.clone(), output: self.done.output as u64, input: self.done.input as u64 };
            let written = std::fs::create_dir_all(&self.keeping.folder)
                .and_then(|()| eclipse::write(&self.file(), &header, |out| job.save(&mut While { out, alive })));
            match written {
                Ok(bytes) => (outcome.bytes, filed) = (bytes, true),
                Err(why) => {
                    let file = self.file();
                    outcome.wrong = Some(format!("cannot write the checkpoint {}: {why}", file.display()));
                }
            }
        }
        let known = match job.lose() {
            Ok(known) => known,
            Err(why) => {
                outcome.wrong.get_or_insert_with(|| format!("what is asked of the work cannot be kept: {why}"));
                None
            }
        };
        // Its state is safe or lost: nothing more can be lost by a check. Who is told to end waits for none.
        if alive() {
            outcome.failed = job.part().err().map(|wrong| wrong.to_string());
        }
        outcome.unchecked = job.unchecked();
        drop(job);
        // What begins from nothing is better off with an older checkpoint, if there is one.
        filed |= known.is_none() && self.keeping.crossing == Crossing::Checkpoint && self.file().exists();
        if !filed {
            outcome.lost = known.as_ref().map_or(self.done, |(lost, _)| *lost);
        }
        self.away = Some(Away { filed, known });
        outcome
    }

    /// Brings a job back from where it was left. `make` makes one from nothing.
    pub(crate) fn come<'a>(
        &mut self,
        make: &mut dyn FnMut() -> Result<Box<dyn Job + 'a>, String>,
    ) -> Result<(Box<dyn Job + 'a>, Outcome), String> {
        let mut outcome = Outcome::default();
        let mut job = make()?;
        let Some(away) = self.away.take() else { return Ok((job, outcome)) };
        if away.filed {
            match eclipse::read(&self.file(), &self.identity, |input| job.load(input)) {
                Ok((header, bytes)) => {
                    // Nothing, unless the newest could not be written and this is an older one.
                    let since = |now: usize, then: u64| now.saturating_sub(usize::try_from(then).unwrap_or(usize::MAX));
                    outcome.lost = Done { input: since(self.done.input, header.input), output: since(self.done.output, header.output) };
                    outcome.bytes = bytes;
                    return Ok((job, outcome));
                }
                Err(why) => {
                    outcome.lost = away.known.as_ref().map_or(self.done, |(lost, _)| *lost);
                    outcome.wrong = Some(why.to_string());
                    // It may have taken in half of a state.
                    drop(job);
                    job = make()?;
                }
            }
        }
        if let Some((_, known)) = &away.known {
            job.load(&mut &known[..]).map_err(|e| format!("the work cannot begin again: {e}"))?;
        }
        Ok((job, outcome))
    }
}

/// Writes as long as somebody wants it.
struct While<'a> {
    out: &'a mut dyn Write,
    alive: &'a dyn Fn() -> bool,
}

impl Write for While<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.alive)() { self.out.write(bytes) } else { Err(io::Error::other("the work was told to end")) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
