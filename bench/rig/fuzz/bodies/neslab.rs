//! No bytes panic either side of NC, and the portions they come in do not matter.

use rig::protocol::neslab::{Answer, Decoder, Heard, Quantity, Query, Request, Switches};

fn heard(bytes: &[u8], portion: usize) -> Vec<Heard> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for part in bytes.chunks(portion) {
        decoder.push(part);
        found.extend(std::iter::from_fn(|| decoder.pop()));
    }
    found
}

/// One input, whatever it is.
pub(crate) fn check(bytes: &[u8]) {
    let whole = heard(bytes, bytes.len().max(1));
    assert_eq!(whole, heard(bytes, 1));
    for heard in &whole {
        if let Heard::Sound(packet) = heard {
            let _ = Request::parse(packet);
        }
    }
    let reads = Quantity::ALL.iter().map(|quantity| Request::Read(*quantity));
    for request in reads.chain([Request::Acknowledge, Request::Status, Request::Switch(Switches::default())]) {
        match Query::new(1, request).expect("it can be asked").find(bytes) {
            Some(Answer::Value(value)) => assert!(value.value().is_finite()),
            Some(Answer::Status(status)) => drop(status.faults()),
            _ => {}
        }
    }
}
