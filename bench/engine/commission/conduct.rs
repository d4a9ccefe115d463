//! Carries a procedure over a bench: ticks, answers, raw log, record, and the one way out.

use super::procedure::{Ended, Procedure};
use super::question::Question;
use super::raw::{self, Stamp};
use super::record::{RawLog, Record, RigCard};
use super::station::Station;
use super::store::{SCHEMA, Store, StoreError};
use crate::devices::{Devices, Unconfirmed};
use signal::Tick;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Most wall time the teardown may take before what is left is unconfirmed.
const TEARDOWN: Duration = Duration::from_secs(5);

/// What the operator said since the last tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// A line.
    Line(String),
    /// To end it, and why.
    Quit(String),
}

/// Whoever stands at the bench.
pub trait Operator {
    /// Lines to read, once.
    fn tell(&mut self, line: &str);
    /// What the step waits for, with live readings; called every tick.
    fn watch(&mut self, bench_s: f64, step: &str, waiting: &str, readings: &signal::Snapshot);
    /// What was said; `open` is the question that waits for an answer.
    fn said(&mut self, open: Option<&Question>) -> Said;
}

/// When a tick is.
pub trait Pace {
    /// Waits until `tick` is due; returns the tick that is due then, later if some were missed.
    fn wait(&mut self, tick: Tick) -> Tick;
}

/// Virtual time: nothing waits.
pub struct Virtual;

impl Pace for Virtual {
    fn wait(&mut self, tick: Tick) -> Tick {
        tick
    }
}

/// How it ended.
#[derive(Debug)]
pub struct Conducted {
    /// How.
    pub ended: Ended,
    /// What is not confirmed safe.
    pub unconfirmed: Vec<Unconfirmed>,
    /// The record as it stands on disk.
    pub record: Record,
}

/// A new record of this station.
pub fn begin(station: &Station, operator: &str, now: jiff::Timestamp) -> Record {
    let facts = &station.facts;
    let because = station.simulated_because();
    Record {
        schema: SCHEMA,
        id: format!("{}-{}", station.rig.name, now.strftime("%Y%m%dT%H%M%SZ")),
        started: now.to_string(),
        finished: None,
        complete: false,
        operator: operator.to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        quick: facts.quick,
        simulated: !because.is_empty(),
        simulated_because: because,
        accelerator: station.accelerator_name(),
        rig: RigCard {
            name: station.rig.name.clone(),
            from: station.order.rig.from.clone(),
            sha256: record::sha256(station.order.rig.text.as_bytes()),
            bench_sha256: bench_sha256(&station.order.rig.text),
            servoed: facts.servoed,
            current_limit_a: facts.current_limit_a,
            min_degc: facts.limits.min(),
            max_degc: facts.limits.max(),
            rate_k_min: facts.rate_k_min,
        },
        identities: BTreeMap::new(),
        raw: RawLog { calibration: station.offsets.words(), ..RawLog::default() },
        steps: Vec::new(),
        authority: None,
        resistance: None,
    }
}

/// Hash of what makes the bench of a rig file; see [`RigCard::bench_sha256`]. Empty for what is no TOML.
pub fn bench_sha256(text: &str) -> String {
    let Ok(whole) = text.parse::<toml::Table>() else { return String::new() };
    let tables = ["interface", "coolant", "channel", "interlock", "plant"];
    let bench: toml::Table = tables.iter().filter_map(|name| Some(((*name).to_owned(), whole.get(*name)?.clone()))).collect();
    record::sha256(bench.to_string().as_bytes())
}

/// Refuses to go on with the record of something else.
pub fn same_bench(record: &Record, station: &Station) -> Result<(), String> {
    let fresh = begin(station, "", jiff::Timestamp::UNIX_EPOCH);
    let differs = match () {
        () if record.rig.name != fresh.rig.name => format!("it is of the rig \"{}\"", record.rig.name),
        () if record.rig.sha256 != fresh.rig.sha256 => "the rig file was changed since".to_owned(),
        () if record.accelerator != fresh.accelerator => format!("its device under test was {}", record.accelerator),
        () if record.simulated_because != fresh.simulated_because => "it was measured on another kind of bench".to_owned(),
        () if record.quick != fresh.quick => "one of the two is --quick and the other is not".to_owned(),
        () => return Ok(()),
    };
    Err(differs)
}

