//! What was imported, as the `[orbit]` table of a profile: one self-contained file that is copied into every run.

use super::csv::SEGMENT;
use super::elements::Written;
use super::scale::Tai;
use super::{ElementSet, Ephemeris, centre_name};
use std::fmt::Write as _;

/// Points kept on either side of what is needed, so that the ends interpolate as the middle does.
const MARGIN: usize = 4;

/// The first whole second (of UTC) from `moment` on: what an epoch that nobody chose is.
pub fn fit_epoch(moment: Tai) -> Tai {
    let utc = moment.utc();
    let whole = jiff::Timestamp::from_second(utc.as_second() + i64::from(utc.subsec_nanosecond() > 0));
    whole.ok().and_then(Tai::from_utc).unwrap_or(moment)
}

/// Something that can be written as an `[orbit]` table.
pub trait OrbitTable {
    /// The keys after `epoch`; mission second 0 is at `start`, and nothing is flown after `until`.
    fn keys(&self, start: Tai, until: Tai) -> String;
}

/// The whole table.
pub fn orbit_table(orbit: &impl OrbitTable, start: Tai, until: Tai) -> String {
    format!("[orbit]\nepoch = {}\n{}", start.utc(), orbit.keys(start, until))
}

impl OrbitTable for ElementSet {
    fn keys(&self, _: Tai, _: Tai) -> String {
        let object = self.name.as_deref().map_or(String::new(), |name| format!("object = {}\n", quoted(name)));
        match &self.written {
            Written::Lines([line1, line2]) => format!("kind = \"tle\"\n{object}line1 = {}\nline2 = {}\n", quoted(line1), quoted(line2)),
            Written::Json(text) => format!("kind = \"omm\"\n{object}json = '''\n{}\n'''\n", text.replace('\'', "\\u0027")),
        }
    }
}

impl OrbitTable for Ephemeris {
    fn keys(&self, start: Tai, until: Tai) -> String {
        let mut text = "kind = \"ephemeris\"\n".to_owned();
        if let Some(object) = &self.object {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "object = {}", quoted(object));
        }
        let _ = writeln!(text, "center = \"{}\"\nframe = \"{}\"\ntable = '''", centre_name(self.body), self.frame.name());
        let velocities = self.has_velocities();
        text += if velocities { "t_s,x_km,y_km,z_km,vx_km_s,vy_km_s,vz_km_s\n" } else { "t_s,x_km,y_km,z_km\n" };
        let mut first = true;
        for segment in &self.segments {
            let Some((from, _)) = segment.span().filter(|(from, to)| *to > start && *from < until) else { continue };
            if !first {
                let _ = writeln!(text, "{SEGMENT} {}", seconds(from, start));
            }
            // What a file declares unusable stays so: at the ends of everything points are dropped, in between a time says it.
            let ends = self.span();
            let points: Vec<_> = segment.points.iter().filter(|p| (ends.0..=ends.1).contains(&p.moment)).collect();
            let begin = points.partition_point(|p| p.moment <= start).saturating_sub(MARGIN);
            let end = (points.partition_point(|p| p.moment < until) + MARGIN).min(points.len());
            for point in &points[begin..end] {
                let _ = write!(text, "{}", seconds(point.moment, start));
                for x in point.position_km {
                    let _ = write!(text, ",{}", rounded(x, 1e9));
                }
                for v in point.velocity_km_s.iter().flatten().filter(|_| velocities) {
                    let _ = write!(text, ",{}", rounded(*v, 1e12));
                }
                text.push('\n');
            }
            first = false;
        }
        text + "'''\n"
    }
}

/// Seconds from `start`, exact to the nanosecond.
fn seconds(moment: Tai, start: Tai) -> String {
    let ns = moment.0 - start.0;
    let (sign, ns) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
    let text = format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Without the digits that a change of unit made up.
fn rounded(value: f64, parts: f64) -> f64 {
    let rounded = (value * parts).round() / parts;
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// A TOML basic string on one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}
