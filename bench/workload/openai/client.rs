//! One request at a time: which models there are, and one streamed chat completion with its usage and its latencies.
//!
//! Not here: threads, retries, pacing. Tokens come from `usage` alone: a chunk may hold several tokens, or none.

use super::account::Account;
use super::config::Config;
use super::prompt::{prompt, words};
use crate::command::line::read_line;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{self, BufReader, Read};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::Response;
use ureq::{Body, RequestBuilder};

/// Longest time for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer to a question about the models, or error text.
const MOST_BYTES: u64 = 1 << 20;

/// Tokens of a request, as the server counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Usage {
    #[serde(rename = "prompt_tokens")]
    pub(crate) input: u64,
    #[serde(rename = "completion_tokens", default)]
    pub(crate) output: u64,
}

/// How fast a request was answered.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// From the request to the first text.
    pub(crate) first: Duration,
    /// Mean time from one token to the next, if there were two.
    pub(crate) between: Option<Duration>,
    /// What is odd about the answer's usage, though it is believed.
    pub(crate) doubt: Option<String>,
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may go better another time: no connection, time-out, server error.
    Passing(String),
    /// It was answered, and what the server says that it did cannot be.
    Refused(String),
    /// It will not: the server refuses what is asked, or cannot count.
    Lasting(String),
}

impl Failure {
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Passing(words) | Self::Refused(words) | Self::Lasting(words) => words,
        }
    }
}

/// Connections to the server. Shutting it down cancels what is in flight.
pub(crate) fn agent(config: &Config) -> Agent {
    Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        // A trickle of bytes is no answer either: its head has one time in all.
        .timeout_recv_response(Some(Duration::from_secs_f64(config.timeout_s)))
        .timeout_per_read(Some(Duration::from_secs_f64(config.timeout_s)))
        .timeout_per_write(Some(Duration::from_secs_f64(config.timeout_s)))
        // A connection a request: servers (llama.cpp) close idle ones whenever they like, and a request on one of those fails.
        .max_idle_connections_per_host(0)
        .max_idle_connections(0)
        // A server's answer is wanted whatever it is, from the server itself.
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("orbitbench/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

fn with_key<B>(request: RequestBuilder<B>, key: Option<&str>) -> RequestBuilder<B> {
    match key {
        Some(key) => request.header("Authorization", format!("Bearer {key}")),
        None => request,
    }
}

/// The models that the server lists; asking is the health check.
pub(crate) fn models(agent: &Agent, config: &Config, key: Option<&str>) -> Result<Vec<String>, Failure> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }
    let url = format!("{}/models", config.url);
    let response = with_key(agent.get(&url), key).call().map_err(|why| Failure::Passing(format!("{url}: {why}")))?;
    let mut response = accepted(&url, response)?;
    let list: Result<List, _> = serde_json::from_reader(response.body_mut().with_config().limit(MOST_BYTES).reader());
    let list = list.map_err(|why| Failure::Passing(format!("{url} does not list models: {why}")))?;
    Ok(list.data.into_iter().map(|m| m.id).collect())
}

fn accepted(url: &str, mut response: Response<Body>) -> Result<Response<Body>, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let mut text = String::new();
    // An error without words is one all the same.
    let _ = response.body_mut().with_config().limit(MOST_BYTES).reader().take(400).read_to_string(&mut text);
    let words = format!("{url} answers {status}: {}", text.trim());
    // Too early and too many are no fault of the question's.
    let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(if passing { Failure::Passing(words) } else { Failure::Lasting(words) })
}

