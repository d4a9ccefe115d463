//! The supervisor's thread: asks until the server answers, starts it where that is ours, waits before trying again, and cancels when duty or lease are over.

use super::client::{self, Failure};
use super::server::Running;
use super::state::Shared;
use std::time::{Duration, Instant};

/// How often a server of ours is looked after.
const LOOK_S: f64 = 0.25;
/// First and longest pause before another try, s.
const PAUSE_S: (f64, f64) = (0.1, 5.0);

pub(super) fn supervise(shared: &Shared) {
    let mut server = None;
    let mut restarts = shared.config.server.as_ref().map_or(0, |s| s.restarts);
    let mut since = Instant::now();
    let mut was_ready = false;
    while !shared.state().stop {
        if let Some(ours) = &shared.config.server
            && server.is_none()
        {
            match Running::start(&ours.command) {
                Ok(running) => server = Some(running),
                Err(why) => return give_up(shared, format!("cannot start the server `{}`: {why}", ours.command)),
            }
            (since, was_ready) = (Instant::now(), false);
        }
        if shared.state().ready {
            attend(shared, server.is_some());
        } else if ask(shared, was_ready, since) {
            was_ready = true;
        }
        if let Some(how) = server.as_mut().and_then(Running::ended) {
            server = None;
            shared.update(|state| {
                state.ready = false;
                state.cancel();
            });
            if restarts == 0 {
                return give_up(shared, format!("the server is of no more use: {how}"));
            }
            restarts -= 1;
            shared.update(|state| state.remark(format!("the server ended and is started again, {restarts} more times at most: {how}")));
        }
    }
    drop(server);
}

fn give_up(shared: &Shared, why: String) {
    shared.update(|state| state.hopeless.get_or_insert(why).clone());
}

/// The health check. True if the server answered.
fn ask(shared: &Shared, was_ready: bool, since: Instant) -> bool {
    if shared.state().hopeless.is_some() {
        drop(shared.wait(shared.state(), LOOK_S));
        return false;
    }
    if was_ready {
        // It answered before and something failed since: not at once again.
        pause(shared, since);
    }
    let probe = client::agent(&shared.config);
    shared.update(|state| {
        state.probe = Some(probe.clone());
        state.asked.get_or_insert((Instant::now(), false));
    });
    let models = client::models(&probe, &shared.config, shared.key.as_deref()).and_then(|models| choose(shared, models));
    shared.update(|state| {
        (state.probe, state.asked) = (None, None);
        let failure = match models {
            Ok(model) => {
                // Only work done is success: until then the next failure counts on from here.
                (state.model, state.ready, state.fault) = (Some(model), true, None);
                return true;
            }
            Err(failure) => failure,
        };
        match failure {
            // A server that starts may refuse connections for a while.
            Failure::Passing(why) if !was_ready => {
                // One of ours is known to take its time; somebody else's may never have been started.
                if shared.config.server.is_none() && state.waiting.as_ref() != Some(&why) {
                    state.remark(format!(
                        "the server does not answer yet ({why}): is it started, and is {} its address? It is asked again for {} s",
                        shared.config.url, shared.config.ready_s
                    ));
                    state.waiting = Some(why.clone());
                }
                if since.elapsed() > Duration::from_secs_f64(shared.config.ready_s) {
                    state.fault = Some(format!("the server did not answer within {} s: {why}", shared.config.ready_s));
                }
            }
            failure => state.fail(shared, failure),
        }
        false
    }) || {
        if !was_ready {
            pause(shared, since);
        }
        false
    }
}

/// The model that is wanted, or the first there is.
fn choose(shared: &Shared, models: Vec<String>) -> Result<String, Failure> {
    match &shared.config.model {
        // Some servers answer to names that they do not list: they may refuse it when asked.
        Some(wanted) => Ok(wanted.clone()),
        None => models.into_iter().next().ok_or_else(|| Failure::Passing(format!("{} lists no model", shared.config.url))),
    }
}

/// Waits before the next try, the longer the more failed; less long at the beginning, when a server of ours starts.
fn pause(shared: &Shared, since: Instant) {
    let failures = shared.state().failures;
    let (first, longest) = PAUSE_S;
    let wait = (first * 2.0_f64.powi(failures.min(10).cast_signed())).max(since.elapsed().as_secs_f64() / 20.0).min(longest);
    shared.wait_until(Instant::now() + Duration::from_secs_f64(wait), |state| state.stop);
}

/// While the server is ready: cancels when duty or lease are over. Returns when it is not ready any more, or to look after our server.
fn attend(shared: &Shared, looks: bool) {
    let mut state = shared.state();
    while state.ready && !state.stop {
        let idle = state.allowed(shared, shared.now_s()) <= 0.0;
        if idle && state.running > 0 {
            state.cancel();
        }
        let lease_s = if idle { f64::INFINITY } else { state.lease_left_s(shared) + 1e-3 };
        state = shared.wait(state, if looks { lease_s.min(LOOK_S) } else { lease_s });
        if looks {
            return;
        }
    }
}
