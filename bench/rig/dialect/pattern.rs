//! Two small languages of dialect files: how a line to send is made, and what is found in a line that came.
//!
//! Both are text with names in braces. In a line to send `{value}` is a number; `{value:06.2}` has a width, zeros before it and
//! decimals, `{value:hex16}` is sixteen bits of two's complement in four digits. In a line that came `{value}` is what stands
//! there up to the text that follows, `{*}` is anything, `{value:hex16}` four digits, `{value:byte}` one raw byte; a space stands
//! for one or more. Bytes are characters of the same number. Not here: regular expressions, which no dialect needed.

/// A name in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    name: String,
    spec: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Field(Field),
}

/// Splits at braces. A brace that opens no name, such as Huber's own, stands for itself.
fn pieces(text: &str) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut rest = text;
    let push = |out: &mut Vec<Piece>, text: &str| match out.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => out.push(Piece::Text(text.to_owned())),
    };
    while let Some(open) = rest.find('{') {
        push(&mut out, &rest[..open]);
        let inside = rest[open + 1..].find('}').map(|close| &rest[open + 1..open + 1 + close]);
        let field = inside.and_then(|inside| {
            let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
            let named = name == "*" || (!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            named.then(|| (Field { name: name.to_owned(), spec: spec.to_owned() }, inside.len() + 2))
        });
        if let Some((field, length)) = field {
            out.push(Piece::Field(field));
            rest = &rest[open + length..];
        } else {
            push(&mut out, "{");
            rest = &rest[open + 1..];
        }
    }
    push(&mut out, rest);
    out
}

/// A line to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub(super) Vec<Piece>);

impl Template {
    /// Reads one, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces = pieces(text);
        for piece in &pieces {
            if let Piece::Field(field) = piece {
                if field.name == "*" {
                    return Err("{*} says nothing about what to send".to_owned());
                }
                number_spec(&field.spec)?;
            }
        }
        if let Some(Piece::Text(strange)) = pieces.iter().find(|p| matches!(p, Piece::Text(t) if t.chars().any(|c| c as u32 > 0xFF))) {
            return Err(format!("\"{strange}\" holds a character of more than one byte"));
        }
        Ok(Self(pieces))
    }

    /// Names that it needs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| if let Piece::Field(field) = piece { Some(field.name.as_str()) } else { None })
    }

    /// The line with `value` of every name; `None` if one is not known or is no finite number.
    pub fn fill(&self, value: impl Fn(&str) -> Option<f64>) -> Option<Vec<u8>> {
        let mut line = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => line.push_str(text),
                Piece::Field(field) => {
                    let number = value(&field.name).filter(|n| n.is_finite())?;
                    line.push_str(&write_number(number, &field.spec)?);
                }
            }
        }
        Some(line.chars().map(|c| c as u8).collect())
    }
}

enum NumberSpec {
    Shortest,
    Fixed { zeros: bool, width: usize, decimals: usize },
    Hex16,
}

fn number_spec(spec: &str) -> Result<NumberSpec, String> {
    if spec.is_empty() {
        return Ok(NumberSpec::Shortest);
    }
    if spec == "hex16" {
        return Ok(NumberSpec::Hex16);
    }
    let wrong = || format!("\"{spec}\" is no format: expected such as .2, 06.2 or hex16");
    let (width, decimals) = spec.split_once('.').ok_or_else(wrong)?;
    let decimals = decimals.parse().map_err(|_| wrong())?;
    let zeros = width.starts_with('0');
    let width = if width.is_empty() { 0 } else { width.parse().map_err(|_| wrong())? };
    if width > 32 || decimals > 12 {
        return Err(wrong());
    }
    Ok(NumberSpec::Fixed { zeros, width, decimals })
}

fn write_number(number: f64, spec: &str) -> Option<String> {
    Some(match number_spec(spec).ok()? {
        NumberSpec::Shortest => format!("{number}"),
        NumberSpec::Fixed { zeros: true, width, decimals } => format!("{number:0width$.decimals$}"),
        NumberSpec::Fixed { zeros: false, width, decimals } => format!("{number:width$.decimals$}"),
        NumberSpec::Hex16 => {
            let whole = number.round();
            let fits = (f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&whole);
            format!("{:04X}", fits.then_some(whole as i16)?)
        }
    })
}

