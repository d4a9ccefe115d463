//! From files and options to everything a run needs: parsed, checked against each other, and with the flight model's periodic
//! start found. Opens no serial port; a real accelerator is asked once who it is.

mod bench;
mod device;
mod files;
mod guard;

pub use bench::{calorimeter, calorimetry};
pub(crate) use bench::{stable, uncarried};
pub(crate) use device::{alone, ask, power_range, settings};
pub use files::parse_rig;
pub(crate) use guard::answer_s;
pub(crate) use guard::trips;
pub use guard::{STRONGEST_FRAC, beyond_bank};

use crate::claim::Claim;
use crate::row::{self, RowMaker};
use accelerator::nvml::Settings;
use accelerator::{Identity, Spec};
use bench::{channels, has_circulator, heat, item, suns};
use control::{Cycle, Governor, Law, LawError, Patience, Policy, SATURATED_FRAC, Servo, SetpointLaw, Staging};
use device::{actuator, settable, toll};
use files::parse;
use guard::{guards, polarity};
use model::Profile;
use model::flight::FlightModel;
use model::mass::{Item, Ledgers};
use model::power::PowerShare;
use model::profile::PolicyChoice;
use record::Column;
use rig::{HeatSource, RigFile};
use signal::{Channel, Crossing, Problems};
use std::fmt::Write as _;
use thiserror::Error;
use twin::TwinSpec;

/// Speed of a run on the twin unless another is asked for: one orbit in about 98 s.
const TWIN_SPEED: f64 = 60.0;
/// Wall seconds a lost link may take to come back.
const LINK_PATIENCE_WALL_S: f64 = 10.0;

/// Ticks that must fit into an instrument's lease, so that one late tick does not lose it.
const TICKS_A_LEASE: f64 = 2.5;
/// Wall seconds a watched channel may go unread.
const READING_PATIENCE_WALL_S: f64 = 3.0;
/// Ticks on the last known heat before a run is suspended; on a twin that is hurried, where a tick is some milliseconds, no less than this on the wall: a process that is not
/// given the processor for so long is no accelerator that is silent.
const HEAT_PATIENCE_TICKS: u32 = 3;
const HEAT_PATIENCE_WALL_S: f64 = 0.1;
/// Wall seconds a suspension may last: time for an operator to come.
const SUSPEND_PATIENCE_WALL_S: f64 = 1800.0;

/// Wall seconds that work which cannot come back is waited for: an operator at the screen reads why, and may still end the run otherwise.
const WORK_PATIENCE_WALL_S: f64 = 60.0;

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name for messages.
    pub file: String,
    /// Path, or `built in`.
    pub from: String,
    /// Its text.
    pub text: String,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The profile.
    pub profile: Source,
    /// The rig.
    pub rig: Source,
    /// `virtual`, `nvml:0`, `cpu`; the rig's default if `None`.
    pub accelerator: Option<String>,
    /// `virtual`, `cpu`, `command:...`, `none`; what suits the accelerator if `None`.
    pub workload: Option<String>,
    /// Mission seconds; the profile's own if `None`.
    pub duration_s: Option<f64>,
    /// Controller step, bench seconds.
    pub dt_s: f64,
    /// Bench seconds a wall second; by the rig's kind if `None`.
    pub speed: Option<f64>,
    /// Seed of the emulated bench.
    pub seed: u64,
    /// Declared stand-in board power.
    pub assume_w: Option<f64>,
    /// Nobody watches.
    pub unattended: bool,
    /// What is made of the power there is; the profile's own choice if `None`.
    pub policy: Option<PolicyChoice>,
    /// What becomes of the work when the power for it is taken away; the profile's own choice if `None`.
    pub crossing: Option<Crossing>,
}

