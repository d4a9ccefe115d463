//! `profile make`: a complete profile from a few flags: the orbit or place as typed, the satellite of a profile there is, comments and
//! all.
//!
//! The text is read like any other profile before it is written: whatever is wrong with the flags is said in the reader's words, and
//! no file is left behind that the program would refuse.

use crate::exit::{self, BadInput, Exit};
use crate::plan;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Body, Place, Profile};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct MakeArgs {
    /// Short name of the profile: lower-case letters, digits and hyphens
    #[arg(long)]
    name: String,
    /// File to write; `-` is standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    /// Family of orbits, or a place. `sun-synchronous` turns the node but has the two-body period; `circular` drifts in phase as
    /// well and falls behind it, 107 s a day at 650 km
    #[arg(long, value_enum, default_value = "sun-synchronous")]
    kind: Kind,
    /// What is orbited: circular and elliptic orbits only
    #[arg(long, value_enum)]
    body: Option<Around>,
    /// Height above the body's (equatorial or mean) radius
    #[arg(long, allow_negative_numbers = true)]
    altitude_km: Option<f64>,
    /// Lowest height of an ellipse
    #[arg(long, allow_negative_numbers = true)]
    perigee_altitude_km: Option<f64>,
    /// Highest height of an ellipse
    #[arg(long, allow_negative_numbers = true)]
    apogee_altitude_km: Option<f64>,
    /// Semi-major axis of an ellipse
    #[arg(long)]
    semi_major_axis_km: Option<f64>,
    /// Eccentricity of an ellipse
    #[arg(long, allow_negative_numbers = true)]
    eccentricity: Option<f64>,
    /// Inclination to the body's equator
    #[arg(long, allow_negative_numbers = true)]
    inclination_deg: Option<f64>,
    /// Local time of the ascending node, hours
    #[arg(long)]
    ltan_h: Option<f64>,
    /// Right ascension of the ascending node
    #[arg(long, allow_negative_numbers = true)]
    raan_deg: Option<f64>,
    /// Argument of perigee
    #[arg(long, allow_negative_numbers = true)]
    argument_of_perigee_deg: Option<f64>,
    /// Mean anomaly at the epoch, of an ellipse
    #[arg(long, allow_negative_numbers = true)]
    mean_anomaly_deg: Option<f64>,
    /// Angle past the ascending node at the epoch, of a circle
    #[arg(long, allow_negative_numbers = true)]
    start_deg: Option<f64>,
    /// East longitude of a geostationary satellite, or on the Moon
    #[arg(long, allow_negative_numbers = true)]
    longitude_deg: Option<f64>,
    /// Latitude on the Moon, or of a solar field on the ground
    #[arg(long, allow_negative_numbers = true)]
    latitude_deg: Option<f64>,
    /// Local time at the epoch on the Moon (12 is noon, 18 sunset) or on the ground, hours
    #[arg(long)]
    start_local_time_h: Option<f64>,
    /// Distance from the Sun in deep space
    #[arg(long)]
    distance_au: Option<f64>,
    /// What a building's heat goes to
    #[arg(long, value_enum)]
    rejection: Option<Rejection>,
    /// Mean temperature of that air or liquid
    #[arg(long, allow_negative_numbers = true)]
    inlet_degc: Option<f64>,
    /// How much warmer it is at 15:00, and colder at 3:00
    #[arg(long)]
    inlet_swing_k: Option<f64>,
    /// Where a building's power comes from
    #[arg(long, value_enum)]
    power: Option<Supply>,
    /// A solar field's mean output of a year over its rating
    #[arg(long)]
    capacity_factor_frac: Option<f64>,
    /// When mission time starts, such as 2026-06-21T00:00:00Z, or `season`: the day of the year with the smallest |beta|, of a place
    /// that is no orbit its first
    #[arg(long, default_value = "season", value_name = "INSTANT")]
    epoch: String,
    /// Year that `--epoch season` looks at; this year if left out
    #[arg(long)]
    year: Option<i16>,
    /// Length of a run: orbits, lunar days of a month each, or days; 1 if left out, on the Moon 0.5, a day or a night
    #[arg(long)]
    duration_orbits: Option<f64>,
    /// One line for people; made from the orbit if left out
    #[arg(long)]
    title: Option<String>,
    /// Profile (name or file) whose satellite to take: every table but the orbit, word for word
    #[arg(long, value_name = "PROFILE")]
    like: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Kind {
    SunSynchronous,
    Circular,
    Elliptic,
    Geostationary,
    LunarSurface,
    DeepSpace,
    Ground,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Around {
    Earth,
    Moon,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Rejection {
    Air,
    Liquid,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Supply {
    Grid,
    Solar,
}

/// What shines at a place: which keys `[environment]` has there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Light {
    Earth,
    Moon,
    Sun,
    /// No such table.
    None,
}

impl Light {
    fn at(place: &Place) -> Self {
        match place {
            Place::Orbit(trajectory) if trajectory.body() == Body::Earth => Self::Earth,
            Place::Orbit(_) | Place::LunarSurface(_) => Self::Moon,
            Place::DeepSpace(_) => Self::Sun,
            Place::Ground(site) if matches!(site.supply, model::ground::Supply::Solar(_)) => Self::Sun,
            Place::Ground(_) | Place::Timeline(_) => Self::None,
        }
    }

    fn asked(args: &MakeArgs) -> Self {
        match args.kind {
            Kind::LunarSurface => Self::Moon,
            Kind::DeepSpace => Self::Sun,
            Kind::Ground if args.power == Some(Supply::Solar) => Self::Sun,
            Kind::Ground => Self::None,
            _ if args.body == Some(Around::Moon) => Self::Moon,
            _ => Self::Earth,
        }
    }

    /// A shipped profile with that light.
    fn shipped(self) -> Option<&'static str> {
        match self {
            Self::Earth => Some("dawn-dusk-650"),
            Self::Moon => Some("lunar-orbit-100"),
            Self::Sun => Some("deep-space-1au"),
            Self::None => None,
        }
    }
}

impl Kind {
    /// An orbit has an eclipse season; a place has days, or nothing of the kind.
    fn is_orbit(self) -> bool {
        !matches!(self, Self::LunarSurface | Self::DeepSpace | Self::Ground)
    }

    fn key(self) -> &'static str {
        match self {
            Self::SunSynchronous => "sun_synchronous",
            Self::Circular => "circular",
            Self::Elliptic => "elliptic",
            Self::Geostationary => "geostationary",
            Self::LunarSurface => "lunar_surface",
            Self::DeepSpace => "deep_space",
            Self::Ground => "ground",
        }
    }

    fn comment(self) -> &'static str {
        match self {
            Self::SunSynchronous => "circular; the node follows the mean Sun, the phase is two-body",
            Self::Circular | Self::Elliptic => "elements are mean elements; node, perigee and phase drift with oblateness",
            Self::Geostationary => "as fast as Earth turns, over the equator",
            Self::LunarSurface => "an \"orbit\" is a lunar day, a synodic month",
            Self::DeepSpace => "in orbit about the Sun, far from anything else; an \"orbit\" is a day",
            Self::Ground => "a building on Earth; an \"orbit\" is a day",
        }
    }
}

