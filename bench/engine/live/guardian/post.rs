//! The engine's end of one guardian process: starts it, looks at every tick whether it is still there and awake, tells it that the engine is, and starts another
//! one, once.
//!
//! Nothing here waits: a guardian that is started while the run goes on is started by a thread of its own.

use super::{AGAIN, DONE, HERE, LAPSED, READY};
use accelerator::Gpu;
use accelerator::nvml::Original;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// The lease is renewed this often at most.
const RENEW: Duration = Duration::from_secs(1);
/// A guardian that leaves so many renewals unanswered is stopped or hangs. Counted, not timed: the engine itself may have been stopped.
const UNANSWERED: u32 = 10;
/// A new guardian has this long to find its GPU.
const START: Duration = Duration::from_secs(20);

/// How to start one.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) program: PathBuf,
    pub(super) gpu: Gpu,
    pub(super) original: Original,
    pub(super) log: PathBuf,
    pub(super) note: PathBuf,
    pub(super) lease: Duration,
}

struct Guardian {
    child: Child,
    word: Option<ChildStdin>,
    said: Receiver<String>,
}

impl Guardian {
    /// Starts it and waits until it has found its GPU.
    fn start(order: &Order) -> Result<Self, String> {
        let mut child = Command::new(&order.program)
            .args(["accelerator", "guard", &order.gpu.to_string(), &order.original.to_string(), "--log"])
            .arg(&order.log)
            .arg("--note")
            .arg(&order.note)
            .args(["--lease-s", &order.lease.as_secs_f64().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Whoever stops or ends the engine from its terminal means the engine: what sees to it afterwards is in no group with it.
            .process_group(0)
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("it has no standard output")?);
        let mut said = String::new();
        // It ends or speaks: a driver that hangs has already hung us when the GPU was prepared.
        lines.read_line(&mut said).map_err(|e| e.to_string())?;
        let word = child.stdin.take().filter(|_| said.trim() == READY);
        let word = word.ok_or_else(|| format!("it said \"{}\"; see {}", said.trim(), order.log.display()))?;
        // One that does not read must not hold up a tick.
        rustix::io::ioctl_fionbio(&word, true).map_err(|e| e.to_string())?;
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, word: Some(word), said: heard })
    }

    /// False if it did not get through; a look at it says why.
    fn tell(&mut self, word: &str) -> bool {
        self.word.as_mut().is_some_and(|w| writeln!(w, "{word}").is_ok())
    }
}

enum Watch {
    There(Guardian),
    Starting(Receiver<Result<Guardian, String>>, Instant),
    Gone,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is gone; another one is being started.
    Ended(String),
    /// There is another one.
    Restarted,
    /// It has put the settings back: this process was silent for too long.
    Lapsed,
    /// There is none, and there will be none.
    Lost(String),
}

/// One guardian of a run.
pub(super) struct Post {
    order: Order,
    watch: Watch,
    /// A second end is one too many: something is after it.
    restarted: bool,
    /// When, if ever: the lease begins with the first look.
    renewed: Option<Instant>,
    unanswered: u32,
}

impl Post {
    pub(super) fn start(order: Order) -> Result<Self, String> {
        let guardian = Guardian::start(&order)?;
        Ok(Self { order, watch: Watch::There(guardian), restarted: false, renewed: None, unanswered: 0 })
    }

    /// Looks at it, and renews its lease.
    pub(super) fn look(&mut self) -> Option<News> {
        match &mut self.watch {
            Watch::There(guardian) => {
                while let Ok(line) = guardian.said.try_recv() {
                    self.unanswered = 0;
                    if line == LAPSED {
                        return Some(News::Lapsed);
                    }
                }
                match guardian.child.try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) => return Some(self.replace(format!("it ended with {status}"))),
                    Err(why) => return Some(self.replace(why.to_string())),
                }
                if self.unanswered >= UNANSWERED {
                    // Our own child: nobody else can have its number while it is not waited for.
                    let _ = guardian.child.kill();
                    let _ = guardian.child.wait();
                    return Some(self.replace("it did not answer".to_owned()));
                }
                if self.renewed.is_none_or(|last| last.elapsed() >= RENEW) {
                    self.renewed = Some(Instant::now());
                    self.unanswered += 1;
                    guardian.tell(HERE);
                }
                None
            }
            Watch::Starting(coming, since) => match coming.try_recv() {
                Ok(Ok(guardian)) => {
                    self.watch = Watch::There(guardian);
                    self.unanswered = 0;
                    Some(News::Restarted)
                }
                Ok(Err(why)) => Some(self.give_up(why)),
                Err(TryRecvError::Empty) if since.elapsed() < START => None,
                Err(_) => Some(self.give_up("it does not come up".to_owned())),
            },
            Watch::Gone => None,
        }
    }

    fn replace(&mut self, why: String) -> News {
        if std::mem::replace(&mut self.restarted, true) {
            return self.give_up(format!("{why}, for the second time"));
        }
        let (tell, coming) = channel();
        let order = self.order.clone();
        let started = std::thread::Builder::new().name("guardian".into()).spawn(move || {
            let _ = tell.send(Guardian::start(&order));
        });
        if let Err(why) = started {
            return self.give_up(why.to_string());
        }
        self.watch = Watch::Starting(coming, Instant::now());
        News::Ended(why)
    }

    fn give_up(&mut self, why: String) -> News {
        self.watch = Watch::Gone;
        News::Lost(why)
    }

    /// Tells it that the settings are in force again.
    pub(super) fn again(&mut self) {
        if let Watch::There(guardian) = &mut self.watch {
            guardian.tell(AGAIN);
        }
    }

    /// Tells it that there is nothing left to guard.
    pub(super) fn release(&mut self) {
        if let Watch::There(guardian) = &mut self.watch {
            // One that is gone has nothing to do.
            guardian.tell(DONE);
            guardian.word = None;
        }
    }

    /// The same, and waits for its end until `deadline`.
    pub(super) fn dismiss(&mut self, deadline: Instant) {
        self.release();
        if let Watch::There(guardian) = &mut self.watch {
            while matches!(guardian.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.watch = Watch::Gone;
    }
}
