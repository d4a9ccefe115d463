//! What is used of the CUDA driver, behind a safe face: cards, memory, launches, graphs. One stream, in whose order everything happens.
//!
//! A kernel that reads or writes past a buffer harms the card's memory only, never ours, and ends in an error of the driver; what can harm the host (copies, handles, life
//! times) is checked here. Not here: what the kernels compute.

use super::{Fault, OLDEST, library};
use cudarc::driver::{result, sys};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::rc::Rc;
use std::{cell::RefCell, fmt};

/// The kernels, see `kernels/make_ptx.py`.
pub(super) const PTX: &str = include_str!("kernels/kernels.ptx");

/// A GPU as the driver knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The driver's own number.
    pub(crate) ordinal: i32,
    /// As NVML writes it: `GPU-…`, of an instance `MIG-…`.
    pub uuid: String,
    /// What it is called.
    pub name: String,
    /// Its place on the bus; cards are in this order, which is NVML's.
    pub bus: String,
    /// Compute capability.
    pub capability: (i32, i32),
    /// Bytes.
    pub memory: u64,
}

fn failed(what: impl Into<String>) -> impl FnOnce(result::DriverError) -> Fault {
    move |e| {
        let name = e.error_name().map_or_else(|_| format!("error {}", e.0 as u32), |n| n.to_string_lossy().into_owned());
        let text = e.error_string().map_or_else(|_| String::new(), |t| format!(", {}", t.to_string_lossy()));
        let more = match e.0 as u32 {
            2 => ": choose a smaller model or batch",
            214 => ": the card's memory is damaged, see `nvidia-smi -q -d ECC`",
            218 | 222 => ": the driver is too old for these kernels, R535 or later is needed",
            719 | 999 => ": see `dmesg` for an Xid; a card that fell off the bus needs a restart of the machine",
            _ => "",
        };
        Fault::Driver { what: what.into(), said: format!("{name}{text}{more}") }
    }
}

/// Every GPU that this process may use, by its place on the bus, as NVML counts them.
pub fn cards() -> Result<Vec<Card>, Fault> {
    library::driver()?;
    result::init().map_err(|e| match e.0 {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => Fault::NoCard { wanted: "at all".to_owned(), there: "none".to_owned(), hint: String::new() },
        _ => failed("start its driver")(e),
    })?;
    let count = result::device::get_count().map_err(failed("say how many there are"))?;
    let mut cards = (0..count).map(card).collect::<Result<Vec<_>, _>>()?;
    cards.sort_by(|a, b| a.bus.cmp(&b.bus));
    Ok(cards)
}

/// A UUID as NVML writes it.
fn written(kind: &str, bytes: &[std::ffi::c_char; 16]) -> String {
    let hex: Vec<String> = bytes.iter().map(|b| format!("{:02x}", b.cast_unsigned())).collect();
    let part = |range: std::ops::Range<usize>| hex[range].concat();
    format!("{kind}-{}-{}-{}-{}-{}", part(0..4), part(4..6), part(6..8), part(8..10), part(10..16))
}