pub(crate) fn make(args: &MakeArgs) -> Result<Exit> {
    let to_file = args.out.as_os_str() != "-";
    if to_file && !args.force && args.out.exists() {
        return Err(BadInput(format!("{} is there already: choose another --out, or --force to replace it", args.out.display())).into());
    }
    let tables = satellite(args)?;
    let (epoch, why) = epoch(args, &tables)?;
    let text = text(args, &epoch, &why, &tables);
    let profile = read(args, &text)?;
    if to_file {
        exit::write(&args.out, &text)?;
        let beta = profile.environment.at(0.0).beta().map_or_else(String::new, |deg| format!(", beta {deg:.1} deg"));
        eprintln!(
            "wrote {}: {}, period {:.1} min{beta} at the epoch {}",
            args.out.display(),
            profile.title,
            profile.environment.period_s() / 60.0,
            profile.epoch
        );
    } else {
        say!("{}", text.trim_end());
    }
    Ok(Exit::Done)
}

fn read(args: &MakeArgs, text: &str) -> Result<Profile> {
    Profile::parse(&format!("{}.toml", args.name), text).map_err(|problems| {
        let message = format!(
            "these flags make no profile (a key such as `altitude_km` is the flag --altitude-km; lines are those of the file that was not \
             written):\n{problems}"
        );
        BadInput(message).into()
    })
}

/// The profile to be like: a shipped one of that kind of place, if nobody said.
fn like(args: &MakeArgs) -> &str {
    args.like.as_deref().unwrap_or(match args.kind {
        Kind::LunarSurface => "lunar-day",
        Kind::DeepSpace => "deep-space-1au",
        Kind::Ground if args.rejection == Some(Rejection::Liquid) => "ground-liquid",
        Kind::Ground if args.power == Some(Supply::Solar) => "ground-solar",
        Kind::Ground => "ground-air",
        _ if args.body == Some(Around::Moon) => "lunar-orbit-100",
        _ => "dawn-dusk-650",
    })
}

