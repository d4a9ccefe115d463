//! A figure as text, 80 columns wide: braille dots, two by four to a character.

use crate::verbs::plot::axis;
use crate::verbs::plot::figure::{Figure, Mark, Panel, Series, number};
use std::fmt::Write as _;

/// Characters of the plotting area, and of the labels to its left.
const WIDE: usize = 70;
const LEFT: usize = 9;
/// Most lines of a chart: two from tick to tick.
const HIGH: usize = 13;

/// Dots of the plotting area; row 0 is the top.
struct Canvas {
    dots: [[bool; 2 * WIDE]; 4 * HIGH],
    lines: usize,
}

impl Canvas {
    fn new(lines: usize) -> Self {
        Self { dots: [[false; 2 * WIDE]; 4 * HIGH], lines: lines.min(HIGH) }
    }

    /// The column between `low` and `high` (fractions of the height from the bottom), every `stride`th dot.
    fn column(&mut self, x: usize, low: f64, high: f64, stride: usize) {
        // Zero and one are in the middle of the last and the first line, where their labels are.
        let row = |f: f64| (1.5 + (1.0 - f.clamp(0.0, 1.0)) * (4 * (self.lines - 1)) as f64).round() as usize;
        for y in (row(high)..=row(low)).step_by(stride) {
            self.dots[y][x] = true;
        }
    }

    fn line(&self, index: usize) -> String {
        // Unicode braille: dots 1 to 8, column by column but for the last row.
        const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let text: String = (0..WIDE)
            .map(|x| {
                let bits = (0..4).flat_map(|y| [0, 1].map(|side| (y, side))).filter(|(y, side)| self.dots[4 * index + y][2 * x + side]);
                let code = bits.map(|(y, side)| BITS[y][side]).sum::<u32>();
                if code == 0 { ' ' } else { char::from_u32(0x2800 + code).unwrap_or(' ') }
            })
            .collect();
        text.trim_end().to_owned()
    }
}

/// The figure as lines, none longer than 80 characters.
pub(super) fn draw(figure: &Figure) -> String {
    let mut text = format!("{}\n{}\n", figure.title, figure.subtitle);
    let mut line = String::new();
    for (name, value) in &figure.facts {
        let fact = format!("{name} {value}");
        if !line.is_empty() && line.chars().count() + fact.chars().count() + 3 > LEFT + WIDE {
            let _ = writeln!(text, "{line}");
            line.clear();
        }
        line += if line.is_empty() { "" } else { " · " };
        line += &fact;
    }
    let _ = writeln!(text, "{line}");
    for panel in &figure.panels {
        chart(&mut text, figure, panel);
    }
    let _ = writeln!(text, "{}", months(figure).trim_end());
    if !figure.seasons.is_empty() {
        let marks: String = (0..WIDE)
            .map(|x| {
                let (from, to) = (figure.days * x as f64 / WIDE as f64, figure.days * (x + 1) as f64 / WIDE as f64);
                if figure.seasons.iter().any(|s| s.0 < to && s.1 > from) { '▀' } else { ' ' }
            })
            .collect();
        let _ = writeln!(text, "{:LEFT$} {}\n{:LEFT$} ▀ {}", "", marks.trim_end(), "", figure.shaded);
    }
    text
}

fn chart(text: &mut String, figure: &Figure, panel: &Panel) {
    let (low, high) = panel.extent();
    let (ticks, decimals) = axis::round(low, high, 3.0, panel.unit == "deg");
    let (bottom, top) = (ticks[0], ticks[ticks.len() - 1]);
    let height = |value: f64| (value - bottom) / (top - bottom);
    let names: Vec<&str> = panel.series.iter().map(|s| s.name.as_str()).collect();
    let _ = writeln!(text, "\n{:>LEFT$} {} ({})", panel.unit, panel.title, names.join(", "));
    let lines = if ticks.len() <= 4 { 2 * ticks.len() - 1 } else { ticks.len().min(HIGH) };
    let mut canvas = Canvas::new(lines);
    for rule in panel.rules_within(bottom, top) {
        for x in (0..2 * WIDE).step_by(4) {
            canvas.column(x, height(rule.at), height(rule.at), 1);
        }
    }
    for series in &panel.series {
        trace(&mut canvas, figure, series, height);
    }
    let label_row = |value: f64| ((1.0 - height(value)) * (lines - 1) as f64).round() as usize;
    for index in 0..lines {
        let label = ticks.iter().find(|t| label_row(**t) == index).map_or_else(String::new, |t| number(*t, decimals));
        let rim = if label.is_empty() { '│' } else { '┤' };
        let _ = writeln!(text, "{label:>LEFT$}{rim}{}", canvas.line(index));
    }
    for rule in panel.rules_within(bottom, top) {
        let _ = writeln!(text, "{:>LEFT$} dotted: {}", "", rule.label);
    }
}

/// The series into the canvas: a point of time may be several dots wide, and a dot several points.
fn trace(canvas: &mut Canvas, figure: &Figure, series: &Series, height: impl Fn(f64) -> f64) {
    let points: Vec<_> = series.points.iter().filter(|p| p.mean.is_finite()).collect();
    if points.is_empty() {
        return;
    }
    let mut last: Option<f64> = None;
    for x in 0..2 * WIDE {
        let (from, to) = (figure.days * x as f64 / (2 * WIDE) as f64, figure.days * (x + 1) as f64 / (2 * WIDE) as f64);
        let here: Vec<_> = points.iter().filter(|p| (from..to).contains(&p.day)).collect();
        let nearest = || points.iter().min_by(|a, b| (a.day - from).abs().total_cmp(&(b.day - from).abs())).map_or(f64::NAN, |p| p.mean);
        let (least, mean, most) = if here.is_empty() {
            let value = nearest();
            (value, value, value)
        } else {
            let of = |f: fn(f64, f64) -> f64, start, value: fn(&super::figure::Point) -> f64| here.iter().map(|p| value(p)).fold(start, f);
            let mean = here.iter().map(|p| p.mean).sum::<f64>() / here.len() as f64;
            (of(f64::min, f64::INFINITY, |p| p.least), mean, of(f64::max, f64::NEG_INFINITY, |p| p.most))
        };
        match series.mark {
            Mark::Area if most > 0.0 => canvas.column(x, 0.0, height(most), 1),
            Mark::Area => {}
            Mark::Band => {
                // Joined to the last dot, so that a steep line stays one.
                let (a, b) = (height(mean), last.unwrap_or(height(mean)));
                canvas.column(x, a.min(b), a.max(b), 1);
                if x % 2 == 0 {
                    canvas.column(x, height(least), height(most), 3);
                }
                last = Some(a);
            }
        }
    }
}

/// The dates under the charts: as many as fit.
fn months(figure: &Figure) -> String {
    let mut line = vec![' '; LEFT + 1 + WIDE];
    let mut free = 0;
    for tick in axis::calendar(figure.from, figure.days) {
        let column = LEFT + 1 + (tick.day / figure.days * WIDE as f64).round() as usize;
        if column >= free && column + tick.label.chars().count() <= line.len() {
            for (cell, c) in line[column..].iter_mut().zip(tick.label.chars()) {
                *cell = c;
            }
            free = column + tick.label.chars().count() + 1;
        }
    }
    line.into_iter().collect()
}
