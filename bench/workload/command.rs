//! Somebody's own program as the workload: it is told its duty by lines on its standard input, and reports its work by lines on its standard output.
//!
//! The protocol (`examples/external.py` speaks it):
//! - the command runs by `/bin/sh -c` in a process group of its own, with `ORBITBENCH_PROTOCOL=1`, `ORBITBENCH_LEASE_S`, `ORBITBENCH_PERIOD_S`,
//!   `ORBITBENCH_SEED` and whatever the run adds in its environment;
//! - it gets `{"target_duty":0.6}` at every controller tick: work this share of the time, in cycles of `ORBITBENCH_PERIOD_S` or more, and fall idle
//!   if no line came for `ORBITBENCH_LEASE_S`;
//! - it prints `{"t":12.5,"units":64,"unit":"token","phase":"decode"}`: units done **since its previous line**;
//! - the unit stays the same, a line has at most 1e12 of it, and reports keep to this form: lines that do not are refused, and the work counts as failed at a
//!   change of the unit, after eight refused reports in a row, or after a thousand lines without a report;
//! - it may print `{"t":12.5,"remark":"..."}` for an event, `{"t":12.5,"fault":"..."}` while something is wrong (`""` once it is not; with `"over":true` if it
//!   will not be well again: the run then ends after a minute), and
//!   `{"t":12.5,"figures":{"time_to_first_token_p95_s":0.1}}` for the summary;
//! - if the run has its work put away in eclipses (`ORBITBENCH_ECLIPSE` is `checkpoint` or `restart`), see `command/away.rs`;
//! - it ends when its input ends, or at SIGTERM. What is left of its process group is killed.
//!
//! In a run it is a guard that starts the command and ends it when we are killed or stopped; see `guard`.
//!
//! Not here: restarts. Nothing here blocks on the command: pipes have threads of their own that are never joined.

mod away;
mod books;
pub mod line;

use crate::pace::PERIOD_S;
use crate::{Error, Keeping, LEASE, Told, Workload, guard};
use away::Absence;
use books::Books;
use line::{Note, Tally};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal::Kept;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::{BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines kept of what the command said on its standard error.
const LAST_WORDS: usize = 8;

/// Remarks kept until somebody asks; the rest is only counted.
const MOST_REMARKS: usize = 8;

/// Settings of a command besides its line.
#[derive(Clone, Debug)]
pub struct Options {
    /// Handed on as `ORBITBENCH_SEED`.
    pub seed: u64,
    /// Without a renewal for so long, the command is told to idle.
    pub lease: Duration,
    /// Further variables.
    pub environment: Vec<(String, String)>,
    /// The program that can guard: ourselves. Without one a command that heeds nothing outlives us if we are killed.
    pub guard: Option<PathBuf>,
    /// How it crosses a time without power.
    pub keeping: Keeping,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, lease: LEASE, environment: Vec::new(), guard: None, keeping: Keeping::default() }
    }
}

/// A running command.
#[derive(Debug)]
pub struct Command {
    text: String,
    child: Child,
    group: Pid,
    shared: Arc<Shared>,
    unit: OnceLock<String>,
    /// It was ended, as far as that went.
    over: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The newest duty that was not yet written; an older one is of no interest.
    unsent: Option<f64>,
    /// The duty last written, if it was not 0.
    working: bool,
    closing: bool,
    books: Books,
    remarks: VecDeque<String>,
    last_words: VecDeque<String>,
    figures: BTreeMap<String, f64>,
    /// What it says is wrong with it.
    fault: Option<String>,
    /// And that it does not pass.
    over: bool,
    /// Process group of a guarded command.
    guarded: Option<Pid>,
    /// The guard was ended by a signal and has seen to nothing: the command is ours to kill.
    orphaned: bool,
    /// Its standard output has ended: nobody holds the other end any more.
    silent: bool,
    /// How it ended, if it has.
    ended: Option<String>,
    absence: Absence,
}

