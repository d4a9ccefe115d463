//! One question and its answer on a line without numbers: time-outs, silence after them, repeating.

use crate::config::Serial;

/// Most bytes kept of what is heard: several times any answer.
const KEPT: usize = 2048;
/// A line that does not fall silent is asked on after this many times its time-out.
const LONGEST_BABBLE: f64 = 10.0;

/// What goes out.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::drivers) struct Question {
    pub(in crate::drivers) bytes: Vec<u8>,
    /// Length of the longest answer.
    pub(in crate::drivers) reply_len: usize,
    /// How often it is put.
    pub(in crate::drivers) attempts: u8,
}

/// What became of the open question when time passed.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    /// Nothing.
    Open,
    /// It was put again with these bytes.
    Again(Vec<u8>),
    /// Every attempt ran out of time, and the line is silent.
    Silence,
}

#[derive(Debug)]
enum State {
    Free,
    Asking {
        question: Question,
        deadline_s: f64,
    },
    /// Silence is kept; then it is asked again, or given up.
    Settling {
        question: Option<Question>,
        until_s: f64,
        latest_s: f64,
    },
}

/// The one conversation with a device.
#[derive(Debug)]
pub(super) struct Line {
    serial: Serial,
    timeout_s: f64,
    state: State,
    heard: Vec<u8>,
}

impl Line {
    pub(super) const fn new(serial: Serial, timeout_s: f64) -> Self {
        Self { serial, timeout_s, state: State::Free, heard: Vec::new() }
    }

    /// Nothing is open and no silence is kept.
    pub(super) const fn free(&self) -> bool {
        matches!(self.state, State::Free)
    }

    /// Asks. Returns the bytes to send.
    pub(super) fn ask(&mut self, now_s: f64, question: Question) -> Vec<u8> {
        let wire_s = self.serial.wire_s(question.bytes.len() + question.reply_len);
        let bytes = question.bytes.clone();
        self.heard.clear();
        self.state = State::Asking { question, deadline_s: now_s + self.timeout_s + wire_s };
        bytes
    }

    /// Takes bytes as they came. What answers nothing is dropped.
    pub(super) fn hear(&mut self, now_s: f64, bytes: &[u8]) {
        match &mut self.state {
            State::Free => {}
            State::Asking { .. } => {
                self.heard.extend(bytes);
                let over = self.heard.len().saturating_sub(KEPT);
                self.heard.drain(..over);
            }
            State::Settling { until_s, latest_s, .. } => *until_s = (now_s + self.timeout_s).min(*latest_s),
        }
    }

    /// What was heard since the open question.
    pub(super) fn heard(&self) -> Option<&[u8]> {
        matches!(self.state, State::Asking { .. }).then_some(&self.heard)
    }

    /// The open question is answered.
    pub(super) fn answered(&mut self) {
        self.state = State::Free;
    }

    /// Looks whether the open question, or the silence after it, is over.
    pub(super) fn late(&mut self, now_s: f64) -> Turn {
        match &mut self.state {
            State::Asking { question, deadline_s } if now_s >= *deadline_s => {
                question.attempts = question.attempts.saturating_sub(1);
                let question = (question.attempts > 0).then(|| question.clone());
                self.settle(now_s, question);
                Turn::Open
            }
            State::Settling { question, until_s, .. } if now_s >= *until_s => {
                let question = question.take();
                self.state = State::Free;
                question.map_or(Turn::Silence, |question| Turn::Again(self.ask(now_s, question)))
            }
            _ => Turn::Open,
        }
    }

    fn settle(&mut self, now_s: f64, question: Option<Question>) {
        let latest_s = now_s + LONGEST_BABBLE * self.timeout_s;
        self.state = State::Settling { question, until_s: now_s + self.timeout_s, latest_s };
    }

    /// When something is due.
    pub(super) const fn deadline_s(&self) -> Option<f64> {
        match self.state {
            State::Free => None,
            State::Asking { deadline_s, .. } => Some(deadline_s),
            State::Settling { until_s, .. } => Some(until_s),
        }
    }

    /// Does not ask the open question again: something more urgent waits.
    pub(super) fn last_attempt(&mut self) {
        match &mut self.state {
            State::Asking { question, .. } => question.attempts = 1,
            State::Settling { question, .. } => *question = None,
            State::Free => {}
        }
    }

    /// Gives up the open question. Its answer may still come, so silence is kept all the same.
    pub(super) fn give_up(&mut self) {
        match &mut self.state {
            State::Asking { deadline_s, .. } => {
                let until_s = *deadline_s;
                self.state = State::Settling { question: None, until_s, latest_s: until_s };
            }
            State::Settling { question, .. } => *question = None,
            State::Free => {}
        }
    }

    /// The line is a new one.
    pub(super) fn new_line(&mut self) {
        self.state = State::Free;
        self.heard.clear();
    }
}
