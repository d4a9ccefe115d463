//! Products by cuBLASLt, found at run time. Plans are made once a shape: the heuristic costs more than a small product.
//!
//! Called through symbols of our own rather than cudarc's, which knows no library name newer than `.so.12` and panics where one is missing. The types are cudarc's.
//! cuBLASLt counts by columns: what is `[m][n]` row by row here is n by m there, so that the second operand comes first.

use super::Fault;
use super::driver::{Buffer, Device};
use super::library;
use super::product::{Kind, Product, Shape};
use cudarc::cublaslt::sys::{
    cublasLtMatmulDescAttributes_t as DescAttribute, cublasLtMatmulHeuristicResult_t as Heuristic,
    cublasLtMatmulPreferenceAttributes_t as PreferenceAttribute, cublasLtMatrixLayoutAttribute_t as LayoutAttribute,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::path::PathBuf;
use std::rc::Rc;
use std::{fmt, ptr};

/// Hopper's kernels want 32 MB (cuBLAS, "cublasSetWorkspace").
const WORKSPACE: usize = 32 << 20;
/// `CUBLAS_COMPUTE_32F`, and cudaDataType's f32, bf16 and E4M3.
const COMPUTE_32F: c_int = 68;
const R_32F: c_int = 0;
const R_16BF: c_int = 14;
const R_8F_E4M3: c_int = 28;

type Handle = *mut c_void;
type Status = c_int;
type Set<A> = unsafe extern "C" fn(Handle, A, *const c_void, usize) -> Status;
type End = unsafe extern "C" fn(Handle) -> Status;
type Search = unsafe extern "C" fn(Handle, Handle, Handle, Handle, Handle, Handle, Handle, c_int, *mut Heuristic, *mut c_int) -> Status;
type Matmul = unsafe extern "C" fn(
    Handle,
    Handle,
    *const c_void,
    u64,
    Handle,
    u64,
    Handle,
    *const c_void,
    u64,
    Handle,
    u64,
    Handle,
    *const c_void,
    u64,
    usize,
    *mut c_void,
) -> Status;

struct Calls {
    create: unsafe extern "C" fn(*mut Handle) -> Status,
    destroy: End,
    desc: unsafe extern "C" fn(*mut Handle, c_int, c_int) -> Status,
    desc_set: Set<DescAttribute>,
    desc_end: End,
    layout: unsafe extern "C" fn(*mut Handle, c_int, u64, u64, i64) -> Status,
    layout_set: Set<LayoutAttribute>,
    layout_end: End,
    preference: unsafe extern "C" fn(*mut Handle) -> Status,
    preference_set: Set<PreferenceAttribute>,
    preference_end: End,
    search: Search,
    matmul: Matmul,
    version: unsafe extern "C" fn() -> usize,
    _library: libloading::Library,
}

impl Calls {
    #[expect(unsafe_code, reason = "opens NVIDIA's library and takes its functions by the types of its reference")]
    fn open(path: &PathBuf) -> Result<Self, String> {
        // SAFETY: cuBLASLt's initialisers have no preconditions; each symbol has the type that the reference gives it, with opaque pointers and enums as integers.
        unsafe {
            let library = libloading::Library::new(path).map_err(|e| library::words(&e))?;
            macro_rules! of {
                ($name:literal) => {
                    *library.get($name).map_err(|e| library::words(&e))?
                };
            }
            Ok(Self {
                create: of!(b"cublasLtCreate"),
                destroy: of!(b"cublasLtDestroy"),
                desc: of!(b"cublasLtMatmulDescCreate"),
                desc_set: of!(b"cublasLtMatmulDescSetAttribute"),
                desc_end: of!(b"cublasLtMatmulDescDestroy"),
                layout: of!(b"cublasLtMatrixLayoutCreate"),
                layout_set: of!(b"cublasLtMatrixLayoutSetAttribute"),
                layout_end: of!(b"cublasLtMatrixLayoutDestroy"),
                preference: of!(b"cublasLtMatmulPreferenceCreate"),
                preference_set: of!(b"cublasLtMatmulPreferenceSetAttribute"),
                preference_end: of!(b"cublasLtMatmulPreferenceDestroy"),
                search: of!(b"cublasLtMatmulAlgoGetHeuristic"),
                matmul: of!(b"cublasLtMatmul"),
                version: of!(b"cublasLtGetVersion"),
                _library: library,
            })
        }
    }
}

/// A shape's descriptors and the algorithm chosen for it.
struct Plan {
    calls: Rc<Calls>,
    desc: Handle,
    layouts: [Handle; 3],
    found: Heuristic,
}

#[expect(unsafe_code, reason = "destroys its own descriptors")]
impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: each is ours or null.
        unsafe {
            for layout in self.layouts.iter().filter(|l| !l.is_null()) {
                (self.calls.layout_end)(*layout);
            }
            if !self.desc.is_null() {
                (self.calls.desc_end)(self.desc);
            }
        }
    }
}

