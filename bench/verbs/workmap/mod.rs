//! `workload map`: the terminal of a work map. Measuring is the engine's; what is drawn of it is decided here, once, and drawn by `terminal` and `svg`.

mod picture;
mod svg;
mod terminal;

use crate::exit::{self, BadInput, Exit, unrecorded};
use crate::plan;
use crate::verbs::rehearse::clock;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use engine::commission;
use engine::live::{MapOptions, RunError, measure};
use engine::manifest::Program;
use engine::workmap::{
    Actuator, Event, MeasuredMap, Observer, Order, Progress, REFERENCE_EVERY, REPEATS, Store, Survey, WINDOW_S, table_columns,
};
use picture::{Picture, Shown};
use signal::{Channel, Severity};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use survey::{Figure, Point, Status};

/// How often the live line changes on a terminal, and progress goes into a log.
const LIVE: Duration = Duration::from_millis(250);
const LOG: Duration = Duration::from_secs(30);
/// Longest live line: it must not wrap at 80 columns.
const WIDTH: usize = 79;
/// The picture that is made at the end, beside the sealed files.
const PICTURE: &str = "map.svg";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct MapArgs {
    #[command(subcommand)]
    command: Option<MapCommand>,
    #[command(flatten)]
    measure: MeasureArgs,
}

#[derive(Debug, Subcommand)]
enum MapCommand {
    /// Draw a map, finished or not: a heat map here, as SVG or HTML
    Show(ShowArgs),
    /// The columns of points.csv and table.csv as Markdown tables
    Columns,
}

