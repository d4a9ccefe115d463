//! What was typed after `--workload`, and the way from there to work being done.

use crate::command::{Command, Options};
use crate::cpu::Cpu;
use crate::none::Observe;
use crate::openai::{Config, OpenAi};
use crate::transformer::Preset;
use crate::{Error, Workload, serve};
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
    /// The built-in transformer on the host: `cpu`, `cpu:2` (threads), `cpu:small`, `cpu:small:2`.
    Cpu {
        /// Size of the model.
        preset: Preset,
        /// Threads, each with its own batch.
        threads: usize,
    },
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

/// What work is started with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// Settles weights, prompts and pacing.
    pub seed: u64,
    /// Goes to a command besides what it always gets.
    pub environment: &'a [(String, String)],
    /// The program with the verbs of `guard` and `serve`: ourselves. Without it nothing guards a command, and a server's load is made in this process.
    pub program: Option<&'a Path>,
}

const CHOICES: &str = "expected `virtual` (the twin's card), `cpu` or `cpu:tiny:2` (the built-in transformer on so many host threads), \
                       `openai:http://HOST:PORT/v1,concurrency=8` or `openai:FILE.toml` (load for a server), \
                       `command:…` (a shell command of yours that speaks JSON lines) or `none` (only observe)";

impl Spec {
    /// Starts the work, at duty 0.
    pub fn start(&self, with: &Start<'_>) -> Result<Box<dyn Workload>, Error> {
        let Start { seed, environment, program } = *with;
        let options = || Options { seed, environment: environment.to_vec(), guard: program.map(Path::to_owned), ..Options::default() };
        match self {
            Self::Virtual => Err(Error::Virtual),
            Self::None => Ok(Box::new(Observe)),
            Self::Cpu { preset, threads } => Ok(Box::new(Cpu::start(*threads, *preset, seed)?)),
            Self::Command(text) => Ok(Box::new(Command::start(text, &options())?)),
            Self::OpenAi { config, .. } => match program {
                None => Ok(Box::new(OpenAi::start((**config).clone(), seed)?)),
                Some(program) => {
                    let verb = serve::VERB.map(Into::into);
                    let mut line = vec![program.as_os_str().to_owned()];
                    line.extend(verb);
                    line.extend(["--seed".into(), seed.to_string().into(), self.to_string().into()]);
                    Ok(Box::new(Command::start_program(&self.to_string(), &line, &options())?))
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
            ("cpu", rest) => cpu(rest).ok_or_else(|| unknown(&format!("{} and 1 to {MOST_THREADS} threads: {CHOICES}", presets()))),
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
    format!("there are the models {}", names.join(", "))
}

fn cpu(rest: Option<&str>) -> Option<Spec> {
    let (mut preset, mut threads) = (None, None);
    for part in rest.into_iter().flat_map(|r| r.split(':')) {
        if let Some(found) = Preset::ALL.iter().find(|p| p.name() == part)
            && preset.is_none()
            && threads.is_none()
        {
            preset = Some(*found);
        } else if threads.is_none() && part.bytes().all(|b| b.is_ascii_digit()) {
            threads = Some(part.parse().ok().filter(|n| (1..=MOST_THREADS).contains(n))?);
        } else {
            return None;
        }
    }
    Some(Spec::Cpu { preset: preset.unwrap_or(Preset::Tiny), threads: threads.unwrap_or(1) })
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Virtual => f.write_str("virtual"),
            Self::None => f.write_str("none"),
            Self::Cpu { preset, threads } => write!(f, "cpu:{}:{threads}", preset.name()),
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
        let cpu = |preset, threads| Spec::Cpu { preset, threads };
        for (text, spec) in [
            ("virtual", Spec::Virtual),
            ("none", Spec::None),
            ("cpu", cpu(Preset::Tiny, 1)),
            ("cpu:3", cpu(Preset::Tiny, 3)),
            ("cpu:small", cpu(Preset::Small, 1)),
            ("cpu:small:2", cpu(Preset::Small, 2)),
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
            ("cpu:2:small", "the models"),
            ("cpu:", "threads"),
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
        fn no_text_panics_and_what_is_accepted_round_trips(text in "(cpu|command|none|openai)?:?(http://h/v1,)?[ -~]{0,20}") {
            if let Ok(spec) = text.parse::<Spec>() {
                prop_assert_eq!(spec.to_string().parse::<Spec>().expect("round trip"), spec);
            }
        }
    }
}
