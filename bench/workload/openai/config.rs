//! What is asked of an OpenAI-compatible server: read from `URL,key=value,…` or from a TOML file, by the same reader and with the same keys.
//!
//! Not here: talking to the server.

use serde_json::{Map, Value};
use signal::{Document, Problems, Section};
use std::fmt::Write as _;

/// Most streams at a time: each has a thread.
const MOST_STREAMS: i64 = 512;

/// How duty becomes load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actuator {
    /// All streams work, then none does, so that over some seconds the streams are busy for the duty's share of the time. Full batches cost the
    /// least energy a token.
    Pacing,
    /// The duty's share of the streams works, all the time.
    Concurrency,
}

/// A server that is started, watched and ended with the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Shell command. It stays in the foreground.
    pub command: String,
    /// How often it is started again after it ended by itself.
    pub restarts: u32,
}

/// What is asked, and how hard.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Base address up to and with `/v1`, without a slash at its end.
    pub url: String,
    /// Model to ask for; the first that the server lists if absent.
    pub model: Option<String>,
    /// Streams at full load.
    pub concurrency: usize,
    /// Longest answer.
    pub max_tokens: u32,
    /// Words of a prompt; a word of these is one to two tokens.
    pub prompt_words: usize,
    /// Most tokens that the server's chat template and system prompt add to a prompt; more in its usage is not believed.
    pub template_tokens: u64,
    /// 0 is greedy.
    pub temperature: f64,
    /// How duty becomes load.
    pub actuator: Actuator,
    /// Longest silence of the server within a request, s.
    pub timeout_s: f64,
    /// Longest time until the server answers at first, or again after it was started anew, s.
    pub ready_s: f64,
    /// Failures in a row that are tried again before the work counts as not well.
    pub retries: u32,
    /// Requests at the beginning that are done but not counted.
    pub warmup: u32,
    /// Answers go on to `max_tokens` even where the model would end: an extension of vLLM, `SGLang` and llama.cpp.
    pub ignore_eos: bool,
    /// Ask for usage in every chunk, so that work is counted as it is done: an extension of vLLM.
    pub continuous_usage: bool,
    /// Name of the environment variable that holds the key to the server.
    pub api_key_env: Option<String>,
    /// More members of each request's body.
    pub extra: Map<String, Value>,
    /// The server, if it is ours to start.
    pub server: Option<Server>,
}

impl Config {
    /// Reads what stands after `openai:`, the text of a file excepted.
    pub fn typed(text: &str) -> Result<Self, Problems> {
        // One key a line: a problem's line is the number of the item.
        let mut items = text.split(',').map(str::trim);
        let mut toml = format!("url = {}\n", quoted(items.next().unwrap_or_default()));
        for item in items {
            let (key, value) = item.split_once('=').map_or((item, ""), |(k, v)| (k.trim(), v.trim()));
            let plain = value.parse::<f64>().is_ok_and(f64::is_finite) || matches!(value, "true" | "false");
            let value = if plain { value.to_owned() } else { quoted(value) };
            // What is no bare key would change the meaning of the line.
            let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let key = if bare { key.to_owned() } else { quoted(key) };
            let _ = writeln!(toml, "{key} = {value}");
        }
        Self::parse("--workload", &toml)
    }

    /// Reads a file.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let document = Document::parse(file, text);
        let config = Self::read(&document.root());
        document.finish(config)
    }

    fn read(root: &Section<'_>) -> Self {
        let whole = |key, from, to, default| root.integer_or(key, from..=to, default);
        let server = root.optional_section("server");
        Self {
            url: address(root),
            model: root.optional_text("model", "a name that the server lists"),
            concurrency: whole("concurrency", 1, MOST_STREAMS, 4) as usize,
            max_tokens: whole("max_tokens", 1, 1_000_000, 128) as u32,
            prompt_words: whole("prompt_words", 1, 1_000_000, 64) as usize,
            template_tokens: whole("template_tokens", 0, 1_000_000, 256) as u64,
            temperature: root.number_or("temperature", 0.0..=2.0, 0.0),
            actuator: root.choice_or("actuator", &[("pacing", Actuator::Pacing), ("concurrency", Actuator::Concurrency)], Actuator::Pacing),
            timeout_s: root.number_or("timeout_s", 0.1..=3600.0, 120.0),
            ready_s: root.number_or("ready_s", 0.1..=36_000.0, 300.0),
            retries: whole("retries", 0, 1000, 5) as u32,
            warmup: whole("warmup", 0, 100_000, 1) as u32,
            ignore_eos: root.flag_or("ignore_eos", false),
            continuous_usage: root.flag_or("continuous_usage", false),
            api_key_env: root.optional_text("api_key_env", "the name of an environment variable"),
            extra: extra(root),
            server: server.exists().then(|| Server {
                command: server.text("command", "a shell command that stays in the foreground"),
                restarts: server.integer_or("restarts", 0..=1000, 3) as u32,
            }),
        }
    }
}

