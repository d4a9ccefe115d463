//! Weighing a part: the scale on its port, and the order in which an operator is asked to load it. What comes of the readings is
//! `model::weigh`'s, where it is kept `rig::config::WeighingRecord`'s, who the operator is the caller's.

use crate::live::announced;
use crate::setup::SetupError;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use model::weigh::{Balance, Readings, Unweighed, Weighed};
use rig::config::{Connection, Mass, Scale, WeighingRecord};
use rig::port::{Place, Port};
use rig::{Command, Event, RigFile, driver_for};
use signal::{Channel, Tick};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};
use thiserror::Error;

/// A scale has this long to say who it is, beyond its own time-out.
const HELLO: Duration = Duration::from_secs(3);
/// A pan has this long to come to rest.
const REST: Duration = Duration::from_secs(30);
/// While it does, it is asked this often.
const AGAIN: Duration = Duration::from_millis(200);

/// Why nothing was weighed.
#[derive(Debug, Error)]
pub enum WeighError {
    /// The scale cannot be used.
    #[error("the scale {0}")]
    Scale(String),
    /// What was read is no mass.
    #[error(transparent)]
    Unweighed(#[from] Unweighed),
    /// The operator ended it.
    #[error("ended by the operator; nothing was kept")]
    Ended,
}

/// Something that says what lies on it.
pub trait Pan {
    /// What lies on it at rest, kg.
    fn read(&mut self) -> Result<f64, WeighError>;
}

/// Who loads it. False ends the weighing.
pub trait Hands {
    /// Does what is asked for and says so.
    fn please(&mut self, what: &str) -> bool;
    /// Is told what was read.
    fn hear(&mut self, line: &str);
}

/// Weighs a part `repeats` times, empty before and after each.
pub fn weigh(
    pan: &mut dyn Pan,
    hands: &mut dyn Hands,
    balance: Balance,
    part: &str,
    repeats: usize,
    density_kg_m3: Option<f64>,
) -> Result<Weighed, WeighError> {
    let mut readings = Readings::default();
    let mut take = |what: String, into: &mut Vec<f64>| {
        if !hands.please(&what) {
            return Err(WeighError::Ended);
        }
        let kg = pan.read()?;
        hands.hear(&format!("{kg:.6} kg"));
        into.push(kg);
        Ok(())
    };
    take("Empty the pan, or put on it only what will hold the part".to_owned(), &mut readings.empty_kg)?;
    for turn in 1..=repeats {
        take(format!("Put {part} on, {turn} of {repeats}"), &mut readings.loaded_kg)?;
        take(format!("Take {part} off again"), &mut readings.empty_kg)?;
    }
    Ok(model::weigh::weigh(balance, &readings, density_kg_m3)?)
}

/// A scale on its port.
pub struct PortPan {
    port: Port,
    events: Receiver<(usize, Event)>,
    tick: Tick,
    identity: String,
    emulated: bool,
}

impl PortPan {
    /// Opens the scale and hears who it is. `emulator` is the folder of the `rig emulate` that stands in for it, if it is emulated.
    pub fn open(scale: &Scale, emulator: Option<&Path>) -> Result<Self, WeighError> {
        let instrument = &scale.instrument;
        let bad = |why: String| WeighError::Scale(why);
        let place = match (&instrument.connection, emulator) {
            (Connection::Emulated, Some(folder)) => emulated(folder, &instrument.name)?,
            (Connection::Emulated, None) => {
                return Err(bad("is emulated: start `orbitbench rig emulate RIG --folder FOLDER`, and say --emulator FOLDER".to_owned()));
            }
            (connection, _) => Place::of(connection).ok_or_else(|| bad("has no port".to_owned()))?,
        };
        let (tell, events) = crossbeam_channel::unbounded();
        let driver = driver_for(instrument).map_err(|why| bad(format!("cannot be driven: {why}")))?;
        let port = Port::open(place.clone(), instrument.serial, driver, tell, 0).map_err(|why| bad(why.to_string()))?;
        let emulated = instrument.connection == Connection::Emulated;
        let mut pan = Self { port, events, tick: 0, identity: String::new(), emulated };
        let until = Instant::now() + HELLO + Duration::from_secs_f64(instrument.reply_timeout_s);
        let mut why = "nothing was heard".to_owned();
        loop {
            match pan.events.recv_deadline(until) {
                Ok((_, Event::Identified { device })) => pan.identity = device,
                Ok((_, Event::Ready)) => return Ok(pan),
                Ok((_, Event::LinkLost { why: said } | Event::Refused { why: said })) => why = said,
                Ok(_) => {}
                Err(_) => {
                    let hint = "is it on, on this cable, at this baud rate (`orbitbench rig probe` asks every port)?";
                    return Err(bad(format!("on {place} does not answer: {why}; {hint}")));
                }
            }
        }
    }

