//! Cables that come out at any byte, and everything else that happens to lines, for every driver with its emulated device.

mod families;

use super::*;
use crate::faults::{Fault, Kind, Scenario};
use families::{Family, Run, families};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use signal::Channel;
use std::collections::{BTreeMap, BTreeSet};

/// Ticks of one conversation, and when in it things are asked for.
const TICKS: u64 = 24;
const FIRST_ON: u64 = 3;
/// An operator looks in, whatever happened.
const AGAIN_ON: u64 = 15;
const OFF: u64 = 20;

/// What a conversation came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<(f64, Event)>,
    carried: usize,
    lies: Vec<String>,
    hung: bool,
    /// Ticks at which the output was off although it must run and had run before.
    stopped: Vec<u64>,
    /// Ticks at which the output was on although nobody had asked for it since the link was lost, and whoever minds its lease
    /// had had the time.
    unminded: Vec<u64>,
    on_at_end: bool,
    believed_at_end: Option<bool>,
}

impl Outcome {
    fn told(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, e)| wanted(e)).count()
    }

    /// What was read, in millionths, of channels that stand still: all but the drive, which regulates, and energy, which grows.
    fn readings(&self) -> BTreeSet<(String, i64)> {
        let read = |event: &Event| match event {
            Event::Reading { channel: Channel::TecCurrent | Channel::MeterEnergy, .. } => None,
            Event::Reading { channel, value, .. } => Some((format!("{channel:?}"), (1e6 * value).round() as i64)),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| read(event)).collect()
    }
}

/// One conversation, as a controller holds it: a poll a tick, on, on again after whatever happened, off.
fn conversation(family: &Family, scenario: &Scenario) -> Outcome {
    let mut run = (family.join)(scenario);
    let (mut lost_s, mut unminded) = (None, Vec::new());
    let (mut started, mut stopped) = (false, Vec::new());
    let (mut seen, mut readies) = (0, 0);
    for tick in 1..=TICKS {
        let ready = run.ready();
        // What carries heat away is given its level and switched on whenever it is ready anew, and once more when everything else goes off.
        let due = if family.carries { run.readies() > readies || tick == OFF } else { matches!(tick, FIRST_ON | AGAIN_ON) };
        readies = run.readies();
        if let Some(set) = family.set.filter(|_| due && ready) {
            lost_s = None;
            run.command(set);
            run.command(Command::Enable);
        }
        if tick >= OFF && family.set.is_some() && !family.carries {
            run.command(Command::Disable);
        }
        run.command(Command::Poll { tick });
        run.pass(1.0);
        let events = run.events();
        let lost = events[seen..].iter().rev().find(|(_, e)| matches!(e, Event::LinkLost { .. }));
        lost_s = lost.map(|(at, _)| *at).or(lost_s);
        seen = events.len();
        // One attempt at finding it again at once, which a device that hears it takes for its host's.
        let patience_s = family.lease_s + if family.checked { 1.0 } else { 2.5 };
        if family.watchdog && lost_s.is_some_and(|at| run.now_s() > at + patience_s) && run.output_on() {
            unminded.push(tick);
        }
        started |= run.output_on();
        if family.carries && started && !run.output_on() {
            stopped.push(tick);
        }
    }
    run.pass(2.0 * family.lease_s + 10.0);
    match family.set.filter(|_| family.carries) {
        Some(set) => {
            // Going safe asks again until it is heard; here, once the line has been found again.
            run.pass(5.0);
            for command in [set, Command::Enable] {
                run.command(command);
            }
        }
        None => run.command(Command::Disable),
    }
    run.pass(2.0 * family.lease_s + 10.0);
    Outcome {
        events: run.events().to_vec(),
        carried: run.carried(),
        lies: run.lies().to_vec(),
        hung: run.hangs(),
        unminded,
        stopped,
        on_at_end: run.output_on(),
        believed_at_end: run.believed(),
    }
}

