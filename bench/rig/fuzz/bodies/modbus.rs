//! No bytes panic either side of Modbus-RTU, and the portions they come in do not matter.

use rig::protocol::modbus::{Answer, Decoder, Heard, Query, Request, Table};

fn heard(bytes: &[u8], portion: usize) -> Vec<Heard> {
    let mut decoder = Decoder::new(0x11);
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
    for request in whole.iter().filter_map(|heard| Request::parse(&heard.pdu).ok()) {
        if let Ok(query) = Query::new(0x11, request) {
            let _ = query.find(bytes);
        }
    }
    let _ = Request::parse(bytes);
    for (table, count) in [(Table::Coils, 37), (Table::HoldingRegisters, 3), (Table::InputRegisters, 1)] {
        let query = Query::new(0x11, Request::Read { table, at: 0, count }).expect("it fits");
        match query.find(bytes) {
            Some(Answer::Bits(bits)) => assert_eq!(bits.len(), usize::from(count)),
            Some(Answer::Registers(values)) => assert_eq!(values.len(), usize::from(count)),
            _ => {}
        }
    }
}
