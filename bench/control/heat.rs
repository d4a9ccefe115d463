//! Board heat over the last tick, by the one source that the law names. Of an electrical one: counter difference first, tick-mean
//! power second, and of the accelerator's own a declared stand-in last. Of the coolant: its flow and warming now, which the plate's heat capacity has
//! averaged. Never another source in place of a silent one, never a guess: after a few ticks without any, the caller suspends.

use crate::law::Law;
use model::coolant::Calorimeter;
use signal::{Celsius, Channel, Origin, Reading, Snapshot, Source, Watts};

/// Shortest time between two counter readings that makes a difference, in ticks.
pub(crate) const SHORTEST_SPAN: f64 = 0.5;

/// What the heat into the flight model goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum HeatLaw {
    /// The accelerator's own sensor, or a declared stand-in.
    #[default]
    Accelerator,
    /// An external meter in the board's supply.
    Meter {
        /// The slot has a meter of its own, and the two are summed.
        slot: bool,
    },
    /// The coolant's flow and warming.
    Calorimeter(Calorimeter),
}

impl HeatLaw {
    /// The word for it.
    pub const fn source(&self) -> Source {
        match self {
            Self::Accelerator => Source::Accelerator,
            Self::Meter { .. } => Source::Meter,
            Self::Calorimeter(_) => Source::Calorimetric,
        }
    }

    /// What to look at when it says nothing.
    pub(crate) const fn silent(&self) -> &'static str {
        match self {
            Self::Accelerator => "accelerator silent? see accelerator info",
            Self::Meter { .. } => {
                "board-power meter silent? look at its supply, its cable and its port; the accelerator's own reading is not taken instead"
            }
            Self::Calorimeter(_) => "no flow, or a coolant sensor silent? look at the pump, the flow meter and both sensors",
        }
    }
}

/// What is remembered of one counter to make differences.
#[derive(Clone, Copy, Debug, Default)]
struct Gauge {
    /// Last good value, J, and the bench second it was read at.
    counter: Option<(f64, f64)>,
}

impl Gauge {
    /// Mean power since the last good reading.
    fn update(&mut self, energy: &Reading, power: &Reading, dt_s: f64) -> Option<(f64, Origin)> {
        let mut fresh = None;
        if let Some(now) = energy.usable() {
            match self.counter {
                // A counter that ran backwards was reset: no difference can be made across it.
                Some((before, at_s)) if now >= before => {
                    let span_s = energy.at_s - at_s;
                    // Two readings close together would divide the counter's own graininess by nothing.
                    if span_s >= SHORTEST_SPAN * dt_s {
                        fresh = Some(((now - before) / span_s, energy.origin));
                        self.counter = Some((now, energy.at_s));
                    }
                }
                _ => self.counter = Some((now, energy.at_s)),
            }
        }
        fresh.or_else(|| power.usable().map(|w| (w, power.origin)))
    }
}

/// What is remembered of the heat.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeatMeter {
    /// Of the accelerator or of the cable, and of the slot.
    gauges: [Gauge; 2],
    /// Last known heat, and the ticks it has been held.
    held: Option<(Watts, Origin, u32)>,
}

/// Heat for this tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heat {
    /// Mean board heat since the last good reading, after the heat gain.
    pub(crate) value: Option<Watts>,
    /// Measured, simulated or assumed.
    pub(crate) origin: Origin,
    /// What it goes by.
    pub(crate) source: Source,
    /// How many ticks the value has been held without a new one.
    pub(crate) held_ticks: u32,
}

/// Of a figure made of two, the origin that claims less.
fn weaker(a: Origin, b: Origin) -> Origin {
    let rank = |o: Origin| match o {
        Origin::Measured => 0,
        Origin::Simulated => 1,
        Origin::Assumed => 2,
    };
    if rank(b) > rank(a) { b } else { a }
}

impl HeatMeter {
    /// Ticks since the last fresh heat; `None` before the first.
    pub(crate) fn held_ticks(&self) -> Option<u32> {
        self.held.map(|h| h.2)
    }

    /// Takes this tick's readings, `ticks` after the last call.
    /// `duty` is what was commanded for them.
    pub(crate) fn update(&mut self, law: &Law, readings: &Snapshot, ticks: u32, duty: f64) -> Heat {
        let fresh = match &law.heat {
            HeatLaw::Accelerator => self.of_the_accelerator(law, readings, duty),
            HeatLaw::Meter { slot } => self.metered(readings, *slot, law.dt_s),
            HeatLaw::Calorimeter(calorimeter) => calorimetric(calorimeter, readings),
        };
        let source = |origin| if origin == Origin::Assumed { Source::Declared } else { law.heat.source() };
        match fresh {
            Some((watts, origin)) => {
                self.held = Some((Watts(watts), origin, 0));
                Heat { value: Some(Watts(watts)), origin, source: source(origin), held_ticks: 0 }
            }
            None => match &mut self.held {
                Some((value, origin, held)) => {
                    *held += ticks;
                    Heat { value: Some(*value), origin: *origin, source: source(*origin), held_ticks: *held }
                }
                None => Heat { value: None, origin: Origin::Measured, source: law.heat.source(), held_ticks: ticks },
            },
        }
    }

    fn of_the_accelerator(&mut self, law: &Law, readings: &Snapshot, duty: f64) -> Option<(f64, Origin)> {
        let read = self.gauges[0].update(readings.get(Channel::BoardEnergy), readings.get(Channel::BoardPower), law.dt_s);
        let read = read.map(|(watts, origin)| (watts * law.heat_gain, origin));
        read.or_else(|| {
            law.assume_heat_w.map(|full| {
                let idle = law.governor.idle.0.min(full);
                (idle + duty * (full - idle), Origin::Assumed)
            })
        })
    }

    fn metered(&mut self, readings: &Snapshot, slot: bool, dt_s: f64) -> Option<(f64, Origin)> {
        let board = self.gauges[0].update(readings.get(Channel::MeterEnergy), readings.get(Channel::MeterPower), dt_s);
        if !slot {
            return board;
        }
        let through_slot = self.gauges[1].update(readings.get(Channel::SlotEnergy), readings.get(Channel::SlotPower), dt_s);
        // Half of a board's power is no board's power.
        board.zip(through_slot).map(|((a, from), (b, other))| (a + b, weaker(from, other)))
    }
}

fn calorimetric(calorimeter: &Calorimeter, readings: &Snapshot) -> Option<(f64, Origin)> {
    let read = |channel| readings.usable(channel).map(|value| (value, readings.get(channel).origin));
    let ((flow, a), (supply, b), (back, c)) = (read(Channel::Flow)?, read(Channel::CoolantSupply)?, read(Channel::CoolantReturn)?);
    let told = calorimeter.measure(flow, Celsius(supply), Celsius(back))?;
    Some((told.board.0, weaker(a, weaker(b, c))))
}
