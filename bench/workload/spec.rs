//! What was typed after `--workload`, and the way from there to work being done.

use crate::command::{Command, Options};
use crate::cpu::{self, Plan};
use crate::generate::Task;
use crate::measured::{Board, Measured};
use crate::model::Model;
use crate::none::Observe;
use crate::openai::{Config, OpenAi};
use crate::transformer::Preset;
use crate::{Error, Keeping, Workload, gpu, serve};
use signal::Crossing;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Most threads that may be asked for; more is a typing error.
const MOST_THREADS: usize = 256;

/// Which work is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {
    /// The virtual card's tokens: `virtual`.
    Virtual,
    /// None of ours; somebody else loads the accelerator: `none`.
    None,
    /// The built-in transformer on the host: `cpu`, `cpu:2` (threads), `cpu:small:2:prefill`, `cpu:model.gguf:mixed`.
    Cpu(Plan),
    /// The built-in transformer on an NVIDIA GPU: `cuda`, `cuda:0:8b:mixed:bf16:batch=128`, `cuda:GPU-…:model.safetensors`.
    Cuda(gpu::Plan),
    /// As `Cuda` where there is a GPU that can, as `Cpu` where not: `auto:1b:decode`.
    Auto(gpu::Plan),
    /// Somebody's own command: `command:python3 mine.py`.
    Command(String),
    /// Load for an OpenAI-compatible server: `openai:http://127.0.0.1:8080/v1,concurrency=8` or `openai:load.toml`.
    OpenAi {
        /// What stands after `openai:`.
        text: String,
        /// What that means.
        config: Box<Config>,
    },
}

/// Work that was started, at duty 0.
pub struct Started {
    /// The work.
    pub work: Box<dyn Workload>,
    /// In words, why its units are of no use over the energy that is measured: it works elsewhere, or nobody can tell where.
    pub apart: Option<String>,
}

/// What work is started with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// Settles weights, prompts and pacing.
    pub seed: u64,
    /// Goes to a command besides what it always gets.
    pub environment: &'a [(String, String)],
    /// The program with the verbs of `guard` and `serve`: ourselves. Without it nothing guards a command, and a server's load is made in this process.
    pub program: Option<&'a Path>,
    /// What is measured: those GPUs `cuda` means where it names none, and no others may it work on.
    pub measured: Measured<'a>,
    /// NVML's GPUs in its order, in which `cuda:N` counts; empty where it is not asked.
    pub counted: &'a [Board],
    /// How the work crosses a time without power; in memory if left out.
    pub keeping: Option<&'a Keeping>,
}

const CHOICES: &str = "expected `virtual` (the twin's card), `cpu` or `cpu:tiny:2:mixed` (the built-in transformer or a GGUF or safetensors file on so many host threads: decode, prefill, mixed or train), \
                       `cuda` or `cuda:0:8b:mixed:bf16:batch=128` (the same on an NVIDIA GPU, by number or UUID, in bf16, f32 or fp8; `cuda:0,1` has one replica on each), `auto` (a GPU if there is one), \
                       `openai:http://HOST:PORT/v1,concurrency=8` or `openai:FILE.toml` (load for a server), \
                       `command:…` (a shell command of yours that speaks JSON lines) or `none` (only observe)";

impl Spec {
    /// Refuses a way over an eclipse that this work cannot go.
    pub fn crosses(&self, crossing: Crossing) -> Result<(), Error> {
        let why = match self {
            _ if !crossing.drops() => return Ok(()),
            Self::None => "the work is somebody else's, and nobody here can save or drop it",
            Self::OpenAi { .. } => "the state is in the server, and no OpenAI-compatible one is asked to save or drop it",
            Self::Virtual | Self::Cpu(_) | Self::Cuda(_) | Self::Auto(_) | Self::Command(_) => return Ok(()),
        };
        Err(Error::Stays { work: self.to_string(), why })
    }

