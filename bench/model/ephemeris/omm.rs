//! CCSDS orbit mean-elements messages (CCSDS 502.0-B-3, chapter 4): JSON as `CelesTrak` and Space-Track serve it, one object or a
//! list of them, or KVN. Only elements for SGP4, which have their own theory, frame and time system.

use super::Findings;
use super::elements::{ElementSet, Written};
use super::kvn::{self, Line};
use serde_json::{Map, Value};
use signal::Problems;

/// What must be in a message, in the order it is written here.
const NEEDED: &[&str] = &[
    "EPOCH",
    "MEAN_MOTION",
    "ECCENTRICITY",
    "INCLINATION",
    "RA_OF_ASC_NODE",
    "ARG_OF_PERICENTER",
    "MEAN_ANOMALY",
    "NORAD_CAT_ID",
    "BSTAR",
];
/// What the propagation does not use, and is filled in where it is left out.
const BESIDES: &[(&str, &str)] = &[
    ("EPHEMERIS_TYPE", "0"),
    ("CLASSIFICATION_TYPE", "\"U\""),
    ("ELEMENT_SET_NO", "0"),
    ("REV_AT_EPOCH", "0"),
    ("MEAN_MOTION_DOT", "0"),
    ("MEAN_MOTION_DDOT", "0"),
];
const NAMES: &[&str] = &["OBJECT_NAME", "OBJECT_ID"];
/// What would make it another kind of message, and the only value that does not.
const FIXED: &[(&str, &[&str])] =
    &[("CENTER_NAME", &["EARTH"]), ("REF_FRAME", &["TEME"]), ("TIME_SYSTEM", &["UTC"]), ("MEAN_ELEMENT_THEORY", &["SGP4", "SGP/SGP4"])];

/// Reads every message of a file; every problem at once.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<ElementSet>, Problems> {
    let mut findings = Findings::new(file);
    let mut sets = Vec::new();
    if text.trim_start().starts_with('<') {
        findings.at(1, "this is XML: expected an OMM as JSON or in keyword = value notation (KVN)");
    } else if text.trim_start().trim_start_matches('\u{feff}').starts_with(['{', '[']) {
        json(text, &mut sets, &mut findings);
    } else {
        notation(text, &mut sets, &mut findings);
    }
    if sets.is_empty() && findings.is_empty() {
        findings.at(1, "no message: expected mean elements");
    }
    findings.finish(sets)
}

fn json(text: &str, sets: &mut Vec<ElementSet>, findings: &mut Findings) {
    let values = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(Value::Array(values)) => values,
        Ok(value) => vec![value],
        Err(why) => {
            findings.at_column(why.line().max(1), why.column().max(1), format!("not valid JSON: {why}"));
            return;
        }
    };
    // serde_json forgets lines. The n-th message's keys are the n-th of their kind in the text.
    for (index, value) in values.into_iter().enumerate() {
        let place = |key: &str| line_of(text, key, index);
        match value {
            Value::Object(fields) => message(&fields, place, sets, findings),
            _ => findings.at(1, "expected an object of JSON, or a list of them"),
        }
    }
}

/// Line of the `index`-th place where `key` is written.
fn line_of(text: &str, key: &str, index: usize) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    text.match_indices(&quoted).nth(index).map(|(at, _)| text[..at].matches('\n').count() + 1)
}

fn notation(text: &str, sets: &mut Vec<ElementSet>, findings: &mut Findings) {
    let mut fields = Map::new();
    let mut lines = Vec::new();
    for (at, line) in kvn::lines(text) {
        let Line::Pair(key, value) = line else {
            findings.at(at, "expected KEYWORD = value");
            continue;
        };
        let known = NEEDED.iter().chain(NAMES).any(|k| *k == key) || BESIDES.iter().any(|(k, _)| *k == key);
        let fixed = FIXED.iter().any(|(k, _)| *k == key);
        let head = ["CCSDS_OMM_VERS", "CREATION_DATE", "ORIGINATOR", "CLASSIFICATION", "MESSAGE_ID"].contains(&key);
        if !(known || fixed || head) {
            findings.at(at, format!("{key} is not read here: is this a message for SGP4?"));
        } else if !head && fields.insert(key.to_owned(), value.into()).is_some() {
            findings.at(at, format!("{key} is given twice: expected one satellite in a message"));
        }
        lines.push((key, at));
    }
    if fields.is_empty() {
        findings.at(1, "no message: expected CCSDS_OMM_VERS = ... or JSON");
        return;
    }
    let place = |key: &str| lines.iter().find(|(k, _)| *k == key).map(|(_, at)| *at);
    message(&fields, place, sets, findings);
}

fn message(fields: &Map<String, Value>, place: impl Fn(&str) -> Option<usize>, sets: &mut Vec<ElementSet>, findings: &mut Findings) {
    let begin = NAMES.iter().chain(NEEDED).filter_map(|key| place(key)).min().unwrap_or(1);
    let before = findings.count();
    for (key, allowed) in FIXED {
        if let Some(value) = fields.get(*key)
            && !value.as_str().is_some_and(|v| allowed.iter().any(|a| a.eq_ignore_ascii_case(v)))
        {
            findings.at(place(key).unwrap_or(begin), format!("{key} is {value}: expected {}, as elements for SGP4 have", allowed[0]));
        }
    }
    for key in NEEDED {
        match fields.get(*key) {
            None => findings.at(begin, format!("missing {key} in this message")),
            Some(value) if *key != "EPOCH" => {
                let number = value.as_f64().or_else(|| value.as_str().and_then(|s| s.trim().parse().ok()));
                if number.is_none_or(|n| !n.is_finite()) {
                    findings.at(place(key).unwrap_or(begin), format!("{key} is {value}: expected a number"));
                }
            }
            Some(_) => {}
        }
    }
    if findings.count() > before {
        return;
    }
    let mut kept = Map::new();
    for key in NAMES.iter().chain(NEEDED).chain(BESIDES.iter().map(|(key, _)| key)) {
        if let Some(value) = fields.get(*key) {
            kept.insert((*key).to_owned(), value.clone());
        }
    }
    for (key, value) in BESIDES {
        if !kept.contains_key(*key) {
            kept.insert((*key).to_owned(), serde_json::from_str(value).expect("a literal"));
        }
    }
    // A trailing Z says what the format means anyway.
    if let Some(Value::String(epoch)) = kept.get_mut("EPOCH") {
        *epoch = epoch.trim_end_matches('Z').to_owned();
    }
    let value = Value::Object(kept);
    let written = serde_json::to_string_pretty(&value).unwrap_or_default();
    match serde_json::from_value::<sgp4::Elements>(value) {
        Ok(elements) => match ElementSet::new(elements.object_name.clone(), begin, Written::Json(written), elements) {
            Ok(set) => sets.push(set),
            Err(wrong) => wrong.into_iter().for_each(|why| findings.at(begin, why)),
        },
        Err(why) => findings.at(place("EPOCH").unwrap_or(begin), format!("not elements for SGP4: {why}")),
    }
}
