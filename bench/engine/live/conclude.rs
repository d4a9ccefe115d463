//! The last check of the work: units of work that turns out to be wrong at its end are worth nothing. The bench is switched off first, and confirmed to be, since a large model takes
//! minutes; it is looked at as in flight meanwhile, which keeps every lease, and a trip ends the check. Nobody has to wait for it: what it did not reach is told as unknown.
//!
//! Not here: what is checked (the workload's), the one way out, which comes after this.

use super::accelerator::RealAccelerators;
use super::devices::Source;
use super::{Flight, TEARDOWN};
use crate::devices::{Devices, Look};
use control::{Commands, End, Event, Thermal};
use signal::{Request, Severity, Tick};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use workload::Workload;

/// How often it is told that it goes on; a check that takes no longer is not told of.
const TELL: Duration = Duration::from_secs(10);
/// Shortest and longest time between two looks at the bench meanwhile.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// A bench that is off.
const OFF: Commands = Commands { target: None, thermal: Thermal::Off, duty: None, power: true, limit: None, acknowledge: false };

/// What goes on beside a check.
trait Beside {
    /// Looks at everything; why the check is to be given up now, if it is.
    fn look(&mut self) -> Option<String>;
    /// Something to read for whoever waits.
    fn say(&mut self, words: String);
}

/// Waits for the last check of `work`, as long as that may take and nothing beside it gives it up.
fn last_check(work: &mut dyn Workload, every: Duration, beside: &mut dyn Beside) -> Result<(), String> {
    let (within, given_up) = (work.conclusion(), AtomicBool::new(false));
    let (begun, mut told, mut looked) = (Instant::now(), Duration::ZERO, None::<Instant>);
    thread::scope(|scope| {
        let check = thread::Builder::new().name("last-check".into()).spawn_scoped(scope, || work.conclude(within, &given_up));
        let check = check.map_err(|why| format!("there is no thread for the last check of the work: {why}"))?;
        while !check.is_finished() {
            thread::sleep(every.min(LOOK.0));
            if looked.is_some_and(|at| at.elapsed() < every) {
                continue;
            }
            looked = Some(Instant::now());
            let took = begun.elapsed();
            if let Some(why) = beside.look().filter(|_| !given_up.swap(true, Ordering::Relaxed)) {
                // Its own word for what is left follows.
                beside.say(format!("the last check of the work is given up after {:.0} s: {why}", took.as_secs_f64()));
            } else if took >= told + TELL && !given_up.load(Ordering::Relaxed) {
                told = took;
                beside.say(format!(
                    "the last check of the work goes on, {:.0} s of at most {:.0} s; the bench is off, and to stop once more leaves the rest unchecked",
                    took.as_secs_f64(),
                    within.as_secs_f64()
                ));
            }
        }
        check.join().unwrap_or_else(|_| Err("the last check of the work panicked".to_owned()))
    })
}

/// Units that are not known to be right, by what the work tells of itself.
fn unchecked(work: &dyn Workload) -> f64 {
    work.figures().iter().filter(|(name, _)| name.ends_with("_unchecked")).map(|(_, n)| n).sum()
}

impl Flight<'_> {
    /// Has real work that ended well looked at a last time. How the run ends then, and what of its work is not known to be right.
    pub(super) fn conclude(&mut self, end: End) -> (End, Option<String>) {
        if !matches!(end, End::Done | End::Stopped) {
            return (end, None);
        }
        let (mut accelerators, mut workload) = match self.devices.source.take() {
            Some(Source::Real { accelerators, workload }) => (accelerators, workload),
            other => {
                self.devices.source = other;
                return (end, None);
            }
        };
        workload.set_duty(0.0);
        if workload.conclusion().is_zero() {
            let wrong = workload.conclude(Duration::ZERO, &AtomicBool::new(false)).err();
            self.devices.source = Some(Source::Real { accelerators, workload });
            return (wrong.map_or(end, End::Tripped), None);
        }
        let every = self.devices.tick_wall.clamp(LOOK.0, LOOK.1);
        let mut beside =
            Bench { tick: self.pilot.next_tick(), flight: self, accelerators: &mut accelerators, held: Vec::new(), off: false };
        let wrong = match beside.switch_off(every) {
            Ok(()) => last_check(workload.as_mut(), every, &mut beside).err(),
            Err(why) => {
                beside.say(format!("the last check of the work is left out, and what was not checked before stays unknown: {why}"));
                None
            }
        };
        let said = workload.remarks();
        let open = unchecked(workload.as_ref());
        let left = (open > 0.0).then(|| format!("{open:.0} {}s of its work are not known to be right", workload.unit()));
        self.devices.source = Some(Source::Real { accelerators, workload });
        for message in said {
            self.show(self.pilot.next_tick(), Event { severity: Severity::Warning, kind: "workload", who: "engine".into(), message });
        }
        match wrong {
            Some(why) => (End::Tripped(why), None),
            None => (end, left),
        }
    }
}

/// A bench on which nothing works any more, looked at tick by tick.
struct Bench<'a, 'f> {
    flight: &'a mut Flight<'f>,
    accelerators: &'a mut RealAccelerators,
    tick: Tick,
    /// What each trip remembers.
    held: Vec<control::Held>,
    /// Every output that brings heat or power was read off.
    off: bool,
}

impl Bench<'_, '_> {
    /// Until everything is off, and read to be.
    fn switch_off(&mut self, every: Duration) -> Result<(), String> {
        let deadline = Instant::now() + TEARDOWN;
        loop {
            if let Some(why) = self.look() {
                return Err(why);
            }
            if self.off {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(format!("the bench is not confirmed off within {} s", TEARDOWN.as_secs()));
            }
            thread::sleep(every);
        }
    }

