//! One line with its faults: parcels go in at one end and come out at the other, later, shorter, other, or not at all.
//!
//! A parcel is what one side sent at once, which on a line of questions and answers is a message. It knows no clock: whoever
//! owns it says what time it is, and asks for what is due.

use super::{Fault, Kind, Scenario};
use crate::wired::Ailment;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// Replies kept to be given as somebody else's.
const KEPT: usize = 8;

/// Which way a parcel goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the host.
    ToDevice,
    /// From the device.
    ToHost,
}

/// Bytes on their way.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// Where to.
    pub way: Way,
    /// When they are all there, s.
    pub at_s: f64,
    /// What arrives.
    pub bytes: Vec<u8>,
}

/// A line to one instrument.
#[derive(Debug)]
pub struct Line {
    faults: Vec<Fault>,
    rng: ChaCha8Rng,
    byte_s: f64,
    under_way: Vec<Parcel>,
    /// When the last byte went, each way: bytes do not overtake one another.
    busy_s: [f64; 2],
    carried: usize,
    replies: VecDeque<Vec<u8>>,
    /// Moments that were told, by fault: begun, and over.
    told: Vec<(bool, bool)>,
    /// When the cable came out that does so after some bytes, and when it comes back.
    out_s: Option<(f64, f64)>,
}

impl Line {
    /// The line to this instrument, on which a byte takes `byte_s`.
    pub fn new(scenario: &Scenario, instrument: &str, byte_s: f64) -> Self {
        Self::shared(scenario, &[instrument], byte_s)
    }

