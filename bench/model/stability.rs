//! Whether the hybrid loop is stable: measured heat drives the flight model, the model's temperature is imposed on the bench, and
//! the bench's heat answers to it a delay later. Linearised about an operating point that is x' = -a x(t) - b x(t - tau).
//!
//! `a` is how fast the radiator pulls the satellite back, `b` how much measured heat falls with the temperature commanded. In
//! between this takes the satellite as one lump, which is slower and stiffer than it is in parts; what the delay is made of
//! (tick, actuator, transport) is the caller's affair. All times are bench seconds.
//!
//! ```
//! use model::stability::{Response, check};
//! // A calorimeter of 60 W/K on a plate of 50 J/K, hardly any radiator: unstable beyond 1.31 s.
//! let loop_ = Response::calorimetric(0.0, 60.0, 50.0);
//! assert!((loop_.limit_s().unwrap() - 1.309).abs() < 1e-3);
//! assert!(check(loop_, 0.4).is_ok() && check(loop_, 0.5).is_err());
//! ```

use std::fmt;
use thiserror::Error;

/// Part of the limit that a delay may take up: parameters are known to some ten per cent, and a loop at its limit rings forever.
pub const USABLE_FRAC: f64 = 1.0 / 3.0;

/// The linear loop x' = -a x(t) - b x(t - tau).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// Undelayed restoring rate, 1/s.
    pub a_per_s: f64,
    /// Delayed restoring rate, 1/s; negative where measured heat grows with temperature.
    pub b_per_s: f64,
}

impl Response {
    /// Heat known from the board's electrical power, which grows by `leakage_w_k` a kelvin (dP/dT, 0 or more): the radiator's
    /// answer `radiative_w_k` (4 eps sigma A T3) against it, over the capacity `capacity_j_k` of what both act on.
    pub fn electrical(radiative_w_k: f64, leakage_w_k: f64, capacity_j_k: f64) -> Self {
        Self { a_per_s: radiative_w_k / capacity_j_k, b_per_s: -leakage_w_k / capacity_j_k }
    }

    /// Heat known from coolant that flows past a conductance `conductance_w_k` (G): it falls by that much a kelvin.
    pub fn calorimetric(radiative_w_k: f64, conductance_w_k: f64, capacity_j_k: f64) -> Self {
        Self { a_per_s: radiative_w_k / capacity_j_k, b_per_s: conductance_w_k / capacity_j_k }
    }

    /// True if x dies away without any delay.
    pub fn stable_without_delay(&self) -> bool {
        self.a_per_s + self.b_per_s > 0.0
    }

    /// The delay at which x neither dies away nor grows, s; infinite if there is none, `None` if x grows whatever the delay.
    ///
    /// With x = exp(i w t): i w + a + b exp(-i w tau) = 0, so w = sqrt(b2 - a2) and tau = acos(-a/b) / w.
    pub fn limit_s(&self) -> Option<f64> {
        let (a, b) = (self.a_per_s, self.b_per_s);
        if !self.stable_without_delay() {
            return None;
        }
        Some(if b > a.abs() { (-a / b).acos() / (b * b - a * a).sqrt() } else { f64::INFINITY })
    }
}

/// A loop whose delay is short enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// The loop.
    pub response: Response,
    /// Its delay, s.
    pub delay_s: f64,
    /// The delay at which it would become unstable, s; infinite if none would do.
    pub limit_s: f64,
}

impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Response { a_per_s, b_per_s } = self.response;
        if self.limit_s.is_infinite() {
            write!(f, "stable for any delay (a {a_per_s:.3e} 1/s, b {b_per_s:.3e} 1/s)")
        } else {
            write!(f, "delay {:.2} s of a limit of {:.2} s (a {a_per_s:.3e} 1/s, b {b_per_s:.3e} 1/s)", self.delay_s, self.limit_s)
        }
    }
}

/// A loop that would, or nearly would, feed itself.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum Unstable {
    /// Heat grows faster with temperature than the radiator sheds it.
    #[error(
        "the hybrid loop runs away whatever its delay: heat answers to temperature with b = {:.4e} 1/s, the radiator with a = {:.4e} 1/s only; \
         expected a > -b: a smaller leakage_w_k or a larger radiator",
        .0.b_per_s, .0.a_per_s
    )]
    Runaway(Response),
    /// The delay takes up more than [`USABLE_FRAC`] of the limit.
    #[error(
        "the hybrid loop's delay of {delay_s:.3} s is more than a third of the {limit_s:.3} s at which it becomes unstable (a = {:.4e} 1/s, \
         b = {:.4e} 1/s): expected at most {:.3} s; choose a shorter --dt, a faster actuator or more heat capacity",
        response.a_per_s, response.b_per_s, limit_s * USABLE_FRAC
    )]
    Delay {
        /// The loop.
        response: Response,
        /// Its delay, s.
        delay_s: f64,
        /// The limit, s.
        limit_s: f64,
    },
    /// Some number is not one, or the delay is negative.
    #[error("the hybrid loop cannot be judged: a = {} 1/s, b = {} 1/s, delay {delay_s} s; expected finite numbers and no negative delay", response.a_per_s, response.b_per_s)]
    Undefined {
        /// The loop.
        response: Response,
        /// Its delay, s.
        delay_s: f64,
    },
}

