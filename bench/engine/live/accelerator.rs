//! The accelerator's own thread: a real one is polled ten times a second and averaged over each tick; the virtual card is asked
//! once a tick. A device library that hangs hangs here, and nobody waits for it without a deadline.

use super::poll::Gathered;
use super::together::Together;
use crate::card::{KeptWatch, card_readings};
use accelerator::{Accelerator, Remark};
use control::Event;
use crossbeam_channel::{Receiver, Sender, bounded};
use signal::{Channel, Crossing, Reading, Severity};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use twin::{CardCommand, CardLink, CardReading};

/// Polling period of a real accelerator; below 50 ms NVML may return nothing new.
const POLL: Duration = Duration::from_millis(100);
/// An exchange with the virtual card fails after this.
const CARD_TIMEOUT: Duration = Duration::from_secs(2);
/// A device library that has not answered for so long hangs: 30 polls, twice what a reading stays fresh for. What slow drivers take at worst is tenths of a second.
const HANGS: Duration = Duration::from_secs(3);
/// Polls between two looks at what changes slowly: a second, for some of it takes the driver 20 ms.
const SLOW_EVERY: u64 = 10;

/// What the source says at one tick.
pub(crate) enum Heard {
    /// Readings, ready for the snapshot.
    Readings(Vec<(Channel, Reading)>),
    /// Nothing yet for this tick.
    Nothing,
    /// It is gone, in words.
    Lost(String),
}

/// The virtual card of an emulator in another process.
pub(crate) struct VirtualCard {
    asks: Sender<CardCommand>,
    answers: Receiver<Result<(Instant, CardReading), String>>,
    duty: Option<f64>,
    /// Power for its work is away, and the work crosses that like this.
    away: Option<Crossing>,
    watch: KeptWatch,
    seen: Vec<Event>,
    /// It has work to pace; without any it idles, whatever it may.
    works: bool,
    /// An ask whose answer is still to come.
    pending: bool,
}

impl VirtualCard {
    pub(crate) fn open(socket: &Path, works: bool) -> Result<Self, twin::LinkError> {
        let mut link = Some(CardLink::connect(socket, CARD_TIMEOUT)?);
        let path = socket.to_owned();
        let (asks, asked) = bounded::<CardCommand>(4);
        let (answer, answers) = bounded(4);
        thread::spawn(move || {
            for command in asked {
                let heard = exchange(&mut link, &path, command).map(|reading| (Instant::now(), reading));
                if answer.send(heard.map_err(|e| e.to_string())).is_err() {
                    break;
                }
            }
        });
        Ok(Self { asks, answers, duty: None, away: None, watch: KeptWatch::default(), seen: Vec::new(), works, pending: false })
    }

    /// Asks for this tick's reading; collect it with [`VirtualCard::hear`].
    pub(crate) fn ask(&mut self) {
        if !self.pending {
            self.pending = self.asks.try_send(CardCommand { duty: self.duty, away: self.away }).is_ok();
        }
    }

    /// Waits until `deadline` for the answer; `bench_of` turns the moment it came into bench seconds.
    pub(crate) fn hear(&mut self, deadline: Instant, bench_of: impl Fn(Instant) -> f64) -> Heard {
        if !self.pending {
            return Heard::Lost("the virtual card's thread is gone".to_owned());
        }
        match self.answers.recv_deadline(deadline) {
            Ok(Ok((at, reading))) => {
                self.pending = false;
                self.seen.extend(self.watch.look(&reading.kept));
                Heard::Readings(card_readings(&reading, bench_of(at)))
            }
            Ok(Err(why)) => {
                self.pending = false;
                Heard::Lost(why)
            }
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => Heard::Lost("the virtual card's thread is gone".to_owned()),
        }
    }

    /// The duty to send with the next ask, and at once.
    pub(crate) fn set_duty(&mut self, duty: Option<f64>) {
        let duty = duty.map(|duty| if self.works { duty } else { 0.0 });
        let changed = self.duty != duty;
        self.duty = duty;
        if changed {
            self.ask();
            // The answer to this one belongs to no tick.
            let _ = self.hear(Instant::now() + CARD_TIMEOUT.min(Duration::from_millis(50)), |_| 0.0);
        }
    }

    /// Takes the power for its work away, or gives it back, with the next ask.
    pub(crate) fn set_away(&mut self, away: Option<Crossing>) {
        self.away = away.filter(|_| self.works);
    }

    /// What its work did in eclipses since the last call.
    pub(crate) fn seen(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.seen)
    }

    /// True once a stop has been answered.
    pub(crate) fn stop(&mut self, deadline: Instant) -> bool {
        self.duty = None;
        // An older ask may still be under way: its answer first, then ours.
        for _ in 0..2 {
            let was_pending = self.pending;
            self.ask();
            match self.hear(deadline, |_| 0.0) {
                Heard::Readings(_) if !was_pending => return true,
                Heard::Readings(_) => {}
                Heard::Nothing | Heard::Lost(_) => return false,
            }
        }
        false
    }
}

/// One exchange. A link that failed is dropped, for a late answer would be taken for the next one's, and made anew: the emulator
/// may have been started again.
fn exchange(link: &mut Option<CardLink>, socket: &Path, command: CardCommand) -> Result<CardReading, twin::LinkError> {
    let mut open = link.take().map_or_else(|| CardLink::connect(socket, CARD_TIMEOUT), Ok)?;
    let reading = open.exchange(command)?;
    *link = Some(open);
    Ok(reading)
}

/// What the polling thread shares.
#[derive(Default)]
struct Shared {
    gathered: Gathered,
    remarks: Vec<Remark>,
    lost: Option<String>,
    waiting: Waiting,
}