/// Conducts the open steps of `record` on `devices`. Whatever happens, the bench ends in `make_safe`, and finished steps are on disk.
pub fn conduct(
    station: &Station,
    devices: &mut dyn Devices,
    operator: &mut dyn Operator,
    pace: &mut dyn Pace,
    store: &mut Store,
    mut record: Record,
) -> Conducted {
    // A failed step is done again, and so is what came after it.
    record.steps.retain(|s| s.result != super::record::Verdict::Failed);
    let mut procedure = Procedure::new(station.facts.clone(), &record.steps);
    let minutes = procedure.eta_s() / station.speed / 60.0;
    let (total, open) = procedure.steps();
    operator.tell(&format!("{open} of {total} steps are open, some {minutes:.0} min on the wall. q ends it, safely, at any time."));
    let flown = catch_unwind(AssertUnwindSafe(|| go(station, devices, operator, pace, store, &mut procedure, &mut record)));
    let (unconfirmed, _) = devices.make_safe(TEARDOWN);
    let ended = match flown {
        Ok(Ok(ended)) => ended,
        Ok(Err(why)) => Ended::Aborted(why.to_string()),
        Err(_) => Ended::Aborted("the procedure panicked; that is a fault of this program".into()),
    };
    Conducted { ended, unconfirmed, record }
}

fn go(
    station: &Station,
    devices: &mut dyn Devices,
    operator: &mut dyn Operator,
    pace: &mut dyn Pace,
    store: &mut Store,
    procedure: &mut Procedure,
    record: &mut Record,
) -> Result<Ended, StoreError> {
    store.save(record)?;
    let mut question: Option<Question> = None;
    let mut tick: Tick = 0;
    loop {
        tick = pace.wait(tick);
        let bench_s = tick as f64 * station.facts.dt_s;
        let look = devices.latest(tick, bench_s);
        for event in look.events.iter().filter(|e| e.kind == "identity") {
            let before = record.identities.insert(event.who.clone(), event.message.clone());
            if before.is_some_and(|b| b != event.message) {
                return Ok(Ended::Aborted(format!("another device answers at {}: {}", event.who, event.message)));
            }
        }
        match operator.said(question.as_ref()) {
            Said::Quit(why) => return Ok(Ended::Aborted(why)),
            Said::Line(line) => {
                if let Err(why) = procedure.answer(&line) {
                    operator.tell(&format!("  {why}"));
                }
            }
            Said::Nothing => {}
        }
        let calibrated = station.offsets.apply(&look.readings);
        let step = procedure.step_name();
        let told = procedure.tick(tick, bench_s, &look, &calibrated);
        // Not recorded, not done: the commands leave after the line.
        let stamp = Stamp { utc: jiff::Timestamp::now(), tick, bench_s, step };
        store.line(&raw::line(&stamp, &look.readings, &calibrated, &told.commands))?;
        devices.apply(tick, &told.commands);
        for line in &told.lines {
            operator.tell(line);
        }
        operator.watch(bench_s, step, &told.waiting, &look.readings);
        question = told.question;
        if let Some(mut finished) = told.finished {
            finished.ended = jiff::Timestamp::now().to_string();
            record.steps.push(finished);
            record.authority = procedure.authority.clone().or(record.authority.take());
            record.resistance = procedure.resistance.clone().or(record.resistance.take());
            if told.ended == Some(Ended::Passed) {
                (record.complete, record.finished) = (true, Some(jiff::Timestamp::now().to_string()));
            }
            store.save(record)?;
        }
        if let Some(ended) = told.ended {
            return Ok(ended);
        }
        tick += 1;
    }
}
