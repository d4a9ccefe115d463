//! `run`: the engine in this process (headless) or in a session of its own with a screen attached by socket. There is no third way.

use crate::cli::RunArgs;
use crate::exit::{BadInput, Exit};
use crate::plan;
use crate::verbs::{judge, rehearse};
use anyhow::{Context, Result, bail};
use engine::live::{Progress, RunError, RunOptions, fly};
use engine::manifest::Program;
use record::Column;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often progress goes into a log that is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &RunArgs) -> Result<Exit> {
    let screen = stdout().is_terminal() && stdin().is_terminal();
    if args.headless || !(screen || args.detach) {
        return headless(args);
    }
    // Refused here, where the operator still reads, rather than in the engine's log.
    args.held_to.admit(plan::setup(&args.flight, args.speed, args.unattended)?, args.unattended)?;
    let (socket, name) = start_engine()?;
    if args.detach {
        say!("{name}\nthe run goes on by itself; look at it with `orbitbench attach {name}`");
        return Ok(Exit::Done);
    }
    super::attach::show(&socket, &name, &args.screen)
}

/// What is to be flown here, admitted by the rig's commissioning.
fn setup(args: &RunArgs) -> Result<engine::setup::Setup> {
    args.held_to.admit(plan::setup_to_fly(&args.flight, args.speed, args.unattended)?, args.unattended)
}

fn options(args: &RunArgs) -> Result<RunOptions> {
    Ok(RunOptions {
        keep_checkpoints: args.keep_checkpoints,
        out: args.out.clone(),
        program: std::env::current_exe().context("cannot find this program's own file")?,
        emulator: args.emulator.clone(),
        named: Program {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("ORBITBENCH_COMMIT").to_owned(),
            command: std::env::args().collect(),
        },
    })
}

fn headless(args: &RunArgs) -> Result<Exit> {
    let setup = setup(args)?;
    eprintln!("{}", setup.title());
    let mut line = Line::new(&setup);
    let outcome = fly(&setup, &options(args)?, &mut |progress| line.show(progress)).map_err(bad_or_internal)?;
    line.end();
    // How the run ended decides the exit code, whether or not anybody still reads.
    let _ = writeln!(stdout(), "{}\n{}", outcome.words, outcome.folder.display());
    for why in outcome.internal.iter().chain(&outcome.unrecorded) {
        eprintln!("error: {why}");
    }
    if outcome.sealed {
        match judge::of_ended(&outcome.folder) {
            Ok(comparison) => {
                let _ = write!(stdout(), "{comparison}");
            }
            // A run that ended in staging has nothing to compare.
            Err(why) => eprintln!("not compared: {why}"),
        }
    }
    Ok(exit_of(outcome.code()))
}

pub(super) fn exit_of(code: u8) -> Exit {
    match code {
        0 => Exit::Done,
        5 => Exit::Aborted,
        6 => Exit::Tripped,
        7 => Exit::Unconfirmed,
        _ => Exit::Internal,
    }
}

/// Folders that cannot be written, devices that are not there and plans that cannot be flown are the caller's to mend; threads and
/// sockets are ours.
fn bad_or_internal(error: RunError) -> anyhow::Error {
    match error {
        RunError::System { .. } => error.into(),
        other => BadInput(other.to_string()).into(),
    }
}

/// The engine of a run with a screen: its own session, its one line on standard output says where to attach.
pub(crate) fn engine(args: &RunArgs) -> Result<Exit> {
    // Fails only if we lead a session already, which is what is wanted.
    let _ = rustix::process::setsid();
    let setup = setup(args)?;
    let outcome = fly(&setup, &options(args)?, &mut |progress| {
        if let Progress::Session { socket, name } = progress {
            // Whoever started us may be gone by then.
            let _ = writeln!(stdout(), "{}\t{name}", socket.display());
            let _ = stdout().flush();
        }
    })
    .map_err(bad_or_internal)?;
    if outcome.sealed {
        // Derived: `compare` makes it again at any time.
        let _ = judge::of_ended(&outcome.folder);
    }
    Ok(exit_of(outcome.code()))
}