fn quoted(text: &str) -> String {
    // A JSON string is a TOML string too.
    Value::from(text).to_string()
}

fn address(root: &Section<'_>) -> String {
    let expected = "the base address of an OpenAI-compatible server, such as \"http://127.0.0.1:8080/v1\"";
    let url = root.text("url", expected);
    let host = url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
    if url.starts_with("https://") {
        root.problem("url", "https is not spoken: load a server on this machine or network, or put a tunnel in front (ssh -L, stunnel)");
    } else if root.has("url") && (host.is_none_or(str::is_empty) || url.contains(char::is_whitespace)) {
        root.problem("url", format_args!("expected {expected}"));
    }
    url.trim_end_matches('/').to_owned()
}

fn extra(root: &Section<'_>) -> Map<String, Value> {
    let Some(text) = root.optional_text("extra", "a JSON object in quotes, such as '{\"top_k\": 1}'") else {
        return Map::new();
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(map)) => map,
        Ok(_) => {
            root.problem("extra", "expected a JSON object");
            Map::new()
        }
        Err(why) => {
            root.problem("extra", format_args!("not JSON: {why}"));
            Map::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_typed_is_read_and_the_rest_has_defaults() {
        let plain = Config::typed("http://127.0.0.1:8080/v1").expect("enough");
        assert_eq!((plain.url.as_str(), plain.model.as_deref(), plain.concurrency), ("http://127.0.0.1:8080/v1", None, 4));
        let full = Config::typed(
            "http://gpu:1/v1/, model=meta/llama-3,concurrency=32,max_tokens=256,actuator=concurrency,temperature=0.7,ignore_eos=true",
        );
        let full = full.expect("sound");
        assert_eq!((full.url.as_str(), full.model.as_deref()), ("http://gpu:1/v1", Some("meta/llama-3")));
        assert_eq!((full.concurrency, full.max_tokens, full.actuator), (32, 256, Actuator::Concurrency));
        assert!(full.ignore_eos && full.temperature == 0.7 && full.server.is_none());
    }

    #[test]
    fn a_file_says_more() {
        let text = "url = \"http://h/v1\"\nextra = '{\"top_k\": 1}'\n[server]\ncommand = \"serve\"\n";
        let config = Config::parse("f.toml", text).expect("sound");
        assert_eq!(config.extra["top_k"], 1);
        assert_eq!(config.server, Some(Server { command: "serve".into(), restarts: 3 }));
    }

    #[test]
    fn the_example_is_sound_as_it_is_and_with_every_line_in_use() {
        let text = include_str!("../examples/openai.toml");
        let plain = Config::parse("openai.toml", text).expect("sound");
        assert!(plain.server.is_none() && plain.ignore_eos);
        let (keys, notes): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| !l.starts_with('#'));
        let optional = |l: &&&str| l.contains(" = ") || l.contains('[');
        let more: Vec<&str> = notes.iter().filter(optional).filter_map(|l| l.strip_prefix("# ")).collect();
        let all = format!("{}\n{}", keys.join("\n"), more.join("\n"));
        let all = Config::parse("openai.toml", &all).expect("sound too");
        assert!(all.server.is_some() && all.model.is_some() && all.api_key_env.is_some() && !all.extra.is_empty());
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let said = Config::typed("https://h/v1,concurency=3,max_tokens=0,actuator=speed").expect_err("four").to_string();
        for expected in ["https is not spoken", "did you mean `concurrency`", "max_tokens", "pacing"] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        for text in ["", "127.0.0.1:8080", "http://", "http:///v1", "ftp://h", "http://a b/"] {
            assert!(Config::typed(text).is_err(), "{text:?}");
        }
        assert!(Config::parse("f", "url = \"http://h/v1\"\nextra = \"[1]\"\n").is_err());
        assert!(Config::parse("f", "url = \"http://h/v1\"\n[server]\n").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_or_smuggles_in_a_table(text in "http://h/v1,[ -~\n]{0,40}") {
            if let Ok(config) = Config::typed(&text) {
                prop_assert!(config.server.is_none());
            }
        }
    }
}
