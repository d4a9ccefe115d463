//! What else must be so before a line device's output, or a TE Technology controller's settings, are believed: no current where "off" is said, a
//! byte said twice, no error in answer to the command, and which way it heats; which model it is, and the unit of a bath.

use super::doubts::{Bench, dialect, rigs};
use super::tests::rig;
use super::*;
use rig::{Command, Event, Input};

const OFF: Event = Event::OutputConfirmed { on: false };

fn running(name: &str) -> (RigFile, Bench) {
    let (_, rig, given) = rigs().into_iter().find(|(known, ..)| *known == name).unwrap();
    let bench = Bench::running(&rig, given);
    assert_eq!(bench.believed, Some(true), "{name}");
    (rig, bench)
}

fn lost(bench: &Bench) -> bool {
    bench.events.iter().any(|e| matches!(e, Event::LinkLost { .. }))
}

fn report(engaged: bool, set_a: &str, flows_a: &str) -> Vec<u8> {
    format!(
        r#"[{{"channel":0,"temperature":20.0,"pid_engaged":{engaged},"i_set":{set_a},"tec_i":{flows_a},"tec_u_meas":0.1}},{{"channel":1}}]"#
    )
    .into_bytes()
    .into_iter()
    .chain(*b"\n")
    .collect()
}

/// The regulator is disengaged and a fixed current flows: a thermostat that would not set it to 0 says so in its report only.
#[test]
fn a_current_without_a_regulator_is_not_off() {
    for (denied, engaged, set_a, flows_a, off) in [
        (true, false, "1.5", "1.5", false),
        (false, false, "1.5", "0.0", false),
        (false, false, "0.0", "1.5", false),
        (false, false, "0.0", "-1.5", false),
        (true, true, "0.0", "0.0", false),
        (false, false, "null", "0.0", false),
        (false, false, "0.0", "0.03", true),
        // It would not, and every sign says that it is off all the same: of another reason, then.
        (true, false, "0.0", "0.03", true),
    ] {
        let (_, mut bench) = running("sinara-8451");
        if denied {
            bench.lies.push((b"pwm 0 i_set 0".to_vec(), b"{\"error\":\"DAC fault\"}\n".to_vec()));
        }
        bench.lies.push((b"report".to_vec(), report(engaged, set_a, flows_a)));
        bench.told(Input::Command(Command::Disable), 60.0);
        let told = format!("{denied} {engaged} {set_a} {flows_a}: {:?}", bench.events);
        assert_eq!((bench.events.contains(&OFF), bench.believed == Some(false)), (off, off), "{told}");
        assert_eq!(lost(&bench) || !bench.refusals().is_empty(), !off, "{told}");
        if !off {
            bench.lies.clear();
            bench.told(Input::Deadline, 30.0);
            bench.told(Input::Command(Command::Disable), 60.0);
            assert_eq!(bench.believed, Some(false), "it came to itself: {:?}", bench.events);
        }
    }
}

/// In mid-run as well, though nobody switched: three polls and its output counts as unknown.
#[test]
fn a_current_beside_off_is_told_in_mid_run() {
    let (_, mut bench) = running("sinara-8451");
    bench.lies.push((b"report".to_vec(), report(false, "0.0", "1.5")));
    for tick in 0..4 {
        bench.told(Input::Command(Command::Poll { tick }), 2.0);
    }
    assert!(lost(&bench) && !bench.events.contains(&OFF), "{:?}", bench.events);
}

/// A raw byte is believed when it came twice alike, never where it is 0, and off only without a current.
#[test]
fn one_byte_is_no_proof() {
    for (status, amps, off) in [
        (b"\0".to_vec(), "0.000", false),
        (b"\x11".to_vec(), "1.500", false),
        (b"\x11".to_vec(), "?????", false),
        (b"\x11".to_vec(), "0.003", true),
    ] {
        let (rig, mut bench) = running("korad");
        assert!(dialect(&rig).output.as_ref().is_some_and(rig::dialect::OutputRule::asks_twice));
        bench.lies.push((b"STATUS?".to_vec(), status.clone()));
        bench.lies.push((b"IOUT1?".to_vec(), amps.as_bytes().to_vec()));
        bench.sent.clear();
        bench.told(Input::Command(Command::Disable), 60.0);
        assert_eq!((bench.events.contains(&OFF), bench.believed == Some(false)), (off, off), "{status:?} {amps}: {:?}", bench.events);
        let asked = bench.sent.iter().filter(|line| line.as_slice() == b"STATUS?").count();
        assert!(!off || asked == 2, "asked {asked} times");
    }
    // The line broke: whatever is asked is answered by a 0.
    let (_, mut bench) = running("korad");
    bench.lies.push((Vec::new(), b"\0".to_vec()));
    bench.told(Input::Command(Command::Disable), 60.0);
    assert!(!bench.events.contains(&OFF) && bench.believed.is_none(), "{:?}", bench.events);
}

