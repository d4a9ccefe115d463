//! `rig commission`: the terminal of the commissioning procedure. Lines, no screen: it works anywhere, and its log can be read.

use crate::exit::{BadInput, Exit};
use crate::plan;
use anyhow::{Context, Result};
use clap::Args;
use engine::commission::{
    Admission, Conducted, Ended, Operator, Order, Question, Said, Script, Scripted, Station, Store, admit, begin, same_bench, state_of,
};
use engine::live::{CommissionOptions, commission as conduct};
use engine::setup::Setup;
use signal::{Channel, Snapshot};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// How often the live line changes on a terminal, and in a log.
const LIVE: Duration = Duration::from_millis(250);
const LOG: Duration = Duration::from_secs(30);
/// Longest live line: it must not wrap at 80 columns.
const WIDTH: usize = 79;

/// What to commission, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct CommissionArgs {
    /// A name from `rig list` or a TOML file
    pub(crate) rig: String,
    /// Who does it: goes into the record; `$USER` if left out
    #[arg(long)]
    pub(crate) operator: Option<String>,
    /// The record; rigs/commissioning/RIG-DATE.toml if left out. Never overwritten
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with this unfinished record
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
    /// Coarser grid, shorter waits
    #[arg(long)]
    pub(crate) quick: bool,
    /// Answers instead of a terminal, by the names of the questions: a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
    /// Device under test: virtual, nvml:INDEX, cpu; the rig's default if left out
    #[arg(long)]
    pub(crate) accelerator: Option<String>,
    /// What makes its heat, paced: `virtual`, `cpu`, `command:PROGRAM ARGS`
    #[arg(long)]
    pub(crate) workload: Option<String>,
    /// Bench seconds a wall second; 60 on the twin, always 1 with real hardware
    #[arg(long)]
    pub(crate) speed: Option<f64>,
    /// Seed that draws this emulated bench from the rig's `[truth]`
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder of a running `rig emulate` to use instead of starting one
    #[arg(long, value_name = "FOLDER")]
    pub(crate) emulator: Option<PathBuf>,
}

/// Which commissioning a run is held to; flattened into the arguments of `run`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HeldTo {
    /// Commissioning record that the run is held to; the one in the rig file if left out
    #[arg(long, value_name = "FILE")]
    pub(crate) commissioning: Option<PathBuf>,
    /// Bring up real hardware without a record, with somebody beside it; the manifest says so
    #[arg(long)]
    pub(crate) uncommissioned: bool,
}

impl HeldTo {
    /// Admits a run, or refuses it as bad input.
    pub(crate) fn admit(&self, mut setup: Setup, unattended: bool) -> Result<Setup> {
        let now = jiff::Timestamp::now();
        let wanted = Admission { file: self.commissioning.as_deref(), unattended, uncommissioned: self.uncommissioned, now };
        admit(&mut setup, &wanted).map_err(BadInput)?;
        Ok(setup)
    }
}

pub(crate) fn commission(args: &CommissionArgs) -> Result<Exit> {
    let order = Order {
        rig: plan::rig(&args.rig)?,
        accelerator: args.accelerator.clone(),
        workload: args.workload.clone(),
        dt_s: 1.0,
        speed: args.speed,
        seed: args.seed,
        quick: args.quick,
    };
    let station = Station::build(order).map_err(|why| BadInput(why.to_string())).context("cannot commission this")?;
    let script = args.answers.as_deref().map(read_answers).transpose()?;
    if script.is_none() && !stdin().is_terminal() {
        return Err(BadInput("commissioning asks an operator: run it on a terminal, or give --answers FILE.toml".into()).into());
    }
    let bad = |why: engine::commission::StoreError| BadInput(why.to_string());
    let (mut store, record) = if let Some(file) = &args.resume {
        let (store, record) = Store::resume(file).map_err(bad)?;
        same_bench(&record, &station).map_err(|why| BadInput(format!("{} cannot be gone on with: {why}", file.display())))?;
        (store, record)
    } else {
        let file = args.out.clone().unwrap_or_else(|| default_out(&station.rig.name));
        let operator = args.operator.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "unnamed".to_owned());
        (Store::create(&file).map_err(bad)?, begin(&station, &operator, jiff::Timestamp::now()))
    };
    let file = store.path().to_owned();
    let because = station.simulated_because();
    if !because.is_empty() {
        eprintln!("simulated, never good for real hardware: {}", because.join(", "));
    }
    eprintln!("record {}", file.display());
    let options = CommissionOptions {
        program: std::env::current_exe().context("cannot find this program's own file")?,
        emulator: args.emulator.clone(),
    };
    let mut terminal = Prompt::new(script.is_none())?;
    let conducted = if let Some(script) = &script {
        let told = Scripted::new(script, |line| eprintln!("{line}"));
        conduct(&station, &options, &mut Interruptible { inner: told, stop: Arc::clone(&terminal.stop) }, &mut store, record)
    } else {
        conduct(&station, &options, &mut terminal, &mut store, record)
    };
    terminal.close();
    let conducted = conducted.map_err(|why| BadInput(why.to_string()))?;
    if let Some(script) = script.filter(|_| conducted.ended == Ended::Passed && args.resume.is_none()) {
        let unused = script.unused();
        if !unused.is_empty() {
            eprintln!("warning: nothing asked for these answers: {}", unused.join(", "));
        }
    }
    tell_end(&conducted, &file, &args.rig)
}

