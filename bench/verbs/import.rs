//! `profile import`: a profile from a file of two-line elements, mean elements or positions. What the file says becomes the
//! `[orbit]` table; everything else is copied from another profile.

use crate::exit::{self, BadInput, Exit};
use crate::plan;
use anyhow::Result;
use clap::Args;
use model::Profile;
use model::Trajectory;
use model::ephemeris::scale::Tai;
use model::ephemeris::{self, ElementSet, Ephemeris, FORMATS, Format, Imported, csv::Declared};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Args)]
pub(crate) struct ImportArgs {
    /// Two-line elements, OMM (JSON, KVN), CCSDS OEM (KVN), STK .e, or CSV
    file: PathBuf,
    /// Format: tle, omm, oem, stk, csv; by content, then by extension, if left out
    #[arg(long)]
    from: Option<String>,
    /// Profile to copy everything but the orbit from: a name from `profile list` or a TOML file
    #[arg(long, default_value = "dawn-dusk-650")]
    like: String,
    /// Name of the new profile; from the satellite's name if left out
    #[arg(long)]
    name: Option<String>,
    /// Mission second 0, UTC; the first whole second of the data if left out
    #[arg(long)]
    epoch: Option<jiff::Timestamp>,
    /// Orbits to fly unless a run says otherwise
    #[arg(long, default_value_t = 1.0)]
    orbits: f64,
    /// Mission time to keep data for, such as 24h; all of them if left out
    #[arg(long, value_parser = plan::duration)]
    keep: Option<f64>,
    /// Name or catalogue number of the satellite, where a file has elements of several
    #[arg(long)]
    pick: Option<String>,
    /// CSV: columns in order, such as t=instant,x=km,y=km,z=km,vx=km/s,vy=km/s,vz=km/s; `-` for one to leave out
    #[arg(long)]
    columns: Option<String>,
    /// CSV: axes: eme2000 (j2000), gcrf (icrf), teme
    #[arg(long)]
    frame: Option<String>,
    /// CSV: earth or moon
    #[arg(long)]
    center: Option<String>,
    /// CSV: UTC, TAI, TT, TDB or GPS
    #[arg(long)]
    time_scale: Option<String>,
    /// CSV: instant, in the time scale, that elapsed times are counted from
    #[arg(long)]
    since: Option<String>,
    /// Where to write; - for standard output
    #[arg(long, default_value = "-")]
    out: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    force: bool,
}

pub(crate) fn import(args: &ImportArgs) -> Result<Exit> {
    let file = args.file.display().to_string();
    let bytes = std::fs::read(&args.file).map_err(|why| BadInput(format!("{file} cannot be read: {why}")))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|why| BadInput(format!("{file} is not text: it stops being UTF-8 after {} bytes", why.valid_up_to())))?;
    let format = format(args, &file, text)?;
    let declared = declared(args, format)?;
    let imported = ephemeris::read(&file, text, format, &declared).map_err(|p| BadInput(format!("{file} cannot be imported:\n{p}")))?;
    let orbit = match &imported {
        Imported::Elements(sets) => Orbit::Elements(pick(args, &file, sets)?),
        Imported::Ephemeris(table) => Orbit::Table(table),
    };
    let profile = compose(args, format, &orbit, &record::sha256(&bytes))?;
    // What does not parse is never written; that it does not is the importer's fault, or that of the profile it was made like.
    let parsed = Profile::parse("the new profile", &profile).map_err(|p| BadInput(format!("{file} makes no profile:\n{p}")))?;
    write(args, &profile)?;
    for note in orbit.notes() {
        eprintln!("{file}: {note}");
    }
    if args.out != Path::new("-") {
        say!("{}: {} written, one orbit is {:.1} s", parsed.name, args.out.display(), parsed.environment.period_s());
    }
    Ok(Exit::Done)
}

/// What a profile's orbit is made from.
enum Orbit<'a> {
    Elements(&'a ElementSet),
    Table(&'a Ephemeris),
}

impl Orbit<'_> {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Elements(set) => set.name.as_deref(),
            Self::Table(table) => table.object.as_deref(),
        }
    }

    fn notes(&self) -> &[String] {
        match self {
            Self::Elements(_) => &[],
            Self::Table(table) => &table.notes,
        }
    }

    fn start(&self) -> Tai {
        match self {
            Self::Elements(set) => ephemeris::fit_epoch(set.epoch),
            Self::Table(table) => ephemeris::fit_epoch(table.span().0),
        }
    }

    fn body(&self) -> model::Body {
        match self {
            Self::Elements(_) => model::Body::Earth,
            Self::Table(table) => table.body,
        }
    }
}

