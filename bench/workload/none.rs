//! No work of ours: the accelerator is loaded by somebody else, or by nobody. What is not counted is missing, not 0.

use crate::Workload;
use std::time::Duration;

/// Only observes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observe;

impl Workload for Observe {
    /// Nothing to pace: a budget has no effect here.
    fn set_duty(&mut self, _duty: f64) {}

    fn units(&self) -> Option<f64> {
        None
    }

    fn unit(&self) -> &'static str {
        "unit"
    }

    fn describe(&self) -> String {
        "none: the bench only observes, work is neither paced nor counted".to_owned()
    }

    fn healthy(&self) -> Result<(), String> {
        Ok(())
    }

    fn stop(self: Box<Self>, _within: Duration) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncounted_work_is_missing() {
        let mut none = Box::new(Observe);
        none.set_duty(1.0);
        assert_eq!(none.units(), None);
        assert_eq!(none.healthy(), Ok(()));
        assert!(none.stop(Duration::ZERO));
    }
}