/// An error in answer to the command that switches off, and a device of which only its word could show otherwise.
#[test]
fn a_denied_off_is_never_confirmed_by_a_word() {
    let (rig, mut bench) = running("lauda");
    let output = dialect(&rig).output.clone().unwrap();
    assert!(output.idle.is_empty() && dialect(&rig).line.acknowledge.is_some());
    let asked = |template: &rig::dialect::Template| template.fill(|_| Some(1.0)).unwrap();
    bench.lies.push((asked(&output.off), b"ERR_6\r\n".to_vec()));
    bench.lies.push((asked(&output.back.ask), b"1\r\n".to_vec()));
    bench.told(Input::Command(Command::Disable), 60.0);
    assert!(!bench.events.contains(&OFF) && lost(&bench), "{:?}", bench.events);
    bench.lies.clear();
    bench.told(Input::Deadline, 30.0);
    bench.told(Input::Command(Command::Disable), 60.0);
    assert_eq!(bench.believed, Some(false), "{:?}", bench.events);
}

fn tetech(own: &str) -> RigFile {
    rig(&format!("[instrument.tec]\nemulated = true\ndriver = \"tetech\"\n{own}\n"), "object_temperature", "")
}

#[test]
fn which_way_a_te_controller_heats_is_held_against_the_rig_file() {
    let with = |heats: &str| tetech(&format!("model = \"TC-36-25\"\n{heats}"));
    for (declared, set, words) in [
        ("", "", ""),
        ("", "heats_from = \"WP2+\"", ""),
        ("heats_from = \"WP2+\"", "heats_from = \"WP2+\"", ""),
        ("heats_from = \"WP2+\"", "heats_from = \"WP1+\"", "it heats from WP1+ (code 45), the rig file declares WP2+"),
    ] {
        let mut bench = Bench::new(&with(declared), &with(set));
        bench.told(Input::Opened, 30.0);
        assert_eq!(bench.events.contains(&Event::Ready), words.is_empty(), "{:?}", bench.events);
        assert_eq!(bench.believed, Some(false), "off whatever comes of it");
        assert!(words.is_empty() || bench.refusals().iter().any(|why| why.contains(words)), "{:?}", bench.events);
        assert!(bench.sent.iter().all(|line| !line.starts_with(b"*002c")), "read, never written");
    }
    // Somebody turns it round in mid-run.
    let rig = with("");
    let mut bench = Bench::new(&rig, &rig);
    bench.told(Input::Opened, 30.0);
    bench.lies.push((b"*0045".to_vec(), b"*0000000181^".to_vec()));
    bench.told(Input::Command(Command::Poll { tick: 1 }), 5.0);
    assert!(lost(&bench), "{:?}", bench.events);
}

/// Its number is asked, at the beginning and after each poll.
#[test]
fn a_te_controller_of_another_model_is_refused_and_one_that_answers_late_is_not_believed() {
    use rig::protocol::tetech::{Model, Reply};
    let rig = tetech("model = \"TC-720\"");
    for (said, words) in [(9613, "reads 9613, a TC-48-20"), (10, "reads 10, no model that is known")] {
        let mut bench = Bench::new(&rig, &rig);
        bench.lies.push((b"*0000".to_vec(), Reply::Value(said).encode(Model::Tc720)));
        bench.told(Input::Opened, 30.0);
        assert!(!bench.events.contains(&Event::Ready), "{:?}", bench.events);
        assert!(bench.refusals().iter().any(|why| why.contains(words)), "{said:?} {:?}", bench.events);
        assert!(bench.sent.iter().all(|line| line.starts_with(b"*0000")), "it is left alone");
    }
    // Every answer is the one to the question before: no reading of it is told, not even once.
    let mut bench = Bench::new(&rig, &rig);
    bench.told(Input::Opened, 30.0);
    bench.events.clear();
    bench.late_by_one = true;
    for tick in 0..3 {
        bench.told(Input::Command(Command::Poll { tick }), 5.0);
    }
    assert!(!bench.events.iter().any(|e| matches!(e, Event::Reading { .. })), "{:?}", bench.events);
    assert!(lost(&bench), "{:?}", bench.events);
}