#[expect(unsafe_code, reason = "the driver fills in what it is given room for")]
fn card(ordinal: i32) -> Result<Card, Fault> {
    use sys::CUdevice_attribute_enum::{CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR};
    let asked = || failed("say what it is");
    let device = result::device::get(ordinal).map_err(asked())?;
    let bytes = result::device::get_uuid(device).map_err(asked())?.bytes;
    // Of an instance the newer call gives its own UUID, where the older has the board's.
    let instance = library::tells_instances().then(|| {
        let mut own = sys::CUuuid { bytes: [0; 16] };
        // SAFETY: `device` came from the driver, the symbol is there, and `own` is what it fills in.
        unsafe { sys::cuDeviceGetUuid_v2(&raw mut own, device) }.result().map(|()| own.bytes)
    });
    let instance = instance.and_then(Result::ok).filter(|own| *own != bytes);
    let uuid = if let Some(own) = instance { written("MIG", &own) } else { written("GPU", &bytes) };
    let mut bus = [0_u8; 32];
    // SAFETY: `device` came from the driver, and `bus` is as long as it is told.
    let (bus, major, minor, memory) = unsafe {
        sys::cuDeviceGetPCIBusId(bus.as_mut_ptr().cast(), 32, device).result().map_err(asked())?;
        let bus = CStr::from_bytes_until_nul(&bus).map_or_else(|_| String::new(), |b| b.to_string_lossy().into_owned());
        let of = |attribute| result::device::get_attribute(device, attribute).map_err(asked());
        let memory = result::device::total_mem(device).map_err(asked())?;
        (bus, of(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?, of(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?, memory)
    };
    let name = result::device::get_name(device).map_err(asked())?;
    Ok(Card { ordinal, uuid, name, bus, capability: (major, minor), memory: memory as u64 })
}

/// A card at work: context, stream and kernels. Belongs to the thread that opened it.
pub(super) struct Device {
    pub(super) card: Card,
    handle: sys::CUdevice,
    stream: sys::CUstream,
    module: sys::CUmodule,
    functions: RefCell<HashMap<String, sys::CUfunction>>,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.card.fmt(f)
    }
}

/// Memory of a card. Freed with its last owner.
pub(super) struct Buffer {
    at: sys::CUdeviceptr,
    bytes: usize,
    device: Rc<Device>,
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.bytes, self.device.card.uuid)
    }
}

/// What a kernel takes, in the order and of the size that it declares.
#[derive(Clone, Copy)]
pub(super) enum Arg<'a> {
    /// A buffer from this byte on.
    At(&'a Buffer, usize),
    Null,
    U32(u32),
    U64(u64),
    F32(f32),
}

/// Numbers that may cross to the card as they are.
pub(super) trait Plain: Copy + Default {}
impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for i64 {}
impl Plain for f32 {}

/// Work that was recorded once and is launched as one.
pub(super) struct Graph {
    executable: sys::CUgraphExec,
    device: Rc<Device>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a graph")
    }
}

/// Work that comes again and again, the same but for what its buffers hold.
#[derive(Debug, Default)]
pub(super) enum Habit {
    #[default]
    New,
    Done,
    Recorded(Graph),
}

impl Habit {
    /// Does it as `work` asks for it the first time, when cuBLASLt makes its plans and the driver loads the kernels, neither of which a recording bears; records it the
    /// second time; launches it as one from then on.
    pub(super) fn go(&mut self, device: &Rc<Device>, work: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        match self {
            Self::New => {
                work()?;
                *self = Self::Done;
                Ok(())
            }
            Self::Done => {
                let graph = device.record(work)?;
                graph.launch()?;
                *self = Self::Recorded(graph);
                Ok(())
            }
            Self::Recorded(graph) => graph.launch(),
        }
    }
}

#[expect(
    unsafe_code,
    reason = "calls of the driver: handles are those it gave, alive as long as their owners here, copies within checked bounds"
)]
impl Device {
    pub(super) fn open(card: &Card) -> Result<Rc<Self>, Fault> {
        if card.capability < OLDEST {
            return Err(Fault::Unable {
                card: format!("{} ({})", card.name, card.uuid),
                why: format!("compute capability {}.{} is needed, it has {}.{}", OLDEST.0, OLDEST.1, card.capability.0, card.capability.1),
            });
        }
        let device = result::device::get(card.ordinal).map_err(failed("be opened"))?;
        // SAFETY: `device` is the driver's. Every step's handle goes into `opened` at once or is given back on the way out.
        unsafe {
            let context = result::primary_ctx::retain(device).map_err(failed("be opened"))?;
            let give_back = |e| {
                let _ = result::primary_ctx::release(device);
                e
            };
            result::ctx::set_current(context).map_err(failed("be opened")).map_err(give_back)?;
            let text = CString::new(PTX).expect("PTX is text");
            let module = result::module::load_data(text.as_ptr().cast()).map_err(failed("take the kernels")).map_err(give_back)?;
            let opened = result::stream::create(result::stream::StreamKind::NonBlocking).map_err(failed("make a stream"));
            let stream = opened.map_err(|e| {
                let _ = result::module::unload(module);
                give_back(e)
            })?;
            Ok(Rc::new(Self { card: card.clone(), handle: device, stream, module, functions: RefCell::default() }))
        }
    }

