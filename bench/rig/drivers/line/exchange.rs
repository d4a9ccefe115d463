//! One line out, one line back: framing, echo and prompt, time-outs, the silences a device needs, and turning away lines that are
//! no answer.
//!
//! Lines carry no number, so that an answer that comes late looks like the answer to whatever was asked since. Hence: after a
//! time-out, and after anything that came unasked, nothing is asked until the line has been quiet for a whole time-out, and what
//! came until then is dropped. A device that answers later than that is beyond what its protocol lets anybody tell apart.

use crate::config::Serial;
use crate::dialect::LineRules;

/// Longest line that is waited for, bytes: the wire's time for it is added to every time-out.
const LONGEST_REPLY: usize = 64;
/// Longest line that is kept: what is longer is noise.
const LONGEST_LINE: usize = 1024;

/// What became of the open question.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    /// Nothing yet.
    Open,
    /// This line came.
    Line(String),
    /// It ran out of time.
    Silence,
}

/// How a message is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// By a line.
    Line,
    /// By exactly this many bytes that nothing ends.
    Bytes(usize),
    /// Not at all.
    Nothing,
}

/// The one conversation with a device.
#[derive(Debug)]
pub(super) struct Exchange {
    rules: LineRules,
    serial: Serial,
    timeout_s: f64,
    buffer: Vec<u8>,
    open: Option<Open>,
    /// Nothing is sent before this.
    free_s: f64,
    /// Whatever comes before this belongs to nobody.
    deaf_until_s: f64,
    /// When silence ends the line that has begun.
    quiet_s: Option<f64>,
    /// More came than was asked for.
    crowded: bool,
}

#[derive(Debug)]
struct Open {
    deadline_s: f64,
    answer: Answer,
    /// Said back first, if the device does that.
    echo: Option<Vec<u8>>,
}

impl Exchange {
    pub(super) fn new(rules: LineRules, serial: Serial, timeout_s: f64) -> Self {
        Self { rules, serial, timeout_s, buffer: Vec::new(), open: None, free_s: 0.0, deaf_until_s: 0.0, quiet_s: None, crowded: false }
    }

    /// When a message may be sent, if not now.
    pub(super) fn busy_until_s(&self, now_s: f64) -> Option<f64> {
        let free = self.free_s.max(self.deaf_until_s);
        (now_s < free).then_some(free)
    }

    /// Sends without waiting for the line to be quiet: for what must go out at all costs. Whatever comes is then nobody's.
    pub(super) fn shout(&mut self, now_s: f64, line: &[u8]) -> Vec<u8> {
        self.open = None;
        self.resync(now_s);
        self.ended(line)
    }

    /// Sends a line, giving up whatever was open. Returns the bytes to send.
    pub(super) fn send(&mut self, now_s: f64, line: &[u8], answer: Answer) -> Vec<u8> {
        let bytes = self.ended(line);
        let expected = if let Answer::Bytes(n) = answer { n } else { LONGEST_REPLY };
        let wire_s = self.serial.wire_s(bytes.len() + expected);
        self.buffer.clear();
        self.quiet_s = None;
        if answer == Answer::Nothing {
            self.open = None;
            self.free_s = now_s + self.serial.wire_s(bytes.len()) + self.rules.after_command_s.max(self.rules.gap_s);
        } else {
            let echo = self.rules.echo.then(|| line.to_vec());
            self.open = Some(Open { deadline_s: now_s + self.timeout_s + wire_s, answer, echo });
        }
        bytes
    }

    fn ended(&self, line: &[u8]) -> Vec<u8> {
        let mut bytes = line.to_vec();
        bytes.extend_from_slice(&self.rules.send);
        bytes
    }

