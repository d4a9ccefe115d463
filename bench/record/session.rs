//! The session: what an engine and its screens say to each other over the run's socket, one JSON object a line.
//! No sockets here, only the words.
//!
//! The engine opens with [`ToScreen::Hello`]; a screen that does not speak that version leaves. Then rows and events follow as
//! they happen. A screen too slow for them is told how many it missed and reads those from `samples.csv`.

use crate::{Column, Event, Row};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use signal::{Request, Source};
use thiserror::Error;

/// Version of the messages. Raised whenever an old reader would misunderstand a new writer, new columns included.
pub const VERSION: u32 = 2;

/// A message that was not understood.
#[derive(Debug, Error)]
#[error("cannot understand session message \"{start}\": {why}")]
pub struct SessionError {
    /// How the message begins.
    pub start: String,
    /// What is wrong with it.
    pub why: String,
}

/// From the engine to a screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToScreen {
    /// First, once.
    Hello(Box<Hello>),
    /// A tick's row.
    Row(Box<Row>),
    /// Something happened.
    Event(Event),
    /// The screen was too slow: this many messages were left out. They are in the run folder.
    Lost {
        /// How many since the last message.
        n: u64,
    },
    /// The run is over; the engine leaves.
    End {
        /// Exit code of the engine.
        code: u8,
        /// How it ended, safe state included.
        words: String,
    },
}

/// From a screen (or a command line) to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromScreen {
    /// An operator asks for something.
    Request {
        /// Who asks, for the event log.
        who: String,
        /// What for.
        what: Request,
    },
}

/// What a screen needs to know before the first row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the engine. Read it with [`version_of`] before the rest.
    pub version: u32,
    /// The run.
    pub run: RunCard,
    /// Names of the columns in the run's CSVs, as in their header.
    pub columns: Vec<String>,
    /// Rows written so far; the row messages that follow come after these.
    pub rows: u64,
    /// State, times and values of the newest row, if there is one.
    pub last: Option<Row>,
    /// Alarms and trips that nobody has acknowledged yet.
    pub latched: Vec<Event>,
}

/// The run as a screen introduces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCard {
    /// Name of the run: that of its folder.
    pub name: String,
    /// The run folder, absolute.
    pub folder: String,
    /// Title of the profile.
    pub profile: String,
    /// Title of the rig.
    pub rig: String,
    /// Name of the accelerator.
    pub accelerator: String,
    /// Name of the workload.
    pub workload: String,
    /// The word for a unit of its work: tokens, images, steps.
    pub unit: String,
    /// True if any part of the bench is emulated.
    pub simulated: bool,
    /// Bench seconds a tick.
    pub dt_s: f64,
    /// Mission seconds the run is to last.
    pub duration_s: f64,
    /// Seconds of an orbit.
    pub period_s: f64,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// Board power at full load, W.
    pub full_w: f64,
    /// Name of the column that is servoed.
    pub servoed: String,
    /// What figures of energy go by.
    pub energy_source: Source,
    /// Bounds worth drawing.
    pub bounds: Vec<Bound>,
    /// The sunlight to come: (mission seconds, illumination 0..1), straight lines between the points.
    pub sunlight: Vec<(f64, f64)>,
}

impl RunCard {
    /// The column that is servoed.
    pub fn servoed(&self) -> Column {
        Column::named(&self.servoed).unwrap_or(Column::RigPlateDegc)
    }

    /// The column of board power that figures of energy go by.
    pub fn board_power(&self) -> Column {
        if self.energy_source == Source::Meter { Column::RigBoardW } else { Column::AccelPowerW }
    }
}

/// Bounds of a column, such as setpoint limits and interlocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Name of the column.
    pub column: String,
    /// What lies beyond: `setpoint` (never asked for) or `trip` (the run ends in safe).
    pub kind: BoundKind,
    /// Lower bound in the column's unit.
    pub min: Option<f64>,
    /// Upper bound in the column's unit.
    pub max: Option<f64>,
}

/// What a bound is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundKind {
    /// No setpoint leaves these.
    Setpoint,
    /// A measured value beyond these ends the run in safe.
    Trip,
}