impl State {
    /// The guard, or an unguarded command, has ended. A guard that ended by itself saw to the command; one that was killed (by the system that ran out of memory, by hand) did not.
    fn end(&mut self, end: End, guarded: bool) {
        if guarded && end.by_signal {
            self.orphaned = true;
            self.remark("the command's guard was killed: the command is killed after it".to_owned());
            self.kill_orphans();
        }
        self.ended = Some(end.words);
    }

    fn kill_orphans(&self) {
        if let Some(group) = self.guarded.filter(|_| self.orphaned) {
            // It fails if nobody is left, which is what was wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn remark(&mut self, text: String) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push_back(text);
        }
    }

    fn take(&mut self, line: &str) {
        if let Some(note) = Note::parse(line) {
            if let Some(remark) = note.remark {
                self.remark(remark);
            }
            if let Some(fault) = note.fault {
                self.fault = Some(fault).filter(|f| !f.is_empty());
                self.over = note.over == Some(true) && self.fault.is_some();
            }
            if let Some(figures) = note.figures {
                self.figures = figures;
            }
            if let Some(answer) = note.checkpoint {
                self.absence.left(&answer, Instant::now());
            }
            if let Some(answer) = note.restore {
                self.absence.came(&answer, Instant::now());
            }
            self.guarded = self.guarded.or(note.group.and_then(Pid::from_raw));
            // It came late: the guard is gone already.
            self.kill_orphans();
            // One line may be both.
            if serde_json::from_str::<serde_json::Value>(line).is_ok_and(|v| v.get("units").is_none()) {
                return;
            }
        }
        if let Err(why) = self.books.take(line) {
            self.remark(why);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until `done`, at most until `deadline`. True if it was done.
    fn wait_until(&self, deadline: Instant, done: impl Fn(&State) -> bool) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.state(), left, |state| !done(state));
        done(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl Command {
    /// Starts `text` with the shell. It is told duty 0 first.
    pub fn start(text: &str, options: &Options) -> Result<Self, Error> {
        Self::start_program(text, &["/bin/sh".into(), "-c".into(), text.into()], options)
    }

    /// As [`Command::start`], a program with its arguments; `text` is what it is called.
    pub fn start_program(text: &str, program: &[OsString], options: &Options) -> Result<Self, Error> {
        let failed = |why| Error::Command { command: text.to_owned(), why };
        let line = match &options.guard {
            Some(guard) => guard::line(guard, options.lease, program),
            None => program.to_vec(),
        };
        let [program, arguments @ ..] = &line[..] else {
            return Err(failed(std::io::Error::other("there is no program to start")));
        };
        let mut command = std::process::Command::new(program);
        command
            .args(arguments)
            .env("ORBITBENCH_PROTOCOL", "1")
            .env("ORBITBENCH_LEASE_S", options.lease.as_secs_f64().to_string())
            .env("ORBITBENCH_PERIOD_S", PERIOD_S.to_string())
            .env("ORBITBENCH_SEED", options.seed.to_string())
            .env("ORBITBENCH_ECLIPSE", options.keeping.crossing.word())
            .envs(options.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let group = Pid::from_child(&child);
        let shared = Arc::new(Shared::default());
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on the drop of this ends the child, whatever goes wrong.
        let started = Self { text: text.to_owned(), child, group, shared: Arc::clone(&shared), unit: OnceLock::new(), over: false };
        shared.update(|state| {
            state.unsent = Some(0.0);
            state.absence = Absence::new(&options.keeping);
        });
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed(std::io::Error::other("its pipes are missing")));
        };
        let lease = options.lease;
        spawn("workload-in", &shared, move |shared| tell(shared, stdin, lease)).map_err(Error::Thread)?;
        spawn("workload-out", &shared, move |shared| {
            each_line(stdout, |line| shared.update(|state| state.take(line)));
            shared.update(|state| state.silent = true);
        })
        .map_err(Error::Thread)?;
        spawn("workload-err", &shared, move |shared| {
            each_line(stderr, |line| {
                shared.update(|state| {
                    if state.last_words.len() == LAST_WORDS {
                        state.last_words.pop_front();
                    }
                    state.last_words.push_back(line.to_owned());
                });
            });
        })
        .map_err(Error::Thread)?;
        let guarded = options.guard.is_some();
        spawn("workload-end", &shared, move |shared| {
            let end = await_end(group);
            shared.update(|state| state.end(end, guarded));
        })
        .map_err(Error::Thread)?;
        Ok(started)
    }

    /// Lines that were no reports.
    pub fn malformed(&self) -> u64 {
        self.shared.state().books.malformed
    }

    /// Everything reported, by phase.
    pub fn tally(&self) -> Tally {
        self.shared.state().books.tally.clone()
    }

    fn signal(&self, signal: Signal) {
        let state = self.shared.state();
        // A guard passes a polite signal on, and has seen to the command before it ended by itself.
        if signal == Signal::KILL
            && (state.ended.is_none() || state.orphaned)
            && let Some(guarded) = state.guarded
        {
            let _ = kill_process_group(guarded, signal);
        }
        drop(state);
        // It fails if the whole group is gone, which is what was wanted. The group's number cannot belong to others yet: its leader was not reaped.
        let _ = kill_process_group(self.group, signal);
    }

    /// Ends the command until `deadline`: end of input and SIGTERM, half of the time to comply, then SIGKILL. True if it has ended.
    fn end(&mut self, deadline: Instant) -> bool {
        self.shared.update(|state| state.closing = true);
        self.signal(Signal::TERM);
        let grace = deadline.saturating_duration_since(Instant::now()) / 2;
        self.shared.wait_until(Instant::now() + grace, |state| state.ended.is_some());
        self.kill(deadline)
    }

    /// Kills whatever is left of the group. True if the command has ended before `deadline`.
    fn kill(&mut self, deadline: Instant) -> bool {
        self.shared.update(|state| state.closing = true);
        self.signal(Signal::KILL);
        self.over = true;
        let ended = self.shared.wait_until(deadline, |state| state.ended.is_some()) && matches!(self.child.try_wait(), Ok(Some(_)));
        ended && self.nobody_left(deadline)
    }

    /// After a guard that was killed: true once nobody of the command's group runs any more, by the process table. What left the group (`setsid`) had only the guard to find it.
    fn nobody_left(&self, deadline: Instant) -> bool {
        let (orphaned, group) = {
            let state = self.shared.state();
            (state.orphaned, state.guarded)
        };
        if !orphaned {
            return true;
        }
        // The guard was killed before it said whom it guards: nobody can tell.
        let Some(group) = group else { return false };
        while any_of(group) {
            if Instant::now() >= deadline {
                return false;
            }
            let _ = kill_process_group(group, Signal::KILL);
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

fn spawn(name: &str, shared: &Arc<Shared>, run: impl FnOnce(&Shared) + Send + 'static) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared)).map(drop)
}

/// Writes the newest duty, and 0 when the lease runs out. Ends, and so closes the command's input, when told to or when nobody reads.
fn tell(shared: &Shared, mut stdin: ChildStdin, lease: Duration) {
    let mut state = shared.state();
    while !state.closing {
        if let Some(duty) = state.unsent.take() {
            state.working = duty > 0.0;
            let told = line::control(duty, state.absence.asks());
            drop(state);
            if stdin.write_all(told.as_bytes()).and_then(|()| stdin.flush()).is_err() {
                return;
            }
            state = shared.state();
            continue;
        }
        let nothing_new = |state: &mut State| state.unsent.is_none() && !state.closing;
        let wait = if state.working { lease } else { Duration::MAX };
        let (next, timeout) = shared.changed.wait_timeout_while(state, wait, nothing_new).unwrap_or_else(PoisonError::into_inner);
        state = next;
        if timeout.timed_out() && state.unsent.is_none() && !state.closing {
            state.unsent = Some(0.0);
            state.remark(format!("the duty was not renewed for {:.1} s: the command was told to idle", lease.as_secs_f64()));
        }
    }
}

fn each_line(pipe: impl Read, mut take: impl FnMut(&str)) {
    let mut input = BufReader::new(pipe);
    while let Ok(Some(text)) = line::read_line(&mut input) {
        take(&text);
    }
}

/// How a process ended.
struct End {
    words: String,
    by_signal: bool,
}

/// Blocks until the command ends, and leaves it to be reaped.
fn await_end(pid: Pid) -> End {
    let end = |words, by_signal| End { words, by_signal };
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(Some(status)) => {
                return match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => end(format!("it ended with exit status {code}"), false),
                    (None, Some(signal)) => end(format!("it was ended by signal {signal}"), true),
                    (None, None) => end("it ended".to_owned(), false),
                };
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            // Whoever it was may live on.
            Err(e) => return end(format!("it can no longer be watched ({e})"), true),
        }
    }
}

/// True if a process of this group runs. One that has ended and waits to be reaped (by an init that is slow, or does not) runs no more.
fn any_of(group: Pid) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    stats.any(|stat| {
        // `pid (name) state parent group ...`, and a name may hold anything.
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
        let state = fields.next();
        let of = fields.nth(1).and_then(|n| n.parse::<i32>().ok());
        of == Some(group.as_raw_nonzero().get()) && !matches!(state, Some("Z" | "X"))
    })
}

impl Workload for Command {
    fn set_duty(&mut self, duty: f64) {
        if !duty.is_nan() {
            self.shared.update(|state| state.unsent = Some(duty.clamp(0.0, 1.0)));
        }
    }

    /// What the command reported as output; missing until its first report.
    fn units(&self) -> Option<f64> {
        self.shared.state().books.tally.output()
    }

    fn input_units(&self) -> Option<f64> {
        self.shared.state().books.tally.input()
    }

    fn figures(&self) -> BTreeMap<String, f64> {
        self.shared.state().figures.clone()
    }

    fn unit(&self) -> &str {
        if let Some(unit) = self.unit.get() {
            return unit;
        }
        let said = self.shared.state().books.tally.unit().map(str::to_owned);
        said.map_or("unit", |unit| self.unit.get_or_init(|| unit))
    }

    fn describe(&self) -> String {
        format!("command `{}`", self.text)
    }

    fn healthy(&self) -> Result<(), String> {
        let state = self.shared.state();
        let how = match &state.ended {
            Some(how) => how.as_str(),
            None if state.silent => "it closed its output, so that no work can be counted",
            None => match &state.books.broken {
                Some(why) => why.as_str(),
                None => return state.fault.clone().map_or(Ok(()), Err),
            },
        };
        let last_words: Vec<&str> = state.last_words.iter().map(String::as_str).collect();
        let said = if last_words.is_empty() { String::new() } else { format!("; its last words: {}", last_words.join(" | ")) };
        Err(format!("the command `{}` is of no more use: {how}{said}", self.text))
    }

    /// It is not started again, and what it said of its work is not mended by more of it.
    fn is_over(&self) -> bool {
        let state = self.shared.state();
        state.ended.is_some() || state.silent || state.books.broken.is_some() || state.over
    }

    fn remarks(&mut self) -> Vec<String> {
        self.shared.state().remarks.drain(..).collect()
    }

    fn power(&mut self, there: bool) {
        self.shared.update(|state| state.absence.power(there, Instant::now()));
    }

    fn kept(&self) -> Option<Kept> {
        self.shared.state().absence.kept()
    }

    fn told(&mut self) -> Vec<Told> {
        self.shared.state().absence.told(Instant::now())
    }

    fn stop(mut self: Box<Self>, within: Duration) -> bool {
        self.end(Instant::now() + within)
    }
}

impl Drop for Command {
    /// Without a stop there is no grace.
    fn drop(&mut self) {
        if !self.over {
            self.kill(Instant::now() + Duration::from_millis(500));
        }
    }
}

#[cfg(test)]
mod tests;
