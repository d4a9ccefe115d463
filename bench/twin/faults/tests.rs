//! Scenarios are read with every problem at once, and lines do what they say, the same by the same seed.

use super::*;
use crate::wired::Ailment;

const BYTE_S: f64 = 0.001;

fn instruments() -> Vec<(String, Option<String>)> {
    let serial = |text: &str| Some(text.to_owned());
    vec![("tec".to_owned(), serial("4242")), ("bath".to_owned(), None), ("array".to_owned(), serial("MY00000001"))]
}

fn parse(text: &str) -> Result<Scenario, Vec<String>> {
    Scenario::parse("faults.toml", text, &instruments()).map_err(|p| p.0.iter().map(ToString::to_string).collect())
}

fn one(kind: Kind) -> Scenario {
    let fault = Fault { name: "it".to_owned(), instrument: None, from_s: 1.0, for_s: 2.0, kind };
    Scenario { name: "one".to_owned(), seed: 3, faults: vec![fault] }
}

/// Sends a parcel a second for four seconds and returns what arrived.
fn carried(scenario: &Scenario, way: Way) -> Vec<Parcel> {
    let mut line = Line::new(scenario, "tec", BYTE_S);
    let mut arrived = Vec::new();
    for second in 0..4 {
        let now_s = f64::from(second) + 0.5;
        line.send(now_s, way, format!("message {second}").as_bytes());
        arrived.extend(line.due(now_s + 0.5));
    }
    arrived.extend(line.due(100.0));
    arrived
}

fn texts(scenario: &Scenario, way: Way) -> Vec<String> {
    carried(scenario, way).iter().map(|p| String::from_utf8_lossy(&p.bytes).into_owned()).collect()
}

#[test]
fn every_kind_can_be_written_down() {
    let scenario = parse(include_str!("tests/everything.toml")).expect("a sound scenario");
    assert_eq!(scenario.faults.len(), 14);
    assert_eq!(scenario.faults[6].kind, Kind::Unplug { after_bytes: Some(1234) });
    assert_eq!(scenario.faults[0].for_s, f64::INFINITY);
    let at = scenario.ailing(100.5);
    assert_eq!((at.plate, at.sink, at.fan, at.pump), (Some(SensorFault::Stuck), Some(SensorFault::Short), true, true));
    assert_eq!(scenario.ailing(0.0), Ailing::default());
}

#[test]
fn what_is_wrong_in_a_scenario_is_told_at_once() {
    let said = parse(
        "schema = 2\nname = \"x\"\n[fault.a]\nkind = \"drip\"\n[fault.b]\nkind = \"drop\"\ninstrument = \"toaster\"\nchance = 2.0\n\
         [fault.c]\nkind = \"stalled_fan\"\ninstrument = \"tec\"\n[fault.d]\nkind = \"unplug\"\nafter_bytes = 3\nfrom_s = 1.0\n\
         [fault.e]\nkind = \"wrong_identity\"\ninstrument = \"bath\"\n",
    )
    .unwrap_err()
    .join("\n");
    for words in ["schema", "drip", "toaster", "chance", "befalls the bench", "keep one of the two", "no serial number is declared"] {
        assert!(said.contains(words), "no {words} in {said}");
    }
}

fn wrong(serial_number: &str, declared: &str) -> Kind {
    Kind::WrongIdentity { serial_number: serial_number.to_owned(), declared: declared.to_owned() }
}

/// A serial number is text, or a number; another unit has one of the same shape.
#[test]
fn every_declared_serial_number_can_be_exchanged() {
    let read = |own: &str| parse(&format!("schema = 1\nname = \"x\"\n[fault.a]\nkind = \"wrong_identity\"\n{own}\n"));
    for (own, kind) in [
        ("instrument = \"tec\"", wrong("4241", "4242")),
        ("instrument = \"tec\"\nserial_number = 7", wrong("7", "4242")),
        ("instrument = \"tec\"\nserial_number = \"7\"", wrong("7", "4242")),
        ("instrument = \"array\"", wrong("MY00000000", "MY00000001")),
        ("instrument = \"array\"\nserial_number = \"MY7\"", wrong("MY7", "MY00000001")),
    ] {
        assert_eq!(read(own).map(|scenario| scenario.faults[0].kind.clone()), Ok(kind), "{own}");
    }
    for (own, words) in [
        ("instrument = \"tec\"\nserial_number = \"MY7\"", "expected a number"),
        ("instrument = \"tec\"\nserial_number = -1", "expected a number"),
        ("instrument = \"tec\"\nserial_number = 7.5", "a number or in quotes"),
        ("instrument = \"tec\"\nserial_number = 4242", "is the declared one"),
        ("instrument = \"bath\"", "no serial number is declared"),
        ("", "say by `instrument`"),
    ] {
        let said = read(own).unwrap_err().join("\n");
        assert!(said.contains(words), "no {words} in {said}");
    }
}

