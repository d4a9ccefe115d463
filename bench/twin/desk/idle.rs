//! What else must be so before a line device's output, or a TE Technology controller's settings, are believed: no current where "off" is said, a
//! byte said twice, no error in answer to the command, and which way it heats.

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
