//! Results as text for a terminal of 80 columns.

use crate::design::Scheme;
use crate::pareto::{Better, front};
use crate::results::{Results, Sensitivity};
use crate::stats::Estimate;
use record::Error;
use std::fmt::Write as _;

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Room for the name of a parameter.
const NAME: usize = 32;
/// Most rows of a front that are printed: a screen full.
const MOST_ROWS: usize = 24;

/// Base samples below which even the intervals of Sobol' indices mislead.
const FEW_SAMPLES: usize = 64;

/// Two outputs (or parameters): the more of the first the better, the less of the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The more the better.
    pub more: String,
    /// The less the better.
    pub less: String,
}

impl Trade {
    /// Work per joule against kilograms: of everything that flies if the accelerator is weighed, of all but it if not.
    pub fn usual(results: &Results) -> Result<Self, Error> {
        let weighed = results.numbers("flight_kg")?.iter().any(Option::is_some);
        Ok(Self { more: "work_units_per_j".into(), less: if weighed { "flight_kg" } else { "dry_kg" }.into() })
    }

    /// Points on the front, by rising kilograms.
    pub fn front(&self, results: &Results) -> Result<Vec<usize>, Error> {
        Ok(front((&results.numbers(&self.more)?, Better::More), (&results.numbers(&self.less)?, Better::Less)))
    }
}

/// A number in four digits.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        "0".into()
    } else if (1e-3..1e6).contains(&magnitude) {
        let decimals = (3 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    }
}

/// The same without zeros at the end: what was typed round stays round.
fn trimmed(value: f64) -> String {
    let text = short(value);
    if text.contains('.') && !text.contains('e') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `text` in `width` columns, its middle left out if need be.
fn fit(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return format!("{text:<width$}");
    }
    let (head, tail) = (width / 2, width - width / 2 - 1);
    let chars: Vec<char> = text.chars().collect();
    chars[..head].iter().chain(&['…']).chain(&chars[count - tail..]).collect()
}

/// Words broken into lines that begin `indent` columns in.
fn wrapped(words: &[String], indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for (n, word) in words.iter().enumerate() {
        let last = n + 1 == words.len();
        let word = fit(word, word.chars().count().min(WIDTH - indent - 1));
        let length = word.chars().count() + usize::from(!last);
        if column > indent {
            if column + 1 + length > WIDTH {
                let _ = write!(out, "\n{:indent$}", "");
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out += &word;
        if !last {
            out.push(',');
        }
        column += length;
    }
    out
}

/// What each of `outputs` depends on; empty for designs that do not tell.
pub fn sensitivity(results: &Results, outputs: &[String]) -> Result<String, Error> {
    let mut out = String::new();
    let names: Vec<String> = results.factors().iter().map(|v| v.name()).collect();
    let (points, done) = results.counts();
    let mut unmoved = Vec::new();
    for output in outputs {
        match results.sensitivity(output)? {
            None => return Ok(out),
            Some(Sensitivity::Unmoved) => unmoved.push(output.clone()),
            Some(Sensitivity::Sobol(indices, samples)) => {
                let of = if samples < results.design().samples { format!(" of {}", results.design().samples) } else { String::new() };
                let _ = writeln!(out, "\n{output}: Sobol' indices, {samples}{of} base samples, 95 % interval");
                let _ = writeln!(out, "  {} {:<22} with all others", fit("parameter", NAME), "alone");
                let mut order: Vec<usize> = (0..indices.len()).collect();
                order.sort_by(|a, b| indices[*b].total.value.total_cmp(&indices[*a].total.value));
                let cell = |e: Estimate| format!("{:5.2} [{:5.2}, {:5.2}]", e.value, e.low, e.high);
                for n in order {
                    let (first, total) = (cell(indices[n].first), cell(indices[n].total));
                    let _ = writeln!(out, "  {} {first:<22} {total}", fit(&names[n], NAME));
                }
            }
            Some(Sensitivity::Morris(effects)) => {
                let _ = writeln!(out, "\n{output}: Morris' effects across each range, 95 % interval");
                let _ = writeln!(out, "  {} {:<27} {:>10}", fit("parameter", NAME), "mean size (mu*)", "sigma");
                let mut order: Vec<usize> = (0..effects.len()).collect();
                let size = |n: usize| effects[n].map_or(-1.0, |e| e.mean_abs.value);
                order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
                for n in order {
                    let (mean, sigma) = effects[n].map_or(("-".into(), None), |e| {
                        let m = e.mean_abs;
                        (format!("{} [{}, {}]", short(m.value), short(m.low), short(m.high)), e.sigma)
                    });
                    let sigma = sigma.map_or("-".into(), short);
                    let _ = writeln!(out, "  {} {mean:<27} {sigma:>10}", fit(&names[n], NAME));
                }
            }
        }
    }
    if results.design().scheme == Scheme::Sobol && results.design().samples < FEW_SAMPLES {
        let _ = writeln!(out, "\nFewer than {FEW_SAMPLES} base samples: even the intervals are rough; take more.");
    }
    if !unmoved.is_empty() {
        let _ = writeln!(out, "\nNothing moves: {}", wrapped(&unmoved, 15));
    }
    if done < points {
        let _ = writeln!(out, "\nOnly {done} of {points} points are there: all of this is provisional.");
    }
    Ok(out)
}

/// Most points of a grid that are printed one by one.
const MOST_POINTS: usize = 40;

/// A small grid point by point: what varies, and as many of `outputs` as fit; empty for other designs and larger grids.
pub fn points(results: &Results, outputs: &[String]) -> Result<String, Error> {
    let factors = results.factors();
    let (count, _) = results.counts();
    if results.design().scheme != Scheme::Grid || factors.is_empty() || count > MOST_POINTS {
        return Ok(String::new());
    }
    let last = |path: &str| path.rsplit(['.', ':']).next().unwrap_or(path).to_owned();
    let mut columns: Vec<(String, Vec<String>)> = Vec::new();
    for factor in &factors {
        let cells = results.cells(&factor.name())?;
        columns.push((last(&factor.path), cells.into_iter().map(|c| c.unwrap_or("-").to_owned()).collect()));
    }
    let mut left = Vec::new();
    for output in outputs {
        let cells: Vec<String> = results.numbers(output)?.into_iter().map(|v| v.map_or_else(|| "-".to_owned(), short)).collect();
        let wide = |columns: &[(String, Vec<String>)]| columns.iter().map(|(n, c)| column_width(n, c) + 2).sum::<usize>();
        columns.push((output.clone(), cells));
        if wide(&columns) > WIDTH {
            columns.pop();
            left.push(output.clone());
        }
    }
    let widths: Vec<usize> = columns.iter().map(|(name, cells)| column_width(name, cells)).collect();
    let mut out = String::new();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, wide)| format!("  {cell:>wide$}")).collect();
        padded.concat().trim_end().to_owned()
    };
    let _ = writeln!(out, "{}", line(columns.iter().map(|c| c.0.as_str()).collect()));
    for point in 0..count {
        let _ = writeln!(out, "{}", line(columns.iter().map(|c| c.1[point].as_str()).collect()));
    }
    if !left.is_empty() {
        let _ = writeln!(out, "  no room for {}", wrapped(&left, 14));
    }
    Ok(out)
}

