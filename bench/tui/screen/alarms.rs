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

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let body = if area.height >= 2 { rule(frame, area, app.theme(), title(app), missed(app, area.width)) } else { area };
    match app.link() {
        Link::Live => lines(frame, body, entries(app, usize::from(body.height))),
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
    lines(frame, rest, entries(app, usize::from(rest.height)));
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
fn entries(app: &App, room: usize) -> Vec<Line<'_>> {
    let alarms = app.alarms().by_urgency();
    let unlisted = app.alarms().unlisted();
    let mut shown: Vec<Line> = alarms.iter().map(|a| alarm(app, a)).collect();
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
    shown.extend(news.take(room - shown.len()).map(|e| line(app, e)));
    shown
}

fn alarm<'a>(app: &App, alarm: &'a Alarm) -> Line<'a> {
    let mut line = line(app, &alarm.event);
    if alarm.times > 1 {
        line.spans.push(Span::styled(format!(" ({} times)", alarm.times), app.theme().strong));
    }
    if alarm.acknowledged {
        line.spans[0] = Span::styled(format!("✓ seen    {} ", time(&alarm.event)), app.theme().dim);
        line.spans.push(Span::styled(" (acknowledged)", app.theme().dim));
    }
    line
}

fn line<'a>(app: &App, event: &'a Event) -> Line<'a> {
    let (glyph, word, style) = app.theme().severity(event.severity);
    Line::from(vec![
        Span::styled(format!("{glyph} {word:<7} {} ", time(event)), style),
        Span::styled(format!("{}: ", event.kind), app.theme().dim),
        Span::raw(event.message.as_str()),
        Span::styled(format!(" ({})", event.who), app.theme().dim),
    ])
}

/// Time of day, UTC, or the tick where there is none.
fn time(event: &Event) -> String {
    match event.utc {
        Some(utc) => utc.to_string().get(11..19).unwrap_or_default().to_owned(),
        None => format!("tick {}", event.tick),
    }
}
