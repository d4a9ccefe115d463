//! The screen of a run: attaches to an engine's session socket, shows what it says and passes on what an operator asks for. Killing
//! it loses nothing.
//!
//! Not here: devices, control, the decision to end a run, starting an engine. What is on the screen is in [`screen`], what a key
//! does in [`keys`], what the screen knows in [`app`].

mod alarms;
pub mod app;
#[cfg(test)]
mod app_tests;
mod client;
#[cfg(test)]
mod fixture;
mod history;
pub mod keys;
mod pacer;
mod past;
pub mod screen;
#[cfg(test)]
mod screen_tests;
mod tally;
mod terminal;
pub mod theme;

pub use alarms::{Alarm, Alarms};
pub use app::{App, Message};
pub use past::{Past, Prediction};
pub use theme::Palette;

use app::Link;
use record::session::SessionError;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// How a screen is to behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only look: no key asks the engine for anything.
    pub read_only: bool,
    /// The styles; `None` for dark, or mono where `NO_COLOR` is set.
    pub theme: Option<Palette>,
    /// The wheel zooms. The terminal's own selection then needs Shift.
    pub mouse: bool,
    /// Stay on the last picture when the run ends, until a key leaves it.
    pub linger: bool,
}

/// How a screen was left. Its `Display` is what to print on the ordinary screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The run goes on.
    Detached {
        /// Its name.
        run: String,
    },
    /// The run is over.
    Ended {
        /// Exit code of the engine.
        code: u8,
        /// How it ended.
        words: String,
    },
    /// The engine went away without saying how the run ended.
    Gone {
        /// Name of the run.
        run: String,
        /// What was noticed.
        why: String,
    },
}

impl fmt::Display for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detached { run } => write!(f, "the run goes on; come back with: orbitbench attach {run}"),
            Self::Ended { words, .. } => write!(f, "the run has ended: {words}"),
            Self::Gone { run, why } => write!(
                f,
                "the engine is gone: {why}\nsee whether it still answers with: orbitbench attach {run}\nand what it left with: orbitbench verify {run}"
            ),
        }
    }
}

/// A screen that could not be shown.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no terminal to show it on.
    #[error("cannot open a screen: standard input and output are no terminal; `run --headless` needs none")]
    NoTerminal,
    /// Nobody answers at the socket.
    #[error("cannot talk to an engine at {}: {source}; if its run is over, `orbitbench verify RUN` says what it left", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What answers at the socket is no engine.
    #[error("cannot talk to an engine at {}: no greeting came", path.display())]
    NoGreeting {
        /// The socket.
        path: PathBuf,
    },
    /// The engine is older or newer than this screen.
    #[error(
        "cannot follow this run: its engine speaks session version {theirs}, this program {ours}; attach with the orbitbench that started it"
    )]
    Version {
        /// The engine's.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// The engine said something that makes no sense.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The terminal refused.
    #[error("cannot {doing}: {source}")]
    Terminal {
        /// What was attempted.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A thread of the screen broke down; the run goes on.
    #[error("the screen broke down and gave the terminal back; the run goes on: `orbitbench attach` opens another")]
    Panicked,
}

impl App {
    /// How the screen is left, as things stand.
    pub fn leave(&self) -> Leave {
        let run = self.run().name.clone();
        match self.link() {
            Link::Live => Leave::Detached { run },
            Link::Gone(why) => Leave::Gone { run, why: why.clone() },
            Link::Ended { code, words } => Leave::Ended { code: *code, words: words.clone() },
        }
    }
}

/// Attaches a screen to the engine behind the socket at `path` and shows it until it is left or the run ends. The terminal is
/// given back on every way out. What the [`Leave`] says is for the caller to print.
///
/// # Errors
/// See [`enum@Error`]. None of them means that anything happened to the run.
pub fn run(path: &Path, options: Options) -> Result<Leave, Error> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Error::NoTerminal);
    }
    let (mut client, hello) = client::Client::connect(path)?;
    let no_color = std::env::var("NO_COLOR").ok();
    let mut app = App::new(hello, &options, Palette::choose(options.theme, no_color.as_deref()));
    if options.theme.is_some_and(|palette| palette != Palette::Mono) {
        crossterm::style::force_color_output(true);
    }
    let mut taken = terminal::Taken::take(options.mouse)?;
    let inputs = terminal::Inputs::open()?;
    let engine = client.messages().clone();
    let channels = (inputs.messages(), &engine);
    terminal::watch(&mut app, &mut taken.terminal, channels, |request| client.request(request), terminal::is_taken)?;
    Ok(app.leave())
}
