//! The work done: how fast, how much, and per joule of board energy.
//!
//! ```text
//! ─ Work, tokens ───────────────────────────────────────────────────────────────────
//!    900  ⠤⠤⠤⠤⠤⠤⠤⡄      ⡤⠤⠤⠤⠤⠤     ━━ per second        812
//!                  ⡇      ⡇           total              2.05 M
//!      0           ⠣⠤⠤⠤⠤⠤⠜            per joule  13.27, mean 13.4
//! ```
//! Work that is out of memory says so at the right end of the rule: `‖ away, memory dropped: 3072.0 MiB saved`.

use super::parts::{chart, count, figure, lines, maybe, reading, rule, split};
use super::plot::{Line as Curve, Pattern};
use super::{legend, predicted_curve, predicted_now, tracked_curve, window};
use crate::app::App;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use record::{Column, Row};
use signal::Place;

/// Charts never zoom in further than this, units/s.
const LEAST: f64 = 1.0;

/// Units per joule over the newest tick.
fn per_joule(row: &Row, board: Column) -> Option<f64> {
    let (rate, power) = (row.get(Column::WorkUnitsPerS)?, row.get(board)?);
    (power > 0.0).then(|| rate / power)
}

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let (theme, view) = (app.theme(), app.view());
    let row = view.row.as_deref();
    let rate = reading(row, Column::WorkUnitsPerS, 1);
    let total = row.and_then(|r| r.get(Column::WorkUnits)).map_or_else(|| "–".to_owned(), count);
    let now = maybe(row.filter(|_| app.work_per_joule()).and_then(|r| per_joule(r, app.run().board_power())), 2);
    let unit = &app.run().unit;
    let park = park(row);
    if area.height < 3 {
        let line = Line::from(vec![
            Span::styled(
                park.as_ref().filter(|p| p.1).map_or_else(|| "work ".to_owned(), |(words, _)| format!("work {words} ")),
                theme.dim,
            ),
            Span::styled(rate, theme.measured),
            Span::styled(format!("/s {now}/J, {total} {unit}"), theme.dim),
        ]);
        lines(frame, area, vec![line]);
        return;
    }
    let right = park.map(|(words, gone)| Span::styled(words, if gone { theme.warning } else { theme.dim })).into_iter().collect();
    let body = rule(frame, area, theme, vec![Span::styled(format!("Work, {unit}"), theme.strong)], right);
    let mean = maybe(view.tally.units_per_joule().filter(|_| app.work_per_joule()), 2);
    let figures = vec![
        legend(Pattern::Solid, "per second", theme.measured, &rate),
        Line::from(vec![Span::raw(format!("   {:<11}", "total")), Span::styled(format!("{total:>19}"), theme.measured)]),
        Line::from(vec![
            Span::raw(format!("   {:<11}", "per joule")),
            Span::styled(format!("{:>19}", format!("{now} (mean {mean})")), theme.measured),
        ]),
        legend(Pattern::Sparse, "predicted", theme.predicted, &maybe(predicted_now(app, Column::WorkUnitsPerS), 1)),
    ];
    if let Some(at) = split(body) {
        chart(frame, app, at, &curves(app, usize::from(at.chart.width) * 2), &[0.0], LEAST);
        lines(frame, at.figures, figures);
    } else {
        lines(frame, body, figures);
    }
}

/// Where the work is, if it is put away in eclipses, and whether it is out of memory.
fn park(row: Option<&Row>) -> Option<(String, bool)> {
    let row = row?;
    let place = Place::of_number(row.get(Column::WorkParkState)?)?;
    let saved = row.get(Column::WorkCheckpointMib).map_or(String::new(), |mib| format!("{} MiB saved", figure(mib, 1)));
    let lost =
        row.get(Column::WorkLostUnits).filter(|lost| *lost > 0.0).map_or(String::new(), |lost| format!("{} lost so far", count(lost)));
    let rest: Vec<String> = [saved, lost].into_iter().filter(|s| !s.is_empty()).collect();
    let rest = rest.join(", ");
    Some(match place.words() {
        Some(words) if rest.is_empty() => (format!("‖ {words}"), true),
        Some(words) => (format!("‖ {words}: {rest}"), true),
        None => (rest, false),
    })
    .filter(|(words, _)| !words.is_empty())
}

fn curves(app: &App, dots: usize) -> Vec<Curve> {
    let (theme, window) = (app.theme(), window::of_charts(app));
    vec![
        predicted_curve(app, &window, dots, Column::WorkUnitsPerS),
        tracked_curve(app, &window, dots, Column::WorkUnitsPerS, Pattern::Solid, theme.measured),
    ]
}
