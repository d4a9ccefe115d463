//! Where the driver (`libcuda`) and cuBLASLt are, looked for when they are needed: nothing of NVIDIA's is linked or shipped.
//!
//! cudarc panics over a missing library or symbol, so both are looked for here first. It opens the driver by bare names; opened here by its full path before, it is
//! found under its soname. Not here: calling what was found.

use super::Fault;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Names another driver library: a test double, or one at an unusual place.
pub(crate) const DRIVER_VARIABLE: &str = "ORBITBENCH_CUDA";
/// Names cuBLASLt's library, or the folder it is in; `none` works without.
pub(crate) const BLASLT_VARIABLE: &str = "ORBITBENCH_CUBLASLT";

/// All that is called of the driver. One that is missing is found out before cudarc would panic over it.
const CALLED: &[&str] = &[
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetUuid",
    "cuDeviceGetPCIBusId",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxSetCurrent",
    "cuMemGetInfo_v2",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemsetD8Async",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphExecDestroy",
    "cuGraphDestroy",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuLaunchKernel",
    "cuGetErrorName",
    "cuGetErrorString",
];

/// Since 11.4: the UUID of an instance (MIG) where it is one.
const INSTANCES: &str = "cuDeviceGetUuid_v2";
static TELLS_INSTANCES: AtomicBool = AtomicBool::new(false);

/// The driver that [`driver`] has found has the call for that.
pub(super) fn tells_instances() -> bool {
    TELLS_INSTANCES.load(Ordering::Relaxed)
}

/// Makes sure that the driver can be called. Once that is so, cudarc's calls are safe from its panics.
pub(super) fn driver() -> Result<(), Fault> {
    static FOUND: OnceLock<Result<(), Fault>> = OnceLock::new();
    FOUND.get_or_init(open_driver).clone()
}

#[expect(unsafe_code, reason = "opening a library runs its initialisers; it is the driver's own, or what the operator named")]
fn open_driver() -> Result<(), Fault> {
    #[cfg(test)]
    let name = super::tests::stub().map(|folder| folder.join("libcuda.so.1").into_os_string());
    #[cfg(not(test))]
    let name: Option<std::ffi::OsString> = None;
    let name = name.or_else(|| std::env::var_os(DRIVER_VARIABLE)).unwrap_or_else(|| "libcuda.so.1".into());
    // SAFETY: the initialisers of NVIDIA's driver library have no preconditions.
    let opened =
        unsafe { libloading::os::unix::Library::open(Some(&name), libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL) };
    let library = opened.map_err(|why| Fault::NoDriver(words(&why)))?;
    let named = || Path::new(&name).display().to_string();
    for symbol in CALLED {
        // SAFETY: the symbol is looked for, not called or read.
        let found = unsafe { library.get::<*const ()>(symbol.as_bytes()) };
        if found.is_err() {
            return Err(Fault::OldDriver { library: named(), symbol: (*symbol).to_owned() });
        }
    }
    // SAFETY: as above.
    TELLS_INSTANCES.store(unsafe { library.get::<*const ()>(INSTANCES.as_bytes()) }.is_ok(), Ordering::Relaxed);
    // Open for as long as the program runs: cudarc keeps pointers into it.
    std::mem::forget(library);
    // SAFETY: it opens libraries by name, which the one above answers to.
    if !unsafe { cudarc::driver::sys::is_culib_present() } {
        return Err(Fault::NoDriver(format!("{} does not call itself libcuda.so.1", named())));
    }
    Ok(())
}

/// The places where cuBLASLt may be, best first: what the operator named, the loader's own, a toolkit, Python's wheels.
pub(super) fn blaslt_places() -> Vec<PathBuf> {
    const NAMES: [&str; 3] = ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"];
    #[cfg(test)]
    if let Some(folder) = super::tests::stub() {
        return vec![folder.join("libcublasLt.so.12")];
    }
    if let Some(named) = std::env::var_os(BLASLT_VARIABLE) {
        let named = PathBuf::from(named);
        if named.as_os_str() == "none" {
            return Vec::new();
        }
        return if named.is_dir() { NAMES.map(|n| named.join(n)).into() } else { vec![named] };
    }
    let mut places: Vec<PathBuf> = NAMES.map(PathBuf::from).into();
    let mut folders: Vec<PathBuf> = Vec::new();
    for home in ["CUDA_HOME", "CUDA_PATH"].iter().filter_map(std::env::var_os) {
        folders.push(Path::new(&home).join("lib64"));
    }
    folders.push("/usr/local/cuda/lib64".into());
    let mut wheels = Vec::new();
    let home = std::env::var_os("HOME").map(|h| Path::new(&h).join(".local"));
    let own = ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().filter_map(std::env::var_os).map(PathBuf::from);
    for root in own.chain(home).chain(["/usr/local".into(), "/usr".into(), "/opt/conda".into()]) {
        let Ok(inside) = root.join("lib").read_dir() else { continue };
        for python in inside.flatten().filter(|f| f.file_name().to_string_lossy().starts_with("python3")) {
            for packages in ["site-packages", "dist-packages"] {
                let nvidia = python.path().join(packages).join("nvidia");
                wheels.extend(["cu13/lib", "cublas/lib"].map(|lib| nvidia.join(lib)));
            }
        }
    }
    wheels.sort();
    folders.extend(wheels);
    for folder in folders {
        places.extend(NAMES.iter().map(|n| folder.join(n)).filter(|p| p.exists()));
    }
    places
}

/// An error of the loader with what is behind it, which has the file's name.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |behind| format!("{error}: {}", words(behind)))
}
