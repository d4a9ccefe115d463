//! What is left of a fit as a picture: a strip a channel, read less modelled over time, logs one after the other, as SVG. No library: a
//! few lines, circles and words.

use crate::fit::{Fit, Left};
use std::fmt::Write as _;

/// Size of the page and of a strip in it, px.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 150.0;
/// Baselines of the title and of the note under it; strips begin below both and their own title.
const TITLE: f64 = 24.0;
const NOTE: f64 = 44.0;
const TOP: f64 = 84.0;
const STRIP: f64 = 130.0;
const GAP: f64 = 34.0;
/// Points a strip shows at most, by log; of more, the smallest and largest of every pixel's share.
const MOST_POINTS: usize = 1500;
/// Colours of logs, told apart by the colour-blind too (Okabe and Ito, 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// The picture; `title` and `note` above it.
pub fn residuals(fit: &Fit, names: &[String], title: &str, note: &str) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = draw(&mut out, &fit.left, names, title, note);
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn draw(out: &mut String, channels: &[Left], names: &[String], title: &str, note: &str) -> std::fmt::Result {
    let legend = 20.0 * names.len() as f64;
    let height = TOP + (STRIP + GAP) * channels.len() as f64 + 26.0 + legend;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">"
    )?;
    writeln!(out, "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>")?;
    writeln!(out, "<text x=\"{LEFT}\" y=\"{TITLE}\" font-size=\"16\">{}</text>", escaped(title))?;
    writeln!(out, "<text x=\"{LEFT}\" y=\"{NOTE}\" fill=\"#555555\">{}</text>", escaped(note))?;
    let spans = spans(channels);
    for (n, left) in channels.iter().enumerate() {
        strip(out, left, &spans, TOP + (STRIP + GAP) * n as f64, n + 1 == channels.len())?;
    }
    let mut y = TOP + (STRIP + GAP) * channels.len() as f64 + 24.0;
    for (name, colour) in names.iter().zip(COLOURS.iter().cycle()) {
        writeln!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/>", LEFT + 5.0, y - 4.0)?;
        writeln!(out, "<text x=\"{}\" y=\"{y}\">{}</text>", LEFT + 16.0, escaped(name))?;
        y += 20.0;
    }
    writeln!(out, "</svg>")
}

/// Where each log begins on the common axis and how far it goes, s.
fn spans(left: &[Left]) -> Vec<(f64, f64, f64)> {
    let logs = left.iter().map(|l| l.series.len()).max().unwrap_or(0);
    let mut at = 0.0;
    (0..logs)
        .map(|log| {
            let times = || left.iter().filter_map(|l| l.series.get(log)).flatten().map(|p| p.0);
            let (first, last) = (times().fold(f64::INFINITY, f64::min), times().fold(f64::NEG_INFINITY, f64::max));
            let length = if first <= last { last - first } else { 0.0 };
            let span = (at, first, length);
            at += length * 1.02;
            span
        })
        .collect()
}

/// A step of 1, 2 or 5 times a power of ten, at least `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= least * (1.0 - 1e-9)).unwrap_or(least)
}

fn strip(out: &mut String, left: &Left, spans: &[(f64, f64, f64)], top: f64, last: bool) -> std::fmt::Result {
    let all = left.series.iter().flatten().map(|p| p.1.abs());
    let reach = round_step(all.fold(1e-6, f64::max));
    let total = spans.iter().map(|s| s.0 + s.2).fold(1.0, f64::max);
    let x = |t: f64| LEFT + (WIDTH - LEFT - RIGHT) * t / total;
    let y = |value: f64| top + STRIP / 2.0 - value / reach * STRIP / 2.0;
    let (x0, x1) = (x(0.0), x(total));
    let (word, unit) = (left.channel.word(), left.channel.unit());
    writeln!(out, "<g stroke=\"#bbbbbb\" fill=\"none\"><rect x=\"{x0}\" y=\"{top}\" width=\"{:.1}\" height=\"{STRIP}\"/>", x1 - x0)?;
    writeln!(out, "<path d=\"M{x0} {:.1}H{x1:.1}\" stroke=\"#888888\"/>", y(0.0))?;
    for sign in [-1.0, 1.0] {
        writeln!(out, "<path d=\"M{x0} {0:.1}H{x1:.1}\" stroke-dasharray=\"4 4\"/>", y(sign * left.rms))?;
    }
    writeln!(out, "</g>")?;
    for (value, anchor) in [(reach, 10.0), (0.0, 4.0), (-reach, 0.0)] {
        writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>", LEFT - 6.0, y(value) + anchor)?;
    }
    writeln!(out, "<text x=\"{x0}\" y=\"{:.1}\" font-weight=\"bold\">{word}, {unit}: read less modelled</text>", top - 6.0)?;
    let mut line = top + 16.0;
    for words in [format!("rms {:.3} {unit}", left.rms), format!("{} values", left.count), format!("worth {:.0}", left.effective)] {
        writeln!(out, "<text x=\"{:.1}\" y=\"{line:.1}\" fill=\"#555555\">{words}</text>", x1 + 8.0)?;
        line += 16.0;
    }
    for ((series, span), colour) in left.series.iter().zip(spans).zip(COLOURS.iter().cycle()) {
        let mut path = String::new();
        for (t, value) in thinned(series) {
            // A dot as a line of no length: a tenth of the bytes of a circle.
            write!(path, "M{:.1} {:.1}h0", x(span.0 + t - span.1), y(value))?;
        }
        writeln!(out, "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"1.6\" stroke-linecap=\"round\"/>")?;
    }
    if last {
        let hours = total > 3.0 * 3600.0;
        let (unit_s, unit) = if hours { (3600.0, "h") } else { (60.0, "min") };
        let step = round_step(total / unit_s / 8.0);
        let mut at = 0.0;
        while at * unit_s <= total {
            let here = x(at * unit_s);
            writeln!(out, "<text x=\"{here:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{at}</text>", top + STRIP + 16.0)?;
            at += step;
        }
        writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{unit}, logs end to end</text>", x1 + 8.0, top + STRIP + 16.0)?;
    }
    Ok(())
}

/// So many points that the picture looks the same: the extremes of every stretch of a longer series.
fn thinned(series: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if series.len() <= MOST_POINTS {
        return series.to_vec();
    }
    let by = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let chunk = series.len().div_ceil(MOST_POINTS / 2);
    series.chunks(chunk).flat_map(|c| [c.iter().min_by(by), c.iter().max_by(by)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Channel;

    /// Words that begin at the left edge, the page's title and its note among them, never lie on one another.
    #[test]
    fn no_line_of_words_overlaps_another() {
        let left =
            |channel| Left { channel, count: 3, rms: 0.1, effective: 2.0, series: vec![vec![(0.0, 0.1), (60.0, -0.1), (9000.0, 0.05)]] };
        let mut out = String::new();
        draw(&mut out, &[left(Channel::Plate), left(Channel::Die)], &["a log".into(), "another".into()], "title", "note")
            .expect("a string");
        let lines = || out.lines().filter(|l| l.starts_with(&format!("<text x=\"{LEFT}\"")));
        let y = |line: &str| line.split("y=\"").nth(1).and_then(|r| r.split('"').next()).and_then(|n| n.parse::<f64>().ok()).expect("a y");
        let mut at: Vec<f64> = lines().map(y).collect();
        at.sort_by(f64::total_cmp);
        assert_eq!(at.len(), 4, "title, note, and the titles of two strips: {out}");
        assert!(at.windows(2).all(|w| w[1] - w[0] >= 18.0), "{at:?}");
    }
}
