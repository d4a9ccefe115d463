//! What is believed of one instrument, from what its driver tells.

use super::*;

fn of(rig: &str, name: &str) -> Known {
    let (_, text) = rig::builtin().iter().find(|(known, _)| *known == rig).expect("it ships");
    let (rig, _) = crate::setup::parse_rig(rig, text).expect("it is sound");
    Known::new(rig.instrument(name).expect("an instrument"))
}

#[test]
fn ready_says_what_was_read_back_and_no_more() {
    let told = of("lauda", "bath").take(rig::Event::Ready).expect("told");
    assert_eq!(told.message, "ready: identified, output off, nothing else was read back");
}

/// The port was there, then another device stood behind it: the last word is of now, and what is asked ten times is answered once.
#[test]
fn the_newest_reason_is_told_once() {
    let mut bath = of("lauda", "bath");
    bath.take(rig::Event::Ready);
    bath.take(rig::Event::LinkLost { why: "the port hung up".into() });
    assert_eq!(bath.unsafe_words(), "output UNKNOWN, link lost: the port hung up");
    let refused = |bath: &mut Known, why: &str| bath.take(rig::Event::Refused { why: why.into() }).is_some();
    assert!(refused(&mut bath, "another device answers: it says \"ES\", which is no lauda"));
    let told = (0..10).filter(|_| refused(&mut bath, "switching the output off: another device answers, and is left alone")).count();
    assert_eq!(told, 1);
    assert_eq!(bath.unsafe_words(), "output UNKNOWN: switching the output off: another device answers, and is left alone");
    bath.take(rig::Event::Ready);
    assert_eq!(bath.unsafe_words(), "its output was not confirmed off");
}

/// What was read on is on, and not unknown; what was lost after that is.
#[test]
fn an_output_that_is_read_on_is_not_called_unknown() {
    let mut heater = of("lauda", "bath");
    heater.take(rig::Event::Ready);
    heater.begin_safe();
    heater.take(rig::Event::Refused { why: "switching the output off: it stays on".into() });
    assert!(heater.unsafe_words().contains("UNKNOWN"), "nothing was read since it was asked");
    heater.take(rig::Event::OutputConfirmed { on: true });
    assert_eq!(
        heater.unsafe_words(),
        "output ON (read), and told off again and again until the time for it was over: switching the output off: it stays on"
    );
    heater.take(rig::Event::LinkLost { why: "pulled".into() });
    assert_eq!(heater.unsafe_words(), "output UNKNOWN, link lost: pulled");
}

/// Somebody presses the button on the panel: that is no confirmation of anything that was asked for.
#[test]
fn an_output_that_comes_on_by_itself_is_warned_of() {
    let wanted = |thermal| Commands { target: None, thermal, duty: None, power: false, limit: None, acknowledge: false };
    let told = |bath: &mut Known, on| bath.take(rig::Event::OutputConfirmed { on }).map(|told| (told.severity, told.message));
    let mut bath = of("lauda", "bath");
    bath.take(rig::Event::Ready);
    assert_eq!(told(&mut bath, false), Some((Severity::Info, "confirmed off".to_owned())));
    // What was asked for is no news.
    bath.commands(&wanted(Thermal::On));
    assert_eq!(told(&mut bath, true), Some((Severity::Info, "confirmed on".to_owned())));
    bath.commands(&wanted(Thermal::Off));
    assert_eq!(told(&mut bath, false), Some((Severity::Info, "confirmed off".to_owned())));
    bath.commands(&wanted(Thermal::Off));
    let (severity, words) = told(&mut bath, true).expect("told");
    assert!(severity == Severity::Warning && words.contains("came on by itself"), "{words}");
    assert_eq!(bath.commands(&wanted(Thermal::Off)), [Command::Disable]);
}

