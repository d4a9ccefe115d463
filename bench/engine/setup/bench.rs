//! What a law and its rows take from the rig: channels, trips, masses, and whether the loop through it is stable.

use accelerator::{Health, Sample, Spec};
use control::{Cycle, HeatLaw};
use model::Profile;
use model::coolant::Calorimeter;
use model::flight::FlightModel;
use model::mass::{Item, Ledger};
use model::stability::Response;
use rig::config::SunRule;
use rig::{HeatSource, RigFile};
use signal::{Channel, Crossing, Kept, Watts};
use twin::sizing::warming;
use twin::{Plant, TwinSpec};

/// A battery that leaves bus or idle boards uncarried on every orbit loses the satellite: why, with the whole satellite's numbers.
pub(crate) fn uncarried(cycle: &Cycle, share: f64) -> Option<String> {
    let unmet_kwh = cycle.unmet_j / share / 3.6e6;
    (unmet_kwh > 1e-6).then(|| {
        format!(
            "the battery leaves {unmet_kwh:.2} kWh of bus and idle boards uncarried on every orbit (it runs down to {:.0} %): enlarge capacity_kwh, discharge_kw \
             or charge_kw in [battery], or array_kw in [power]",
            cycle.lowest_frac * 100.0
        )
    })
}

/// Refuses a loop of flight model and bench that would run away or ring. Its delay is half a tick, the rig's lag and what it
/// declares beside, all in bench seconds. Electrical heat answers to temperature by leakage, and a watt at the board brings its overhead into the loop;
/// calorimetric heat falls with the temperature imposed as the plate's conductance to it has it, until the plate has followed: that conductance is taken.
pub(crate) fn stable(
    flight: &FlightModel,
    initial: &model::flight::FlightState,
    profile: &Profile,
    (rig, plant): (&RigFile, &Plant),
    dt_s: f64,
) -> Result<model::stability::Margin, model::stability::Unstable> {
    let (radiative_w_k, capacity_j_k) = flight.response(initial);
    let (delay_s, overhead) = (dt_s / 2.0 + rig.interface.lag_s + rig.interface.delay_s, 1.0 + profile.satellite.overhead_frac);
    let response = match rig.interface.heat_source {
        HeatSource::Electrical | HeatSource::Meter => {
            Response::electrical(radiative_w_k, rig.accelerator.leakage_w_k * overhead, capacity_j_k)
        }
        HeatSource::Calorimetric => {
            let supply = flight.view(initial).supply;
            let conductance_w_k = plant.circuit.map_or(1.0 / plant.die_plate_k_w, |c| c.conductance_w_k(supply));
            Response::calorimetric(radiative_w_k, conductance_w_k * overhead, capacity_j_k)
        }
    };
    let back_s = plant.circuit.filter(|_| rig.interface.heat_source == HeatSource::Calorimetric).map_or(0.0, |c| plate_lag_s(plant, &c));
    model::stability::check(response, delay_s + back_s)
}

/// Time in which a plate follows its coolant, s: part of what delays heat that is known from the coolant.
fn plate_lag_s(plant: &Plant, circuit: &twin::Circuit) -> f64 {
    plant.plate_j_k / circuit.plate_w_k
}

/// A circulator holds the temperature, and no bank of modules.
pub(super) fn has_circulator(plant: &Plant) -> bool {
    plant.circuit.is_some_and(|c| c.bath.is_some())
}

/// What the rig can tell of heat from its coolant, whether or not that feeds the flight model.
pub fn calorimeter(rig: &RigFile) -> Option<Calorimeter> {
    let rule = rig.coolant.as_ref()?;
    let read = |channel| rig.channels_read().any(|c| c == channel);
    [Channel::Flow, Channel::CoolantSupply, Channel::CoolantReturn].into_iter().all(read).then(|| Calorimeter {
        coolant: twin::coolant_of(rule),
        least_l_min: rule.least_l_min,
        match_k: rule.match_k,
        flow_frac: rule.flow_frac,
        property_frac: rule.property_frac,
        pump_w: rule.pump_w,
        capture_frac: rule.capture_frac,
    })
}

