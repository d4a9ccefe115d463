//! Risks are answered for one by one, by somebody, on a day, for a reason.

use super::super::{RigFile, builtin};
use super::*;

fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().expect("an instant")
}

/// The shipped example of a controller without a lease and without a dew point, with this waiver.
fn rig(waiver: &str) -> Result<RigFile, String> {
    let (_, text) = builtin().iter().find(|(name, _)| *name == "sinara").expect("ships");
    super::super::tests::read(&format!("{text}\n{waiver}")).map_err(|problems| problems.join("\n"))
}

fn waiver(who: &str, when: &str, why: &str, waives: &str) -> String {
    format!("[waiver]\nwho = \"{who}\"\nwhen = \"{when}\"\nwhy = \"{why}\"\n{waives}\n")
}

const WHY: &str = "a dead-man relay in the supply";

#[test]
fn only_what_is_named_is_waived() {
    let keys = |rig: &RigFile| rig.risks().into_iter().map(|risk| risk.key).collect::<Vec<_>>();
    let bare = rig("").expect("ships");
    let all = keys(&bare);
    assert!(all.iter().any(|k| k.starts_with("lease.")) && all.contains(&"dew".to_owned()), "{all:?}");
    assert_eq!(bare.refuses_unattended(now()).len(), all.len());
    for (at, key) in all.iter().enumerate() {
        let rig = rig(&waiver("A. Person", "2026-11-28", WHY, &format!("waives = [\"{key}\"]"))).expect("sound");
        assert_eq!(rig.waived().into_iter().map(|risk| risk.key).collect::<Vec<_>>(), std::slice::from_ref(key));
        let refused = rig.refuses_unattended(now());
        assert_eq!(refused.len(), all.len() - 1);
        let open = all.iter().enumerate().filter(|(other, _)| *other != at);
        assert!(open.zip(&refused).all(|((_, key), words)| words.contains(&format!("waives = [\"{key}\"]"))), "{refused:?}");
    }
    let named = format!("waives = {all:?}");
    assert_eq!(
        rig(&waiver("A. Person", "2026-11-28T09:00:00Z", WHY, &named)).expect("sound").refuses_unattended(now()),
        Vec::<String>::new()
    );
}

/// Whether a driver says who uses its card no file knows: it may be answered for on any rig, and is no reason against one that says nothing of it.
#[test]
fn a_card_whose_users_are_not_told_may_be_answered_for() {
    let bare = rig("").expect("ships");
    let refused = bare.refuses_unseen_processes(now()).expect("nobody answers");
    assert!(refused.contains("waives = [\"processes\"]") && refused.contains("see to it"), "{refused}");
    assert!(bare.refuses_unattended(now()).iter().all(|words| !words.contains("processes")));
    let named = rig(&waiver("A. Person", "2026-11-28", WHY, "waives = [\"processes\"]")).expect("sound");
    assert_eq!(named.refuses_unseen_processes(now()), None);
    assert_eq!(named.waived().into_iter().map(|risk| risk.key).collect::<Vec<_>>(), ["processes"]);
    assert_eq!(named.refuses_unattended(now()).len(), bare.refuses_unattended(now()).len(), "it covers nothing else");
    let early = rig(&waiver("A. Person", "2027-06-01", WHY, "waives = [\"processes\"]")).expect("sound");
    assert!(early.refuses_unseen_processes(now()).is_some());
}

/// A controller that may save what it is told is a risk of its own.
#[test]
fn firmware_that_may_wear_its_flash_out_is_answered_for() {
    let (_, text) = builtin().iter().find(|(name, _)| *name == "meerstetter").expect("ships");
    let read = |text: &str| super::super::tests::read(text).expect("sound");
    let flash = |rig: &RigFile| rig.risks().into_iter().find(|risk| risk.key == "flash.tec").map(|risk| risk.words);
    assert_eq!(flash(&read(text)), None);
    let rig = read(&text.replacen("device_type = 1090", "ram_only = false\ndevice_type = 1090", 1));
    assert!(flash(&rig).is_some_and(|words| words.contains("wears out")));
    assert!(rig.refuses_unattended(now()).iter().any(|words| words.contains("waives = [\"flash.tec\"]")));
}

/// What was signed for one instrument says nothing of another.
#[test]
fn an_instrument_that_comes_later_is_not_covered() {
    let before = rig("").expect("ships");
    let named: Vec<String> = before.risks().into_iter().map(|risk| risk.key).collect();
    let later = "[instrument.lamp]\ndriver = \"line\"\ndialect = \"scpi-supply\"\nport = \"/dev/serial/by-id/x\"\ncurrent_limit_a = 2.0\n\
                 [channel.heater]\ninstrument = \"lamp\"\nswitched = true\nreads_v = \"voltage\"\nsafe = \"off\"\n";
    let rig = rig(&format!("{later}{}", waiver("A. Person", "2026-11-28", WHY, &format!("waives = {named:?}")))).expect("sound");
    let refused = rig.refuses_unattended(now());
    assert!(refused.len() == 1 && refused[0].contains("lease.lamp"), "{refused:?}");
}

