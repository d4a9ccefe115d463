//! What NVML says of the GPUs, for work to be where it is measured: whoever starts work asks here, so that a run, a map, a check and a bench take `cuda:1` for the same card.
//!
//! Not here: whether work may be there (`workload::Measured`).

use accelerator::{Accelerator, Identity, Spec, nvml};
use workload::{Board, Measured};

/// NVML's GPUs in its order; empty where there is no NVML.
pub fn counted() -> Vec<Board> {
    let listed = nvml::Library::find().map_or_else(|_| Vec::new(), |library| library.listed());
    listed.into_iter().map(|(uuid, bus)| Board { uuid, bus }).collect()
}

/// Devices under test as whoever starts work is told of them.
#[derive(Debug)]
pub(crate) struct UnderTest {
    gpus: bool,
    measured: Vec<Board>,
    counted: Vec<Board>,
}

impl UnderTest {
    pub(crate) fn of(spec: &Spec, identities: &[&Identity]) -> Self {
        let gpus = !spec.gpus().is_empty();
        let measured =
            if gpus { identities.iter().map(|i| Board { uuid: i.uuid.clone(), bus: i.bus.clone() }).collect() } else { Vec::new() };
        Self { gpus, measured, counted: counted() }
    }

    pub(crate) fn each(spec: &Spec, devices: &[Box<dyn Accelerator>]) -> Self {
        Self::of(spec, &devices.iter().map(|d| d.identity()).collect::<Vec<_>>())
    }

    pub(crate) fn measured(&self) -> Measured<'_> {
        if self.gpus { Measured::Gpus(&self.measured) } else { Measured::Host }
    }

    pub(crate) fn counted(&self) -> &[Board] {
        &self.counted
    }

    /// What a command is told of them, in the form of `CUDA_VISIBLE_DEVICES`, so that it works where it is measured.
    pub(crate) fn environment(&self) -> Option<(String, String)> {
        let uuids: Vec<&str> = self.measured.iter().filter_map(|b| b.uuid.as_deref()).collect();
        (!uuids.is_empty()).then(|| ("ORBITBENCH_GPUS".to_owned(), uuids.join(",")))
    }
}