    /// Bytes that are free.
    pub(super) fn free(&self) -> Result<u64, Fault> {
        self.wait()?;
        Ok(result::mem_get_info().map_err(failed("say how much memory is free"))?.0 as u64)
    }

    /// Waits until all that was asked for is done.
    pub(super) fn wait(&self) -> Result<(), Fault> {
        // SAFETY: the stream lives as long as we do.
        unsafe { result::stream::synchronize(self.stream) }.map_err(failed("do its work"))
    }

    pub(super) const fn stream(&self) -> *mut c_void {
        self.stream.cast()
    }

    pub(super) fn buffer(self: &Rc<Self>, bytes: usize) -> Result<Buffer, Fault> {
        // SAFETY: no precondition; nothing is of 0 bytes.
        let at = unsafe { result::malloc_sync(bytes.max(16)) }.map_err(failed(format!("give {:.1} MB of memory", bytes as f64 / 1e6)))?;
        // The kernels move sixteen bytes at once, from the beginnings of rows that are whole sixteens.
        assert!(at.is_multiple_of(256), "the driver aligns what it gives to 256 bytes");
        Ok(Buffer { at, bytes: bytes.max(16), device: Rc::clone(self) })
    }

    pub(super) fn zeros(self: &Rc<Self>, bytes: usize) -> Result<Buffer, Fault> {
        let buffer = self.buffer(bytes)?;
        buffer.clear()?;
        Ok(buffer)
    }

    pub(super) fn upload<T: Plain>(self: &Rc<Self>, numbers: &[T]) -> Result<Buffer, Fault> {
        let buffer = self.buffer(size_of_val(numbers))?;
        buffer.write(0, numbers)?;
        Ok(buffer)
    }

    /// Launches a kernel of the module: blocks in x, y and z, and threads of a block.
    pub(super) fn launch(&self, name: &str, blocks: [u32; 3], threads: u32, args: &[Arg<'_>]) -> Result<(), Fault> {
        if blocks.contains(&0) {
            return Ok(());
        }
        let function = self.function(name)?;
        // All sizes are at most eight bytes, lowest first on every host that has such a card.
        let mut words: Vec<u64> = args
            .iter()
            .map(|arg| match arg {
                Arg::At(buffer, at) => {
                    assert!(*at < buffer.bytes, "{name}: beyond the end of a buffer");
                    buffer.at + *at as u64
                }
                Arg::Null => 0,
                Arg::U32(n) => u64::from(*n),
                Arg::U64(n) => *n,
                Arg::F32(x) => u64::from(x.to_bits()),
            })
            .collect();
        let mut pointers: Vec<*mut c_void> = words.iter_mut().map(|w| std::ptr::from_mut(w).cast()).collect();
        // SAFETY: the function is of our module; the driver copies the arguments, each at most 8 bytes, before it returns.
        unsafe { result::launch_kernel(function, blocks.into(), (threads, 1, 1), 0, self.stream, &mut pointers) }
            .map_err(failed(format!("start {name}")))
    }

    fn function(&self, name: &str) -> Result<sys::CUfunction, Fault> {
        if let Some(function) = self.functions.borrow().get(name) {
            return Ok(*function);
        }
        let text = CString::new(name).expect("a name");
        // SAFETY: the module is loaded as long as we live.
        let function = unsafe { result::module::get_function(self.module, text) }.map_err(failed(format!("find the kernel {name}")))?;
        self.functions.borrow_mut().insert(name.to_owned(), function);
        Ok(function)
    }

    /// Records what `work` asks for instead of doing it.
    pub(super) fn record(self: &Rc<Self>, work: impl FnOnce() -> Result<(), Fault>) -> Result<Graph, Fault> {
        use sys::CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        let fault = |e| failed("record a step")(e);
        // SAFETY: the stream is ours; a graph is destroyed once the executable is made of it.
        unsafe {
            result::stream::begin_capture(self.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).map_err(fault)?;
            let done = work();
            let graph = result::stream::end_capture(self.stream).map_err(fault);
            // A step that failed says more than a capture that failed for it.
            done?;
            let graph = graph?;
            let executable = result::graph::instantiate(graph, sys::CUgraphInstantiate_flags_enum(0)).map_err(fault);
            let _ = result::graph::destroy(graph);
            Ok(Graph { executable: executable?, device: Rc::clone(self) })
        }
    }
}

#[expect(unsafe_code, reason = "gives back what was taken from the driver")]
impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: all three came from the driver and nobody else has them: buffers and graphs keep us alive. What fails here fails because the card is lost.
        unsafe {
            let _ = result::stream::destroy(self.stream);
            let _ = result::module::unload(self.module);
            let _ = result::primary_ctx::release(self.handle);
        }
    }
}

