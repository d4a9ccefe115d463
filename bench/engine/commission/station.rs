//! The rig to be commissioned, read and checked: what the procedure may know of it. Opens no port; a real accelerator is asked
//! once who it is.

use super::raw::Offsets;
use super::record::Servoed;
use crate::setup::{SetupError, Source, ask, parse_rig, power_range, trips};
use accelerator::{Identity, Spec};
use control::Trip;
use rig::config::{CommissioningRule, Role};
use rig::{RigFile, ServoNode};
use signal::Limits;
use twin::{Plant, TwinSpec};

/// Speed of a commissioning on the twin unless another is asked for.
const TWIN_SPEED: f64 = 60.0;
/// Wall seconds the instruments may take to become ready, and a watched channel may go unread.
const READY_WALL_S: f64 = 20.0;
const UNREAD_WALL_S: f64 = 3.0;

/// What is to be commissioned, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// The rig.
    pub rig: Source,
    /// The device under test; the rig's default if `None`.
    pub accelerator: Option<String>,
    /// What paces its heat; what suits the accelerator if `None`.
    pub workload: Option<String>,
    /// Controller step, bench seconds.
    pub dt_s: f64,
    /// Bench seconds a wall second; by the rig's kind if `None`.
    pub speed: Option<f64>,
    /// Seed of the emulated bench.
    pub seed: u64,
    /// Coarser grid, shorter waits.
    pub quick: bool,
}

/// What the steps may know of a rig.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The instruments are emulated: what they say is simulated, and nothing can be remounted.
    pub emulated: bool,
    /// The device under test sits on the plate.
    pub coupled: bool,
    /// What the setpoint holds.
    pub servoed: Servoed,
    /// Liquid touches plate or modules: nobody has to be asked.
    pub wet: bool,
    /// A flow meter is read; its declared standard uncertainty, relative, where there is one.
    pub flow_frac: Option<f64>,
    /// Limits of the setpoint, °C.
    pub limits: Limits,
    /// Fastest change of the setpoint, K/min.
    pub rate_k_min: f64,
    /// Board power without and with full work, W.
    pub idle_w: f64,
    /// See `idle_w`.
    pub full_w: f64,
    /// Interlocks.
    pub trips: Vec<Trip>,
    /// Largest current of the output, A.
    pub current_limit_a: f64,
    /// How long a step of polarity may take to be answered, bench s.
    pub answer_s: f64,
    /// What is believed of the plant.
    pub plant: Plant,
    /// Tolerances of the sensors.
    pub rule: CommissioningRule,
    /// Length of a tick, bench s.
    pub dt_s: f64,
    /// Ticks that instruments may take to become ready.
    pub ready_ticks: u64,
    /// Ticks that what is servoed may go unread.
    pub unread_ticks: u64,
    /// Coarser grid, shorter waits.
    pub quick: bool,
}

/// A rig ready to be commissioned.
#[derive(Debug)]
pub struct Station {
    /// What was asked for.
    pub order: Order,
    /// The rig.
    pub rig: RigFile,
    /// What the rig file says of the twin.
    pub twin: TwinSpec,
    /// The device under test.
    pub accelerator: Spec,
    /// What paces it.
    pub workload: workload::Spec,
    /// What a real accelerator says it is.
    pub identity: Option<Identity>,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// For the steps.
    pub facts: Facts,
    /// What a calibration adds to the readings; nothing until one is loaded.
    pub offsets: Offsets,
}

