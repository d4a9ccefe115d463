//! What the driver does with the device, as short scripts: a job is a list of steps, a step at most one message.

use crate::config::{Instrument, LineSettings, Round};
use crate::dialect::{Ask, Dialect, Setup, Want};
use crate::driver::ArrayCurve;
use crate::drivers::commands::{Job, RAMP_MARGIN, in_turn};
use signal::Channel;
use std::collections::VecDeque;

/// Attempts at identifying: the first may drown in a boot banner.
pub(super) const IDENTIFY_ATTEMPTS: u8 = 3;

/// One step of a job. Names and numbers point into the dialect.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Wait(f64),
    Identify,
    /// Ask for the firmware, of a device that does not tell it with the rest.
    Firmware,
    /// Ask who it is once more: no other answer fits.
    Sync,
    /// A command. `off` marks the one that switches off.
    Tell {
        line: Vec<u8>,
        off: bool,
        attempts: u8,
    },
    /// A question, and what its answer is for.
    Ask {
        line: Vec<u8>,
        ask: Ask,
        then: Then,
    },
    /// Begin anew.
    Reopen,
}

impl Step {
    /// A question about what was written.
    pub(super) const fn is_question(&self) -> bool {
        matches!(self, Self::Ask { then, .. } if !matches!(then, Then::Unless { .. }))
    }
}

/// What an answer is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Then {
    /// It must be this number.
    Equal { what: String, wanted: f64, tolerance: f64 },
    /// It must be this word.
    Same { what: String, wanted: String },
    /// It is a reading.
    Measure { channel: Channel, turned: bool },
    /// It says whether the output is on; with `want`, it must have come to that.
    Output { want: Option<bool>, looked: u8 },
    /// It says how much flows or is set of an output that says it is off: number `at` of the dialect's list.
    Idle { at: usize, want: Option<bool>, looked: u8 },
    /// It is the device's error.
    Error,
    /// Where it is not what it must be, that is written.
    Unless { met: Box<Then>, write: Box<Step> },
}

impl Then {
    /// Only a number can be its answer.
    pub(super) fn is_number(&self) -> bool {
        match self {
            Self::Equal { .. } | Self::Measure { .. } | Self::Idle { .. } => true,
            Self::Unless { met, .. } => met.is_number(),
            Self::Same { .. } | Self::Output { .. } | Self::Error => false,
        }
    }

    /// An answer of this `word`, which is this `value`, is what must be read back.
    pub(super) fn is_met_by(&self, word: &str, value: Option<f64>) -> bool {
        match self {
            Self::Equal { wanted, tolerance, .. } => {
                value.is_some_and(|value| (value - wanted).abs() <= tolerance.max(1e-9 * wanted.abs()))
            }
            Self::Same { wanted, .. } => wanted.split('|').any(|wanted| word.eq_ignore_ascii_case(wanted.trim())),
            Self::Measure { .. } | Self::Output { .. } | Self::Idle { .. } | Self::Error | Self::Unless { .. } => false,
        }
    }
}

/// Makes scripts of a dialect and what the rig file says.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) instrument: &'a Instrument,
    pub(super) settings: &'a LineSettings,
}

