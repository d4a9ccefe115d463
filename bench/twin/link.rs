//! How an engine talks to the virtual card of an emulator in another process: one JSON object a line over a Unix socket.
//!
//! The engine sends the duty of the tick, which also renews the workload's lease; the emulator answers with what the card's
//! driver would say. There is no other message: nothing else of the twin crosses between the processes but serial bytes.

use crate::card::CardReading;
use serde::{Deserialize, Serialize};
use signal::Crossing;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// From the engine: the duty for now; `None` stops the workload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardCommand {
    /// Share of time the workload may work, 0..=1.
    pub duty: Option<f64>,
    /// The power for the work is taken away, and this is how it crosses that; `None` while power is there.
    #[serde(default)]
    pub away: Option<Crossing>,
}

/// The line an emulator prints on standard output once everything listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// Version of this line and of the card's messages.
    pub version: u32,
    /// Name of the rig it emulates.
    pub rig: String,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// Seed that drew the bench.
    pub seed: u64,
    /// Device file of each instrument, by its name in the rig file.
    pub ports: BTreeMap<String, PathBuf>,
    /// Address of each instrument that is on a network as well, by its name in the rig file. Emulators of before have none.
    #[serde(default)]
    pub tcp: BTreeMap<String, String>,
    /// Socket of the virtual card.
    pub card: PathBuf,
    /// The emulator's own log.
    pub log: PathBuf,
}

/// Version of [`Ready`] and [`CardCommand`].
pub const VERSION: u32 = 1;

/// File in the emulator's folder that holds the [`Ready`] line, for engines that did not start it.
pub const READY_FILE: &str = "ready.json";

/// Why the virtual card cannot be reached.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The socket cannot be opened.
    #[error("cannot connect to the virtual card at {path}: {source}; is `orbitbench rig emulate` running?")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The emulator hung up or is silent.
    #[error("the virtual card does not answer: {0}")]
    Silent(#[from] std::io::Error),
    /// The answer makes no sense.
    #[error("cannot understand the virtual card's answer: {0}")]
    Answer(#[from] serde_json::Error),
}

/// The engine's end.
pub struct CardLink {
    reader: BufReader<UnixStream>,
    line: String,
}

impl CardLink {
    /// Connects; every exchange fails after `timeout`.
    pub fn connect(path: &Path, timeout: Duration) -> Result<Self, LinkError> {
        let connect = || -> std::io::Result<UnixStream> {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(timeout))?;
            stream.set_write_timeout(Some(timeout))?;
            Ok(stream)
        };
        let stream = connect().map_err(|source| LinkError::Connect { path: path.to_owned(), source })?;
        Ok(Self { reader: BufReader::new(stream), line: String::new() })
    }

    /// Sends a command, returns what the driver says.
    pub fn exchange(&mut self, command: CardCommand) -> Result<CardReading, LinkError> {
        let mut text = serde_json::to_string(&command)?;
        text.push('\n');
        self.reader.get_mut().write_all(text.as_bytes())?;
        self.line.clear();
        if self.reader.read_line(&mut self.line)? == 0 {
            return Err(LinkError::Silent(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(serde_json::from_str(&self.line)?)
    }
}