#[derive(Clone, Debug, Args)]
struct MeasureArgs {
    /// Rig: a name from `rig list` or a TOML file; twin if left out
    rig: Option<String>,
    /// Temperatures in degC of the plate, or of the coolant's supply where the rig holds that; 10,20,30,43,56,65,73,83 if left out
    #[arg(long, value_name = "DEGC", value_delimiter = ',')]
    coolant: Option<Vec<f64>>,
    /// Power budgets in W; five from idle to full load if left out
    #[arg(long, value_name = "W", value_delimiter = ',')]
    power: Option<Vec<f64>>,
    /// Batch sizes, each put where --workload says `{batch}`
    #[arg(long, value_name = "N", value_delimiter = ',')]
    batch: Option<Vec<u32>>,
    /// What holds the board to a budget: pacing, or power-cap where the rig file allows it. Never both in one map
    #[arg(long)]
    actuator: Option<Actuator>,
    /// Times each point is measured; 4 if left out
    #[arg(long)]
    repeats: Option<u32>,
    /// Temperatures between two visits to the reference point; 2 if left out
    #[arg(long)]
    reference_every: Option<u32>,
    /// Length of a window in bench time; 60s if left out, and not less on a real device
    #[arg(long, value_parser = plan::duration)]
    window: Option<f64>,
    /// Device under test: virtual, nvml:INDEX, cpu; the rig's default if left out
    #[arg(long)]
    accelerator: Option<String>,
    /// Work, as `run --workload` takes it
    #[arg(long)]
    workload: Option<String>,
    /// Bench seconds a wall second; 60 on the twin, always 1 with real hardware
    #[arg(long)]
    speed: Option<f64>,
    /// Controller step in bench seconds; what suits the speed if left out
    #[arg(long)]
    dt: Option<f64>,
    /// Seed of the order of points, and of an emulated bench; 1 if left out
    #[arg(long)]
    seed: Option<u64>,
    /// Where map folders go
    #[arg(long, default_value = "logs")]
    out: PathBuf,
    /// Go on with the map in this folder: only what is missing is measured
    #[arg(long, value_name = "FOLDER")]
    resume: Option<PathBuf>,
    /// Real hardware without a commissioning record, with somebody beside it; the manifest says so
    #[arg(long)]
    uncommissioned: bool,
    /// Nobody is beside it: end where anybody else uses the device, now or later
    #[arg(long)]
    unattended: bool,
    /// Folder of a running `rig emulate` to use instead of starting one
    #[arg(long, value_name = "FOLDER")]
    emulator: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
struct ShowArgs {
    /// Folder of a map
    folder: PathBuf,
    /// What is drawn: per-joule, per-second, power, die, input-per-joule
    #[arg(long, default_value = "per-joule")]
    of: Shown,
    /// Batch size; all of them if left out
    #[arg(long)]
    batch: Option<u32>,
    /// Draw it into this SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a page with the picture and its table into this HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// No colour; the same under `NO_COLOR` and where this is no terminal
    #[arg(long)]
    mono: bool,
}

pub(crate) fn map(args: &MapArgs) -> Result<Exit> {
    match &args.command {
        Some(MapCommand::Show(args)) => show(args),
        Some(MapCommand::Columns) => {
            say!("`points.csv`: a row a point, in the order of measuring.\n\n{}", Point::markdown().trim_end());
            say!("\n`table.csv`: a row a place of the map.\n\n| column | unit | meaning |\n| --- | --- | --- |");
            for (name, unit, meaning) in table_columns() {
                say!("| `{name}` | {unit} | {meaning} |");
            }
            Ok(Exit::Done)
        }
        None => begin(&args.measure),
    }
}

fn read(folder: &Path) -> Result<MeasuredMap> {
    MeasuredMap::read(folder).map_err(|why| BadInput(why.to_string()).into())
}

fn pictures(map: &MeasuredMap, of: Shown, batch: Option<u32>) -> Result<Vec<Picture>> {
    let found: Vec<Picture> = map.tables.iter().filter(|t| batch.is_none() || t.batch == batch).map(|t| Picture::of(map, t, of)).collect();
    match (found.is_empty(), batch) {
        (false, _) => Ok(found),
        (true, Some(batch)) => Err(BadInput(format!("the map has no batch of {batch}")).into()),
        (true, None) => Err(BadInput(format!("{}: no point was measured yet", map.folder.path().display())).into()),
    }
}

fn show(args: &ShowArgs) -> Result<Exit> {
    let map = read(&args.folder)?;
    let pictures = pictures(&map, args.of, args.batch)?;
    if let Some(file) = &args.svg {
        exit::write(file, svg::draw(&pictures))?;
        eprintln!("wrote {}", file.display());
    }
    if let Some(file) = &args.html {
        exit::write(file, svg::page(&map, &pictures))?;
        eprintln!("wrote {}", file.display());
    }
    let coloured = !args.mono && stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    for picture in &pictures {
        say!("{}", terminal::draw(picture, coloured).trim_end());
    }
    Ok(if matches!(map.verdict, record::Verdict::Tampered { .. }) { Exit::Tampered } else { Exit::Done })
}

/// What is to be measured: from flags, or from the map that is gone on with, whose plan every flag must agree with.
fn order(args: &MeasureArgs) -> Result<Order> {
    let before = args.resume.as_deref().map(read).transpose()?.map(|map| map.manifest);
    let from = |m: &engine::workmap::Manifest| if m.rig.from == "built in" { m.rig.name.clone() } else { m.rig.from.clone() };
    let rig = args.rig.clone().or_else(|| before.as_ref().map(from)).unwrap_or_else(|| "twin".to_owned());
    let told = before.as_ref().map(|m| &m.plan);
    let actuator = match told.filter(|_| args.actuator.is_none()) {
        Some(plan) => plan.actuator.parse().map_err(BadInput)?,
        None => args.actuator.unwrap_or(Actuator::Pacing),
    };
    let some = |values: &Vec<f64>| (!values.is_empty()).then(|| values.clone());
    Ok(Order {
        bench: commission::Order {
            rig: plan::rig(&rig)?,
            accelerator: args.accelerator.clone().or_else(|| before.as_ref().map(|m| m.accelerator.spec.clone())),
            workload: args.workload.clone().or_else(|| before.as_ref().map(|m| m.workload.name.clone())),
            dt_s: args.dt.or(told.map(|p| p.dt_s)).unwrap_or(0.0),
            speed: args.speed.or(told.map(|p| p.speed)),
            seed: args.seed.or(told.map(|p| p.seed)).unwrap_or(1),
            quick: false,
        },
        coolant_degc: args.coolant.clone().or_else(|| told.and_then(|p| some(&p.coolant_degc))),
        budget_w: args.power.clone().or_else(|| told.and_then(|p| some(&p.budget_w))),
        batches: args.batch.clone().or_else(|| told.map(|p| p.batches.clone())).unwrap_or_default(),
        repeats: args.repeats.or(told.map(|p| p.repeats)).unwrap_or(REPEATS),
        reference_every: args.reference_every.or(told.map(|p| p.reference_every)).unwrap_or(REFERENCE_EVERY),
        window_s: args.window.or(told.map(|p| p.window_s)).unwrap_or(WINDOW_S),
        actuator,
        unattended: args.unattended,
        uncommissioned: args.uncommissioned || told.is_some_and(|p| p.uncommissioned),
    })
}

fn begin(args: &MeasureArgs) -> Result<Exit> {
    let survey = Survey::build(order(args)?).map_err(|why| BadInput(why.to_string())).context("cannot measure this")?;
    let bad = |why: engine::workmap::StoreError| BadInput(why.to_string());
    let named = Program {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("ORBITBENCH_COMMIT").to_owned(),
        command: std::env::args().collect(),
    };
    let mut store = match &args.resume {
        Some(folder) => Store::resume(&survey, folder).map_err(bad)?,
        None => Store::create(&survey, &args.out, named).map_err(bad)?,
    };
    let folder = store.folder().path().to_owned();
    eprintln!("map folder {}", folder.display());
    let because = survey.station.simulated_because();
    if !because.is_empty() {
        eprintln!("simulated, never good for real hardware: {}", because.join(", "));
    }
    for busy in survey.station.identity.iter().flat_map(|i| i.processes.iter().flatten()) {
        eprintln!("caution: the device is also used by {busy}: its power and heat are in every figure of this map, which says so");
        store.beside(format!("{busy} was on the accelerator before the map began: its power and heat are in every figure"));
    }
    if survey.design.coolant_degc.is_empty() {
        eprintln!("the device is on no plate of ours: its temperature is what its own cooling makes of it, and the map has one row");
    }
    let options =
        MapOptions { program: std::env::current_exe().context("cannot find this program's own file")?, emulator: args.emulator.clone() };
    let mut line = Line::new(store.manifest().workload.unit.clone(), survey.facts().servoed)?;
    let outcome = measure(&survey, &options, &mut line, &mut store);
    line.close();
    drop(store);
    let outcome = outcome.map_err(|why| match why {
        RunError::System { .. } => anyhow::Error::from(why),
        other => BadInput(other.to_string()).into(),
    })?;
    tell_end(&outcome, &folder)
}

fn tell_end(outcome: &engine::live::MapOutcome, folder: &Path) -> Result<Exit> {
    let left: Vec<String> = outcome.unconfirmed.iter().map(|u| format!("{}: {}", u.device, u.why)).collect();
    let safe = if left.is_empty() { "SAFE CONFIRMED".to_owned() } else { format!("SAFE UNCONFIRMED, go and look: {}", left.join("; ")) };
    let how = match &outcome.ended {
        engine::workmap::Ended::Done => "done".to_owned(),
        engine::workmap::Ended::Stopped => "stopped".to_owned(),
        engine::workmap::Ended::Tripped(why) => format!("tripped: {why}"),
    };
    if let Some(why) = &outcome.internal {
        eprintln!("error: {why}");
    }
    if outcome.sealed {
        let map = read(folder)?;
        let drawn = pictures(&map, Shown::PerJoule, None)?;
        record::replace_file(&folder.join(PICTURE), svg::draw(&drawn).as_bytes()).map_err(unrecorded(&folder.join(PICTURE)))?;
        for picture in &drawn {
            say!("{}", terminal::draw(picture, false).trim_end());
        }
    } else {
        say!("go on with `orbitbench workload map --resume {}`", folder.display());
    }
    // How it ended decides the exit code, whether or not anybody still reads.
    let _ = writeln!(stdout(), "{how}. {safe}\n{}", folder.display());
    Ok(super::run::exit_of(outcome.code()))
}

/// Progress on standard error: one line that changes on a terminal, a line now and then in a log.
struct Line {
    stop: Arc<AtomicBool>,
    terminal: bool,
    shown: Option<Instant>,
    open: bool,
    unit: String,
    /// What the rig holds.
    held: commission::Servoed,
    said: BTreeSet<String>,
}

impl Line {
    fn new(unit: String, held: commission::Servoed) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // A second one ends at once: leases do the rest.
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop)).context("cannot listen to signals")?;
            signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen to signals")?;
        }
        Ok(Self { stop, terminal: stderr().is_terminal(), shown: None, open: false, unit, held, said: BTreeSet::new() })
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = writeln!(stderr());
        }
    }

    fn say(&mut self, text: &str) {
        if std::mem::take(&mut self.open) {
            let _ = write!(stderr(), "\r\x1b[2K");
        }
        let _ = writeln!(stderr(), "{text}");
    }
}