    /// Starts the work, at duty 0.
    pub fn start(&self, with: &Start<'_>) -> Result<Started, Error> {
        let Start { seed, environment, program, measured, counted: _, keeping } = *with;
        let on_host = || {
            matches!(measured, Measured::Gpus(_)).then(|| "the work is on the host's processor, and what is measured is a GPU".to_owned())
        };
        let here = |work: Box<dyn Workload>| Started { work, apart: None };
        let keeping = keeping.cloned().unwrap_or_default();
        self.crosses(keeping.crossing)?;
        let options = || Options {
            seed,
            environment: environment.to_vec(),
            guard: program.map(Path::to_owned),
            keeping: keeping.clone(),
            ..Options::default()
        };
        match self {
            Self::Virtual => Err(Error::Virtual),
            Self::None => Ok(here(Box::new(Observe))),
            Self::Cpu(plan) => Ok(Started { work: Box::new(cpu::start(plan, seed, &keeping)?), apart: on_host() }),
            Self::Cuda(plan) => gpu::Gpu::start(plan, with, &keeping).map(|(work, apart)| Started { work, apart }),
            Self::Auto(plan) => {
                // Where the host is measured it works there, whatever else there is.
                let unable = if matches!(measured, Measured::Host) { Some("it is what is measured".to_owned()) } else { None };
                match unable.map_or_else(|| gpu::usable().map_err(|why| why.to_string()), Err) {
                    Ok(()) => gpu::Gpu::start(plan, with, &keeping).map(|(work, apart)| Started { work, apart }),
                    Err(why) => {
                        let plan = Plan { model: plan.model.clone(), threads: 1, task: plan.task, batch: plan.batch };
                        let worker = cpu::start(&plan, seed, &keeping)?;
                        worker.remark(format!("working on the host's CPU: {why}"));
                        Ok(Started { work: Box::new(worker), apart: on_host() })
                    }
                }
            }
            Self::Command(text) => Ok(here(Box::new(Command::start(text, &options())?))),
            Self::OpenAi { config, .. } => match program {
                None => Ok(here(Box::new(OpenAi::start((**config).clone(), seed)?))),
                Some(program) => {
                    let verb = serve::VERB.map(Into::into);
                    let mut line = vec![program.as_os_str().to_owned()];
                    line.extend(verb);
                    line.extend(["--seed".into(), seed.to_string().into(), self.to_string().into()]);
                    Ok(here(Box::new(Command::start_program(&self.to_string(), &line, &options())?)))
                }
            },
        }
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = |hint: &str| Error::Unknown { text: text.to_owned(), hint: hint.to_owned() };
        let word = text.trim();
        let (kind, rest) = word.split_once(':').map_or((word, None), |(k, r)| (k, Some(r.trim())));
        match (kind, rest) {
            ("virtual", None) => Ok(Self::Virtual),
            ("none", None) => Ok(Self::None),
            ("cpu", rest) => on_cpu(rest)
                .ok_or_else(|| unknown(&format!("{} 1 to {MOST_THREADS} threads and batch=N (not for train): {CHOICES}", presets()))),
            ("cuda", rest) => on_gpu(rest).map(Self::Cuda).ok_or_else(|| unknown(&format!("{} a card and batch=N: {CHOICES}", presets()))),
            ("auto", rest) => on_gpu(rest)
                .filter(|plan| plan.card == gpu::Choice::Any)
                .map(Self::Auto)
                .ok_or_else(|| unknown(&format!("{} and batch=N: {CHOICES}", presets()))),
            ("openai", Some(rest)) if !rest.is_empty() => openai(rest),
            ("openai", _) => Err(unknown(&format!("which server? {CHOICES}"))),
            ("command", Some(line)) if !line.is_empty() => Ok(Self::Command(line.to_owned())),
            ("command", _) => Err(unknown(&format!("which command? {CHOICES}"))),
            _ => Err(unknown(CHOICES)),
        }
    }
}

/// An address with its keys, or a file.
fn openai(text: &str) -> Result<Spec, Error> {
    let is_file = Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("toml")) && !text.contains("://");
    let config = if is_file {
        let file = text.to_owned();
        let read = std::fs::read_to_string(text).map_err(|why| Error::File { file, why })?;
        Config::parse(text, &read)?
    } else {
        Config::typed(text)?
    };
    Ok(Spec::OpenAi { text: text.to_owned(), config: Box::new(config) })
}

