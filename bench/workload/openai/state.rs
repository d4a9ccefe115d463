//! What streams and supervisor share: duty and lease, what is in flight, what was counted.

use super::client::{self, Failure, Timing, Usage};
use super::config::Config;
use super::gate::Gate;
use crate::latency::Latency;
use crate::pace::leased;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use ureq::Agent;

/// Remarks kept until somebody asks.
const MOST_REMARKS: usize = 16;

/// From so many refused answers on they end the work where they are more than a tenth of all.
const MOST_REFUSED: u64 = 10;

/// From so many odd answers on they end the work where they are more than half of all: once a while a model says nothing but special tokens, not always.
const MOST_DOUBTED: u64 = 4;

/// The shares told of latencies.
const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) key: Option<String>,
    pub(super) seed: u64,
    pub(super) lease_s: f64,
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) duty: f64,
    pub(super) renewed_s: f64,
    pub(super) stop: bool,
    /// Threads that have not ended.
    pub(super) threads: usize,
    /// The model asked for.
    pub(super) model: Option<String>,
    /// The server answers: requests may begin.
    pub(super) ready: bool,
    /// What is wrong and may pass.
    pub(super) fault: Option<String>,
    /// What is wrong and will not.
    pub(super) hopeless: Option<String>,
    /// Failures since the last success.
    pub(super) failures: u32,
    gate: Gate,
    /// Connections of what is in flight.
    agent: Option<Agent>,
    /// Connections of the health check.
    pub(super) probe: Option<Agent>,
    /// Counts cancellations: a request of an earlier one was cancelled.
    epoch: u64,
    pub(super) running: usize,
    /// What keeps the server from being ready, as it was told last.
    pub(super) waiting: Option<String>,
    /// Since when it has been asked without an answer of any kind, and whether that was told.
    pub(super) asked: Option<(Instant, bool)>,
    next: u64,
    warmups_left: u32,
    pub(super) counted: Usage,
    warmup: Usage,
    pub(super) requests: u64,
    cancelled: u64,
    failed: u64,
    /// Answers whose usage cannot be, of all and since the last that can.
    refused: (u64, u32),
    /// Answers with an odd usage.
    doubted: u64,
    first: Latency,
    between: Latency,
    pub(super) remarks: VecDeque<String>,
}

/// A request that may begin.
pub(super) struct Permit {
    pub(super) agent: Agent,
    pub(super) model: String,
    pub(super) number: u64,
    pub(super) warmup: bool,
    epoch: u64,
}

impl Shared {
    pub(super) fn new(config: Config, key: Option<String>, seed: u64, lease: Duration) -> Self {
        let state = State {
            duty: 0.0,
            renewed_s: 0.0,
            stop: false,
            threads: 0,
            model: config.model.clone(),
            ready: false,
            fault: None,
            hopeless: None,
            failures: 0,
            gate: Gate::new(config.actuator, config.concurrency, seed),
            agent: None,
            probe: None,
            epoch: 0,
            running: 0,
            waiting: None,
            asked: None,
            next: 0,
            warmups_left: config.warmup,
            counted: Usage::default(),
            warmup: Usage::default(),
            requests: 0,
            cancelled: 0,
            failed: 0,
            refused: (0, 0),
            doubted: 0,
            first: Latency::default(),
            between: Latency::default(),
            remarks: VecDeque::new(),
        };
        let (started, lease_s) = (Instant::now(), lease.as_secs_f64());
        Self { config, key, seed, lease_s, started, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn now_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Nothing is left half-done in here by a thread that panicked.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.changed.notify_all();
        changed
    }

    /// Waits for a change, or so many seconds.
    pub(super) fn wait<'s>(&self, state: MutexGuard<'s, State>, seconds: f64) -> MutexGuard<'s, State> {
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until `done`, at most until `deadline`. True if it was done.
    pub(super) fn wait_until(&self, deadline: Instant, done: impl Fn(&State) -> bool) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.state(), left, |state| !done(state));
        done(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Ends everything, now.
    pub(super) fn end(&self) {
        self.update(|state| {
            state.stop = true;
            state.cancel();
            if let Some(probe) = state.probe.take() {
                probe.shutdown();
            }
        });
    }

    /// Waits until one more request may begin. `None` once it is over.
    pub(super) fn permit(&self) -> Option<Permit> {
        let mut state = self.state();
        loop {
            if state.stop {
                return None;
            }
            let working = state.advance(self) > 0.0 && state.ready && state.hopeless.is_none();
            let running = state.running;
            if working
                && state.gate.admits(running)
                && let Some(model) = state.model.clone()
            {
                let agent = state.agent.get_or_insert_with(|| client::agent(&self.config)).clone();
                let warmup = state.warmups_left > 0;
                state.warmups_left -= u32::from(warmup);
                state.running += 1;
                state.next += 1;
                let permit = Permit { agent, model, number: state.next, warmup, epoch: state.epoch };
                drop(state);
                self.changed.notify_all();
                return Some(permit);
            }
            let wait = if working { state.gate.look_again_s(running) } else { f64::INFINITY };
            state = self.wait(state, wait);
        }
    }
}

impl State {
    /// The duty, unless the lease is over.
    pub(super) fn allowed(&self, shared: &Shared, now_s: f64) -> f64 {
        leased(self.duty, self.renewed_s, shared.lease_s, now_s)
    }

