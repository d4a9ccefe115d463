//! A figure as one SVG file that needs nothing else: no script, no font, no style sheet. Text is text.

use crate::verbs::plot::axis::{self, Tick};
use crate::verbs::plot::figure::{Figure, Mark, Panel, Point, Series, number};
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 28.0;
/// Above the first panel.
const HEAD: f64 = 128.0;
/// Of one panel: its title, its plotting area, and the gap to the next.
const TITLE: f64 = 26.0;
const PLOT: f64 = 132.0;
const GAP: f64 = 22.0;
/// Under the last panel.
const FOOT: f64 = 58.0;

/// Colours that stay apart in print and for the colour-blind: Okabe & Ito 2008, darkened where they must carry text.
const COLOURS: [&str; 5] = ["#0072b2", "#4a4f6a", "#d55e00", "#009e73", "#9a4d86"];

const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#1f2430}\
.h{font-size:21px;font-weight:650}.s{font-size:13px;fill:#5b6275}.k{font-size:11px;fill:#5b6275}.v{font-size:14px;font-weight:600}\
.t{font-size:13px;font-weight:600}.a{font-size:11px;fill:#5b6275}.e{text-anchor:end}.m{text-anchor:middle}\
.g{stroke:#e4e7ee;stroke-width:1}.x{stroke:#8a91a3;stroke-width:1}.r{stroke:#8a2b2b;stroke-width:1;stroke-dasharray:5 4}\
.rl{font-size:11px;fill:#8a2b2b;paint-order:stroke;stroke:#fff;stroke-width:3px}.season{fill:#eceef6}.tip{fill:#1f2430;fill-opacity:0}.tip:hover{fill-opacity:.14}";

/// The figure as an SVG document.
pub(super) fn draw(figure: &Figure) -> String {
    let panel_height = TITLE + PLOT + GAP;
    let height = HEAD + panel_height * figure.panels.len() as f64 + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n",
        escape(&figure.title)
    );
    put(&mut svg, "h", LEFT, 38.0, &figure.title);
    put(&mut svg, "s", LEFT, 59.0, &figure.subtitle);
    facts(&mut svg, figure);
    let ticks = axis::calendar(figure.from, figure.days);
    for (index, panel) in figure.panels.iter().enumerate() {
        let top = HEAD + panel_height * index as f64 + TITLE;
        draw_panel(&mut svg, figure, panel, &ticks, top, index == 0);
    }
    let bottom = HEAD + panel_height * figure.panels.len() as f64 - GAP;
    dates(&mut svg, figure, &ticks, bottom);
    tips(&mut svg, figure, bottom);
    svg += "</svg>\n";
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(svg: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text));
}

fn across(figure: &Figure, day: f64) -> f64 {
    LEFT + (day / figure.days).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn facts(svg: &mut String, figure: &Figure) {
    let mut x = LEFT;
    for (name, value) in &figure.facts {
        put(svg, "k", x, 86.0, name);
        put(svg, "v", x, 104.0, value);
        // Digits and small letters of these sizes are at most this wide.
        x += (value.chars().count() as f64 * 8.6).max(name.chars().count() as f64 * 6.6) + 26.0;
    }
}

fn draw_panel(svg: &mut String, figure: &Figure, panel: &Panel, dates: &[Tick], top: f64, first: bool) {
    let (low, high) = panel.extent();
    let (ticks, decimals) = axis::round(low, high, 4.0, panel.unit == "deg");
    let (least, most) = (ticks[0], ticks[ticks.len() - 1]);
    let up = |value: f64| top + PLOT * (1.0 - (value - least) / (most - least));
    let (right, bottom) = (WIDTH - RIGHT, top + PLOT);
    put(svg, "t", LEFT, top - 9.0, &format!("{}, {}", panel.title, panel.unit));
    legend(svg, panel, (first && !figure.seasons.is_empty()).then_some(figure.shaded), top - 9.0);
    for (from, to) in &figure.seasons {
        let (from, to) = (across(figure, *from), across(figure, *to));
        // A single short eclipse is seen too.
        let wide = (to - from).max(1.0);
        let _ = writeln!(svg, "<rect class=\"season\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{PLOT}\"/>");
    }
    for tick in &ticks {
        let y = up(*tick);
        let _ = writeln!(svg, "<line class=\"g\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        put(svg, "a e", LEFT - 8.0, y + 4.0, &number(*tick, decimals));
    }
    for date in dates {
        let x = across(figure, date.day);
        let _ = writeln!(svg, "<line class=\"g\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>");
    }
    for series in &panel.series {
        draw_series(svg, figure, series, &up, up(0.0_f64.clamp(least, most)));
    }
    for rule in panel.rules_within(least, most) {
        let y = up(rule.at);
        let _ = writeln!(svg, "<line class=\"r\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        // Above the line, but inside the chart.
        let label = if y - 5.0 < top + 10.0 { y + 13.0 } else { y - 5.0 };
        put(svg, "rl e", right - 4.0, label, &rule.label);
    }
    let _ = writeln!(svg, "<line class=\"x\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>");
    let _ = writeln!(svg, "<line class=\"x\" x1=\"{LEFT}\" x2=\"{LEFT}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>");
}

/// To the right of the title: what each colour is.
fn legend(svg: &mut String, panel: &Panel, shaded: Option<&str>, y: f64) {
    let mut entries: Vec<(String, String)> = panel.series.iter().map(|series| (swatch(series, y), words(series))).collect();
    entries.extend(shaded.map(|name| (format!("<rect y=\"{:.1}\" width=\"20\" height=\"11\" fill=\"#dfe2ee\"", y - 9.5), name.to_owned())));
    // A small letter of this size is on average this wide.
    let width = |words: &str| words.chars().count() as f64 * 6.3 + 26.0;
    let mut x = WIDTH - RIGHT - entries.iter().map(|(_, words)| width(words)).sum::<f64>() - 16.0 * (entries.len() as f64 - 1.0);
    for (shape, words) in entries {
        let _ = writeln!(svg, "<g transform=\"translate({x:.1} 0)\">{shape}/></g>");
        put(svg, "a", x + 26.0, y, &words);
        x += width(&words) + 16.0;
    }
}

fn words(series: &Series) -> String {
    if has_band(series) { format!("{}: mean, least to most", series.name) } else { series.name.clone() }
}

fn has_band(series: &Series) -> bool {
    series.mark == Mark::Band && series.points.iter().any(|p| p.most - p.least > 1e-9)
}

/// The sample of a series in a legend, its last element left open.
fn swatch(series: &Series, y: f64) -> String {
    let colour = COLOURS[series.colour % COLOURS.len()];
    let line = format!("<line x2=\"20\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"{colour}\" stroke-width=\"2\"", y - 4.0);
    if has_band(series) || series.mark == Mark::Area {
        format!("<rect y=\"{:.1}\" width=\"20\" height=\"11\" fill=\"{colour}\" fill-opacity=\"0.25\"/>{line}", y - 9.5)
    } else {
        line
    }
}

fn draw_series(svg: &mut String, figure: &Figure, series: &Series, up: &dyn Fn(f64) -> f64, floor: f64) {
    let colour = COLOURS[series.colour % COLOURS.len()];
    // What does not exist for a while interrupts the line.
    for run in series.points.split(|p| !p.mean.is_finite()).filter(|run| !run.is_empty()) {
        let path = |value: &dyn Fn(&Point) -> f64| {
            run.iter().fold(String::new(), |mut path, p| {
                let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, across(figure, p.day), up(value(p)));
                path
            })
        };
        let mean = path(&|p| p.mean);
        let (first, last) = (across(figure, run[0].day), across(figure, run[run.len() - 1].day));
        match series.mark {
            Mark::Area => {
                let _ = writeln!(
                    svg,
                    "<path d=\"{mean}L{last:.1} {floor:.1}L{first:.1} {floor:.1}Z\" fill=\"{colour}\" fill-opacity=\"0.25\"/>"
                );
            }
            Mark::Band if has_band(series) => {
                let back = run.iter().rev().fold(String::new(), |mut path, p| {
                    let _ = write!(path, "L{:.1} {:.1}", across(figure, p.day), up(p.least));
                    path
                });
                let _ = writeln!(svg, "<path d=\"{}{back}Z\" fill=\"{colour}\" fill-opacity=\"0.18\"/>", path(&|p| p.most));
            }
            Mark::Band => {}
        }
        let _ = writeln!(svg, "<path d=\"{mean}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"/>");
    }
}

/// Labels of the axis of time, and which year it is.
fn dates(svg: &mut String, figure: &Figure, ticks: &[Tick], bottom: f64) {
    let right = WIDTH - RIGHT;
    for (index, tick) in ticks.iter().enumerate() {
        let x = across(figure, tick.day);
        let _ = writeln!(svg, "<line class=\"x\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>", bottom + 5.0);
        // In the middle of its month, if there is room; a name at the very edge would hang over it.
        let end = ticks.get(index + 1).map_or(right, |next| across(figure, next.day)).min(right);
        if end - x >= 24.0 {
            put(svg, "a m", f64::midpoint(x, end), bottom + 18.0, &tick.label);
        }
    }
    let to = figure.from.checked_add(jiff::SignedDuration::from_secs_f64(figure.days * 86_400.0)).unwrap_or(figure.from);
    let [from, to] = [figure.from, to].map(|t| t.strftime("%-d %B %Y, %H:%M UTC").to_string());
    put(svg, "a", LEFT, bottom + 40.0, &from);
    put(svg, "a e", right, bottom + 40.0, &to);
}

/// What a pointer that rests on a day is told.
fn tips(svg: &mut String, figure: &Figure, bottom: f64) {
    let top = HEAD + TITLE;
    for (index, (day, text)) in figure.tips.iter().enumerate() {
        let end = figure.tips.get(index + 1).map_or(figure.days, |next| next.0);
        let (from, to) = (across(figure, *day), across(figure, end));
        let _ = writeln!(
            svg,
            "<rect class=\"tip\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
            to - from,
            bottom - top,
            escape(text)
        );
    }
}
