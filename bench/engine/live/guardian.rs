//! Settings of the devices under test while a run lasts: set through the accelerator's own code, put back on every way out, and by a guardian
//! process where this one is killed. Each card has its own thread, guardians and note, so that one that hangs keeps no other from being put back; `all` has them together.
//!
//! A guardian is told what to put back before anything is changed. It holds the other end of a pipe: a last word on it means that
//! everything is in place again, its end without one that the engine died, silence for longer than its lease that the engine is stopped or hangs (the settings
//! are put back, and set again when it goes on). There are two of them (`pair`): no two processes that are stopped or killed, in whatever order, leave anything set. Were all
//! three killed, the note beside the card's lock tells the next run.

mod all;
mod guard;
mod left;
mod pair;
mod post;

pub(crate) use all::AllGuarded;
pub use guard::guard;
pub(crate) use left::{anything_left, left_on, of_a_holder, take_up};

use accelerator::nvml::{Held, Library, Settings, SettingsError};
use accelerator::{Error, Gpu};
use control::Event;
use left::Note;
use pair::Pair;
use post::{News, Order};
use signal::Severity;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use thiserror::Error as ThisError;

/// What the guardian says when it has found its GPU, and when it has put the settings back.
const READY: &str = "ready";
const LAPSED: &str = "lapsed";
/// What it is told: that the engine ticks, that the settings are in force again, that it is not needed any more. It answers the first two with the same.
const HERE: &str = "here";
const AGAIN: &str = "again";
const DONE: &str = "done";
/// Silence after which the guardian puts the settings back, beside two ticks: longer than a teardown waits for anything before it puts them back itself.
const LEASE: Duration = Duration::from_secs(5);
/// The driver may take this long to put a setting back before it is unconfirmed.
const RESTORE: Duration = Duration::from_secs(2);
/// A limit is not set anew for a smaller change, W.
const LEAST_CHANGE_W: f64 = 1.0;

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
    /// What a run before this one left changed cannot be put back: what there was before is not known.
    #[error("{0}; nothing was changed")]
    Left(String),
    /// One card could not be set, and another that was set before it could not be put back.
    #[error("{why}; and what was set before that is not confirmed to be back: {left}")]
    Others {
        /// Why the one could not be set.
        why: Box<GuardError>,
        /// What is not back.
        left: String,
    },
}

/// What the settings' own thread is asked: the driver may hang, and nobody waits for it without a deadline.
enum Ask {
    Limit(f64),
    /// Everything once more, with this limit.
    Again(f64),
    Restore(SyncSender<Result<(), String>>),
}

/// Settings in force, with the guardian that watches over them.
struct Guarded {
    asks: Option<SyncSender<Ask>>,
    /// What became of what was asked for.
    told: Receiver<(Severity, String)>,
    /// The limit last asked for, W.
    limit_w: f64,
    /// The least that the board takes and the most that the rig file allows, W; `None` where no limit is set.
    range_w: Option<(f64, f64)>,
    /// The guardian put the settings back, and they are not asked for again yet.
    lapsed: bool,
    /// When that was last told.
    lapse_told: Option<Instant>,
    guardians: Pair,
    note: Note,
}

/// What to set on one card, and who guards it.
pub(crate) struct Wanted {
    /// Before what is told of it; empty where it is the only one.
    pub(crate) name: String,
    /// Ourselves.
    pub(crate) program: PathBuf,
    pub(crate) gpu: Gpu,
    /// Of the board, whose lock is held.
    pub(crate) uuid: String,
    pub(crate) settings: Settings,
    /// Where the guardian writes.
    pub(crate) log: PathBuf,
    /// Wall time of a tick.
    pub(crate) tick: Duration,
}

