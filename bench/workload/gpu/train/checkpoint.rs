//! Where training on a card stands, written down and taken back; and training as a job that can leave memory.
//!
//! Not here: files (`eclipse`).

use super::Trainer;
use crate::generate::{Done, Wrong};
use crate::gpu::driver::Buffer;
use crate::job::{Job, Patience};
use crate::train::{load_learned, save_learned};
use std::io::{self, Read, Write};

/// Bytes copied from or to the card at once.
const PIECE: usize = 64 << 20;

impl Trainer {
    /// Everything on the card that a step changes and the next one needs.
    fn kept_buffers(&self) -> impl Iterator<Item = &Buffer> {
        let weights = self.weights.all().into_iter().chain(self.master.iter().flat_map(|m| m.all()));
        weights.map(|(buffer, _)| buffer).chain(self.means.iter().flat_map(|(m, v)| [m, v]))
    }
}

impl Job for Trainer {
    fn step(&mut self) -> Result<Done, Wrong> {
        Self::step(self)
    }

    fn close(&mut self, patience: &dyn Patience) -> Result<(), Wrong> {
        self.last_check(patience)
    }

    /// Before and after an eclipse: the weights have come of all of it.
    fn unchecked(&self) -> Done {
        self.unchecked
    }

    /// Progress, what of it is unchecked, text, weights in every precision there is, both means of the gradient.
    fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.progress.save(out)?;
        save_learned(self.unchecked, out)?;
        self.text.save(out)?;
        for buffer in self.kept_buffers() {
            for at in (0..buffer.bytes()).step_by(PIECE) {
                let bytes: Vec<u8> = buffer.read(at, PIECE.min(buffer.bytes() - at)).map_err(io::Error::other)?;
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        self.progress.load(input)?;
        self.unchecked = load_learned(input)?;
        self.text.load(input)?;
        if self.progress.begun() {
            (self.opening, self.known) = (None, None);
        }
        let mut bytes = Vec::new();
        for buffer in self.kept_buffers() {
            for at in (0..buffer.bytes()).step_by(PIECE) {
                bytes.resize(PIECE.min(buffer.bytes() - at), 0_u8);
                input.read_exact(&mut bytes)?;
                buffer.write(at, &bytes).map_err(io::Error::other)?;
            }
        }
        self.device.wait().map_err(io::Error::other)
    }

    fn lose(&mut self) -> io::Result<Option<(Done, Vec<u8>)>> {
        Ok(None)
    }
}
