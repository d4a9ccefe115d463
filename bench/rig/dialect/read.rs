//! Reading of a dialect file: every problem at once, each with its line.

use super::{
    Ask, Curve, Dialect, ErrorRule, Identify, Idle, IsOn, LevelRule, LineRules, OutputRule, PARAMETERS, Pattern, Reply, Setup, Target,
    Template, Want, output,
};
use crate::config::{Parity, Serial};
use signal::Section;

/// The only layout of dialect files there is.
const SCHEMA: i64 = 1;
/// Units that a level may have: those that the keys of a rig file end in.
const UNITS: [&str; 6] = ["v", "a", "w", "pct", "rpm", "l_min"];
const CURVE: [&str; 4] = ["isc_a", "imp_a", "vmp_v", "voc_v"];

pub(super) fn dialect(root: &Section<'_>) -> Dialect {
    let schema = root.integer("schema", 1..=i64::from(u32::MAX));
    if schema != SCHEMA {
        root.problem("schema", format_args!("{schema} is not known: this version reads dialects of schema {SCHEMA}"));
    }
    let curve = root.optional_section("curve");
    let target = root.optional_section("target");
    let output = root.optional_section("output");
    let error = root.optional_section("error");
    let dialect = Dialect {
        name: root.text("name", "the dialect's short name"),
        title: root.text("title", "one line that says which devices speak it"),
        host_dies: root.text("host_dies", "what the device does of itself when the host dies"),
        line: line(&root.section("line")),
        identify: identify(&root.section("identify")),
        setup: named(root, "setup").into_iter().map(|(name, s)| setup(name, &s)).collect(),
        reads: named(root, "read").into_iter().map(|(name, s)| (name, ask(&s, "ask", &[]))).collect(),
        target: target.exists().then(|| self::target(&target)),
        levels: named(root, "level").into_iter().map(|(name, s)| (name, level(&s))).collect(),
        curve: curve.exists().then(|| self::curve(&curve)),
        output: output.exists().then(|| switched(&output)),
        error: error.exists().then(|| self::error(&error)),
    };
    agree(root, &dialect);
    dialect
}

/// Whether the tables agree with each other.
fn agree(root: &Section<'_>, dialect: &Dialect) {
    if let Some(target) = &dialect.target {
        for name in target.controls.iter().filter(|name| !dialect.reads.iter().any(|(known, _)| known == *name)) {
            root.section("target").problem("controls", format_args!("\"{name}\" is no [read.{name}] of this dialect"));
        }
    }
    let switched = dialect.target.is_some() || dialect.curve.is_some() || !dialect.levels.is_empty();
    if switched && dialect.output.is_none() {
        root.problem("output", "missing [output]: what can be set must be switched, and its state read back");
    }
    for (setup, read) in dialect.setup.iter().filter_map(|setup| Some((setup, setup.for_read.as_ref()?))) {
        if !dialect.reads.iter().any(|(known, _)| known == read) {
            let table = root.section("setup").section(&setup.name);
            table.problem("for_read", format_args!("\"{read}\" is no [read.{read}] of this dialect"));
        }
    }
    if dialect.output.as_ref().is_some_and(|output| output.on == output.off) {
        root.section("output").problem("off", "the same line switches on and off");
    }
    if dialect.line.send.is_empty() && !dialect.line.receive.is_empty() {
        root.section("line")
            .problem("send", "nothing ends a line that is sent, though `receive` ends one that comes: give both, or \"\" for both");
    }
    if dialect.line.receive.is_empty() && dialect.line.quiet_s <= 0.0 {
        root.section("line").problem("quiet_ms", "missing: without `receive` only silence can end a line");
    }
}

fn named<'t>(root: &Section<'t>, key: &str) -> Vec<(String, Section<'t>)> {
    root.optional_section(key).named_sections()
}