fn format(args: &ImportArgs, file: &str, text: &str) -> Result<Format> {
    let names = || FORMATS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match &args.from {
        Some(wanted) => FORMATS
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, format)| *format)
            .ok_or_else(|| BadInput(format!("--from \"{wanted}\" is not known: expected one of {}", names())).into()),
        None => Format::guess(file, text)
            .ok_or_else(|| BadInput(format!("{file} looks like nothing that is read here: say which with --from ({})", names())).into()),
    }
}

/// What was said of a CSV file. Of other files, which say it themselves, it is refused rather than ignored.
fn declared(args: &ImportArgs, format: Format) -> Result<Declared> {
    let declared = Declared {
        columns: args.columns.clone(),
        frame: args.frame.clone(),
        center: args.center.clone(),
        time_scale: args.time_scale.clone(),
        epoch: args.since.clone(),
        object: None,
    };
    if format != Format::Csv && declared != Declared::default() {
        let message = "--columns, --frame, --center, --time-scale and --since are for CSV files: this one says all that itself";
        return Err(BadInput(message.into()).into());
    }
    Ok(declared)
}

fn pick<'a>(args: &ImportArgs, file: &str, sets: &'a [ElementSet]) -> Result<&'a ElementSet> {
    let of = |set: &ElementSet| format!("{} ({})", set.name.as_deref().unwrap_or("no name"), set.number);
    let fits = |set: &&ElementSet| {
        args.pick.as_deref().is_none_or(|wanted| set.number.to_string() == wanted || set.name.as_deref() == Some(wanted))
    };
    let found: Vec<&ElementSet> = sets.iter().filter(fits).collect();
    if let [one] = found[..] {
        return Ok(one);
    }
    let here: Vec<String> = sets.iter().take(20).map(of).collect();
    let more = if sets.len() > 20 { ", ..." } else { "" };
    let found = match &args.pick {
        Some(wanted) => format!("{} element sets of \"{wanted}\" among {}", found.len(), sets.len()),
        None => format!("{} element sets", sets.len()),
    };
    Err(BadInput(format!("{file} has {found}: choose one with --pick NAME or NUMBER: {}{more}", here.join(", "))).into())
}