fn tell_end(conducted: &Conducted, file: &Path, rig: &str) -> Result<Exit> {
    let left: Vec<String> = conducted.unconfirmed.iter().map(|u| format!("{}: {}", u.device, u.why)).collect();
    let safe = if left.is_empty() { "SAFE CONFIRMED".to_owned() } else { format!("SAFE UNCONFIRMED, go and look: {}", left.join("; ")) };
    let on = format!("go on with `orbitbench rig commission {rig} --resume {}`", file.display());
    let exit = match &conducted.ended {
        Ended::Passed => {
            say!("commissioned. {safe}\n{}", file.display());
            let named = if conducted.record.simulated {
                "hold a run on the twin to it with"
            } else {
                "name it in [commissioning] of the rig file, or with"
            };
            say!("{named} --commissioning {}", file.display());
            Exit::Done
        }
        Ended::Failed(why) => {
            say!("not commissioned: {why}. {safe}\nmend it, then {on}");
            Exit::GateFailed
        }
        Ended::Aborted(why) => {
            say!("ended: {why}. {safe}\n{on}");
            Exit::Aborted
        }
    };
    Ok(if left.is_empty() { exit } else { Exit::Unconfirmed })
}

fn read_answers(file: &Path) -> Result<Script> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|why| BadInput(format!("cannot read the answers {name}: {why}")))?;
    Ok(Script::parse(&name, &text).map_err(BadInput)?)
}

fn default_out(rig: &str) -> PathBuf {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    PathBuf::from(format!("rigs/commissioning/{rig}-{date}.toml"))
}

/// What `rig check` says of the commissioning.
pub(crate) fn describe(rig: &rig::RigFile, from: &str) -> String {
    match state_of(rig, from, jiff::Timestamp::now()) {
        Ok(Some(c)) => {
            let simulated = if c.simulated { ", simulated" } else { "" };
            let about = format!(
                "commissioned: {} ({:.0} of {:.0} days old{simulated}); unattended running is allowed",
                c.id, c.age_days, c.valid_days
            );
            let bank = c.strongest.map_or_else(String::new, |strongest| format!("\n  {}", strongest.words()));
            let refused = c.beyond_bank(rig).map_or_else(String::new, |why| format!("\n  runs would refuse: {why}"));
            format!("{about}{bank}{refused}")
        }
        Ok(None) if rig.emulated() => "not commissioned; an emulated rig runs without, also unattended".to_owned(),
        Ok(None) => {
            let how = format!("make a record with `orbitbench rig commission {}`", rig.name);
            format!("not commissioned: runs are refused, attended ones too save with --uncommissioned, unattended ones always; {how}")
        }
        Err(why) => format!("not commissioned, runs are refused: {why}"),
    }
}

/// Broken at words so that it fits 80 columns; what follows a break is indented as the line is, and by two more.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len() + 2;
        let mut column = 0;
        out += if number > 0 { "\n" } else { "" };
        out += &line[..indent - 2];
        for word in line.split_whitespace() {
            let length = word.chars().count();
            if column == 0 {
                column = indent - 2;
            } else if column + 1 + length > WIDTH {
                // Writing to a String cannot fail.
                let _ = write!(out, "\n{:indent$}", "");
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
            out += word;
            column += length;
        }
    }
    out
}

/// Adds Ctrl-C to an operator who only reads from a file.
struct Interruptible<O> {
    inner: O,
    stop: Arc<AtomicBool>,
}

impl<O: Operator> Operator for Interruptible<O> {
    fn tell(&mut self, line: &str) {
        self.inner.tell(line);
    }

