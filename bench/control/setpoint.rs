//! Clamp, then rate-limit. The first limit that bites names the row.

use crate::law::SetpointLaw;
use signal::{Celsius, Limit, NotANumber};

/// A change smaller than this is the rounding of a sum, not a limit, K.
const ROUNDING_K: f64 = 1e-9;

/// The next setpoint on the way from `last` to `request` within `dt_s`; NaN is refused.
pub(crate) fn limit(law: &SetpointLaw, last: Option<Celsius>, request: Celsius, dt_s: f64) -> Result<(Celsius, Limit), NotANumber> {
    let clamped = law.limits.clamp(request.0)?;
    let mut limit = if clamped.limited { Limit::Clamped } else { Limit::None };
    let Some(last) = last else { return Ok((Celsius(clamped.value), limit)) };
    let reach = law.rate_k_s * dt_s;
    let step = (clamped.value - last.0).clamp(-reach, reach);
    // A last value outside the limits (a plate that starts too warm) is walked in, never jumped from.
    let next = last.0 + step;
    if limit == Limit::None && (next - clamped.value).abs() > ROUNDING_K {
        limit = Limit::Rate;
    }
    let next = law.limits.clamp(next)?;
    Ok((Celsius(next.value), limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use signal::Limits;

    fn law() -> SetpointLaw {
        SetpointLaw { limits: Limits::new(5.0, 60.0).expect("ordered"), rate_k_s: 0.1 }
    }

    proptest! {
        #[test]
        fn no_setpoint_leaves_the_limits(request in proptest::num::f64::ANY, last in -300.0..300.0_f64) {
            match limit(&law(), Some(Celsius(last)), Celsius(request), 1.0) {
                Ok((next, flag)) => {
                    prop_assert!((5.0..=60.0).contains(&next.0));
                    if (5.0..=60.0).contains(&last) {
                        prop_assert!((next.0 - last).abs() <= 0.1 + 1e-9);
                        prop_assert_eq!(flag == Limit::None, (next.0 - request).abs() <= 1e-9);
                    }
                }
                Err(_) => prop_assert!(!request.is_finite()),
            }
        }
    }

    #[test]
    fn the_flag_names_the_first_limit() {
        let from = Some(Celsius(20.0));
        assert_eq!(limit(&law(), from, Celsius(20.05), 1.0), Ok((Celsius(20.05), Limit::None)));
        assert_eq!(limit(&law(), from, Celsius(30.0), 1.0).expect("finite").1, Limit::Rate);
        assert_eq!(limit(&law(), from, Celsius(90.0), 1.0).expect("finite").1, Limit::Clamped);
    }
}
