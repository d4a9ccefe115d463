//! The keys that do something now. If they do not fit, the least needed are left out; help has them all.
//!
//! ```text
//! a abort  h halt  s stop  k acknowledge  q leave  ? help  p hold  f freeze  + nearer  - wider
//! ```

use super::parts;
use crate::app::App;
use crate::keys;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// The keys as lines of at most `width` columns.
fn wrapped(app: &App, width: u16) -> Vec<Line<'static>> {
    let theme = app.theme();
    let mut lines: Vec<Line> = vec![Line::default()];
    for binding in keys::valid(app) {
        let Some(key) = binding.keys.first() else { continue };
        let item = [Span::styled(key.name(), theme.strong), Span::raw(" "), Span::styled(binding.label, theme.dim)];
        let needed: usize = item.iter().map(Span::width).sum();
        let used = lines.last().map_or(0, Line::width);
        if used > 0 && used + 2 + needed > usize::from(width) {
            lines.push(Line::default());
        }
        if let Some(line) = lines.last_mut() {
            if !line.spans.is_empty() {
                line.spans.push(Span::raw("  "));
            }
            line.spans.extend(item);
        }
    }
    lines
}

/// Rows that all valid keys need.
pub(super) fn rows(app: &App, width: u16) -> u16 {
    wrapped(app, width).len() as u16
}

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    parts::lines(frame, area, wrapped(app, area.width));
}