/// A message as its line, newline included.
pub fn encode<T: Serialize>(message: &T) -> String {
    // Only maps with keys that are no strings and failing Serialize impls can be refused; no message has either.
    let mut line = serde_json::to_string(message).unwrap_or_else(|refused| panic!("a session message must encode: {refused}"));
    line.push('\n');
    line
}

/// The message of a line.
pub fn decode<T: DeserializeOwned>(line: &str) -> Result<T, SessionError> {
    serde_json::from_str(line.trim_end())
        .map_err(|e| SessionError { start: line.trim_end().chars().take(60).collect(), why: e.to_string() })
}

/// The version in the line of a [`ToScreen::Hello`], whatever else of it this program would not understand.
pub fn version_of(line: &str) -> Option<u32> {
    let value: serde_json::Value = serde_json::from_str(line.trim_end()).ok()?;
    value.get("hello")?.get("version")?.as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Columns};
    use signal::{RunState, Severity};

    fn hello() -> Hello {
        Hello {
            version: VERSION,
            run: RunCard {
                name: "20260621T000000Z_dawn_twin_1a2b".into(),
                folder: "/logs/20260621T000000Z_dawn_twin_1a2b".into(),
                profile: "Dawn-dusk".into(),
                rig: "The twin".into(),
                accelerator: "virtual".into(),
                workload: "tokens at 900/s".into(),
                unit: "tokens".into(),
                simulated: true,
                dt_s: 1.0,
                duration_s: 5863.7,
                period_s: 5863.7,
                speed: 60.0,
                full_w: 72.0,
                servoed: "rig_plate_degc".into(),
                energy_source: signal::Source::Accelerator,
                bounds: vec![Bound { column: "rig_plate_degc".into(), kind: BoundKind::Trip, min: Some(0.0), max: Some(75.0) }],
                sunlight: vec![(0.0, 1.0), (2000.0, 1.0), (2010.5, 0.0)],
            },
            columns: Columns::all().header(),
            rows: 12,
            last: None,
            latched: Vec::new(),
        }
    }

    fn event() -> Event {
        Event {
            utc: "2026-06-21T00:00:00.5Z".parse().ok(),
            elapsed_s: Some(3.25),
            tick: 195,
            severity: Severity::Warning,
            kind: "link".into(),
            who: "tec".into(),
            message: "no answer, trying again \"soon\"".into(),
        }
    }

    #[test]
    fn messages_are_one_line_and_come_back() {
        let mut row = Row::new(0, 3, 3.0, RunState::Running);
        row.set(Column::AccelPowerW, 70.5);
        let messages = [
            ToScreen::Hello(Box::new(hello())),
            ToScreen::Row(Box::new(row)),
            ToScreen::Event(event()),
            ToScreen::Lost { n: 7 },
            ToScreen::End { code: 6, words: "tripped, SAFE CONFIRMED".into() },
        ];
        for message in messages {
            let line = encode(&message);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(decode::<ToScreen>(&line).expect("our own"), message);
        }
        for &what in Request::ALL {
            let asked = FromScreen::Request { who: "ada on pts/3".into(), what };
            assert_eq!(decode::<FromScreen>(&encode(&asked)).expect("our own"), asked);
        }
    }

    #[test]
    fn the_wire_is_what_scripts_were_promised() {
        let asked = FromScreen::Request { who: "cron".into(), what: Request::Stop };
        assert_eq!(encode(&asked), "{\"request\":{\"who\":\"cron\",\"what\":\"stop\"}}\n");
        assert_eq!(encode(&ToScreen::Lost { n: 2 }), "{\"lost\":{\"n\":2}}\n");
    }

    #[test]
    fn a_stranger_is_refused_but_a_newer_engine_still_tells_its_version() {
        assert!(decode::<ToScreen>("GET / HTTP/1.1").expect_err("no JSON").to_string().contains("GET / HTTP/1.1"));
        assert!(decode::<FromScreen>("{\"request\":{\"who\":\"x\",\"what\":\"explode\"}}").is_err());
        assert_eq!(version_of("{\"hello\":{\"version\":9,\"unheard\":[1]}}"), Some(9));
        assert_eq!(version_of("{\"lost\":{\"n\":1}}"), None);
    }
}
