//! What the guardian process does: it hears the engine's lines, and puts the settings back when they stop: at their end (the engine was killed) at once, after
//! its lease (the engine is stopped, or hangs) for the time being. Before the engine's first tick, which may be minutes away, only a stopped engine counts as silent.
//!
//! Not here: starting it and listening to it (`post`).

use super::left::Note;
use super::{AGAIN, DONE, LAPSED, READY};
use accelerator::nvml::{Library, Original, put_back};
use accelerator::{Accelerator, Gpu};
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A guardian that cannot put back tries again this often, so many times: a GPU in reset comes back.
const TRY_AGAIN: Duration = Duration::from_secs(2);
const TRIES: u32 = 30;
/// The lock of an engine that was killed is free when the system has closed its files, which may be just after the end of its lines.
const FREE: Duration = Duration::from_millis(50);
const LOOKS: u32 = 20;
/// How often it looks whether an engine that does not tick yet is stopped.
const LOOK: Duration = Duration::from_secs(1);
/// Nothing is in force, nothing can lapse.
const LONG: Duration = Duration::from_secs(3600);

struct Guard<'a> {
    gpu: &'a Gpu,
    library: Library,
    original: Original,
    log: &'a Path,
}

impl Guard<'_> {
    fn note(&self, text: &str) {
        note(self.log, text);
    }

    fn put_back(&self) -> Result<(), String> {
        put_back(self.library, self.gpu, self.original).map_err(|e| {
            let why = e.to_string();
            self.note(&why);
            why
        })
    }

    /// Until the engine says that everything is done (true), or is gone.
    fn watch(&self, words: &Receiver<String>, lease: Duration) -> bool {
        // The lease begins with the engine's first tick: before it the work may take minutes to load. The end of the lines counts from the beginning.
        let (mut begun, mut in_force) = (false, false);
        let mut wait = lease;
        let mut stopped = Duration::ZERO;
        loop {
            let mut heard = words.recv_timeout(if in_force {
                wait
            } else if begun {
                LONG
            } else {
                LOOK
            });
            if in_force && heard == Err(RecvTimeoutError::Timeout) {
                // It may have been stopped itself: what waits in its pipe comes first.
                heard = words.recv_timeout(FREE);
            }
            match heard {
                Ok(word) if word == DONE => return true,
                Ok(word) => {
                    in_force |= !begun || word == AGAIN;
                    begun = true;
                    wait = lease;
                    // So that the engine knows that this process is not stopped itself.
                    say(&word);
                }
                Err(RecvTimeoutError::Timeout) if in_force => {
                    self.note(&format!(
                        "the engine has been silent for {} s: {} of {} is put back",
                        lease.as_secs_f64(),
                        self.original.words(),
                        self.gpu
                    ));
                    if self.put_back().is_ok() {
                        in_force = false;
                        self.note(&format!("the settings of {} are what they were", self.gpu));
                        say(LAPSED);
                    } else {
                        wait = TRY_AGAIN;
                    }
                }
                Err(RecvTimeoutError::Timeout) if !begun => {
                    stopped = if engine_is_stopped() { stopped + LOOK } else { Duration::ZERO };
                    // Once for each time that it is stopped: as if its lease had begun and were over.
                    if stopped >= lease && stopped < lease + LOOK {
                        (in_force, wait) = (true, Duration::ZERO);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// The engine is gone. Whoever holds the card by now has taken its note up, or is about to: both may put back, but nobody after the other has set anew.
    fn end(&self, left: &Note, uuid: &str) -> Result<(), String> {
        self.note(&format!("the engine is gone without putting the settings of {} back: {} is put back", self.gpu, self.original.words()));
        let mut held = None;
        for _ in 0..LOOKS {
            held = workload::gpu::hold(uuid).ok();
            if held.is_some() || !left.lies_there() {
                break;
            }
            std::thread::sleep(FREE);
        }
        let mut outcome = Ok(());
        for _ in 0..TRIES {
            if !left.lies_there() {
                self.note("somebody else has put them back: the other guardian, or the next run");
                return Ok(());
            }
            outcome = self.put_back();
            if outcome.is_ok() {
                left.remove();
                self.note(&format!("the settings of {} are what they were", self.gpu));
                break;
            }
            std::thread::sleep(TRY_AGAIN);
        }
        drop(held);
        outcome
    }
}

/// Our parent, as long as it lives: it starts guardians itself.
fn engine_is_stopped() -> bool {
    rustix::process::getppid().is_some_and(|engine| workload::gpu::is_stopped(engine.as_raw_nonzero().get()))
}

/// To the engine. One that is gone hears nothing, and that must not end this process before its work: no `println!`, which panics.
fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{word}").and_then(|()| out.flush());
}

fn note(log: &Path, text: &str) {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
    // A log that cannot be written must not keep it from its work.
    let _ = file.and_then(|mut f| writeln!(f, "{} {text}", jiff::Timestamp::now()));
}

/// Guards the settings of a GPU; returns when nothing is left to do. `left` is the file that says what they were.
///
/// # Errors
/// If the GPU is not there, or what was there cannot be put back; both are in the log.
pub fn guard(gpu: &Gpu, original: Original, log: &Path, left: &Path, lease: Duration) -> Result<(), String> {
    let told = |why: String| {
        note(log, &why);
        why
    };
    let left = Note::at(left).and_then(|n| n.ok_or_else(|| format!("{} is not there", left.display()))).map_err(told)?;
    let library = Library::find().map_err(|e| told(e.to_string()))?;
    let card = library.gpu(gpu).map_err(|e| told(e.to_string()))?;
    let uuid = card.identity().board_uuid.clone().ok_or_else(|| told("the driver gives no UUID".to_owned()))?;
    let (tell, words) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if tell.send(line.trim().to_owned()).is_err() {
                break;
            }
        }
    });
    say(READY);
    let guard = Guard { gpu, library, original, log };
    if guard.watch(&words, lease) { Ok(()) } else { guard.end(&left, &uuid) }
}
