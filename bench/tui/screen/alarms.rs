//! What someone should look at, the most urgent first, until it is acknowledged; then what else happened.
//!
//! ```text
//! ─ Alarms: 1 to acknowledge ────────────────────────────── △ 37 messages missed, see samples.csv ─
//! ▲ ALARM 00:41:02 link: lost the TEC controller; its output is UNKNOWN until confirmed
//! ✓ alarm 00:12:44 heat: no heat reading for 4 ticks (acknowledged)
//! · info  00:41:02 request: resume (ada)
//! ```

use super::parts::{lines, rule};
use crate::alarms::Alarm;
use crate::app::{App, Link};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use record::Event;

/// Below this width, messages are wrapped and go without their time, kind and cause.
const NARROW: u16 = 60;

/// Rows worth having at once, beyond the rule and one line.
pub(super) fn urgent_rows(app: &App, width: u16) -> u16 {
    match (app.link(), app.alarms().unacknowledged() as u16) {
        (Link::Gone(_) | Link::Ended { .. }, _) => 4,
        (Link::Live, 0) => 0,
        (Link::Live, _) if width < NARROW => 2,
        (Link::Live, waiting) => (waiting - 1).min(3),
    }
}

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let body = if area.height >= 2 { rule(frame, area, app.theme(), title(app), missed(app, area.width)) } else { area };
    match app.link() {
        Link::Live if area.width < NARROW => {
            let shown = entries(app, body);
            frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: true }), body);
        }
        Link::Live => lines(frame, body, entries(app, body)),
        Link::Gone(why) => {
            let name = &app.run().name;
            let words = format!(
                "× engine gone: {why}. Outputs fall back when their leases run out. To see what is left: `orbitbench attach {name}`, \
                 then `orbitbench verify {name}`."
            );
            parting(app, frame, body, words, app.theme().alarm);
        }
        Link::Ended { code, words } => {
            let style = if *code == 0 { app.theme().good } else { app.theme().alarm };
            parting(app, frame, body, format!("{} run ended: {words}", if *code == 0 { "✓" } else { "×" }), style);
        }
    }
}

/// Last words, wrapped, and below them what is still listed.
fn parting(app: &App, frame: &mut Frame, area: Rect, words: String, style: Style) {
    let width = usize::from(area.width.max(1));
    let needed = (words.chars().count().div_ceil(width) as u16 + 1).min(area.height);
    frame.render_widget(Paragraph::new(Span::styled(words, style)).wrap(Wrap { trim: true }), Rect { height: needed, ..area });
    let rest = Rect { y: area.y + needed, height: area.height - needed, ..area };
    lines(frame, rest, entries(app, rest));
}

fn title(app: &App) -> Vec<Span<'static>> {
    let theme = app.theme();
    match app.alarms().unacknowledged() {
        0 => vec![Span::styled("Alarms: none to acknowledge", theme.strong)],
        n => vec![Span::styled(format!("Alarms: {n} to acknowledge"), theme.alarm)],
    }
}

fn missed(app: &App, width: u16) -> Vec<Span<'static>> {
    let theme = app.theme();
    let wide = width >= 80;
    match (app.lost(), app.note()) {
        (0, Some(note)) if wide => vec![Span::styled(format!("△ {note}"), theme.dim)],
        (0, _) => Vec::new(),
        (n, _) if wide => vec![Span::styled(format!("△ {n} messages missed here, the run folder has them"), theme.warning)],
        (n, _) => vec![Span::styled(format!("△ {n} missed"), theme.warning)],
    }
}

/// Alarms, then events, as many as fit. If alarms have to be left out, the last line says so.
fn entries(app: &App, area: Rect) -> Vec<Line<'_>> {
    let room = usize::from(area.height);
    let alarms = app.alarms().by_urgency();
    let unlisted = app.alarms().unlisted();
    let narrow = area.width < NARROW;
    let mut shown: Vec<Line> = alarms.iter().map(|a| alarm(app, a, narrow)).collect();
    if unlisted > 0 {
        shown.push(Line::from(Span::styled(format!("and {unlisted} more in events.csv"), app.theme().warning)));
    }
    if shown.len() > room {
        let left_out = shown.len() - room + 1;
        shown.truncate(room);
        if let Some(last) = shown.last_mut().filter(|_| room > 1) {
            *last = Line::from(Span::styled(format!("and {left_out} more"), app.theme().warning));
        }
        return shown;
    }
    let news = app.events().iter().rev().filter(|e| e.severity < signal::Severity::Alarm);
    shown.extend(news.take(room - shown.len()).map(|e| line(app, e, narrow)));
    shown
}

fn alarm<'a>(app: &App, alarm: &'a Alarm, narrow: bool) -> Line<'a> {
    let theme = app.theme();
    let mut line = line(app, &alarm.event, narrow);
    if alarm.times > 1 {
        line.spans.push(Span::styled(format!(" ({} times)", alarm.times), theme.strong));
    }
    if alarm.acknowledged {
        line.spans[0] = Span::styled("✓ seen    ", theme.dim);
        line.spans.push(Span::styled(" (acknowledged)", theme.dim));
    }
    line
}

fn line<'a>(app: &App, event: &'a Event, narrow: bool) -> Line<'a> {
    let (theme, (glyph, word, style)) = (app.theme(), app.theme().severity(event.severity));
    if narrow {
        return Line::from(vec![Span::styled(format!("{glyph} {word} "), style), Span::raw(event.message.as_str())]);
    }
    Line::from(vec![
        Span::styled(format!("{glyph} {word:<7} "), style),
        Span::styled(format!("{} {}: ", time(event), event.kind), theme.dim),
        Span::raw(event.message.as_str()),
        Span::styled(format!(" ({})", event.who), theme.dim),
    ])
}

/// Time of day, UTC, or the tick where there is none.
fn time(event: &Event) -> String {
    match event.utc {
        Some(utc) => utc.to_string().get(11..19).unwrap_or_default().to_owned(),
        None => format!("tick {}", event.tick),
    }
}
