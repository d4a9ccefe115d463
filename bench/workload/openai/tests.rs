//! A tiny server in the test, scripted by request. Nothing here waits for a time to pass, only for something to happen.

use super::*;
use config::{Actuator, Server};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Far more than any machine needs; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server does with one chat completion.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    /// Chunks of several tokens each, usage at the end: 7 in, 12 out in 3 chunks.
    Answer,
    /// The same, with usage in every chunk.
    Continuous,
    /// Without usage.
    Uncounted,
    /// An HTTP error.
    Refuse(u16),
    /// An error within the stream.
    Break,
    /// Says of its one character what it likes: tokens in, tokens out.
    Claim(u64, u64),
    /// The same without any text.
    Mute(u64, u64),
    /// Stops in the midst of the answer.
    HangUp,
    /// A chunk of text again and again, for ever.
    Endless,
    /// Comments for ever.
    Comments,
    /// A line that never ends.
    Line,
    /// Header after header, for ever.
    Headers,
    /// One chunk, then silence until the client hangs up; told on the channel.
    Stall,
}

struct Fake {
    url: String,
    seen: Arc<Mutex<Vec<Value>>>,
    heard: Receiver<&'static str>,
}

impl Fake {
    /// Waits until the server has come so far so often.
    fn hears(&self, what: &str, times: usize) {
        for _ in 0..times {
            while self.heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waited in vain for \"{what}\"")) != what {}
        }
    }
}

/// Serves `script` in order, its last entry for ever. `/models` answers 503 so many times first.
fn serve(script: &'static [Act], not_ready: usize) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (tell, heard) = channel();
    let state = Arc::new((Mutex::new((0_usize, not_ready)), Arc::clone(&seen)));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (state, tell) = (Arc::clone(&state), tell.clone());
            thread::spawn(move || while request(&stream, script, &state, &tell).is_some() {});
        }
    });
    Fake { url, seen, heard }
}

type Served = (Mutex<(usize, usize)>, Arc<Mutex<Vec<Value>>>);

