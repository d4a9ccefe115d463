//! The recorder's thread: rows and events to the kernel as they come, to the disk once a wall second.
//!
//! Its queue holds ten seconds. A row enters it before the row's commands leave; if it will not go in, or a write fails, the
//! controller is told and goes safe: what is not recorded is not flown.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use record::{Event, Events, Row, Samples};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Oldest thing that may wait to be written, wall time.
const QUEUE_AGE: Duration = Duration::from_secs(10);
/// Room for rows and events that come all at once: the gap rows of a host that was away. Far more than ten seconds of ticks.
const QUEUE_LENGTH: usize = 1 << 16;
/// How often the files go to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What a recorder that fell over says: a fault of ours, where all else is the disk's.
pub(super) const PANICKED: &str = "the recorder's thread panicked";

enum Message {
    Row(Box<Row>),
    Event(Event),
    Close,
}

/// The engine's end of the recorder.
pub(crate) struct Recorder {
    queue: Sender<(Instant, Message)>,
    failure: Arc<Mutex<Option<String>>>,
    /// When the message that is being written, or was written last, was put in.
    reached: Arc<Mutex<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts the thread.
    pub(crate) fn start(samples: Samples, events: Events) -> std::io::Result<Self> {
        let (queue, receiver) = bounded(QUEUE_LENGTH);
        let reached = Arc::new(Mutex::new(Instant::now()));
        let reaching = Arc::clone(&reached);
        let failure = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failure);
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            if let Err(why) = write_all(&receiver, &reaching, samples, events) {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
        })?;
        Ok(Self { queue, failure, reached, thread: Some(thread) })
    }

    /// Puts a row in; says why if it will not go.
    pub(crate) fn row(&self, row: Row) -> Result<(), String> {
        self.put(Message::Row(Box::new(row)))
    }

    /// Puts an event in.
    pub(crate) fn event(&self, event: Event) -> Result<(), String> {
        self.put(Message::Event(event))
    }

    /// This process stood still: what waits has not waited for the disk.
    pub(crate) fn resumed(&self) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn put(&self, message: Message) -> Result<(), String> {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if self.queue.is_empty() {
            // Nothing waits: the next one begins to.
            *reached = Instant::now();
        }
        let waiting = reached.elapsed();
        drop(reached);
        if waiting > QUEUE_AGE {
            return Err(format!("the recorder is more than {} s behind: disk too slow?", QUEUE_AGE.as_secs()));
        }
        self.queue.try_send((Instant::now(), message)).map_err(|refused| match refused {
            TrySendError::Full(_) => format!("more than {QUEUE_LENGTH} rows and events at once: was this machine asleep?"),
            TrySendError::Disconnected(_) => {
                let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.clone().unwrap_or_else(|| "the recorder's thread is gone".to_owned())
            }
        })
    }

    /// Writes what is queued, syncs and ends; says what could not be written.
    pub(crate) fn close(mut self, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        // The thread may be gone already; then the failure below says why.
        let _ = self.queue.send_timeout((Instant::now(), Message::Close), within);
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            if !thread.is_finished() {
                return Err(format!("the recorder did not finish writing in {} s", within.as_secs_f64()));
            }
            if thread.join().is_err() {
                return Err(PANICKED.to_owned());
            }
        }
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().map_or(Ok(()), Err)
    }
}

fn write_all(
    queue: &Receiver<(Instant, Message)>,
    reached: &Mutex<Instant>,
    mut samples: Samples,
    mut events: Events,
) -> Result<(), String> {
    let samples_failed = |why| format!("cannot write samples.csv: {why}");
    let events_failed = |why| format!("cannot write events.csv: {why}");
    let mut synced = Instant::now();
    let mut over = false;
    while !over {
        let next = queue.recv_timeout(SYNC_EVERY);
        if let Ok((put_in, _)) = &next {
            *reached.lock().unwrap_or_else(PoisonError::into_inner) = *put_in;
        }
        match next.map(|(_, message)| message) {
            Ok(Message::Row(row)) => samples.write(&row).map_err(samples_failed)?,
            Ok(Message::Event(event)) => events.write(&event).map_err(events_failed)?,
            Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => over = true,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if over || synced.elapsed() >= SYNC_EVERY {
            samples.sync().map_err(samples_failed)?;
            events.sync().map_err(events_failed)?;
            synced = Instant::now();
        }
    }
    Ok(())
}