    /// Seconds until the lease is over.
    pub(super) fn lease_left_s(&self, shared: &Shared) -> f64 {
        (self.renewed_s + shared.lease_s - shared.now_s()).max(0.0)
    }

    /// Books busy time up to now; call before `running` changes. The duty that holds.
    fn advance(&mut self, shared: &Shared) -> f64 {
        let now_s = shared.now_s();
        let allowed = self.allowed(shared, now_s);
        self.gate.advance(now_s, self.running, allowed);
        allowed
    }

    pub(super) fn remark(&mut self, text: String) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push_back(text);
        }
    }

    /// Cancels what is in flight: the connections are shut down, which the server notices.
    pub(super) fn cancel(&mut self) {
        if let Some(agent) = self.agent.take() {
            self.epoch += 1;
            agent.shutdown();
        }
    }

    /// Counts what a request used beyond `before`.
    pub(super) fn count(&mut self, warmup: bool, before: Usage, now: Usage) {
        let into = if warmup { &mut self.warmup } else { &mut self.counted };
        into.input += now.input.saturating_sub(before.input);
        into.output += now.output.saturating_sub(before.output);
    }

    pub(super) fn finish(&mut self, shared: &Shared, permit: &Permit, outcome: Result<Timing, Failure>) {
        self.advance(shared);
        self.running -= 1;
        match outcome {
            Ok(timing) => {
                (self.failures, self.refused.1, self.fault) = (0, 0, None);
                if let Some(doubt) = timing.doubt {
                    self.doubted += 1;
                    if self.doubted == 1 {
                        self.remark(format!("an answer looks odd, told once: {doubt}"));
                    }
                    if self.doubted >= MOST_DOUBTED && self.doubted * 2 > self.requests + 1 {
                        let words = format!(
                            "what the server says that it did is not believed ({} odd answers of {}): {doubt}",
                            self.doubted,
                            self.requests + 1
                        );
                        self.hopeless.get_or_insert(words);
                    }
                }
                if !permit.warmup {
                    self.requests += 1;
                    self.first.add(timing.first);
                    if let Some(between) = timing.between {
                        self.between.add(between);
                    }
                }
                return;
            }
            // Cancelled by us, whatever it looked like.
            Err(_) if permit.epoch != self.epoch => self.cancelled += 1,
            Err(failure) => {
                self.failed += 1;
                self.fail(shared, failure);
            }
        }
        // The warm-up was not had.
        self.warmups_left += u32::from(permit.warmup);
    }

    /// A request or a question came to nothing.
    pub(super) fn fail(&mut self, shared: &Shared, failure: Failure) {
        self.failures += 1;
        self.ready = false;
        let words = failure.words().to_owned();
        if self.failures == 1 {
            self.remark(format!("the server failed, trying again: {words}"));
        }
        match failure {
            Failure::Lasting(why) => {
                self.hopeless.get_or_insert(why);
            }
            Failure::Refused(why) => {
                self.refused = (self.refused.0 + 1, self.refused.1 + 1);
                if self.failures > 1 {
                    self.remark(format!("an answer is refused: {why}"));
                }
                let (all, in_a_row) = self.refused;
                if in_a_row > shared.config.retries || (all >= MOST_REFUSED && all * 10 > all + self.requests) {
                    let words =
                        format!("what the server says that it did cannot be ({all} answers refused, {} believed): {why}", self.requests);
                    self.hopeless.get_or_insert(words);
                }
            }
            Failure::Passing(why) if self.failures > shared.config.retries => {
                self.fault = Some(format!("the server failed {} times in a row: {why}", self.failures));
            }
            Failure::Passing(_) => {}
        }
    }

    /// Latencies and counts so far; only what there is.
    pub(super) fn figures(&self) -> BTreeMap<String, f64> {
        let mut figures = BTreeMap::from([
            ("requests".to_owned(), self.requests as f64),
            ("requests_cancelled".to_owned(), self.cancelled as f64),
            ("requests_failed".to_owned(), self.failed as f64),
            ("requests_refused".to_owned(), self.refused.0 as f64),
            ("requests_odd".to_owned(), self.doubted as f64),
            ("input_tokens".to_owned(), self.counted.input as f64),
            ("output_tokens".to_owned(), self.counted.output as f64),
            ("warmup_input_tokens".to_owned(), self.warmup.input as f64),
            ("warmup_output_tokens".to_owned(), self.warmup.output as f64),
        ]);
        for (what, latency) in [("time_to_first_token", &self.first), ("between_tokens", &self.between)] {
            for (name, share) in SHARES {
                if let Some(s) = latency.percentile_s(share) {
                    figures.insert(format!("{what}_{name}_s"), s);
                }
            }
        }
        figures
    }

    pub(super) fn latencies(&self) -> String {
        let said = |latency: &Latency| {
            let all: Vec<String> =
                SHARES.iter().filter_map(|(name, share)| Some(format!("{name} {:.1}", latency.percentile_s(*share)? * 1e3))).collect();
            if all.is_empty() { "none yet".to_owned() } else { all.join(", ") }
        };
        format!("{} requests: first token after {} ms; between tokens {} ms", self.requests, said(&self.first), said(&self.between))
    }
}
