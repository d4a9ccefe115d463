//! The one question before a request that ends the run: what it will do, and that nothing is the default.
//!
//! ```text
//!  ┌ Abort this run? ────────────────────────────────────────┐
//!  │ The mission ends here. The workload stops, the rig is    │
//!  │ made safe, the folder is closed and marked aborted.      │
//!  │                                                          │
//!  │ y  yes, abort          n, Esc, Enter  no, go on (default)│
//!  └──────────────────────────────────────────────────────────┘
//! ```

use crate::app::App;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};
use signal::Request;

/// What a request will do, in the words of the question.
const fn consequence(request: Request) -> &'static str {
    match request {
        Request::Stop => "The mission ends here. The workload stops, the rig is made safe, the folder is sealed. It counts as a success.",
        Request::Abort => "The mission ends here. The workload stops, the rig is made safe, the folder is sealed and marked aborted.",
        Request::Halt => {
            "Every channel takes its declared safe action at once: workload killed, thermal output off, pumps and fans on. \
             The run is over."
        }
        Request::Hold => "Mission time freezes until it is resumed.",
        Request::Resume => "Mission time goes on.",
        Request::Ack => "Every listed alarm counts as seen.",
    }
}

pub(super) fn render(app: &App, request: Request, frame: &mut Frame, area: Rect) {
    let theme = app.theme();
    let word = request.word();
    let title = format!(" {}{} this run? ", word[..1].to_uppercase(), &word[1..]);
    let keys = Line::from(vec![
        Span::styled("y", theme.alarm),
        Span::raw(format!(" yes, {word}   ")),
        Span::styled("n Esc Enter", theme.strong),
        Span::raw(" no (default)"),
    ]);
    // Where the box would leave no room for its text, the question and its keys are all there is.
    if area.height < 7 || area.width < 30 {
        frame.render_widget(Clear, area);
        let short = vec![Line::from(Span::styled(title.trim().to_owned(), theme.alarm)), keys, Line::from(consequence(request))];
        frame.render_widget(Paragraph::new(short).wrap(Wrap { trim: true }), area);
        return;
    }
    let text = vec![Line::from(consequence(request)), Line::default(), keys];
    let width = area.width.min(64);
    let needed = consequence(request).chars().count().div_ceil(usize::from(width - 4)) as u16 + 6;
    let at = super::centred(area, width, needed);
    let block = Block::bordered().border_style(theme.warning).title(Span::styled(title, theme.alarm));
    let inside = block.inner(at);
    frame.render_widget(Clear, at);
    frame.render_widget(block, at);
    let inside = Rect { x: inside.x + 1, width: inside.width - 2, ..inside };
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), inside);
}