    /// The line to several instruments: what befalls any of them befalls it.
    pub fn shared(scenario: &Scenario, instruments: &[&str], byte_s: f64) -> Self {
        let faults: Vec<Fault> = scenario.faults.iter().filter(|f| instruments.iter().any(|name| f.befalls(name))).cloned().collect();
        let instrument = instruments.first().copied().unwrap_or_default();
        let mut rng = ChaCha8Rng::seed_from_u64(scenario.seed);
        // A stream of its own for each instrument, whatever the others do.
        rng.set_stream(instrument.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(257).wrapping_add(u64::from(byte))));
        Self {
            told: vec![(false, false); faults.len()],
            faults,
            rng,
            byte_s,
            under_way: Vec::new(),
            busy_s: [0.0; 2],
            carried: 0,
            replies: VecDeque::new(),
            out_s: None,
        }
    }

    /// The cable is in.
    pub fn plugged(&self, now_s: f64) -> bool {
        let out = |f: &Fault| matches!(f.kind, Kind::Unplug { after_bytes: None }) && f.on(now_s);
        self.out_s.is_none_or(|(from_s, to_s)| now_s < from_s || now_s >= to_s) && !self.faults.iter().any(out)
    }

    /// Bytes that passed, both ways together.
    pub const fn carried(&self) -> usize {
        self.carried
    }

    /// The next moment at which something is due by itself, if there is one.
    pub fn next_s(&self, now_s: f64) -> Option<f64> {
        let arrivals = self.under_way.iter().map(|p| p.at_s);
        let edges = self.faults.iter().map(|f| (f.from_s, f.from_s + f.for_s)).chain(self.out_s).flat_map(|(from, to)| [from, to]);
        arrivals.chain(edges.filter(|at| *at > now_s)).filter(|at| at.is_finite()).min_by(f64::total_cmp)
    }

    /// Puts a parcel on the line. While the cable is out it is lost.
    pub fn send(&mut self, now_s: f64, way: Way, bytes: &[u8]) {
        let cut = self.out_s.is_some_and(|(_, to_s)| now_s < to_s);
        if bytes.is_empty() || cut || !self.plugged(now_s) {
            return;
        }
        let mut bytes = bytes.to_vec();
        if way == Way::ToHost {
            if self.replies.len() == KEPT {
                self.replies.pop_front();
            }
            self.replies.push_back(bytes.clone());
        }
        let mut late_s = 0.0;
        for at in 0..self.faults.len() {
            if self.faults[at].on(now_s) {
                late_s += self.suffer(at, way, &mut bytes);
            }
        }
        let out_for_s = self.cut(&mut bytes);
        let lane = usize::from(way == Way::ToHost);
        let at_s = self.busy_s[lane].max(now_s) + bytes.len() as f64 * self.byte_s;
        self.busy_s[lane] = at_s;
        self.out_s = out_for_s.map(|for_s| (at_s, at_s + for_s)).or(self.out_s);
        if bytes.is_empty() {
            return;
        }
        self.under_way.push(Parcel { way, at_s: at_s + late_s, bytes });
    }

    /// What one fault does to a parcel; returns by how much it makes it late.
    fn suffer(&mut self, fault: usize, way: Way, bytes: &mut Vec<u8>) -> f64 {
        let mut strikes = |chance: f64| self.rng.random::<f64>() < chance;
        match self.faults[fault].kind {
            Kind::Drop(chance) if strikes(chance) => bytes.clear(),
            Kind::Garble(chance) if strikes(chance) => {
                for _ in 0..=self.rng.next_u32() % 3 {
                    let at = self.rng.next_u32() as usize % bytes.len().max(1);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << (self.rng.next_u32() % 8);
                    }
                }
            }
            Kind::Delay { chance, by_s } if strikes(chance) => return by_s,
            Kind::HalfFrame(chance) if strikes(chance) => {
                let keep = self.rng.next_u32() as usize % bytes.len().max(1);
                bytes.truncate(keep);
            }
            Kind::Foreign(chance) if way == Way::ToHost && strikes(chance) => {
                let pick = self.rng.next_u32() as usize % self.replies.len().max(1);
                if let Some(other) = self.replies.get(pick) {
                    bytes.clone_from(other);
                }
            }
            _ => {}
        }
        0.0
    }

    /// Leaves what passes before the cable comes out, if it does within this parcel; returns for how long it then is.
    fn cut(&mut self, bytes: &mut Vec<u8>) -> Option<f64> {
        let out = self.faults.iter().zip(&mut self.told).find_map(|(fault, told)| match fault.kind {
            Kind::Unplug { after_bytes: Some(after) } if !told.0 && self.carried + bytes.len() >= after => {
                told.0 = true;
                Some((after.saturating_sub(self.carried), fault.for_s))
            }
            _ => None,
        });
        if let Some((keep, _)) = out {
            bytes.truncate(keep);
        }
        self.carried += bytes.len();
        out.map(|(_, for_s)| for_s)
    }

    /// What has arrived by now, in the order of arrival. Of what was under way when the cable came out, nothing does.
    pub fn due(&mut self, now_s: f64) -> Vec<Parcel> {
        let (mut arrived, rest): (Vec<Parcel>, Vec<Parcel>) = self.under_way.drain(..).partition(|p| p.at_s <= now_s);
        self.under_way = rest;
        arrived.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        if !self.plugged(now_s) {
            self.under_way.clear();
        }
        arrived
    }

    /// What befalls the device itself by now, each once, and what it says on the line when it starts again.
    pub fn ailments(&mut self, now_s: f64) -> Vec<(Ailment, Vec<u8>)> {
        let mut all = Vec::new();
        for (fault, (begun, over)) in self.faults.iter().zip(&mut self.told) {
            let (first, last) = match &fault.kind {
                Kind::Reboot { banner } => (Some((Ailment::PowerCycle, banner.clone().into_bytes())), None),
                Kind::Watchdog => (Some((Ailment::WatchdogFires, Vec::new())), None),
                Kind::WrongIdentity { serial_number, declared } => {
                    let exchanged = |number: &String| Some((Ailment::Exchanged { serial_number: number.clone() }, Vec::new()));
                    (exchanged(serial_number), exchanged(declared))
                }
                _ => continue,
            };
            if now_s >= fault.from_s && !std::mem::replace(begun, true) {
                all.extend(first);
            }
            if now_s >= fault.from_s + fault.for_s && !std::mem::replace(over, true) {
                all.extend(last);
            }
        }
        all
    }
}