/// Starts `orbitbench engine` with our own arguments; returns its socket and the run's name.
fn start_engine() -> Result<(PathBuf, String)> {
    let folder = engine::live::make_socket_folder().context("cannot use the folder for session sockets")?;
    let log = folder.join(format!("engine-{}.log", std::process::id()));
    let arguments = std::env::args_os().skip(2);
    let mut child = Command::new(std::env::current_exe()?)
        .arg("engine")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?)
        .spawn()
        .context("cannot start the engine")?;
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut said)?;
    }
    let Some((socket, name)) = said.trim().split_once('\t') else {
        let code = child.wait()?.code().unwrap_or_default();
        let words = std::fs::read_to_string(&log).unwrap_or_default();
        let words = words.trim().trim_start_matches("error: ").to_owned();
        let _ = std::fs::remove_file(&log);
        if code == i32::from(Exit::BadInput as u8) {
            return Err(BadInput(words).into());
        }
        bail!("the engine did not start: {words}");
    };
    Ok((PathBuf::from(socket), name.to_owned()))
}

/// Progress on standard error: one line that changes on a terminal, a line now and then in a log.
struct Line {
    terminal: bool,
    told: Option<Instant>,
    state: String,
    unit: String,
    /// What is servoed, and the board power that figures go by.
    servoed: Column,
    board: Column,
    open: bool,
}

impl Line {
    fn new(setup: &engine::setup::Setup) -> Self {
        let metered = setup.rig.interface.energy_source == signal::Source::Meter;
        let board = if metered { Column::RigBoardW } else { Column::AccelPowerW };
        let (unit, servoed) = (setup.unit.clone(), setup.servoed());
        Self { terminal: stderr().is_terminal(), told: None, state: String::new(), unit, servoed, board, open: false }
    }

    fn show(&mut self, progress: &Progress) {
        match progress {
            Progress::Folder(path) => self.say(&format!("run folder {}", path.display())),
            Progress::Predicted(told) => {
                self.say(&format!(
                    "prediction sealed: {:.0} s of staging, {:.0} s of mission, {} on the wall",
                    told.staging_s,
                    told.mission_s,
                    rehearse::clock(told.wall_s)
                ));
            }
            Progress::Session { name, .. } => self.say(&format!("look at it with `orbitbench attach {name}`")),
            Progress::Event(event) => self.say(&format!("{} {}: {}", event.severity.word(), event.who, event.message)),
            Progress::At { state, mission_s, duration_s, eta_s, row } => {
                let mut text = format!("{:<9}", state.word());
                // Writing to a String cannot fail.
                if let Some(mission) = mission_s {
                    let _ = write!(text, " {:>5.1} %", mission / duration_s * 100.0);
                }
                for (column, label, unit) in [
                    (self.servoed, if self.servoed == Column::RigSupplyDegc { "supply" } else { "plate" }, "°C"),
                    (Column::RigSetpointDegc, "setpoint", "°C"),
                    (self.board, if self.board == Column::RigBoardW { "metered" } else { "power" }, "W"),
                ] {
                    if let Some(value) = row.get(column) {
                        let _ = write!(text, "  {label} {value:.1} {unit}");
                    }
                }
                if let Some(work) = row.get(Column::WorkUnits) {
                    let _ = write!(text, "  {work:.0} {}s", self.unit);
                }
                let away = row.get(Column::WorkParkState).and_then(signal::Place::of_number).and_then(signal::Place::words);
                if let Some(words) = away {
                    let _ = write!(text, "  work {words}");
                }
                if let Some(left) = row.get(Column::RunEndsInS) {
                    let _ = write!(text, "  ends by itself in {}", rehearse::clock(left));
                }
                if let Some(eta) = eta_s {
                    let _ = write!(text, "  {} to go", rehearse::clock(*eta));
                }
                let changed = self.state != state.word();
                state.word().clone_into(&mut self.state);
                if self.terminal {
                    let _ = write!(stderr(), "\r\x1b[2K{text}");
                    self.open = true;
                } else if changed || self.told.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
                    self.told = Some(Instant::now());
                    let _ = writeln!(stderr(), "{text}");
                }
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.end();
        let _ = writeln!(stderr(), "{text}");
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = writeln!(stderr());
        }
    }
}