/// What must hold whatever happened to the line.
fn check(family: &Family, what: &str, outcome: &Outcome) {
    let name = family.name;
    assert_eq!(outcome.lies, [""; 0], "{name}, {what}: {:#?}", outcome.events);
    assert!(!outcome.hung, "{name}, {what}: goes round in circles");
    assert_eq!(outcome.unminded, [0; 0], "{name}, {what}: nobody minds its lease: {:#?}", outcome.events);
    let mut over = BTreeMap::new();
    for (_, event) in &outcome.events {
        if let Event::PollDone { tick } | Event::PollFailed { tick, .. } = event {
            *over.entry(*tick).or_insert(0) += 1;
        }
    }
    let once: BTreeMap<u64, i32> = (1..=TICKS).map(|tick| (tick, 1)).collect();
    assert_eq!(over, once, "{name}, {what}: every poll ends once");
}

fn unplugged(after: usize, for_s: f64) -> Scenario {
    let kind = Kind::Unplug { after_bytes: Some(after) };
    Scenario { faults: vec![Fault { name: "plug".to_owned(), instrument: None, from_s: 0.0, for_s, kind }], ..Scenario::calm() }
}

#[test]
fn nothing_goes_wrong_where_nothing_does() {
    for family in families() {
        let outcome = conversation(family, &Scenario::calm());
        check(family, "calm", &outcome);
        assert_eq!(
            outcome.told(|e| matches!(e, Event::LinkLost { .. } | Event::Refused { .. } | Event::Retried { .. })),
            0,
            "{outcome:#?}"
        );
        let switches = family.set.is_some();
        let on = outcome.told(|e| *e == Event::OutputConfirmed { on: true });
        // A pump once when it is ready, once when the rest goes off, once at the end.
        assert_eq!(on, if family.carries { 3 } else { 2 * usize::from(switches) }, "{}: {outcome:#?}", family.name);
        let believed = switches.then_some(family.carries);
        assert_eq!((outcome.on_at_end, outcome.believed_at_end), (family.carries, believed), "{}", family.name);
        let read = outcome.told(|e| matches!(e, Event::Reading { .. }));
        assert!(read >= 15 || family.carries, "{}: {read} readings: {outcome:#?}", family.name);
    }
}

/// The big one: a thousand for every family.
#[test]
fn a_thousand_unplugs_at_any_byte() {
    for family in families() {
        let calm = conversation(family, &Scenario::calm());
        let (whole, truth) = (calm.carried, calm.readings());
        assert!(whole > 300, "{}: {whole} bytes", family.name);
        let mut rng = ChaCha8Rng::seed_from_u64(20_26);
        for case in 0..1000 {
            let (after, for_s) = (rng.random_range(0..whole), rng.random_range(0.01..9.0));
            let scenario = unplugged(after, for_s);
            let outcome = conversation(family, &scenario);
            let what = format!("byte {after} of {whole}, out for {for_s:.3} s");
            check(family, &what, &outcome);
            assert_eq!(outcome.told(|e| matches!(e, Event::LinkLost { .. })), 1, "{}, {what}: told once: {outcome:#?}", family.name);
            // It is back, and was identified, switched off and read back before anything else. A pump ran all the while, whoever saw it.
            let believed = family.set.is_some().then_some(family.carries);
            assert_eq!((outcome.on_at_end, outcome.believed_at_end), (family.carries, believed), "{}, {what}: {outcome:#?}", family.name);
            assert_eq!(outcome.stopped, [0; 0], "{}, {what}: {outcome:#?}", family.name);
            // None took another's reply: what stands still reads as it does where nothing happens.
            assert!(outcome.readings().is_subset(&truth), "{}, {what}: {:?} of {truth:?}", family.name, outcome.readings());
            if case % 20 == 0 {
                assert_eq!(conversation(family, &scenario), outcome, "{}, {what}: the same again", family.name);
            }
        }
    }
}

