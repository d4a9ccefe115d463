//! `rig weigh`: what a part of the bench weighs, dry or with its coolant, kept in a record beside the rig file.

use crate::exit::{self, BadInput, Exit};
use crate::plan;
use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use engine::weigh::{Hands, PortPan, WeighError, kept, weigh};
use model::weigh::{Balance, Weighed};
use record::replace_file;
use rig::RigFile;
use rig::config::{Boundary, Ledger, Mass, SCALE, WeighingRecord};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

/// Coverage factor of what is printed: about 95 %.
const COVERAGE: f64 = 2.0;

/// What to weigh, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct WeighArgs {
    /// A name from `rig list` or a TOML file
    rig: String,
    /// The part, as in `[mass.PART]`; what is known of every part if left out
    part: Option<String>,
    /// With its coolant in it: the difference to dry is the coolant's
    #[arg(long, requires = "part")]
    wet: bool,
    /// Whom it is charged to: needed for a part that neither rig file nor record has
    #[arg(long, value_parser = worded(Ledger::WORDS), requires = "part")]
    ledger: Option<Ledger>,
    /// How much it serves: one card, a server, a rack, the facility; `card` for a new part if left out
    #[arg(long, value_parser = worded(Boundary::WORDS), requires = "part")]
    boundary: Option<Boundary>,
    /// How many accelerators it serves; each is charged its part. Needed for a new part that serves more than a card
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "part")]
    serves: Option<u32>,
    /// What it is
    #[arg(long, requires = "part")]
    note: Option<String>,
    /// Its density, kg/m³: then the air it floats in is corrected for instead of doubted
    #[arg(long, value_name = "KG_M3", value_parser = density, requires = "part")]
    density: Option<f64>,
    /// Times it is put on
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    repeats: u8,
    /// Who does it: goes into the record; `$USER` if left out
    #[arg(long)]
    operator: Option<String>,
    /// The record; the one that the rig file names, else rigs/weighing/RIG.toml
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Folder of the running `rig emulate` that stands in for an emulated scale
    #[arg(long, value_name = "FOLDER")]
    emulator: Option<PathBuf>,
}

/// Words of a file as values of a flag.
fn worded<T: Copy + Send + Sync + 'static>(words: &'static [(&'static str, T)]) -> impl TypedValueParser<Value = T> {
    let value = move |typed: String| words.iter().find(|(word, _)| *word == typed).expect("clap refuses other words").1;
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).map(value)
}

fn density(text: &str) -> Result<f64, String> {
    let known = text.parse().ok().filter(|d: &f64| (10.0..=25_000.0).contains(d));
    known.ok_or_else(|| format!("\"{text}\" is no density: expected 10 to 25000 kg/m3, such as 2700 of aluminium"))
}

