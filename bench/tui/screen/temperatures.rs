//! The temperature the rig is servoed to, as a chart, and what was measured, asked for, modelled and predicted, as figures.
//!
//! ```text
//! ─ Temperatures, °C ──────────────────────────────────── △ setpoint limited: rate ─
//!   40.0  ⠤⠤⠤⣀⣀                                      plate     die  supply
//!              ⠉⠉⠒⠒⠤⠤⣀⣀            ━━ measured    31.42   48.10       –
//!                       ⠉⠉⠒⠢⠤⣀⣀⣀⡠⠤⠒ ╍╍ setpoint    31.40       –       –
//!                                    ┄┄ flight      31.55   47.92   28.10
//!   20.0                             ·· predicted   31.38   48.02       –
//!                                       trips at     75.0    95.0       –
//! ```

use super::parts::{chart, lines, maybe, reading, rule, split};
use super::plot::{Line as Curve, Pattern};
use super::{predicted_curve, predicted_now, tracked_curve, window};
use crate::app::App;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use record::Column;
use record::session::BoundKind;

/// Charts never zoom in further than this, K: below it there is only noise.
const LEAST_K: f64 = 2.0;

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    if area.height < 3 {
        lines(frame, area, compact(app));
        return;
    }
    let theme = app.theme();
    let limited = app.view().row.as_ref().map(|row| row.limited).filter(|l| l.is_limited());
    let right = limited.map(|why| Span::styled(format!("△ setpoint limited: {why}"), theme.warning)).into_iter().collect();
    let body = rule(frame, area, theme, vec![Span::styled("Temperatures, °C", theme.strong)], right);
    if let Some(at) = split(body) {
        let dots = usize::from(at.chart.width) * 2;
        chart(frame, app, at, &curves(app, dots), &[], LEAST_K);
        lines(frame, at.figures, table(app));
    } else {
        lines(frame, body, table(app));
    }
}

fn curves(app: &App, dots: usize) -> Vec<Curve> {
    let (theme, window) = (app.theme(), window::of_charts(app));
    let (held, flight) = servoed(app);
    vec![
        predicted_curve(app, &window, dots, held),
        tracked_curve(app, &window, dots, flight, Pattern::Dotted, theme.flight),
        tracked_curve(app, &window, dots, Column::RigSetpointDegc, Pattern::Dashed, theme.setpoint),
        tracked_curve(app, &window, dots, held, Pattern::Solid, theme.measured),
    ]
}

/// What the rig is servoed to, on the bench and in flight.
fn servoed(app: &App) -> (Column, Column) {
    match app.run().servoed() {
        Column::RigSupplyDegc => (Column::RigSupplyDegc, Column::FlightSupplyDegc),
        _ => (Column::RigPlateDegc, Column::FlightPlateDegc),
    }
}

fn figures(pattern: Pattern, name: &str, style: Style, cells: &[String; 3]) -> Line<'static> {
    let [plate, die, supply] = cells;
    Line::from(vec![
        Span::styled(format!("{} {name:<9}", pattern.legend()), style),
        Span::styled(format!("{plate:>7}{die:>7}{supply:>7}"), style),
    ])
}

fn table(app: &App) -> Vec<Line<'static>> {
    let (theme, row) = (app.theme(), app.view().row.as_deref());
    let none = || "–".to_owned();
    let of = |column| reading(row, column, 2);
    let predicted = |column| maybe(predicted_now(app, column), 2);
    let of_supply = servoed(app).0 == Column::RigSupplyDegc;
    let held = |cell: String| if of_supply { [none(), none(), cell] } else { [cell, none(), none()] };
    // A bench whose plate is servoed has no coolant that stands for the flight model's.
    let supply = |cell: String| if of_supply { cell } else { none() };
    vec![
        Line::from(Span::styled(format!("{:12}{:>7}{:>7}{:>7}", "", "plate", "die", "supply"), theme.dim)),
        figures(
            Pattern::Solid,
            "measured",
            theme.measured,
            &[of(Column::RigPlateDegc), of(Column::AccelDieDegc), supply(of(Column::RigSupplyDegc))],
        ),
        figures(Pattern::Dashed, "setpoint", theme.setpoint, &held(of(Column::RigSetpointDegc))),
        figures(
            Pattern::Dotted,
            "flight",
            theme.flight,
            &[of(Column::FlightPlateDegc), of(Column::FlightDieDegc), of(Column::FlightSupplyDegc)],
        ),
        figures(
            Pattern::Sparse,
            "predicted",
            theme.predicted,
            &[predicted(Column::RigPlateDegc), predicted(Column::AccelDieDegc), supply(predicted(Column::RigSupplyDegc))],
        ),
        Line::from(Span::styled(
            format!(
                "   {:<9}{:>7}{:>7}{:>7}",
                "trips at",
                trip(app, Column::RigPlateDegc),
                trip(app, Column::AccelDieDegc),
                supply(trip(app, Column::RigSupplyDegc))
            ),
            theme.dim,
        )),
    ]
}

/// The temperature above which the run ends in safe.
fn trip(app: &App, column: Column) -> String {
    let bound = app.run().bounds.iter().find(|b| b.kind == BoundKind::Trip && b.column == column.name());
    maybe(bound.and_then(|b| b.max), 1)
}

/// One or two lines for small terminals.
fn compact(app: &App) -> Vec<Line<'static>> {
    let (theme, row) = (app.theme(), app.view().row.as_deref());
    let of = |column| reading(row, column, 1);
    let name = |text: &'static str| Span::styled(text, theme.dim);
    let (held, flight) = servoed(app);
    let measured = |column| Span::styled(of(column), theme.measured);
    vec![
        Line::from(vec![
            name(if held == Column::RigSupplyDegc { "supply " } else { "plate " }),
            measured(held),
            name(" set "),
            Span::styled(of(Column::RigSetpointDegc), theme.setpoint),
            name(" flight "),
            Span::styled(of(flight), theme.flight),
            name(" °C"),
        ]),
        Line::from(vec![
            name("die "),
            measured(Column::AccelDieDegc),
            name(" flight "),
            Span::styled(of(Column::FlightDieDegc), theme.flight),
            name(" °C"),
        ]),
    ]
}