/// A key is told, and no error; a fault beside it is one.
#[test]
fn a_key_that_somebody_pressed_is_no_fault() {
    for (status, noticed, error) in [
        (&b"*0080"[..], true, None),
        (b"*0100", false, Some("alarm: over-current")),
        (b"*0008", false, Some("alarm: temperature 2 low")),
        (b"*0180", true, Some("alarm: over-current")),
    ] {
        let rig = tetech("model = \"TC-720\"");
        let mut bench = Bench::new(&rig, &rig);
        bench.told(Input::Opened, 30.0);
        bench.events.clear();
        let digits = &status[1..5];
        let sum: u8 = digits.iter().fold(0, |sum: u8, d| sum.wrapping_add(*d));
        let mut said = [b"*", digits].concat();
        said.extend(format!("{sum:02x}^").bytes());
        bench.lies.push((b"*0300".to_vec(), said));
        for tick in 0..3 {
            bench.told(Input::Command(Command::Poll { tick }), 5.0);
        }
        let told = |wanted: &dyn Fn(&Event) -> bool| bench.events.iter().filter(|e| wanted(e)).count();
        assert_eq!(told(&|e| matches!(e, Event::Notice { .. })), usize::from(noticed), "once: {:?}", bench.events);
        assert_eq!(told(&|e| matches!(e, Event::DeviceError { .. })), usize::from(error.is_some()), "{:?}", bench.events);
        let words = bench.events.iter().find_map(|e| if let Event::DeviceError { words, .. } = e { Some(words.as_str()) } else { None });
        assert_eq!(words, error);
        assert!(!lost(&bench));
    }
}

/// A bath whose display is set to °F names that unit with every temperature.
#[test]
fn a_bath_in_fahrenheit_is_refused_before_anything_is_written() {
    use rig::protocol::neslab::{Measured, Quantity, Query, RS232_ADDRESS, Reply, Request};
    let rig = rig("[instrument.tec]\nemulated = true\ndriver = \"neslab\"\n", "internal_temperature", "");
    let asked = |quantity| Query::new(RS232_ADDRESS, Request::Read(quantity)).unwrap().encode();
    let says = |quantity, unit| {
        let command = asked(quantity)[3];
        let reply = Reply::Value(Measured { decimals: 2, unit, counts: 5213 });
        (asked(quantity), reply.encode(RS232_ADDRESS, command))
    };
    for (unit, words) in [(2, "in °F"), (0, "in no unit"), (3, "in unit 3, which is no temperature's"), (1, "")] {
        let mut bench = Bench::new(&rig, &rig);
        bench.lies.push(says(Quantity::Internal, unit));
        bench.told(Input::Opened, 30.0);
        assert_eq!(bench.events.contains(&Event::Ready), words.is_empty(), "{:?}", bench.events);
        if !words.is_empty() {
            assert!(
                bench.refusals().iter().any(|why| why.contains(words) && why.contains("set the bath's display to °C")),
                "{:?}",
                bench.events
            );
            assert_eq!(bench.believed, Some(false), "switched off and left");
            assert!(bench.sent.iter().all(|line| ![0xC0, 0xE0, 0xF0].contains(&line[3])), "no number is written in its unit");
        }
    }
    // Somebody changes it in mid-run.
    for quantity in [Quantity::Internal, Quantity::Setpoint] {
        let mut bench = Bench::running(&rig, Some(Command::Target(signal::Celsius(20.0))));
        assert_eq!(bench.believed, Some(true));
        bench.lies.push(says(quantity, 2));
        bench.told(Input::Command(Command::Poll { tick: 1 }), 5.0);
        assert!(lost(&bench), "{:?}", bench.events);
        assert!(!bench.events.iter().any(|e| matches!(e, Event::Reading { .. })), "no reading of that poll: {:?}", bench.events);
        bench.told(Input::Command(Command::Disable), 60.0);
        assert_eq!(bench.device.output_on(), Some(false), "{quantity:?}: {:?}", bench.events);
    }
}

