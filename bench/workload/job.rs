//! Work that one thread does step by step and that can leave memory: what its state is, and what is lost without it.
//!
//! Not here: files (`eclipse`), threads and power (`worker`).

use crate::generate::{Done, Generator, Wrong};
use crate::train::Trainer;
use std::io::{self, Read, Write};

/// Whoever waits for a last check may give up.
pub(crate) trait Patience {
    /// False once nobody waits any more: the device that works is then not to be touched again.
    fn goes_on(&self) -> bool;

    /// Until the next [`Patience::goes_on`] the host computes what is known, for as long as that takes: who gives up does not wait for it, and it ends with this process.
    fn aside(&self);
}

/// Nobody gives up.
pub(crate) struct Endless;

impl Patience for Endless {
    fn goes_on(&self) -> bool {
        true
    }

    fn aside(&self) {}
}

/// Such work.
pub(crate) trait Job {
    /// One step.
    fn step(&mut self) -> Result<Done, Wrong>;

    /// The last check, when there will be no more steps. What is given up stays unchecked.
    fn close(&mut self, patience: &dyn Patience) -> Result<(), Wrong>;

    /// As [`Job::close`], before it leaves memory, once its state is written: if that costs no more than a few steps. What then is still unchecked stays so.
    fn part(&mut self) -> Result<(), Wrong> {
        Ok(())
    }

    /// Done since what was done was last found right.
    fn unchecked(&self) -> Done;

    /// Writes its state.
    fn save(&mut self, out: &mut dyn Write) -> io::Result<()>;

    /// Takes a state of the same work in. Where that fails, what is left is no use.
    fn load(&mut self, input: &mut dyn Read) -> io::Result<()>;

    /// Loses what only its memory holds: how much work that is, and what those who asked for it still know, to begin again with. `None`: it begins from nothing,
    /// with all it ever did to be done again.
    fn lose(&mut self) -> io::Result<Option<(Done, Vec<u8>)>>;
}

impl Job for Generator {
    fn step(&mut self) -> Result<Done, Wrong> {
        Self::step(self)
    }

    fn close(&mut self, patience: &dyn Patience) -> Result<(), Wrong> {
        self.close_while(patience)
    }

    fn part(&mut self) -> Result<(), Wrong> {
        Self::close(self)
    }

    fn unchecked(&self) -> Done {
        Self::unchecked(self)
    }

    fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        Self::save(self, out)
    }

    fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        Self::load(self, input)
    }

    /// The prompts are somebody's, and are sent again; answers under way are lost.
    fn lose(&mut self) -> io::Result<Option<(Done, Vec<u8>)>> {
        let unfinished = self.unfinished();
        self.rewind();
        let mut known = Vec::new();
        Self::save(self, &mut known)?;
        Ok(Some((unfinished, known)))
    }
}

impl Job for Trainer {
    fn step(&mut self) -> Result<Done, Wrong> {
        Self::step(self)
    }

    /// All of it is the host's: there is no device to leave alone.
    fn close(&mut self, patience: &dyn Patience) -> Result<(), Wrong> {
        patience.aside();
        Self::close(self)
    }

    fn unchecked(&self) -> Done {
        Self::unchecked(self)
    }

    fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        Self::save(self, out)
    }

    fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        Self::load(self, input)
    }

    fn lose(&mut self) -> io::Result<Option<(Done, Vec<u8>)>> {
        Ok(None)
    }
}