/// Weighs one part, or lists what is known of all.
pub(crate) fn run(args: &WeighArgs) -> Result<Exit> {
    let source = plan::rig(&args.rig)?;
    let (rig, _) =
        engine::setup::parse_rig(&source.file, &source.text).map_err(|problems| BadInput(format!("the rig has problems:\n{problems}")))?;
    let beside = |file: &Path| Path::new(&source.from).parent().unwrap_or(Path::new("")).join(file);
    let named = rig.weighing.file.as_deref().map(beside);
    let file = args.record.clone().or_else(|| named.clone()).unwrap_or_else(|| PathBuf::from(format!("rigs/weighing/{}.toml", rig.name)));
    let mut record = kept(&file, &rig.name).map_err(|why| BadInput(why.to_string()))?.unwrap_or_else(|| WeighingRecord::of(&rig.name));
    let known = record.over(&rig.masses).map_err(|why| BadInput(format!("{}: {why}", file.display())))?;
    let Some(part) = &args.part else {
        list(&rig, &known)?;
        return Ok(Exit::Done);
    };
    let Some(scale) = &rig.scale else {
        return Err(BadInput(format!(
            "{} has no [scale]: give it driver = \"line\", dialect = \"mt-sics\", a port, readability_kg and accuracy_kg",
            rig.name
        ))
        .into());
    };
    let mut mass = start(args, part, known.iter().find(|mass| mass.name == *part))?;
    exit::replaceable(&file)?;
    if args.wet && record.masses.iter().all(|mass| mass.name != *part) {
        eprintln!("warning: {part} was not weighed dry yet; its dry mass stays {} kg as the rig file says", mass.kg);
    }
    let fail = |why: WeighError| BadInput(why.to_string());
    let mut pan = PortPan::open(scale, args.emulator.as_deref()).map_err(fail)?;
    eprintln!("{SCALE}: {}", pan.identity());
    if pan.emulated() {
        eprintln!("simulated, never good for real hardware: the scale is emulated");
    }
    let balance = Balance { readability_kg: scale.readability_kg, accuracy_kg: scale.accuracy_kg };
    let state = if args.wet { "with its coolant" } else { "dry" };
    let called = format!("{part}, {state},");
    let found = match weigh(&mut pan, &mut Keyboard, balance, &called, usize::from(args.repeats), args.density) {
        Ok(found) => found,
        Err(WeighError::Ended) => {
            say!("{}", WeighError::Ended);
            return Ok(Exit::Aborted);
        }
        Err(why) => return Err(fail(why).into()),
    };
    let operator = args.operator.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "unnamed".to_owned());
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let how = format!("{now} by {operator} on {}, {} times", pan.identity(), args.repeats);
    if args.wet {
        (mass.wet_kg, mass.u_wet_kg, mass.weighed_wet) = (Some(found.kg), Some(found.u_kg), how);
    } else {
        (mass.kg, mass.u_kg, mass.weighed) = (found.kg, Some(found.u_kg), how);
    }
    // What the record would be refused for must not get into it.
    if mass.mixed_up() {
        let next = if args.wet { "weigh it dry first" } else { "if the part is another now, weigh it --wet first" };
        let (dry, wet) = (mass.kg, mass.wet_kg.unwrap_or_default());
        let why =
            format!("{part} would be {dry:.4} kg dry and {wet:.4} kg with its coolant: dry or wet was mixed up; nothing was kept, {next}");
        return Err(BadInput(why).into());
    }
    record.simulated |= pan.emulated();
    record.put(mass);
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|why| exit::unwritable(&file, why))?;
    }
    replace_file(&file, record.text().as_bytes()).map_err(exit::unrecorded(&file))?;
    tell(part, state, &found)?;
    say!("kept in {}", file.display());
    if named.as_deref() != Some(file.as_path()) {
        say!("the rig file goes by it once it says\n  [weighing]\n  file = \"{}\"    # relative to the rig file", file.display());
    }
    Ok(Exit::Done)
}

/// What is known of the part, with what was typed; or why it cannot be weighed so.
fn start(args: &WeighArgs, part: &str, known: Option<&Mass>) -> Result<Mass> {
    let boundary = args.boundary;
    let mut mass = match (known, args.ledger) {
        (Some(known), wanted) => {
            let typed = Mass {
                ledger: wanted.unwrap_or(known.ledger),
                boundary: boundary.unwrap_or(known.boundary),
                serves: args.serves.unwrap_or(known.serves),
                ..known.clone()
            };
            if typed.place() != known.place() {
                let message = format!("{part} is {} in rig file or record, not {}: change it there first", known.place(), typed.place());
                return Err(BadInput(message).into());
            }
            known.clone()
        }
        (None, None) => {
            let words: Vec<&str> = Ledger::WORDS.iter().map(|(word, _)| *word).collect();
            return Err(BadInput(format!("{part} is new: say --ledger {}", words.join(" | "))).into());
        }
        (None, Some(_)) if args.wet => return Err(BadInput(format!("{part} is new: weigh it dry first")).into()),
        (None, Some(_)) if boundary.is_some_and(|b| b != Boundary::Card) && args.serves.is_none() => {
            return Err(BadInput(format!("{part} serves more than one card: say how many with --serves")).into());
        }
        (None, Some(ledger)) => Mass {
            name: part.to_owned(),
            kg: 0.0,
            u_kg: None,
            wet_kg: None,
            u_wet_kg: None,
            ledger,
            boundary: boundary.unwrap_or(Boundary::Card),
            serves: args.serves.unwrap_or(1),
            note: String::new(),
            weighed: String::new(),
            weighed_wet: String::new(),
        },
    };
    if let Some(note) = &args.note {
        mass.note.clone_from(note);
    }
    Ok(mass)
}