/// The tables of the profile to be like, from the first that is not the orbit's. Where another light shines, light and glow come
/// from a shipped profile that has it.
fn satellite(args: &MakeArgs) -> Result<String> {
    let like = like(args);
    let light = Light::asked(args);
    let same = Light::at(plan::parsed(like)?.environment.place()) == light;
    let mut tables = tables_of(&plan::profile(like)?.text);
    tables.retain(|(name, _)| name != "orbit" && !name.starts_with("orbit."));
    if !same {
        let lit = light.shipped().map(plan::profile).transpose()?.map(|source| tables_of(&source.text));
        let environment = lit.into_iter().flatten().find(|(name, _)| name == "environment");
        tables.retain(|(name, _)| name != "environment");
        tables.splice(0..0, environment);
    }
    Ok(tables.into_iter().map(|(_, text)| text).collect())
}

/// Name and text of every table of a TOML file, with the comments right above its header; what precedes the first is left out.
fn tables_of(text: &str) -> Vec<(String, String)> {
    let mut tables: Vec<(String, String)> = Vec::new();
    // Comments and empty lines that may belong to the header that follows.
    let mut pending = String::new();
    let mut quoted = false;
    for line in text.split_inclusive('\n') {
        let header = line.trim_start().strip_prefix('[').filter(|_| !quoted);
        let quotes = line.matches("\"\"\"").count() + line.matches("'''").count();
        if let Some(header) = header {
            let name = header.trim_start_matches('[').split(']').next().unwrap_or_default().trim().to_owned();
            // A comment after an empty line is the new table's.
            let split = pending.rfind("\n\n").map_or(0, |at| at + 2);
            let (old, new) = pending.split_at(if pending.starts_with('\n') && split == 0 { 1 } else { split });
            if let Some(last) = tables.last_mut() {
                last.1 += old;
            }
            tables.push((name, format!("{new}{line}")));
            pending.clear();
        } else if !quoted && (line.trim().is_empty() || line.trim_start().starts_with('#')) {
            pending += line;
        } else {
            if let Some(last) = tables.last_mut() {
                last.1 += &pending;
                last.1 += line;
            }
            pending.clear();
        }
        quoted ^= quotes % 2 == 1;
    }
    if let Some(last) = tables.last_mut() {
        last.1 += &pending;
    }
    tables
}

/// The epoch as text, and what its comment says.
fn epoch(args: &MakeArgs, tables: &str) -> Result<(String, String)> {
    if args.epoch != "season" {
        let expected = "expected a UTC instant such as 2026-06-21T00:00:00Z, or `season`";
        let instant: Timestamp = args.epoch.parse().map_err(|_| BadInput(format!("--epoch \"{}\": {expected}", args.epoch)))?;
        return Ok((instant.to_string(), "mission_s = 0".to_owned()));
    }
    let year = args.year.unwrap_or_else(|| Timestamp::now().to_zoned(TimeZone::UTC).year());
    let first = jiff::civil::Date::new(year, 1, 1).map_err(|_| BadInput(format!("--year {year} is none")))?;
    if !args.kind.is_orbit() {
        return Ok((format!("{first}T00:00:00Z"), "mission_s = 0".to_owned()));
    }
    // Each day as the epoch, since what is said of the orbit is said of its epoch.
    let mut best: Option<(f64, String, bool)> = None;
    for date in first.series(jiff::Span::new().days(1)).take_while(|date| date.year() == year) {
        let instant = format!("{date}T00:00:00Z");
        let environment = read(args, &text(args, &instant, "", tables))?.environment;
        let beta = environment.at(0.0).beta_deg.abs();
        if best.as_ref().is_none_or(|(least, ..)| beta < *least) {
            let dark = !environment.shadow_edges(0.0, environment.period_s()).is_empty();
            best = Some((beta, instant, dark));
        }
    }
    let (_, instant, dark) = best.context("a year without days")?;
    let then = if dark { "the middle of its eclipses" } else { "even then no eclipse" };
    Ok((instant, format!("mission_s = 0; the smallest |beta| of {year}: {then}")))
}

