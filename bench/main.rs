//! orbitbench
fn main() {}
