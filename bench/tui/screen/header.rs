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
use signal::RunState;

/// From this width on the clocks stand beside the state.
const WIDE: u16 = 68;

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let wide = area.width >= WIDE;
    let badges = Line::from(badges(app, wide));
    let badges_width = (badges.width() as u16).min(area.width);
    let top = Rect { height: area.height.min(1), ..area };
    let left = Rect { width: area.width - badges_width, ..top };
    let mut first = state(app);
    if wide {
        first.push(Span::raw("  "));
        first.extend(clocks(app, true));
    }
    lines(frame, left, vec![Line::from(first)]);
    lines(frame, Rect { x: left.x + left.width, width: badges_width, ..top }, vec![badges]);

    let run = app.run();
    let mut rest = Vec::new();
    if !wide {
        rest.push(Line::from(clocks(app, false)));
    }
    rest.push(Line::from(format!("{} × {} × {}", run.profile, run.rig, run.accelerator)));
    rest.push(Line::from(Span::styled(format!("{} · {}", run.name, run.workload), app.theme().dim)));
    let below = Rect { y: area.y + top.height, height: area.height - top.height, ..area };
    lines(frame, below, rest);
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

/// What must not be overlooked.
fn badges(app: &App, wide: bool) -> Vec<Span<'static>> {
    let theme = app.theme();
    let mut spans = Vec::new();
    let mut badge = |text: String, style| spans.extend([Span::raw(" "), Span::styled(text, style)]);
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
        badge("[ SIMULATED ]".to_owned(), theme.badge);
    }
    spans
}

/// Mission clock and when it ends.
fn clocks(app: &App, wide: bool) -> Vec<Span<'static>> {
    let (theme, run) = (app.theme(), app.run());
    let duration = window::duration_s(app);
    let mission = app.newest().and_then(|row| row.mission_s);
    let left_s = (duration - mission.unwrap_or(0.0)).max(0.0) / run.speed;
    let speed = if run.speed == 1.0 || !wide { String::new() } else { format!(" at speed {}", run.speed) };
    let eta = match (app.link(), app.state()) {
        (Link::Live, RunState::Running) => format!("ETA {}{speed}", clock(left_s)),
        (Link::Live, RunState::Staging) => format!("then {}{speed}", clock(left_s)),
        (Link::Live, RunState::Held | RunState::Suspended) => format!("{} left{speed}", clock(left_s)),
        (Link::Live, RunState::Stopping | RunState::Safe) | (Link::Gone(_) | Link::Ended { .. }, _) => String::new(),
    };
    let (before, of) = if wide { ("mission ", " of ") } else { ("", "/") };
    vec![
        Span::styled(before, theme.dim),
        Span::styled(mission.map_or_else(|| "not begun".to_owned(), clock), theme.strong),
        Span::styled(format!("{of}{}  ", clock(duration)), theme.dim),
        Span::raw(eta),
    ]
}
