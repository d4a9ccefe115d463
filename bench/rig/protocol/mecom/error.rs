//! Names of the numbers that a device gives in parameter 105 when it stands in error.
//!
//! Only what public sources say, in words of our own: `MEERSTETTER_ERRORS` of `BRADx-API` (`utils_meerstetter.py`, TEC family: most of these), a
//! list for the LTR-1200 and the TEC family of which the beginning (1 to 21) was to be had and agrees, and the operating notes of a
//! laboratory that name 108, 138 and 139. The vendor's own list, in the TEC-Family User Manual 5216, was not at hand: what is not here is
//! told as its number, with where to look it up.

/// Number from, number to, and what it is called; by rising number.
const NAMES: &[(i32, i32, &str)] = &[
    (1, 10, "processor error: its microcontroller malfunctions"),
    (11, 11, "emergency stop (LTR-1200)"),
    (12, 12, "the operator panel was not released in time (LTR-1200)"),
    (20, 21, "parameter error: its parameter system malfunctions"),
    (22, 22, "its set of parameters is corrupt"),
    (23, 23, "its set of parameters does not fit its firmware"),
    (24, 24, "its firmware does not know the device it runs on"),
    (25, 25, "parameter error: its parameter system malfunctions"),
    (30, 30, "its input voltage is too low"),
    (31, 31, "its input voltage is too high"),
    (32, 32, "its internal medium voltage is too low"),
    (33, 33, "its internal medium voltage is too high"),
    (36, 36, "its internal 3.3 V are too low"),
    (37, 37, "its internal 3.3 V are too high"),
    (60, 60, "the device itself is too hot"),
    (100, 100, "too much positive current at OUT+"),
    (101, 101, "too much negative current at OUT+"),
    (102, 102, "too much positive current at OUT-"),
    (103, 103, "too much negative current at OUT-"),
    (104, 104, "overvoltage at OUT+"),
    (105, 105, "overvoltage at OUT-"),
    (106, 106, "the currents of OUT+ and OUT- differ too much"),
    (107, 107, "overcurrent, switched off at once"),
    (108, 108, "the output stage is saturated: its supply is too weak, or the voltage asked for too close to it"),
    (138, 138, "the object temperature is out of its limits"),
    (139, 139, "the object temperature changes faster than it can"),
    (142, 142, "the sink temperature is below its limit"),
    (143, 143, "the sink temperature is above its limit"),
    (175, 175, "the fan does not reach its speed"),
    (176, 176, "the fan does not turn"),
];

/// What error `number` is called; `None` if no public source says, and for 0, which is none.
pub fn error_name(number: i32) -> Option<&'static str> {
    NAMES.iter().find(|(from, to, _)| (*from..=*to).contains(&number)).map(|(_, _, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::{NAMES, error_name};

    #[test]
    fn every_number_has_one_name_at_most() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0), "by rising number");
        assert!(NAMES.iter().all(|(from, to, name)| (*from..=*to).all(|n| error_name(n) == Some(name))));
        let named = (-1000..=1000).filter(|n| error_name(*n).is_some()).count();
        assert_eq!(named, NAMES.iter().map(|(from, to, _)| (to - from + 1) as usize).sum::<usize>());
        for none in [i32::MIN, -1, 0, 13, 19, 26, 109, 137, 2060, i32::MAX] {
            assert_eq!(error_name(none), None, "{none}");
        }
    }
}
