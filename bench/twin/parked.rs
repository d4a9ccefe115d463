//! How the virtual card's work crosses a time without power: what it would have to write, read and do again. Simulated, by the figures of `[card.state]`.
//!
//! Not here: the card's power and rate (`card`), which idles while its work is anywhere but in memory.

use signal::{Crossing, Kept, Place, Section};

const MIB: f64 = 1_048_576.0;

/// What the virtual work keeps in memory and how fast it moves: `[card.state]` of the rig file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StateSpec {
    /// Keys and values of what is under way, MiB.
    pub state_mib: f64,
    /// Output of what is under way and would be lost, units, on the mean.
    pub unfinished_units: f64,
    /// Onto the disk, MB/s.
    pub write_mb_s: f64,
    /// From it, MB/s.
    pub read_mb_s: f64,
    /// From power to weights in memory, s.
    pub begin_s: f64,
}

impl Default for StateSpec {
    /// A card that serves 32 sequences of an 8-billion-weight model, as `units_per_s` of the shipped twin has it.
    fn default() -> Self {
        Self {
            // 32 sequences x 768 tokens (a prompt of 512 and half of an answer of 512: assumed) x 128 KiB: 2 x 32 layers x 8 heads of keys and values x 128 x 2
            // bytes (Llama 3.1 8B, arXiv 2407.21783, table 3).
            state_mib: 3072.0,
            // 32 x half of an answer of 512 tokens (assumed).
            unfinished_units: 8192.0,
            // Flash behind four lanes of PCI Express (assumed, 500 to 3000): slower written than read.
            write_mb_s: 1000.0,
            read_mb_s: 2000.0,
            // 8 GB of 8-bit weights at that rate, and 10 s for system, driver and program (assumed, 5 to 120).
            begin_s: 14.0,
        }
    }
}

impl StateSpec {
    /// Reads `[card.state]`; what is not said is assumed.
    pub fn read(state: &Section<'_>) -> Self {
        let d = Self::default();
        Self {
            state_mib: state.number_or("state_mib", 0.0..=1e7, d.state_mib),
            unfinished_units: state.number_or("unfinished_units", 0.0..=1e12, d.unfinished_units),
            write_mb_s: state.number_or("write_mb_s", 0.001..=1e6, d.write_mb_s),
            read_mb_s: state.number_or("read_mb_s", 0.001..=1e6, d.read_mb_s),
            begin_s: state.number_or("begin_s", 0.0..=86_400.0, d.begin_s),
        }
    }

    /// From the power's return to the first unit's being possible, after work went away like this, s.
    pub fn back_s(&self, by: Crossing) -> f64 {
        self.begin_s + if by == Crossing::Checkpoint { self.seconds(self.read_mb_s) } else { 0.0 }
    }

    /// Units that are lost with the memory, on the mean.
    pub fn lost_units(&self, by: Crossing) -> f64 {
        if by == Crossing::Restart { self.unfinished_units } else { 0.0 }
    }

    fn seconds(&self, mb_s: f64) -> f64 {
        self.state_mib * MIB / 1e6 / mb_s
    }
}

/// Where the virtual work is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parked {
    spec: StateSpec,
    /// How it is to be away; `None` while power is there.
    wanted: Option<Crossing>,
    /// How it went away.
    by: Crossing,
    left_s: f64,
    /// Units when its memory was last empty.
    fresh_units: f64,
    kept: Kept,
}

impl Parked {
    pub(crate) fn new(spec: StateSpec) -> Self {
        Self { spec, wanted: None, by: Crossing::Idle, left_s: 0.0, fresh_units: 0.0, kept: Kept::default() }
    }

    pub(crate) fn want(&mut self, away: Option<Crossing>) {
        self.wanted = away.filter(|c| c.drops());
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept
    }

    /// Lets `dt_s` pass with `units` done so far; true if the work is in memory.
    pub(crate) fn advance(&mut self, dt_s: f64, units: f64) -> bool {
        match (self.kept.place, self.wanted) {
            (Place::Memory, Some(by)) => {
                self.by = by;
                self.kept.place = Place::Leaving;
                // Without anything to write it is gone at once.
                self.left_s = if by == Crossing::Checkpoint { self.spec.seconds(self.spec.write_mb_s) } else { 0.0 };
            }
            (Place::Away, None) => {
                self.kept.place = Place::Coming;
                self.left_s = self.spec.back_s(self.by);
            }
            _ => {}
        }
        let spent_s = self.left_s.min(dt_s);
        self.left_s -= spent_s;
        match self.kept.place {
            Place::Leaving => {
                self.kept.write_s += spent_s;
                if self.left_s <= 0.0 {
                    self.left(units);
                }
            }
            Place::Coming => {
                self.kept.restore_s += spent_s;
                if self.left_s <= 0.0 {
                    self.kept.place = Place::Memory;
                }
            }
            Place::Memory | Place::Away => {}
        }
        self.kept.place == Place::Memory
    }

    fn left(&mut self, units: f64) {
        self.kept.place = Place::Away;
        self.kept.pauses += 1;
        if self.by == Crossing::Checkpoint {
            self.kept.bytes = (self.spec.state_mib * MIB) as u64;
        } else {
            // No more is under way than was begun since memory was last empty.
            self.kept.lost_output += self.spec.unfinished_units.min(units - self.fresh_units);
            self.fresh_units = units;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: StateSpec = StateSpec { state_mib: 100.0, unfinished_units: 50.0, write_mb_s: 104.8576, read_mb_s: 209.7152, begin_s: 3.0 };

    #[test]
    fn a_checkpoint_takes_its_time_both_ways_and_loses_nothing() {
        let mut parked = Parked::new(SPEC);
        parked.want(Some(Crossing::Checkpoint));
        // 1 s to write in tenths; power returns at once and is waited for.
        assert!((0..9).all(|_| !parked.advance(0.1, 500.0)));
        parked.want(None);
        let away = (0..100).take_while(|_| !parked.advance(0.1, 500.0)).count();
        assert!((35..=37).contains(&away), "{away}: 3 s to begin and half a second to read");
        let kept = parked.kept();
        assert!((kept.write_s - 1.0).abs() < 1e-9 && (kept.restore_s - 3.5).abs() < 1e-9, "{kept:?}");
        assert_eq!((kept.pauses, kept.bytes, kept.lost_output), (1, 100 << 20, 0.0));
    }

    #[test]
    fn a_restart_loses_what_is_under_way_and_no_more_than_was_begun() {
        let mut parked = Parked::new(SPEC);
        for (units, lost) in [(500.0, 50.0), (520.0, 70.0), (520.0, 70.0)] {
            parked.want(Some(Crossing::Restart));
            assert!(!parked.advance(0.1, units));
            parked.want(None);
            let away = (0..100).take_while(|_| !parked.advance(0.1, units)).count();
            assert!((29..=31).contains(&away), "{away}");
            assert_eq!(parked.kept().lost_output, lost);
        }
        assert_eq!((parked.kept().bytes, parked.kept().write_s), (0, 0.0));
    }

    #[test]
    fn idle_work_stays() {
        let mut parked = Parked::new(SPEC);
        parked.want(Some(Crossing::Idle));
        assert!((0..50).all(|_| parked.advance(0.1, 1.0)));
        assert_eq!(parked.kept(), Kept::default());
    }
}
