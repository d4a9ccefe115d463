//! `sweep`: many designs at once, and what their figures depend on.

use crate::exit::{BadInput, Exit, unrecorded};
use crate::plan;
use crate::verbs::rehearse::clock;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use study::render::{self, Trade};
use study::{Bench, Design, Request, Results, Scheme, Sitting, Study, Sweep, Vary};

/// Outputs whose dependence is printed unless others are asked for.
const USUAL: [&str; 4] = ["work_units_per_j", "work_units_per_s", "die_max_degc", "dry_kg"];

/// How the commit of a build ends that is more than the commit.
const UNNAMED: &str = "+changes";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SweepArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SweepCommand>,
    #[command(flatten)]
    pub(crate) fly: FlyArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SweepCommand {
    /// Sensitivity and Pareto front of results that are there already
    Report {
        /// The CSV file of a sweep
        file: PathBuf,
        #[command(flatten)]
        show: ShowArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FlyArgs {
    /// Profile that is varied: a name from `profile list` or a TOML file
    #[arg(default_value = "dawn-dusk-650")]
    profile: String,
    /// Rig that is varied: a name from `rig list` or a TOML file
    #[arg(long, default_value = "twin")]
    rig: String,
    /// A key and its values: KEY=FROM..TO:POINTS, KEY=FROM..TO (for samples), KEY=VALUE,VALUE; keys of the rig begin with `rig:`
    #[arg(long, value_name = "KEY=VALUES", required_unless_present = "file")]
    vary: Vec<Vary>,
    /// Which points: grid, lhs (Latin hypercube), sobol or morris (sensitivity)
    #[arg(long, default_value = "grid")]
    design: Scheme,
    /// Strata of lhs, base samples of sobol (a power of two is best), walks of morris; 100, 64 and 20 if left out
    #[arg(long)]
    samples: Option<usize>,
    /// Seed that draws the points
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A sweep file (TOML) that says all of the above
    #[arg(long, conflicts_with_all = ["vary", "design", "samples", "seed", "rehearse", "dt", "rig", "profile"])]
    file: Option<PathBuf>,
    /// Fly each point as `rehearse` does, on the believed rig with its limits; the flight model alone if left out
    #[arg(long)]
    rehearse: bool,
    /// Controller step in bench seconds
    #[arg(long, default_value_t = 1.0)]
    dt: f64,
    /// Results; a sweep that was interrupted goes on where its file ends, if version, files and design are the same
    #[arg(long, default_value = "sweep.csv")]
    out: PathBuf,
    /// Begin again: the sweep that is in --out is discarded
    #[arg(long)]
    anew: bool,
    /// Points flown at once; as many as there are cores if left out
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Outputs whose sensitivity is shown, with commas, or `all`
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    of: Vec<String>,
    /// Two columns of the Pareto front: the more of the first and the less of the second the better
    #[arg(long, value_name = "MORE,LESS", value_parser = trade)]
    pareto: Option<Trade>,
    /// Draw the Pareto front into this SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn trade(text: &str) -> Result<Trade, String> {
    match text.split(',').map(str::trim).collect::<Vec<_>>()[..] {
        [more, less] if !more.is_empty() && !less.is_empty() && more != less => Ok(Trade { more: more.to_owned(), less: less.to_owned() }),
        _ => Err("expected two different columns such as work_units_per_j,dry_kg".into()),
    }
}

pub(crate) fn sweep(args: &SweepArgs) -> Result<Exit> {
    match &args.command {
        Some(SweepCommand::Report { file, show }) => {
            let results = read(file)?;
            let (points, done) = results.counts();
            say!("{}: {done} of {points} points of a {}", file.display(), results.design());
            report(&results, show)?;
            Ok(Exit::Done)
        }
        None => fly(&args.fly),
    }
}

fn request(args: &FlyArgs) -> Result<Request> {
    let Some(file) = &args.file else {
        if !(0.01..=60.0).contains(&args.dt) {
            return Err(BadInput(format!("--dt {} is not between 0.01 and 60 bench seconds", args.dt)).into());
        }
        if args.design == Scheme::Grid && args.samples.is_some() {
            return Err(
                BadInput("--samples is for lhs, sobol and morris; a grid has its points in --vary KEY=FROM..TO:POINTS".into()).into()
            );
        }
        return Ok(Request {
            profile: plan::profile(&args.profile)?,
            rig: plan::rig(&args.rig)?,
            vary: args.vary.clone(),
            design: Design { scheme: args.design, samples: args.samples.unwrap_or(args.design.usual_samples() as usize), seed: args.seed },
            bench: if args.rehearse { Bench::Rehearsal } else { Bench::Flight },
            dt_s: args.dt,
            commit: env!("ORBITBENCH_COMMIT").to_owned(),
        });
    };
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|why| BadInput(format!("cannot read the sweep file {name}: {why}")))?;
    let file = study::sweepfile::read(&name, &text).map_err(|problems| BadInput(format!("the sweep file has problems:\n{problems}")))?;
    Ok(Request {
        profile: plan::profile(&file.profile)?,
        rig: plan::rig(&file.rig)?,
        vary: file.vary,
        design: file.design,
        bench: file.bench,
        dt_s: file.dt_s,
        commit: env!("ORBITBENCH_COMMIT").to_owned(),
    })
}

fn fly(args: &FlyArgs) -> Result<Exit> {
    let study = Study::check(request(args)?).map_err(|wrong| BadInput(wrong.join("\n"))).context("cannot sweep this")?;
    check_columns(&study.columns(), &args.show)?;
    let open = if args.anew { Sweep::anew } else { Sweep::open };
    let sweep = open(&study, &args.out).map_err(|why| refused(&args.out, why))?;
    let (points, there) = (study.len(), sweep.done());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = args.threads.map_or(cores, usize::from);
    let bench = if study.request().bench == Bench::Flight { "the flight model alone" } else { "rehearsals on the believed rig" };
    let going_on = if there > 0 { format!(", {there} of them there already") } else { String::new() };
    if there > 0 && study.request().commit.ends_with(UNNAMED) {
        eprintln!(
            "caution: this build has changes that no commit names; that it flew the {there} points there nobody can tell (--anew begins again)"
        );
    }
    eprintln!("{points} points{going_on}; {bench}, on {threads} threads, into {}", args.out.display());

    // The first signal ends the sweep after the ticks under way, the second at once.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(Exit::Aborted as u8), Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let mut bar = Bar::new(points, there);
    let sitting = sweep.run(threads, &stop, |done| bar.show(done)).map_err(|why| refused(&args.out, why))?;
    bar.end();
    let results = read(&args.out)?;
    let flown = results.counts().1 - there;
    let took = bar.start.elapsed().as_secs_f64();
    if flown > 0 {
        let rate = flown as f64 / took.max(1e-9);
        say!("{flown} points in {} on {threads} threads: {rate:.1} points/s", clock_tenths(took));
    }
    if sitting == Sitting::Stopped {
        say!("stopped with {} of {points} points in {}; the same command goes on from there", flown + there, args.out.display());
        return Ok(Exit::Aborted);
    }
    report(&results, &args.show)?;
    Ok(Exit::Done)
}

fn refused(out: &Path, why: study::Error) -> BadInput {
    match why {
        study::Error::Sheet(why) => unrecorded(out)(why),
        other @ study::Error::Other { .. } => BadInput(other.to_string()),
    }
}

fn clock_tenths(seconds: f64) -> String {
    if seconds < 60.0 { format!("{seconds:.1} s") } else { clock(seconds) }
}

fn read(file: &Path) -> Result<Results> {
    Results::read(file).map_err(|why| BadInput(why.to_string()).into())
}

/// A name that no column has is found before hours of flying, not after.
fn check_columns(columns: &[String], show: &ShowArgs) -> Result<()> {
    let asked = show.of.iter().filter(|of| *of != "all").chain(show.pareto.iter().flat_map(|t| [&t.more, &t.less]));
    for name in asked {
        if name == "point" || name == "problem" || !columns.contains(name) {
            let usable = columns[1..columns.len() - 1].join(", ");
            return Err(BadInput(format!("no column `{name}`: there are {usable}")).into());
        }
    }
    Ok(())
}

fn report(results: &Results, show: &ShowArgs) -> Result<()> {
    check_columns(results.columns(), show)?;
    let bad = |why: record::Error| BadInput(why.to_string());
    let outputs: Vec<String> = match &show.of[..] {
        [] => USUAL.map(str::to_owned).to_vec(),
        [all] if all == "all" => results.outputs().to_vec(),
        named => named.to_vec(),
    };
    let trade = show.pareto.clone().map_or_else(|| Trade::usual(results), Ok).map_err(bad)?;
    let mut parts = vec![render::problems(results), render::points(results, &outputs).map_err(bad)?];
    parts.push(render::sensitivity(results, &outputs).map_err(bad)?);
    parts.push(format!("\n{}", render::pareto(results, &trade).map_err(bad)?));
    for part in parts.iter().filter(|p| !p.is_empty()) {
        say!("{}", part.trim_end_matches('\n'));
    }
    if let Some(path) = &show.svg {
        let title = format!("{} against {}", trade.more, trade.less);
        let picture = study::svg::scatter(results, &trade, &title).map_err(bad)?;
        record::replace_file(path, picture.as_bytes()).map_err(unrecorded(path))?;
        say!("\nfront drawn in {}", path.display());
    }
    Ok(())
}

/// Progress on standard error: one line that is rewritten on a terminal, a line every tenth of the way elsewhere.
struct Bar {
    points: usize,
    there: usize,
    start: Instant,
    shown: Option<Instant>,
    tenth: usize,
    terminal: bool,
}

impl Bar {
    fn new(points: usize, there: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { points, there, start: Instant::now(), shown: None, tenth: there * 10 / points.max(1), terminal }
    }

    fn show(&mut self, done: usize) {
        let due = if self.terminal {
            done == self.points || self.shown.is_none_or(|at| at.elapsed() > Duration::from_millis(100))
        } else {
            done * 10 / self.points > self.tenth
        };
        if !due {
            return;
        }
        self.shown = Some(Instant::now());
        self.tenth = done * 10 / self.points;
        let rate = (done - self.there) as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        let left = clock((self.points - done) as f64 / rate.max(1e-9));
        let mut err = std::io::stderr().lock();
        // Progress that nobody can see is no reason to end a sweep.
        let _ = if self.terminal {
            const CELLS: usize = 24;
            let full = done * CELLS / self.points;
            write!(err, "\r\x1b[K[{}{}] {done}/{} {rate:.1}/s, {left} left", "#".repeat(full), "-".repeat(CELLS - full), self.points)
                .and_then(|()| err.flush())
        } else {
            writeln!(err, "{done} of {} points, {rate:.1}/s, {left} left", self.points)
        };
    }

    fn end(&mut self) {
        if self.terminal && self.shown.is_some() {
            eprintln!();
        }
    }
}
