//! The screen: which panes there are, which get room first, and the overlays. Each pane is a file with one `render`; none of them
//! changes the [`App`].
//!
//! ```text
//! header        state, clocks, run
//! sunlight      strip over the orbit      what the sun does
//! temperatures  chart                     figures
//! power         chart                     figures
//! work          chart                     figures
//! alarms        what to look at
//! footer        keys
//! ```

mod alarms;
mod footer;
mod header;
mod help;
mod parts;
mod plot;
mod power;
mod question;
mod sunlight;
mod temperatures;
mod window;
mod work;

use crate::app::App;
use crate::history::TRACKED;
use plot::{Line as Curve, Pattern};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use record::Column;
use window::{Axis, Window};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pane {
    Header,
    Sunlight,
    Temperatures,
    Power,
    Work,
    Alarms,
    Footer,
}

/// From top to bottom.
const PANES: [Pane; 7] = [Pane::Header, Pane::Sunlight, Pane::Temperatures, Pane::Power, Pane::Work, Pane::Alarms, Pane::Footer];

/// Who gets rows first. A grant that does not fit is passed over; what is left after all goes by [`GROWTH`].
const GRANTS: [(Pane, u16); 16] = [
    (Pane::Header, 1),
    (Pane::Footer, 1),
    (Pane::Alarms, 1),
    (Pane::Header, 1),
    (Pane::Alarms, 1),
    (Pane::Temperatures, 2),
    (Pane::Power, 1),
    (Pane::Work, 1),
    (Pane::Sunlight, 1),
    (Pane::Alarms, 1),
    (Pane::Sunlight, 1),
    (Pane::Header, 1),
    (Pane::Temperatures, 4),
    (Pane::Power, 3),
    (Pane::Work, 3),
    (Pane::Temperatures, 1),
];

/// Who gets the rows that are left, round by round, and where each stops.
const GROWTH: [(Pane, u16); 8] = [
    (Pane::Temperatures, u16::MAX),
    (Pane::Power, 5),
    (Pane::Work, 5),
    (Pane::Temperatures, u16::MAX),
    (Pane::Power, u16::MAX),
    (Pane::Alarms, 10),
    (Pane::Sunlight, 4),
    (Pane::Work, 12),
];

/// Rows of each pane in a screen of `height`, in the order of [`PANES`]. They add up to at most `height`.
fn rows(height: u16, footer: u16, urgent: u16) -> [u16; PANES.len()] {
    let (mut rows, mut left) = ([0; PANES.len()], height);
    let mut grant = |pane: Pane, wanted: u16, most: u16| {
        let at = pane as usize;
        if wanted > left || rows[at] + wanted > most {
            return false;
        }
        rows[at] += wanted;
        left -= wanted;
        true
    };
    for (at, (pane, wanted)) in GRANTS.into_iter().enumerate() {
        grant(pane, wanted, u16::MAX);
        if at == 4 {
            // What must be read needs room: it comes before everything but state, clocks and keys.
            (0..urgent).for_each(|_| {
                grant(Pane::Alarms, 1, 6);
            });
        }
        if at == 9 {
            (1..footer).for_each(|_| {
                grant(Pane::Footer, 1, 3);
            });
        }
    }
    while GROWTH.into_iter().any(|(pane, most)| grant(pane, 1, most)) {
        GROWTH.into_iter().skip(1).for_each(|(pane, most)| {
            grant(pane, 1, most);
        });
    }
    rows
}

/// Draws everything.
pub fn render(app: &App, frame: &mut Frame) {
    let area = frame.area();
    let rows = rows(area.height, footer::rows(app, area.width), alarms::urgent_rows(app, area.width));
    let mut y = area.y;
    for (pane, height) in PANES.into_iter().zip(rows) {
        let area = Rect { y, height, ..area };
        y += height;
        if area.is_empty() {
            continue;
        }
        match pane {
            Pane::Header => header::render(app, frame, area),
            Pane::Sunlight => sunlight::render(app, frame, area),
            Pane::Temperatures => temperatures::render(app, frame, area),
            Pane::Power => power::render(app, frame, area),
            Pane::Work => work::render(app, frame, area),
            Pane::Alarms => alarms::render(app, frame, area),
            Pane::Footer => footer::render(app, frame, area),
        }
    }
    if app.helping() {
        help::render(app, frame, area);
    }
    if let Some(request) = app.question() {
        question::render(app, request, frame, area);
    }
}

/// A box of at most `width` x `height` in the middle of `area`.
fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// A tracked column of the run as a curve.
fn tracked_curve(app: &App, window: &Window, dots: usize, column: Column, pattern: Pattern, style: Style) -> Curve {
    let index = TRACKED.iter().position(|c| *c == column);
    let points = app.view().history.iter().filter_map(|sample| {
        let value = index.and_then(|i| sample.at(i)).map(|span| (f64::from(span.lo), f64::from(span.hi)));
        window.place(sample).map(|at_s| (at_s, value))
    });
    Curve::new(dots, window, pattern, style, points)
}

/// A predicted column as a curve; nothing while staging, which no prediction is keyed to.
fn predicted_curve(app: &App, window: &Window, dots: usize, column: Column) -> Curve {
    let prediction = app.prediction().filter(|_| window.axis == Axis::Mission);
    let points = prediction.into_iter().flat_map(|p| p.curve(column)).map(|(at_s, value)| {
        let value = value.map(f64::from);
        (at_s, value.map(|v| (v, v)))
    });
    Curve::new(dots, window, Pattern::Sparse, app.theme().predicted, points)
}

/// What was predicted for the moment shown.
fn predicted_now(app: &App, column: Column) -> Option<f64> {
    let mission_s = app.view().row.as_ref()?.mission_s?;
    app.prediction()?.at(column, mission_s)
}

/// A line of a legend with its figure.
fn legend(pattern: Pattern, name: &str, style: Style, value: &str) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{} {name:<11}", pattern.legend()), style), Span::styled(format!("{value:>19}"), style)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(rows: [u16; PANES.len()], pane: Pane) -> u16 {
        rows[pane as usize]
    }

    proptest! {
        #[test]
        fn panes_fit_the_screen(height in 0..200_u16, footer in 0..9_u16, urgent in 0..5_u16) {
            let rows = rows(height, footer, urgent);
            prop_assert!(rows.iter().sum::<u16>() <= height);
            if height >= 3 {
                prop_assert!([Pane::Header, Pane::Alarms, Pane::Footer].iter().all(|p| of(rows, *p) > 0));
            }
            if height >= 24 {
                prop_assert!(rows.iter().all(|r| *r > 0));
                prop_assert_eq!(rows.iter().sum::<u16>(), height);
            }
        }
    }

    #[test]
    fn panes_are_numbered_from_top_to_bottom() {
        for (at, pane) in PANES.into_iter().enumerate() {
            assert_eq!(pane as usize, at);
        }
    }
}
