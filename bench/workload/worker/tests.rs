//! A last check that takes long: waited for, given up beside the work and at it, and never taken for one that passed.

use super::*;
use crate::eclipse::Identity;
use crate::generate::Wrong;
use crate::job::{Job, Patience};
use crate::pace::Pace;
use crate::parking::{Keeping, Parking};
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Far more than any machine needs; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a slow check does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slowly {
    /// Computes beside until it is told, then asks whether anybody waits before it touches the device.
    Beside,
    /// Works on the device, a step at a time.
    OnDevice,
}

/// A step is a token; the last check says when it has begun and waits to be told.
struct Slow {
    how: Slowly,
    unchecked: Done,
    begun: Sender<()>,
    goes: Receiver<()>,
    touched: Sender<()>,
}

impl Job for Slow {
    fn step(&mut self) -> Result<Done, Wrong> {
        self.unchecked.output += 1;
        Ok(Done { input: 0, output: 1 })
    }

    fn close(&mut self, patience: &dyn Patience) -> Result<(), Wrong> {
        if self.how == Slowly::Beside {
            patience.aside();
        }
        self.begun.send(()).expect("somebody waits");
        match self.how {
            Slowly::Beside => self.goes.recv().expect("it is told"),
            Slowly::OnDevice => {
                while patience.goes_on() && self.goes.try_recv().is_err() {
                    thread::yield_now();
                }
            }
        }
        if patience.goes_on() {
            let _ = self.touched.send(());
            self.unchecked = Done::default();
        }
        Ok(())
    }

    fn unchecked(&self) -> Done {
        self.unchecked
    }

    fn save(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }

    fn lose(&mut self) -> io::Result<Option<(Done, Vec<u8>)>> {
        Ok(None)
    }
}

struct Bench {
    worker: Worker,
    begun: Receiver<()>,
    goes: Sender<()>,
    touched: Receiver<()>,
}

fn bench(how: Slowly) -> Bench {
    let mut worker = Worker::new(PATIENCE, Crossing::Idle, String::new(), PATIENCE);
    let ((begin, begun), (goes, told), (touch, touched)) = (channel(), channel(), channel());
    let identity =
        Identity { model: String::new(), shape: String::new(), task: String::new(), number: String::new(), seed: 1, batch: 1, worker: 0 };
    let parking = Parking::new(Keeping::default(), identity);
    let job = Slow { how, unchecked: Done::default(), begun: begin, goes: told, touched: touch };
    let mut job = Some(job);
    let mut make = move || -> Result<Box<dyn Job>, String> { job.take().map(|job| Box::new(job) as Box<dyn Job>).ok_or_else(String::new) };
    worker.spawn("slow".to_owned(), move |hand| hand.work(Pace::new(1), parking, &mut make)).expect("a thread");
    worker.set_duty(1.0);
    while worker.units() < Some(10.0) {
        thread::yield_now();
    }
    Bench { worker, begun, goes, touched }
}

#[test]
fn a_check_is_waited_for_and_passes() {
    for how in [Slowly::Beside, Slowly::OnDevice] {
        let Bench { mut worker, begun, goes, touched } = bench(how);
        let teller = thread::spawn(move || {
            begun.recv().expect("it begins");
            goes.send(()).expect("it waits");
            (begun, goes)
        });
        assert_eq!(worker.conclude(PATIENCE, &AtomicBool::new(false)), Ok(()));
        let _ends = teller.join().expect("told");
        assert!(touched.try_recv().is_ok() && worker.figures()["output_tokens_unchecked"] == 0.0 && worker.remarks().is_empty(), "{how:?}");
        assert!(Box::new(worker).stop(PATIENCE));
    }
}

/// Given up, it did not pass; what the host still computes beside is not waited for, and does not touch the device when it is through.
#[test]
fn a_check_that_is_given_up_did_not_pass_and_leaves_the_device_alone() {
    for how in [Slowly::Beside, Slowly::OnDevice] {
        let Bench { mut worker, begun, goes, touched } = bench(how);
        let given_up = AtomicBool::new(false);
        thread::scope(|scope| {
            let conclusion = scope.spawn(|| worker.conclude(PATIENCE, &given_up));
            begun.recv().expect("it begins");
            given_up.store(true, Ordering::Relaxed);
            assert_eq!(conclusion.join().expect("no panic"), Ok(()));
        });
        let units = worker.units().expect("counted");
        assert_eq!(worker.figures()["output_tokens_unchecked"], units, "{how:?}");
        let said = worker.remarks();
        assert!(said.len() == 1 && said[0].contains("was given up") && said[0].contains(&format!("{units:.0} of its tokens")), "{said:?}");
        let shared = worker.shared();
        assert!(Box::new(worker).stop(PATIENCE), "{how:?}: nothing works any more");
        // The one on the device has heeded it already.
        let _ = goes.send(());
        while shared.control().running > 0 {
            thread::yield_now();
        }
        assert!(touched.try_recv().is_err(), "{how:?}: the device was touched after that");
    }
}

/// Over its time it is given up as by anybody.
#[test]
fn a_check_that_takes_too_long_did_not_pass() {
    let Bench { mut worker, begun, goes, touched } = bench(Slowly::Beside);
    assert_eq!(worker.conclude(Duration::from_millis(1), &AtomicBool::new(false)), Ok(()));
    let said = worker.remarks();
    assert!(said.len() == 1 && said[0].contains("was not over in time"), "{said:?}");
    begun.recv().expect("it begins");
    let shared = worker.shared();
    assert!(Box::new(worker).stop(PATIENCE));
    goes.send(()).expect("it waits");
    while shared.control().running > 0 {
        thread::yield_now();
    }
    assert!(touched.try_recv().is_err());
}

#[test]
fn a_larger_model_has_more_time() {
    let of = |weights, on_card| conclusion(weights, on_card).as_secs_f64();
    assert!((of(0, true) - 10.0).abs() < 1e-9 && of(1_000_000_000, false) > 60.0);
    assert!(of(8_000_000_000, true) > 4.0 * of(1_000_000_000, true) && of(1_000_000_000, true) < of(1_000_000_000, false));
}