#[test]
fn messages_are_lost_late_cut_garbled_and_someone_elses() {
    let calm = texts(&Scenario::calm(), Way::ToHost);
    assert_eq!(calm, ["message 0", "message 1", "message 2", "message 3"]);
    assert_eq!(texts(&one(Kind::Drop(1.0)), Way::ToHost), ["message 0", "message 3"]);
    let late = carried(&one(Kind::Delay { chance: 1.0, by_s: 0.7 }), Way::ToDevice);
    assert!((late[1].at_s - 2.209).abs() < 1e-9, "{late:?}");
    let cut = texts(&one(Kind::HalfFrame(1.0)), Way::ToHost);
    assert!(cut.iter().all(|text| "message 0message 1message 2message 3".contains(text.as_str())), "{cut:?}");
    assert!(cut.iter().any(|text| text.len() < 9) || cut.len() < 4, "{cut:?}");
    let garbled = carried(&one(Kind::Garble(1.0)), Way::ToHost);
    assert!(garbled[1].bytes != b"message 1" && garbled[1].bytes.len() == 9);
    let foreign = texts(&one(Kind::Foreign(1.0)), Way::ToHost);
    assert_eq!(foreign.len(), 4);
    assert!(foreign.iter().all(|text| calm.contains(text)));
    assert_eq!(texts(&one(Kind::Foreign(1.0)), Way::ToDevice), calm, "questions are the host's own");
}

#[test]
fn the_same_seed_does_the_same() {
    for kind in [Kind::Drop(0.5), Kind::Garble(0.5), Kind::HalfFrame(0.5)] {
        let again = carried(&one(kind.clone()), Way::ToHost);
        assert_eq!(carried(&one(kind), Way::ToHost), again);
    }
}

#[test]
fn a_cable_comes_out_at_its_byte_and_comes_back() {
    let mut line = Line::new(&one(Kind::Unplug { after_bytes: Some(12) }), "tec", BYTE_S);
    line.send(0.0, Way::ToDevice, b"0123456789");
    line.send(0.0, Way::ToHost, b"abcdef");
    line.send(0.0, Way::ToHost, b"lost");
    let arrived: Vec<Vec<u8>> = line.due(0.5).into_iter().map(|p| p.bytes).collect();
    assert_eq!(arrived, [b"ab".to_vec(), b"0123456789".to_vec()]);
    assert!(!line.plugged(0.5) && line.plugged(2.1), "for two seconds");
    assert_eq!(line.carried(), 12);
    let mut timed = Line::new(&one(Kind::Unplug { after_bytes: None }), "tec", BYTE_S);
    timed.send(1.5, Way::ToHost, b"lost");
    assert_eq!(timed.due(10.0), []);
    assert_eq!((timed.plugged(0.9), timed.plugged(1.0), timed.plugged(3.0)), (true, false, true));
    assert_eq!(timed.next_s(0.0), Some(1.0));
}

#[test]
fn devices_suffer_once() {
    let mut line = Line::new(&one(Kind::Reboot { banner: "hello".to_owned() }), "tec", BYTE_S);
    assert_eq!(line.ailments(0.5), []);
    assert_eq!(line.ailments(1.5), [(Ailment::PowerCycle, b"hello".to_vec())]);
    assert_eq!(line.ailments(1.6), []);
    let mut line = Line::new(&one(wrong("7", "4242")), "tec", BYTE_S);
    assert_eq!(line.ailments(1.5), [(Ailment::Exchanged { serial_number: "7".to_owned() }, Vec::new())]);
    assert_eq!(line.ailments(3.5), [(Ailment::Exchanged { serial_number: "4242".to_owned() }, Vec::new())]);
}

#[test]
fn a_schedule_is_told_in_both_clocks_and_what_it_missed() {
    let text = "schema = 1\nname = \"two\"\n[fault.late]\nkind = \"stalled_fan\"\nfrom_s = 30.0\nfor_s = 4.0\n[fault.now]\nkind = \"pump_trip\"\n\
                [fault.plug]\nkind = \"unplug\"\nafter_bytes = 99\n";
    let scenario = Scenario::parse("two.toml", text, &[]).expect("sound");
    assert_eq!(
        scenario.schedule(60.0),
        [
            "fault late: from 30 s on the wall (bench second 1800) for 4 s on the wall",
            "fault now: from 0 s on the wall (bench second 0) to the end",
            "fault plug: after 99 bytes to the end",
        ]
    );
    let missed = scenario.missed(29.0);
    assert!(missed.len() == 1 && missed[0].contains("fault late did not happen"), "{missed:?}");
    assert_eq!(scenario.missed(30.0), Vec::<String>::new());
}