/// What a line that came must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub(super) Vec<Piece>);

/// What was found, by name.
pub type Found = Vec<(String, String)>;

impl Pattern {
    /// Reads one, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces = pieces(text);
        for pair in pieces.windows(2) {
            if let [Piece::Field(a), Piece::Field(b)] = pair
                && a.spec.is_empty()
            {
                return Err(format!("{{{}}} and {{{}}} touch: nothing says where the first ends", a.name, b.name));
            }
        }
        for piece in &pieces {
            if let Piece::Field(field) = piece
                && !["", "hex16", "byte"].contains(&field.spec.as_str())
            {
                return Err(format!("\"{}\" is no kind of field: expected none, hex16 or byte", field.spec));
            }
        }
        Ok(Self(pieces))
    }

    /// Names that it finds.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter_map(|piece| if let Piece::Field(field) = piece { Some(field.name.as_str()) } else { None });
        named.filter(|name| *name != "*")
    }

    /// It is a raw byte and nothing else.
    pub fn is_raw(&self) -> bool {
        matches!(&self.0[..], [Piece::Field(field)] if field.spec == "byte")
    }

    /// How many letters and digits of it stand fast: the more, the more particular.
    pub fn letters(&self) -> usize {
        let text = self.0.iter().filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None });
        text.map(|text| text.chars().filter(char::is_ascii_alphanumeric).count()).sum()
    }

    /// What the whole line says, if it looks like this.
    pub fn find(&self, line: &str) -> Option<Found> {
        let (mut found, mut rest) = (Found::new(), line);
        for (at, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Text(text) => rest = after(rest, text)?,
                Piece::Field(Field { name, spec }) => {
                    let (value, left) = match spec.as_str() {
                        "hex16" => hex16(rest)?,
                        "byte" => byte(rest)?,
                        _ => {
                            let end = self.0.get(at + 1).map_or(Some(rest.len()), |next| end_before(rest, next))?;
                            (rest[..end].trim().to_owned(), &rest[end..])
                        }
                    };
                    rest = left;
                    if name != "*" {
                        found.push((name.clone(), value));
                    }
                }
            }
        }
        rest.trim().is_empty().then_some(found)
    }
}

fn hex16(rest: &str) -> Option<(String, &str)> {
    let digits = rest.get(..4).filter(|d| d.chars().all(|c| c.is_ascii_hexdigit()))?;
    let bits = u16::from_str_radix(digits, 16).ok()?;
    Some((bits.cast_signed().to_string(), &rest[4..]))
}

fn byte(rest: &str) -> Option<(String, &str)> {
    let first = rest.chars().next().filter(|c| *c as u32 <= 0xFF)?;
    Some(((first as u32).to_string(), &rest[first.len_utf8()..]))
}

/// What follows `text` at the start of `rest`; a space in it stands for one or more.
fn after<'a>(rest: &'a str, text: &str) -> Option<&'a str> {
    let mut rest = rest;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        rest = rest.strip_prefix(word)?;
        if words.peek().is_some() {
            rest = rest.strip_prefix(' ')?.trim_start_matches(' ');
        }
    }
    Some(rest)
}

/// Where what stands before `next` ends.
fn end_before(rest: &str, next: &Piece) -> Option<usize> {
    match next {
        Piece::Text(text) => rest.char_indices().map(|(at, _)| at).find(|at| after(&rest[*at..], text).is_some()),
        // Four digits or a byte at the very end.
        Piece::Field(field) => rest.len().checked_sub(if field.spec == "hex16" { 4 } else { 1 }).filter(|at| rest.is_char_boundary(*at)),
    }
}

