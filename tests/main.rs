//! The integration tests: one binary, so that the whole bench is linked once.
//!
//! What needs a third-party peer looks for `ORBITBENCH_PEERS` (a Python with the packages of `tests/peers/requirements.txt`) and
//! says loudly that it was skipped where there is none; `.ci/run` always has one.

mod architecture;
mod flight;