fn presets() -> String {
    let names: Vec<&str> = Preset::ALL.iter().map(|p| p.name()).collect();
    format!("there are the models {} (or a .gguf or .safetensors file), the tasks decode, prefill, mixed and train,", names.join(", "))
}

/// A model by name or file.
fn model(part: &str) -> Option<Model> {
    let ending = |end: &str| part.to_ascii_lowercase().ends_with(end);
    if let Some(preset) = Preset::ALL.iter().find(|p| p.name() == part) {
        Some(Model::Preset(*preset))
    } else {
        [".gguf", ".safetensors", ".safetensors.index.json"].into_iter().any(ending).then(|| Model::File(part.into()))
    }
}

/// Card, model, task, numbers and batch, each at most once, in any order.
fn on_gpu(rest: Option<&str>) -> Option<gpu::Plan> {
    let (mut card, mut named, mut task, mut number, mut batch) = (None, None, None, None, None);
    for part in rest.into_iter().flat_map(|r| r.split(':')) {
        let once = if let Some(model) = model(part) {
            named.replace(model).is_none()
        } else if let Some(known) = Task::ALL.iter().find(|t| t.name() == part) {
            task.replace(*known).is_none()
        } else if let Some(known) = gpu::Number::ALL.iter().find(|n| n.name() == part) {
            number.replace(*known).is_none()
        } else if part.starts_with("batch=") {
            batch.replace(sequences(part)?).is_none()
        } else {
            card.replace(gpu::Choice::parse(part)?).is_none()
        };
        if !once {
            return None;
        }
    }
    Some(gpu::Plan {
        card: card.unwrap_or_default(),
        model: named.unwrap_or(Model::Preset(Preset::Tiny)),
        task: task.unwrap_or_default(),
        number: number.unwrap_or_default(),
        batch,
    })
}

/// `batch=N`.
fn sequences(part: &str) -> Option<usize> {
    let count = part.strip_prefix("batch=")?;
    let digits = count.bytes().all(|b| b.is_ascii_digit());
    count.parse().ok().filter(|n| digits && (1..=gpu::MOST_SEQUENCES).contains(n))
}

