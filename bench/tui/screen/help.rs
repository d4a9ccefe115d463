//! Every key, from the table of keys; those that would do nothing now are marked.
//!
//! ```text
//!  ┌ Keys ───────────────────────────────────────────────────────────┐
//!  │ a           end the run now, rig safe, marked aborted; asks first │
//!  │ q Ctrl-C    leave this screen; the run goes on                    │
//!  │ r           (not now) let mission time go on after a hold         │
//!  └──────────────────────────────────────────── Esc closes ──────────┘
//! ```

use crate::app::App;
use crate::keys::{Mode, TABLE};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

pub(super) fn render(app: &App, frame: &mut Frame, area: Rect) {
    let theme = app.theme();
    let text: Vec<Line> = TABLE
        .iter()
        .filter(|b| b.mode == Mode::Main)
        .map(|binding| {
            let keys: Vec<String> = binding.keys.iter().map(|k| k.name()).collect();
            let now = if (binding.valid)(app) { Span::raw("") } else { Span::styled("(not now) ", theme.dim) };
            Line::from(vec![Span::styled(format!("{:<10}", keys.join(" ")), theme.strong), now, Span::raw(binding.help)])
        })
        .collect();
    let at = super::centred(area, 78, text.len() as u16 + 2);
    let mut block = Block::bordered().border_style(theme.dim).title(Span::styled(" Keys ", theme.strong));
    block = block.title_bottom(Line::from(" Esc closes ").right_aligned());
    let inside = block.inner(at);
    frame.render_widget(Clear, at);
    frame.render_widget(block, at);
    frame.render_widget(Paragraph::new(text), Rect { x: inside.x + inside.width.min(1), width: inside.width.saturating_sub(1), ..inside });
}
