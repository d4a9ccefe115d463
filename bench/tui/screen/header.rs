//! Which run this is, what it is doing, how far it is and what must not be overlooked about it.
//!
//! ```text
//! ► RUNNING  mission 0:42:10 of 1:37:44  ETA 0:00:56 at speed 60             [ SIMULATED ]
//! Dawn-dusk, 650 km × The embedded twin × virtual card
//! 20260621T000000Z_dawn-dusk-650_twin_1a2b · 900 tokens/s
//! ```
//! Narrow:
//! ```text
//! ► RUNNING                [ SIMULATED ]
//! 0:42:10/1:37:44 ETA 0:00:56
//! ```

use super::parts::{clock, lines};
use super::window;
use crate::app::{App, Link};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use record::Column;
use signal::RunState;

/// From this width on the clocks stand beside the state.
const WIDE: u16 = 68;

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let run = app.run();
    let mut rest = Vec::new();
    let state = Line::from(state(app));
    let mut below = 1;
    if area.width >= WIDE {
        let [mut view, simulated] = badges(app, true);
        view.extend(simulated);
        two_ends(frame, row(area, 0), state, clocks(app, true), view);
    } else {
        let [view, simulated] = badges(app, false);
        two_ends(frame, row(area, 0), state, Vec::new(), simulated);
        two_ends(frame, row(area, 1), Line::default(), clocks(app, false), view);
        below = 2;
    }
    rest.push(Line::from(format!("{} × {} × {}", run.profile, run.rig, run.accelerator)));
    rest.push(Line::from(Span::styled(format!("{} · {}", run.name, run.workload), app.theme().dim)));
    let below = below.min(area.height);
    lines(frame, Rect { y: area.y + below, height: area.height - below, ..area }, rest);
}

/// The row `at` of `area`; empty below its end.
fn row(area: Rect, at: u16) -> Rect {
    let inside = at.min(area.height);
    Rect { y: area.y + inside, height: (area.height - inside).min(1), ..area }
}

/// Text from the left and from the right. Where they meet, `first` wins over `last`, and `last` over `then`.
fn two_ends<'a>(frame: &mut Frame, area: Rect, first: Line<'a>, then: Vec<Span<'a>>, last: Vec<Span<'a>>) {
    let last = Line::from(last);
    let room = area.width.saturating_sub(first.width() as u16);
    let right = (last.width() as u16).min(room);
    let mut left = first;
    if left.width() > 0 && !then.is_empty() {
        left.push_span("  ");
    }
    left.extend(then);
    lines(frame, Rect { width: area.width - right, ..area }, vec![left]);
    lines(frame, Rect { x: area.x + area.width - right, width: right, ..area }, vec![last]);
}

/// Glyph and word of the state, and what has been asked for since.
fn state(app: &App) -> Vec<Span<'_>> {
    let theme = app.theme();
    let (glyph, word, style) = match app.link() {
        Link::Live => theme.state(app.state()),
        Link::Gone(_) => ("×", "ENGINE GONE", theme.alarm),
        Link::Ended { code: 0, .. } => ("✓", "ENDED", theme.good),
        Link::Ended { .. } => ("×", "ENDED", theme.alarm),
    };
    let mut spans = vec![Span::styled(format!("{glyph} {word}"), style)];
    if let Link::Ended { code, .. } = app.link() {
        spans.push(Span::styled(format!(" with code {code}"), style));
    }
    if let Some(asked) = app.asked() {
        spans.push(Span::styled(format!(" ({asked} asked)"), theme.warning));
    }
    spans
}

/// What must not be overlooked: about this screen, and about the run.
fn badges(app: &App, wide: bool) -> [Vec<Span<'static>>; 2] {
    let theme = app.theme();
    let (mut view, mut run) = (Vec::new(), Vec::new());
    let mut badge = |text: String, style| view.extend([Span::raw(" "), Span::styled(text, style)]);
    if let Some(silent) = app.silent_s() {
        badge(format!("△ {} {}", if wide { "no word from the engine for" } else { "silent" }, clock(silent)), theme.warning);
    }
    if let Some(age) = app.frozen() {
        badge(format!("‖ FROZEN +{}", clock(age.as_secs_f64())), theme.warning);
    }
    if app.read_only() {
        badge("READ ONLY".to_owned(), theme.strong);
    }
    if app.run().simulated {
        run.extend([Span::raw(" "), Span::styled("[ SIMULATED ]", theme.badge)]);
    }
    [view, run]
}

/// Mission clock and when it ends.
fn clocks(app: &App, wide: bool) -> Vec<Span<'static>> {
    let (theme, run) = (app.theme(), app.run());
    let duration = window::duration_s(app);
    let mission = app.newest().and_then(|row| row.mission_s);
    let left_s = (duration - mission.unwrap_or(0.0)).max(0.0) / run.speed;
    let speed = if run.speed == 1.0 || !wide { String::new() } else { format!(" at speed {}", run.speed) };
    let ends = app.newest().and_then(|row| row.get(Column::RunEndsInS)).filter(|_| matches!(app.link(), Link::Live));
    let eta = match (app.link(), app.state()) {
        _ if ends.is_some() => String::new(),
        (Link::Live, RunState::Running) => format!("ETA {}{speed}", clock(left_s)),
        (Link::Live, RunState::Staging) => format!("takes {}{speed}", clock(left_s)),
        (Link::Live, RunState::Held | RunState::Suspended) => format!("{} left{speed}", clock(left_s)),
        (Link::Live, RunState::Stopping | RunState::Safe) | (Link::Gone(_) | Link::Ended { .. }, _) => String::new(),
    };
    let name = if wide { "mission " } else { "" };
    let Some(mission_s) = mission else {
        let text = format!("{name}of {} not begun  ", clock(duration));
        return [Span::styled(text, theme.dim), Span::raw(eta)].into_iter().chain(ends.map(|left| ending(app, left, wide))).collect();
    };
    let mut spans = vec![
        Span::styled(name, theme.dim),
        Span::styled(clock(mission_s), theme.strong),
        Span::styled(format!("{}{}  ", if wide { " of " } else { "/" }, clock(duration)), theme.dim),
        Span::raw(eta),
    ];
    spans.extend(ends.map(|left| ending(app, left, wide)));
    spans
}

/// What is wrong ends the run by itself: the countdown stands where the clock of a run that goes well is.
fn ending(app: &App, left_s: f64, wide: bool) -> Span<'static> {
    let text = if wide { format!("ends by itself in {}", clock(left_s)) } else { format!("ENDS {}", clock(left_s)) };
    Span::styled(text, app.theme().warning)
}
