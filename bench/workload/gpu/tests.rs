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

/// A function of our own double's.
#[expect(unsafe_code, reason = "functions of our own double, of the type they have there")]
fn of_stub<T>(name: &str, arguments: impl FnOnce(unsafe extern "C" fn(i32) -> T) -> T) -> T {
    let library = stub().expect("built").join("libcuda.so.1");
    // SAFETY: the double is loaded already and stays so; its functions only look at or set numbers of this thread.
    unsafe {
        let library = libloading::Library::new(library).expect("the double");
        let function: libloading::Symbol<'_, unsafe extern "C" fn(i32) -> T> = library.get(name.as_bytes()).expect("the double has it");
        arguments(*function)
    }
}

/// Sets what is wrong with this thread's card (`stub_cuda.cpp` numbers it).
#[expect(unsafe_code, reason = "sets a number of the double's")]
fn flaw(what: i32) {
    // SAFETY: as the double declares it.
    of_stub("orbit_stub_flaw", |set: unsafe extern "C" fn(i32)| unsafe { set(what) });
}

/// Kernels and products that this thread has asked the double for one by one so far, and graphs.
#[expect(unsafe_code, reason = "reads numbers of the double's")]
fn asked() -> (i64, i64) {
    // SAFETY: as the double declares it.
    let of = |graphs| of_stub("orbit_stub_asked", |count: unsafe extern "C" fn(i32) -> std::ffi::c_long| unsafe { count(graphs) });
    (of(0), of(1))
}

/// A card of the double's, or nothing where it cannot be built.
fn device() -> Option<Rc<Device>> {
    stub()?;
    let cards = cards().expect("the double has cards");
    Some(Device::open(&cards[0]).expect("it opens"))
}
