//! `profile list` and `profile check`: what ships, and what is wrong or doubtful about profiles, every problem of every file at
//! once.

use crate::exit::{BadInput, Exit};
use crate::plan;
use anyhow::Result;
use model::{Body, Place, Profile};
use std::io::{self, Write};

/// Kind as written in the file.
fn kind(name: &str, text: &str) -> String {
    let doc = signal::Document::parse(name, text);
    doc.root().optional_section("orbit").optional_text("kind", "a kind").unwrap_or_default()
}

fn body(profile: &Profile) -> &'static str {
    match profile.environment.place() {
        Place::Orbit(trajectory) => match trajectory.body() {
            Body::Earth => "Earth",
            Body::Moon => "Moon",
        },
        Place::LunarSurface(_) => "Moon",
        Place::DeepSpace(_) => "Sun",
        Place::Ground(_) => "Earth",
        Place::Timeline(_) => "-",
    }
}

pub(crate) fn list() -> Result<Exit> {
    let rows: Vec<[String; 4]> = model::profile::builtin()
        .iter()
        .filter_map(|(name, text)| {
            let profile = Profile::parse(name, text).ok()?;
            Some([(*name).to_owned(), body(&profile).to_owned(), kind(name, text), profile.title])
        })
        .collect();
    let head = ["NAME", "BODY", "KIND", "TITLE"].map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let mut out = io::stdout().lock();
    for [name, body, kind, title] in [&head].into_iter().chain(&rows) {
        writeln!(out, "{name:<0$}  {body:<1$}  {kind:<2$}  {title}", widths[0], widths[1], widths[2])?;
    }
    Ok(Exit::Done)
}

/// Problems go to standard error, as the other verbs put them; what a sound file is doubtful about, to standard output.
pub(crate) fn check(wanted: &[String]) -> Result<Exit> {
    let mut wrong = 0;
    for name in wanted {
        let read = plan::profile(name).map_err(|why| why.to_string());
        let parsed = read.and_then(|source| {
            Profile::parse(&source.file, &source.text)
                .map_err(|problems| format!("{name} has {}:\n{problems}", count(problems.0.len(), "problem")))
        });
        match parsed {
            Ok(profile) => {
                let warnings = profile.warnings();
                let doubts = if warnings.is_empty() { String::new() } else { format!(", {}", count(warnings.len(), "warning")) };
                say!("{name}: no problems{doubts}");
                for warning in warnings {
                    say!("  warning: {warning}");
                }
            }
            Err(problems) => {
                wrong += 1;
                eprintln!("error: {problems}");
            }
        }
    }
    if wrong > 0 && wanted.len() > 1 {
        return Err(BadInput(format!("{wrong} of {} files cannot be used", wanted.len())).into());
    }
    Ok(if wrong > 0 { Exit::BadInput } else { Exit::Done })
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