fn request(stream: &TcpStream, script: &[Act], state: &Served, tell: &Sender<&'static str>) -> Option<()> {
    let mut input = BufReader::new(stream);
    let mut first = String::new();
    input.read_line(&mut first).ok().filter(|n| *n > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    let mut out = stream;
    let whole = |status: &str, text: &str| format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    if first.starts_with("GET /v1/models") {
        let mut counts = state.0.lock().expect("sound");
        if counts.1 > 0 {
            counts.1 -= 1;
            return out.write_all(whole("503 Service Unavailable", "loading").as_bytes()).ok();
        }
        return out.write_all(whole("200 OK", r#"{"object":"list","data":[{"id":"fake-1"}]}"#).as_bytes()).ok();
    }
    let act = {
        let mut counts = state.0.lock().expect("sound");
        counts.0 += 1;
        script[(counts.0 - 1).min(script.len() - 1)]
    };
    state.1.lock().expect("sound").push(serde_json::from_slice(&body).expect("JSON is posted"));
    if let Act::Refuse(status) = act {
        return out.write_all(whole(&format!("{status} Refused"), r#"{"error":"no such thing"}"#).as_bytes()).ok();
    }
    // Each ends when the client hangs up: its writes fail then.
    let for_ever = |out: &mut dyn Write, text: &str| {
        while out.write_all(text.as_bytes()).is_ok() {
            thread::yield_now();
        }
    };
    if act == Act::Headers {
        out.write_all(b"HTTP/1.1 200 OK\r\n").ok()?;
        while out.write_all(b"X").is_ok() {
            // A byte at a time, so that no limit of a header's length comes first.
            thread::park_timeout(Duration::from_millis(1));
        }
        let _ = tell.send("hung up");
        return None;
    }
    out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
    let text = match act {
        Act::Endless => Some("data: {\"choices\":[{\"delta\":{\"content\":\"word \"}}]}\n\n"),
        Act::Comments => Some(": ping\n\n"),
        Act::Line => Some("data: {"),
        _ => None,
    };
    if let Some(text) = text {
        for_ever(&mut out, &format!("{:x}\r\n{text}\r\n", text.len()));
        let _ = tell.send("hung up");
        return None;
    }
    let mut say = |data: &str| {
        let text = format!("data: {data}\n\n");
        out.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).ok()
    };
    say(r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#)?;
    if let Act::Claim(taken, given) | Act::Mute(taken, given) = act {
        let text = if matches!(act, Act::Claim(..)) { "!" } else { "" };
        say(&format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#))?;
        say(&format!(r#"{{"choices":[],"usage":{{"prompt_tokens":{taken},"completion_tokens":{given}}}}}"#))?;
        say("[DONE]")?;
        return out.write_all(b"0\r\n\r\n").ok();
    }
    for i in 1..=3 {
        let usage =
            if act == Act::Continuous { format!(r#","usage":{{"prompt_tokens":7,"completion_tokens":{}}}"#, 4 * i) } else { String::new() };
        say(&format!(r#"{{"choices":[{{"delta":{{"content":"four more tokens here "}}}}]{usage}}}"#))?;
        match act {
            Act::Break => {
                say(r#"{"error":{"message":"out of memory"}}"#)?;
                return None;
            }
            Act::HangUp => {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return None;
            }
            Act::Stall => {
                // Ends, in whatever way, when the client does.
                let _ = tell.send("stalling");
                let _ = input.read(&mut [0; 64]);
                let _ = tell.send("hung up");
                return None;
            }
            _ => {}
        }
    }
    if act == Act::Answer {
        say(r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":12,"total_tokens":19}}"#)?;
    }
    say("[DONE]")?;
    out.write_all(b"0\r\n\r\n").ok()
}

fn config(url: &str, more: &str) -> Config {
    Config::typed(&format!("{url},concurrency=2,warmup=0,timeout_s=60,prompt_words=8{more}")).expect("sound")
}

fn start(config: Config) -> OpenAi {
    OpenAi::start_leased(config, 1, PATIENCE).expect("threads")
}

fn wait_for(load: &OpenAi, what: &str, done: impl Fn(&state::State) -> bool) {
    assert!(load.shared.wait_until(Instant::now() + PATIENCE, done), "waited in vain for {what}: {:?}", load.shared.state());
}

fn stop(load: OpenAi) {
    assert!(Box::new(load).stop(PATIENCE));
}

/// Where nobody listens: a port that was given up again may be the next test's.
const NOBODY: &str = "http://127.0.0.1:1/v1";

#[test]
fn tokens_are_those_of_usage_and_in_and_out_are_apart() {
    for (act, more) in [(Act::Answer, ""), (Act::Continuous, ",continuous_usage=true,ignore_eos=true")] {
        let fake = serve(if act == Act::Answer { &[Act::Answer] } else { &[Act::Continuous] }, 0);
        let mut load = start(config(&fake.url, more));
        load.set_duty(1.0);
        wait_for(&load, "requests", |s| s.requests >= 5);
        load.set_duty(0.0);
        wait_for(&load, "its pause", |s| s.running == 0);
        let state = load.shared.state();
        let (requests, counted) = (state.requests, state.counted);
        drop(state);
        assert_eq!((load.units(), load.input_units()), (Some(counted.output as f64), Some(counted.input as f64)));
        // A request that was cut off has stated what it used so far, or nothing.
        let (least, most) = (12 * requests, 12 * (requests + 2));
        assert!((least..=most).contains(&counted.output), "{counted:?} in {requests}");
        assert!(act == Act::Continuous || counted.output.is_multiple_of(12), "a third of an answer was counted: {counted:?}");
        assert!(counted.input >= 7 * requests);
        assert_eq!((load.healthy(), load.model().as_deref()), (Ok(()), Some("fake-1")));
        let asked = fake.seen.lock().expect("sound")[0].clone();
        assert_eq!((asked["model"].as_str(), asked["stream_options"]["include_usage"].as_bool()), (Some("fake-1"), Some(true)));
        assert_eq!(asked["stream_options"].get("continuous_usage_stats").is_some(), act == Act::Continuous);
        let figures = load.figures();
        assert_eq!(figures["requests"], requests as f64);
        assert!(figures["time_to_first_token_p95_s"] > 0.0 && figures["between_tokens_p50_s"] > 0.0, "{figures:?}");
        assert!(load.describe().contains("fake-1"));
        stop(load);
    }
}

#[test]
fn a_warm_up_is_done_and_not_counted() {
    let fake = serve(&[Act::Answer], 0);
    let mut load = start(Config { warmup: 3, concurrency: 1, ..config(&fake.url, "") });
    load.set_duty(1.0);
    wait_for(&load, "requests", |s| s.requests >= 2);
    let figures = load.figures();
    assert_eq!(figures["warmup_output_tokens"], 36.0);
    assert_eq!(figures["warmup_input_tokens"], 21.0);
    stop(load);
}

#[test]
fn nothing_in_flight_survives_the_duty() {
    let fake = serve(&[Act::Stall], 0);
    let mut load = start(config(&fake.url, ""));
    load.set_duty(1.0);
    fake.hears("stalling", 2);
    load.set_duty(f64::NAN);
    load.set_duty(0.0);
    fake.hears("hung up", 2);
    wait_for(&load, "the streams", |s| s.running == 0);
    assert_eq!(load.figures()["requests_cancelled"], 2.0);
    assert_eq!((load.healthy(), load.units()), (Ok(()), Some(0.0)), "cancelled is not failed");
    stop(load);
}

#[test]
fn nothing_in_flight_survives_the_lease() {
    let fake = serve(&[Act::Stall], 0);
    let mut load = OpenAi::start_leased(config(&fake.url, ""), 1, Duration::from_millis(200)).expect("threads");
    wait_for(&load, "the server", |s| s.ready);
    // Renewed until one is in flight, however long its thread is kept from it: what never began cannot be cancelled.
    let begun = Instant::now();
    loop {
        load.set_duty(1.0);
        match fake.heard.recv_timeout(Duration::from_millis(20)) {
            Ok("stalling") => break,
            _ => assert!(begun.elapsed() < PATIENCE, "nothing was ever in flight"),
        }
    }
    fake.hears("hung up", 1);
    wait_for(&load, "the streams", |s| s.running == 0);
    assert!(load.remarks().iter().any(|r| r.contains("not renewed")));
    stop(load);
}

#[test]
fn a_stop_cancels_and_ends_every_thread() {
    let fake = serve(&[Act::Stall], 0);
    let mut load = start(config(&fake.url, ""));
    load.set_duty(1.0);
    fake.hears("stalling", 2);
    stop(load);
    fake.hears("hung up", 1);
}

#[test]
fn a_server_that_is_not_ready_is_waited_for() {
    let fake = serve(&[Act::Answer], 3);
    let mut load = start(config(&fake.url, ""));
    load.set_duty(1.0);
    wait_for(&load, "requests", |s| s.requests >= 1);
    assert_eq!(load.healthy(), Ok(()));
    stop(load);
}

#[test]
fn a_server_that_never_answers_is_not_well_and_says_where() {
    let load = start(Config { ready_s: 0.1, ..config(NOBODY, "") });
    wait_for(&load, "a fault", |s| s.fault.is_some());
    let why = load.healthy().expect_err("nobody is there");
    assert!(why.contains("did not answer within 0.1 s") && why.contains("/models"), "{why}");
    stop(load);
}

/// Long before it is a fault: an operator who forgot to start the server learns that, and not only that nothing was done.
#[test]
fn a_refused_connection_is_told_at_once_and_a_silent_server_soon() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let mut load = start(config(&format!("http://{nobody}/v1"), ""));
    wait_for(&load, "a remark", |s| !s.remarks.is_empty());
    let told = load.remarks();
    let words = [format!("http://{nobody}/v1"), "efused".to_owned(), "is it started".to_owned(), "asked again for 300 s".to_owned()];
    assert!(told.len() == 1 && words.iter().all(|w| told[0].contains(w.as_str())), "{told:?}");
    assert_eq!(load.healthy(), Ok(()), "it may still be starting");
    stop(load);

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut load = start(config(&format!("http://{}/v1", silent.local_addr().expect("bound")), ""));
    wait_for(&load, "the question", |s| s.asked.is_some());
    assert_eq!(load.remarks(), [] as [String; 0]);
    load.shared.update(|s| s.asked = Instant::now().checked_sub(SILENT).map(|then| (then, false)));
    let told = load.remarks();
    assert!(told.len() == 1 && told[0].contains("has not answered for 4 s"), "{told:?}");
    assert_eq!(load.remarks(), [] as [String; 0], "told once");
    drop(silent);
    stop(load);
}

#[test]
fn failures_are_tried_again_and_forgotten_after_success() {
    for act in [Act::Refuse(500), Act::Break, Act::HangUp] {
        let script: &'static [Act] = match act {
            Act::Refuse(_) => &[Act::Refuse(500), Act::Refuse(429), Act::Answer],
            Act::Break => &[Act::Break, Act::Answer],
            _ => &[Act::HangUp, Act::Answer],
        };
        let fake = serve(script, 0);
        // One stream: with two, the other may succeed before the failure is known.
        let mut load = start(Config { concurrency: 1, ..config(&fake.url, "") });
        load.set_duty(1.0);
        wait_for(&load, "requests", |s| s.requests >= 2 && s.failures == 0);
        assert_eq!(load.healthy(), Ok(()));
        assert!(load.remarks()[0].contains("trying again"));
        assert!(load.figures()["requests_failed"] >= 1.0);
        stop(load);
    }
}

#[test]
fn too_many_failures_are_a_fault_and_the_server_is_asked_again() {
    let fake = serve(&[Act::Refuse(500), Act::Refuse(500), Act::Answer], 0);
    let mut load = start(Config { retries: 0, concurrency: 1, ..config(&fake.url, "") });
    load.set_duty(1.0);
    wait_for(&load, "a fault", |s| s.fault.is_some());
    wait_for(&load, "recovery", |s| s.requests >= 1 && s.fault.is_none());
    stop(load);
}

#[test]
fn what_will_not_change_is_not_tried_again() {
    for (script, expected) in [(&[Act::Refuse(404)], "no such thing"), (&[Act::Uncounted], "stream_options.include_usage")] {
        let fake = serve(script, 0);
        let mut load = start(Config { concurrency: 1, ..config(&fake.url, "") });
        load.set_duty(1.0);
        wait_for(&load, "its end", |s| s.hopeless.is_some());
        let why = load.healthy().expect_err("hopeless");
        assert!(why.contains(expected), "{why}");
        assert_eq!(fake.seen.lock().expect("sound").len(), 1);
        stop(load);
    }
}

#[test]
fn a_server_that_lies_is_not_believed() {
    for (script, words) in [
        (&[Act::Claim(16, 1_000_000_000)], "1000000000 completion_tokens where 128 at most"),
        (&[Act::Mute(16, 64)], "no text came"),
        (&[Act::Claim(0, 3)], "0 prompt_tokens"),
        (&[Act::Claim(900_000, 3)], "900000 prompt_tokens"),
        // 16 words: 48 tokens at most, and 256 of the template.
        (&[Act::Claim(4048, 1)], "at most 304"),
    ] {
        let fake = serve(script, 0);
        let mut load = start(Config { retries: 2, concurrency: 1, ..config(&fake.url, "") });
        load.set_duty(1.0);
        wait_for(&load, "its end", |s| s.hopeless.is_some());
        let why = load.healthy().expect_err("hopeless");
        assert!(why.contains("cannot be (3 answers refused, 0 believed)") && why.contains(words), "{why}");
        assert_eq!((load.units(), load.input_units()), (Some(0.0), Some(0.0)), "nothing of it counts");
        assert_eq!((load.figures()["requests_refused"], load.figures()["requests_failed"]), (3.0, 3.0));
        assert!(load.remarks().iter().all(|r| r.contains(words)), "each is an event");
        stop(load);
    }
}

#[test]
fn one_answer_in_two_that_lies_is_too_many_and_one_in_ten_is_not() {
    const HALF: [Act; 40] = {
        let mut script = [Act::Answer; 40];
        let mut at = 0;
        while at < script.len() {
            script[at] = Act::Mute(16, 64);
            at += 2;
        }
        script
    };
    let fake = serve(&HALF, 0);
    let mut load = start(Config { concurrency: 1, ..config(&fake.url, "") });
    load.set_duty(1.0);
    wait_for(&load, "its end", |s| s.hopeless.is_some());
    assert_eq!(load.figures()["requests_refused"], 10.0);
    assert_eq!(load.units(), Some(12.0 * load.figures()["requests"]));
    stop(load);
    let fake = serve(&[Act::Mute(16, 64), Act::Claim(16, 100), Act::Answer], 0);
    let mut load = start(Config { concurrency: 1, ..config(&fake.url, "") });
    load.set_duty(1.0);
    wait_for(&load, "answers", |s| s.requests >= 4);
    assert_eq!(load.healthy(), Ok(()));
    let remarks = load.remarks();
    assert!(remarks.iter().any(|r| r.contains("looks odd") && r.contains("100 completion_tokens for 1 bytes")), "{remarks:?}");
    stop(load);
}

#[test]
fn a_silent_server_is_given_up_after_its_time() {
    let fake = serve(&[Act::Stall, Act::Answer], 0);
    let mut load = start(Config { timeout_s: 0.1, concurrency: 1, ..config(&fake.url, "") });
    load.set_duty(1.0);
    fake.hears("hung up", 1);
    wait_for(&load, "requests", |s| s.requests >= 1);
    stop(load);
}

/// A connection that is kept alive is no answer.
#[test]
fn what_never_ends_is_given_up() {
    for (script, refused) in [
        (&[Act::Endless, Act::Answer], true),
        (&[Act::Comments, Act::Answer], false),
        (&[Act::Line, Act::Answer], false),
        (&[Act::Headers, Act::Answer], false),
    ] {
        let fake = serve(script, 0);
        let mut load = start(Config { timeout_s: 0.3, concurrency: 1, ..config(&fake.url, "") });
        load.set_duty(1.0);
        fake.hears("hung up", 1);
        wait_for(&load, "requests", |s| s.requests >= 1);
        let figures = load.figures();
        assert_eq!((figures["requests_failed"], figures["requests_refused"] > 0.0), (1.0, refused), "{script:?}: {figures:?}");
        assert_eq!(load.healthy(), Ok(()));
        stop(load);
    }
}

/// One odd answer is told, nothing but odd ones is no work.
#[test]
fn a_server_whose_answers_are_all_odd_is_not_believed() {
    let fake = serve(&[Act::Claim(16, 32)], 0);
    let mut load = start(Config { concurrency: 1, ..config(&fake.url, "") });
    load.set_duty(1.0);
    wait_for(&load, "its end", |s| s.hopeless.is_some());
    let why = load.healthy().expect_err("hopeless");
    assert!(why.contains("4 odd answers of 4") && why.contains("32 completion_tokens for 1 bytes"), "{why}");
    assert_eq!((load.figures()["requests_odd"], load.units()), (4.0, Some(4.0)), "a token of text has a byte: no more counts");
    stop(load);
}

#[test]
fn the_gate_holds_back_streams() {
    let fake = serve(&[Act::Stall], 0);
    let mut load = start(Config { actuator: Actuator::Concurrency, concurrency: 4, ..config(&fake.url, "") });
    load.set_duty(0.5);
    wait_for(&load, "half the streams", |s| s.running == 2);
    load.set_duty(1.0);
    wait_for(&load, "all streams", |s| s.running == 4);
    stop(load);
}

#[test]
fn a_server_of_ours_is_started_again_so_often_and_ended_with_us() {
    let server = Some(Server { command: "echo 'no such model' >&2; exit 3".into(), restarts: 1 });
    let mut load = start(Config { server, ..config(NOBODY, "") });
    wait_for(&load, "its end", |s| s.hopeless.is_some());
    let why = load.healthy().expect_err("it ended twice");
    assert!(why.contains("exit status: 3") && why.contains("no such model"), "{why}");
    assert!(load.remarks().iter().any(|r| r.contains("started again")));
    stop(load);
}

#[test]
fn a_missing_key_is_named_and_a_key_is_sent() {
    let config = Config { api_key_env: Some("ORBITBENCH_NO_SUCH_KEY".into()), ..config("http://127.0.0.1:1/v1", "") };
    let why = OpenAi::start(config, 1).expect_err("no key").to_string();
    assert!(why.contains("ORBITBENCH_NO_SUCH_KEY"), "{why}");
}

/// The real llama.cpp server with a real model: `.ci/run` installs both and names the Python that has them.
#[test]
fn the_real_llama_cpp_server_is_loaded_and_counted() {
    let Some(python) = std::env::var_os("ORBITBENCH_PEERS") else {
        eprintln!("SKIPPED llama.cpp under load: ORBITBENCH_PEERS names no Python with the packages of tests/peers/requirements.txt");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/llama_server.py");
    let mut peer = std::process::Command::new(python)
        .args(["-B", script, "0", "2"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a Python");
    let mut ready = String::new();
    BufReader::new(peer.stdout.take().expect("piped")).read_line(&mut ready).expect("its address");
    let url = format!("{}/v1", ready.split_whitespace().next().expect("an address"));
    let mut load = start(Config { warmup: 1, ..config(&url, ",max_tokens=12,ignore_eos=true") });
    load.set_duty(1.0);
    wait_for(&load, "four answers", |s| s.requests >= 4 || s.hopeless.is_some() || s.fault.is_some());
    assert_eq!(load.healthy(), Ok(()));
    let state = load.shared.state();
    let (requests, counted) = (state.requests, state.counted);
    drop(state);
    // Exactly what was asked for, which no count of chunks gives: the first and the last chunk carry no text.
    assert!(counted.output >= 12 * requests && counted.output.is_multiple_of(12), "{counted:?} in {requests}");
    // Eight words, a number, the request in words and the chat's template.
    assert!((25 * requests..120 * (requests + 2)).contains(&counted.input), "{counted:?}");
    let figures = load.figures();
    assert_eq!(figures["warmup_output_tokens"], 12.0);
    assert!(figures["between_tokens_p50_s"] > 0.0 && figures["time_to_first_token_p50_s"] > figures["between_tokens_p50_s"], "{figures:?}");
    assert_eq!(figures["requests_failed"], 0.0);
    eprintln!("{}", load.shared.state().latencies());
    stop(load);
    drop(peer.stdin.take());
    peer.wait().expect("our child");
}