/// Everything at once, by seed: lost, garbled, late and half messages, restarts with a banner, cables.
#[test]
fn a_bad_line_never_makes_it_lie() {
    let fault = |name: &str, from_s, for_s, kind| Fault { name: name.to_owned(), instrument: None, from_s, for_s, kind };
    for family in families() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut at = |longest| (rng.random_range(0.0..20.0), rng.random_range(0.0..longest));
            let mut faults = Vec::new();
            for (name, kind) in [
                ("drop", Kind::Drop(0.2)),
                ("garble", Kind::Garble(0.2)),
                ("late", Kind::Delay { chance: 0.1, by_s: 0.05 }),
                ("half", Kind::HalfFrame(0.1)),
                ("plug", Kind::Unplug { after_bytes: None }),
                ("boot", Kind::Reboot { banner: "\r\nbootloader 1.2 #!*\r\n".to_owned() }),
                ("watchdog", Kind::Watchdog),
            ] {
                let (from_s, for_s) = at(8.0);
                // Without a checksum a damaged word is another word, and nobody can tell.
                if matches!(kind, Kind::Garble(_) | Kind::HalfFrame(_)) && !family.checked {
                    continue;
                }
                // That of a pump's device is told not to.
                if kind == Kind::Watchdog && family.carries {
                    continue;
                }
                // Two flips cancel in a sum of characters, and then no device can tell either: see `a_damaged_off_may_be_an_on`.
                if matches!(kind, Kind::Garble(_)) && family.name.starts_with("tetech") {
                    continue;
                }
                faults.push(fault(name, from_s, for_s, kind));
            }
            let scenario = Scenario { name: "bad".to_owned(), seed, faults };
            let outcome = conversation(family, &scenario);
            check(family, &format!("seed {seed}: {:#?}", scenario.faults), &outcome);
            assert_eq!(outcome.on_at_end, family.carries, "{}, seed {seed}: {outcome:#?}", family.name);
        }
    }
}

/// Half of all messages lost for ten minutes: whatever is believed is so, and it ends.
#[test]
fn a_line_that_loses_half_is_borne() {
    for family in families() {
        let kind = Kind::Drop(0.5);
        let lossy = Fault { name: "half".to_owned(), instrument: None, from_s: 5.0, for_s: 15.0, kind };
        for seed in 0..100 {
            let scenario = Scenario { name: "lossy".to_owned(), seed, faults: vec![lossy.clone()] };
            check(family, &format!("seed {seed}"), &conversation(family, &scenario));
        }
    }
}

/// The device falls silent, and answers again while it is told "off" each half second, as going safe does: nothing of that may keep it from
/// being asked what it does.
#[test]
fn one_that_comes_back_while_it_is_told_off_is_confirmed() {
    for family in families().filter(|f| f.set.is_some() && !f.carries) {
        let silent = Fault { name: "silent".to_owned(), instrument: None, from_s: 5.0, for_s: 25.0, kind: Kind::Drop(1.0) };
        let scenario = Scenario { name: "silent".to_owned(), seed: 1, faults: vec![silent] };
        let mut run = (family.join)(&scenario);
        run.pass(3.0);
        family.set.into_iter().chain([Command::Enable]).for_each(|command| run.command(command));
        for tick in 1..=24 {
            run.command(Command::Poll { tick });
            run.pass(1.0);
        }
        assert!(run.believed().is_none(), "{}: it is silent", family.name);
        for _ in 0..30 {
            run.command(Command::Disable);
            run.pass(0.5);
        }
        assert_eq!((run.output_on(), run.believed()), (false, Some(false)), "{}: {:#?}", family.name, run.events());
    }
}