fn line(section: &Section<'_>) -> LineRules {
    let bytes = |key: &str, expected: &str| -> Vec<u8> {
        let text = section.optional_text(key, expected).unwrap_or_default();
        if text.chars().any(|c| c as u32 > 0xFF) {
            section.problem(key, "a character of more than one byte");
        }
        text.chars().map(|c| c as u8).collect()
    };
    for key in ["send", "receive"] {
        if !section.has(key) {
            section.problem(key, "missing: what ends a line, such as \"\\r\\n\"; \"\" where nothing does");
        }
    }
    let acknowledge = section.optional_text("acknowledge", "what a command is answered with, such as \"OK\"");
    LineRules {
        serial: Serial {
            baud: section.integer_or("baud", 300..=1_000_000, 9600) as u32,
            data_bits: section.integer_or("data_bits", 7..=8, 8) as u8,
            parity: section.choice_or("parity", &[Parity::None, Parity::Even, Parity::Odd].map(|p| (p.word(), p)), Parity::None),
            stop_bits: section.integer_or("stop_bits", 1..=2, 1) as u8,
        },
        send: bytes("send", "what ends a line that is sent"),
        receive: bytes("receive", "what ends a line that comes"),
        quiet_s: section.number_or("quiet_ms", 0.0..=1000.0, 0.0) / 1e3,
        strip: bytes("strip", "bytes that belong to no line"),
        prompt: bytes("prompt", "what a line may begin with"),
        echo: section.flag_or("echo", false),
        reply_timeout_s: section.number_or("reply_timeout_s", 0.01..=10.0, 0.5),
        gap_s: section.number_or("gap_ms", 0.0..=5000.0, 0.0) / 1e3,
        after_command_s: section.number_or("after_command_ms", 0.0..=5000.0, 0.0) / 1e3,
        acknowledge: acknowledge.map(|text| pattern(section, "acknowledge", &text)),
    }
}

fn template(section: &Section<'_>, key: &str, text: &str, own: &[&str]) -> Template {
    if text.contains(['\r', '\n']) {
        section.problem(key, "a line holds no line end: `send` in [line] ends it");
    }
    match Template::parse(text) {
        Ok(template) => {
            let known = |name: &&str| !PARAMETERS.contains(name) && !own.contains(name);
            for name in template.names().filter(known) {
                let allowed: Vec<&str> = own.iter().chain(PARAMETERS.iter()).copied().collect();
                section.problem(key, format_args!("{{{name}}} is not known here: expected {}", allowed.join(", ")));
            }
            template
        }
        Err(why) => {
            section.problem(key, why);
            Template(Vec::new())
        }
    }
}

fn required(section: &Section<'_>, key: &str, own: &[&str]) -> Template {
    let text = section.text(key, "a line to send");
    template(section, key, &text, own)
}

fn pattern(section: &Section<'_>, key: &str, text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|why| {
        section.problem(key, why);
        Pattern(Vec::new())
    })
}

/// Letters that a pattern, or the shape of a model, must have of its own to tell a family from others.
const TELLING: usize = 2;
/// How far what is read back may be off what was written, at most: more would be another value. In the setting's own unit.
const WIDEST: f64 = 1.0;
/// The same of a target, K.
const WIDEST_K: f64 = 1.0;

fn identify(section: &Section<'_>) -> Identify {
    let matches =
        section.text("match", "what the answer must look like, such as \"KEYSIGHT,{model},{serial},{firmware}\"; several one a line");
    let matches: Vec<Pattern> =
        matches.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| pattern(section, "match", line)).collect();
    for name in matches.iter().flat_map(Pattern::names).filter(|name| !["model", "serial", "firmware"].contains(name)) {
        section.problem("match", format_args!("{{{name}}} is not known here: expected model, serial, firmware or *"));
    }
    let models = words(section, "model_is", "shapes of the models that speak the dialect, such as \"E36*|DP8##\"");
    let named = |pattern: &Pattern| pattern.names().any(|name| name == "model");
    if section.has("match") && matches.iter().any(|p| p.letters() < TELLING && (models.is_empty() || !named(p))) {
        section.problem("match", "any device may answer so: give it words of its own, or {model} and the known ones by `model_is`");
    }
    let bare = |shape: &&String| shape.chars().filter(|c| *c != '*').count() < TELLING;
    if let Some(shape) = models.iter().find(bare).filter(|_| matches.iter().any(|p| p.letters() < TELLING)) {
        section.problem("model_is", format_args!("any model has the shape \"{shape}\": say more of its letters and digits"));
    }
    let remote = section.optional_text("remote", "the line that takes the device over from its own panel, such as \"SYST:REM\"");
    let remote_is = words(section, "remote_is", "shapes of the models that must be told so");
    if remote.is_none() && !remote_is.is_empty() {
        section.problem("remote_is", "missing `remote` beside it: the line that these models are told");
    }
    let remote = remote.map(|text| (template(section, "remote", &text, &[]), remote_is));
    Identify { ask: required(section, "ask", &[]), matches, models, firmware: firmware(&section.optional_section("firmware")), remote }
}

/// `[identify.firmware]`: the question for the firmware, where it needs one of its own.
fn firmware(section: &Section<'_>) -> Option<(Template, Pattern)> {
    if !section.exists() {
        return None;
    }
    let text = section.text("match", "what the answer must look like, such as \"I3 A {firmware}\"");
    let pattern = pattern(section, "match", &text);
    if section.has("match") && !pattern.names().eq(["firmware"]) {
        section.problem("match", "{firmware} must stand in it once, and no other name but *");
    }
    Some((required(section, "ask", &[]), pattern))
}

