//! Firmware that a rig file declares, of every family that tells one beside its identity: what another says is refused before anything is
//! written or switched, and looked at again whenever the line opens.

use super::doubts::Bench;
use super::tests::{MECOM, rig};
use super::*;
use rig::{Event, Input};

const MODBUS: &str = "[instrument.it]\ndriver = \"modbus\"\nemulated = true\naddress = 7\noutput = \"run\"\n\
    [instrument.it.register.run]\ntable = \"coil\"\naddress = 0\nwritable = true\n\
    [instrument.it.register.room]\naddress = 2\ntype = \"i16\"\nscale = 0.1\nunit = \"degc\"\n\
    [instrument.it.register.version]\naddress = 3\nscale = 0.01\n";
const ROOM: &str = "[channel.ambient]\ninstrument = \"it\"\nreads = \"room\"\n";

/// A rig with an instrument `it` of these keys and a channel that reads it.
fn beside(keys: &str, channels: &str) -> RigFile {
    rig(&format!("{MECOM}[instrument.it]\nemulated = true\n{keys}\n"), "object_temperature", channels)
}

fn plate(keys: &str, reads: &str) -> RigFile {
    rig(&format!("[instrument.tec]\nemulated = true\n{keys}\n"), reads, "")
}

fn modbus(own: &str) -> RigFile {
    rig(&format!("{MECOM}{}", MODBUS.replacen("address = 7\n", &format!("address = 7\n{own}\n"), 1)), "object_temperature", ROOM)
}

/// The rig, a rig whose device stands there, what is said of it where it is taken, and why it is refused where it is not.
fn all() -> Vec<(&'static str, RigFile, RigFile, Result<&'static str, &'static str>)> {
    let scale = |own: &str| {
        beside(&format!("driver = \"line\"\ndialect = \"mt-sics\"\n{own}"), "[channel.flow]\ninstrument = \"it\"\nreads = \"mass\"\n")
    };
    let lauda = |own: &str| plate(&format!("driver = \"line\"\ndialect = \"lauda\"\n{own}"), "bath_temperature");
    let neslab = |own: &str| plate(&format!("driver = \"neslab\"\n{own}"), "internal_temperature");
    let register = |version: &str| modbus(&format!("firmware_register = \"version\"\nfirmware = \"{version}\""));
    vec![
        ("lauda", lauda("firmware = \">= 1.40\""), lauda(""), Ok("lauda ECO firmware 1.45")),
        ("lauda", lauda("firmware = \"1.46\""), lauda(""), Err("its firmware is \"1.45\", the rig file declares \"1.46\"")),
        ("mt-sics", scale(""), scale(""), Ok("mt-sics serial 4242 firmware 1.00 1.00")),
        (
            "mt-sics",
            scale("firmware = \">= 1.01\""),
            scale(""),
            Err("its firmware is \"1.00 1.00\", the rig file declares \"1.01\" or later"),
        ),
        ("neslab", neslab("firmware = \">= 1\""), neslab(""), Ok("NC protocol version 1.0")),
        ("neslab", neslab("firmware = \"9.9\""), neslab(""), Err("of the NC protocol, the rig file declares \"9.9\"")),
        ("modbus", register(">= 2.1"), register("2.10"), Ok("Modbus device 7 firmware 2.1")),
        ("modbus", register(">= 2.11"), register("2.1"), Err("its firmware is 2.1, the rig file declares \"2.11\" or later")),
        ("modbus", modbus("firmware = \"V1.2\""), modbus(""), Ok("Modbus device 7 firmware V1.2")),
        ("modbus", modbus("firmware = \">= 1.3\""), modbus(""), Err("its firmware is V1.2, the rig file declares \"1.3\" or later")),
    ]
}

#[test]
fn another_firmware_than_the_declared_one_is_refused_before_anything_is_said() {
    for (name, driver, device, says) in all() {
        let mut bench = Bench::new(&driver, &device);
        for round in 0..2 {
            bench.events.clear();
            bench.sent.clear();
            bench.told(Input::Opened, 30.0);
            let told = format!("{name}, round {round}: {:?}", bench.events);
            let identified = |words: &str| bench.events.iter().any(|e| matches!(e, Event::Identified { device } if device.contains(words)));
            match says {
                Ok(words) => assert!(identified(words) && bench.events.contains(&Event::Ready), "{words}? {told}"),
                Err(words) => {
                    assert!(bench.refusals().iter().any(|why| why.contains(words)), "{words}? {told}");
                    assert!(!identified("") && !bench.events.contains(&Event::Ready), "{told}");
                    // Two questions, each put no more than three times, and nothing after them.
                    assert!(bench.sent.len() <= 6, "{told}");
                }
            }
            bench.told(Input::HangUp, 1.0);
        }
    }
}

/// A device that does not know the question is taken, unless something is declared of what it would say.
#[test]
fn firmware_that_is_not_told_matters_only_where_it_is_declared() {
    for (own, ready) in [("", true), ("firmware = \">= 1\"", false)] {
        let rig = plate(&format!("driver = \"line\"\ndialect = \"lauda\"\n{own}"), "bath_temperature");
        for answer in ["ERR_3\r\n", ""] {
            let mut bench = Bench::new(&rig, &rig);
            bench.lies.push((b"VERSION_R".to_vec(), answer.as_bytes().to_vec()));
            bench.told(Input::Opened, 60.0);
            assert_eq!(bench.events.contains(&Event::Ready), ready, "{own:?} {answer:?}: {:?}", bench.events);
            let named = bench.events.iter().any(|e| *e == Event::Identified { device: "lauda ECO".to_owned() });
            assert_eq!(named, ready, "{:?}", bench.events);
        }
    }
}