/// An output that says "off" while its own instrument measures a current is UNKNOWN, from the second such poll on, and is told of once.
#[test]
fn a_current_through_an_output_that_says_off_is_an_alarm() {
    // The desk's array simulator, 2 A at one sun: off is at most a twentieth of that.
    for (amps, flows) in [(0.0, false), (0.099, false), (-0.099, false), (0.101, true), (-0.101, true), (1.9, true)] {
        let mut array = of("desk", "array");
        array.take(rig::Event::Ready);
        array.take(rig::Event::OutputConfirmed { on: false });
        let mut told = 0;
        for tick in 1..=4 {
            array.take(rig::Event::Reading { tick, channel: Channel::ArrayCurrent, value: amps });
            told += usize::from(array.take(rig::Event::PollDone { tick }).is_some_and(|e| e.severity == Severity::Alarm));
            assert_eq!(array.output(), if flows && tick >= 2 { None } else { Some(false) }, "{amps} A at tick {tick}");
        }
        assert_eq!((told, status([&array].into_iter()).error.is_some()), (usize::from(flows), flows), "{amps} A");
        // Saying it again proves nothing.
        array.take(rig::Event::OutputConfirmed { on: false });
        assert_eq!(array.output().is_none(), flows, "{amps} A");
    }
}

/// Going safe believes "off" only with a current that was read after it.
#[test]
fn going_safe_waits_for_the_current_to_agree() {
    let mut array = of("desk", "array");
    array.take(rig::Event::Ready);
    array.take(rig::Event::OutputConfirmed { on: false });
    array.begin_safe();
    assert!(!array.is_safe(), "what was said before does not count");
    assert_eq!(array.safe_commands(), [Command::Disable, Command::Poll { tick: 1 }]);
    array.take(rig::Event::OutputConfirmed { on: false });
    assert!(!array.is_safe(), "the current was not read");
    assert_eq!(array.safe_commands(), [], "the poll is under way");
    for (tick, amps, safe) in [(1, 1.5, false), (2, 0.4, false), (3, 0.01, true)] {
        array.take(rig::Event::Reading { tick, channel: Channel::ArrayCurrent, value: amps });
        array.take(rig::Event::PollDone { tick });
        assert_eq!((array.is_safe(), array.unsafe_words().contains("measures")), (safe, !safe), "{amps} A");
        if !safe {
            assert_eq!(array.safe_commands(), [Command::Poll { tick: tick + 1 }]);
        }
    }
    assert_eq!(array.safe_commands(), []);
    // A device that gives no number for it is taken at its word; one whose link breaks is not.
    array.begin_safe();
    array.safe_commands();
    array.take(rig::Event::OutputConfirmed { on: false });
    array.take(rig::Event::PollDone { tick: 4 });
    assert!(array.is_safe());
    array.take(rig::Event::LinkLost { why: "pulled".into() });
    assert!(!array.is_safe());
}

/// What must stay on is confirmed by "on" after its level, both told since it was last ready.
#[test]
fn a_fan_is_safe_only_after_its_level() {
    let mut fan = of("desk", "fan");
    let (level, on) = (Command::Level(12.0), rig::Event::OutputConfirmed { on: true });
    fan.take(rig::Event::Ready);
    fan.begin_safe();
    assert_eq!(fan.safe_commands(), [level, Command::Enable]);
    assert_eq!(fan.safe_commands(), [Command::Enable], "the level once: it would keep \"on\" waiting");
    fan.take(rig::Event::LinkLost { why: "pulled".into() });
    // Found on while it is being looked for: at what level, nobody knows.
    fan.take(on.clone());
    assert!(!fan.is_safe());
    fan.take(rig::Event::Ready);
    assert_eq!(fan.safe_commands(), [level, Command::Enable]);
    assert!(!fan.is_safe(), "what it said before does not count");
    fan.take(on);
    assert!(fan.is_safe());
}

/// A device that takes longer than a tick is not asked again meanwhile; that is told once, and counted.
#[test]
fn a_slow_device_is_asked_as_often_as_it_can_answer() {
    let mut fan = of("desk", "fan");
    assert_eq!(fan.poll(1), (None, None), "not ready");
    fan.take(rig::Event::Ready);
    let mut told = 0;
    for tick in 1..=100 {
        let (poll, slow) = fan.poll(tick);
        told += usize::from(slow.is_some());
        assert_eq!(poll, (tick % 5 == 1).then_some(Command::Poll { tick }));
        assert_eq!(slow.is_some(), tick == 4, "one that is late once is no slow one");
        if tick % 5 == 0 {
            fan.take(rig::Event::PollDone { tick: tick - 4 });
        }
    }
    assert_eq!(told, 1);
    assert_eq!(fan.take_slow().expect("told").message, "at 80 of 100 ticks the poll before was still under way");
    assert_eq!(fan.take_slow(), None);
}
