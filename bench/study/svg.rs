//! The trade as a picture: every point, and the front drawn through. Plain SVG, one file, no fonts or scripts from elsewhere.

use crate::render::{Trade, short};
use crate::results::Results;
use record::Error;
use std::fmt::Write as _;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 70.0;

/// A scale from numbers to picture.
struct Axis {
    from: f64,
    to: f64,
    step: f64,
    at: (f64, f64),
}

impl Axis {
    /// Round numbers around `values`, five or so, between two places of the picture.
    fn new(values: impl Iterator<Item = f64>, at: (f64, f64)) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let span = if high > low { high - low } else { low.abs().max(1.0) * 0.1 };
        let rough = span / 5.0;
        let power = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough * 0.999).unwrap_or(10.0 * power);
        let middle = f64::midpoint(low, high);
        let (low, high) = (low.min(middle - span / 2.0), high.max(middle + span / 2.0));
        Self { from: (low / step).floor() * step, to: (high / step).ceil() * step, step, at }
    }

    fn place(&self, value: f64) -> f64 {
        self.at.0 + (value - self.from) / (self.to - self.from) * (self.at.1 - self.at.0)
    }

    fn ticks(&self) -> impl Iterator<Item = (f64, String)> + '_ {
        let count = ((self.to - self.from) / self.step).round() as usize;
        let decimals = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize
            + usize::from((self.step / 10.0_f64.powf(self.step.log10().floor()) - 2.5).abs() < 1e-9);
        (0..=count).map(move |n| {
            let value = self.from + n as f64 * self.step;
            let text = if (1e-4..1e6).contains(&self.step) { format!("{value:.decimals$}") } else { short(value) };
            (self.place(value), text)
        })
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The picture of `trade`; `title` stands above it.
pub fn scatter(results: &Results, trade: &Trade, title: &str) -> Result<String, Error> {
    let (more, less) = (results.numbers(&trade.more)?, results.numbers(&trade.less)?);
    let points: Vec<(f64, f64)> = less.iter().zip(&more).filter_map(|(x, y)| Some(((*x)?, (*y)?))).collect();
    let front: Vec<(usize, f64, f64)> = trade.front(results)?.into_iter().filter_map(|n| Some((n, less[n]?, more[n]?))).collect();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"16\" fill=\"#222\">{}</text>\n",
        escaped(title)
    );
    let none = points.is_empty();
    let note = if none {
        "no point has both figures".to_owned()
    } else {
        format!("{} points, {} on the front; all simulated", points.len(), front.len())
    };
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"47\" fill=\"#666\">{note}</text>");
    if !none {
        let x = Axis::new(points.iter().map(|p| p.0), (LEFT, WIDTH - RIGHT));
        let y = Axis::new(points.iter().map(|p| p.1), (HEIGHT - BOTTOM, TOP));
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (at, text) in x.ticks() {
            let _ = writeln!(out, "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#e4e4e4\"/>");
            let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\">{text}</text>", bottom + 20.0);
        }
        for (at, text) in y.ticks() {
            let _ = writeln!(out, "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#e4e4e4\"/>");
            let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#444\">{text}</text>", LEFT - 8.0, at + 4.0);
        }
        for (px, py) in &points {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#7a8ca3\" fill-opacity=\"0.55\"/>",
                x.place(*px),
                y.place(*py)
            );
        }
        // What the front promises holds to the right of each point until the next one: a staircase.
        let mut path = String::new();
        for (n, (_, px, py)) in front.iter().enumerate() {
            let (px, py) = (x.place(*px), y.place(*py));
            let _ = if n == 0 { write!(path, "M{px:.1} {py:.1}") } else { write!(path, "H{px:.1}V{py:.1}") };
        }
        let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"#c2410c\" stroke-width=\"1.5\"/>");
        for (n, px, py) in &front {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\" fill=\"#c2410c\"><title>point {n}: {} {}, {} {}</title></circle>",
                x.place(*px),
                y.place(*py),
                escaped(&trade.more),
                short(*py),
                escaped(&trade.less),
                short(*px)
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#222\">{} (less is better)</text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 20.0,
            escaped(&trade.less)
        );
        let middle = f64::midpoint(TOP, bottom);
        let _ = writeln!(
            out,
            "<text x=\"22\" y=\"{middle:.1}\" text-anchor=\"middle\" fill=\"#222\" transform=\"rotate(-90 22 {middle:.1})\">{} (more is better)</text>",
            escaped(&trade.more)
        );
    }
    out += "</svg>\n";
    Ok(out)
}
