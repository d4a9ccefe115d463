//! Verbs of the AI work: what there is, how fast one is here; and the two hidden ones that a run starts to hold a workload in a process of its own.

use crate::exit::{BadInput, Exit};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use signal::{Crossing, Place};
use std::ffi::OsString;
use std::io::BufReader;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use workload::transformer::Preset;
use workload::{Keeping, Scratch, Spec, Start, Workload};

/// How often the duty is renewed and the counters are read.
const LOOK: Duration = Duration::from_millis(250);
/// How often progress is told.
const TELL: Duration = Duration::from_secs(2);
/// Longest end of the work.
const END: Duration = Duration::from_secs(6);
/// How long a last check of the work may take.
const CONCLUDE: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(crate) enum WorkloadCommand {
    /// The kinds of work there are, and the sizes of the built-in model
    List,
    /// Work for a while and say how much was done: no rig, no accelerator, no run
    Bench(BenchArgs),
    /// Measure work per joule over power budget and coolant temperature, or draw what was measured
    Map(Box<crate::verbs::workmap::MapArgs>),
    /// Start a command, and end it when our input falls silent; used by runs
    #[command(hide = true)]
    Guard {
        /// Silence after which the command is told to idle, s; after twice that it is ended
        #[arg(long, default_value_t = workload::LEASE.as_secs_f64())]
        lease_s: f64,
        /// The command
        #[arg(last = true, required = true)]
        program: Vec<OsString>,
    },
    /// Do some work as a command, told by lines; used by runs
    #[command(hide = true)]
    Load {
        /// Seed of prompts and pacing
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The work
        workload: String,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    /// Work as `run --workload` takes it
    workload: String,
    /// How long, from the first unit on
    #[arg(long, default_value = "10s", value_parser = crate::plan::duration)]
    duration: f64,
    /// How long to wait for the first unit: a server may have to load its model
    #[arg(long, default_value = "300s", value_parser = crate::plan::duration)]
    ready: f64,
    /// Share of the time to work
    #[arg(long, default_value_t = 1.0)]
    duty: f64,
    /// Seed of weights, prompts and pacing
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Half-way through, take its power away and give it back once it is gone: checkpoint or restart, and say what that cost
    #[arg(long, default_value = "idle")]
    eclipse: Crossing,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn workload(command: &WorkloadCommand) -> Result<Exit> {
    match command {
        WorkloadCommand::List => list(),
        WorkloadCommand::Bench(args) => bench(args),
        WorkloadCommand::Map(args) => crate::verbs::workmap::map(args),
        WorkloadCommand::Guard { lease_s, program } => guard(*lease_s, program),
        WorkloadCommand::Load { seed, workload } => load(*seed, workload),
    }
}

fn spec(text: &str) -> Result<Spec> {
    text.parse::<Spec>().map_err(|why| BadInput(why.to_string()).into())
}

fn list() -> Result<Exit> {
    for (name, what) in [
        ("virtual", "the virtual card's tokens, with the twin"),
        ("cpu[:MODEL][:THREADS][:TASK]", "the built-in transformer on the host: decode, prefill, mixed or train; tokens"),
        ("cuda[:CARD][:MODEL][:TASK][:NUMBER][:batch=N]", "the same on an NVIDIA GPU, by number or UUID; bf16, f32 or fp8"),
        ("auto[:MODEL][:TASK]", "on a GPU if there is one that can, else on the host"),
        ("openai:URL[,key=value]", "load for an OpenAI-compatible server, tokens by its usage"),
        ("openai:FILE.toml", "the same from a file, which may start the server, too"),
        ("command:LINE", "a shell command of yours that speaks JSON lines, its own units"),
        ("none", "none of ours: the bench only observes"),
    ] {
        say!("{name:<28} {what}");
    }
    say!("\nmodels of `cpu`, `cuda` and `auto` (or a .gguf or .safetensors file of a Llama-shaped model):");
    for preset in Preset::ALL {
        let c = preset.config();
        let millions = c.parameters() as f64 / 1e6;
        say!(
            "{:<10} {millions:>8.1} M weights, {} layers of {}, {} heads, {} tokens",
            preset.name(),
            c.layers,
            c.width,
            c.heads,
            c.vocabulary
        );
    }
    Ok(Exit::Done)
}

/// What was counted between two looks.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    output: Option<f64>,
    input: Option<f64>,
}

impl Look {
    fn at(work: &dyn Workload) -> Self {
        Self { at: Instant::now(), output: work.units(), input: work.input_units() }
    }

    fn rate(then: Option<f64>, now: Option<f64>, seconds: f64) -> Option<f64> {
        Some((now? - then.unwrap_or(0.0)) / seconds)
    }

    /// Output and input units a second since `then`.
    fn rates(&self, then: &Self) -> (Option<f64>, Option<f64>) {
        let seconds = self.at.duration_since(then.at).as_secs_f64();
        (Self::rate(then.output, self.output, seconds), Self::rate(then.input, self.input, seconds))
    }
}

fn bench(args: &BenchArgs) -> Result<Exit> {
    if !(args.duty > 0.0 && args.duty <= 1.0) {
        return Err(BadInput(format!("--duty {} is not above 0 and at most 1", args.duty)).into());
    }
    let spec = spec(&args.workload)?;
    if matches!(spec, Spec::None | Spec::Virtual) {
        return Err(BadInput(format!("the workload `{spec}` does nothing here: choose cpu, openai:… or command:…")).into());
    }
    let program = std::env::current_exe().context("cannot find the program itself, which guards the work")?;
    // Gone with this bench however it ends; what a killed one left goes with the next.
    let files = args.eclipse.drops().then(|| Scratch::new("orbitbench-checkpoints")).transpose();
    let files = files.with_context(|| format!("cannot make a folder for checkpoints in {}", std::env::temp_dir().display()))?;
    let keeping = Keeping { crossing: args.eclipse, folder: files.as_ref().map_or_else(Default::default, |files| files.path().to_owned()) };
    // Nothing is measured here, but `cuda:1` is the card that it is elsewhere.
    let counted = if matches!(spec, Spec::Cuda(_)) { engine::boards::counted() } else { Vec::new() };
    let start = Start { seed: args.seed, program: Some(&program), keeping: Some(&keeping), counted: &counted, ..Start::default() };
    let mut work = spec.start(&start).map_err(|why| BadInput(why.to_string()))?.work;
    let begun = Instant::now();
    let mut first: Option<Look> = None;
    let mut said_last: Option<String> = None;
    let mut told = Instant::now();
    let mut eclipse = Eclipse::of(args.eclipse);
    let last = loop {
        work.set_duty(args.duty);
        std::thread::sleep(LOOK);
        let look = Look::at(work.as_ref());
        for remark in work.remarks() {
            eprintln!("{remark}");
            said_last = Some(remark);
        }
        for told in work.told() {
            eprintln!("{}: {}", told.kind, told.message);
        }
        eclipse.look(work.as_mut(), first.as_ref(), args.duration);
        if let Err(why) = work.healthy() {
            work.stop(END);
            return Err(BadInput(why).into());
        }
        let Some(since) = first else {
            // Not before: loading and warming up are no rate.
            if look.output.is_some_and(|u| u > 0.0) {
                first = Some(look);
            } else if begun.elapsed().as_secs_f64() > args.ready {
                work.stop(END);
                let last = said_last.map_or_else(String::new, |said| format!(": {said}"));
                return Err(BadInput(format!("no unit was done within {} s (see --ready){last}", args.ready)).into());
            }
            continue;
        };
        if told.elapsed() >= TELL {
            told = Instant::now();
            eprintln!("{:6.1} s  {}", look.at.duration_since(since.at).as_secs_f64(), said(look.rates(&since), work.unit()));
        }
        if look.at.duration_since(since.at).as_secs_f64() >= args.duration && eclipse.is_over(work.as_ref()) {
            break (since, look);
        }
    };
    let (since, look) = last;
    let (output, input) = look.rates(&since);
    // A rate is told only of work that was right to its end.
    let right = work.conclude(work.conclusion().max(CONCLUDE), &AtomicBool::new(false));
    for remark in work.remarks() {
        eprintln!("{remark}");
    }
    if let Err(why) = right {
        work.stop(END);
        return Err(BadInput(why).into());
    }
    let (unit, what, figures) = (work.unit().to_owned(), work.describe(), work.figures());
    let kept = work.kept();
    let ended = work.stop(END);
    drop(files);
    if args.json {
        let report = json!({"workload": what, "unit": unit, "duty": args.duty, "seconds": look.at.duration_since(since.at).as_secs_f64(),
                            "output_units_per_s": output, "input_units_per_s": input, "figures": figures, "kept": kept});
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        say!("{what}");
        say!("{}", said((output, input), &unit));
        if let Some(kept) = kept {
            say!(
                "put away {} time(s): {:.2} MiB in {:.3} s, back in {:.3} s; {} {unit}s put out and {} taken in lost and done again",
                kept.pauses,
                kept.bytes as f64 / 1_048_576.0,
                kept.write_s,
                kept.restore_s,
                kept.lost_output,
                kept.lost_input
            );
        }
        for (name, value) in &figures {
            say!("  {name:<32} {value:.6}");
        }
    }
    if !ended {
        return Err(anyhow::anyhow!("the work did not confirm that it ended; look for what is left of `{spec}`"));
    }
    Ok(Exit::Done)
}

/// An eclipse in the middle of a bench.
enum Eclipse {
    Ahead,
    Dark,
    Over,
}

impl Eclipse {
    const fn of(crossing: Crossing) -> Self {
        if crossing.drops() { Self::Ahead } else { Self::Over }
    }

    /// It was, and the work is back.
    fn is_over(&self, work: &dyn Workload) -> bool {
        matches!(self, Self::Over) && work.kept().is_none_or(|kept| kept.place == Place::Memory)
    }

    fn look(&mut self, work: &mut dyn Workload, first: Option<&Look>, duration_s: f64) {
        let place = work.kept().map(|kept| kept.place);
        match self {
            Self::Ahead if first.is_some_and(|since| since.at.elapsed().as_secs_f64() >= duration_s / 2.0) => {
                work.power(false);
                *self = Self::Dark;
            }
            // In memory after all: it did not go, and has said so.
            Self::Dark if matches!(place, Some(Place::Away | Place::Memory)) => {
                work.power(true);
                *self = Self::Over;
            }
            Self::Ahead | Self::Dark | Self::Over => {}
        }
    }
}

fn said((output, input): (Option<f64>, Option<f64>), unit: &str) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "not counted".to_owned(), |r| format!("{r:.1} {unit}s/s"));
    format!("out {}, in {}", rate(output), rate(input))
}

fn guard(lease_s: f64, program: &[OsString]) -> Result<Exit> {
    let lease = Duration::try_from_secs_f64(lease_s).ok().filter(|l| !l.is_zero());
    let lease = lease.ok_or_else(|| BadInput(format!("--lease-s {lease_s} is not a time above 0")))?;
    let code = workload::guard::guard(program, lease).context("cannot guard the command")?;
    // The command's own code, which is none of ours.
    std::process::exit(i32::from(code));
}

fn load(seed: u64, text: &str) -> Result<Exit> {
    let work = spec(text)?.start(&Start { seed, ..Start::default() }).map_err(|why| BadInput(why.to_string()))?.work;
    workload::serve::serve(work, BufReader::new(std::io::stdin()), &mut std::io::stdout())?;
    Ok(Exit::Done)
}