#[test]
fn a_waiver_that_says_nothing_is_refused() {
    let all = "waives = [\"dew\"]";
    for (text, words) in [
        (waiver("x", "1970-01-01", ".", ""), "missing `waives`"),
        (waiver("x", "1970-01-01", ".", all), "before there were rig files"),
        (waiver("x", "2026-11-28", WHY, all), "`waiver.who`: \"x\" says nothing"),
        (waiver("A. Person", "2026-11-28", ".", all), "`waiver.why`: \".\" says nothing"),
        (waiver("A. Person", "2026-11-28", "   ", all), "says nothing"),
        (waiver("A. Person", "soon", WHY, all), "\"soon\" is no day"),
        (waiver("A. Person", "2026-11-31", WHY, all), "is no day"),
        (waiver("A. Person", "2026-11-28", WHY, "waives = []"), "names nothing"),
        (waiver("A. Person", "2026-11-28", WHY, "waives = \"dew\""), "expected a list"),
        (waiver("A. Person", "2026-11-28", WHY, "waives = [1]"), "an entry of `waiver.waives`"),
        (waiver("A. Person", "2026-11-28", WHY, "waives = [\"all\"]"), "\"all\" is no risk of this rig: there is \"lease."),
        (waiver("A. Person", "2026-11-28", WHY, "waives = [\"dew\", \"dew\"]"), "twice"),
    ] {
        let said = rig(&text).expect_err(&text);
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

#[test]
fn a_waiver_of_tomorrow_waives_nothing_until_then() {
    let text = |when: &str| waiver("A. Person", when, WHY, "waives = [\"dew\"]");
    let refused = |when: &str| rig(&text(when)).expect("sound").refuses_unattended(now());
    let open = refused("2026-11-28").len();
    // It is tomorrow already where the day begins.
    assert_eq!(refused("2026-11-29").len(), open);
    let early = refused("2026-11-30");
    assert!(early.len() == open + 2 && early[0].contains("2026-11-30, which has not come yet"), "{early:?}");
}

/// A pump's lease fails on: where the device would switch it off the file is refused, where its watchdog is told not to that is a risk,
/// and what must go off cannot be told so.
#[test]
fn what_must_keep_running_is_on_no_device_that_would_drop_it() {
    let shipped = |name: &str| builtin().iter().find(|(known, _)| *known == name).expect("ships").1;
    let pump = "[channel.pump]\ninstrument = \"heater\"\ndrives = \"power\"\nmin_w = 1.0\nmax_w = 20.0\nsafe = \"on\"\n";
    let (start, end) = ("[channel.heater]", "[channel.fan]");
    let homemade = shipped("homemade");
    let (before, after) = (homemade.find(start).expect("a heater"), homemade.find(end).expect("a fan"));
    let firmware = format!("{}{pump}{}", &homemade[..before], &homemade[after..]);
    let outputs = shipped("two-outputs").replace("[channel.heater]", "[channel.pump]");
    let heater = outputs.find("[channel.pump]").expect("there");
    let measured =
        outputs[heater..].replacen("safe = \"off\"", "safe = \"on\"", 1).replacen("reads_v = ", "# ", 1).replacen("reads_a = ", "# ", 1);
    let outputs = format!("{}{measured}", &outputs[..heater]);
    let module = shipped("modbus");
    for (text, old, keys) in [
        (firmware.as_str(), "lease_s = 5.0", &["lease.heater"][..]),
        // The bank beside it has no lease then either.
        (outputs.as_str(), "lease_s = 3.0", &["lease.tec", "lease.tec_heater"]),
        (module, "lease_s = 0 ", &["lease.io"]),
    ] {
        let with = |lease: &str| super::super::tests::read(&text.replacen(old, &format!("lease_s = {lease} "), 1));
        for lease in ["5.0", "2.0"] {
            let problems = with(lease).expect_err("refused").join("\n");
            assert!(problems.contains("must keep running") && problems.contains("lease_s = 0"), "{problems}");
        }
        assert!(with("1.0").expect_err("refused").join("\n").contains("too short"));
        let rig = with("0").unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
        let risks = rig.risks();
        let named = |key: &&&str| risks.iter().any(|risk| risk.key == ***key && !rig.waived().contains(risk));
        assert_eq!(keys.iter().filter(named).count(), keys.len(), "{risks:?}");
        let refused = rig.refuses_unattended(now());
        assert!(keys.iter().all(|key| refused.iter().any(|why| why.contains(key))), "{refused:?}");
    }
    let heater = homemade.replacen("lease_s = 5.0", "lease_s = 0", 1);
    let problems = super::super::tests::read(&heater).expect_err("refused").join("\n");
    assert!(problems.contains("for a fan or a pump alone"), "{problems}");
}