    /// What it says it is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Nothing real is weighed on it.
    pub fn emulated(&self) -> bool {
        self.emulated
    }
}

/// The port that an emulated rig gave its scale.
fn emulated(folder: &Path, name: &str) -> Result<Place, WeighError> {
    let ready = announced(folder).map_err(|why| WeighError::Scale(format!("is emulated: {why}")))?;
    ready
        .ports
        .get(name)
        .map(|port| port.clone().into())
        .ok_or_else(|| WeighError::Scale(format!("is none of the emulated rig {}", ready.rig)))
}

impl Pan for PortPan {
    fn read(&mut self) -> Result<f64, WeighError> {
        let until = Instant::now() + REST;
        let mut why = "the pan did not come to rest".to_owned();
        while Instant::now() < until {
            self.tick += 1;
            if !self.port.command(Command::Poll { tick: self.tick }) {
                return Err(WeighError::Scale("has no driver any more".to_owned()));
            }
            loop {
                match self.events.recv_deadline(until) {
                    Ok((_, Event::Reading { tick, channel: Channel::Mass, value })) if tick == self.tick => return Ok(value),
                    Ok((_, Event::PollDone { tick })) if tick == self.tick => break,
                    Ok((_, Event::PollFailed { tick, why: said })) if tick == self.tick => {
                        why = said;
                        break;
                    }
                    Ok((_, Event::LinkLost { why: said })) => return Err(WeighError::Scale(format!("was lost: {said}"))),
                    Ok(_) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Err(WeighError::Scale("has no driver any more".to_owned())),
                }
            }
            // Somebody may pull the cable meanwhile: what is heard in the pause is looked at in the next turn.
            std::thread::sleep(AGAIN);
        }
        let said = REST.as_secs();
        Err(WeighError::Scale(format!(
            "gave no mass within {said} s: {why}; draughts, a part that touches something, overload, or another unit than the dialect's \
             (`reads` in [scale] names it)"
        )))
    }
}

/// The weighing record in `file`, if there is one. A record of another rig is refused.
pub fn kept(file: &Path, rig: &str) -> Result<Option<WeighingRecord>, SetupError> {
    let shown = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(SetupError::Options(format!("the weighing record {shown} cannot be read: {why}"))),
    };
    let record = WeighingRecord::parse(&shown, &text).map_err(SetupError::Problems)?;
    if record.rig != rig {
        return Err(SetupError::Options(format!("the weighing record {shown} is of the rig \"{}\", and this is \"{rig}\"", record.rig)));
    }
    Ok(Some(record))
}

/// The masses of a rig file read from `from`, overruled by the record that it names (relative to itself), if it names one. A record of an
/// emulated scale counts on emulated rigs only.
pub fn masses(rig: &RigFile, from: &str) -> Result<Vec<Mass>, SetupError> {
    let Some(named) = &rig.weighing.file else { return Ok(rig.masses.clone()) };
    let file = Path::new(from).parent().unwrap_or(Path::new("")).join(named);
    let bad = |why: String| SetupError::Options(format!("the weighing record {}{why}", file.display()));
    let record = kept(&file, &rig.name)?.ok_or_else(|| bad(" is not there: make it with `orbitbench rig weigh`".to_owned()))?;
    if record.simulated && !rig.emulated() {
        return Err(bad(" was made on an emulated scale: weigh the parts of a real bench on a real one".to_owned()));
    }
    record.over(&rig.masses).map_err(|why| bad(format!(": {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scale whose zero drifts, and whose operator may let go.
    struct Desk {
        on_kg: f64,
        drift_kg: f64,
        reads: u32,
        asked: Vec<String>,
        leaves_after: usize,
    }

    struct Scene(std::rc::Rc<std::cell::RefCell<Desk>>);

    impl Pan for Scene {
        fn read(&mut self) -> Result<f64, WeighError> {
            let mut desk = self.0.borrow_mut();
            desk.reads += 1;
            Ok(desk.on_kg + desk.drift_kg * f64::from(desk.reads))
        }
    }

    impl Hands for Scene {
        fn please(&mut self, what: &str) -> bool {
            let mut desk = self.0.borrow_mut();
            desk.asked.push(what.to_owned());
            desk.on_kg = if what.starts_with("Put") { 0.55 } else { 0.0 };
            desk.asked.len() <= desk.leaves_after
        }

        fn hear(&mut self, _: &str) {}
    }

    fn desk(leaves_after: usize) -> std::rc::Rc<std::cell::RefCell<Desk>> {
        std::rc::Rc::new(std::cell::RefCell::new(Desk { on_kg: 0.0, drift_kg: 1e-3, reads: 0, asked: Vec::new(), leaves_after }))
    }

    const BALANCE: Balance = Balance { readability_kg: 0.001, accuracy_kg: 0.001 };

    #[test]
    fn empty_and_loaded_take_turns() {
        let desk = desk(99);
        let weighed = weigh(&mut Scene(desk.clone()), &mut Scene(desk.clone()), BALANCE, "cold_plate", 2, None).expect("a mass");
        assert!((weighed.kg - 0.55).abs() < 1e-12 && (weighed.drift_kg - 4e-3).abs() < 1e-12, "{weighed:?}");
        let asked = desk.borrow().asked.clone();
        assert_eq!(asked.len(), 5);
        assert!(asked[0].starts_with("Empty") && asked[1] == "Put cold_plate on, 1 of 2" && asked[4].starts_with("Take"), "{asked:?}");
    }

    #[test]
    fn who_leaves_has_weighed_nothing() {
        let desk = desk(3);
        let ended = weigh(&mut Scene(desk.clone()), &mut Scene(desk.clone()), BALANCE, "cold_plate", 2, None);
        assert!(matches!(ended, Err(WeighError::Ended)));
        assert_eq!(desk.borrow().reads, 3);
    }
}
