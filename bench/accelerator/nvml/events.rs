//! Critical errors (Xid) as NVML's event sets tell them.
//!
//! Not here: what they mean (`watch`).

use crate::watch::Watch;
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::{Device, EventSet, Nvml};

/// Most events taken at one poll: a card that pours them out must not hold up its readings.
const MOST: usize = 16;

/// An event set that hears of one GPU.
#[derive(Debug)]
pub(super) struct Alerts {
    set: EventSet<'static>,
}

impl Alerts {
    /// `None` where the driver has no such events: ECC counters and lost readings still tell.
    pub(super) fn of(nvml: &'static Nvml, device: &Device<'static>) -> Option<Self> {
        let supported = device.supported_event_types().ok()?;
        let wanted = supported & EventTypes::CRITICAL_XID_ERROR;
        if wanted.is_empty() {
            return None;
        }
        let set = nvml.create_event_set().ok()?;
        let set = device.register_events(wanted, set).ok()?;
        Some(Self { set })
    }

    /// Hands over what came since the last call, without waiting.
    pub(super) fn take(&mut self, watch: &mut Watch) {
        for _ in 0..MOST {
            // No event, an interrupt and a lost GPU alike: the readings beside tell a lost GPU.
            let Ok(event) = self.set.wait(0) else { return };
            if event.event_type.contains(EventTypes::CRITICAL_XID_ERROR) {
                let code = match event.event_data {
                    Some(XidError::Value(code)) => Some(code),
                    Some(XidError::Unknown) | None => None,
                };
                watch.xid_came(code);
            }
        }
    }
}