/// A knob is turned in mid-run, without a restart: polls go through everything that was written, and find it.
#[test]
fn a_setting_that_another_hand_changed_is_found() {
    let mecom = |parameter, instance, bits| {
        let request = rig::protocol::mecom::Request::Write { parameter, instance, bits };
        rig::protocol::mecom::Query { address: 1, sequence: 7, request }.encode()
    };
    let modbus = |at, values: &[u16]| {
        let request = rig::protocol::modbus::Request::WriteRegisters { at, values: values.to_vec() };
        rig::protocol::modbus::Query::new(7, request).unwrap().encode()
    };
    let neslab = |quantity, counts| {
        let request = rig::protocol::neslab::Request::Set(quantity, counts);
        rig::protocol::neslab::Query::new(rig::protocol::neslab::RS232_ADDRESS, request).unwrap().encode()
    };
    let (low, set) = (rig::protocol::neslab::Quantity::LowLimit, rig::protocol::neslab::Quantity::Setpoint);
    let float = |value: f32| value.to_bits();
    let half = [float(20.5).to_be_bytes()[..2].try_into(), float(20.5).to_be_bytes()[2..].try_into()];
    let words = half.map(|bytes: Result<[u8; 2], _>| u16::from_be_bytes(bytes.unwrap()));
    for (name, bytes) in [
        ("mecom", mecom(2030, 1, float(5.0))),
        ("mecom", mecom(2033, 1, float(18.0))),
        ("mecom", mecom(3000, 1, float(21.0))),
        ("mecom with bulk reads", mecom(2030, 1, float(5.0))),
        ("mecom pump", mecom(2020, 2, float(0.5))),
        ("mecom pump", mecom(2060, 1, float(3.0))),
        ("modbus", modbus(10, &words)),
        ("modbus pump", modbus(10, &words)),
        ("neslab", neslab(low, -1000)),
        ("neslab", neslab(set, 2100)),
    ] {
        let family = families().find(|f| f.name == name).unwrap();
        let mut run = (family.join)(&Scenario::calm());
        run.pass(3.0);
        family.set.into_iter().chain([Command::Enable]).for_each(|command| run.command(command));
        run.pass(2.0);
        let polls = |run: &mut Box<dyn Run>, ticks: std::ops::Range<u64>| {
            for tick in ticks {
                run.command(Command::Poll { tick });
                run.pass(1.0);
            }
            run.events().iter().filter(|(_, e)| matches!(e, Event::LinkLost { .. })).count()
        };
        assert_eq!((polls(&mut run, 1..17), run.output_on()), (0, true), "{name}, untouched: {:#?}", run.events());
        run.another_hand(&bytes);
        assert_eq!(polls(&mut run, 17..33), 1, "{name}: {bytes:02x?} went unseen: {:#?}", run.events());
        // Set up again; off until somebody wants it on, save the pump, which is left as it is.
        assert!(run.ready() && run.output_on() == family.carries, "{name}: {:#?}", run.events());
    }
}

/// The answer to another question never confirms an output, where the protocol can tell.
#[test]
fn someone_elses_answers_confirm_nothing() {
    for family in families().filter(|f| f.tells_answers_apart) {
        let kind = Kind::Foreign(0.5);
        let foreign = Fault { name: "foreign".to_owned(), instrument: None, from_s: 2.5, for_s: 15.0, kind };
        for seed in 0..100 {
            let scenario = Scenario { name: "foreign".to_owned(), seed, faults: vec![foreign.clone()] };
            check(family, &format!("seed {seed}"), &conversation(family, &scenario));
        }
    }
}

#[test]
fn another_unit_is_refused_until_the_right_one_is_back() {
    for (family, (declared, another)) in families().filter_map(|f| Some((f, f.serials?))) {
        let kind = Kind::WrongIdentity { serial_number: another.to_owned(), declared: declared.to_owned() };
        let exchanged = Fault { name: "exchanged".to_owned(), instrument: None, from_s: 6.2, for_s: 1e3, kind };
        let mut scenario = unplugged(usize::MAX, 0.0);
        let out = Fault { name: "plug".to_owned(), instrument: None, from_s: 6.0, for_s: 1.0, kind: Kind::Unplug { after_bytes: None } };
        scenario.faults = vec![out, exchanged];
        let outcome = conversation(family, &scenario);
        let refused = |e: &Event| matches!(e, Event::Refused { why } if why.contains("another device answers"));
        assert!(outcome.told(refused) >= 1, "{}: {outcome:#?}", family.name);
        assert_eq!(outcome.told(|e| *e == Event::Ready), 1, "{}: never ready again", family.name);
        assert_eq!(outcome.lies, [""; 0]);
    }
}

/// Says what its controller wants to hear and sends nothing: the watching must find it out.
struct Liar(Box<dyn Driver>);

impl Driver for Liar {
    fn step(&mut self, now_s: f64, input: Input<'_>) -> rig::Effects {
        if matches!(input, Input::Command(Command::Disable)) {
            return rig::Effects { events: vec![Event::OutputConfirmed { on: false }], ..rig::Effects::default() };
        }
        self.0.step(now_s, input)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

#[test]
fn a_driver_that_lies_is_found_out() {
    let mut run = families::joined(&Scenario::calm(), |driver| Box::new(Liar(driver)));
    run.pass(1.0);
    for command in [Command::Target(signal::Celsius(20.0)), Command::Enable] {
        run.command(command);
    }
    run.pass(1.0);
    assert_eq!((run.lies.len(), run.device.output_on()), (0, true));
    run.command(Command::Disable);
    assert_ne!(run.lies, [""; 0]);
}