/// Several words with `|` between them; empty where the key is not there.
fn words(section: &Section<'_>, key: &str, expected: &str) -> Vec<String> {
    let text = section.optional_text(key, expected).unwrap_or_default();
    text.split('|').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// A question whose key is `key`; with `reply` or `json`, `scale`, `bytes` and `idempotent` beside it.
fn ask(section: &Section<'_>, key: &str, own: &[&str]) -> Ask {
    let json = section.optional_text("json", "where in the JSON answer the value is, such as \"0.temperature\"");
    let reply = section.optional_text("reply", "what the answer looks like, such as \"{value}\"");
    if json.is_some() && reply.is_some() {
        section.problem("json", "an answer is text or JSON, not both; remove this or `reply`");
    }
    let reply = if let Some(path) = json {
        Reply::Json(path.split('.').map(str::to_owned).collect())
    } else {
        let pattern = pattern(section, "reply", reply.as_deref().unwrap_or("{value}"));
        if pattern.names().filter(|name| *name == "value").count() != 1 {
            section.problem("reply", "{value} must stand in it once");
        }
        Reply::Pattern(pattern)
    };
    let scale = section.number_or("scale", -1e6..=1e6, 1.0);
    if scale == 0.0 {
        section.problem("scale", "0 makes every answer 0");
    }
    Ask {
        ask: required(section, key, own),
        reply,
        scale,
        bytes: section.optional_number("bytes", 1.0..=255.0).map(|_| section.integer("bytes", 1..=255) as usize),
        idempotent: section.flag_or("idempotent", true),
        missing: words(section, "missing", "what it answers where it has no value, such as \"32767\"; several with `|`"),
    }
}

fn setup(name: String, section: &Section<'_>) -> Setup {
    let looked_at = section.optional_text("parameter", "the key of the rig file that it must be as, where it is only looked at");
    if let Some(name) = looked_at.as_ref().filter(|name| !PARAMETERS.contains(&name.as_str())) {
        section.problem("parameter", format_args!("\"{name}\" is not known here: expected {}", PARAMETERS.join(", ")));
    }
    let write = if looked_at.is_none() { Some(required(section, "write", &[])) } else { None };
    let explained = section.optional_text("no_read_back", "why it cannot be read back");
    let back = if explained.is_some() {
        if section.has("ask") {
            section.problem("no_read_back", "it is read back by `ask`; remove one of the two");
        }
        None
    } else {
        Some(ask(section, "ask", &[]))
    };
    let word = section.optional_text("is", "the word that must be read back");
    let equals = section.optional_number("equals", -1e9..=1e9);
    let written = write.iter().flat_map(Template::names).find(|name| *name != "output" && *name != "address");
    let first = written.map(str::to_owned).or(looked_at);
    let want = match (word, equals, first) {
        (Some(word), None, _) => Want::Word(word),
        (None, Some(number), _) => Want::Number(number),
        (None, None, Some(name)) => Want::Parameter(name),
        (None, None, None) => {
            if back.is_some() {
                section.problem("is", "missing: say what must be read back, by `is = \"WORD\"` or `equals = NUMBER`");
            }
            Want::Number(0.0)
        }
        (Some(word), Some(_), _) => {
            section.problem("equals", "a word or a number must be read back, not both; remove this or `is`");
            Want::Word(word)
        }
    };
    let (tolerance, optional) = (section.number_or("tolerance", 0.0..=WIDEST, 1e-3), section.flag_or("optional", false));
    let for_read = section.optional_text("for_read", "the reading without which this is left out");
    let ask_first = section.flag_or("ask_first", false);
    if ask_first && (back.is_none() || write.is_none()) {
        section.problem("ask_first", "what is asked before it is written needs both, `ask` and `write`");
    }
    Setup { name, write, back, want, tolerance, optional, for_read, ask_first }
}

fn target(section: &Section<'_>) -> Target {
    let controls = section.text("controls", "the name of the reading that is held; several with commas");
    Target {
        controls: controls.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
        write: required(section, "write", &["value"]),
        back: ask(section, "ask", &[]),
        tolerance: section.number_or("tolerance", 0.0..=WIDEST_K, 0.01),
    }
}

fn level(section: &Section<'_>) -> LevelRule {
    let unit = section.choice("unit", &UNITS.map(|unit| (unit, unit)));
    // A fan's speed is never quite what it was told.
    let widest = if unit == "rpm" { 200.0 * WIDEST } else { WIDEST };
    LevelRule {
        unit: unit.to_owned(),
        write: required(section, "write", &["value"]),
        back: ask(section, "ask", &[]),
        tolerance: section.number_or("tolerance", 0.0..=widest, 0.01),
    }
}

fn curve(section: &Section<'_>) -> Curve {
    let text = section.text("write", "the commands, one a line");
    let write: Vec<Template> = text.lines().map(|line| template(section, "write", line, &CURVE)).collect();
    for name in CURVE.iter().filter(|name| !write.iter().any(|t| t.names().any(|n| n == **name))) {
        section.problem("write", format_args!("{{{name}}} stands in none of the commands"));
    }
    let back = CURVE.iter().filter_map(|name| {
        let table = section.optional_section(name);
        table.exists().then(|| ((*name).to_owned(), ask(&table, "ask", &[]), table.number_or("tolerance", 0.0..=WIDEST, 0.01)))
    });
    let back: Vec<_> = back.collect();
    for name in CURVE.iter().filter(|name| !back.iter().any(|(known, ..)| known == *name)) {
        section.problem("write", format_args!("missing [curve.{name}]: what is written is read back, all four"));
    }
    Curve { write, back }
}

fn switched(section: &Section<'_>) -> OutputRule {
    if section.has("scale") {
        section.problem("scale", "whether an output is on has no scale; remove this");
    }
    OutputRule {
        on: required(section, "on", &[]),
        off: required(section, "off", &[]),
        back: ask(section, "ask", &[]),
        is_on: is_on(section),
        idle: section.optional_section("idle").named_sections().into_iter().map(|(name, s)| idle(name, &s)).collect(),
        positive_cools: section.choice_or("positive", &[("cools", true), ("heats", false)], true),
    }
}

fn idle(name: String, section: &Section<'_>) -> Idle {
    Idle { name, ask: ask(section, "ask", &[]), at_most: section.number("at_most", 0.0..=1e3) }
}

/// How an answer says "on" and how "off": by a bit, by words, or by 1 and 0.
fn is_on(section: &Section<'_>) -> IsOn {
    let bit = section.optional_number("on_bit", 0.0..=15.0).map(|_| section.integer("on_bit", 0..=15) as u32);
    let never = section.optional_number("never_bits", 0.0..=65_535.0).map(|_| section.integer("never_bits", 0..=65_535) as u32);
    let on = words(section, "on_is", "the word that says that the output is on; several with `|`");
    let off = words(section, "off_is", "the word that says that the output is off; several with `|`");
    for (key, there, other) in [("on_is", !on.is_empty(), "off_is"), ("off_is", !off.is_empty(), "on_is")] {
        if bit.is_some() && there {
            section.problem("on_bit", format_args!("a bit or a word says that the output is on, not both; remove this or `{key}`"));
        } else if there && !section.has(other) {
            section.problem(key, format_args!("missing `{other}` beside it: a word that says neither \"on\" nor \"off\" says nothing"));
        }
    }
    if let Some(word) = on.iter().find(|word| off.iter().any(|off| output::same(off, word))) {
        section.problem("off_is", format_args!("\"{word}\" says \"on\" and \"off\""));
    }
    if never.is_some_and(|never| bit.is_none_or(|bit| (never >> bit) & 1 == 1)) {
        section.problem("never_bits", "bits that no state sets are told of an answer whose `on_bit` is another");
    }
    match bit {
        Some(bit) => IsOn::Bit { bit, never: never.unwrap_or_default() },
        None if on.is_empty() => IsOn::Words { on: vec!["1".to_owned()], off: vec!["0".to_owned()] },
        None => IsOn::Words { on, off },
    }
}

fn error(section: &Section<'_>) -> ErrorRule {
    let none = section.text("none", "what is answered when there is no error; several with `|`");
    let words = section.optional_section("words");
    let text = words.exists().then(|| words.optional_text("all", "lines of `CODE: words`")).flatten().unwrap_or_default();
    let pairs = text.lines().filter(|line| !line.trim().is_empty()).filter_map(|line| {
        let pair = line.split_once(':').map(|(code, words)| (code.trim().to_owned(), words.trim().to_owned()));
        if pair.is_none() {
            words.problem("all", format_args!("\"{line}\" is no `CODE: words`"));
        }
        pair
    });
    let clear = section.optional_text("clear", "a line to send");
    ErrorRule {
        words: pairs.collect(),
        none: none.split('|').map(|word| word.trim().to_owned()).collect(),
        numbers: section.flag_or("numbers", false),
        clear: clear.map(|text| template(section, "clear", &text, &[])),
        ask: ask(section, "ask", &[]),
    }
}
