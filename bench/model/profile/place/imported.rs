//! `[orbit]` of a kind that was imported: two-line elements, a mean-elements message, or a table of positions, all inside the
//! profile, so that a profile stays one file. `orbitbench profile import` writes them.

use crate::ephemeris::scale::Tai;
use crate::ephemeris::{CENTRES, ElementSet, FRAMES, centre_name, csv};
use crate::trajectory::{BELIEVED_D, Trajectory};
use signal::{Problems, Section};

/// `kind = "tle"`; `None` for what cannot be flown, which has been reported.
pub(super) fn tle(section: &Section<'_>, epoch: jiff::Timestamp) -> Option<Trajectory> {
    object(section);
    let line1 = section.text("line1", "the first line of a two-line element set");
    let line2 = section.text("line2", "the second line of a two-line element set");
    if line1.is_empty() || line2.is_empty() {
        return None;
    }
    let set = ElementSet::from_lines("", &line1, &line2).map_err(|problems| {
        for problem in problems.0 {
            section
                .problem(if problem.line == 2 { "line2" } else { "line1" }, format_args!("{}{}", column(problem.column), problem.message));
        }
    });
    elements(section, &set.ok()?, epoch)
}

/// `kind = "omm"`; `None` for what cannot be flown, which has been reported.
pub(super) fn omm(section: &Section<'_>, epoch: jiff::Timestamp) -> Option<Trajectory> {
    object(section);
    let json = section.text("json", "an orbit mean-elements message as JSON, in ''' '''");
    if json.is_empty() {
        return None;
    }
    let set = ElementSet::from_message("", &json).map_err(|problems| blame(section, "json", &problems));
    elements(section, &set.ok()?, epoch)
}

/// `kind = "ephemeris"`; `None` for what cannot be flown, which has been reported.
pub(super) fn ephemeris(section: &Section<'_>, epoch: jiff::Timestamp) -> Option<Trajectory> {
    object(section);
    let frame = section.choice("frame", FRAMES);
    let body = section.choice("center", CENTRES);
    let table = section.text("table", "lines of t_s,x_km,y_km,z_km and, if known, vx_km_s,vy_km_s,vz_km_s, in ''' '''");
    if table.is_empty() {
        return None;
    }
    let declared = csv::Declared {
        frame: Some(frame.name().into()),
        center: Some(centre_name(body).into()),
        time_scale: Some("UTC".into()),
        epoch: Some(epoch.to_string()),
        ..csv::Declared::default()
    };
    let read = csv::read("", &table, &declared).map_err(|problems| blame(section, "table", &problems)).ok()?;
    let start = start(section, epoch)?;
    let table = read.table(start);
    if table.is_none() {
        section.problem("table", "the orbit at the epoch is not closed: expected one that comes round");
    }
    reached(section, table.map(Trajectory::Table)?)
}

/// A name for people; nothing depends on it.
fn object(section: &Section<'_>) {
    let _ = section.optional_text("object", "the name of the satellite");
}

fn start(section: &Section<'_>, epoch: jiff::Timestamp) -> Option<Tai> {
    let start = Tai::from_utc(epoch);
    if start.is_none() {
        section.problem("epoch", "imported data need leap seconds, which begin in 1972: expected a later instant");
    }
    start
}

fn elements(section: &Section<'_>, set: &ElementSet, epoch: jiff::Timestamp) -> Option<Trajectory> {
    let start = start(section, epoch)?;
    let away_d = start.since_s(set.epoch) / 86_400.0;
    if away_d.abs() > BELIEVED_D {
        section.problem(
            "epoch",
            format_args!("{:.1} days from the epoch of the elements ({:.0}): expected at most {BELIEVED_D}", away_d.abs(), set.epoch.utc()),
        );
        return None;
    }
    match set.trajectory(start) {
        Ok(orbit) => reached(section, Trajectory::Sgp4(orbit)),
        Err(why) => {
            section.problem("epoch", why);
            None
        }
    }
}

/// The data reach the epoch, and one orbit from there: the flight starts from the periodic state of its first orbit.
fn reached(section: &Section<'_>, trajectory: Trajectory) -> Option<Trajectory> {
    let (from, until) = trajectory.span_s().into_inner();
    let period = trajectory.period_s();
    if from > 0.0 {
        section.problem("epoch", format_args!("the data begin {from:.3} s after it, and nothing is extrapolated: expected a later epoch"));
    } else if until < period {
        section.problem(
            "epoch",
            format_args!(
                "the data end {until:.3} s after it, before one orbit of {period:.0} s is over: expected an earlier epoch or longer data"
            ),
        );
    } else {
        return Some(trajectory);
    }
    None
}

/// Problems inside a text of several lines, where they are in the profile.
fn blame(section: &Section<'_>, key: &str, problems: &Problems) {
    for problem in &problems.0 {
        section.problem_inside(key, problem.line, problem.column, &problem.message);
    }
}

fn column(column: usize) -> String {
    if column > 1 { format!("column {column}: ") } else { String::new() }
}