/// Whether the library still answers at all: one that hangs says nothing, not even that it is lost.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    /// When it last answered, with whatever.
    answered: Option<Instant>,
    /// When we last asked this.
    asked: Option<Instant>,
}

impl Waiting {
    fn answered(&mut self, now: Instant) {
        self.answered = Some(now);
    }

    /// True if it has not answered for [`HANGS`]. We may have been stopped ourselves, and the library with us: then it gets its time again.
    fn hangs(&mut self, now: Instant) -> bool {
        let since = |t: Option<Instant>| t.map(|t| now.saturating_duration_since(t));
        if since(self.asked.replace(now)).is_none_or(|s| s >= HANGS) {
            self.answered = Some(now);
        }
        since(self.answered).is_some_and(|s| s >= HANGS)
    }
}

/// A real accelerator on its polling thread.
struct RealAccelerator {
    shared: Arc<Mutex<Shared>>,
}

impl RealAccelerator {
    fn start(mut device: Box<dyn Accelerator>) -> std::io::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let weak = Arc::downgrade(&shared);
        thread::Builder::new().name("accelerator".into()).spawn(move || {
            let mut due = Instant::now();
            // Ends when the engine lets go, at the latest one poll later.
            for poll in 0_u64.. {
                let sampled = device.sample().map(|sample| (Instant::now(), sample));
                // The slow readings come after the fast ones, whose time they would spoil.
                let health = if poll % SLOW_EVERY == 0 && sampled.is_ok() { device.health().map(Some) } else { Ok(None) };
                let looked = Instant::now();
                let remarks = device.remarks();
                let Some(shared) = weak.upgrade() else { return };
                {
                    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.remarks.extend(remarks);
                    shared.waiting.answered(Instant::now());
                    match sampled.and_then(|(at, sample)| Ok((at, sample, health?))) {
                        Ok((at, sample, health)) => {
                            shared.gathered.sample(at, &sample);
                            if let Some(health) = health {
                                shared.gathered.health(looked, &health);
                            }
                            shared.lost = None;
                        }
                        Err(why) => shared.lost = Some(why.to_string()),
                    }
                }
                drop(shared);
                due = (due + POLL).max(Instant::now());
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        })?;
        Ok(Self { shared })
    }

    /// What was gathered since the last call; `bench_of` turns a moment into bench seconds.
    fn hear(&self, bench_of: impl Fn(Instant) -> f64) -> Heard {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.waiting.hangs(Instant::now()) {
            let s = HANGS.as_secs();
            return Heard::Lost(format!(
                "its driver has not answered for {s} s: it hangs; look for `Xid` in the kernel log, mostly only a reboot helps"
            ));
        }
        if let Some(why) = &shared.lost {
            return Heard::Lost(why.clone());
        }
        shared.gathered.take(Instant::now(), bench_of).map_or(Heard::Nothing, Heard::Readings)
    }

    /// What happened to it since the last call.
    fn remarks(&self) -> Vec<Remark> {
        std::mem::take(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner).remarks)
    }
}

/// Real accelerators, each on a thread of its own: one that hangs or is lost leaves the others as they are.
pub(crate) struct RealAccelerators {
    each: Vec<One>,
    together: Together,
}

struct One {
    /// Before what is told of it; empty if there is only one.
    name: String,
    device: RealAccelerator,
    lost: bool,
}

impl RealAccelerators {
    pub(crate) fn start(devices: Vec<Box<dyn Accelerator>>) -> std::io::Result<Self> {
        let several = devices.len() > 1;
        let named = devices.into_iter().enumerate().map(|(k, device)| {
            let name = if several { format!("accelerator {} ({}): ", k + 1, device.identity().spec) } else { String::new() };
            RealAccelerator::start(device).map(|device| One { name, device, lost: false })
        });
        Ok(Self { each: named.collect::<Result<_, _>>()?, together: Together::default() })
    }

    /// What they say at this tick, and what happened to them.
    pub(crate) fn hear(&mut self, bench_of: impl Fn(Instant) -> f64) -> (Vec<(Channel, Reading)>, Vec<Remark>) {
        let mut remarks = Vec::new();
        let mut readings = Vec::new();
        for One { name, device, lost } in &mut self.each {
            remarks.extend(device.remarks().into_iter().map(|r| Remark { message: format!("{name}{}", r.message), ..r }));
            let mut say = |severity, what: &str| remarks.push(Remark { severity, kind: "accelerator", message: format!("{name}{what}") });
            readings.push(match device.hear(&bench_of) {
                Heard::Readings(readings) => {
                    if std::mem::take(lost) {
                        say(Severity::Info, "answers again");
                    }
                    readings
                }
                Heard::Nothing => Vec::new(),
                Heard::Lost(why) => {
                    if !std::mem::replace(lost, true) {
                        say(Severity::Warning, &format!("lost: {why}"));
                    }
                    Vec::new()
                }
            });
        }
        (self.together.merge(readings), remarks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_does_not_answer_hangs_and_one_that_slept_with_us_does_not() {
        let start = Instant::now();
        let at = |s: f64| start + Duration::from_secs_f64(s);
        let mut waiting = Waiting::default();
        assert!(!waiting.hangs(at(0.0)), "it gets its time from the first question on");
        assert!(!waiting.hangs(at(2.0)) && waiting.hangs(at(3.5)) && waiting.hangs(at(4.0)));
        waiting.answered(at(4.5));
        assert!(!waiting.hangs(at(5.0)) && !waiting.hangs(at(7.0)));
        // Stopped for an hour: neither asked nor answered.
        assert!(!waiting.hangs(at(3607.0)) && !waiting.hangs(at(3609.0)) && waiting.hangs(at(3610.5)));
    }
}
