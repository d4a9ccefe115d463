//! Instruments that name the same port: whether they can share one line.

use crate::config::{Connection, DriverKind, Instrument};
use signal::Section;

/// Which output of a device on a shared line is meant: for outputs of one device, whatever its protocol.
fn outputs(instrument: &Instrument) -> (&str, Option<u8>) {
    (instrument.device(), instrument.output_number())
}

/// The word and number by which a device on a shared line knows that it is meant; `None` where its protocol has none.
const fn address(instrument: &Instrument) -> Option<(&'static str, u8)> {
    match &instrument.driver {
        DriverKind::Mecom(mecom) => Some(("mecom", mecom.address)),
        DriverKind::Modbus(modbus) => Some(("modbus", modbus.address)),
        DriverKind::Neslab(_) | DriverKind::Tetech(_) | DriverKind::Line(_) => None,
    }
}

pub(super) fn lines(root: &Section<'_>, instruments: &[Instrument]) {
    let sections = root.optional_section("instrument").named_sections();
    for (at, instrument) in instruments.iter().enumerate() {
        let of_it = |other: &&Instrument| other.device() == instrument.device();
        if instrument.output_of.is_some() {
            let taken = instruments.iter().filter(of_it).find(|o| o.name != instrument.name && outputs(o) == outputs(instrument));
            if let (Some(taken), Some((_, section))) = (taken, sections.iter().find(|(name, _)| *name == instrument.name)) {
                section.problem("output", format_args!("\"{}\" is that output of \"{}\" already", taken.name, instrument.device()));
            }
            continue;
        }
        let key = match instrument.connection {
            Connection::Emulated => "line",
            Connection::Port(_) => "port",
            Connection::Usb(_) => "usb",
            Connection::Tcp(_) => "tcp",
        };
        let Some(first) = instruments[..at].iter().find(|other| other.shares_line(instrument)) else { continue };
        let Some((_, section)) = sections.iter().find(|(name, _)| *name == instrument.name) else { continue };
        let other = &first.name;
        let taken = instruments[..at]
            .iter()
            .filter(|o| o.shares_line(instrument) && o.output_of.is_none())
            .find(|o| address(o) == address(instrument));
        match (address(first), address(instrument), taken) {
            (Some((theirs, _)), Some((ours, _)), None) if theirs == ours => {
                if first.serial != instrument.serial {
                    section.problem(
                        key,
                        format_args!("\"{other}\" is on the same line, which must be set alike for both: baud, bits and parity"),
                    );
                }
            }
            (Some((theirs, _)), Some((ours, number)), Some(taken)) if theirs == ours => {
                section.problem("address", format_args!("{number} is the address of \"{}\" on the same line", taken.name));
            }
            _ => section.problem(
                key,
                format_args!(
                    "\"{other}\" is on the same port: only Modbus units, or MeCom controllers, can share a line, each by its address"
                ),
            ),
        }
    }
}
