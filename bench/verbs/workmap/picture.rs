//! What is drawn of a map: places with their shades and words. The renderers only put it where it belongs.

use engine::commission::Servoed;
use engine::workmap::MeasuredMap;
use record::Verdict;
use std::str::FromStr;
use survey::{Cell, Figure, Table};

/// Which figure is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    PerJoule,
    PerSecond,
    Power,
    Die,
    InputPerJoule,
}

impl Shown {
    const ALL: [(&'static str, Self); 5] = [
        ("per-joule", Self::PerJoule),
        ("per-second", Self::PerSecond),
        ("power", Self::Power),
        ("die", Self::Die),
        ("input-per-joule", Self::InputPerJoule),
    ];

    const fn figure(self) -> Figure {
        match self {
            Self::PerJoule => Figure::PerJoule,
            Self::PerSecond => Figure::Rate,
            Self::Power => Figure::Power,
            Self::Die => Figure::Die,
            Self::InputPerJoule => Figure::PerJouleIn,
        }
    }

    fn words(self, unit: &str) -> String {
        match self {
            Self::PerJoule => format!("{unit}s put out per joule of the board"),
            Self::PerSecond => format!("{unit}s put out per second"),
            Self::Power => "board power, W".to_owned(),
            Self::Die => "die temperature, degC".to_owned(),
            Self::InputPerJoule => format!("{unit}s taken in per joule of the board"),
        }
    }
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(|(name, _)| name).join(", ");
        Self::ALL
            .into_iter()
            .find(|(name, _)| *name == text)
            .map(|(_, shown)| shown)
            .ok_or_else(|| format!("\"{text}\" is not drawn: expected one of {names}"))
    }
}

/// What is known of a place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// Measured: its shade, 0 to 1, or none where there was no work; its value and its interval; the power really drawn there, W, which is not the budget (where that is not
    /// the value itself).
    Known { shade: Option<f64>, value: String, half: String, n: usize, drawn: Option<String> },
    /// Not reachable: the largest power that was.
    Beyond { most: Option<String>, why: String },
    /// Not measured yet, or nobody counts.
    Open,
}

/// A map to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) title: String,
    /// What is drawn.
    pub(super) what: String,
    pub(super) simulated: bool,
    /// Lines of what belongs to it: how it was measured, how sure it is, what is doubtful.
    pub(super) notes: Vec<String>,
    /// Names of the columns.
    pub(super) across: Vec<String>,
    /// What the rows are: plate, or coolant supply.
    pub(super) held: &'static str,
    /// Names of the rows, the hottest first, and their places.
    pub(super) rows: Vec<(String, Vec<Place>)>,
    /// The least and the most, as the scale says them.
    pub(super) scale: Option<(String, String)>,
    /// Why places are not reachable: which, and why.
    pub(super) reasons: Vec<(String, String)>,
}

/// What the names of columns are.
pub(super) const BUDGETS: &str = "columns are power budgets; @ is the power in W that the board really drew";

impl Picture {
    /// Some place says what was drawn there.
    pub(super) fn tells_power(&self) -> bool {
        self.rows.iter().flat_map(|(_, places)| places).any(|p| matches!(p, Place::Known { drawn: Some(_), .. }))
    }

