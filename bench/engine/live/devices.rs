//! The live bench: ports with their drivers, the accelerator, the workload, and the emulator where the rig is emulated.

use super::accelerator::{Heard, RealAccelerators, VirtualCard};
use super::emulator::Emulator;
use super::guardian::AllGuarded;
use crate::claim::Claim;
use crate::devices::{Devices, Look, Shone, Sunlight, Unconfirmed};
use crate::instrument::{Known, status};
use control::{Commands, Event, WorkFault};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rig::config::{ChannelRule, SafeAction};
use rig::port::Port;
use signal::{Channel, Origin, Reading, Severity, Snapshot, Tick};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use workload::{Keeping, Workload};

/// Share of a tick's wall time spent waiting for its readings.
const WAIT_FRAC: f64 = 0.6;
/// Longest such wait.
const WAIT_MOST: Duration = Duration::from_millis(600);
/// An output that is not confirmed off is told again this often.
const DISABLE_AGAIN: Duration = Duration::from_millis(500);
/// Deadline for closing a port or stopping a workload on its own.
const CLOSE: Duration = Duration::from_secs(2);

/// Where the readings of the device under test come from.
pub(crate) enum Source {
    Virtual(VirtualCard),
    Real { accelerators: RealAccelerators, workload: Box<dyn Workload> },
}

/// The live bench.
pub(crate) struct LiveDevices {
    pub(crate) ports: Vec<(Port, Known)>,
    pub(crate) events: Receiver<(usize, rig::Event)>,
    pub(crate) source: Option<Source>,
    /// What is set on them, until it is put back.
    pub(crate) settings: Option<AllGuarded>,
    /// Nobody but us would put them back any more, and why: no bench goes on like that.
    pub(crate) unguarded: Option<String>,
    /// The GPUs are ours while these live.
    pub(crate) _claim: Claim,
    pub(crate) emulator: Option<Emulator>,
    /// Bench second 0, and bench seconds a wall second: readings carry the time they were taken at, not the time they were due.
    pub(crate) origin: Instant,
    pub(crate) speed: f64,
    /// Wall time of a tick.
    pub(crate) tick_wall: Duration,
    pub(crate) notes: Vec<Event>,
    pub(crate) identities: Vec<(String, String)>,
    pub(crate) source_lost: bool,
    /// How the work crosses a time without power, where its files are, and whether they are to stay.
    pub(crate) keeping: Keeping,
    pub(crate) keep_files: bool,
    /// The rig's channels with their declared safe actions.
    pub(crate) channels: Vec<ChannelRule>,
    /// Why no work per joule can be told of this work, if none can.
    pub(crate) apart: Option<String>,
    /// What the workload said it is, and its figures, when it was stopped.
    pub(crate) work_said: (String, BTreeMap<String, f64>),
}