pub(super) struct Blaslt {
    calls: Rc<Calls>,
    handle: Handle,
    workspace: Buffer,
    plans: RefCell<HashMap<Shape, Plan>>,
    pub(super) path: PathBuf,
}

impl fmt::Debug for Blaslt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

fn refused(what: &str, shape: &Shape, status: Status) -> Fault {
    let name = match status {
        1 => "not initialised",
        3 => "no memory",
        7 => "invalid value",
        8 => "not for this architecture",
        13 => "execution failed",
        14 => "internal error",
        15 => "not supported",
        _ => "see cublasStatus_t",
    };
    Fault::Driver {
        what: format!("{what} a product of {} x {} x {} ({:?})", shape.m, shape.n, shape.k, shape.kind),
        said: format!("cuBLASLt status {status}, {name}"),
    }
}

#[expect(unsafe_code, reason = "calls of cuBLASLt with descriptors and buffers that are alive, of the sizes they declare")]
impl Blaslt {
    /// The first that opens; the reasons of all if none does.
    pub(super) fn find(device: &Rc<Device>) -> Result<Self, String> {
        let mut reasons = Vec::new();
        for path in library::blaslt_places() {
            match Self::open(device, path.clone()) {
                Ok(found) => return Ok(found),
                Err(why) => reasons.push(why),
            }
        }
        reasons.dedup();
        Err(if reasons.is_empty() { "none is wanted".to_owned() } else { reasons.join("; ") })
    }

    fn open(device: &Rc<Device>, path: PathBuf) -> Result<Self, String> {
        let calls = Rc::new(Calls::open(&path)?);
        let workspace = device.buffer(WORKSPACE).map_err(|e| e.to_string())?;
        let mut handle = ptr::null_mut();
        // SAFETY: room for a handle.
        let status = unsafe { (calls.create)(&raw mut handle) };
        if status != 0 {
            return Err(format!("{}: status {status} at its start", path.display()));
        }
        Ok(Self { calls, handle, workspace, plans: RefCell::default(), path })
    }

    pub(super) fn describe(&self) -> String {
        // SAFETY: no precondition.
        format!("cuBLASLt {}", unsafe { (self.calls.version)() })
    }

    /// Queues a product. `scales` are those of both operands, for FP8.
    pub(super) fn multiply(&self, p: &Product<'_>) -> Result<(), Fault> {
        let shape = p.shape();
        if !self.plans.borrow().contains_key(&shape) {
            let plan = self.plan(&shape)?;
            self.plans.borrow_mut().insert(shape, plan);
        }
        let plans = self.plans.borrow();
        let plan = &plans[&shape];
        let (alpha, beta) = (p.alpha, if p.add { 1.0_f32 } else { 0.0 });
        // SAFETY: `Product` has checked that the buffers hold what the layouts say; the scalars are read before the call returns; algorithm and workspace
        // belong to this shape. The scales' addresses are set on a descriptor that nobody else uses meanwhile.
        let status = unsafe {
            if let Some((a, b)) = p.scales {
                for (attribute, scale) in [
                    (DescAttribute::CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, b.address()),
                    (DescAttribute::CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, a.address()),
                ] {
                    let status = (self.calls.desc_set)(plan.desc, attribute, (&raw const scale).cast(), 8);
                    if status != 0 {
                        return Err(refused("scale", &shape, status));
                    }
                }
            }
            let c = p.c.address();
            (self.calls.matmul)(
                self.handle,
                plan.desc,
                (&raw const alpha).cast(),
                p.b.address(),
                plan.layouts[0],
                p.a.address(),
                plan.layouts[1],
                (&raw const beta).cast(),
                c,
                plan.layouts[2],
                c,
                plan.layouts[2],
                (&raw const plan.found.algo).cast(),
                self.workspace.address(),
                WORKSPACE,
                self.workspace.device().stream(),
            )
        };
        if status == 0 { Ok(()) } else { Err(refused("start", &shape, status)) }
    }

