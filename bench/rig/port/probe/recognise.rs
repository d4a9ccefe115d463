//! Whose answer some bytes are. Pure.

use super::{Answered, Question, Tongue, dialects, identify, neslab_query, tetech_query};
use crate::dialect::Dialect;
use crate::protocol::mecom::{Answer, Decoder, Query, Side};
use crate::protocol::{modbus, neslab, tetech};

/// How fast a binary answer stands: its check sum and layout leave no doubt beside any text.
const BINARY: usize = 64;

/// The line that bytes of text are.
fn line(bytes: &[u8]) -> Option<String> {
    let text: String = bytes.iter().map(|b| *b as char).collect();
    text.split(['\r', '\n']).map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

fn mecom(query: &Query, bytes: &[u8]) -> Option<Answer> {
    let mut decoder = Decoder::new(Side::Device);
    decoder.push(bytes);
    query.answer(&decoder.pop()?).ok()
}

/// The number that a `MeCom` device answers with.
pub(super) fn mecom_number(query: &Query, bytes: &[u8]) -> Option<u32> {
    if let Some(Answer::Bits(bits)) = mecom(query, bytes) { Some(bits) } else { None }
}

/// Who answers a question like this, and what is said. Several dialects may claim the same; the most particular speaks, and the others are named.
pub(super) fn recognise(question: &Question, bytes: &[u8]) -> Option<Answered> {
    let answered = |said: String, particular| Answered {
        question: question.clone(),
        said,
        model: None,
        serial_number: None,
        others: Vec::new(),
        particular,
        known_model: false,
    };
    match question.tongue {
        Tongue::Mecom => match mecom(&identify(), bytes)? {
            Answer::Identity(text) => Some(answered(text.trim().to_owned(), BINARY)),
            _ => None,
        },
        Tongue::Neslab => match neslab_query()?.find(bytes)? {
            neslab::Answer::Version(major, minor) => Some(answered(format!("a bath, protocol version {major}.{minor}"), BINARY)),
            _ => None,
        },
        Tongue::Tetech(model) => match tetech_query(model).find(bytes)? {
            tetech::Answer::Value(number) => {
                let said = match tetech::Codes::of(model).model {
                    Some((_, known)) if known != number => return None,
                    Some(_) => format!("its model's number, {number}"),
                    None => format!("a temperature of {number} counts"),
                };
                Some(Answered { model: Some(model.name().to_owned()), ..answered(said, BINARY) })
            }
            tetech::Answer::Damaged => None,
        },
        Tongue::Modbus(address) => {
            let identity = modbus::identity::find(address, bytes)?;
            Some(Answered { model: identity.product.clone(), ..answered(identity.to_string(), BINARY) })
        }
        Tongue::Line => text(question, &line(bytes)?),
    }
}

fn text(question: &Question, said: &str) -> Option<Answered> {
    let asked = |dialect: &Dialect| dialect.identify.ask.fill(|_| None).is_some_and(|ask| question.bytes.starts_with(&ask));
    let mut fits: Vec<Dialect> =
        dialects().filter(|d| asked(d) && d.line.serial == question.serial && d.identify.find(said, None).is_some()).collect();
    // The catalogue's order among equals.
    fits.sort_by_key(|dialect| std::cmp::Reverse(dialect.identify.letters()));
    let first = fits.first()?;
    let found = first.identify.find(said, None)?;
    let named = |name: &str| found.iter().find(|(n, _)| n == name).map(|(_, word)| word.trim().to_owned()).filter(|word| !word.is_empty());
    let particular = first.identify.letters();
    Some(Answered {
        question: Question { whom: first.name.clone(), ..question.clone() },
        said: said.to_owned(),
        model: named("model"),
        serial_number: named("serial"),
        others: fits[1..].iter().filter(|d| d.identify.letters() == particular).map(|d| d.name.clone()).collect(),
        particular,
        known_model: !first.identify.models.is_empty() && first.identify.tells("model"),
    })
}

/// The most particular of all answers. What says the same to two different questions, or says a question back, understood neither.
pub(super) fn best(heard: &[(Question, Vec<u8>)]) -> Option<Answered> {
    let words = |question: &Question| line(&question.bytes).unwrap_or_default();
    let empty_talk = |at: usize| {
        let (question, bytes) = &heard[at];
        let Some(said) = line(bytes).filter(|_| question.tongue == Tongue::Line) else { return false };
        let mut others = heard.iter().filter(|(other, _)| other.tongue == Tongue::Line && words(other) != words(question));
        said == words(question) || others.any(|(_, bytes)| line(bytes).as_deref() == Some(&*said))
    };
    let all = heard.iter().enumerate().filter(|(at, _)| !empty_talk(*at)).filter_map(|(_, (question, bytes))| recognise(question, bytes));
    // The first of equals.
    all.reduce(|best, next| if next.particular > best.particular { next } else { best })
}