/// Why a run cannot be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The files have problems.
    #[error("{0}")]
    Problems(Problems),
    /// The accelerator's name is not understood, or it is not there.
    #[error(transparent)]
    Accelerator(#[from] accelerator::Error),
    /// The workload's name is not understood.
    #[error(transparent)]
    Workload(#[from] workload::Error),
    /// The law cannot be flown.
    #[error(transparent)]
    Law(#[from] LawError),
    /// The hybrid loop would feed itself.
    #[error(transparent)]
    Unstable(#[from] model::stability::Unstable),
    /// Options do not go together.
    #[error("{0}")]
    Options(String),
}

/// Everything a run needs.
#[derive(Debug)]
pub struct Setup {
    /// What was asked for.
    pub options: Options,
    /// The profile.
    pub profile: Profile,
    /// The rig.
    pub rig: RigFile,
    /// What the rig file says of the twin.
    pub twin: TwinSpec,
    /// The device under test.
    pub accelerator: Spec,
    /// The work.
    pub workload: workload::Spec,
    /// What a real accelerator says it is.
    pub identity: Option<Identity>,
    /// What its energy counter is held against; `None` of what is no real accelerator.
    pub held: Option<report::CheckFacts>,
    /// It is this process's own, if it is about to fly.
    pub claim: Claim,
    /// What lies on it that is not its own, where it is only looked at.
    pub left: Vec<String>,
    /// The accelerator sits on the plate of this rig.
    pub coupled: bool,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// Part of the satellite one accelerator stands for.
    pub share: f64,
    /// The control law.
    pub law: Law,
    /// How rows are made.
    pub maker: RowMaker,
    /// The three mass ledgers.
    pub ledgers: Ledgers,
    /// Why the run counts as simulated; empty if it does not.
    pub simulated_because: Vec<String>,
    /// What a unit of work is.
    pub unit: String,
    /// The commissioning that the run is held to; see [`crate::commission::admit`].
    pub commissioned: Option<crate::commission::Commissioned>,
    /// The calibration it goes by; see [`Setup::calibrate`].
    pub calibrated: Option<crate::calibrated::Calibrated>,
    /// Real hardware goes without one, with somebody beside it.
    pub uncommissioned: bool,
    /// Where a plan was asked for, a simple policy does more on the believed bench, and flies.
    pub overruled: bool,
    /// The measured work map that its pacing and its plan go by; see [`Setup::by_map`].
    pub work_map: Option<crate::workmap::WorkMapCard>,
}

impl Setup {
    /// The policy that was asked for, and the one that flies in its place where no plan does more.
    pub fn policy_words(&self) -> String {
        let choice = self.options.policy.unwrap_or(self.profile.power.policy);
        let flown = self.law.governor.policy.word();
        if choice == PolicyChoice::Plan && flown != "plan" {
            let on = if self.overruled { "on this bench" } else { "in the flight model" };
            return format!("plan, flown as {flown} (no plan does more {on})");
        }
        flown.to_owned()
    }

    /// Parses, checks and prepares. A real accelerator is looked at as it is.
    pub fn build(options: Options) -> Result<Self, SetupError> {
        let setup = crate::policy::on_bench(Self::prepare(options, false)?);
        setup.law.check()?;
        Ok(setup)
    }

    /// As [`Setup::build`], for who is about to fly: a real accelerator is taken first, and what a run before left changed on it put back, so that what it says
    /// of itself is its own.
    pub fn to_fly(options: Options) -> Result<Self, SetupError> {
        let setup = crate::policy::on_bench(Self::prepare(options, true)?);
        setup.law.check()?;
        Ok(setup)
    }

    /// As [`Setup::build`], but the flight model may start where the rig cannot go: for whoever flies without the rig.
    pub fn beyond_rig(options: Options) -> Result<Self, SetupError> {
        Self::prepare(options, false)
    }

    fn prepare(options: Options, flies: bool) -> Result<Self, SetupError> {
        let (profile, rig, twin) = parse(&options)?;
        let spec: Spec = options.accelerator.as_deref().unwrap_or(&rig.accelerator.default).parse()?;
        let workload: workload::Spec = match (&options.workload, &spec) {
            (Some(text), _) => text.parse()?,
            (None, Spec::Virtual) => workload::Spec::Virtual,
            (None, Spec::Cpu) => "cpu".parse()?,
            (None, Spec::Nvml(_) | Spec::Several(_)) => workload::Spec::None,
        };
        // Without work either kind of device only idles: a blank run.
        if workload != workload::Spec::None && (workload == workload::Spec::Virtual) != (spec == Spec::Virtual) {
            return Err(SetupError::Options(format!(
                "the workload \"{workload}\" does not run on the accelerator \"{spec}\": the virtual card does virtual work or none, real ones real work or none"
            )));
        }
        let crossing = options.crossing.unwrap_or(profile.crossing);
        workload.crosses(crossing)?;
        let claim = if flies && spec.is_real() { Claim::of(&spec)? } else { Claim::default() };
        let identity = if spec.is_real() {
            Some(ask(&spec, options.assume_w.or(rig.accelerator.assume_w), rig.interface.heat_source == HeatSource::Electrical)?)
        } else {
            None
        };
        let left = if flies || !spec.is_real() { Vec::new() } else { crate::claim::left_on(&spec)? };
        let held = identity.as_ref().map(|i| crate::characterise::held(crate::characterise::folder().as_deref(), i, spec.devices()));
        settable(&rig, &spec)?;
        if options.unattended {
            alone(&rig, &spec, identity.as_ref(), jiff::Timestamp::now())?;
        }
        let coupled = rig.accelerator.coupled && rig.accelerator.default.parse::<Spec>().is_ok_and(|d| d.is_real() == spec.is_real());

        let emulated = rig.emulated();
        if spec == Spec::Virtual && !emulated {
            return Err(SetupError::Options(format!(
                "the virtual card needs an emulated rig, and \"{}\" is real hardware; choose --accelerator nvml:0 or cpu",
                rig.name
            )));
        }
        let all_twin = rig.wholly_emulated() && spec == Spec::Virtual;
        let speed = options.speed.unwrap_or(if all_twin { TWIN_SPEED } else { 1.0 });
        if !(0.01..=1000.0).contains(&speed) {
            return Err(SetupError::Options(format!("--speed {speed} is not between 0.01 and 1000")));
        }
        if !(0.01..=60.0).contains(&options.dt_s) {
            return Err(SetupError::Options(format!("--dt {} is not between 0.01 and 60 bench seconds", options.dt_s)));
        }
        if options.assume_w.is_some_and(|w| !(w > 0.0 && w <= 1e5)) {
            return Err(SetupError::Options("--assume-w must be above 0 and at most 100000 W".into()));
        }
        for (instrument, lease_s) in rig.instruments.iter().filter_map(|i| Some((i, i.lease_s()?))) {
            let tick_wall = options.dt_s / speed;
            if tick_wall > lease_s / TICKS_A_LEASE {
                return Err(SetupError::Options(format!(
                    "a tick would last {tick_wall} s on the wall, and {} drops its output after {} s of silence: choose a smaller --dt or a longer lease_s",
                    instrument.name, lease_s
                )));
            }
        }
        if !all_twin && speed != 1.0 {
            return Err(SetupError::Options(format!(
                "--speed {speed} is refused: real hardware always runs at speed 1, thermal time cannot be hurried"
            )));
        }

        let duration_s = options.duration_s.unwrap_or(profile.duration_s);
        let known_until_s = *profile.environment.span_s().end();
        // The last tick ends up to one step after the duration.
        if duration_s + options.dt_s > known_until_s {
            return Err(SetupError::Options(format!(
                "{duration_s:.0} s (and a step of {} s) are longer than the data of \"{}\", which end {known_until_s:.1} s after its epoch, and nothing is extrapolated: choose a shorter --duration",
                options.dt_s, profile.name
            )));
        }
        let (idle, full) = power_range(options.assume_w, &rig, &twin, &spec, identity.as_ref())?;
        let share = full.0 * (1.0 + profile.satellite.overhead_frac) / (profile.satellite.heat_kw * 1e3);
        let base = Governor { power: PowerShare::new(&profile, share), idle, full, policy: Policy::FollowSun, draw: None };
        let flight = FlightModel::new(&profile, share);
        let subject = crate::policy::Subject {
            profile: &profile,
            flight: &flight,
            governor: &base,
            accelerator: &spec,
            card: &twin.card,
            trip_degc: rig.accelerator.trip_max_degc,
            map: None,
        };
        let policy = crate::policy::build(options.policy.unwrap_or(profile.power.policy), &subject)?;
        let governor = Governor { policy, ..base };
        let period_s = profile.environment.period_s();
        let cycle = Cycle::find(&governor, &profile.environment, period_s);
        if let Some(why) = cycle.as_ref().and_then(|c| uncarried(c, share)) {
            return Err(SetupError::Options(why));
        }
        let budget = |mission_s: f64| match &cycle {
            Some(cycle) => cycle.budget(mission_s).0,
            None => governor.supply(&profile.environment.at(mission_s), None, mission_s).budget.0,
        };
        let initial = flight.periodic(&profile.environment, period_s, budget);
        stable(&flight, &initial, &profile, (&rig, &twin.plant), options.dt_s)?;

        if let Some(why) = beyond_bank(&rig, &twin) {
            return Err(SetupError::Options(why));
        }
        let servoed = rig
            .channel(rig.interface.servo_node.role())
            .and_then(|c| c.setpoint)
            .ok_or_else(|| SetupError::Options("the rig servoes nothing: its servo_node has no setpoint limits".into()))?;
        let calorimeter = calorimeter(&rig);
        let law = Law {
            dt_s: options.dt_s,
            duration_s,
            environment: profile.environment.clone(),
            flight,
            initial,
            faults: profile.faults,
            charge: cycle.as_ref().map(|c| c.start),
            servo: match rig.interface.servo_node {
                rig::config::ServoNode::Plate => Servo::Plate,
                rig::config::ServoNode::CoolantSupply => Servo::CoolantSupply,
            },
            setpoint: SetpointLaw { limits: servoed.limits, rate_k_s: servoed.rate_k_min / 60.0 },
            governor,
            staging: Staging { band_k: 0.3, settle_ticks: ticks(60.0, options.dt_s), limit_ticks: ticks(3600.0, options.dt_s) },
            ticks_per_wall_s: speed / options.dt_s,
            patience: Patience {
                reading_ticks: ticks(READING_PATIENCE_WALL_S * speed, options.dt_s).max(5),
                heat_ticks: HEAT_PATIENCE_TICKS.max(ticks(HEAT_PATIENCE_WALL_S * speed, options.dt_s)),
                link_ticks: ticks(LINK_PATIENCE_WALL_S * speed, options.dt_s),
                suspend_ticks: ticks(SUSPEND_PATIENCE_WALL_S * speed, options.dt_s),
                work_ticks: ticks(WORK_PATIENCE_WALL_S * speed, options.dt_s),
            },
            trips: trips(&rig, options.dt_s),
            guards: guards(&rig, options.dt_s, if speed > 1.0 { READING_PATIENCE_WALL_S * speed } else { 0.0 }),
            polarity: polarity(&rig, options.dt_s),
            resistance: None,
            saturation_a: rig.servo().and_then(rig::Instrument::current_limit_a).map(|limit_a| limit_a * SATURATED_FRAC),
            heat: heat(&rig, calorimeter),
            assume_heat_w: options.assume_w.or(rig.accelerator.assume_w),
            crossing,
            toll: (spec == Spec::Virtual && crossing.drops()).then(|| toll(&twin.card, crossing)),
            heat_gain: 1.0,
            actuator: actuator(&rig, identity.as_ref())?,
        };

        let mut because = Vec::new();
        if emulated {
            because.push(format!("the rig \"{}\" is emulated", rig.name));
        }
        if spec == Spec::Virtual {
            because.push("the accelerator is a virtual card".to_owned());
        }
        let unit = if spec == Spec::Virtual { twin.card.unit.clone() } else { "token".to_owned() };
        let leaks = profile.radiator.loss_w_k > 0.0 || profile.radiator.convection_w_m2k > 0.0;
        let optional = row::optional(&law.flight.view(&law.initial), leaks);
        let maker = RowMaker {
            bank: Some(twin.plant.bank).filter(|_| !has_circulator(&twin.plant)),
            cold: if twin.plant.circuit.is_some() { Channel::CoolantSupply } else { Channel::Plate },
            calorimeter,
            coupled,
            full_w: full.0,
            channels: channels(&spec, &rig, crossing),
            suns: suns(&rig),
            panels: profile.radiator.panels,
            optional,
        };
        let items: Vec<Item> = rig.masses.iter().map(item).collect();
        let ledgers = Ledgers::new(&profile, share, &items);
        Ok(Self {
            options,
            profile,
            rig,
            twin,
            accelerator: spec,
            workload,
            held,
            identity,
            claim,
            left,
            coupled,
            speed,
            share,
            law,
            maker,
            ledgers,
            simulated_because: because,
            unit,
            commissioned: None,
            calibrated: None,
            uncommissioned: false,
            overruled: false,
            work_map: None,
        })
    }

    /// What the rig file asks to set on each device under test; empty if nothing.
    pub fn settings(&self) -> Vec<Settings> {
        settings(&self.rig, &self.accelerator)
    }

    /// The column of what is servoed.
    pub fn servoed(&self) -> Column {
        Column::servoed_by(self.law.servo.word())
    }

    /// Some part of the bench is emulated: no verdict is ever drawn.
    pub fn simulated(&self) -> bool {
        !self.simulated_because.is_empty()
    }

    /// The virtual card is given work to pace; without it, it idles whatever the budget.
    pub fn card_works(&self) -> bool {
        self.workload != workload::Spec::None
    }

    /// What the accelerator is called.
    pub fn accelerator_name(&self) -> String {
        self.identity.as_ref().map_or_else(|| format!("virtual {}", self.twin.card.name), |i| i.name.clone())
    }

    /// The card a rehearsal believes in: the rig's virtual one, drawing what the device under test is declared to draw.
    pub fn believed_card(&self) -> twin::CardSpec {
        twin::CardSpec { idle_w: self.law.governor.idle.0, full_w: self.law.governor.full.0, ..self.twin.card.clone() }
    }

    /// One line that says what is flown on what.
    pub fn title(&self) -> String {
        let mut line = format!("{} on {} with {}", self.profile.name, self.rig.name, self.accelerator_name());
        if self.simulated() {
            // Writing to a String cannot fail.
            let _ = write!(line, " (simulated: {})", self.simulated_because.join(", "));
        }
        line
    }
}

fn ticks(bench_s: f64, dt_s: f64) -> u32 {
    (bench_s / dt_s).ceil().clamp(1.0, f64::from(u32::MAX)) as u32
}

/// A workload by the word that was typed: for whoever needs work without a run.
pub fn work(text: &str) -> Result<workload::Spec, SetupError> {
    Ok(text.parse()?)
}
