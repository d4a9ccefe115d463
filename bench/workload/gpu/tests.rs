//! The engine on the test double of the driver (`testdata`), which runs the shipped kernels' sources on the host: arithmetic, bounds, handles, order. Nothing here knows
//! a real GPU, nor how fast one is.
//!
//! Needs a C++ compiler; says `SKIPPED` without one.

use super::driver::{Device, cards};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;

mod engine;
mod kernels;
mod training;

/// The folder of the doubles, built once a process.
pub(super) fn stub() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if !Command::new("c++").arg("--version").output().is_ok_and(|o| o.status.success()) {
            eprintln!("SKIPPED: no C++ compiler, so the GPU's engine is not tested");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder").keep();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gpu/testdata/build.sh");
        let built = Command::new("sh").arg(script).arg(&folder).output().expect("a shell");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Some(folder)
    });
    built.as_deref()
}

/// A card of the double's, or nothing where it cannot be built.
fn device() -> Option<Rc<Device>> {
    stub()?;
    let cards = cards().expect("the double has cards");
    Some(Device::open(&cards[0]).expect("it opens"))
}