/// The whole profile as text.
fn compose(args: &ImportArgs, format: Format, orbit: &Orbit<'_>, sha256: &str) -> Result<String> {
    let file = args.file.display();
    let like = plan::profile(&args.like)?;
    let like_profile = Profile::parse(&like.file, &like.text).map_err(|p| BadInput(format!("--like {} has problems:\n{p}", args.like)))?;
    let (ours, theirs) = (orbit.body(), like_profile.environment.trajectory().map(Trajectory::body));
    if theirs != Some(ours) {
        let theirs = theirs.map_or_else(|| "no orbit".to_owned(), |body| format!("about {body:?}"));
        let message = format!("{file} is about {ours:?} and --like {} is {theirs}: choose a profile about {ours:?}", args.like);
        return Err(BadInput(message).into());
    }
    let start = match args.epoch {
        Some(utc) => Tai::from_utc(utc).ok_or_else(|| BadInput(format!("--epoch {utc} is before 1972")))?,
        None => orbit.start(),
    };
    let kept = args.keep.and_then(|keep_s| start.plus_s(keep_s));
    let (about, period_s, until_s, table) = match orbit {
        Orbit::Elements(set) => {
            let flown = set.trajectory(start).map_err(|why| BadInput(format!("{file}:{}: {why}", set.line)))?;
            let about = format!("mean elements of {}, propagated by SGP4", set.epoch.utc());
            (about, flown.period_s(), *flown.span_s().end(), ephemeris::orbit_table(*set, start, start))
        }
        Orbit::Table(table) => {
            let (from, until) = table.span();
            if !(from..until).contains(&start) {
                let message = format!("--epoch {} is outside the data of {file}, from {} to {}", start.utc(), from.utc(), until.utc());
                return Err(BadInput(message).into());
            }
            let (frame, centre) = (table.frame.name(), ephemeris::centre_name(table.body));
            let mut about = format!("{} points from {} to {}, {frame} about {centre}", table.len(), from.utc(), until.utc());
            let until = kept.map_or(until, |kept| kept.min(until));
            if let Some(keep_s) = args.keep {
                let _ = write!(about, ", of which {keep_s} s are kept");
            }
            let flown = table.table(start).ok_or_else(|| BadInput(format!("{file}: the orbit at {} is not closed", start.utc())))?;
            (about, flown.period_s(), until.since_s(start), ephemeris::orbit_table(*table, start, until))
        }
    };
    let object = orbit.name().map_or_else(|| stem(&args.file), str::to_owned);
    let name = args.name.clone().unwrap_or_else(|| short(&object));
    // Three digits, down: what is written must fit what is known.
    let orbits = args.orbits.min((until_s / period_s * 1e3).floor() / 1e3);
    let format = FORMATS.iter().find(|(_, f)| *f == format).map_or("", |(name, _)| *name);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# Imported with `orbitbench profile import` from {} ({format}),", one_line(&stem_and_extension(&args.file)));
    let _ = writeln!(text, "# SHA-256 {sha256}:");
    let _ = writeln!(text, "# {}: {about}.", one_line(&object));
    for note in orbit.notes() {
        let _ = writeln!(text, "# {note}.");
    }
    let _ = writeln!(text, "# Everything but [orbit] is that of {}.", one_line(&args.like));
    let title = ephemeris::quoted(&format!("{object}, imported"));
    let _ = writeln!(text, "schema = 1\nname = {}\ntitle = {title}\nduration_orbits = {orbits:?}\n", ephemeris::quoted(&name));
    let _ = writeln!(text, "{table}\n{}", without_orbit(&like.text));
    Ok(text)
}

fn write(args: &ImportArgs, profile: &str) -> Result<()> {
    if args.out == Path::new("-") {
        say!("{}", profile.trim_end());
        return Ok(());
    }
    if args.out.exists() && !args.force {
        return Err(BadInput(format!("{} is there already: choose another name or say --force", args.out.display())).into());
    }
    Ok(exit::write(&args.out, profile)?)
}

/// The tables of a profile but `[orbit]`, word for word, comments included.
fn without_orbit(text: &str) -> String {
    let (mut kept, mut copying, mut fence) = (String::new(), false, None);
    for line in text.split_inclusive('\n') {
        let header = fence.is_none() && line.starts_with('[');
        if header {
            copying = !line.starts_with("[orbit]") && !line.starts_with("[orbit.");
        }
        if copying {
            kept += line;
        }
        // Inside a string of several lines a bracket is no table.
        let mut rest = line;
        while let Some((at, found)) = ["'''", "\"\"\""].iter().filter_map(|f| rest.find(f).map(|at| (at, *f))).min() {
            rest = &rest[at + 3..];
            match fence {
                None => fence = Some(found),
                Some(open) if open == found => fence = None,
                Some(_) => {}
            }
        }
    }
    kept
}

fn stem(file: &Path) -> String {
    file.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
}

fn stem_and_extension(file: &Path) -> String {
    file.file_name().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name fit for a profile: lower-case letters, digits and single hyphens.
fn short(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out: String = out.trim_end_matches('-').chars().take(64).collect();
    if out.is_empty() { "imported".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_fit_for_profiles() {
        for (name, short_name) in [("ISS (ZARYA)", "iss-zarya"), ("", "imported"), ("--x__Y!", "x-y"), ("größe", "gr-e")] {
            assert_eq!(short(name), short_name);
        }
    }

    #[test]
    fn all_tables_but_the_orbit_are_kept_word_for_word() {
        let text = "schema = 1\n[orbit]\nkind = 'x'\njson = '''\n[1]\n'''\n[orbit.deep]\na = 1\n[environment] # yes\nb = 2\n\n# why\n[loop]\nc = \"\"\"\n[orbit]\n\"\"\"\n";
        assert_eq!(without_orbit(text), "[environment] # yes\nb = 2\n\n# why\n[loop]\nc = \"\"\"\n[orbit]\n\"\"\"\n");
    }
}
