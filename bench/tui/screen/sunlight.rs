//! The sunlight to come and where the run is in it, on the same time axis as the charts.
//!
//! ```text
//! ─ Sunlight ──────────────────────────────────────────────────────── orbit 1 of 1 ─
//!         ██████████████████┃█████████▓░░░░░░░░░░░░▓██████████  ○ in sun 1.00, shadow in 0:04:11
//! ```

use super::parts::{clock, lines, rule, split};
use super::window::{self, Window};
use crate::app::{App, Zoom};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use record::Column;

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let theme = app.theme();
    let mut body = area;
    if area.height >= 2 {
        let (orbit, orbits) = window::orbit(app);
        let span = match app.zoom() {
            Zoom::Quarter => "a quarter orbit around now".to_owned(),
            Zoom::Orbit => format!("orbit {} of {orbits}", orbit + 1.0),
            Zoom::Run => format!("the whole run, orbit {} of {orbits}", orbit + 1.0),
        };
        body = rule(frame, area, theme, vec![Span::styled("Sunlight", theme.strong)], vec![Span::styled(span, theme.dim)]);
    }
    let window = window::of_strip(app);
    match split(body) {
        Some(at) => {
            strip(app, frame, at.chart, &window);
            lines(frame, at.figures, vec![words(app)]);
        }
        None if body.height >= 2 => {
            strip(app, frame, Rect { height: 1, ..body }, &window);
            lines(frame, Rect { y: body.y + 1, height: body.height - 1, ..body }, vec![words(app)]);
        }
        None => {
            let text = Line::from(words(app).spans.swap_remove(0));
            let width = (text.width() as u16 + 1).min(body.width);
            strip(app, frame, Rect { width: body.width - width, ..body }, &window);
            lines(frame, Rect { x: body.x + body.width - width + 1, width: width - width.min(1), ..body }, vec![text]);
        }
    }
}

/// The strip itself, as high as `area`, and below the play-head its mark if there is room.
fn strip(app: &App, frame: &mut Frame, area: Rect, window: &Window) {
    let theme = app.theme();
    let cells = usize::from(area.width);
    let step_s = (window.to_s - window.from_s) / cells.max(1) as f64;
    let mut spans: Vec<Span> = (0..cells)
        .map(|cell| {
            let from_s = window.from_s + step_s * cell as f64;
            match mean(&app.run().sunlight, from_s, from_s + step_s) {
                None => Span::styled(" ", theme.dim),
                Some(sun) if sun > 0.98 => Span::styled("█", theme.sun),
                Some(sun) if sun < 0.02 => Span::styled("░", theme.shade),
                Some(_) => Span::styled("▒", theme.sun),
            }
        })
        .collect();
    let head = window.cell(window::mission_s(app), cells);
    if let Some(head) = head {
        spans[head] = Span::styled("┃", theme.alarm);
    }
    let strip = Line::from(spans);
    let rows = area.height.clamp(1, 2);
    let mut drawn = vec![strip; usize::from(rows)];
    if area.height >= 3 {
        drawn.push(Line::from(Span::styled(format!("{}▲ now", " ".repeat(head.unwrap_or(0))), theme.dim)));
    }
    lines(frame, area, drawn);
}

/// What the sun is doing and when that changes.
fn words(app: &App) -> Line<'static> {
    let theme = app.theme();
    let now = window::mission_s(app);
    let known = app.view().row.as_ref().and_then(|row| row.get(Column::EnvIlluminationFrac));
    let Some(sun) = known.or_else(|| at(&app.run().sunlight, now)) else {
        return Line::from(Span::styled("sunlight unknown", theme.dim));
    };
    let (glyph, word, style) = match sun {
        s if s > 0.98 => ("○", "in sun", theme.sun),
        s if s < 0.02 => ("●", "in shadow", theme.shade),
        _ => ("◐", "in penumbra", theme.sun),
    };
    let mut spans = vec![Span::styled(format!("{glyph} {word} {sun:.2}"), style)];
    if let Some((at_s, lit)) = change(&app.run().sunlight, now) {
        let next = if lit { "sun" } else { "shadow" };
        spans.push(Span::styled(format!(", {next} in {}", clock(at_s - now)), theme.dim));
    }
    Line::from(spans)
}

/// Illumination at a mission time, on the straight lines between the engine's points.
fn at(points: &[(f64, f64)], mission_s: f64) -> Option<f64> {
    let after = points.partition_point(|p| p.0 < mission_s);
    let (t1, b) = *points.get(after)?;
    if after == 0 {
        return (t1 <= mission_s).then_some(b);
    }
    let (t0, a) = points[after - 1];
    Some(if t1 > t0 { a + (b - a) * (mission_s - t0) / (t1 - t0) } else { b })
}

/// Mean illumination between two mission times; `None` where the engine told nothing.
fn mean(points: &[(f64, f64)], from_s: f64, to_s: f64) -> Option<f64> {
    let (mut area, mut before) = (0.0, (from_s, at(points, from_s)?));
    let end = (to_s, at(points, to_s).or_else(|| points.last().map(|p| p.1))?);
    let first = points.partition_point(|p| p.0 <= from_s);
    let inside = points[first..].iter().take_while(|p| p.0 < to_s).copied();
    for point in inside.chain([end]) {
        area += (point.0 - before.0) * f64::midpoint(before.1, point.1);
        before = point;
    }
    (to_s > from_s).then(|| area / (to_s - from_s))
}

/// When illumination next passes one half, and whether into light.
fn change(points: &[(f64, f64)], mission_s: f64) -> Option<(f64, bool)> {
    let first = points.partition_point(|p| p.0 <= mission_s).saturating_sub(1);
    points[first..].windows(2).find_map(|pair| {
        let ((t0, a), (t1, b)) = (pair[0], pair[1]);
        let crosses = (a < 0.5) != (b < 0.5);
        let at_s = t0 + (t1 - t0) * (0.5 - a) / (b - a);
        (crosses && at_s > mission_s).then_some((at_s, b > a))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUN: [(f64, f64); 6] = [(0.0, 1.0), (100.0, 1.0), (110.0, 0.0), (200.0, 0.0), (210.0, 1.0), (300.0, 1.0)];

    #[test]
    fn the_strip_is_the_mean_of_what_the_engine_told() {
        assert_eq!(mean(&SUN, 0.0, 50.0), Some(1.0));
        assert_eq!(mean(&SUN, 100.0, 110.0), Some(0.5));
        assert_eq!(mean(&SUN, 0.0, 300.0), Some(2.0 / 3.0));
        assert_eq!(mean(&SUN, 310.0, 320.0), None);
        assert_eq!(mean(&[], 0.0, 1.0), None);
    }

    #[test]
    fn the_next_change_is_found() {
        assert_eq!(change(&SUN, 0.0), Some((105.0, false)));
        assert_eq!(change(&SUN, 106.0), Some((205.0, true)));
        assert_eq!(change(&SUN, 250.0), None);
        assert_eq!(change(&[], 0.0), None);
    }
}
