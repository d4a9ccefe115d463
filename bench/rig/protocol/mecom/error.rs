//! Names of the numbers that a device gives in parameter 105 when it stands in error.
//!
//! Only what a public source says: a list in a public repository (the one for the LTR-1200 and the TEC family, of which its beginning was
//! to be had) groups 1 to 21. The vendor's own list, in the TEC-Family User Manual 5216, was not at hand. What is not here is told as its
//! number, with where to look it up.

/// What error `number` is called; `None` if no public source says, and for 0, which is none.
pub const fn error_name(number: i32) -> Option<&'static str> {
    match number {
        1..=10 => Some("processor error: its microcontroller malfunctions"),
        11 => Some("emergency stop (LTR-1200)"),
        12 => Some("the operator panel was not released in time (LTR-1200)"),
        20 | 21 => Some("parameter error: its parameter system malfunctions"),
        _ => None,
    }
}
