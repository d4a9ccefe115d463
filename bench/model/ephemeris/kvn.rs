//! Lines of a CCSDS message in keyword = value notation (CCSDS 502.0-B-3, chapter 7).

/// One line that means something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line<'t> {
    /// `KEYWORD = value`, the unit in brackets taken off.
    Pair(&'t str, &'t str),
    /// A line without `=`: a marker such as `META_START`, or data.
    Other(&'t str),
}

/// Every line with its number, from 1, without blank lines and comments.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, Line<'_>)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim().trim_start_matches('\u{feff}');
        let comment = line == "COMMENT" || line.starts_with("COMMENT ");
        if line.is_empty() || comment {
            return None;
        }
        Some((
            index + 1,
            match line.split_once('=') {
                Some((key, value)) => Line::Pair(key.trim(), without_unit(value.trim())),
                None => Line::Other(line),
            },
        ))
    })
}

/// `51.6 [deg]` is `51.6`.
fn without_unit(value: &str) -> &str {
    match value.rsplit_once('[') {
        Some((bare, unit)) if unit.ends_with(']') && !bare.trim().is_empty() => bare.trim(),
        _ => value,
    }
}

/// A finite number.
pub(super) fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("\"{text}\" is not finite: expected a number")),
        Err(_) => Err(format!("\"{text}\" is not a number")),
    }
}