#[expect(unsafe_code, reason = "copies between host slices and memory of the card, within both")]
impl Buffer {
    pub(super) const fn device(&self) -> &Rc<Device> {
        &self.device
    }

    pub(super) const fn address(&self) -> u64 {
        self.at
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn write<T: Plain>(&self, at: usize, numbers: &[T]) -> Result<(), Fault> {
        assert!(at + size_of_val(numbers) <= self.bytes, "beyond the end of a buffer");
        if numbers.is_empty() {
            return Ok(());
        }
        // SAFETY: inside the buffer; pageable memory is staged before the call returns, so `numbers` need not outlive it.
        unsafe { result::memcpy_htod_async(self.at + at as u64, numbers, self.device.stream) }.map_err(failed("take numbers"))
    }

    /// Waits for all work, then copies.
    pub(super) fn read<T: Plain>(&self, at: usize, count: usize) -> Result<Vec<T>, Fault> {
        let mut numbers = vec![T::default(); count];
        assert!(at + size_of_val(&numbers[..]) <= self.bytes, "beyond the end of a buffer");
        if count > 0 {
            // SAFETY: inside the buffer; the wait comes before `numbers` is looked at or moved. If it fails, the copy has failed too.
            unsafe { result::memcpy_dtoh_async(&mut numbers, self.at + at as u64, self.device.stream) }.map_err(failed("give numbers"))?;
        }
        self.device.wait()?;
        Ok(numbers)
    }

    pub(super) fn clear(&self) -> Result<(), Fault> {
        // SAFETY: the whole buffer.
        unsafe { result::memset_d8_async(self.at, 0, self.bytes, self.device.stream) }.map_err(failed("clear memory"))
    }
}

#[expect(unsafe_code, reason = "gives memory back")]
impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: ours, and work that uses it comes before on the same stream; the driver waits for it.
        let _ = unsafe { result::free_sync(self.at) };
    }
}

#[expect(unsafe_code, reason = "launches and destroys its own graph")]
impl Graph {
    pub(super) fn launch(&self) -> Result<(), Fault> {
        // SAFETY: both are alive.
        unsafe { result::graph::launch(self.executable, self.device.stream) }.map_err(failed("start a recorded step"))
    }
}

#[expect(unsafe_code, reason = "launches and destroys its own graph")]
impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: ours.
        let _ = unsafe { result::graph::exec_destroy(self.executable) };
    }
}