/// What a calorimeter of this rig may be expected to know at full load, in words; `None` without one, or where the rig declares neither the power nor the
/// flow.
pub fn calorimetry(rig: &RigFile, twin: &TwinSpec) -> Option<String> {
    let (calorimeter, circuit) = (calorimeter(rig)?, twin.plant.circuit?);
    let full_w = rig.accelerator.full_w.unwrap_or(twin.card.full_w);
    let told = warming(&calorimeter, &circuit, Watts(full_w), twin.plant.room)?;
    let part = told.u_w / full_w;
    let advice = if part > WORTH_FRAC {
        ": more than the 2.5 % that a closure within 5 % at 95 % leaves; lessen the flow until the coolant warms by 5 K or more, or match the sensors better"
    } else {
        ""
    };
    Some(format!(
        "calorimeter: {:.2} l/min warm by {:.1} K at {full_w:.0} W, known to {:.1} W ({:.1} %, one standard uncertainty){advice}",
        circuit.flow_l_min,
        told.warming_k,
        told.u_w,
        part * 100.0
    ))
}

/// Relative standard uncertainty of heat beyond which a closure within 5 % cannot be shown at 95 %.
const WORTH_FRAC: f64 = 0.025;

/// What the heat into the flight model goes by.
pub(super) fn heat(rig: &RigFile, calorimeter: Option<Calorimeter>) -> HeatLaw {
    match (rig.interface.heat_source, calorimeter) {
        (HeatSource::Meter, _) => HeatLaw::Meter { slot: rig.channel(rig::Role::BoardSlot).is_some() },
        (HeatSource::Calorimetric, Some(calorimeter)) => HeatLaw::Calorimeter(calorimeter),
        // A rig file that says "calorimetric" without the channels for it is refused where it is read.
        (HeatSource::Electrical | HeatSource::Calorimetric, _) => HeatLaw::Accelerator,
    }
}

/// The rig has an array simulator, and a lamp, that follow the Sun.
pub(super) fn suns(rig: &RigFile) -> (bool, bool) {
    let rules = || rig.instruments.iter().filter_map(|i| i.drive.as_ref()?.sun);
    (rules().any(|r| matches!(r, SunRule::Array { .. })), rules().any(|r| matches!(r, SunRule::Lamp { .. })))
}

/// A weighed part in the ledgers of the model.
pub(super) fn item(mass: &rig::config::Mass) -> Item {
    let ledger = match mass.ledger {
        rig::config::Ledger::FlyingCooling => Ledger::FlyingCooling,
        rig::config::Ledger::FlyingCompute => Ledger::FlyingCompute,
        rig::config::Ledger::Support => Ledger::Support,
    };
    Item { name: mass.name.clone(), kg: mass.charged_kg(), ledger }
}

/// Channels a row has, by what is read.
pub(super) fn channels(spec: &Spec, rig: &RigFile, crossing: Crossing) -> Vec<Channel> {
    let mut channels =
        vec![Channel::TecTarget, Channel::Plate, Channel::Sink, Channel::TecCurrent, Channel::TecVoltage, Channel::TecOutput];
    channels.extend([
        Channel::BoardPower,
        Channel::BoardEnergy,
        Channel::Die,
        Channel::CoreClock,
        Channel::Utilisation,
        Channel::WorkUnits,
    ]);
    match spec {
        Spec::Virtual => channels.extend([Channel::MemoryClock, Channel::ThrottleReasons]),
        Spec::Nvml(_) | Spec::Several(_) => {
            channels.extend([Channel::Memory, Channel::MemoryClock, Channel::ThrottleReasons]);
            channels.extend(Sample::default().readings().map(|(channel, _)| channel));
            channels.extend(Health::default().readings().map(|(channel, _)| channel));
            channels.extend(Channel::of_boards(spec.gpus().len()).filter(|_| spec.gpus().len() > 1));
            channels.sort_unstable();
            channels.dedup();
        }
        Spec::Cpu => channels.push(Channel::EnergyEpoch),
    }
    // The virtual card's work is its output; real workloads may take prompts in.
    channels.extend(spec.is_real().then_some(Channel::WorkInputUnits));
    if crossing.drops() {
        // The virtual card takes nothing in that could be lost.
        channels.extend(Kept::read().filter(|c| spec.is_real() || *c != Channel::WorkLostInput));
    }
    let more: Vec<Channel> = rig.channels_read().filter(|c| !channels.contains(c)).collect();
    channels.extend(more);
    channels
}
