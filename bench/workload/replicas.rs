//! The same work several times over, each on a device of its own, as one: paced alike, counted together, well only if all are.
//!
//! Not here: where each works.

use crate::{Told, Workload};
use signal::Kept;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

/// Works that count the same unit. Never empty.
pub(crate) struct Replicas(pub(crate) Vec<Box<dyn Workload>>);

impl Workload for Replicas {
    fn set_duty(&mut self, duty: f64) {
        self.0.iter_mut().for_each(|w| w.set_duty(duty));
    }

    /// Missing where one of them does not count.
    fn units(&self) -> Option<f64> {
        self.0.iter().map(|w| w.units()).sum()
    }

    fn input_units(&self) -> Option<f64> {
        self.0.iter().map(|w| w.input_units()).sum()
    }

    fn figures(&self) -> BTreeMap<String, f64> {
        let numbered =
            |k: usize, w: &dyn Workload| w.figures().into_iter().map(move |(name, value)| (format!("replica_{}_{name}", k + 1), value));
        self.0.iter().enumerate().flat_map(|(k, w)| numbered(k, w.as_ref())).collect()
    }

    fn unit(&self) -> &str {
        self.0[0].unit()
    }

    fn describe(&self) -> String {
        let each: Vec<String> = self.0.iter().map(|w| w.describe()).collect();
        format!("{} replicas: {}", each.len(), each.join("; "))
    }

    fn healthy(&self) -> Result<(), String> {
        self.0.iter().enumerate().try_for_each(|(k, w)| w.healthy().map_err(|why| format!("replica {}: {why}", k + 1)))
    }

    fn is_over(&self) -> bool {
        self.0.iter().any(|w| w.is_over())
    }

    fn remarks(&mut self) -> Vec<String> {
        let each = self.0.iter_mut().enumerate();
        each.flat_map(|(k, w)| w.remarks().into_iter().map(move |said| format!("replica {}: {said}", k + 1))).collect()
    }

    fn power(&mut self, there: bool) {
        self.0.iter_mut().for_each(|w| w.power(there));
    }

    /// Put away with the last of them, back with the last of them; what is lost is lost together.
    fn kept(&self) -> Option<Kept> {
        let each: Option<Vec<Kept>> = self.0.iter().map(|w| w.kept()).collect();
        each?.into_iter().reduce(Kept::beside)
    }

    fn told(&mut self) -> Vec<Told> {
        let each = self.0.iter_mut().enumerate();
        each.flat_map(|(k, w)| w.told().into_iter().map(move |t| Told { message: format!("replica {}: {}", k + 1, t.message), ..t }))
            .collect()
    }

    /// Side by side, the hosts' parts share one host.
    fn conclusion(&self) -> Duration {
        self.0.iter().map(|w| w.conclusion()).sum()
    }

    /// All at once, so that the last check of one does not use up another's time.
    fn conclude(&mut self, within: Duration, given_up: &AtomicBool) -> Result<(), String> {
        let one = |w: &mut Box<dyn Workload>| w.conclude(within, given_up);
        let each: Vec<Result<(), String>> = thread::scope(|all| {
            let threads: Vec<_> =
                self.0.iter_mut().map(|w| thread::Builder::new().name("conclude".to_owned()).spawn_scoped(all, move || one(w))).collect();
            threads
                .into_iter()
                .map(|thread| {
                    let thread = thread.map_err(|e| format!("cannot start a thread for its last check: {e}"))?;
                    thread.join().unwrap_or_else(|_| Err("its last check panicked".to_owned()))
                })
                .collect()
        });
        each.into_iter().enumerate().try_for_each(|(k, ended)| ended.map_err(|why| format!("replica {}: {why}", k + 1)))
    }

    /// All are idle at once, whichever is ended first.
    fn stop(mut self: Box<Self>, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        self.set_duty(0.0);
        let ended: Vec<bool> = self.0.into_iter().map(|w| w.stop(deadline.saturating_duration_since(Instant::now()))).collect();
        ended.into_iter().all(|ended| ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    struct One(Arc<Mutex<f64>>, Option<f64>, Result<(), String>, bool);

    impl Workload for One {
        fn set_duty(&mut self, duty: f64) {
            *self.0.lock().expect("free") = duty;
        }

        fn units(&self) -> Option<f64> {
            self.1
        }

        fn figures(&self) -> BTreeMap<String, f64> {
            BTreeMap::from([("p95_s".to_owned(), 0.5)])
        }

        fn unit(&self) -> &'static str {
            "token"
        }

        fn describe(&self) -> String {
            "one".to_owned()
        }

        fn healthy(&self) -> Result<(), String> {
            self.2.clone()
        }

        fn remarks(&mut self) -> Vec<String> {
            vec!["warm".to_owned()]
        }

        fn stop(self: Box<Self>, _: Duration) -> bool {
            self.3
        }
    }

    #[test]
    fn replicas_are_one_work() {
        let duty = Arc::new(Mutex::new(0.0));
        let one = |units, well: Result<(), String>, ends| Box::new(One(Arc::clone(&duty), units, well, ends)) as Box<dyn Workload>;
        let mut all = Replicas(vec![one(Some(7.0), Ok(()), true), one(Some(30.0), Ok(()), true)]);
        all.set_duty(0.4);
        assert_eq!(*duty.lock().expect("free"), 0.4);
        assert_eq!((all.units(), all.input_units(), all.unit()), (Some(37.0), None, "token"));
        assert_eq!(all.figures().keys().map(String::as_str).collect::<Vec<_>>(), ["replica_1_p95_s", "replica_2_p95_s"]);
        assert_eq!((all.describe().as_str(), all.healthy()), ("2 replicas: one; one", Ok(())));
        assert_eq!(all.remarks(), ["replica 1: warm", "replica 2: warm"]);
        assert_eq!(all.conclude(Duration::ZERO, &AtomicBool::new(false)), Ok(()));
        assert!(Box::new(all).stop(Duration::ZERO));
        assert_eq!(*duty.lock().expect("free"), 0.0);
        let mut some = Replicas(vec![one(Some(7.0), Ok(()), true), one(None, Err("garbage".to_owned()), false)]);
        assert_eq!((some.units(), some.healthy()), (None, Err("replica 2: garbage".to_owned())));
        assert_eq!(some.conclude(Duration::ZERO, &AtomicBool::new(false)), Err("replica 2: garbage".to_owned()));
        assert!(!Box::new(some).stop(Duration::ZERO), "one goes on");
    }
}