    fn plan(&self, shape: &Shape) -> Result<Plan, Fault> {
        let kind = match shape.kind {
            Kind::F32 => R_32F,
            Kind::Bf16 => R_16BF,
            Kind::Fp8 => R_8F_E4M3,
        };
        let out = if shape.out_f32 { R_32F } else { R_16BF };
        let check = |status: Status| if status == 0 { Ok(()) } else { Err(refused("plan", shape, status)) };
        // SAFETY: as above: rooms for handles and attributes of the sizes that the reference gives.
        unsafe {
            let mut plan =
                Plan { calls: Rc::clone(&self.calls), desc: ptr::null_mut(), layouts: [ptr::null_mut(); 3], found: std::mem::zeroed() };
            check((self.calls.desc)(&raw mut plan.desc, COMPUTE_32F, R_32F))?;
            // Our b is [n][k] row by row: k by n there, to be transposed; turned, n by k, as it should be.
            for (attribute, turned) in [
                (DescAttribute::CUBLASLT_MATMUL_DESC_TRANSA, !shape.b.turned),
                (DescAttribute::CUBLASLT_MATMUL_DESC_TRANSB, shape.a.turned),
            ] {
                let operation = c_int::from(turned);
                check((self.calls.desc_set)(plan.desc, attribute, (&raw const operation).cast(), 4))?;
            }
            let (m, n, k) = (shape.m as u64, shape.n as u64, shape.k as u64);
            let b = if shape.b.turned { (n, k) } else { (k, n) };
            let a = if shape.a.turned { (m, k) } else { (k, m) };
            let sides =
                [(kind, b, shape.b.row, shape.b.batch), (kind, a, shape.a.row, shape.a.batch), (out, (n, m), shape.c_row, shape.c_batch)];
            for (layout, (kind, (rows, columns), row, stride)) in plan.layouts.iter_mut().zip(sides) {
                check((self.calls.layout)(layout, kind, rows, columns, row.cast_signed() as i64))?;
                if shape.batch > 1 {
                    let (count, stride) = ((shape.batch as u32).cast_signed(), stride.cast_signed() as i64);
                    check((self.calls.layout_set)(
                        *layout,
                        LayoutAttribute::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                        (&raw const count).cast(),
                        4,
                    ))?;
                    check((self.calls.layout_set)(
                        *layout,
                        LayoutAttribute::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                        (&raw const stride).cast(),
                        8,
                    ))?;
                }
            }
            let mut preference = ptr::null_mut();
            check((self.calls.preference)(&raw mut preference))?;
            let room = WORKSPACE as u64;
            let most = PreferenceAttribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
            let mut status = (self.calls.preference_set)(preference, most, (&raw const room).cast(), 8);
            // Unless told, it takes every pointer for a multiple of 256 and chooses by that; heads of attention lie within rows.
            let [of_a, of_b, of_c] = shape.aligned;
            for (attribute, aligned) in [
                (PreferenceAttribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, of_b),
                (PreferenceAttribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, of_a),
                (PreferenceAttribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, of_c),
                (PreferenceAttribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, of_c),
            ] {
                if status == 0 {
                    status = (self.calls.preference_set)(preference, attribute, (&raw const aligned).cast(), 4);
                }
            }
            let mut count = 0;
            let [b, a, c] = plan.layouts;
            if status == 0 {
                status = (self.calls.search)(self.handle, plan.desc, b, a, c, c, preference, 1, &raw mut plan.found, &raw mut count);
            }
            (self.calls.preference_end)(preference);
            check(status)?;
            check(if count == 0 { 15 } else { plan.found.state as c_int })?;
            Ok(plan)
        }
    }
}

#[expect(unsafe_code, reason = "destroys its own handle")]
impl Drop for Blaslt {
    fn drop(&mut self) {
        self.plans.borrow_mut().clear();
        // SAFETY: ours.
        unsafe { (self.calls.destroy)(self.handle) };
    }
}