impl Writer<'_> {
    fn dialect(&self) -> &Dialect {
        &self.settings.dialect
    }

    /// What the rig file gives for a name.
    pub(super) fn parameter(&self, name: &str) -> Option<f64> {
        let setpoint = self.instrument.setpoint.as_ref();
        match name {
            "address" => Some(f64::from(self.settings.address)),
            "output" => Some(f64::from(self.settings.output)),
            "lease_s" => self.settings.lease_s,
            "current_limit_a" => self.settings.current_limit_a,
            "voltage_limit_v" => self.settings.voltage_limit_v,
            "power_limit_w" => self.settings.power_limit_w,
            "min_degc" => setpoint.map(|s| s.limits.min()),
            "max_degc" => setpoint.map(|s| s.limits.max()),
            "rate_k_min" => setpoint.map(|s| s.rate_k_min),
            "ramp_k_min" => setpoint.map(|s| s.rate_k_min * RAMP_MARGIN),
            "sensor_type" => self.settings.sensor_type,
            "off_conditions" => self.settings.off_conditions,
            "unit_place" => self.settings.unit_place,
            _ => None,
        }
    }

    fn tell(&self, template: &crate::dialect::Template, own: impl Fn(&str) -> Option<f64>, attempts: u8) -> Step {
        let line = template.fill(|name| own(name).or_else(|| self.parameter(name)));
        // What cannot be written cannot be read back either, and is refused there.
        line.map_or(Step::Wait(0.0), |line| Step::Tell { line, off: false, attempts })
    }

    fn ask(&self, ask: &Ask, then: Then) -> Step {
        let line = ask.ask.fill(|name| self.parameter(name)).unwrap_or_default();
        Step::Ask { line, ask: ask.clone(), then }
    }

    /// The command that switches off, if there is an output that goes off.
    pub(super) fn off(&self) -> Option<Step> {
        let output = self.dialect().output.as_ref().filter(|_| self.instrument.switches() && !self.instrument.safe_is_on())?;
        let line = output.off.fill(|name| self.parameter(name))?;
        Some(Step::Tell { line, off: true, attempts: 2 })
    }

    /// Switching the output: once told, what the device says decides.
    fn switch(&self, on: bool) -> Vec<Step> {
        let Some(output) = &self.dialect().output else { return Vec::new() };
        let template = if on { &output.on } else { &output.off };
        // An unanswered "on" is not repeated; an unanswered "off" is, it can do no harm.
        let mut command = self.tell(template, |_| None, if on { 1 } else { 2 });
        if let Step::Tell { off, .. } = &mut command {
            *off = !on;
        }
        vec![command, self.ask(&output.back, Then::Output { want: Some(on), looked: 0 })]
    }

    /// What was set up, read back only.
    fn verify(&self) -> impl Iterator<Item = Step> + '_ {
        self.dialect().setup.iter().flat_map(|setup| self.setup(setup)).filter(Step::is_question)
    }

    /// What of it a poll looks at, so that a restart in mid-run is seen, and a knob that somebody turned: what makes the device mind its
    /// host, each time, and of everything else one setting after the other, those `given` after the setup among them.
    fn watch(&self, round: Round, given: Option<Job>) -> Vec<Step> {
        let asks = |lease: bool| {
            let setups = self.dialect().setup.iter().filter(move |setup| setup.is_lease() == lease);
            setups.flat_map(|setup| self.setup(setup)).filter(Step::is_question)
        };
        let given = given.into_iter().flat_map(|job| self.script(job, None)).filter(Step::is_question);
        asks(true).chain(in_turn(asks(false).chain(given).collect(), round)).collect()
    }

    /// The question whether the output is on.
    pub(super) fn whether_on(&self, want: Option<bool>, looked: u8) -> Option<Step> {
        self.dialect().output.as_ref().map(|output| self.ask(&output.back, Then::Output { want, looked }))
    }

    /// What must be nearly 0 as well of an output that says it is off, by its place in the dialect's list.
    pub(super) fn whether_idle(&self, at: usize, want: Option<bool>, looked: u8) -> Option<Step> {
        let idle = self.dialect().output.as_ref()?.idle.get(at)?;
        Some(self.ask(&idle.ask, Then::Idle { at, want, looked }))
    }

    /// What the output does, whatever that is.
    fn look(&self) -> Option<Step> {
        let output = self.dialect().output.as_ref().filter(|_| self.instrument.switches())?;
        Some(self.ask(&output.back, Then::Output { want: None, looked: 0 }))
    }

    fn setup(&self, setup: &Setup) -> Vec<Step> {
        let wanted = match &setup.want {
            Want::Parameter(name) => self.parameter(name).map(Wanted::Number),
            Want::Number(number) => Some(Wanted::Number(*number)),
            Want::Word(word) => Some(Wanted::Word(word.clone())),
        };
        let read = |name: &String| self.instrument.reads.iter().any(|read| read.name == *name);
        let there = setup.names().all(|name| self.parameter(name).is_some()) && setup.for_read.as_ref().is_none_or(read);
        // What the rig file cannot give was refused when it was read, or is optional, or is of a setpoint that this one has not.
        let Some(wanted) = wanted.filter(|_| there) else { return Vec::new() };
        let mut steps: Vec<Step> = setup.write.iter().map(|write| self.tell(write, |_| None, 2)).collect();
        if let Some(back) = &setup.back {
            let what = setup.name.clone();
            let then = match wanted {
                Wanted::Number(wanted) => Then::Equal { what, wanted, tolerance: setup.tolerance },
                Wanted::Word(wanted) => Then::Same { what, wanted },
            };
            if setup.ask_first
                && let Some(write) = steps.pop()
            {
                steps.push(self.ask(back, Then::Unless { met: Box::new(then.clone()), write: Box::new(write) }));
            }
            steps.push(self.ask(back, then));
        }
        steps
    }

    fn measurements(&self, round: Option<Round>) -> Vec<Step> {
        let rules = &self.dialect().reads;
        let rule = |name: &str| rules.iter().find(|(known, _)| known == name).map(|(_, ask)| ask);
        let due = self.instrument.reads.iter().filter(|read| round.is_none_or(|now| read.due(now)));
        let mut steps: Vec<Step> =
            due.filter_map(|read| Some(self.ask(rule(&read.name)?, Then::Measure { channel: read.channel, turned: false }))).collect();
        if self.instrument.servoes() {
            let turned = self.dialect().output.as_ref().is_some_and(|output| !output.positive_cools);
            for (name, channel) in [("output_current", Channel::TecCurrent), ("output_voltage", Channel::TecVoltage)] {
                let wanted = self.instrument.reads.iter().any(|read| read.name == name);
                steps.extend(rule(name).filter(|_| !wanted).map(|ask| self.ask(ask, Then::Measure { channel, turned })));
            }
            let target = self.dialect().target.as_ref();
            steps.extend(target.map(|t| self.ask(&t.back, Then::Measure { channel: Channel::TecTarget, turned: false })));
        }
        steps
    }

    fn error(&self) -> Option<Step> {
        self.dialect().error.as_ref().map(|error| self.ask(&error.ask, Then::Error))
    }

    /// The script of a job. A poll also looks at what was `given` since the setup.
    pub(super) fn script(&self, job: Job, given: Option<Job>) -> VecDeque<Step> {
        let dialect = self.dialect();
        let mut steps = VecDeque::new();
        match job {
            Job::Open => {
                steps.push_back(Step::Identify);
                steps.extend(dialect.identify.firmware.as_ref().map(|_| Step::Firmware));
                if self.instrument.switches() {
                    if self.instrument.safe_is_on() {
                        steps.extend(self.look());
                    } else {
                        steps.extend(self.switch(false));
                    }
                }
                for setup in &dialect.setup {
                    steps.extend(self.setup(setup));
                }
                // A device is ready when what will be polled can be had; until then it would be lost again with every poll.
                steps.extend(self.measurements(None));
                steps.extend(self.error());
            }
            Job::Poll(round) => {
                // What is measured comes first, and is told once it is known to be in step: the rest may take its time.
                steps.extend(self.measurements(Some(round)));
                steps.extend(self.look());
                steps.push_back(Step::Sync);
                steps.extend(self.watch(round, given));
                steps.extend(self.error());
            }
            Job::Target(celsius) => {
                if let Some(target) = &dialect.target {
                    let scaled = celsius.0 / target.back.scale;
                    steps.push_back(self.tell(&target.write, |name| (name == "value").then_some(scaled), 2));
                    let then = Then::Equal { what: "the target".to_owned(), wanted: celsius.0, tolerance: target.tolerance };
                    steps.push_back(self.ask(&target.back, then));
                }
            }
            Job::Level(level) => {
                let name = self.instrument.drive.as_ref().and_then(|d| d.level.as_ref()).map(|l| l.name.clone()).unwrap_or_default();
                if let Some((_, rule)) = dialect.levels.iter().find(|(known, _)| *known == name) {
                    let scaled = level / rule.back.scale;
                    steps.push_back(self.tell(&rule.write, |name| (name == "value").then_some(scaled), 2));
                    steps.push_back(self.ask(&rule.back, Then::Equal { what: name, wanted: level, tolerance: rule.tolerance }));
                }
            }
            Job::Curve(curve) => {
                if let Some(rule) = &dialect.curve {
                    let own = |name: &str| number_of(&curve, name);
                    steps.extend(rule.write.iter().map(|template| self.tell(template, own, 2)));
                    for (name, ask, tolerance) in &rule.back {
                        let wanted = number_of(&curve, name).unwrap_or_default();
                        steps.push_back(self.ask(ask, Then::Equal { what: name.clone(), wanted, tolerance: *tolerance }));
                    }
                }
            }
            Job::Switch { on, .. } => {
                if on {
                    steps.extend(self.verify());
                }
                steps.extend(self.switch(on));
            }
            Job::Acknowledge => {
                let clear = dialect.error.as_ref().and_then(|error| error.clear.as_ref());
                steps.extend(clear.map(|template| self.tell(template, |_| None, 1)));
                steps.push_back(Step::Reopen);
            }
        }
        steps
    }
}

enum Wanted {
    Number(f64),
    Word(String),
}

fn number_of(curve: &ArrayCurve, name: &str) -> Option<f64> {
    match name {
        "isc_a" => Some(curve.isc_a),
        "imp_a" => Some(curve.imp_a),
        "vmp_v" => Some(curve.vmp_v),
        "voc_v" => Some(curve.voc_v),
        _ => None,
    }
}