/// A circulator gives and takes temperatures in the unit of its display: one in °F is not ready, and lost in mid-run.
#[test]
fn a_circulator_in_fahrenheit_is_refused() {
    let bath = |own: &str| {
        rig(&format!("[instrument.tec]\nemulated = true\ndriver = \"line\"\ndialect = \"julabo\"\n{own}\n"), "bath_temperature", "")
    };
    let keys = |rig: &RigFile| rig.risks().into_iter().map(|risk| risk.key).collect::<Vec<_>>();
    assert!(keys(&bath("")).contains(&"unit.tec".to_owned()));
    for place in [6, 11] {
        let rig = bath(&format!("unit_place = {place}"));
        assert!(!keys(&rig).contains(&"unit.tec".to_owned()));
        let asked = format!("IN_SP_{place:02}").into_bytes();
        let mut bench = Bench::new(&rig, &rig);
        bench.lies.push((asked.clone(), b"1\r\n".to_vec()));
        bench.told(Input::Opened, 60.0);
        assert!(!bench.events.contains(&Event::Ready), "{:?}", bench.events);
        assert!(bench.refusals().iter().any(|why| why.contains("unit_of_the_display reads back \"1\" and not 0")), "{:?}", bench.events);
        let mut bench = Bench::running(&rig, Some(Command::Target(signal::Celsius(20.0))));
        bench.lies.push((asked, b"1\r\n".to_vec()));
        for tick in 0..4 {
            bench.told(Input::Command(Command::Poll { tick }), 5.0);
        }
        assert!(lost(&bench), "{:?}", bench.events);
    }
    assert!(Bench::running(&bath(""), Some(Command::Target(signal::Celsius(20.0)))).sent.iter().all(|line| !line.starts_with(b"IN_SP_06")));
}

/// Whatever speaks in lines: answers one late, from some question on. Not one reading of it is told.
#[test]
fn a_line_device_that_answers_one_late_is_not_believed() {
    for (name, rig, given) in rigs() {
        let mut bench = Bench::new(&rig, &rig);
        bench.told(Input::Opened, 20.0);
        for command in given.into_iter().chain([Command::Enable]) {
            bench.told(Input::Command(command), 3.0);
        }
        bench.told(Input::Command(Command::Poll { tick: 0 }), 5.0);
        assert!(bench.events.iter().any(|e| matches!(e, Event::Reading { .. })), "{name}: {:?}", bench.events);
        bench.events.clear();
        bench.late_by_one = true;
        for tick in 1..6 {
            bench.told(Input::Command(Command::Poll { tick }), 5.0);
        }
        assert!(!bench.events.iter().any(|e| matches!(e, Event::Reading { .. })), "{name}: {:?}", bench.events);
        let told = |e: &Event| matches!(e, Event::PollFailed { .. } | Event::LinkLost { .. } | Event::Refused { .. });
        assert!(bench.events.iter().any(told), "{name}: {:?}", bench.events);
    }
}

/// A device is left as a hand at its display left it; what makes it hold a set point of ours is written, and read back.
#[test]
fn a_te_controller_is_made_to_hold_a_set_point() {
    for (own, written) in [
        ("model = \"TC-720\"", &[&b"*3d0000"[..]][..]),
        ("model = \"TC-36-25\"", &[b"*003200000001", b"*002900000000", b"*002b00000001"]),
        ("model = \"TC-36-25\"\ncurrent_trip_a = 8.0", &[b"*000e00000003", b"*003500000000", b"*000f00000000"]),
    ] {
        let rig = tetech(own);
        let mut bench = Bench::new(&rig, &rig);
        bench.told(Input::Opened, 30.0);
        assert!(bench.events.contains(&Event::Ready), "{own}: {:?}", bench.events);
        for line in written {
            assert!(bench.sent.iter().any(|sent| sent.starts_with(line)), "{own}: {}", String::from_utf8_lossy(line));
        }
    }
}
