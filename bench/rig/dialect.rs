//! Dialects: what devices that speak in lines of text say and are told, as a TOML file. `drivers::line` interprets them.
//!
//! A dialect knows nothing of a bench: what a reading is for, and which limits are written, is the rig file's. Shipped ones are in
//! `rigs/dialects/`, and each names the public source of what it holds.

mod identify;
mod output;
mod pattern;
mod read;

use crate::config::Serial;
pub use identify::Identify;
pub use output::{Idle, IsOn, OutputRule};
pub use pattern::{Found, Pattern, Template, number};
use signal::{Document, Problems};

/// Dialects that travel inside the binary, as (name, text) pairs.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    macro_rules! shipped {
        ($($name:literal),+) => { &[$(($name, include_str!(concat!("../../rigs/dialects/", $name, ".toml")))),+] };
    }
    shipped!(
        "arroyo",
        "scpi-supply",
        "scpi-outputs",
        "scpi-select",
        "keysight-e4360",
        "chroma-62000h",
        "korad",
        "yokogawa-wt",
        "julabo",
        "lauda",
        "huber",
        "sinara-8451",
        "mt-sics",
        "homemade"
    )
}

/// Names that the lines of a dialect may ask of the rig file.
pub const PARAMETERS: [&str; 13] = [
    "address",
    "output",
    "lease_s",
    "current_limit_a",
    "voltage_limit_v",
    "power_limit_w",
    "min_degc",
    "max_degc",
    "rate_k_min",
    // The device's own ramp, a little steeper than that: a backstop that does not bend a legal one.
    "ramp_k_min",
    "sensor_type",
    "off_conditions",
    // Where a device that gives and takes temperatures in the unit of its display says which that is.
    "unit_place",
];

/// How a family of devices is spoken to.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialect {
    /// Short name, as in `dialect = "NAME"`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What the device does of itself when the host dies, in words.
    pub host_dies: String,
    /// How lines begin, end and follow each other.
    pub line: LineRules,
    /// How a device is asked who it is.
    pub identify: Identify,
    /// What is written and read back before anything is switched on, in order.
    pub setup: Vec<Setup>,
    /// What can be read.
    pub reads: Vec<(String, Ask)>,
    /// The temperature that it can hold.
    pub target: Option<Target>,
    /// What its output can be given.
    pub levels: Vec<(String, LevelRule)>,
    /// How it is made a solar array.
    pub curve: Option<Curve>,
    /// Its output.
    pub output: Option<OutputRule>,
    /// How it tells of errors.
    pub error: Option<ErrorRule>,
}

impl Dialect {
    /// Reads a dialect; every problem of the file at once.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let document = Document::parse(file, text);
        let dialect = read::dialect(&document.root());
        document.finish(dialect)
    }

    /// The dialect of nothing: what stands in where a file could not be read and was refused for it.
    pub(crate) fn silent() -> Self {
        let document = Document::parse("", "");
        read::dialect(&document.root())
    }

    /// Names of the rig file's that its lines cannot do without, then those that an optional setting would use.
    pub fn parameters(&self) -> (Vec<&str>, Vec<&str>) {
        let (mut needed, mut optional) = (Vec::new(), Vec::new());
        for template in self.templates() {
            needed.extend(template.names().filter(|name| PARAMETERS.contains(name)));
        }
        for setup in &self.setup {
            let names = setup.names().chain(setup.back.iter().flat_map(|ask| ask.ask.names()));
            let wanted = if let Want::Parameter(name) = &setup.want { Some(name.as_str()) } else { None };
            let names = names.chain(wanted).filter(|name| PARAMETERS.contains(name));
            if setup.optional { optional.extend(names) } else { needed.extend(names) }
        }
        (needed, optional)
    }

    /// True if its lines say which output they are about: then a device of it may have several.
    pub fn numbers_outputs(&self) -> bool {
        self.output.as_ref().is_some_and(|o| [&o.on, &o.off, &o.back.ask].iter().all(|line| line.names().any(|name| name == "output")))
    }

    /// True if the device drops its output when the host falls silent, once it was told to.
    pub fn has_lease(&self) -> bool {
        self.setup.iter().any(Setup::is_lease)
    }

    /// Every line outside `[setup.*]`.
    fn templates(&self) -> Vec<&Template> {
        let mut all = vec![&self.identify.ask];
        all.extend(self.identify.firmware.iter().map(|(ask, _)| ask));
        all.extend(self.identify.remote.iter().map(|(line, _)| line));
        all.extend(self.reads.iter().map(|(_, ask)| &ask.ask));
        all.extend(self.target.iter().flat_map(|t| [&t.write, &t.back.ask]));
        all.extend(self.levels.iter().flat_map(|(_, l)| [&l.write, &l.back.ask]));
        all.extend(self.curve.iter().flat_map(|c| c.write.iter().chain(c.back.iter().map(|(_, ask, _)| &ask.ask))));
        all.extend(self.output.iter().flat_map(|o| [&o.on, &o.off, &o.back.ask]));
        all.extend(self.error.iter().flat_map(|e| std::iter::once(&e.ask.ask).chain(e.clear.iter())));
        all
    }
}