/// What is posted.
pub(crate) fn body(config: &Config, model: &str, seed: u64, number: u64) -> Value {
    let mut stream = json!({"include_usage": true});
    if config.continuous_usage {
        stream["continuous_usage_stats"] = true.into();
    }
    let mut body = json!({
        "model": model,
        "messages": [{"role": "user", "content": prompt(seed, number, config.prompt_words)}],
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
        "stream": true,
        "stream_options": stream,
    });
    if config.ignore_eos {
        body["ignore_eos"] = true.into();
    }
    for (key, value) in &config.extra {
        body[key] = value.clone();
    }
    body
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    /// `reasoning` with some servers.
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
    /// Where the body's `extra` brings tools.
    tool_calls: Option<Value>,
}

impl Delta {
    fn text_bytes(&self) -> usize {
        let text = [&self.content, &self.reasoning_content].into_iter().flatten().map(String::len).sum::<usize>();
        text + self.tool_calls.as_ref().filter(|calls| !calls.is_null()).map_or(0, |calls| calls.to_string().len())
    }
}

/// Ends an answer in which nothing comes that is part of it: comments, and a line without an end, keep a connection alive for ever.
struct Patient<R> {
    inner: R,
    patience: Duration,
    since: Instant,
}

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(into)?;
        if n > 0 && self.since.elapsed() > self.patience {
            let words = format!("for {:.1} s nothing came that is part of an answer", self.patience.as_secs_f64());
            return Err(io::Error::new(io::ErrorKind::TimedOut, words));
        }
        Ok(n)
    }
}

/// Asks and reads the answer to its end. `count` hears of every usage that the server states and that is believed, each the total of this request so far.
pub(crate) fn complete(
    agent: &Agent,
    config: &Config,
    key: Option<&str>,
    body: &Value,
    mut count: impl FnMut(Usage),
) -> Result<Timing, Failure> {
    let url = format!("{}/chat/completions", config.url);
    let passing = |why: &dyn std::fmt::Display| Failure::Passing(format!("{url}: {why}"));
    let asked = Instant::now();
    let request = with_key(agent.post(&url), key).header("Content-Type", "application/json").header("Accept", "text/event-stream");
    let response = request.send(body.to_string()).map_err(|why| passing(&why))?;
    let response = accepted(&url, response)?;
    let inner = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut input = BufReader::new(Patient { inner, patience: Duration::from_secs_f64(config.timeout_s), since: Instant::now() });
    let refused = |why: String| Failure::Refused(format!("{url}: {why}"));
    let mut account =
        Account::new(body, (!config.extra.contains_key("messages")).then(|| words(config.prompt_words)), config.template_tokens);
    let (mut first, mut last, mut done) = (None, asked, false);
    while let Some(line) = read_line(&mut input).map_err(|why| passing(&why))? {
        // Comments, event names and empty lines are none of ours.
        let Some(data) = line.strip_prefix("data:").map(str::trim) else { continue };
        if data == "[DONE]" {
            done = true;
            break;
        }
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|why| passing(&format_args!("a chunk that is not understood ({why}): {data}")))?;
        if let Some(error) = chunk.error {
            return Err(passing(&format_args!("an error within the answer: {error}")));
        }
        let bytes = chunk.choices.iter().map(|c| c.delta.text_bytes()).sum();
        account.chunk(bytes).map_err(refused)?;
        if bytes > 0 {
            last = Instant::now();
            first.get_or_insert(last);
            input.get_mut().since = last;
        }
        if let Some(stated) = chunk.usage
            && let Some(usage) = account.state(stated).map_err(refused)?
        {
            count(usage);
        }
    }
    let Some(usage) = account.close().map_err(refused)? else {
        let words = format!("{url} states no usage: it must support stream_options.include_usage, nothing can be counted without");
        return Err(if done { Failure::Lasting(words) } else { passing(&"the answer broke off") });
    };
    // An answer without text still came: at its end.
    let first = first.unwrap_or_else(Instant::now);
    let gaps = u32::try_from(usage.output.saturating_sub(1)).unwrap_or(u32::MAX);
    let between = (gaps > 0).then(|| last.saturating_duration_since(first) / gaps);
    Ok(Timing { first: first - asked, between, doubt: account.doubt() })
}