    fn read(&mut self) -> Look {
        let flight = &mut *self.flight;
        let (origin, speed) = (flight.devices.origin, flight.devices.speed);
        self.tick += 1;
        let mut look = flight.devices.latest(self.tick, origin.elapsed().as_secs_f64() * speed);
        let (readings, remarks) = self.accelerators.hear(|at| at.saturating_duration_since(origin).as_secs_f64() * speed);
        for (channel, reading) in readings {
            look.readings.set(channel, reading);
        }
        let told = |r: accelerator::Remark| Event { severity: r.severity, kind: r.kind, who: "accelerator".into(), message: r.message };
        look.events.extend(remarks.into_iter().map(told));
        // It goes safe whoever guards it.
        flight.devices.unguarded = None;
        flight.devices.apply(self.tick, &OFF);
        look
    }
}

impl Beside for Bench<'_, '_> {
    fn look(&mut self) -> Option<String> {
        let look = self.read();
        for event in look.events {
            self.flight.show(self.tick, event);
        }
        self.off = look.instruments.output_on == Some(false) && look.instruments.lost.is_none();
        let asked =
            self.flight.requests.try_iter().filter(|(_, what)| matches!(what, Request::Stop | Request::Abort | Request::Halt)).last();
        let trips = &self.flight.setup.law.trips;
        self.held.resize(trips.len(), None);
        let tripped =
            trips.iter().zip(&mut self.held).filter_map(|(trip, held)| trip.check(&look.readings, held, 1)).reduce(|first, _| first);
        asked.map(|(who, what)| format!("{who} asked to {} once more", what.word())).or(tripped).or(look.instruments.lost)
    }

    fn say(&mut self, message: String) {
        self.flight.show(self.tick, Event { severity: Severity::Warning, kind: "workload", who: "engine".into(), message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Work whose last check waits until it is told how it goes, or given up.
    struct Slow {
        goes: Receiver<Result<(), String>>,
        begun: Sender<Duration>,
        unchecked: f64,
    }

    impl Workload for Slow {
        fn set_duty(&mut self, _: f64) {}

        fn units(&self) -> Option<f64> {
            Some(100.0)
        }

        fn unit(&self) -> &'static str {
            "token"
        }

        fn figures(&self) -> std::collections::BTreeMap<String, f64> {
            [("output_tokens_unchecked".to_owned(), self.unchecked), ("loss".to_owned(), 3.0)].into()
        }

        fn describe(&self) -> String {
            String::new()
        }

        fn healthy(&self) -> Result<(), String> {
            Ok(())
        }

        fn conclusion(&self) -> Duration {
            Duration::from_secs(3600)
        }

        fn conclude(&mut self, within: Duration, given_up: &AtomicBool) -> Result<(), String> {
            self.begun.send(within).expect("somebody waits");
            loop {
                match self.goes.recv_timeout(Duration::from_millis(1)) {
                    Ok(outcome) => {
                        self.unchecked = 0.0;
                        return outcome;
                    }
                    Err(_) if given_up.load(Ordering::Relaxed) => return Ok(()),
                    Err(_) => {}
                }
            }
        }

        fn stop(self: Box<Self>, _: Duration) -> bool {
            true
        }
    }

    /// Looks so many times, then does something; gives up from then on if that is to be.
    struct Looks<'a> {
        left: u32,
        then: &'a dyn Fn(),
        gives_up: bool,
        said: Vec<String>,
        begun: Receiver<Duration>,
    }

    impl Beside for Looks<'_> {
        fn look(&mut self) -> Option<String> {
            if self.left > 0 {
                self.left -= 1;
                if self.left == 0 {
                    // Not before it has begun.
                    assert_eq!(self.begun.recv(), Ok(Duration::from_secs(3600)), "as long as the work says");
                    (self.then)();
                }
            }
            (self.left == 0 && self.gives_up).then(|| "SIGINT asked to halt once more".to_owned())
        }

        fn say(&mut self, words: String) {
            self.said.push(words);
        }
    }

    fn check(outcome: Option<&Result<(), String>>) -> (Result<(), String>, f64, Vec<String>) {
        let (tell, goes) = channel();
        let (begin, begun) = channel();
        let mut work = Slow { goes, begun: begin, unchecked: 64.0 };
        let gives_up = outcome.is_none();
        let then = || {
            if let Some(outcome) = outcome {
                tell.send(outcome.clone()).expect("it waits");
            }
        };
        let mut looks = Looks { left: 5, then: &then, gives_up, said: Vec::new(), begun };
        let ended = last_check(&mut work, Duration::from_millis(1), &mut looks);
        (ended, unchecked(&work), looks.said)
    }

    #[test]
    fn a_check_has_the_time_it_needs_and_its_word_counts() {
        assert_eq!(check(Some(&Ok(()))), (Ok(()), 0.0, Vec::new()));
        let wrong = "the loss is another".to_owned();
        assert_eq!(check(Some(&Err(wrong.clone()))).0, Err(wrong));
    }

    /// What is given up did not pass: it is told once, and what is unchecked stays so.
    #[test]
    fn a_check_that_is_given_up_leaves_the_work_unknown() {
        let (ended, left, said) = check(None);
        assert_eq!((ended, left), (Ok(()), 64.0));
        assert!(said.len() == 1 && said[0].contains("given up") && said[0].contains("SIGINT asked to halt once more"), "{said:?}");
    }
}
