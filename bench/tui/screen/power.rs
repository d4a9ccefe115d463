//! Board power against what the governor allows and the satellite has.
//!
//! ```text
//! ─ Power, W ───────────────────────────────────────────────────────────────────────
//!     80  ⠤⠤⠤⠤⠤⠤⠤⡄      ⡤⠤⠤⠤⠤⠤     ━━ measured          61.2
//!                  ⡇      ⡇           ╍╍ budget            64.0
//!      0           ⠣⠤⠤⠤⠤⠤⠜            ┄┄ available         72.0
//! ```

use super::parts::{chart, lines, maybe, reading, rule, split};
use super::plot::{Line as Curve, Pattern};
use super::{legend, predicted_curve, predicted_now, tracked_curve, window};
use crate::app::App;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use record::Column;

/// Charts never zoom in further than this, W.
const LEAST_W: f64 = 10.0;

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let (theme, row) = (app.theme(), app.view().row.as_deref());
    let board = app.run().board_power();
    let metered = board == Column::RigBoardW;
    if area.height < 3 {
        let name = |text: &'static str| Span::styled(text, theme.dim);
        let line = Line::from(vec![
            name("power "),
            Span::styled(reading(row, board, 1), theme.measured),
            name(" of "),
            Span::styled(reading(row, Column::PowerBudgetW, 1), theme.setpoint),
            name(" W, have "),
            Span::styled(reading(row, Column::PowerAvailableW, 1), theme.flight),
        ]);
        lines(frame, area, vec![line]);
        return;
    }
    let body = rule(frame, area, theme, vec![Span::styled("Board power, W", theme.strong)], Vec::new());
    let mut figures = vec![
        legend(Pattern::Solid, if metered { "by meter" } else { "measured" }, theme.measured, &reading(row, board, 1)),
        legend(Pattern::Dashed, "budget", theme.setpoint, &reading(row, Column::PowerBudgetW, 1)),
        legend(Pattern::Dotted, "available", theme.flight, &reading(row, Column::PowerAvailableW, 1)),
        legend(Pattern::Sparse, "predicted", theme.predicted, &maybe(predicted_now(app, board), 1)),
    ];
    if metered {
        let own =
            format!("{} ({} by meter)", reading(row, Column::AccelPowerW, 1), maybe(row.and_then(|r| r.get(Column::RigBoardGapW)), 1));
        figures.push(Line::from(Span::styled(format!("   {:<11}{own:>19}", "its own"), theme.dim)));
    }
    if let Some(at) = split(body) {
        chart(frame, app, at, &curves(app, usize::from(at.chart.width) * 2), &[0.0, app.run().full_w], LEAST_W);
        lines(frame, at.figures, figures);
    } else {
        lines(frame, body, figures);
    }
}

fn curves(app: &App, dots: usize) -> Vec<Curve> {
    let board = app.run().board_power();
    let (theme, window) = (app.theme(), window::of_charts(app));
    vec![
        predicted_curve(app, &window, dots, board),
        tracked_curve(app, &window, dots, Column::PowerAvailableW, Pattern::Dotted, theme.flight),
        tracked_curve(app, &window, dots, Column::PowerBudgetW, Pattern::Dashed, theme.setpoint),
        tracked_curve(app, &window, dots, board, Pattern::Solid, theme.measured),
    ]
}