impl Station {
    /// Parses, checks and prepares.
    pub fn build(order: Order) -> Result<Self, SetupError> {
        let (rig, twin) = parse_rig(&order.rig.file, &order.rig.text).map_err(SetupError::Problems)?;
        let refuse = |why: String| Err(SetupError::Options(why));
        let accelerator: Spec = order.accelerator.as_deref().unwrap_or(&rig.accelerator.default).parse()?;
        let workload: workload::Spec = match (&order.workload, &accelerator) {
            (Some(text), _) => text.parse()?,
            (None, Spec::Virtual) => workload::Spec::Virtual,
            (None, Spec::Cpu) => "cpu".parse()?,
            (None, Spec::Nvml(_) | Spec::Several(_)) => workload::Spec::None,
        };
        let emulated = rig.emulated();
        if (workload == workload::Spec::Virtual) != (accelerator == Spec::Virtual) || (accelerator == Spec::Virtual && !emulated) {
            return refuse(format!("\"{accelerator}\" with the workload \"{workload}\" does not go with the rig \"{}\"", rig.name));
        }
        let coupled =
            rig.accelerator.coupled && rig.accelerator.default.parse::<Spec>().is_ok_and(|d| d.is_real() == accelerator.is_real());
        if coupled && workload == workload::Spec::None {
            return refuse(
                "heat that can be set is needed: give a --workload that paces the device under test, such as command:...".into(),
            );
        }
        let all_twin = rig.wholly_emulated() && accelerator == Spec::Virtual;
        let speed = order.speed.unwrap_or(if all_twin { TWIN_SPEED } else { 1.0 });
        if !(0.01..=1000.0).contains(&speed) || !(0.01..=60.0).contains(&order.dt_s) {
            return refuse(format!("--speed {speed} is not between 0.01 and 1000, or --dt {} not between 0.01 and 60", order.dt_s));
        }
        if !all_twin && speed != 1.0 {
            return refuse(format!("--speed {speed} is refused: real hardware always runs at speed 1, thermal time cannot be hurried"));
        }
        let tick_wall = order.dt_s / speed;
        let leases = rig.instruments.iter().filter_map(|i| Some((i, i.lease_s()?)));
        if let Some((short, lease_s)) = leases.into_iter().find(|(_, lease_s)| tick_wall > lease_s / 2.5) {
            return refuse(format!("a tick of {tick_wall} s is too long for the lease of {}, {lease_s} s", short.name));
        }
        let (servoed, circuit) = (servoed(&rig), twin.plant.circuit.as_ref());
        if servoed == Servoed::CoolantSupply && circuit.is_none() {
            return refuse(
                "the rig holds its coolant's supply, and nothing is said of its loop, by which the steps judge what they see: add [coolant] and [plant.loop], \
                 with heater_w and compressor_w where a circulator holds it"
                    .into(),
            );
        }
        let held = rig.channel(rig.interface.servo_node.role()).and_then(|c| c.setpoint).ok_or_else(|| {
            SetupError::Options(format!("the rig's {} has no setpoint limits: nothing could be commissioned", servoed.word()))
        })?;
        let identity = if accelerator.is_real() { Some(ask(&accelerator, rig.accelerator.assume_w, true)?) } else { None };
        let (idle, full) = power_range(None, &rig, &twin, &accelerator, identity.as_ref())?;
        let ticks = |wall_s: f64| ((wall_s / tick_wall).ceil() as u64).max(5);
        let facts = Facts {
            emulated,
            coupled,
            servoed,
            wet: circuit.is_some(),
            flow_frac: rig.channel(Role::Flow).map(|_| rig.coolant.as_ref().map_or(0.0, |c| c.flow_frac)),
            limits: held.limits,
            rate_k_min: held.rate_k_min,
            idle_w: idle.0,
            full_w: full.0,
            trips: trips(&rig, order.dt_s),
            current_limit_a: rig.servo().and_then(rig::Instrument::current_limit_a).unwrap_or(0.0),
            answer_s: crate::setup::answer_s(&rig),
            plant: twin.plant.clone(),
            rule: rig.commissioning.clone(),
            dt_s: order.dt_s,
            ready_ticks: ticks(READY_WALL_S),
            unread_ticks: ticks(UNREAD_WALL_S),
            quick: order.quick,
        };
        Ok(Self { order, rig, twin, accelerator, workload, identity, speed, facts, offsets: Offsets::default() })
    }

    /// What the accelerator is called.
    pub fn accelerator_name(&self) -> String {
        self.identity.as_ref().map_or_else(|| format!("virtual {}", self.twin.card.name), |i| i.name.clone())
    }

    /// Why the record counts as simulated; empty if it does not.
    pub fn simulated_because(&self) -> Vec<String> {
        let mut because = Vec::new();
        if self.facts.emulated {
            because.push(format!("the rig \"{}\" is emulated", self.rig.name));
        }
        if self.accelerator == Spec::Virtual {
            because.push("the accelerator is a virtual card".to_owned());
        }
        because
    }
}

/// What a rig's setpoint holds.
pub(crate) fn servoed(rig: &RigFile) -> Servoed {
    match rig.interface.servo_node {
        ServoNode::Plate => Servoed::Plate,
        ServoNode::CoolantSupply => Servoed::CoolantSupply,
    }
}
