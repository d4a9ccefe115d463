//! `rig probe`: what answers at the ports that there are, by harmless questions only, and a rig file to begin with.

use crate::exit::{self, BadInput, Exit};
use anyhow::Result;
use rig::port::probe::{self, Question, Tongue};
use rig::port::{Place, skeleton};
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};

/// Which port is asked, and at which speed: one line on standard error that is rewritten, and only where somebody looks.
struct Asking {
    terminal: bool,
}

impl Asking {
    fn show(&self, line: &str) {
        if self.terminal {
            // Progress that nobody can see is no reason to end a probe.
            let _ = write!(stderr().lock(), "\r{line}\x1b[K");
        }
    }

    fn over(&self) {
        self.show("");
    }
}

/// What is asked now, in words: on a network no speed is set.
fn asking(place: &Place, at: usize, of: &[Question], question: &Question) -> String {
    let speed = if matches!(place, Place::Tcp(_)) { String::new() } else { format!(" at {} baud", question.serial.baud) };
    let (number, all) = (at + 1, of.len());
    let most_s = probe::longest(of).as_secs_f64().ceil();
    format!("{place}: asking{speed}, question {number} of {all}; about {most_s:.0} s where nothing answers")
}

/// A path, or an address of the network.
fn place(text: &str) -> Place {
    let network =
        !text.starts_with('/') && text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if network { Place::Tcp(text.to_owned()) } else { Place::Path(PathBuf::from(text)) }
}

fn told(lines: &[String]) -> Result<()> {
    for line in lines {
        say!("  {line}");
    }
    Ok(())
}

pub(crate) fn run(wanted: &[String], modbus: Option<u8>, out: Option<&Path>) -> Result<Exit> {
    if let Some(path) = out.filter(|path| path.exists()) {
        return Err(BadInput(format!("{} is there already and is left as it is: name a new file", path.display())).into());
    }
    let places: Vec<Place> =
        if wanted.is_empty() { probe::ports().into_iter().map(Place::Path).collect() } else { wanted.iter().map(|w| place(w)).collect() };
    if places.is_empty() {
        say!("no USB serial adapter is plugged in; name ports, or HOST:PORT, to ask there");
    }
    let (mut found, mut failed) = (Vec::new(), 0);
    let progress = Asking { terminal: stderr().is_terminal() };
    for place in places {
        let questions = probe::questions(&place, modbus);
        let answer = probe::probe(&place, modbus, &mut |at, question| progress.show(&asking(&place, at, &questions, question)));
        progress.over();
        match answer {
            Ok(Some(answered)) => {
                let whom = match answered.question.tongue {
                    Tongue::Line => format!("dialect {}", answered.question.whom),
                    _ => format!("driver {}", answered.question.whom),
                };
                let guess = if answered.particular > 0 {
                    ""
                } else if answered.known_model {
                    ", by its model alone: other makers may have one of that name"
                } else {
                    ", a guess: any words would have done"
                };
                let others = if answered.others.is_empty() { String::new() } else { format!(", or {}", answered.others.join(", ")) };
                let serial = answered.serial_number.as_ref().map_or_else(String::new, |number| format!(", serial number {number}"));
                say!("{place}: {whom}{others}{guess}, says \"{}\"{serial}", answered.said.escape_debug());
                told(&probe::not_asked(&place, modbus))?;
                found.push((place, answered));
            }
            Ok(None) => {
                say!("{place}: nothing that is known answers");
                told(&probe::not_asked(&place, modbus))?;
            }
            Err(why) => {
                failed += 1;
                eprintln!("{place}: left alone, it cannot be opened or asked ({why})");
            }
        }
    }
    if let Some(path) = out.filter(|_| !found.is_empty()) {
        let name = path.file_stem().map_or_else(|| "mine".to_owned(), |stem| stem.to_string_lossy().into_owned());
        exit::write(path, skeleton::rig(&name, &found))?;
        say!("wrote {}: fill in its lines with FILL, then `orbitbench rig check {}`", path.display(), path.display());
    } else if out.is_some() {
        say!("no file is written: nothing answered");
    }
    if failed > 0 {
        return Err(BadInput(format!("{failed} of the ports could not be asked: another program holds them, or they are not there")).into());
    }
    Ok(Exit::Done)
}
