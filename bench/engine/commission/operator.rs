//! An operator who reads from a file: for benches without a terminal, and for tests.

use super::conduct::{Operator, Said};
use super::question::{Question, Script};
use signal::Snapshot;

/// Answers every question from a [`Script`], and ends the procedure at the first that has none.
pub struct Scripted<'a> {
    script: &'a Script,
    tell: Box<dyn FnMut(&str) + 'a>,
    /// The question answered last, and whether it came again.
    answered: Option<String>,
}

impl<'a> Scripted<'a> {
    /// Answers from `script`; what is said goes to `tell`.
    pub fn new(script: &'a Script, tell: impl FnMut(&str) + 'a) -> Self {
        Self { script, tell: Box::new(tell), answered: None }
    }
}

impl Operator for Scripted<'_> {
    fn tell(&mut self, line: &str) {
        (self.tell)(line);
    }

    fn watch(&mut self, _: f64, _: &str, _: &str, _: &Snapshot) {}

    fn said(&mut self, open: Option<&Question>) -> Said {
        let Some(question) = open else { return Said::Nothing };
        let key = &question.key;
        let Some(answer) = self.script.answer(key).or(question.default.map(str::to_owned)) else {
            return Said::Quit(format!("the answers say nothing of `{key}` ({}): {}", question.hint(), question.text));
        };
        if let Err(why) = question.parse(&answer) {
            return Said::Quit(format!("the answer to `{key}` will not do: {why}"));
        }
        if self.answered.as_ref() == Some(key) {
            return Said::Quit(format!("the answer \"{answer}\" to `{key}` leads nowhere: {}", question.text));
        }
        (self.tell)(&format!("  {} {answer}", question.text));
        self.answered = Some(key.clone());
        Said::Line(answer)
    }
}
