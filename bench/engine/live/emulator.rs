//! The twin as a process of its own: started by the engine, or found where an operator started it.
//!
//! The child gets its own process group (a Ctrl-C meant for the engine must not take the bench away under it) and our end of
//! its standard input: when that closes, however the engine died, it lets its watchdog act, writes what happened and ends.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use thiserror::Error;
use twin::Ready;

/// How long an emulator may take to come up.
const START: Duration = Duration::from_secs(10);

/// Why there is no emulator.
#[derive(Debug, Error)]
pub enum EmulatorError {
    /// The process could not be started.
    #[error("cannot start the emulated rig: {0}")]
    Start(std::io::Error),
    /// It did not say that it is ready.
    #[error("the emulated rig did not come up: {0}")]
    Silent(String),
    /// An emulator of something else: the run would be recorded as what it is not.
    #[error("the emulated rig in {folder} is {found}, and this run wants {wanted}; give both the same --rig, --speed and --seed")]
    Other {
        /// Where it is.
        folder: PathBuf,
        /// What it says.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// No emulator where one was said to run.
    #[error("no emulated rig in {folder}: {why}; start one with `orbitbench rig emulate --folder {folder}`")]
    Absent {
        /// Where it should be.
        folder: PathBuf,
        /// What was found instead.
        why: String,
    },
}

/// An emulated rig that is up.
pub(crate) struct Emulator {
    child: Option<Child>,
    /// Where its ports and socket are.
    pub(crate) ready: Ready,
}

/// How to start one.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program: ourselves.
    pub program: PathBuf,
    /// The rig file as given to us.
    pub rig: String,
    /// Folder for its links and socket.
    pub folder: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// Seed of the bench.
    pub seed: u64,
    /// The virtual card sits on the emulated plate; a real device under test does not.
    pub coupled: bool,
}

impl Emulator {
    /// Starts a process for this run.
    pub(crate) fn start(launch: &Launch) -> Result<Self, EmulatorError> {
        let mut child = Command::new(&launch.program)
            .args(["rig", "emulate", &launch.rig, "--with-parent", "--folder"])
            .arg(&launch.folder)
            .arg("--log")
            .arg(&launch.log)
            .args(["--speed", &launch.speed.to_string(), "--seed", &launch.seed.to_string()])
            .args((!launch.coupled).then_some("--uncoupled"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()
            .map_err(EmulatorError::Start)?;
        let stdout = child.stdout.take();
        let (tell, told) = crossbeam_channel::bounded(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.map(|out| BufReader::new(out).read_line(&mut line));
            let _ = tell.send(match read {
                Some(Ok(n)) if n > 0 => Ok(line),
                Some(Err(why)) => Err(why.to_string()),
                _ => Err("it ended without a word".to_owned()),
            });
        });
        let line = told
            .recv_timeout(START)
            .map_err(|_| EmulatorError::Silent(format!("no word in {} s", START.as_secs())))?
            .map_err(EmulatorError::Silent)?;
        let ready = serde_json::from_str(&line).map_err(|e| EmulatorError::Silent(format!("it said {line:?}: {e}")))?;
        Ok(Self { child: Some(child), ready })
    }

    /// Uses one that an operator started, if it emulates what is to be flown.
    pub(crate) fn find(folder: &Path, rig: &str, speed: f64, seed: u64) -> Result<Self, EmulatorError> {
        let ready = announced(folder)?;
        if (ready.rig.as_str(), ready.speed, ready.seed) != (rig, speed, seed) {
            let found = format!("rig {}, speed {}, seed {}", ready.rig, ready.speed, ready.seed);
            return Err(EmulatorError::Other {
                folder: folder.to_owned(),
                found,
                wanted: format!("rig {rig}, speed {speed}, seed {seed}"),
            });
        }
        Ok(Self { child: None, ready })
    }

    /// Ends it once everything is confirmed safe; otherwise lets go, and its watchdog does the rest.
    pub(crate) fn finish(mut self, confirmed: bool) {
        let Some(mut child) = self.child.take() else { return };
        if confirmed {
            let _ = child.kill();
            let _ = child.wait();
        }
        // Its standard input closes here, and if it still lives it takes that for our end.
    }
}

/// What the emulator that an operator started in `folder` says of itself.
pub(crate) fn announced(folder: &Path) -> Result<Ready, EmulatorError> {
    let absent = |why: String| EmulatorError::Absent { folder: folder.to_owned(), why };
    let text = std::fs::read_to_string(folder.join(twin::link::READY_FILE)).map_err(|e| absent(e.to_string()))?;
    let ready: Ready = serde_json::from_str(&text).map_err(|e| absent(e.to_string()))?;
    // One that was killed leaves its links behind, and its pseudo-terminal's number may be somebody's by now.
    UnixStream::connect(&ready.card).map_err(|e| absent(format!("it is gone ({e})")))?;
    Ok(ready)
}
