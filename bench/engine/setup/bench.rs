//! What a law and its rows take from the rig: channels, trips, masses, and whether the loop through it is stable.

use accelerator::{Health, Sample, Spec};
use control::{Cycle, Trip};
use model::Profile;
use model::flight::FlightModel;
use model::mass::{Item, Ledger};
use rig::RigFile;
use signal::Channel;

/// A battery that leaves bus or idle boards uncarried on every orbit loses the satellite: why, with the whole satellite's numbers.
pub(super) fn uncarried(cycle: &Cycle, share: f64) -> Option<String> {
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
/// declares beside, all in bench seconds. Heat is electrical on every rig that there is: it answers to temperature by leakage,
/// and a watt at the board brings its overhead into the loop.
pub(super) fn stable(
    flight: &FlightModel,
    initial: &model::flight::FlightState,
    profile: &Profile,
    rig: &RigFile,
    dt_s: f64,
) -> Result<model::stability::Margin, model::stability::Unstable> {
    let (radiative_w_k, capacity_j_k) = flight.response(initial);
    let leakage_w_k = rig.accelerator.leakage_w_k * (1.0 + profile.satellite.overhead_frac);
    let response = model::stability::Response::electrical(radiative_w_k, leakage_w_k, capacity_j_k);
    model::stability::check(response, dt_s / 2.0 + rig.interface.lag_s + rig.interface.delay_s)
}

/// A weighed part in the ledgers of the model.
pub(super) fn item(mass: &rig::config::Mass) -> Item {
    let ledger = match mass.ledger {
        rig::config::Ledger::FlyingCooling => Ledger::FlyingCooling,
        rig::config::Ledger::FlyingCompute => Ledger::FlyingCompute,
        rig::config::Ledger::Support => Ledger::Support,
    };
    Item { name: mass.name.clone(), kg: mass.kg, ledger }
}

/// Channels a row has, by what is read.
pub(super) fn channels(spec: &Spec, rig: &RigFile) -> Vec<Channel> {
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
        Spec::Nvml(_) => {
            channels.extend([Channel::Memory, Channel::MemoryClock, Channel::ThrottleReasons]);
            channels.extend(Sample::default().readings().map(|(channel, _)| channel));
            channels.extend(Health::default().readings().map(|(channel, _)| channel));
            channels.sort_unstable();
            channels.dedup();
        }
        Spec::Cpu => {}
    }
    let more: Vec<Channel> = rig.channels_read().filter(|c| !channels.contains(c)).collect();
    channels.extend(more);
    channels
}

pub(crate) fn trips(rig: &RigFile) -> Vec<Trip> {
    let mut trips: Vec<Trip> = rig
        .channels
        .iter()
        .filter(|c| c.trip_min.is_some() || c.trip_max.is_some())
        .filter_map(|c| Some(Trip { name: c.role.word().to_owned(), channel: c.role.channel()?, min: c.trip_min, max: c.trip_max }))
        .collect();
    trips.push(Trip { name: "accelerator die".into(), channel: Channel::Die, min: None, max: Some(rig.accelerator.trip_max_degc) });
    trips
}
