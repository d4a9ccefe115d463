//! Limits clamp where a value enters and say that they did. What is not a number is refused: clamping it would invent one.

use thiserror::Error;

/// Inclusive bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    min: f64,
    max: f64,
}

/// A clamped value, and whether clamping changed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limited {
    /// The value inside the limits.
    pub value: f64,
    /// True if the value asked for lay outside.
    pub limited: bool,
}

/// A value that is NaN or infinite, so that no limit applies to it.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("not a finite number: {0}")]
pub struct NotANumber(pub f64);

impl Limits {
    /// Bounds `min..=max`; `None` unless both are finite and ordered.
    pub fn new(min: f64, max: f64) -> Option<Self> {
        (min.is_finite() && max.is_finite() && min <= max).then_some(Self { min, max })
    }

    /// The lower bound.
    pub const fn min(&self) -> f64 {
        self.min
    }

    /// The upper bound.
    pub const fn max(&self) -> f64 {
        self.max
    }

    /// True if `value` lies inside.
    pub fn contains(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// The nearest value inside.
    pub fn clamp(&self, value: f64) -> Result<Limited, NotANumber> {
        if !value.is_finite() {
            return Err(NotANumber(value));
        }
        let inside = value.clamp(self.min, self.max);
        Ok(Limited { value: inside, limited: inside != value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_comes_out_is_inside_and_flagged_if_changed(a in -1e6..1e6_f64, b in -1e6..1e6_f64, x in proptest::num::f64::ANY) {
            let limits = Limits::new(a.min(b), a.max(b)).expect("ordered and finite");
            match limits.clamp(x) {
                Ok(l) => {
                    prop_assert!(limits.contains(l.value));
                    prop_assert_eq!(l.limited, l.value != x);
                }
                Err(_) => prop_assert!(!x.is_finite()),
            }
        }
    }

    #[test]
    fn disordered_bounds_are_no_limits() {
        assert_eq!(Limits::new(1.0, 0.0), None);
        assert_eq!(Limits::new(f64::NAN, 0.0), None);
    }
}