/// A number as devices write them. SCPI's stand-ins for infinities and for no number (from 9.9e37) are none.
pub fn number(text: &str) -> Option<f64> {
    let number: f64 = match text.trim() {
        "true" => 1.0,
        "false" => 0.0,
        text => text.parse().ok()?,
    };
    (number.abs() < 9.9e37).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(template: &str, value: f64) -> String {
        let line = Template::parse(template).unwrap().fill(|name| (name == "value").then_some(value)).unwrap();
        line.iter().map(|b| *b as char).collect()
    }

    fn found(pattern: &str, line: &str) -> Option<Vec<(String, String)>> {
        Pattern::parse(pattern).unwrap().find(line)
    }

    #[test]
    fn lines_are_made_as_the_makers_show_them() {
        assert_eq!(filled("TEC:T {value}", 25.0), "TEC:T 25");
        assert_eq!(filled("OUT_SP_00 {value:.1}", 25.0), "OUT_SP_00 25.0");
        assert_eq!(filled("OUT_SP_00_{value:06.2}", 25.0), "OUT_SP_00_025.00");
        assert_eq!(filled("OUT_SP_00_{value:06.2}", -5.0), "OUT_SP_00_-05.00");
        assert_eq!(filled("VSET1:{value:.2}", 7.5), "VSET1:7.50");
        assert_eq!(filled("{M00{value:hex16}", 2500.0), "{M0009C4", "Huber's own brace opens no name");
        assert_eq!(filled("{M00{value:hex16}", -500.0), "{M00FE0C");
    }

    #[test]
    fn what_cannot_be_sent_is_not() {
        let hex = Template::parse("{value:hex16}").unwrap();
        assert_eq!(hex.fill(|_| Some(40_000.0)), None);
        assert_eq!(hex.fill(|_| Some(f64::NAN)), None);
        assert_eq!(hex.fill(|_| None), None);
        for wrong in ["{value:x}", "{value:6}", "{*}", "{value:99.2}", "°{value}Ω"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_that_came_are_taken_apart() {
        let one = |value: &str| Some(vec![("value".to_owned(), value.to_owned())]);
        assert_eq!(found("{value}", " 25.03 "), one("25.03"));
        assert_eq!(found("S S {value} kg", "S S       0.00 kg"), one("0.00"));
        assert_eq!(found("S S {value} kg", "S D       0.00 kg"), None);
        assert_eq!(found("{S01{value:hex16}", "{S0109C4"), one("2500"));
        assert_eq!(found("{S01{value:hex16}", "{S01FE0C"), one("-500"));
        assert_eq!(found("{value:byte}", "\u{51}"), one("81"));
        assert_eq!(
            found("Arroyo {model} {serial} {*}", "Arroyo 5240 1234567 v2.34"),
            Some(vec![("model".to_owned(), "5240".to_owned()), ("serial".to_owned(), "1234567".to_owned())])
        );
        assert_eq!(found("{*},{model},{serial},{*}", "KEYSIGHT,E4360A,MY1,A.1").map(|f| f.len()), Some(2));
        assert_eq!(found("OK", "OK"), Some(vec![]));
        assert_eq!(found("OK", "NOK"), None);
    }

    #[test]
    fn patterns_that_cannot_tell_are_refused() {
        assert!(Pattern::parse("{model}{serial}").is_err());
        assert!(Pattern::parse("{value:float}").is_err());
    }

    #[test]
    fn numbers_that_are_none_are_none() {
        for none in ["", "NAN", "9.91E37", "-9.9e37", "---", "0x10"] {
            assert_eq!(number(none).filter(|n| n.is_finite()), None, "{none}");
        }
        assert_eq!((number("+1.25E+01"), number("true"), number(" 007 ")), (Some(12.5), Some(1.0), Some(7.0)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,24}", line in "\\PC{0,40}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let _ = pattern.find(&line);
            }
            if let Ok(template) = Template::parse(&text) {
                let _ = template.fill(|_| Some(1.5));
            }
            let _ = number(&line);
        }

        /// What is written with decimals is found again, to the last of them.
        #[test]
        fn a_value_sent_is_a_value_found(value in -300.0..300.0_f64) {
            let said = found("SET {value}", &filled("SET {value:07.3}", value)).unwrap();
            prop_assert!((number(&said[0].1).unwrap() - value).abs() <= 0.0005 + 1e-9);
            let said = found("{M00{value:hex16}", &filled("{M00{value:hex16}", value * 100.0)).unwrap();
            prop_assert!((number(&said[0].1).unwrap() / 100.0 - value).abs() <= 0.005 + 1e-9);
        }
    }
}
