//! What the machine makes of an answer, of a refusal, and of silence.

use super::{Dialect, Job, Unnumbered, Verdict};
use crate::driver::{Effects, Event};
use crate::drivers::commands::{AGAIN_S, FAILURES_TO_LOSE, LOOKS, ROUNDS_TO_LEAVE};

/// How far apart the output is looked at until it has followed, s.
const LOOK_AGAIN_S: f64 = 0.1;

impl<D: Dialect> Unnumbered<D> {
    /// The job came to nothing and nobody said no: it counts towards the loss of the link.
    fn fail(&mut self, now_s: f64, job: Job, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        self.failed += 1;
        if self.failed >= FAILURES_TO_LOSE {
            self.silent(now_s, format!("{FAILURES_TO_LOSE} exchanges failed in a row, {why}"), fx);
        } else if matches!(job, Job::Target(_) | Job::Level(_) | Job::Acknowledge) {
            fx.events.push(Event::Retried { why: why.to_owned() });
            self.begin(job);
        }
    }

    /// Another round of switching off, if there is one left.
    fn switch_off_again(&mut self, now_s: f64, round: u8, why: &str, fx: &mut Effects) -> bool {
        if round + 1 >= ROUNDS_TO_LEAVE {
            return false;
        }
        fx.events.push(Event::Retried { why: why.to_owned() });
        self.begin(Job::Switch { on: false, round: round + 1 });
        self.wait_until_s = Some(now_s + AGAIN_S);
        true
    }

    pub(super) fn unanswered(&mut self, now_s: f64, task: &D::Task, fx: &mut Effects) {
        let why = format!("no answer to {}", self.dialect.words(task));
        let job = self.job;
        match job {
            _ if self.dialect.writes(task) => {}
            // It was given one attempt only, so it proves nothing of the link; switching off will.
            Some(Job::Poll(_)) if self.wanted.disable => {}
            Some(Job::Switch { on: false, round }) if self.switch_off_again(now_s, round, &why, fx) => {}
            Some(Job::Open | Job::Switch { on: false, .. }) => self.silent(now_s, why, fx),
            Some(job) => self.fail(now_s, job, &why, fx),
            None => {}
        }
    }

    pub(super) fn judge(&mut self, now_s: f64, task: &D::Task, verdict: Verdict, fx: &mut Effects) {
        let job = self.job;
        let denied = matches!(verdict, Verdict::NotNow(_) | Verdict::Refused(_));
        match verdict {
            Verdict::Fine => self.heard |= self.dialect.writes(task),
            Verdict::Already => drop(self.tasks.pop_front()),
            Verdict::Output(on) => self.see(now_s, task, on, fx),
            Verdict::Foreign(why) => self.refuse(format!("another device answers: {why}"), true, fx),
            // What reads it back decides: it may be off for another reason.
            _ if denied && self.dialect.writes(task) && matches!(job, Some(Job::Switch { on: false, .. })) => {}
            Verdict::NotNow(why) => match job {
                Some(Job::Open) => self.silent(now_s, why, fx),
                Some(Job::Switch { on: false, round }) if self.switch_off_again(now_s, round, &why, fx) => {}
                Some(Job::Switch { on: false, .. }) => self.silent(now_s, format!("switching the output off: {why}"), fx),
                Some(job) => self.fail(now_s, job, &why, fx),
                None => {}
            },
            Verdict::Refused(why) => match job {
                Some(Job::Open) => self.refuse(why, false, fx),
                Some(job @ Job::Poll(_)) => self.fail(now_s, job, &why, fx),
                Some(Job::Switch { on: false, round }) if self.switch_off_again(now_s, round, &why, fx) => {}
                Some(Job::Switch { on: false, .. }) => self.silent(now_s, format!("switching the output off: {why}"), fx),
                Some(job) => {
                    self.drop_job(&why, fx);
                    fx.events.push(Event::Refused { why: format!("{}: {why}", job.words()) });
                }
                None => {}
            },
            Verdict::Mismatch(why) => match job {
                Some(Job::Open) if self.heard => self.refuse(why, false, fx),
                Some(Job::Open) => self.silent(now_s, why, fx),
                // Written and read back a while ago: it restarted, or another stands in its place.
                Some(Job::Poll(_) | Job::Switch { .. }) => {
                    self.silent(now_s, format!("the device lost its settings as if restarted, {why}"), fx);
                }
                Some(job) if !self.heard => self.fail(now_s, job, &why, fx),
                Some(job) => {
                    self.drop_job(&why, fx);
                    fx.events.push(Event::Refused { why: format!("{}: {why}", job.words()) });
                }
                None => {}
            },
        }
    }

    /// The output was seen on or off.
    fn see(&mut self, now_s: f64, task: &D::Task, on: bool, fx: &mut Effects) {
        let want = match self.job {
            Some(Job::Open) if self.traits.safe_is_on => return self.confirm(on, fx),
            Some(Job::Open | Job::Switch { on: false, .. }) => false,
            Some(Job::Switch { on: true, .. }) => true,
            _ => {
                self.output.seen(on, &self.wanted, fx);
                return;
            }
        };
        if on == want {
            return self.confirm(on, fx);
        }
        if self.looked < LOOKS {
            self.looked += 1;
            self.tasks.push_front(task.clone());
            self.wait_until_s = Some(now_s + LOOK_AGAIN_S);
            return;
        }
        let state = if on { "on" } else { "off" };
        let why = format!("switching the output {}: it stays {state}", if want { "on" } else { "off" });
        if matches!(self.job, Some(Job::Switch { on: false, .. })) {
            // It was read: nobody need wonder what it does until the last round.
            self.output.seen(on, &self.wanted, fx);
        }
        if let Some(Job::Switch { on: false, round }) = self.job
            && self.switch_off_again(now_s, round, &why, fx)
        {
            return;
        }
        self.confirm(on, fx);
        if want {
            self.drop_job(&why, fx);
            fx.events.push(Event::Refused { why });
        } else {
            // Not polled any more, so that a lease runs out if there is one.
            self.refuse(why, false, fx);
        }
    }
}