    pub(super) fn of(map: &MeasuredMap, table: &Table, shown: Shown) -> Self {
        let manifest = &map.manifest;
        // No work at no load is a figure, and would leave all others one shade.
        let worked = table.all().filter_map(|c| Some(c.estimate(shown.figure())?.mean)).filter(|v| *v > 0.0);
        let range = worked.fold(None, |range, v| Some(range.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v)))));
        let decimals = range.map_or(2, |(_, high)| (3 - high.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize);
        let number = |v: f64| format!("{v:.decimals$}");
        let place = |cell: &Cell| match cell.estimate(shown.figure()) {
            Some(e) => {
                let within = range.filter(|_| e.mean > 0.0);
                let shade = within.map(|(low, high)| if high > low { (e.mean - low) / (high - low) } else { 0.5 });
                let half = e.half_width.map_or_else(|| "n = 1".to_owned(), |h| format!("±{h:.*}", decimals + 1));
                let drawn = cell.estimate(Figure::Power).filter(|_| shown != Shown::Power).map(|w| watts(w.mean));
                Place::Known { shade, value: number(e.mean), half, n: e.n, drawn }
            }
            None if cell.not_reachable() => {
                Place::Beyond { most: cell.largest_w().map(|w| format!("{w:.0} W")), why: cell.why().unwrap_or_default().to_owned() }
            }
            None => Place::Open,
        };
        let name = |t: &Option<f64>| t.map_or_else(|| "as it is".to_owned(), |t| format!("{t}"));
        let rows: Vec<(String, Vec<Place>)> =
            table.coolant_degc.iter().zip(&table.cells).rev().map(|(t, cells)| (name(t), cells.iter().map(place).collect())).collect();
        let batch = table.batch.map_or_else(String::new, |b| format!(", batch {b}"));
        Self {
            title: format!("{} on {}{batch}", manifest.accelerator.name, manifest.rig.name),
            what: shown.words(&manifest.workload.unit),
            simulated: manifest.simulated,
            held: manifest.plan.held.place(),
            notes: notes(map, table),
            across: table.budget_w.iter().map(|w| format!("{w} W")).collect(),
            reasons: reasons(table),
            scale: range.map(|(low, high)| (number(low), number(high))),
            rows,
        }
    }
}

/// A power as it is written in a place: three digits and more, for a card and for eight of them.
fn watts(w: f64) -> String {
    if w < 999.95 { format!("{w:.1}") } else { format!("{w:.0}") }
}

fn notes(map: &MeasuredMap, table: &Table) -> Vec<String> {
    let plan = &map.manifest.plan;
    let drift = table.drift.map_or_else(
        || "drift not known".to_owned(),
        |d| format!("drift {:+.2} % ±{:.2} % (n = {})", d.relative * 100.0, d.half_width * 100.0, d.n),
    );
    let at = if plan.coolant_degc.is_empty() { "; the temperature is what the device's own cooling makes of it" } else { "" };
    let over = if plan.held == Servoed::CoolantSupply { "; degC are of the coolant's supply" } else { "" };
    let at = format!("{at}{over}");
    let mut notes = vec![format!("{}, {} repeats in random order, 95 % by Student's t with {drift}{at}", plan.actuator, plan.repeats)];
    let seal = match &map.verdict {
        Verdict::Sealed { seal } => format!("; seal {}", seal.get(..16).unwrap_or(seal)),
        _ => String::new(),
    };
    notes.push(format!("every board's own sensor: ±5 % in all places alike, in no interval{seal}"));
    match &map.verdict {
        Verdict::Sealed { .. } => {}
        Verdict::Unsealed { .. } => notes.push(format!("not finished: {} of {} points", map.points.len(), map.planned())),
        tampered @ Verdict::Tampered { .. } => notes.push(format!("{tampered}")),
    }
    notes.extend(map.manifest.beside.iter().map(|who| format!("! {who}")));
    notes.extend(table.doubts().into_iter().map(|doubt| format!("! {doubt}")));
    notes
}

/// Each reason once, with the temperatures it holds at.
fn reasons(table: &Table) -> Vec<(String, String)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for cell in table.all().filter(|c| c.not_reachable()) {
        let Some(why) = cell.why() else { continue };
        // A point that was not tried says whose reason it has; here it is the reason that counts.
        let why = why.strip_prefix("as point ").and_then(|rest| rest.split_once(": ")).map_or(why, |(_, why)| why);
        let at = cell.coolant_degc.map_or_else(|| "as it is".to_owned(), |t| t.to_string());
        match found.iter_mut().find(|(known, _)| known == why) {
            Some((_, places)) if places.contains(&at) => {}
            Some((_, places)) => places.push(at),
            None => found.push((why.to_owned(), vec![at])),
        }
    }
    found.into_iter().map(|(why, places)| (places.join(", "), why)).collect()
}