/// An operator at a keyboard; a file of empty lines will do.
struct Keyboard;

impl Hands for Keyboard {
    fn please(&mut self, what: &str) -> bool {
        eprint!("{what}. [Enter when it is done; q ends it] ");
        let _ = io::stderr().flush();
        let mut line = String::new();
        let heard = io::stdin().lock().read_line(&mut line).is_ok_and(|n| n > 0);
        heard && !matches!(line.trim(), "q" | "quit")
    }

    fn hear(&mut self, line: &str) {
        eprintln!("  {line}");
    }
}

fn tell(part: &str, state: &str, found: &Weighed) -> io::Result<()> {
    let grams = |kg: f64| format!("{:.3} g", kg * 1e3);
    let scatter = found.scatter_kg.map_or("not known of one weighing".to_owned(), grams);
    say!("{part} {state}: {:.4} kg +- {:.4} kg (k = {COVERAGE:.0}, about 95 %)", found.kg, COVERAGE * found.u_kg);
    say!(
        "  standard uncertainties: scatter {scatter}, digits {}, scale {}, air {}; the zero wandered {}",
        grams(found.digits_kg),
        grams(found.scale_kg),
        grams(found.air_kg),
        grams(found.drift_kg)
    );
    Ok(())
}

fn list(rig: &RigFile, masses: &[Mass]) -> io::Result<()> {
    say!("{}: dry masses count; coolant is the flight loop's, which a profile weighs", rig.name);
    say!("{:<22} {:>9} {:>8} {:>9} {:<15} {:<8} {}", "PART", "kg", "+- kg", "coolant", "LEDGER", "BOUNDARY", "WEIGHED");
    let kg = |kg: Option<f64>| kg.map_or("-".to_owned(), |kg| format!("{kg:.4}"));
    for mass in masses {
        let weighed = if mass.weighed.is_empty() { "declared" } else { mass.weighed.get(..10).unwrap_or(&mass.weighed) };
        say!(
            "{:<22} {:>9.4} {:>8} {:>9} {:<15} {:<8} {weighed}",
            mass.name,
            mass.kg,
            kg(mass.u_kg.map(|u| COVERAGE * u)),
            kg(mass.coolant_kg()),
            mass.ledger.word(),
            mass.boundary.word()
        );
    }
    for (word, ledger) in Ledger::WORDS {
        let of: Vec<&Mass> = masses.iter().filter(|mass| mass.ledger == *ledger).collect();
        if let Some(widest) = of.iter().map(|mass| mass.boundary).max() {
            let total: f64 = of.iter().map(|mass| mass.charged_kg()).sum();
            let u: f64 = of.iter().map(|mass| (mass.u_kg.unwrap_or(0.0) / f64::from(mass.serves)).powi(2)).sum::<f64>().sqrt();
            let unsure = of.iter().filter(|mass| mass.u_kg.is_none()).count();
            let doubt = match unsure {
                0 => format!("+- {:.4} kg", COVERAGE * u),
                n => format!("{n} of {} without a stated uncertainty", of.len()),
            };
            say!("{word:<22} {total:>9.4} kg an accelerator, {doubt}; boundary: {}", widest.word());
        }
    }
    Ok(())
}
