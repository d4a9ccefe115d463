//! A driver and an emulated device joined in memory on virtual time, with everything that happens to lines between them.
//!
//! Who holds it plays the controller: commands go in, events come out, and time passes when told to. At every moment it is
//! looked whether the device's output is on while the last word about it was "off": the one thing that must not happen.

use crate::faults::{Line, Way};
use crate::wired::Wired;
use rig::{Command, Driver, Event, Input};

/// Steps within one virtual second beyond which the two are taken to go round in circles.
const MOST_STEPS: u32 = 100_000;

/// What keeps a device's inputs supplied: called before anything reaches it, with the time.
pub type Plant<D> = Box<dyn FnMut(&mut D, f64)>;

/// A driver, a line, a device.
pub struct Joined<D: Wired> {
    driver: Box<dyn Driver>,
    /// The device, to look at.
    pub device: D,
    line: Line,
    plant: Plant<D>,
    now_s: f64,
    deadline_s: Option<f64>,
    open: bool,
    /// What was told, with the time.
    pub events: Vec<(f64, Event)>,
    believed: Option<bool>,
    steps: u32,
    /// Moments at which the output was on and believed off.
    pub lies: Vec<String>,
}

impl<D: Wired> Joined<D> {
    /// A closed port, and a device that was just powered up.
    pub fn new(driver: Box<dyn Driver>, device: D, line: Line, plant: Plant<D>) -> Self {
        Self {
            driver,
            device,
            line,
            plant,
            now_s: 0.0,
            deadline_s: None,
            open: false,
            events: Vec::new(),
            believed: None,
            steps: 0,
            lies: Vec::new(),
        }
    }

    /// Virtual time, s.
    pub const fn now_s(&self) -> f64 {
        self.now_s
    }

    /// What whoever hears the events believes of the output; `None` is unknown, and an alarm.
    pub const fn believed(&self) -> Option<bool> {
        self.believed
    }

    /// The port is open.
    pub const fn open(&self) -> bool {
        self.open
    }

    /// Bytes that passed, both ways together.
    pub const fn carried(&self) -> usize {
        self.line.carried()
    }

    /// Driver and line went round in circles, or the driver waits for nothing though it was not ready.
    pub const fn hangs(&self) -> bool {
        self.steps >= MOST_STEPS
    }

    /// Gives a command, as a controller does between ticks.
    pub fn command(&mut self, command: Command) {
        if command == Command::Enable {
            // From now until it is told, nobody knows.
            self.believed = None;
        }
        self.feed(Input::Command(command));
    }

    fn feed(&mut self, input: Input<'_>) {
        let effects = self.driver.step(self.now_s, input);
        self.deadline_s = effects.deadline_s;
        if self.open {
            self.line.send(self.now_s, Way::ToDevice, &effects.send);
        }
        for event in effects.events {
            match event {
                Event::OutputConfirmed { on } => self.believed = Some(on),
                Event::LinkLost { .. } => self.believed = None,
                _ => {}
            }
            self.events.push((self.now_s, event));
        }
        self.steps += 1;
        self.look();
    }

    fn look(&mut self) {
        if self.device.output_on() && self.believed == Some(false) {
            self.lies.push(format!("at {:.3} s the output is on and believed off", self.now_s));
        }
    }

    /// Lets virtual time pass, with everything that happens in it.
    pub fn pass(&mut self, seconds: f64) {
        let until_s = self.now_s + seconds;
        self.steps = 0;
        loop {
            self.settle();
            let next = [self.deadline_s.map(|at| at.max(self.now_s)), self.line.next_s(self.now_s)];
            let next = next.into_iter().flatten().filter(|at| *at <= until_s).min_by(f64::total_cmp);
            let Some(next_s) = next.filter(|_| !self.hangs()) else { break };
            self.now_s = self.now_s.max(next_s);
            self.settle();
            if self.deadline_s.is_some_and(|at| at <= self.now_s) {
                self.feed(Input::Deadline);
            }
        }
        self.now_s = until_s;
        self.settle();
    }

    /// Everything that is due now.
    fn settle(&mut self) {
        (self.plant)(&mut self.device, self.now_s);
        self.device.pass(self.now_s);
        for (ailment, says) in self.line.ailments(self.now_s) {
            self.device.suffer(self.now_s, ailment);
            self.line.send(self.now_s, Way::ToHost, &says);
        }
        self.look();
        for parcel in self.line.due(self.now_s) {
            match parcel.way {
                Way::ToDevice => {
                    let reply = self.device.receive(self.now_s, &parcel.bytes);
                    self.look();
                    self.line.send(self.now_s, Way::ToHost, &reply);
                }
                Way::ToHost if self.open => self.feed(Input::Bytes(&parcel.bytes)),
                Way::ToHost => {}
            }
        }
        let plugged = self.line.plugged(self.now_s);
        if plugged != self.open {
            self.open = plugged;
            self.feed(if plugged { Input::Opened } else { Input::HangUp });
        }
    }
}

#[cfg(test)]
mod on_a_bus;
#[cfg(test)]
mod on_ptys;
#[cfg(test)]
mod tests;
