//! Verbs that talk to an engine over its session socket: the screen, and the requests of operators and scripts.

use crate::cli::{Cli, RequestArgs, ScreenArgs};
use crate::exit::{BadInput, Exit};
use anyhow::{Context, Result};
use clap::CommandFactory;
use record::session::{FromScreen, RunCard, ToScreen, decode, encode};
use signal::Request;
use std::io::{BufRead, BufReader, IsTerminal, Write, stdout};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an engine may take to answer a request: it looks at them once a tick.
const ANSWER: Duration = Duration::from_secs(10);

/// How long an engine may take to say hello.
const GREETING: Duration = Duration::from_secs(2);

/// Without a verb: the screen of a run under way, else help.
pub(crate) fn newest_or_help() -> Result<Exit> {
    if stdout().is_terminal() && running().len() == 1 {
        return attach(None, &ScreenArgs { read_only: false, theme: None });
    }
    Cli::command().print_help()?;
    Ok(Exit::Usage)
}

/// Sockets of engines that answer, with the names of their runs, the newest last.
fn running() -> Vec<(PathBuf, String)> {
    let Ok(entries) = std::fs::read_dir(engine::live::socket_folder()) else { return Vec::new() };
    let paths = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "sock"));
    let mut found: Vec<_> = paths.filter_map(|path| run_behind(&path).map(|run| (path, run.name))).collect();
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found
}

/// What the engine behind a socket says of its run.
fn run_behind(path: &Path) -> Option<RunCard> {
    let stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(GREETING)).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    match decode::<ToScreen>(&line).ok()? {
        ToScreen::Hello(hello) => Some(hello.run),
        _ => None,
    }
}

/// The one run that is meant.
fn find(wanted: Option<&str>) -> Result<(PathBuf, String)> {
    let all = running();
    let names = || {
        if all.is_empty() {
            "no run is under way".to_owned()
        } else {
            format!("under way: {}", all.iter().map(|r| r.1.as_str()).collect::<Vec<_>>().join(", "))
        }
    };
    let name = wanted.map(|w| Path::new(w).file_name().map_or_else(|| w.to_owned(), |n| n.to_string_lossy().into_owned()));
    let mut fitting: Vec<_> = all.iter().filter(|r| name.as_ref().is_none_or(|n| r.1.starts_with(n) || r.1.ends_with(n))).collect();
    match (fitting.len(), wanted) {
        (1, _) => Ok(fitting.remove(0).clone()),
        (0, Some(wanted)) => {
            Err(BadInput(format!("no run \"{wanted}\" is under way; {}. An ended run: `orbitbench compare` and `verify`", names())).into())
        }
        (0, None) => Err(BadInput("no run is under way; start one with `orbitbench run`".into()).into()),
        _ => Err(BadInput(format!("which run? {}", names())).into()),
    }
}

pub(crate) fn attach(wanted: Option<&str>, screen: &ScreenArgs) -> Result<Exit> {
    let (socket, name) = find(wanted)?;
    show(&socket, &name, screen)
}

/// The screen on a socket, until the operator leaves or the run ends.
pub(crate) fn show(socket: &Path, name: &str, screen: &ScreenArgs) -> Result<Exit> {
    let theme = screen
        .theme
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|why: <tui::Palette as std::str::FromStr>::Err| BadInput(why.to_string()))?;
    let options = tui::Options { read_only: screen.read_only, theme, ..tui::Options::default() };
    let folder = run_behind(socket).map(|run| run.folder);
    let leave = tui::run(socket, options).with_context(|| format!("the screen failed; the run goes on: orbitbench attach {name}"))?;
    say!("{leave}");
    if let (tui::Leave::Ended { .. }, Some(folder)) = (&leave, folder) {
        say!("{folder}");
        match super::judge::of_ended(Path::new(&folder)) {
            Ok(comparison) => say!("{}", comparison.to_string().trim_end()),
            Err(why) => say!("not compared: {why}"),
        }
    }
    Ok(match leave {
        tui::Leave::Detached { .. } => Exit::Done,
        tui::Leave::Ended { code, .. } => super::run::exit_of(code),
        // What the outputs do is then for the instruments' own leases, and for somebody to look at.
        tui::Leave::Gone { .. } => Exit::Unconfirmed,
    })
}

/// Sends one request and prints what the engine makes of it: the event after the echo, where there is one.
pub(crate) fn request(args: &RequestArgs, what: Request) -> Result<Exit> {
    let (socket, name) = find(args.run.as_deref())?;
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
    let who = format!("{user} (command line, process {})", std::process::id());
    let gone = || {
        say!("{name}: the engine is gone without a word; see to its outputs");
        Ok(Exit::Unconfirmed)
    };
    let Ok(mut stream) = UnixStream::connect(&socket) else { return gone() };
    stream.set_read_timeout(Some(ANSWER))?;
    if stream.write_all(encode(&FromScreen::Request { who: who.clone(), what }).as_bytes()).is_err() {
        return gone();
    }
    let mut echoed = false;
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        match decode::<ToScreen>(&line) {
            // A row ends the tick in which the request was taken: what it led to has been told.
            Ok(ToScreen::Row(_)) if echoed => {
                say!("{name}: {}", what.word());
                return Ok(Exit::Done);
            }
            Ok(ToScreen::Event(event)) if event.who == who && event.message == what.word() => echoed = true,
            Ok(ToScreen::Event(event)) if echoed && event.who == who => {
                say!("{name}: {}", event.message);
                return Ok(if event.message.contains("does nothing") { Exit::BadInput } else { Exit::Done });
            }
            Ok(ToScreen::Event(event)) if echoed && event.kind == "state" => {
                say!("{name}: {}", event.message);
                return Ok(Exit::Done);
            }
            Ok(ToScreen::End { words, .. }) => {
                say!("{name}: {words}");
                return Ok(Exit::Done);
            }
            _ => {}
        }
    }
    gone()
}
