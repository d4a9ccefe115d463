//! Settings of the device under test while a run lasts: set through the accelerator's own code, put back on every way out, and by a guardian
//! process where this one is killed.
//!
//! The guardian is told what to put back before anything is changed. It holds the other end of a pipe: a last word on it means that
//! everything is in place again, its end without one that the engine died.

use accelerator::nvml::{Held, Library, Original, Settings, SettingsError, put_back};
use accelerator::{Error, Gpu};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use thiserror::Error as ThisError;

/// What the guardian says when it has found its GPU, and what it is told when it is not needed any more.
const READY: &str = "ready";
const DONE: &str = "done";
/// The driver may take this long to put a setting back before it is unconfirmed.
const RESTORE: Duration = Duration::from_secs(2);
/// A limit is not set anew for a smaller change, W.
const LEAST_CHANGE_W: f64 = 1.0;
/// A guardian that cannot put back tries again this often, so many times: a GPU in reset comes back.
const AGAIN: Duration = Duration::from_secs(2);
const TRIES: u32 = 30;

/// Why settings could not be made.
#[derive(Debug, ThisError)]
pub enum GuardError {
    /// The GPU or its driver refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no NVML library.
    #[error(transparent)]
    Library(#[from] Error),
    /// The process that would put them back after a kill did not start: nothing was changed.
    #[error("cannot start the guardian that puts the GPU's settings back: {0}; nothing was changed")]
    Guardian(String),
}

/// What the settings' own thread is asked: the driver may hang, and nobody waits for it without a deadline.
enum Ask {
    Limit(f64),
    Restore(SyncSender<Result<(), String>>),
}

/// Settings in force, with the guardian that watches over them.
pub(crate) struct Guarded {
    asks: Option<SyncSender<Ask>>,
    /// What became of limits that were asked for and refused.
    refused: Receiver<String>,
    /// The limit last asked for, W.
    limit_w: f64,
    guardian: Child,
    word: Option<ChildStdin>,
}

impl Guarded {
    /// Starts the guardian, then sets what is asked for. `program` is ourselves.
    pub(crate) fn apply(program: &Path, gpu: &Gpu, wanted: Settings, log: &Path) -> Result<Self, GuardError> {
        let mut held = Held::prepare(Library::find()?, gpu, wanted)?;
        let (guardian, word) = start(program, gpu, held.original(), log).map_err(GuardError::Guardian)?;
        // From here on the guardian's pipe breaks if anything fails, and it puts back what was set.
        held.apply()?;
        let (asks, asked) = sync_channel(2);
        let (tell, refused) = sync_channel(16);
        let thread = std::thread::Builder::new().name("settings".into());
        thread.spawn(move || serve(held, &asked, &tell)).map_err(|e| GuardError::Guardian(e.to_string()))?;
        Ok(Self { asks: Some(asks), refused, limit_w: wanted.power_limit_w.unwrap_or(f64::NAN), guardian, word: Some(word) })
    }

    /// Asks for another power limit, without waiting; one that comes while the driver is busy is asked for again at the next tick.
    pub(crate) fn limit(&mut self, watts: f64) {
        // Every change is a call into the driver: not for less than it can hold.
        if (watts - self.limit_w).abs() < LEAST_CHANGE_W {
            return;
        }
        if self.asks.as_ref().is_some_and(|asks| asks.try_send(Ask::Limit(watts)).is_ok()) {
            self.limit_w = watts;
        }
    }

    /// Limits that were refused since the last call, in words.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.try_iter().collect()
    }

    /// Puts everything back; what is wrong if that is not confirmed. Never takes longer than `within`: a driver that hangs is left to the guardian.
    pub(crate) fn restore(mut self, within: Duration) -> Result<(), String> {
        self.put_back(within)
    }

    fn put_back(&mut self, within: Duration) -> Result<(), String> {
        let Some(asks) = self.asks.take() else { return Ok(()) };
        let deadline = Instant::now() + within.min(RESTORE);
        let silent = || Err("the driver does not answer; the guardian goes on trying".to_owned());
        let (tell, told) = sync_channel(1);
        let mut ask = Ask::Restore(tell);
        let restored = loop {
            match asks.try_send(ask) {
                Ok(()) => break told.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap_or_else(|_| silent()),
                Err(TrySendError::Full(back)) if Instant::now() < deadline => {
                    ask = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => break silent(),
            }
        };
        let word = self.word.take();
        if restored.is_ok()
            && let Some(mut word) = word
        {
            // One that is gone has nothing to do.
            let _ = writeln!(word, "{DONE}");
            drop(word);
            while matches!(self.guardian.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        restored
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Without a last word the guardian does it.
        let _ = self.put_back(RESTORE);
    }
}

/// Sets limits until it is told to put everything back, or nobody is left to tell it.
fn serve(mut held: Held, asked: &Receiver<Ask>, tell: &SyncSender<String>) {
    for ask in asked {
        match ask {
            Ask::Limit(watts) => {
                if let Err(why) = held.set_power_limit(watts) {
                    // Nobody listening, or too much said already.
                    let _ = tell.try_send(why.to_string());
                }
            }
            Ask::Restore(told) => {
                let _ = told.send(held.restore().map_err(|e| e.to_string()));
            }
        }
    }
}

/// Starts the guardian and waits until it has found its GPU.
fn start(program: &Path, gpu: &Gpu, original: Original, log: &Path) -> Result<(Child, ChildStdin), String> {
    let mut child = Command::new(program)
        .args(["accelerator", "guard", &gpu.to_string(), &original.to_string(), "--log"])
        .arg(log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        // It ends or speaks: a driver that hangs has already hung us when the GPU was prepared.
        BufReader::new(out).read_line(&mut said).map_err(|e| e.to_string())?;
    }
    let word = child.stdin.take().filter(|_| said.trim() == READY);
    word.map_or_else(|| Err(format!("it said \"{}\"; see {}", said.trim(), log.display())), |word| Ok((child, word)))
}

/// What the guardian process does: see this file's beginning. Returns when nothing is left to do.
///
/// # Errors
/// If the GPU is not there, or what was there cannot be put back; both are in the log.
pub fn guard(gpu: &Gpu, original: Original, log: &Path) -> Result<(), String> {
    let note = |text: &str| {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        // A log that cannot be written must not keep it from its work.
        let _ = file.and_then(|mut f| writeln!(f, "{} {text}", jiff::Timestamp::now()));
    };
    let told = |why: String| {
        note(&why);
        why
    };
    let library = Library::find().map_err(|e| told(e.to_string()))?;
    library.gpu(gpu).map_err(|e| told(e.to_string()))?;
    println!("{READY}");
    let mut words = String::new();
    // An end is an end, whatever it looks like.
    let _ = std::io::stdin().lock().read_to_string(&mut words);
    if words.trim() == DONE {
        return Ok(());
    }
    note(&format!("the engine is gone without putting the settings of {gpu} back: {original} is put back"));
    let mut outcome = Ok(());
    for _ in 0..TRIES {
        outcome = put_back(library, gpu, original).map_err(|e| told(e.to_string()));
        if outcome.is_ok() {
            note("the settings are what they were");
            break;
        }
        std::thread::sleep(AGAIN);
    }
    outcome
}

/// Where the guardian of a run writes what it had to do.
pub(crate) fn log_of(folder: &Path) -> PathBuf {
    folder.join("guardian.log")
}