impl Guarded {
    /// Notes what is there, starts the guardian, then sets what is asked for; with what should be said about what was found.
    fn apply(wanted: &Wanted) -> Result<(Self, Option<String>), GuardError> {
        let mut held = Held::prepare(Library::find()?, &wanted.gpu, wanted.settings)?;
        let caution = held.caution()?;
        let least_w = held.least_w()?;
        let note = Note::leave(&wanted.uuid, held.original(), wanted.log.parent().unwrap_or(&wanted.log)).map_err(GuardError::Guardian)?;
        let order = Order {
            program: wanted.program.clone(),
            gpu: wanted.gpu.clone(),
            original: held.original(),
            log: wanted.log.clone(),
            note: note.path.clone(),
            lease: LEASE + 2 * wanted.tick,
        };
        let mut guardians = Pair::start(&order).map_err(|why| {
            note.remove();
            GuardError::Guardian(why)
        })?;
        // From here on the guardians' pipes break if anything fails, and they put back what was set.
        if let Err(why) = held.apply() {
            // A user who may set nothing leaves nothing to put back.
            if held.is_back() {
                note.remove();
                guardians.dismiss(Instant::now() + RESTORE);
            }
            return Err(why.into());
        }
        let (asks, asked) = sync_channel(2);
        let (tell, told) = sync_channel(16);
        let thread = std::thread::Builder::new().name("settings".into());
        thread.spawn(move || serve(held, &asked, &tell)).map_err(|e| GuardError::Guardian(e.to_string()))?;
        let limit_w = wanted.settings.power_limit_w.unwrap_or(f64::NAN);
        let range_w = least_w.zip(wanted.settings.power_limit_w);
        Ok((Self { asks: Some(asks), told, limit_w, range_w, lapsed: false, lapse_told: None, guardians, note }, caution))
    }

    /// Looks at the guardian and renews its lease: at every tick. What happened, and why the run must end if it must: nobody is left to put the settings back.
    fn look(&mut self) -> (Vec<Event>, Option<String>) {
        let mut events: Vec<Event> = self.told.try_iter().map(|(severity, message)| event(severity, message)).collect();
        let mut lost = None;
        for news in self.guardians.look() {
            match news {
                News::Ended(why) => {
                    let message = format!("one of the two guardians of the accelerator's settings is gone ({why}): another one is started");
                    events.push(event(Severity::Warning, message));
                }
                News::Restarted => {
                    events.push(event(Severity::Info, "the accelerator's settings have both guardians again".to_owned()));
                    // What the one before it may have put back is not known.
                    self.lapsed = true;
                }
                // Both say so, at once or one after the other: it is told once, and set again after each.
                News::Lapsed => {
                    let again = self.lapse_told.replace(Instant::now()).is_some_and(|before| before.elapsed() < LEASE);
                    if !again {
                        let message = "this process was silent for longer than its lease, and a guardian put the accelerator's settings back: they are set again";
                        events.push(event(Severity::Warning, message.to_owned()));
                    }
                    self.lapsed = true;
                }
                News::Lost(why) => {
                    lost = Some(format!("a guardian of the accelerator's settings is gone and no other can be had: {why}"));
                }
            }
        }
        if self.lapsed {
            // First the word, then the deed: a guardian that watches in vain does no harm.
            self.guardians.again();
            self.lapsed = self.asks.as_ref().is_none_or(|asks| asks.try_send(Ask::Again(self.limit_w)).is_err());
        }
        (events, lost)
    }

    /// Asks for another power limit, without waiting; one that comes while the driver is busy is asked for again at the next tick.
    fn limit(&mut self, watts: f64) {
        // Every change is a call into the driver: not for less than it can hold.
        if (watts - self.limit_w).abs() < LEAST_CHANGE_W {
            return;
        }
        if self.asks.as_ref().is_some_and(|asks| asks.try_send(Ask::Limit(watts)).is_ok()) {
            self.limit_w = watts;
        }
    }

    /// Puts everything back; what is wrong if that is not confirmed. Never takes longer than `within`: a driver that hangs is left to the guardian.
    fn restore(mut self, within: Duration) -> Result<(), String> {
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
        if restored.is_ok() {
            self.note.remove();
            self.guardians.dismiss(deadline);
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
fn serve(mut held: Held, asked: &Receiver<Ask>, tell: &SyncSender<(Severity, String)>) {
    // Nobody listening, or too much said already.
    let say = |severity, message| drop(tell.try_send((severity, message)));
    for ask in asked {
        match ask {
            Ask::Limit(watts) => {
                if let Err(why) = held.set_power_limit(watts) {
                    say(Severity::Warning, why.to_string());
                }
            }
            Ask::Again(watts) => match held.again(watts) {
                Ok(()) => say(Severity::Info, "the accelerator's settings are set again, and read back".to_owned()),
                Err(why) => say(Severity::Warning, format!("the accelerator's settings cannot be set again: {why}")),
            },
            Ask::Restore(told) => {
                let _ = told.send(held.restore().map_err(|e| e.to_string()));
            }
        }
    }
}

fn event(severity: Severity, message: String) -> Event {
    Event { severity, kind: "settings", who: "engine".into(), message }
}

/// Where the guardian of a run writes what it had to do.
pub(crate) fn log_of(folder: &Path) -> PathBuf {
    folder.join("guardian.log")
}