/// Judges a loop by its delay in bench seconds: half a tick, actuator lag and transport together.
pub fn check(response: Response, delay_s: f64) -> Result<Margin, Unstable> {
    if !(response.a_per_s.is_finite() && response.b_per_s.is_finite() && delay_s.is_finite() && delay_s >= 0.0) {
        return Err(Unstable::Undefined { response, delay_s });
    }
    let limit_s = response.limit_s().ok_or(Unstable::Runaway(response))?;
    if delay_s > limit_s * USABLE_FRAC {
        return Err(Unstable::Delay { response, delay_s, limit_s });
    }
    Ok(Margin { response, delay_s, limit_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// x' = -a x(t) - b x(t - tau) by Heun's rule from x = 1, `steps` to a delay: how the amplitude of the last third of
    /// `delays` delays compares with that of the third before.
    fn growth(response: Response, delay_s: f64, delays: usize) -> f64 {
        let steps = 400;
        let dt = delay_s / steps as f64;
        let Response { a_per_s: a, b_per_s: b } = response;
        let mut x = vec![1.0_f64; steps + 1];
        for _ in 0..delays * steps {
            let k = x.len() - 1;
            let first = -a * x[k] - b * x[k - steps];
            let second = -a * (x[k] + dt * first) - b * x[k + 1 - steps];
            x.push(x[k] + dt / 2.0 * (first + second));
        }
        let peak = |part: &[f64]| part.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let third = delays * steps / 3;
        peak(&x[x.len() - third..]) / peak(&x[x.len() - 2 * third..x.len() - third])
    }

    #[test]
    fn the_published_example_has_its_limit() {
        let response = Response::calorimetric(0.0, 60.0, 50.0);
        let limit = response.limit_s().expect("stable without delay");
        assert!((limit - 1.31).abs() < 0.005, "{limit}");
        assert!(growth(response, 0.98 * limit, 60) < 1.0 && growth(response, 1.02 * limit, 60) > 1.0);
        let message = check(response, 0.5).expect_err("more than a third").to_string();
        for number in ["0.500 s", "1.309 s", "0.436 s", "1.2000e0"] {
            assert!(message.contains(number), "no {number} in: {message}");
        }
        assert_eq!(check(response, 0.4).map(|m| (m.delay_s, m.limit_s)), Ok((0.4, limit)));
    }

    #[test]
    fn leakage_is_stable_as_long_as_the_radiator_outruns_it() {
        // 700 W at 2.2 m2: some 12 W/K of radiator; leakage of 1 W/K is safe at any delay, 13 W/K runs away without one.
        let safe = Response::electrical(12.0, 1.0, 5000.0);
        assert_eq!(safe.limit_s(), Some(f64::INFINITY));
        assert!(check(safe, 1e6).expect("safe").to_string().contains("any delay"));
        assert!(growth(safe, 2000.0, 30) < 1.0);
        let runaway = Response::electrical(12.0, 13.0, 5000.0);
        assert_eq!(check(runaway, 0.0), Err(Unstable::Runaway(runaway)));
        assert!(growth(runaway, 100.0, 30) > 1.0);
        // Exactly balanced it drifts: refused as well.
        assert!(check(Response::electrical(12.0, 12.0, 5000.0), 0.0).is_err());
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        for (a, b, delay) in [(f64::NAN, 1.0, 1.0), (1.0, f64::INFINITY, 1.0), (1.0, 2.0, -1.0), (1.0, 2.0, f64::NAN)] {
            let response = Response { a_per_s: a, b_per_s: b };
            assert!(matches!(check(response, delay), Err(Unstable::Undefined { .. })));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn the_limit_is_where_direct_integration_turns(a in -0.5..1.5_f64, b in 0.6..3.0_f64) {
            let response = Response { a_per_s: a, b_per_s: b };
            // Near a = b the limit runs off to infinity and growth is too slow to see.
            prop_assume!(b - a.abs() > 0.2);
            let limit = response.limit_s().expect("stable without delay");
            prop_assert!(limit.is_finite());
            prop_assert!(growth(response, 0.93 * limit, 45) < 1.0, "below {limit} s");
            prop_assert!(growth(response, 1.07 * limit, 45) > 1.0, "above {limit} s");
        }

        #[test]
        fn more_restoring_at_once_than_late_is_stable_at_any_delay(a in 0.1..3.0_f64, part in -0.9..0.9_f64, delay in 0.1..20.0_f64) {
            let response = Response { a_per_s: a, b_per_s: part * a };
            prop_assert_eq!(response.limit_s(), Some(f64::INFINITY));
            prop_assert!(growth(response, delay, 30) < 1.0);
        }
    }
}
