//! One question and its answer: numbering, time-outs, repeating, and turning away replies that are not the answer.
//!
//! At most one question is out at a time. Every attempt has a number of its own, so that the reply to a given-up attempt,
//! however late, answers nothing.

use crate::config::Serial;
use crate::protocol::mecom::{Answer, Decoder, Query, Request, Side};

/// What became of the open question.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    /// Nothing yet.
    Open,
    /// It was asked again with these bytes.
    Again(Vec<u8>),
    /// It was answered.
    Answered(Answer),
    /// Every attempt ran out of time.
    Silence,
}

#[derive(Debug)]
struct Question {
    query: Query,
    attempts_left: u8,
    deadline_s: f64,
}

/// The one conversation with a device.
#[derive(Debug)]
pub(super) struct Exchange {
    address: u8,
    sequence: u16,
    serial: Serial,
    timeout_s: f64,
    decoder: Decoder,
    open: Option<Question>,
}

impl Exchange {
    pub(super) const fn new(address: u8, serial: Serial, timeout_s: f64) -> Self {
        Self { address, sequence: 0, serial, timeout_s, decoder: Decoder::new(Side::Device), open: None }
    }

    /// Asks, giving up whatever was open. Returns the bytes to send.
    pub(super) fn ask(&mut self, now_s: f64, request: Request, attempts: u8) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let query = Query { address: self.address, sequence: self.sequence, request };
        let bytes = query.encode();
        let wire_s = self.serial.wire_s(bytes.len() + query.reply_len());
        self.open = Some(Question { query, attempts_left: attempts.saturating_sub(1), deadline_s: now_s + self.timeout_s + wire_s });
        bytes
    }

    /// Takes bytes as they came. Replies to anything but the open question are dropped here.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Turn {
        self.decoder.push(bytes);
        let mut turn = Turn::Open;
        while let Some(frame) = self.decoder.pop() {
            let answer = self.open.as_ref().and_then(|question| question.query.answer(&frame).ok());
            if let Some(answer) = answer {
                self.open = None;
                turn = Turn::Answered(answer);
            }
        }
        turn
    }

    /// Looks whether the open question ran out of time.
    pub(super) fn late(&mut self, now_s: f64) -> Turn {
        match self.open.take_if(|question| now_s >= question.deadline_s) {
            None => Turn::Open,
            Some(question) if question.attempts_left == 0 => Turn::Silence,
            Some(question) => Turn::Again(self.ask(now_s, question.query.request, question.attempts_left)),
        }
    }

    /// When the open question runs out of time.
    pub(super) fn deadline_s(&self) -> Option<f64> {
        self.open.as_ref().map(|question| question.deadline_s)
    }

    /// What the open question asks.
    pub(super) fn asking(&self) -> Option<Request> {
        self.open.as_ref().map(|question| question.query.request)
    }

    /// Does not ask the open question again, should it run out of time: something more urgent waits.
    pub(super) fn last_attempt(&mut self) {
        if let Some(question) = &mut self.open {
            question.attempts_left = 0;
        }
    }

    /// Gives up the open question.
    pub(super) fn give_up(&mut self) {
        self.open = None;
    }

    /// The line is a new one: nothing that was collected belongs to it.
    pub(super) fn new_line(&mut self) {
        self.open = None;
        self.decoder.clear();
    }
}
