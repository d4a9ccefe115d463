//! The device's flash: what it wakes with, and how often it was written. While parameter 108 is 0, as it is after every start, whatever a
//! host sets is saved as it is set (`MeComPyAPI`, pull request 4), the enable flag too (assumed: nothing public excepts it): an output that
//! was on comes back on after a power cut.

use super::second::Second;
use super::settings::Settings;
use super::{TecConfig, TecController};
use rig::protocol::mecom::id;

#[derive(Clone, Debug)]
pub(super) struct Flash {
    pub(super) settings: Settings,
    pub(super) second: Option<Second>,
    /// Pages written since it left the factory.
    pub(super) writes: u64,
}

impl Flash {
    pub(super) fn factory(config: &TecConfig) -> Self {
        Self { settings: Settings::power_up(config), second: config.two_outputs.then(Second::power_up), writes: 0 }
    }
}

impl TecController {
    /// How often its flash was written.
    pub fn flash_writes(&self) -> u64 {
        self.flash.writes
    }

    /// A host set this parameter.
    pub(super) fn save(&mut self, parameter: u16) {
        if !self.settings.saves || parameter == id::SAVE_TO_FLASH {
            return;
        }
        let writes = self.flash.writes + 1;
        if writes == 1 {
            self.events.push("settings go to its flash as they are written: parameter 108 is 0".to_owned());
        }
        self.flash = Flash { settings: self.settings.clone(), second: self.second, writes };
    }

    /// It starts with what its flash holds.
    pub(super) fn wake(&mut self) {
        (self.settings, self.second) = (self.flash.settings.clone(), self.flash.second);
    }
}