impl LiveDevices {
    /// Takes driver events until everything that is polled has answered, or `deadline`.
    fn collect(&mut self, deadline: Instant) {
        loop {
            while let Ok((id, event)) = self.events.try_recv() {
                self.take(id, event);
            }
            if !self.ports.iter().any(|(_, known)| known.awaited()) {
                return;
            }
            match self.events.recv_deadline(deadline) {
                Ok((id, event)) => self.take(id, event),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, id: usize, event: rig::Event) {
        let Some((_, known)) = self.ports.get_mut(id) else { return };
        self.notes.extend(known.take(event));
        if let Some(identity) = known.take_identity() {
            self.identities.push((known.name.clone(), identity));
        }
    }

    /// Readings of the device under test into the snapshot; says what is wrong with it.
    fn hear_source(&mut self, deadline: Instant, snapshot: &mut Snapshot) -> Option<WorkFault> {
        let (origin, speed) = (self.origin, self.speed);
        let bench_of = |at: Instant| at.saturating_duration_since(origin).as_secs_f64() * speed;
        let heard = match &mut self.source {
            Some(Source::Virtual(card)) => card.hear(deadline, bench_of),
            Some(Source::Real { accelerators, workload }) => {
                let (readings, remarks) = accelerators.hear(bench_of);
                for (channel, reading) in readings {
                    snapshot.set(channel, reading);
                }
                let told = |severity, kind, who: &str, message| Event { severity, kind, who: who.into(), message };
                let work = workload.remarks().into_iter().map(|message| told(Severity::Info, "workload", "engine", message));
                self.notes.extend(work);
                self.notes.extend(remarks.into_iter().map(|r| told(r.severity, r.kind, "accelerator", r.message)));
                let crossing = workload.told().into_iter();
                let severity = |wrong| if wrong { Severity::Warning } else { Severity::Info };
                self.notes.extend(crossing.map(|t| told(severity(t.wrong), t.kind, "workload", t.message)));
                counted(workload.as_ref(), bench_of(Instant::now()), snapshot);
                return workload.healthy().err().map(|why| WorkFault { why, lasting: workload.is_over() });
            }
            None => return None,
        };
        match heard {
            Heard::Readings(readings) => {
                for (channel, reading) in readings {
                    snapshot.set(channel, reading);
                }
                if std::mem::take(&mut self.source_lost) {
                    self.note(Severity::Info, "accelerator", "answers again".into());
                }
            }
            Heard::Nothing => {}
            Heard::Lost(why) => {
                if !std::mem::replace(&mut self.source_lost, true) {
                    self.note(Severity::Warning, "accelerator", format!("lost: {why}"));
                }
            }
        }
        if let Some(Source::Virtual(card)) = &mut self.source {
            self.notes.extend(card.seen());
        }
        None
    }

    /// What the work is counted in, where the work is real.
    pub(crate) fn unit(&self) -> Option<String> {
        match &self.source {
            Some(Source::Real { workload, .. }) => Some(workload.unit().to_owned()),
            Some(Source::Virtual(_)) | None => None,
        }
    }

    fn stop_workload(&mut self, within: Duration) -> bool {
        match self.source.take() {
            Some(Source::Virtual(mut card)) => card.stop(Instant::now() + CLOSE.min(within)),
            Some(Source::Real { workload, .. }) => {
                self.work_said = (workload.describe(), workload.figures());
                let ended = workload.stop(CLOSE.min(within));
                if !self.keep_files && self.keeping.crossing.drops() {
                    // Only there if anything was ever put away.
                    let _ = std::fs::remove_dir_all(&self.keeping.folder);
                }
                ended
            }
            None => true,
        }
    }

    /// Asks every instrument that is not safe yet for what is left of it.
    fn ask_safe(&mut self) {
        for (port, known) in &mut self.ports {
            for command in known.safe_commands() {
                port.command(command);
            }
        }
    }

    fn note(&mut self, severity: Severity, kind: &'static str, message: String) {
        self.notes.push(Event { severity, kind, who: "engine".into(), message });
    }
}

impl Devices for LiveDevices {
    fn latest(&mut self, tick: Tick, bench_s: f64) -> Look {
        let deadline = Instant::now() + self.tick_wall.mul_f64(WAIT_FRAC).min(WAIT_MOST);
        for (port, known) in &mut self.ports {
            let (poll, slow) = known.poll(tick);
            self.notes.extend(slow);
            if let Some(poll) = poll {
                port.command(poll);
            }
        }
        if let Some(Source::Virtual(card)) = &mut self.source {
            card.ask();
        }
        self.collect(deadline);
        let mut readings = Snapshot::default();
        for (_, known) in &mut self.ports {
            known.fill(tick, bench_s, &mut readings);
        }
        let workload_fault = self.hear_source(deadline, &mut readings);
        if let Some(settings) = &mut self.settings {
            let (events, lost) = settings.look();
            self.notes.extend(events);
            self.unguarded = self.unguarded.take().or(lost);
        }
        let workload_fault = self.unguarded.clone().map(WorkFault::passing).or(workload_fault);
        let mut shone = Shone::default();
        self.ports.iter().for_each(|(_, known)| known.asked(&mut shone));
        Look {
            readings,
            instruments: status(self.ports.iter().map(|(_, k)| k)),
            workload_fault,
            shone,
            events: std::mem::take(&mut self.notes),
        }
    }

    fn sunlight(&mut self, sun: Sunlight) {
        self.ports.iter_mut().for_each(|(_, known)| known.sunlight(sun));
    }

    fn apply(&mut self, _tick: Tick, commands: &Commands) {
        for (port, known) in &mut self.ports {
            for command in known.commands(commands) {
                port.command(command);
            }
        }
        if let Some((settings, limit)) = self.settings.as_mut().zip(commands.limit) {
            settings.limit(limit.0);
        }
        match &mut self.source {
            Some(Source::Virtual(card)) => {
                card.set_away((!commands.power).then_some(self.keeping.crossing));
                card.set_duty(commands.duty);
            }
            Some(Source::Real { workload, .. }) => {
                workload.power(commands.power);
                workload.set_duty(commands.duty.unwrap_or(0.0));
            }
            None => {}
        }
    }

    /// Every channel takes its declared safe action: what stops is stopped first (it makes the heat), what goes off is switched
    /// off and confirmed, what stays on is left on. Each step has a deadline; what it did not reach is unconfirmed.
    fn make_safe(&mut self, within: Duration) -> (Vec<Unconfirmed>, Vec<Event>) {
        let deadline = Instant::now() + within;
        let mut unconfirmed = Vec::new();
        // Confirmations of the past are not confirmations of this.
        while let Ok((id, event)) = self.events.try_recv() {
            self.take(id, event);
        }
        // Off at once, before anything that can take time.
        for (_, known) in &mut self.ports {
            known.begin_safe();
        }
        self.ask_safe();
        for rule in std::mem::take(&mut self.channels) {
            match rule.safe {
                SafeAction::Stop => {
                    if !self.stop_workload(within) {
                        unconfirmed.push(Unconfirmed { device: rule.role.word().into(), why: "it did not confirm that it stopped".into() });
                    }
                }
                // Of what is only read there is nothing to say, save where it stands for something that runs.
                SafeAction::On if rule.role.carries_heat_away() => {
                    self.note(Severity::Info, "safe", format!("{}: left on", rule.role.word()));
                }
                // Its instrument was told above and is waited for below.
                SafeAction::On | SafeAction::Off => {}
            }
        }
        if let Some(settings) = self.settings.take() {
            match settings.restore(within) {
                Ok(()) => self.note(Severity::Info, "settings", "the accelerator's settings are what they were, read back".into()),
                Err(why) => unconfirmed.push(Unconfirmed { device: "accelerator settings".into(), why }),
            }
        }
        let mut again = Instant::now() + DISABLE_AGAIN;
        while self.ports.iter().any(|(_, known)| !known.is_safe()) && Instant::now() < deadline {
            match self.events.recv_deadline(deadline.min(again)) {
                Ok((id, event)) => self.take(id, event),
                Err(RecvTimeoutError::Timeout) => {
                    self.ask_safe();
                    again = Instant::now() + DISABLE_AGAIN;
                }
                // No port thread is left to tell anything.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for (port, mut known) in self.ports.drain(..) {
            self.notes.extend(known.take_slow());
            if !known.is_safe() {
                unconfirmed.push(Unconfirmed { device: known.name.clone(), why: known.unsafe_words() });
            }
            // The fd closes either way; a thread that hangs is left behind.
            let _ = port.close_within(CLOSE);
        }
        if let Some(emulator) = self.emulator.take() {
            emulator.finish(unconfirmed.is_empty());
        }
        (unconfirmed, std::mem::take(&mut self.notes))
    }
}

/// What a real workload counted, put out and taken in apart; nothing where it does not count.
fn counted(workload: &dyn Workload, bench_s: f64, snapshot: &mut Snapshot) {
    for (channel, units) in [(Channel::WorkUnits, workload.units()), (Channel::WorkInputUnits, workload.input_units())] {
        if let Some(units) = units {
            snapshot.set(channel, Reading::good(units, bench_s, Origin::Measured));
        }
    }
    for (channel, value) in workload.kept().iter().flat_map(signal::Kept::channels) {
        if let Some(value) = value {
            snapshot.set(channel, Reading::good(value, bench_s, Origin::Measured));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work that counts what it is told to have counted.
    struct Told(Option<f64>, Option<f64>);

    impl workload::Workload for Told {
        fn set_duty(&mut self, _: f64) {}

        fn units(&self) -> Option<f64> {
            self.0
        }

        fn input_units(&self) -> Option<f64> {
            self.1
        }

        fn unit(&self) -> &'static str {
            "token"
        }

        fn describe(&self) -> String {
            String::new()
        }

        fn healthy(&self) -> Result<(), String> {
            Ok(())
        }

        fn stop(self: Box<Self>, _: Duration) -> bool {
            true
        }
    }

    #[test]
    fn what_is_put_out_and_taken_in_are_read_apart_and_what_is_not_counted_is_missing() {
        for told in [(Some(7.0), Some(512.0)), (Some(7.0), None), (None, None)] {
            let mut snapshot = Snapshot::default();
            counted(&Told(told.0, told.1), 3.0, &mut snapshot);
            assert_eq!((snapshot.usable(Channel::WorkUnits), snapshot.usable(Channel::WorkInputUnits)), told);
        }
    }
}
