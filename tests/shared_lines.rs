//! Flights in memory of rigs whose instruments share lines: outputs of one device, and devices on one bus. What one cable carries is lost
//! together, and what is safe is safe for every output.

use crate::flight::{drawn, setup_on};
use control::End;
use engine::memory::{MemoryBench, fly};
use engine::setup::Setup;
use record::Column;
use signal::{Channel, Request, RunState};

/// The shipped rig whose devices have two outputs each, emulated.
fn two_outputs() -> Setup {
    let mut options = setup_on("dawn-dusk-650", "twin", 1).options;
    let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "two-outputs").expect("shipped");
    let emulated =
        |line: &str| if line.starts_with("port = ") || line.starts_with("tcp = ") { "emulated = true".to_owned() } else { line.to_owned() };
    options.rig.text = text.lines().map(emulated).collect::<Vec<_>>().join("\n").replace("\"nvml:0\"", "\"virtual\"");
    "two-outputs.toml".clone_into(&mut options.rig.file);
    options.duration_s = Some(900.0);
    Setup::build(options).unwrap_or_else(|why| panic!("{why}"))
}

const OUTPUTS: [&str; 4] = ["tec", "tec_heater", "supply", "supply_aux"];

fn on(bench: &MemoryBench) -> [Option<bool>; 4] {
    OUTPUTS.map(|name| bench.world().output_on(name))
}

#[test]
fn every_output_of_a_device_is_on_with_the_bench_and_safe_with_it() {
    let setup = two_outputs();
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let mut flying = 0;
    let flown = fly(&setup, &mut bench, |_, bench, state| {
        if state == RunState::Running {
            flying += 1;
            // Sunlight has no lamp before the first tick of it; everything else is on from staging on.
            let [tec, heater, _, aux] = on(bench);
            assert_eq!([tec, heater, aux], [Some(true); 3]);
        }
        Vec::new()
    });
    assert_eq!((flown.end, flown.unconfirmed.len()), (End::Done, 0), "{:?}", flown.events.last());
    assert!(flying > 800, "{flying}");
    assert_eq!(on(&bench), [Some(false); 4], "safe is safe for every output");
    let last = flown.rows.iter().rev().find(|row| row.state == RunState::Running).expect("it ran");
    let read = |channel| Column::for_channel(channel).and_then(|column| last.get(column));
    assert_eq!((read(Channel::HeaterCurrent), read(Channel::HeaterVoltage)), (Some(1.5), Some(6.0)), "4 ohm at its 1.5 A");
    assert_eq!(read(Channel::AuxVoltage), Some(12.0));
    let retried: Vec<_> = flown.events.iter().filter(|(_, e)| ["retry", "poll", "refused"].contains(&e.kind)).collect();
    assert!(retried.is_empty(), "sharing a line costs no turns: {retried:?}");
}

/// The controller's cable is out for a while: both its outputs are lost, the supply's stay known; an operator lets all of it go on.
#[test]
fn one_cable_is_one_loss_for_every_output_behind_it() {
    let setup = two_outputs();
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let (mut since, mut suspended, mut resumed) = (0, false, false);
    let flown = fly(&setup, &mut bench, |_, bench, state| {
        since += u32::from(state == RunState::Running || suspended);
        match since {
            200 => assert!(bench.unplug_one("tec_heater")),
            201..=203 => {}
            // Longer than the lease, then back.
            210 => {
                assert_eq!([bench.world().output_on("tec"), bench.world().output_on("tec_heater")], [Some(false); 2], "its watchdog");
                bench.plug();
            }
            230 => return vec![("somebody".into(), Request::Ack)],
            since if since > 230 && since % 10 == 0 && state == RunState::Suspended => return vec![("somebody".into(), Request::Resume)],
            _ => {}
        }
        suspended |= state == RunState::Suspended;
        resumed |= since > 230 && state == RunState::Running;
        Vec::new()
    });
    let lost = |name: &str| flown.events.iter().filter(|(_, e)| e.who == name && e.message.starts_with("lost")).count();
    assert!(suspended && resumed, "{:?}", flown.events.iter().rev().take(25).collect::<Vec<_>>());
    assert_eq!([lost("tec") > 0, lost("tec_heater") > 0, lost("supply") > 0, lost("supply_aux") > 0], [true, true, false, false]);
    assert_eq!((flown.end, flown.unconfirmed.len()), (End::Done, 0), "{:?}", flown.events.last());
    assert_eq!(on(&bench), [Some(false); 4]);
}

/// A bench in memory has its bus as the wire has it: two controllers on one line answer each for itself and lose it together.
#[test]
fn members_of_an_emulated_bus_share_one_line_in_memory() {
    let mut options = setup_on("dawn-dusk-650", "twin", 1).options;
    let text = options.rig.text.replacen("emulated = true ", "emulated = true\nline = \"rs485\" ", 1)
        + "\n[instrument.second]\ndriver = \"mecom\"\nemulated = true\nline = \"rs485\"\naddress = 2\nlease_s = 3.0\ncurrent_limit_a = 2.0\n\
           voltage_limit_v = 5.0\n[channel.ambient]\ninstrument = \"second\"\nreads = \"sink_temperature\"\n";
    options.rig.text = text;
    options.duration_s = Some(600.0);
    let setup = Setup::build(options).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(setup.rig.lines(), [[0, 1]]);
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let mut ran = 0;
    let flown = fly(&setup, &mut bench, |_, bench, state| {
        ran += u32::from(state == RunState::Running);
        if ran == 300 {
            bench.unplug_one("second");
        }
        if ran > 300 { vec![("somebody".into(), Request::Stop)] } else { Vec::new() }
    });
    let row = flown.rows.iter().filter(|row| row.state == RunState::Running).nth(250).expect("it ran");
    let read = |channel| Column::for_channel(channel).and_then(|column| row.get(column));
    assert!(read(Channel::Ambient).is_some() && read(Channel::Plate).is_some(), "both are read in the same tick");
    for name in ["tec", "second"] {
        assert!(flown.events.iter().any(|(_, e)| e.who == name && e.message.starts_with("lost")), "{name}: {:?}", flown.events);
    }
}
