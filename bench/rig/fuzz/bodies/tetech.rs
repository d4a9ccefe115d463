//! No bytes panic either side of TE Technology's frames, and the portions they come in do not matter.

use rig::protocol::tetech::{Alarm, Answer, Decoder, Heard, Model, Query};

fn heard(model: Model, bytes: &[u8], portion: usize) -> Vec<Heard> {
    let mut decoder = Decoder::new(model);
    let mut found = Vec::new();
    for part in bytes.chunks(portion) {
        decoder.push(part);
        found.extend(std::iter::from_fn(|| decoder.pop()));
    }
    found
}

/// One input, whatever it is.
pub(crate) fn check(bytes: &[u8]) {
    for model in [Model::Tc3625, Model::Tc4820, Model::Tc720] {
        assert_eq!(heard(model, bytes, bytes.len().max(1)), heard(model, bytes, 1));
        if let Some(Answer::Value(value)) = Query::read(model, 1).find(bytes) {
            drop(Alarm::of(model, value).words());
            // What was written must come back as it was.
            if let Ok(other) = Query::write(model, 0x1C, value.wrapping_add(1)) {
                assert_ne!(other.find(bytes), Some(Answer::Value(value)));
            }
        }
    }
}
