//! The integration tests: one binary, so that the whole bench is linked once.
//!
//! What needs a third-party peer looks for `ORBITBENCH_PEERS` (a Python with the packages of `tests/peers/requirements.txt`) and
//! says loudly that it was skipped where there is none; `.ci/run` always has one.

mod architecture;
mod battery;
mod calibration;
mod eclipse;
mod flight;
mod instruments;
mod loops;
mod peers;
mod policies;
mod process;
mod shared_lines;
mod silence;
mod workmap;

/// Says that something was not checked, past the test harness that would keep the words of a passing test to itself.
fn skipped(what: &str, why: &str) {
    use std::io::Write;
    // Nobody listening is nobody to tell.
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}: {why}");
}
