//! Taking real accelerators before they are asked anything: each card's lock, and what a run before left changed on it put back. Who asks first takes a limit
//! that somebody left behind for the card's own.
//!
//! Not here: what is set on them (the live bench), and what a lock and a note are.

use crate::live::{of_a_holder, take_up};
use crate::setup::SetupError;
use accelerator::Spec;
use std::path::Path;
use std::sync::Arc;
use workload::gpu::Fault;

/// Cards that are ours while this lives; none for devices without a lock.
#[derive(Debug, Default)]
pub struct Claim {
    held: Vec<Arc<workload::gpu::Hold>>,
    /// What was put back on them, in words.
    pub put_back: Vec<String>,
    /// What was left changed on them and cannot be put back, in words.
    pub left: Vec<String>,
}

impl Claim {
    /// Takes every card that is meant.
    ///
    /// # Errors
    /// If one is not there, or is another run's.
    pub fn of(spec: &Spec) -> Result<Self, SetupError> {
        let devices = spec.open_each(Path::new("/"))?;
        let boards: Vec<String> = devices.iter().filter_map(|d| d.identity().board_uuid.clone()).collect();
        Ok(Self::of_boards(&boards)?)
    }

    /// The same for boards by their UUID. One that this process holds already is held once more.
    pub(crate) fn of_boards(boards: &[String]) -> Result<Self, workload::Error> {
        let mut claim = Self::default();
        for board in boards {
            let held = workload::gpu::hold(board).map_err(|fault| match fault {
                Fault::Held { uuid, holder } => Fault::Held { holder: holder + &of_a_holder(&uuid), uuid },
                other => other,
            });
            claim.held.push(held.map_err(workload::Error::Gpu)?);
            match take_up(board) {
                Ok(done) => claim.put_back.extend(done),
                Err(why) => claim.left.push(why),
            }
        }
        Ok(claim)
    }

    /// What is wrong with the place of the locks.
    pub fn cautions(&self) -> impl Iterator<Item = &str> {
        self.held.iter().filter_map(|hold| hold.caution())
    }
}

/// What runs before, or one that is under way, have changed on the cards that are meant, in words. Looks only: nothing is taken or put back.
///
/// # Errors
/// If one is not there.
pub fn left_on(spec: &Spec) -> Result<Vec<String>, SetupError> {
    // A driver may hang, and mostly there is nothing to ask it about.
    if !crate::live::anything_left() {
        return Ok(Vec::new());
    }
    let devices = spec.open_each(Path::new("/"))?;
    Ok(devices.iter().filter_map(|d| crate::live::left_on(d.identity().board_uuid.as_deref()?)).collect())
}
