//! Small things that several panes use: a rule with a title, numbers, clocks, the split into chart and figures.

use super::plot::{self, Line as Curve};
use crate::app::App;
use crate::theme::Theme;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};
use record::{Column, Row};
use signal::Quality;

/// Columns of the labels left of a chart.
const LABELS: u16 = 8;
/// Columns of the figures right of a chart.
const FIGURES: u16 = 34;
/// A chart narrower than this says nothing.
const NARROWEST: u16 = 24;

/// Where a pane's parts go. Every pane that shares the time axis splits alike, so that the columns line up.
#[derive(Clone, Copy)]
pub(super) struct Split {
    pub(super) labels: Rect,
    pub(super) chart: Rect,
    pub(super) figures: Rect,
}

/// Chart on the left, figures on the right; `None` if there is only room for figures.
pub(super) fn split(body: Rect) -> Option<Split> {
    if body.width < LABELS + NARROWEST + 2 + FIGURES {
        return None;
    }
    let chart = body.width - LABELS - FIGURES - 2;
    let at = |x: u16, width: u16| Rect { x: body.x + x, width, ..body };
    Some(Split { labels: at(0, LABELS), chart: at(LABELS, chart), figures: at(LABELS + chart + 2, FIGURES) })
}

/// Draws a rule with a title and gives the space below it. A pane of one or two rows has no room for it.
pub(super) fn rule<'a>(frame: &mut Frame, area: Rect, theme: &Theme, title: Vec<Span<'a>>, right: Vec<Span<'a>>) -> Rect {
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title);
    spans.push(Span::raw(" "));
    let mut block = Block::new().borders(Borders::TOP).border_style(theme.dim).title_top(Line::from(spans));
    if !right.is_empty() {
        let mut spans = vec![Span::raw(" ")];
        spans.extend(right);
        spans.push(Span::raw(" "));
        block = block.title_top(Line::from(spans).right_aligned());
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// Draws lines of text from the top of `area`; what does not fit is left out.
pub(super) fn lines(frame: &mut Frame, area: Rect, lines: Vec<Line>) {
    frame.render_widget(Paragraph::new(lines), area);
}

/// Draws curves with the ends of their range beside them: at least `least` wide, and holding each of `also`.
pub(super) fn chart(frame: &mut Frame, app: &App, at: Split, curves: &[Curve], also: &[f64], least: f64) {
    let Some((bottom, top)) = plot::range(curves, also, least) else { return };
    plot::draw(frame.buffer_mut(), at.chart, curves, (bottom, top));
    let decimals = usize::from(top - bottom < 10.0);
    let mut label = |row: u16, value: f64| {
        let area = Rect { y: at.labels.y + row, height: 1, width: at.labels.width - 1, ..at.labels };
        let text = Line::from(Span::styled(format!("{value:.decimals$}"), app.theme().dim)).right_aligned();
        frame.render_widget(text, area);
    };
    label(0, top);
    let last = at.labels.height.saturating_sub(1);
    if last >= 4 {
        label(last / 2, top + (bottom - top) * f64::from(2 * (last / 2) + 1) / f64::from(2 * (last + 1)));
    }
    if last > 0 {
        label(last, bottom);
    }
}

/// The value of a column as text: a missing one is a dash, or the word for why; a suspect one has a question mark.
pub(super) fn reading(row: Option<&Row>, column: Column, decimals: usize) -> String {
    let Some(row) = row else { return "–".to_owned() };
    let quality = row.quality(column);
    match (row.get(column), quality) {
        (Some(value), Some(Quality::Suspect)) => format!("{}?", figure(value, decimals)),
        (Some(value), _) => figure(value, decimals),
        (None, Some(Quality::Stale | Quality::Gap | Quality::Suspect)) => quality.map_or("–", Quality::word).to_owned(),
        (None, _) => "–".to_owned(),
    }
}

/// A number that stays narrow, however large.
pub(super) fn figure(value: f64, decimals: usize) -> String {
    if value.abs() >= 1e6 { count(value) } else { format!("{value:.decimals$}") }
}

/// An optional number.
pub(super) fn maybe(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |v| figure(v, decimals))
}

/// A count with its magnitude: `812`, `45.1 k`, `2.05 M`.
pub(super) fn count(value: f64) -> String {
    let steps = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match steps.into_iter().find(|(size, _)| value.abs() >= *size) {
        Some((size, letter)) if value.abs() / size < 1e6 => format!("{:.2} {letter}", value / size),
        Some(_) => format!("{value:.2e}"),
        None => format!("{value:.0}"),
    }
}

/// A stretch of time as `h:mm:ss`, with days in front where there are any.
pub(super) fn clock(seconds: f64) -> String {
    if !seconds.is_finite() || seconds.abs() > 1e10 {
        return "–".to_owned();
    }
    let whole = seconds.max(0.0) as u64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    if days > 0 { format!("{days}d {hours:02}:{minutes:02}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Channel, Origin, Reading, RunState};

    #[test]
    fn numbers_and_clocks_read_as_people_write_them() {
        assert_eq!([0.0, 59.9, 3600.0, 90_061.0].map(clock), ["0:00:00", "0:00:59", "1:00:00", "1d 01:01:01"]);
        assert_eq!([f64::NAN, f64::INFINITY, -5.0].map(clock), ["–", "–", "0:00:00"]);
        assert_eq!([812.4, 45_120.0, 2_050_000.0, 1e300].map(count), ["812", "45.12 k", "2.05 M", "1.00e300"]);
        assert_eq!([None, Some(31.456), Some(7e9)].map(|v| maybe(v, 2)), ["–", "31.46", "7.00 G"]);
    }

    #[test]
    fn a_reading_says_why_it_is_missing() {
        let mut row = Row::new(0, 0, 0.0, RunState::Running);
        assert_eq!(reading(None, Column::RigPlateDegc, 2), "–");
        assert_eq!(reading(Some(&row), Column::RigPlateDegc, 2), "–");
        row.set_reading(Channel::Plate, &Reading::gap(0.0, Origin::Measured));
        assert_eq!(reading(Some(&row), Column::RigPlateDegc, 2), "gap");
        row.set_reading(Channel::Plate, &Reading { quality: Quality::Suspect, ..Reading::good(31.4, 0.0, Origin::Measured) });
        assert_eq!(reading(Some(&row), Column::RigPlateDegc, 2), "31.40?");
        row.set_reading(Channel::Plate, &Reading::good(31.4, 0.0, Origin::Measured));
        assert_eq!(reading(Some(&row), Column::RigPlateDegc, 2), "31.40");
    }
}