/// Where a point is, in words.
fn place(batch: Option<u32>, coolant_degc: Option<f64>, budget_w: f64) -> String {
    let batch = batch.map_or_else(String::new, |b| format!("batch {b}, "));
    let coolant = coolant_degc.map_or_else(String::new, |t| format!("{t} degC "));
    format!("{batch}{coolant}{budget_w} W")
}

impl Observer for Line {
    fn point(&mut self, point: &Point) {
        let mut text = format!("point {:>3}: {}", point.index, place(point.batch, point.coolant_degc, point.budget_w));
        let get = |figure| point.figures.get(figure);
        // Writing to a String cannot fail.
        if point.status == Status::NotReachable {
            let most = get(Figure::Power).map_or_else(|| "not reachable".to_owned(), |w| format!("not reachable, {w:.1} W were"));
            let _ = write!(text, ": {most}: {}", point.why);
        } else {
            let work = get(Figure::PerJoule).map_or_else(|| "nobody counts the work".to_owned(), |v| format!("{v:.3} {}/J", self.unit));
            let power = get(Figure::Power).map_or_else(|| "no power".to_owned(), |w| format!("{w:.1} W"));
            let _ = write!(text, ": {work} at {power}");
        }
        self.say(&text);
    }

    fn event(&mut self, event: &Event) {
        let text = format!("{} {}: {}", event.severity.word(), event.who, event.message);
        // The same again and again is told once, and is in events.csv as often as it was.
        if event.severity > Severity::Info && self.said.insert(text.clone()) {
            self.say(&text);
        }
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        if self.shown.is_some_and(|at| at.elapsed() < if self.terminal { LIVE } else { LOG }) {
            return;
        }
        self.shown = Some(Instant::now());
        let Some(at) = progress.at else { return };
        let mut text = format!(
            "{} of {}, {} left: {}",
            progress.done,
            progress.total,
            clock(progress.eta_s),
            place(at.batch, at.coolant_degc, at.budget_w)
        );
        let held = (self.held.channel(), self.held.word(), "degC");
        for (channel, name, unit) in [held, (Channel::BoardPower, "", "W")] {
            if let Some(value) = progress.readings.usable(channel).filter(|_| channel == Channel::BoardPower || at.coolant_degc.is_some()) {
                let _ = write!(text, ", {name}{}{value:.1} {unit}", if name.is_empty() { "" } else { " " });
            }
        }
        let _ = write!(text, ", {}", progress.waiting);
        if self.terminal {
            let cut: String = text.chars().take(WIDTH).collect();
            let _ = write!(stderr(), "\r\x1b[2K{cut}");
            let _ = stderr().flush();
            self.open = true;
        } else {
            let _ = writeln!(stderr(), "{text}");
        }
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
