//! `events.csv`: what happened, when, who did it and why. One line an event, in the order in which they happened.

use crate::RowError;
use crate::row::{instant, number, optional, whole};
use csv::StringRecord;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use signal::{Severity, Tick, UnknownWord};

/// The columns of `events.csv`: name and meaning.
pub const EVENT_COLUMNS: [(&str, &str); 7] = [
    ("utc", "Wall time, RFC 3339; empty in a rehearsal."),
    ("elapsed_s", "Wall seconds since the run began; empty in a rehearsal."),
    ("tick", "The controller's step during which it happened."),
    ("severity", "info, warning, alarm or trip."),
    ("kind", "One word for scripts."),
    ("who", "Who or what caused it: an operator, control, an instrument."),
    ("message", "What happened and, for alarms, what to do."),
];

/// Kind of the event that says why no work per joule can be told of a run: its work is not known to be where the energy is measured.
pub const APART: &str = "apart";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Wall time; `None` in a rehearsal.
    pub utc: Option<Timestamp>,
    /// Wall seconds since the run began; `None` in a rehearsal.
    pub elapsed_s: Option<f64>,
    /// The controller's step.
    pub tick: Tick,
    /// How much it matters.
    pub severity: Severity,
    /// One word for scripts.
    pub kind: String,
    /// Who or what caused it.
    pub who: String,
    /// What happened and, for alarms, what to do.
    pub message: String,
}

impl Event {
    /// The event as the fields of its line. Control characters become spaces: an event is one line, also for `grep`.
    pub(crate) fn fields(&self) -> [String; 7] {
        let plain = |text: &str| text.replace(char::is_control, " ");
        [
            self.utc.map_or_else(String::new, |t| format!("{t:.3}")),
            self.elapsed_s.map_or_else(String::new, |s| format!("{s:.3}")),
            self.tick.to_string(),
            self.severity.word().to_owned(),
            plain(&self.kind),
            plain(&self.who),
            plain(&self.message),
        ]
    }

    /// The event of a line under `header`, which must name every event column.
    pub(crate) fn of_fields(header: &[String], line: &StringRecord) -> Result<Self, RowError> {
        let mut event = Self {
            utc: None,
            elapsed_s: None,
            tick: 0,
            severity: Severity::default(),
            kind: String::new(),
            who: String::new(),
            message: String::new(),
        };
        if line.len() != header.len() {
            let column = header.get(line.len()).map_or("end of line", String::as_str).to_owned();
            let why = format!("the line has {} fields: expected {}", line.len(), header.len());
            return Err(RowError { column, field: line.len().min(header.len()), why });
        }
        for (at, (name, text)) in header.iter().zip(line).enumerate() {
            event.take(name, text).map_err(|why| RowError { column: name.clone(), field: at + 1, why })?;
        }
        Ok(event)
    }

    fn take(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "utc" => self.utc = optional(text, instant)?,
            "elapsed_s" => self.elapsed_s = optional(text, number)?,
            "tick" => self.tick = whole(text)?,
            "severity" => self.severity = text.parse().map_err(|e: UnknownWord| e.to_string())?,
            "kind" => text.clone_into(&mut self.kind),
            "who" => text.clone_into(&mut self.who),
            "message" => text.clone_into(&mut self.message),
            _ => {}
        }
        Ok(())
    }
}