/// `[line]`: how lines begin, end and follow each other.
#[derive(Clone, Debug, PartialEq)]
pub struct LineRules {
    /// How the serial line is set unless a rig says otherwise.
    pub serial: Serial,
    /// Ends a line that is sent.
    pub send: Vec<u8>,
    /// Ends a line that comes. Empty where nothing does: then silence ends it.
    pub receive: Vec<u8>,
    /// Silence that ends a line where nothing else does, s.
    pub quiet_s: f64,
    /// Bytes that are not part of any line: flow control.
    pub strip: Vec<u8>,
    /// What a line that comes may begin with, to be passed over: a prompt.
    pub prompt: Vec<u8>,
    /// The device says back every line before it answers.
    pub echo: bool,
    /// A question unanswered this long is asked again or given up, s, unless a rig says otherwise.
    pub reply_timeout_s: f64,
    /// Silence kept after an answer, s.
    pub gap_s: f64,
    /// Silence kept after a command that nothing answers, s.
    pub after_command_s: f64,
    /// What a command is answered with; `None` where it is not answered.
    pub acknowledge: Option<Pattern>,
}

/// A question with one number for an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The question.
    pub ask: Template,
    /// Where the number is.
    pub reply: Reply,
    /// The number times this is in the unit of the name.
    pub scale: f64,
    /// The answer is exactly this many bytes, where nothing ends it.
    pub bytes: Option<usize>,
    /// Asking twice does no harm: only then it is asked again.
    pub idempotent: bool,
    /// Words, or numbers before they are scaled, by which the device says that it has no value.
    pub missing: Vec<String>,
}

impl Ask {
    /// The number that a word of the answer is, in the unit of the name; `None` where it is none, or stands for none.
    pub fn value(&self, word: &str) -> Option<f64> {
        let there = !self.missing.iter().any(|none| output::same(none, word));
        number(word).filter(|_| there).map(|n| n * self.scale).filter(|n| n.is_finite())
    }
}

/// Where in an answer something stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// In text.
    Pattern(Pattern),
    /// In JSON, by keys and positions from the top.
    Json(Vec<String>),
}

impl Reply {
    /// The word that stands there; `None` if this is no such answer.
    pub fn word(&self, line: &str) -> Option<String> {
        match self {
            Self::Pattern(pattern) => pattern.find(line)?.into_iter().find(|(name, _)| name == "value").map(|(_, value)| value),
            Self::Json(path) => {
                let mut at: &serde_json::Value = &serde_json::from_str(line).ok()?;
                for key in path {
                    at = key.parse::<usize>().ok().and_then(|n| at.get(n)).or_else(|| at.get(key))?;
                }
                match at {
                    serde_json::Value::String(text) => Some(text.clone()),
                    serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Some(at.to_string()),
                    // The device has no value: it is an answer all the same.
                    serde_json::Value::Null => Some(String::new()),
                    _ => None,
                }
            }
        }
    }
}

/// `[setup.NAME]`: something that is written and read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// NAME.
    pub name: String,
    /// The command; `None` for what is only looked at, because it says what was wired or set by hand.
    pub write: Option<Template>,
    /// The question that reads it back; `None` where the device has none, which the dialect must explain.
    pub back: Option<Ask>,
    /// What must be read back.
    pub want: Want,
    /// How far that may be off, in its unit.
    pub tolerance: f64,
    /// Left out where the rig file does not give what it needs.
    pub optional: bool,
    /// Left out unless this reading is asked for.
    pub for_read: Option<String>,
    /// Asked for before it is written, and written only where it is not so already: what may not be set twice.
    pub ask_first: bool,
}

impl Setup {
    /// Names of the rig file's that its command needs, or the question of what is only looked at.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let looked_at = self.back.iter().filter(|_| self.write.is_none()).flat_map(|back| back.ask.names());
        self.write.iter().flat_map(Template::names).chain(looked_at)
    }

    /// Names of the rig file's that it cannot be done without.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.names().chain(if let Want::Parameter(name) = &self.want { Some(name.as_str()) } else { None })
    }

    /// It gives the device this, or holds it to it.
    pub fn uses(&self, name: &str) -> bool {
        self.parameters().any(|known| known == name)
    }

    /// It makes the device mind its host.
    pub fn is_lease(&self) -> bool {
        self.names().any(|name| name == "lease_s")
    }
}

/// What must be read back.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// A parameter of the rig file.
    Parameter(String),
    /// This number.
    Number(f64),
    /// This word; several with `|`.
    Word(String),
}

/// `[target]`: the temperature that the device can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Names of the readings that it holds.
    pub controls: Vec<String>,
    /// The command, of `{value}` in °C over `scale`.
    pub write: Template,
    /// The question that reads it back.
    pub back: Ask,
    /// How far that may be off, K.
    pub tolerance: f64,
}

/// `[level.NAME]`: something that the output can be given.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelRule {
    /// Its unit, as it ends the keys of a rig file.
    pub unit: String,
    /// The command, of `{value}` in that unit over `scale`.
    pub write: Template,
    /// The question that reads it back.
    pub back: Ask,
    /// How far that may be off, in that unit.
    pub tolerance: f64,
}

/// `[curve]`: how a solar-array simulator is given its four numbers `isc_a`, `imp_a`, `vmp_v`, `voc_v`.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The commands, in order.
    pub write: Vec<Template>,
    /// Which number is read back by which question, and how far it may be off.
    pub back: Vec<(String, Ask, f64)>,
}

/// `[error]`: how the device tells of errors of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorRule {
    /// The question.
    pub ask: Ask,
    /// What it answers when there is none.
    pub none: Vec<String>,
    /// Only a number tells of an error: words alone are its state.
    pub numbers: bool,
    /// What its answers mean, by their code: what stands before the first comma.
    pub words: Vec<(String, String)>,
    /// Clears it, for an operator who saw to it.
    pub clear: Option<Template>,
}

#[cfg(test)]
mod tests;