/// The whole file.
fn text(args: &MakeArgs, epoch: &str, why: &str, tables: &str) -> String {
    let mut text = String::new();
    let like = like(args);
    let title = args.title.clone().unwrap_or_else(|| title(args));
    let quoted = |words: &str| format!("\"{}\"", words.replace('\\', "\\\\").replace('"', "\\\""));
    let _ = writeln!(text, "# {}. The satellite is that of {like}.", title.replace(['\n', '\r'], " "));
    let _ = writeln!(text, "# Every key carries its unit. \"whole satellite\" numbers are scaled to what one accelerator stands for.");
    let _ = writeln!(text, "schema = 1\nname = {}\ntitle = {}", quoted(&args.name), quoted(&title));
    let duration = args.duration_orbits.unwrap_or(if args.kind == Kind::LunarSurface { 0.5 } else { 1.0 });
    let _ = writeln!(text, "duration_orbits = {duration:?}\n\n[orbit]");
    let mut line = |key: &str, value: &str, comment: &str| {
        let assignment = format!("{key} = {value}");
        let _ = writeln!(text, "{assignment:<32} # {comment}");
    };
    line("kind", &quoted(args.kind.key()), args.kind.comment());
    if let Some(body) = args.body {
        let name = if body == Around::Moon { "\"moon\"" } else { "\"earth\"" };
        line("body", name, "inclination and node refer to its equator");
    }
    let words = [
        ("rejection", args.rejection.map(|r| if r == Rejection::Air { "air" } else { "liquid" }), "what heat goes to"),
        ("power", args.power.map(|p| if p == Supply::Grid { "grid" } else { "solar" }), "where it comes from"),
    ];
    for (key, value, comment) in words {
        if let Some(value) = value {
            line(key, &quoted(value), comment);
        }
    }
    for (key, value, comment) in [
        ("altitude_km", args.altitude_km, "above the equatorial radius (Earth) or the mean radius (Moon)"),
        ("perigee_altitude_km", args.perigee_altitude_km, "lowest height above the radius"),
        ("apogee_altitude_km", args.apogee_altitude_km, "highest height above the radius"),
        ("semi_major_axis_km", args.semi_major_axis_km, "from the centre"),
        ("eccentricity", args.eccentricity, "0 is a circle"),
        ("inclination_deg", args.inclination_deg, "to the body's equator"),
        ("ltan_h", args.ltan_h, "local time of the ascending node at the epoch"),
        ("raan_deg", args.raan_deg, "right ascension of the ascending node at the epoch"),
        ("argument_of_perigee_deg", args.argument_of_perigee_deg, "from the ascending node to perigee, at the epoch"),
        ("mean_anomaly_deg", args.mean_anomaly_deg, "past perigee at the epoch"),
        ("start_deg", args.start_deg, "angle past the ascending node at the epoch"),
        ("longitude_deg", args.longitude_deg, "east"),
        ("latitude_deg", args.latitude_deg, "north"),
        ("start_local_time_h", args.start_local_time_h, "local time at the epoch; 12 is noon"),
        ("distance_au", args.distance_au, "from the Sun"),
        ("inlet_degc", args.inlet_degc, "mean of the day"),
        ("inlet_swing_k", args.inlet_swing_k, "warmer by this at 15:00, colder at 3:00"),
        ("capacity_factor_frac", args.capacity_factor_frac, "mean of a year over the rating"),
    ] {
        if let Some(value) = value {
            line(key, &format!("{value:?}").replace("NaN", "nan"), comment);
        }
    }
    line("epoch", epoch, why);
    text.push('\n');
    text.push_str(tables.trim_start_matches('\n'));
    text
}

/// The orbit in a few words.
fn title(args: &MakeArgs) -> String {
    let km = |value: Option<f64>| value.map_or_else(String::new, |v| format!(", {v} km"));
    let inclined = args.inclination_deg.map_or_else(String::new, |v| format!(", {v} deg"));
    let moon = if args.body == Some(Around::Moon) { "Lunar" } else { "" };
    let family = match args.kind {
        Kind::SunSynchronous => match args.ltan_h {
            Some(h) if [6.0, 18.0].contains(&h) => "Dawn-dusk".to_owned(),
            Some(h) if [0.0, 12.0, 24.0].contains(&h) => "Noon-midnight".to_owned(),
            Some(h) => format!("Sun-synchronous, node at {h} h"),
            None => "Sun-synchronous".to_owned(),
        },
        Kind::Circular if moon.is_empty() => "Circular".to_owned(),
        Kind::Circular => "Lunar orbit".to_owned(),
        Kind::Elliptic if moon.is_empty() => "Elliptic".to_owned(),
        Kind::Elliptic => "Lunar ellipse".to_owned(),
        Kind::LunarSurface => format!("Lunar surface, {} deg of latitude", args.latitude_deg.unwrap_or_default()),
        Kind::DeepSpace => format!("Deep space, {} AU from the Sun", args.distance_au.unwrap_or_default()),
        Kind::Ground => {
            let inlet = args.inlet_degc.map_or_else(String::new, |v| format!(" of {v} degC"));
            let to = if args.rejection == Some(Rejection::Liquid) { "facility water" } else { "air" };
            let from = if args.power == Some(Supply::Solar) { "a solar field" } else { "grid power" };
            format!("Ground, {to}{inlet}, {from}")
        }
        Kind::Geostationary => args.longitude_deg.map_or_else(|| "Geostationary".to_owned(), |v| format!("Geostationary, {v} deg east")),
    };
    let heights = match (args.perigee_altitude_km, args.apogee_altitude_km) {
        (Some(low), Some(high)) => format!(", {low} to {high} km"),
        _ => format!("{}{}", km(args.altitude_km), km(args.perigee_altitude_km)),
    };
    format!("{family}{heights}{inclined}")
}

#[cfg(test)]
mod tests;