/// Model, threads, task and batch, each at most once, in any order.
fn on_cpu(rest: Option<&str>) -> Option<Spec> {
    let (mut named, mut threads, mut task, mut batch) = (None, None, None, None);
    for part in rest.into_iter().flat_map(|r| r.split(':')) {
        let once = if let Some(model) = model(part) {
            named.replace(model).is_none()
        } else if let Some(known) = Task::ALL.iter().find(|t| t.name() == part) {
            task.replace(*known).is_none()
        } else if part.starts_with("batch=") {
            batch.replace(sequences(part)?).is_none()
        } else {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let count = part.parse().ok().filter(|n| digits && (1..=MOST_THREADS).contains(n))?;
            threads.replace(count).is_none()
        };
        if !once {
            return None;
        }
    }
    let task = task.unwrap_or_default();
    if task == Task::Train && batch.is_some() {
        return None;
    }
    Some(Spec::Cpu(Plan { model: named.unwrap_or(Model::Preset(Preset::Tiny)), threads: threads.unwrap_or(1), task, batch }))
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Virtual => f.write_str("virtual"),
            Self::None => f.write_str("none"),
            Self::Cpu(plan) => write!(f, "cpu:{plan}"),
            Self::Cuda(plan) => write!(f, "cuda:{plan}"),
            Self::Auto(plan) => write!(f, "auto:{plan}"),
            Self::Command(line) => write!(f, "command:{line}"),
            Self::OpenAi { text, .. } => write!(f, "openai:{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_is_understood() {
        let plan = |model, threads, task| Spec::Cpu(Plan { model, threads, task, batch: None });
        let card = |card, task, number, batch| Spec::Cuda(gpu::Plan { card, model: Model::Preset(Preset::Tiny), task, number, batch });
        let cpu = |preset, threads| plan(Model::Preset(preset), threads, Task::Decode);
        for (text, spec) in [
            ("virtual", Spec::Virtual),
            ("none", Spec::None),
            ("cpu", cpu(Preset::Tiny, 1)),
            ("cpu:3", cpu(Preset::Tiny, 3)),
            ("cpu:small", cpu(Preset::Small, 1)),
            ("cpu:small:2", cpu(Preset::Small, 2)),
            ("cpu:2:8b", cpu(Preset::B8, 2)),
            (
                "cpu:batch=32:small",
                Spec::Cpu(Plan { model: Model::Preset(Preset::Small), threads: 1, task: Task::Decode, batch: Some(32) }),
            ),
            ("cpu:prefill", plan(Model::Preset(Preset::Tiny), 1, Task::Prefill)),
            ("cpu:a/model.gguf:mixed:3", plan(Model::File("a/model.gguf".into()), 3, Task::Mixed)),
            ("cuda", card(gpu::Choice::Any, Task::Decode, gpu::Number::Bf16, None)),
            ("cuda:1:mixed:fp8:batch=7", card(gpu::Choice::Index(1), Task::Mixed, gpu::Number::Fp8, Some(7))),
            (
                "cuda:0,2:tiny",
                card(gpu::Choice::Several(vec![gpu::Choice::Index(0), gpu::Choice::Index(2)]), Task::Decode, gpu::Number::Bf16, None),
            ),
            ("cuda:train:f32:GPU-ab", card(gpu::Choice::Uuid("GPU-ab".to_owned()), Task::Train, gpu::Number::F32, None)),
            ("command:python3 a.py --x=1:2", Spec::Command("python3 a.py --x=1:2".to_owned())),
        ] {
            assert_eq!(text.parse::<Spec>().expect(text), spec);
        }
    }

    #[test]
    fn what_is_not_understood_says_what_to_type() {
        for (text, expected) in [
            ("", "expected `virtual`"),
            ("llama", "command:…"),
            ("cpu:0", "1 to 256 threads"),
            ("cpu:huge", "the models tiny, small"),
            ("cpu:small:tiny", "the models"),
            ("cpu:2:3", "threads"),
            ("cpu:", "threads"),
            ("cpu:batch=0", "batch=N"),
            ("cpu:train:batch=2", "batch=N"),
            ("cuda:0:1", "batch=N"),
            ("cuda:0,0", "batch=N"),
            ("cuda:0,", "batch=N"),
            ("cuda:batch=0", "batch=N"),
            ("cuda:batch=+1", "batch=N"),
            ("cuda:GPU-", "batch=N"),
            ("auto:0", "batch=N"),
            ("command:", "which command?"),
            ("command", "which command?"),
            ("none:1", "expected"),
            ("openai:", "which server?"),
            ("openai", "which server?"),
            ("openai:localhost:8080", "http://127.0.0.1:8080/v1"),
            ("openai:http://h/v1,streams=3", "unknown key"),
            ("openai:no-such.toml", "no-such.toml"),
        ] {
            let message = text.parse::<Spec>().expect_err(text).to_string();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
        assert!(matches!(Spec::Virtual.start(&Start::default()), Err(Error::Virtual)));
    }

    #[test]
    fn a_server_s_load_is_typed_or_read_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("load.toml");
        std::fs::write(&file, "url = \"http://h/v1\"\nconcurrency = 8\n").expect("room");
        for text in ["openai:http://h/v1,concurrency=8".to_owned(), format!("openai:{}", file.display())] {
            let spec = text.parse::<Spec>().expect("sound");
            assert_eq!(spec.to_string(), text);
            assert!(matches!(spec, Spec::OpenAi { config, .. } if config.concurrency == 8));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_accepted_round_trips(text in "(cpu|cuda|auto|command|none|openai)?:?(http://h/v1,)?((0|0,1|8b|train|fp8|batch=3|GPU-1a):?){0,4}[ -~]{0,20}") {
            if let Ok(spec) = text.parse::<Spec>() {
                prop_assert_eq!(spec.to_string().parse::<Spec>().expect("round trip"), spec);
            }
        }
    }
}
