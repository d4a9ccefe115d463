//! Every line device with the driver that speaks its dialect.

use super::{AT_20, AT_25, Family, Run};
use crate::desk::{Alone, Scene};
use crate::faults::{Line, Scenario};
use crate::joined::Joined;
use rig::config::RigFile;
use rig::{ArrayCurve, Command};
use signal::Document;

const CURVE: Option<Command> = Some(Command::Curve(ArrayCurve { isc_a: 2.0, imp_a: 1.8, vmp_v: 28.0, voc_v: 32.0 }));
const SCENE: Scene = Scene { sensors: AT_25, room_degc: 22.0, board_w: 66.0, plate_degc: 25.0, coolant: None };

pub(super) const FAMILIES: &[Family] = &[
    Family::line("korad", Some(Command::Level(7.5)), |s| heater(s, "korad", "voltage", "v", "current_limit_a = 2.0")),
    Family::line("scpi-supply", Some(Command::Level(12.0)), |s| heater(s, "scpi-supply", "voltage", "v", SUPPLY)).identified(),
    Family::line("homemade", Some(Command::Level(10.0)), |s| heater(s, "homemade", "power", "w", FIRMWARE)).watched().identified(),
    Family::line("korad pump", None, |s| pump(s, "korad", "voltage", "v", "current_limit_a = 0.5")).pump(12.0),
    Family::line("homemade pump", None, |s| pump(s, "homemade", "power", "w", UNLEASED)).identified().pump(10.0),
    Family::line("keysight-e4360", CURVE, |s| array(s, "keysight-e4360", "MY00000001")).told("MY00000001", "MY00000002"),
    Family::line("chroma-62000h", CURVE, |s| array(s, "chroma-62000h", "4242")).identified(),
    Family::line("arroyo", AT_20, |s| plate(s, "arroyo", "object_temperature", "current_limit_a = 4.0\nserial_number = \"4242\""))
        .identified(),
    Family::line("julabo", AT_20, |s| plate(s, "julabo", "bath_temperature", "")),
    Family::line("lauda", AT_20, |s| plate(s, "lauda", "bath_temperature", "")),
    Family::line("huber", AT_20, |s| plate(s, "huber", "bath_temperature", "serial_number = \"1092\"")).told("1092", "10AF"),
    Family::line("sinara-8451", AT_20, |s| plate(s, "sinara-8451", "object_temperature", "current_limit_a = 2.0\nvoltage_limit_v = 4.0")),
    Family::line("yokogawa-wt", None, |s| join(s, "yokogawa-wt", "serial_number = \"4242\"", METER)).identified(),
    Family::line("mt-sics", None, |s| join(s, "mt-sics", "serial_number = \"B021002593\"", SCALE)).told("B021002593", "B021002594"),
];

const SUPPLY: &str = "current_limit_a = 2.0\nserial_number = \"4242\"";
const FIRMWARE: &str = "lease_s = 3.0\nserial_number = \"4242\"";
const UNLEASED: &str = "lease_s = 0\nserial_number = \"4242\"";
const METER: &str = "[channel.board_power]\ninstrument = \"it\"\nreads = \"power\"\nreads_j = \"energy\"\n";
// The bench has no role for a mass; the flow meter's stands in for this reading.
const SCALE: &str = "[channel.flow]\ninstrument = \"it\"\nreads = \"mass\"\n";

fn heater(scenario: &Scenario, dialect: &str, level: &str, unit: &str, own: &str) -> Box<dyn Run> {
    let channel = format!(
        "[channel.heater]\ninstrument = \"it\"\nreads_{unit} = \"{level}\"\ndrives = \"{level}\"\nmin_{unit} = 0.0\nmax_{unit} = 20.0\nsafe = \"off\"\n"
    );
    join(scenario, dialect, own, &channel)
}

fn pump(scenario: &Scenario, dialect: &str, level: &str, unit: &str, own: &str) -> Box<dyn Run> {
    let channel =
        format!("[channel.pump]\ninstrument = \"it\"\ndrives = \"{level}\"\nmin_{unit} = 1.0\nmax_{unit} = 20.0\nsafe = \"on\"\n");
    join(scenario, dialect, own, &channel)
}

fn array(scenario: &Scenario, dialect: &str, serial: &str) -> Box<dyn Run> {
    let channel = "[channel.array_simulator]\nfull_isc_a = 2.0\nfull_voc_v = 32.0\ninstrument = \"it\"\nreads_v = \"voltage\"\nreads_a = \"current\"\nsafe = \"off\"\n";
    join(scenario, dialect, &format!("serial_number = \"{serial}\""), channel)
}

fn plate(scenario: &Scenario, dialect: &str, reads: &str, own: &str) -> Box<dyn Run> {
    joined(scenario, &format!("[instrument.it]\ndriver = \"line\"\ndialect = \"{dialect}\"\nemulated = true\n{own}\n"), "it", reads, "")
}

/// A device beside a controller that holds the plate.
fn join(scenario: &Scenario, dialect: &str, own: &str, channels: &str) -> Box<dyn Run> {
    let instruments = format!(
        "[instrument.tec]\ndriver = \"mecom\"\nemulated = true\nlease_s = 3.0\ncurrent_limit_a = 8.0\nvoltage_limit_v = 16.0\n\
         [instrument.it]\ndriver = \"line\"\ndialect = \"{dialect}\"\nemulated = true\n{own}\n"
    );
    joined(scenario, &instruments, "tec", "object_temperature", channels)
}

fn joined(scenario: &Scenario, instruments: &str, holds: &str, reads: &str, channels: &str) -> Box<dyn Run> {
    let text = format!(
        "schema = 1\nname = \"bench\"\ntitle = \"A bench\"\n[interface]\nservo_node = \"plate\"\nheat_source = \"electrical\"\n{instruments}\
         [channel.plate]\ninstrument = \"{holds}\"\nreads = \"{reads}\"\nsafe = \"off\"\nmin_degc = 5.0\nmax_degc = 60.0\nrate_k_min = 8.0\n\
         trip_min_degc = 0.0\ntrip_max_degc = 75.0\n{channels}[channel.workload]\nsafe = \"stop\"\n\
         [accelerator]\ndefault = \"virtual\"\ntrip_max_degc = 95.0\n"
    );
    let document = Document::parse("rig.toml", &text);
    let rig = RigFile::read(&document.root());
    let rig = document.finish(rig).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let instrument = rig.instrument("it").unwrap();
    let device = Alone::of(instrument, SCENE).unwrap();
    let line = Line::new(scenario, "it", instrument.serial.wire_s(1));
    Box::new(Joined::new(rig::driver_for(instrument).unwrap(), device, line, Box::new(|_, _| ())))
}
