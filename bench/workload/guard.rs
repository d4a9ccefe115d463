//! The process between us and a command: it starts the command and ends it, whatever the command does, when we are killed or stopped.
//!
//! It reads our control lines and passes them on. No line for one lease: the command is told to idle. None for two, or the end of our lines, or SIGTERM:
//! the command is asked to end (end of its input, SIGTERM), and what is left after [`GRACE`] is killed: its process group, and whatever it left to itself
//! (`setsid` does not help: orphans fall to the guard). Nothing outlives the guard but by killing the guard itself.
//!
//! Not here: what the lines mean, who counts.

use crate::command::line::{control, read_line};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper, wait, waitid,
};
use signal_hook::consts::SIGTERM;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The verb that runs this, hidden from users.
pub const VERB: [&str; 2] = ["workload", "guard"];

/// How long a command may take to end by itself.
pub const GRACE: Duration = Duration::from_secs(2);

/// Rounds of killing orphans: each kills all there are, and those may leave new ones.
const MOST_ROUNDS: usize = 100;

/// The command line that guards `program`.
pub(crate) fn line(guard: &Path, lease: Duration, program: &[OsString]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec![guard.into()];
    line.extend(VERB.map(Into::into));
    line.extend(["--lease-s".into(), lease.as_secs_f64().to_string().into(), "--".into()]);
    line.extend_from_slice(program);
    line
}

enum Heard {
    /// A control line: a renewal.
    Line(String),
    /// Nobody speaks to us any more.
    Over,
    /// SIGTERM.
    Asked,
    /// The command has ended.
    Ended,
}

/// Runs `program` until it ends or has to. The exit code: the command's own, or 128 and the number of the signal that ended it.
pub fn guard(program: &[OsString], lease: Duration) -> io::Result<u8> {
    let [name, arguments @ ..] = program else {
        return Err(io::Error::other("there is no command to guard"));
    };
    let (asked, ask) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, ask)?;
    // Whatever the command leaves behind falls to us instead of to the first process.
    set_child_subreaper(Some(getpid()))?;
    let mut child = Command::new(name).args(arguments).stdin(Stdio::piped()).process_group(0).spawn()?;
    let group = Pid::from_child(&child);
    let stdin = child.stdin.take();
    // Ends the command however we leave.
    let mut charge = Charge { group, over: false };
    // One line in one write: it cannot be mixed with the command's own.
    writeln!(io::stdout(), "{{\"t\":0,\"group\":{}}}", group.as_raw_nonzero())?;
    let (tell, heard) = channel();
    let (say, said) = sync_channel(1);
    let lines = tell.clone();
    thread::Builder::new().name("guard-in".into()).spawn(move || {
        let mut input = io::BufReader::new(io::stdin());
        while let Ok(Some(line)) = read_line(&mut input) {
            if lines.send(Heard::Line(line + "\n")).is_err() {
                return;
            }
        }
        let _ = lines.send(Heard::Over);
    })?;
    let terms = tell.clone();
    thread::Builder::new().name("guard-term".into()).spawn(move || {
        let mut asked = asked;
        while asked.read(&mut [0; 1]).is_ok_and(|n| n > 0) {
            let _ = terms.send(Heard::Asked);
        }
    })?;
    thread::Builder::new().name("guard-wait".into()).spawn(move || {
        // Not reaped here: until it is, its number belongs to nobody else.
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
        let _ = tell.send(Heard::Ended);
    })?;
    if let Some(stdin) = stdin {
        thread::Builder::new().name("guard-out".into()).spawn(move || pass_on(stdin, &said))?;
    }
    if !attend(&heard, &say, lease) {
        // The end of its input, and a polite word.
        drop(say);
        let _ = kill_process_group(group, Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while !matches!(heard.recv_timeout(deadline.saturating_duration_since(Instant::now())), Ok(Heard::Ended) | Err(_)) {}
    }
    charge.kill();
    let status = child.wait()?;
    bury();
    if let Some(signal) = status.signal() {
        eprintln!("the command was ended by signal {signal}");
    }
    Ok(status.code().or_else(|| status.signal().map(|s| 128 + s)).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

/// Passes lines on while they come. True once the command has ended, false when it has to.
fn attend(heard: &Receiver<Heard>, say: &SyncSender<String>, lease: Duration) -> bool {
    let mut renewed = Instant::now();
    let mut idle = false;
    loop {
        let deadline = renewed + if idle { lease * 2 } else { lease };
        match heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Heard::Line(line)) => {
                (renewed, idle) = (Instant::now(), false);
                // A command that does not read misses lines, not its end.
                let _ = say.try_send(line);
            }
            Ok(Heard::Ended) => return true,
            Ok(Heard::Over | Heard::Asked) => return false,
            Err(RecvTimeoutError::Timeout) if !idle => {
                let _ = say.try_send(control(0.0, None));
                idle = true;
            }
            Err(_) => {
                eprintln!("the bench was silent for {:.1} s: the command is ended", renewed.elapsed().as_secs_f64());
                return false;
            }
        }
    }
}

/// Writes what comes into the command's input, which ends when nothing more can come.
fn pass_on(mut stdin: ChildStdin, said: &Receiver<String>) {
    while let Ok(line) = said.recv() {
        if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

/// A command and all it started.
struct Charge {
    group: Pid,
    over: bool,
}

impl Charge {
    fn kill(&mut self) {
        self.over = true;
        // It fails if nobody is left, which is what was wanted.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

/// Kills and reaps what fell to us, until nothing more does.
fn bury() {
    for _ in 0..MOST_ROUNDS {
        let orphans = orphans();
        for pid in &orphans {
            let _ = kill_process(*pid, Signal::KILL);
        }
        let options = if orphans.is_empty() { WaitOptions::NOHANG } else { WaitOptions::empty() };
        match wait(options) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.over {
            self.kill();
        }
    }
}

/// Our children, by any of our threads. Where the kernel does not say (`CONFIG_PROC_CHILDREN`), none.
fn orphans() -> Vec<Pid> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let pids: Vec<i32> = lists.flat_map(|list| list.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<i32>>()).collect();
    pids.into_iter().filter_map(Pid::from_raw).collect()
}
