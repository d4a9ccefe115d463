//! What someone should look at, the most urgent first, until it is acknowledged; then what else happened.
//!
//! ```text
//! ─ Alarms: 1 to acknowledge ────────────────────────────── △ 37 messages missed, see samples.csv ─
//! ▲ ALARM 00:41:02 link: lost the TEC controller; its output is UNKNOWN until confirmed
//! ✓ alarm 00:12:44 heat: no heat reading for 4 ticks (acknowledged)
//! · info  00:41:02 request: resume (ada)
//! ```

use super::parts::rule;
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
    match (last_words(app), app.alarms().unacknowledged() as u16) {
        (Some((words, _)), _) => rows_of(&words, width),
        (None, 0) => 0,
        (None, _) if width < NARROW => 2,
        (None, waiting) => (waiting - 1).min(3),
    }
}

/// Rows that wrapped text needs, or one more.
fn rows_of(text: &str, width: u16) -> u16 {
    (text.chars().count().div_ceil(usize::from(width.max(1))) + 1).min(9) as u16
}

/// What there is to say once the engine no longer talks.
fn last_words(app: &App) -> Option<(String, Style)> {
    let (name, theme) = (&app.run().name, app.theme());
    match app.link() {
        Link::Live => None,
        Link::Ended { code: 0, words } => Some((format!("✓ run ended: {words}"), theme.good)),
        Link::Ended { words, .. } => Some((format!("× run ended: {words}"), theme.alarm)),
        Link::Gone(why) => Some((
            format!(
                "× engine gone: {why}. Outputs fall back when their leases run out. To see what is left: `orbitbench attach {name}`, \
                 then `orbitbench verify {name}`."
            ),
            theme.alarm,
        )),
    }
}

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let mut body = if area.height >= 2 { rule(frame, area, app.theme(), title(app), missed(app, area.width)) } else { area };
    if let Some((words, style)) = last_words(app) {
        let needed = rows_of(&words, body.width).min(body.height);
        let text = Paragraph::new(Span::styled(words, style)).wrap(Wrap { trim: true });
        frame.render_widget(text, Rect { height: needed, ..body });
        body = Rect { y: body.y + needed, height: body.height - needed, ..body };
    }
    let mut text = Paragraph::new(entries(app, body));
    if area.width < NARROW {
        text = text.wrap(Wrap { trim: true });
    }
    frame.render_widget(text, body);
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
