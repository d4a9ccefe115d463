//! A workload of ours as a command: told its duty by lines, reporting by lines, so that a process of its own and a guard can hold it. See `command` for the lines.
//!
//! Not here: processes.

use crate::Workload;
use crate::command::line::read_line;
use serde::Deserialize;
use serde_json::json;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The verb that runs this, hidden from users.
pub const VERB: [&str; 2] = ["workload", "load"];

/// How often work is reported.
const REPORT: Duration = Duration::from_millis(500);

/// Longest end of the work.
const END: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Told {
    target_duty: f64,
}

/// Works as `input` says and reports to `output`, until the input ends or nobody reads the output.
pub fn serve(mut work: Box<dyn Workload>, mut input: impl BufRead + Send + 'static, output: &mut impl Write) -> io::Result<()> {
    let (tell, told) = channel();
    thread::Builder::new().name("work-told".into()).spawn(move || {
        while let Ok(Some(line)) = read_line(&mut input) {
            // What is not understood is no renewal.
            if let Ok(Told { target_duty }) = serde_json::from_str(&line)
                && tell.send(target_duty).is_err()
            {
                return;
            }
        }
    })?;
    let mut reporter = Reporter { started: Instant::now(), output: 0.0, input: 0.0, fault: None, figures: None };
    let mut due = Instant::now();
    loop {
        if Instant::now() >= due {
            reporter.report(work.as_mut(), output)?;
            due = Instant::now() + REPORT;
        }
        match told.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(duty) => work.set_duty(duty),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    work.set_duty(0.0);
    reporter.report(work.as_mut(), output)?;
    work.stop(END);
    Ok(())
}

/// What was said so far: a line tells of what is new.
struct Reporter {
    started: Instant,
    output: f64,
    input: f64,
    fault: Option<String>,
    figures: Option<String>,
}

impl Reporter {
    fn report(&mut self, work: &mut dyn Workload, out: &mut impl Write) -> io::Result<()> {
        let t = (self.started.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        let mut say = |line: serde_json::Value| writeln!(out, "{line}");
        for (phase, now, before) in [("prefill", work.input_units(), &mut self.input), ("decode", work.units(), &mut self.output)] {
            if let Some(now) = now {
                say(json!({"t": t, "units": now - *before, "unit": work.unit(), "phase": phase}))?;
                *before = now;
            }
        }
        for remark in work.remarks() {
            say(json!({"t": t, "remark": remark}))?;
        }
        let fault = work.healthy().err();
        if fault != self.fault {
            say(json!({"t": t, "fault": fault.clone().unwrap_or_default(), "over": work.is_over()}))?;
            self.fault = fault;
        }
        let figures = work.figures();
        let text = json!(figures).to_string();
        if !figures.is_empty() && self.figures.as_ref() != Some(&text) {
            say(json!({"t": t, "figures": figures}))?;
            self.figures = Some(text);
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::line::{Note, Report, Tally};
    use std::collections::BTreeMap;

    /// Does as many units in and out as it is told duty, in hundredths.
    #[derive(Default)]
    struct Echo {
        done: f64,
        well: bool,
    }

    impl Workload for Echo {
        fn set_duty(&mut self, duty: f64) {
            self.done += duty * 100.0;
            self.well = duty < 0.9;
        }
        fn units(&self) -> Option<f64> {
            Some(self.done)
        }
        fn input_units(&self) -> Option<f64> {
            Some(2.0 * self.done)
        }
        fn unit(&self) -> &'static str {
            "token"
        }
        fn describe(&self) -> String {
            "echo".into()
        }
        fn healthy(&self) -> Result<(), String> {
            if self.well { Ok(()) } else { Err("too much".into()) }
        }
        fn remarks(&mut self) -> Vec<String> {
            vec!["a \"remark\"\n".into()]
        }
        fn figures(&self) -> BTreeMap<String, f64> {
            BTreeMap::from([("requests".into(), self.done)])
        }
        fn stop(self: Box<Self>, _within: Duration) -> bool {
            true
        }
    }

    #[test]
    fn what_is_reported_reads_back_as_what_was_done() {
        let told = "{\"target_duty\":0.5}\nnonsense\n{\"target_duty\":null}\n{\"target_duty\":1}\n";
        let mut out = Vec::new();
        serve(Box::<Echo>::default(), told.as_bytes(), &mut out).expect("a buffer");
        let text = String::from_utf8(out).expect("text");
        let mut tally = Tally::default();
        let mut notes = Vec::new();
        for line in text.lines() {
            match Report::parse(line) {
                Ok(report) => tally.add(report).expect("one unit"),
                Err(why) => notes.push(Note::parse(line).unwrap_or_else(|| panic!("{why}: {line}"))),
            }
        }
        assert_eq!((tally.output(), tally.input(), tally.unit()), (Some(150.0), Some(300.0), Some("token")));
        assert!(notes.iter().any(|n| n.remark.as_deref() == Some("a \"remark\"\n")));
        assert!(notes.iter().any(|n| n.fault.as_deref() == Some("too much")));
        assert_eq!(notes.iter().filter_map(|n| n.figures.as_ref()).next_back().expect("figures")["requests"], 150.0);
    }
}