    fn watch(&mut self, bench_s: f64, step: &str, waiting: &str, readings: &Snapshot) {
        self.inner.watch(bench_s, step, waiting, readings);
    }

    fn said(&mut self, open: Option<&Question>) -> Said {
        if self.stop.load(Ordering::Relaxed) { Said::Quit("interrupted".into()) } else { self.inner.said(open) }
    }
}

/// An operator at a terminal: what is typed comes from a thread, since nothing may keep the ticks waiting.
struct Prompt {
    lines: Option<Receiver<String>>,
    stop: Arc<AtomicBool>,
    terminal: bool,
    asked: Option<String>,
    shown: Option<Instant>,
    open: bool,
}

impl Prompt {
    fn new(reads: bool) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // A second one ends at once: the instrument's lease does the rest.
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop)).context("cannot listen to signals")?;
            signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen to signals")?;
        }
        let lines = reads.then(|| {
            let (tell, lines) = channel();
            std::thread::spawn(move || {
                for line in stdin().lock().lines().map_while(Result::ok) {
                    if tell.send(line).is_err() {
                        break;
                    }
                }
            });
            lines
        });
        Ok(Self { lines, stop, terminal: stderr().is_terminal(), asked: None, shown: None, open: false })
    }

    /// Ends the live line.
    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            eprintln!();
        }
    }
}

impl Operator for Prompt {
    fn tell(&mut self, line: &str) {
        self.close();
        eprintln!("{}", if self.terminal { wrapped(line) } else { line.to_owned() });
        // The question comes again below what was said.
        self.asked = None;
    }

    fn watch(&mut self, bench_s: f64, _: &str, waiting: &str, readings: &Snapshot) {
        let every = if self.terminal { LIVE } else { LOG };
        // While a question is open its line is the operator's.
        if self.asked.is_some() || waiting.is_empty() || self.shown.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let mut line = format!("{bench_s:>5.0} s ");
        for (channel, name, unit) in [
            (Channel::CoolantSupply, "supply", "°C"),
            (Channel::Plate, "plate", "°C"),
            (Channel::Sink, "sink", "°C"),
            (Channel::TecCurrent, "", "A"),
            (Channel::BoardPower, "", "W"),
        ] {
            if let Some(value) = readings.usable(channel) {
                // Writing to a String cannot fail.
                let _ = write!(line, " {name}{}{value:.1} {unit}", if name.is_empty() { "" } else { " " });
            }
        }
        let _ = write!(line, "  {waiting}");
        let line: String = line.chars().take(WIDTH).collect();
        if self.terminal {
            let _ = write!(stderr(), "\r\x1b[2K{line}");
            let _ = stderr().flush();
            self.open = true;
        } else {
            eprintln!("{line}");
        }
    }

    fn said(&mut self, open: Option<&Question>) -> Said {
        if self.stop.load(Ordering::Relaxed) {
            return Said::Quit("interrupted".into());
        }
        match open {
            Some(question) if self.asked.as_ref() != Some(&question.key) => {
                self.close();
                eprint!("{}\n  [{}; q ends it] ", wrapped(&format!("  {}", question.text)), question.hint());
                let _ = stderr().flush();
                self.asked = Some(question.key.clone());
            }
            None => self.asked = None,
            Some(_) => {}
        }
        match self.lines.as_ref().map(Receiver::try_recv) {
            Some(Ok(line)) if matches!(line.trim(), "q" | "quit") => Said::Quit("the operator ended it".into()),
            // Enter on nothing asked is nothing said.
            Some(Ok(line)) if open.is_none() && line.trim().is_empty() => Said::Nothing,
            Some(Ok(line)) => Said::Line(line),
            Some(Err(TryRecvError::Disconnected)) => Said::Quit("the terminal is gone".into()),
            Some(Err(TryRecvError::Empty)) | None => Said::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_words_and_keep_their_indent() {
        let long = format!("\nStep 1 of 8: leak. {}\n  - {}", "word ".repeat(30).trim_end(), "°C ".repeat(40).trim_end());
        let out = wrapped(&long);
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH), "{out}");
        assert!(out.starts_with("\nStep 1 of 8: leak. word"), "{out}");
        assert!(out.contains("\n  - °C") && out.contains("\n    °C") && out.contains("\n  word"), "{out}");
        assert_eq!(out.split_whitespace().count(), long.split_whitespace().count());
        assert_eq!(wrapped("  short"), "  short");
    }
}
