//! The believed plant flown directly: no protocol, no noise, nothing of the seed. What a rehearsal flies.

use crate::card::card_readings;
use crate::devices::{Devices, Look, Shone, Sunlight, Unconfirmed};
use crate::instrument::asked;
use crate::setup::Setup;
use control::{Commands, Event, Instruments, Thermal};
use rig::config::SunRule;
use signal::{Celsius, Channel, Crossing, Origin, Reading, Snapshot, Tick};
use std::time::Duration;
use twin::desk::{HUMIDITY_PCT, SLOT_FRAC};
use twin::{Truth, World};

/// The bench as it is believed to be.
pub struct Believed {
    world: World,
    /// Channels of the device under test that the belief says anything about.
    device: &'static [Channel],
    /// Channels of the rig that it says anything about.
    rig: Vec<Channel>,
    /// The rig holds its temperature by a bank of modules, and not by a circulator.
    bank: bool,
    /// The slot is metered apart.
    split: bool,
    /// How what stands for Sun and array follows it, and the newest of that.
    suns: Vec<SunRule>,
    sun: Option<Sunlight>,
    works: bool,
    /// How it crosses a time without power.
    crossing: Crossing,
    /// Idle and full power: a limit between them stands for the duty that draws it.
    range_w: (f64, f64),
}

/// Of a real device only the power that was declared is believed; on this rig's plate, its die too.
const OF_REAL: &[Channel] = &[Channel::BoardPower, Channel::BoardEnergy];
const OF_REAL_COUPLED: &[Channel] = &[Channel::BoardPower, Channel::BoardEnergy, Channel::Die];

impl Believed {
    /// The belief that `setup`'s rig file states, or its calibration.
    pub fn new(setup: &Setup) -> Self {
        Self::doubted(setup, setup.belief())
    }

    /// A bench that differs from the belief as `truth` does (see [`twin::Doubt`]), without noise.
    pub fn doubted(setup: &Setup, truth: Truth) -> Self {
        let servo = setup.rig.servo().map_or_else(twin::tec_controller::TecController::idle, twin::tec_for);
        let card = setup.believed_card();
        let device = match (setup.accelerator.is_real(), setup.coupled) {
            (false, _) => Channel::ALL,
            (true, true) => OF_REAL_COUPLED,
            (true, false) => OF_REAL,
        };
        let bank = truth.plant.circuit.is_none_or(|c| c.bath.is_none());
        let mut world = World::new(truth, card, servo, setup.coupled);
        world.bind(&setup.rig);
        Self {
            world,
            device,
            rig: setup.rig.channels_read().collect(),
            bank,
            suns: setup.rig.instruments.iter().filter_map(|i| i.drive.as_ref()?.sun).collect(),
            sun: None,
            split: setup.rig.channel(rig::Role::BoardSlot).is_some(),
            // Nothing is believed of how long a real device takes over it: the run measures that.
            crossing: if setup.accelerator.is_real() { Crossing::Idle } else { setup.law.crossing },
            works: setup.workload != workload::Spec::None,
            range_w: (setup.law.governor.idle.0, setup.law.governor.full.0),
        }
    }
}

impl Believed {
    /// What the instruments beside the servoed one would read.
    fn beside(&self) -> impl Iterator<Item = (Channel, f64)> {
        let ((power, energy), slot) = (self.world.metered(), if self.split { SLOT_FRAC } else { 0.0 });
        let meters = [
            (Channel::MeterPower, power * (1.0 - slot)),
            (Channel::MeterEnergy, energy * (1.0 - slot)),
            (Channel::SlotPower, power * slot),
            (Channel::SlotEnergy, energy * slot),
        ];
        let loop_ = self
            .world
            .coolant()
            .map(|(supply, back, flow)| [(Channel::CoolantSupply, supply), (Channel::CoolantReturn, back), (Channel::Flow, flow)]);
        let room = [(Channel::Ambient, Celsius::from(self.world.room()).0), (Channel::Humidity, HUMIDITY_PCT)];
        meters.into_iter().chain(room).chain(loop_.into_iter().flatten())
    }
}

impl Devices for Believed {
    fn latest(&mut self, _tick: Tick, bench_s: f64) -> Look {
        // The watchdog sees the host with every look: a rehearsal has no link to lose.
        self.world.tec.renew(bench_s);
        self.world.advance(bench_s, bench_s);
        let mut readings = Snapshot::default();
        let on = self.world.tec.output_on();
        let good = |value| Reading::good(value, bench_s, Origin::Simulated);
        let t = *self.world.temperatures();
        let (plate_k, sink_k) = self.world.sensor_offsets_k();
        readings.set(Channel::Plate, good(Celsius::from(t.plate).0 + plate_k));
        if self.bank {
            readings.set(Channel::Sink, good(Celsius::from(t.sink).0 + sink_k));
            readings.set(Channel::TecCurrent, good(self.world.current_a()));
            readings.set(Channel::TecVoltage, good(if on { self.world.voltage_v() } else { 0.0 }));
        }
        for (channel, value) in self.beside() {
            if self.rig.contains(&channel) {
                readings.set(channel, good(value));
            }
        }
        readings.set(Channel::TecTarget, good(self.world.tec.target_degc()));
        readings.set(Channel::TecOutput, good(f64::from(u8::from(on))));
        for (channel, reading) in card_readings(&self.world.read_card(), bench_s) {
            if self.device.contains(&channel) {
                readings.set(channel, reading);
            }
        }
        let instruments = Instruments { ready: true, output_on: Some(on), ..Instruments::default() };
        let mut shone = Shone::default();
        if let Some(sun) = self.sun {
            self.suns.iter().for_each(|rule| asked(*rule, sun, true, &mut shone));
        }
        Look { readings, instruments, workload_fault: None, shone, events: Vec::new() }
    }

    fn sunlight(&mut self, sun: Sunlight) {
        self.sun = Some(sun);
    }

    fn apply(&mut self, _tick: Tick, commands: &Commands) {
        if let Some(target) = commands.target {
            self.world.tec.set_target(target.0);
        }
        self.world.tec.set_output(commands.thermal == Thermal::On);
        // What does no work of ours cannot be paced: idle is all that can be believed of it.
        let (idle, full) = self.range_w;
        let limited = commands.limit.map_or(1.0, |w| ((w.0 - idle) / (full - idle)).clamp(0.0, 1.0));
        self.world.set_duty(if self.works { commands.duty.unwrap_or(0.0).min(limited) } else { 0.0 });
        self.world.set_away((!commands.power).then_some(self.crossing));
    }

    fn make_safe(&mut self, _within: Duration) -> (Vec<Unconfirmed>, Vec<Event>) {
        self.world.tec.set_output(false);
        self.world.set_duty(0.0);
        (Vec::new(), Vec::new())
    }
}