fn column_width(name: &str, cells: &[String]) -> usize {
    cells.iter().map(|c| c.chars().count()).chain([name.chars().count()]).max().unwrap_or(0)
}

/// The front of a trade as a table.
pub fn pareto(results: &Results, trade: &Trade) -> Result<String, Error> {
    let (more, less) = (results.numbers(&trade.more)?, results.numbers(&trade.less)?);
    let front = trade.front(results)?;
    let (points, _) = results.counts();
    let mut out = format!("Pareto front: more {}, less {}; {} of {points} points\n", trade.more, trade.less, front.len());
    if front.is_empty() {
        out += "  no point has both figures\n";
        return Ok(out);
    }
    let (a, b) = (fit(&trade.more, trade.more.chars().count().clamp(8, 18)), fit(&trade.less, trade.less.chars().count().clamp(8, 18)));
    let (wide_a, wide_b) = (a.chars().count(), b.chars().count());
    let _ = writeln!(out, "  {:>7}  {a:>wide_a$}  {b:>wide_b$}  with", "point");
    let factors = results.factors();
    let cells: Vec<(String, Vec<Option<&str>>)> =
        factors.iter().map(|v| Ok((v.name(), results.cells(&v.name())?))).collect::<Result<_, Error>>()?;
    let cell = |text: Option<&str>| match text.map(str::parse::<f64>) {
        Some(Ok(number)) => trimmed(number),
        _ => text.unwrap_or("-").to_owned(),
    };
    for &point in front.iter().take(MOST_ROWS) {
        let number = |v: Option<f64>| v.map_or("-".to_owned(), short);
        let with: Vec<String> = cells.iter().map(|(name, cells)| format!("{name} {}", cell(cells[point]))).collect();
        let lead = format!("  {point:>7}  {:>wide_a$}  {:>wide_b$}  ", number(more[point]), number(less[point]));
        let _ = writeln!(out, "{lead}{}", wrapped(&with, lead.chars().count()));
    }
    if front.len() > MOST_ROWS {
        let _ = writeln!(out, "  and {} more", front.len() - MOST_ROWS);
    }
    Ok(out)
}

/// How many points could not be flown, and why.
pub fn problems(results: &Results) -> String {
    let problems = results.problems();
    if problems.is_empty() {
        return String::new();
    }
    let all: usize = problems.iter().map(|p| p.1).sum();
    let mut out = format!("{all} points have no figures:\n");
    for (why, count) in problems.iter().take(5) {
        let words: Vec<&str> = why.split_whitespace().collect();
        let mut line = format!("  {count:>7}  ");
        for word in words {
            let (column, length) = (line.rsplit('\n').next().unwrap_or_default().chars().count(), word.chars().count());
            if column + length + 1 > WIDTH && column > 11 {
                let _ = write!(line, "\n{:11}", "");
            }
            line += word;
            line.push(' ');
        }
        let lines: Vec<&str> = line.lines().map(str::trim_end).collect();
        let _ = writeln!(out, "{}", lines.join("\n"));
    }
    if problems.len() > 5 {
        let _ = writeln!(out, "  and {} other reasons, in the column `problem`", problems.len() - 5);
    }
    out
}