    /// Takes bytes as they came.
    pub(super) fn take(&mut self, now_s: f64, bytes: &[u8]) -> Turn {
        if now_s < self.deaf_until_s {
            return Turn::Open;
        }
        if self.open.is_none() {
            // Unasked: a banner, a late answer, somebody else's. Only echoes and blank lines are of no consequence.
            if self.rules.acknowledge.is_some() || bytes.iter().any(|b| !b.is_ascii_whitespace()) {
                self.crowded = true;
                self.resync(now_s);
            }
            return Turn::Open;
        }
        self.buffer.extend(bytes.iter().filter(|b| !self.rules.strip.contains(b)));
        if self.buffer.len() > LONGEST_LINE {
            self.buffer.clear();
            self.resync(now_s);
            return Turn::Open;
        }
        self.quiet_s = (self.rules.receive.is_empty() && !self.buffer.is_empty()).then_some(now_s + self.rules.quiet_s);
        if let Some(Open { answer: Answer::Bytes(n), .. }) = &self.open {
            // A raw byte looks like the first letter of an error: only the silence after it tells that it stands alone.
            let (n, alone) = (*n, *n == 1 && self.rules.quiet_s > 0.0);
            return if self.buffer.len() >= n && !alone { self.close(now_s, n, 0) } else { Turn::Open };
        }
        while let Some((at, end)) = self.line_end() {
            let line: Vec<u8> = self.buffer[..at].to_vec();
            if self.passes_over(&line) {
                self.buffer.drain(..at + end);
                continue;
            }
            return self.close(now_s, at, end);
        }
        Turn::Open
    }

    /// Where the first line ends, and how long its end is. The last byte of the terminator is enough: some devices forget the
    /// first.
    fn line_end(&self) -> Option<(usize, usize)> {
        let last = *self.rules.receive.last()?;
        let at = self.buffer.iter().position(|b| *b == last)?;
        Some((at, 1))
    }

    /// An echo or a blank line is no answer.
    fn passes_over(&mut self, line: &[u8]) -> bool {
        let text = self.text(line);
        if text.trim().is_empty() {
            return true;
        }
        let Some(open) = &mut self.open else { return true };
        let said: Option<String> = open.echo.as_ref().map(|echo| echo.iter().map(|b| *b as char).collect());
        let echoed = said.is_some_and(|said| said.trim() == text.trim());
        if echoed {
            open.echo = None;
        }
        echoed
    }

    fn text(&self, line: &[u8]) -> String {
        let prompt = &self.rules.prompt;
        let line = if prompt.is_empty() { line } else { line.strip_prefix(&prompt[..]).unwrap_or(line) };
        line.iter().map(|b| *b as char).collect()
    }

    fn close(&mut self, now_s: f64, length: usize, end: usize) -> Turn {
        let line: Vec<u8> = self.buffer[..length].to_vec();
        let text = self.text(&line);
        let rest = self.buffer.split_off(length + end);
        let raw = matches!(self.open.as_ref().map(|o| o.answer), Some(Answer::Bytes(_)));
        self.buffer.clear();
        self.open = None;
        self.quiet_s = None;
        self.free_s = now_s + self.rules.gap_s;
        if rest.iter().any(|b| !b.is_ascii_whitespace()) && rest != self.rules.prompt {
            self.crowded = true;
            self.resync(now_s);
        }
        Turn::Line(if raw { text } else { text.trim().to_owned() })
    }

    /// Looks whether the open question ran out of time, or silence ended its answer.
    pub(super) fn late(&mut self, now_s: f64) -> Turn {
        if self.quiet_s.take_if(|quiet| now_s >= *quiet).is_some() && self.open.is_some() {
            return self.close(now_s, self.buffer.len(), 0);
        }
        if self.open.take_if(|open| now_s >= open.deadline_s).is_some() {
            self.resync(now_s);
            return Turn::Silence;
        }
        Turn::Open
    }

    /// A line that came is not the answer: whoever's it was, nothing is asked until the line is quiet.
    pub(super) fn resync(&mut self, now_s: f64) {
        self.buffer.clear();
        self.quiet_s = None;
        self.deaf_until_s = now_s + self.timeout_s;
    }

    /// More came than was asked for since this was last asked.
    pub(super) fn was_crowded(&mut self) -> bool {
        std::mem::take(&mut self.crowded)
    }

    /// When the open question needs looking at.
    pub(super) fn deadline_s(&self) -> Option<f64> {
        let open = self.open.as_ref()?.deadline_s;
        Some(self.quiet_s.map_or(open, |quiet| quiet.min(open)))
    }

    /// The line is a new one: nothing that was collected belongs to it.
    pub(super) fn new_line(&mut self) {
        (self.open, self.quiet_s, self.free_s, self.deaf_until_s) = (None, None, 0.0, 0.0);
        self.buffer.clear();
    }
}
