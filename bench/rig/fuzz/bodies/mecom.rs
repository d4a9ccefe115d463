//! No bytes panic either side of `MeCom`, and the portions they come in do not matter.

use rig::protocol::mecom::{Bulk, Decoder, Frame, Payload, Query, Request, Side};

fn frames(side: Side, bytes: &[u8], portion: usize) -> Vec<Frame> {
    let mut decoder = Decoder::new(side);
    let mut found = Vec::new();
    for part in bytes.chunks(portion) {
        decoder.push(part);
        found.extend(std::iter::from_fn(|| decoder.pop()));
    }
    found
}

/// One input, whatever it is.
pub(crate) fn check(bytes: &[u8]) {
    let requests = [
        Request::Identify { instance: None },
        Request::Read { parameter: 1000, instance: 1 },
        Request::Write { parameter: 3000, instance: 1, bits: 0x41A0_0000 },
        Request::Reset,
    ];
    let bulk = Bulk::new(&[(1000, 1), (1001, 1)]).map(Request::ReadMany);
    for side in [Side::Host, Side::Device] {
        let whole = frames(side, bytes, bytes.len().max(1));
        assert_eq!(whole, frames(side, bytes, 1));
        for frame in whole {
            let _ = Payload::parse(&frame.payload);
            if let Ok(request) = Request::parse(&frame.payload) {
                // What is understood is what would be asked in the same words, digits apart from their case.
                assert!(request.payload().eq_ignore_ascii_case(&frame.payload));
            }
            for request in requests.into_iter().chain(bulk) {
                let query = Query { address: frame.address, sequence: frame.sequence, request };
                let _ = query.answer(&frame);
                let other = Query { sequence: frame.sequence.wrapping_add(1), ..query };
                assert!(other.answer(&frame).is_err());
            }
        }
    }
}
