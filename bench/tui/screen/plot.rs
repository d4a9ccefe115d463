//! Lines in braille dots. Each line has a pattern as well as a style, so that they are told apart without colour. Not a general
//! chart: time runs along shared columns, gaps stay gaps, and nothing is smoothed.

use super::window::Window;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// How a line is dotted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Solid,
    Dashed,
    Dotted,
    Sparse,
}

impl Pattern {
    /// A sample of the line for a legend.
    pub(super) const fn legend(self) -> &'static str {
        match self {
            Self::Solid => "━━",
            Self::Dashed => "╍╍",
            Self::Dotted => "┄┄",
            Self::Sparse => "··",
        }
    }

    const fn inks(self, column: usize) -> bool {
        match self {
            Self::Solid => true,
            Self::Dashed => column % 6 < 4,
            Self::Dotted => column.is_multiple_of(2),
            Self::Sparse => column.is_multiple_of(4),
        }
    }
}

/// A line, already sorted into dot columns: least and greatest value in each.
pub(super) struct Line {
    pattern: Pattern,
    style: Style,
    columns: Vec<Option<(f64, f64)>>,
}

impl Line {
    /// A line of `dots` columns through points in order of time. A point without a value ends the stroke.
    pub(super) fn new(
        dots: usize,
        window: &Window,
        pattern: Pattern,
        style: Style,
        points: impl Iterator<Item = (f64, Option<(f64, f64)>)>,
    ) -> Self {
        let mut columns: Vec<Option<(f64, f64)>> = vec![None; dots];
        let mut last: Option<(usize, f64)> = None;
        for (at_s, value) in points {
            let (Some(column), Some((lo, hi))) = (window.cell(at_s, dots), value) else {
                last = None;
                continue;
            };
            let middle = f64::midpoint(lo, hi);
            if let Some((from, start)) = last {
                let span = column.saturating_sub(from) as f64;
                for (steps, slot) in columns[..column].iter_mut().skip(from + 1).enumerate() {
                    let y = start + (middle - start) * (steps + 1) as f64 / span;
                    widen(slot, y, y);
                }
            }
            widen(&mut columns[column], lo, hi);
            last = Some((column, middle));
        }
        Self { pattern, style, columns }
    }

    fn range(&self) -> Option<(f64, f64)> {
        self.columns.iter().flatten().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}

fn widen(slot: &mut Option<(f64, f64)>, lo: f64, hi: f64) {
    *slot = Some(slot.map_or((lo, hi), |(a, b)| (a.min(lo), b.max(hi))));
}

/// The range that holds every line and each of `also`, at least `least` wide, its ends on round numbers; `None` without a line.
pub(super) fn range(lines: &[Line], also: &[f64], least: f64) -> Option<(f64, f64)> {
    let widest = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
    let of_lines = lines.iter().filter_map(Line::range).reduce(widest)?;
    let (lo, hi) = also.iter().filter(|v| v.is_finite()).map(|v| (*v, *v)).fold(of_lines, widest);
    let pad = ((least - (hi - lo)) / 2.0).max(0.0);
    let eighth = (hi - lo + 2.0 * pad) / 8.0;
    let decade = 10_f64.powf(eighth.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * decade).into_iter().find(|s| *s >= eighth).unwrap_or(decade);
    let (bottom, top) = (((lo - pad) / step).floor() * step, ((hi + pad) / step).ceil() * step);
    (bottom < top).then_some((bottom, top))
}

/// Dots of a braille cell, by column and row (Unicode 16, block 2800).
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Draws the lines, the last one on top.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, lines: &[Line], (bottom, top): (f64, f64)) {
    let area = area.intersection(buffer.area);
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    if width == 0 || height == 0 || bottom >= top {
        return;
    }
    let rows = height * 4;
    let row_of = |y: f64| (((top - y) / (top - bottom) * rows as f64).max(0.0) as usize).min(rows - 1);
    let mut cells: Vec<(u32, Style)> = vec![(0, Style::new()); width * height];
    for line in lines {
        let mut before: Option<(usize, usize)> = None;
        for (column, value) in line.columns.iter().enumerate().take(width * 2) {
            let Some((lo, hi)) = *value else {
                before = None;
                continue;
            };
            let (mut from, mut to) = (row_of(hi), row_of(lo));
            let here = (from, to);
            if let (Some((upper, lower)), Pattern::Solid) = (before, line.pattern) {
                // A steep line is drawn through, up to beside the dot before it.
                if lower + 1 < from {
                    from = lower + 1;
                } else if upper > to + 1 {
                    to = upper - 1;
                }
            }
            before = Some(here);
            if !line.pattern.inks(column) {
                continue;
            }
            for row in from..=to {
                let cell = &mut cells[row / 4 * width + column / 2];
                cell.0 |= DOTS[column % 2][row % 4];
                cell.1 = line.style;
            }
        }
    }
    for (at, (bits, style)) in cells.into_iter().enumerate().filter(|(_, c)| c.0 != 0) {
        let (x, y) = (area.x + (at % width) as u16, area.y + (at / width) as u16);
        if let (Some(cell), Some(dots)) = (buffer.cell_mut((x, y)), char::from_u32(0x2800 + bits)) {
            cell.set_char(dots).set_style(style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::window::Axis;
    use super::*;

    const WINDOW: Window = Window { axis: Axis::Mission, from_s: 0.0, to_s: 8.0 };

    fn line(points: &[(f64, Option<f64>)]) -> Line {
        Line::new(8, &WINDOW, Pattern::Solid, Style::new(), points.iter().map(|p| (p.0, p.1.map(|y| (y, y)))))
    }

    fn drawn(line: Line) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        let area = buffer.area;
        draw(&mut buffer, area, &[line], (0.0, 4.0));
        (0..4).map(|x| buffer[(x, 0)].symbol().to_owned()).collect()
    }

    #[test]
    fn a_line_joins_its_points_and_leaves_gaps() {
        assert_eq!(drawn(line(&[(0.0, Some(0.5)), (7.9, Some(0.5))])), "⣀⣀⣀⣀");
        assert_eq!(drawn(line(&[(0.0, Some(0.5)), (1.0, Some(0.5)), (2.0, None), (6.0, Some(3.5)), (7.0, Some(3.5))])), "⣀  ⠉");
        assert_eq!(drawn(line(&[(0.0, Some(0.5)), (1.0, Some(3.5))])), "⡸   ");
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        assert_eq!(drawn(line(&[(-5.0, Some(1.0)), (99.0, Some(1.0))])), "    ");
        assert_eq!(range(&[line(&[])], &[0.0], 1.0), None);
    }

    #[test]
    fn the_range_is_round_and_wide_enough() {
        let values = |lo, hi| [line(&[(0.0, Some(lo)), (1.0, Some(hi))])];
        assert_eq!(range(&values(31.2, 31.3), &[], 2.0), Some((30.0, 32.5)));
        assert_eq!(range(&values(19.6, 34.1), &[], 2.0), Some((18.0, 36.0)));
        assert_eq!(range(&values(22.0, 68.5), &[0.0, 72.0, f64::NAN], 1.0), Some((0.0, 80.0)));
        assert_eq!(range(&values(5e8, 5e8), &[], 0.0), None, "a range without a width cannot be drawn");
    }
}
