//! Published byte vectors first: they, and not our own other half, decide what the protocol is.

use super::*;
use proptest::prelude::*;

/// Requests as published, with what they say. Sources: meerstetter-go `mecom/protocol_test.go` (captured from the vendor's
/// API), meer-tec `tests/test_mecom.py` (made with the vendor's web tool), pyMeCom.
const REQUESTS: &[(&[u8], Query)] = &[
    (b"#0015AB?VR03E801C21A\r", Query { address: 0, sequence: 0x15AB, request: Request::Read { parameter: 1000, instance: 1 } }),
    (
        b"#7BEF32VS03E8E641C8CCCDE2C1\r",
        Query { address: 0x7B, sequence: 0xEF32, request: Request::Write { parameter: 1000, instance: 0xE6, bits: 0x41C8_CCCD } },
    ),
    (b"#7B3039RSB5BB\r", Query { address: 0x7B, sequence: 12345, request: Request::Reset }),
    (
        b"#010002VS0BB80141A00000A12E\r",
        Query { address: 1, sequence: 2, request: Request::Write { parameter: 3000, instance: 1, bits: 0x41A0_0000 } },
    ),
];

fn frames(side: Side, bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = Decoder::new(side);
    decoder.push(bytes);
    std::iter::from_fn(|| decoder.pop()).collect()
}

fn only(side: Side, bytes: &[u8]) -> Frame {
    let mut all = frames(side, bytes);
    assert_eq!(all.len(), 1, "in {:?}", String::from_utf8_lossy(bytes));
    all.remove(0)
}

#[test]
fn published_requests_are_written_and_read_byte_for_byte() {
    for (bytes, query) in REQUESTS {
        assert_eq!(query.encode(), *bytes, "{query:?}");
        let frame = only(Side::Host, bytes);
        assert_eq!((frame.address, frame.sequence), (query.address, query.sequence));
        assert_eq!(Request::parse(&frame.payload), Ok(query.request));
    }
}

#[test]
fn published_replies_are_written_and_read_byte_for_byte() {
    let read = Query { address: 1, sequence: 1, request: Request::Read { parameter: 1000, instance: 1 } };
    let set = REQUESTS[3].1;
    let cases: &[(&[u8], Query, Answer, Reply)] = &[
        (b"!01000141C80000DA86\r", read, Answer::Bits(25.0_f32.to_bits()), Reply::Bits(25.0_f32.to_bits())),
        (b"!010001+0596A3\r", read, Answer::Refused(ServerError::Parameter), Reply::Refuse(ServerError::Parameter)),
        // The acknowledgement repeats the CRC of the request.
        (b"!010002A12E\r", set, Answer::Acknowledged, Reply::Acknowledge),
    ];
    for (bytes, query, answer, reply) in cases {
        assert_eq!(query.answer(&only(Side::Device, bytes)).as_ref(), Ok(answer));
        let request = only(Side::Host, &query.encode());
        assert_eq!(reply.encode(&request).as_deref(), Ok(*bytes));
    }
}

#[test]
fn a_reply_is_taken_for_no_other_request() {
    let query = REQUESTS[3].1;
    let late = Query { sequence: 1, ..query };
    let elsewhere = Query { address: 2, ..query };
    let other_value = Query { request: Request::Write { parameter: 3000, instance: 1, bits: 0 }, ..query };
    let read = Query { request: Request::Read { parameter: 3000, instance: 1 }, ..query };
    let reply = |to: &Query| only(Side::Device, &Reply::Acknowledge.encode(&only(Side::Host, &to.encode())).unwrap());
    assert_eq!(query.answer(&reply(&late)), Err(Mismatch::Sequence));
    assert_eq!(query.answer(&reply(&elsewhere)), Err(Mismatch::Address));
    assert_eq!(query.answer(&reply(&other_value)), Err(Mismatch::AcknowledgedCrc));
    assert_eq!(read.answer(&reply(&query)), Err(Mismatch::Shape));
    let value = only(Side::Device, &Reply::Bits(7).encode(&only(Side::Host, &query.encode())).unwrap());
    assert_eq!(query.answer(&value), Err(Mismatch::Shape));
}

/// Sizes as the field layout of the public catalogues gives them: 47 and 52 bytes for five values.
#[test]
fn a_bulk_read_asks_and_answers_in_order() {
    let five = Bulk::new(&[(1000, 1), (1001, 1), (1020, 1), (1021, 1), (104, 1)]).unwrap();
    let query = Query { address: 1, sequence: 9, request: Request::ReadMany(five) };
    let asked = query.encode();
    assert_eq!(asked.len(), 47);
    assert!(asked.starts_with(b"#010009?VX0503E80103E90103FC0103FD01006801"), "{:?}", String::from_utf8_lossy(&asked));
    let request = only(Side::Host, &asked);
    let replied = Reply::Many(vec![1, 2, 3, 4, 0xFFFF_FFFF]).encode(&request).unwrap();
    assert_eq!((replied.len(), query.reply_len()), (52, 52));
    assert_eq!(query.answer(&only(Side::Device, &replied)), Ok(Answer::Many(vec![1, 2, 3, 4, 0xFFFF_FFFF])));
    let four = Reply::Many(vec![1, 2, 3, 4]).encode(&request).unwrap();
    assert_eq!(query.answer(&only(Side::Device, &four)), Err(Mismatch::Shape), "another count");
    let refused = Reply::Refuse(ServerError::Command).encode(&request).unwrap();
    assert_eq!(query.answer(&only(Side::Device, &refused)), Ok(Answer::Refused(ServerError::Command)));
    for wrong in ["?VX", "?VX00", "?VX0203E801", "?VX0103E8", "?VX1103E801"] {
        assert_eq!(Request::parse(wrong), Err(RequestError::Format), "{wrong}");
    }
    assert_eq!((Bulk::new(&[]), Bulk::new(&[(1, 1); MAX_BULK + 1])), (None, None));
}

#[test]
fn a_sign_is_no_digit() {
    assert_eq!(Request::parse("?VR+3E801"), Err(RequestError::Format));
    assert_eq!(Payload::parse("+1234567"), Payload::Text("+1234567".to_owned()));
}

#[test]
fn an_endless_line_costs_only_itself() {
    let mut bytes = vec![b'!'];
    bytes.extend(std::iter::repeat_n(b'0', 10_000));
    bytes.extend(b"\r!01000141C80000DA86\r");
    assert_eq!(frames(Side::Device, &bytes).len(), 1);
}

#[test]
fn the_table_is_sorted_and_finds_what_it_holds() {
    assert!(TABLE.is_sorted_by_key(|p| p.id));
    for entry in TABLE {
        assert_eq!(parameter(entry.id), Some(entry));
    }
    assert_eq!(parameter(9999), None);
    assert_eq!(Value::from_bits(Kind::Int32, Value::Int(-5).bits()), Value::Int(-5));
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        proptest::option::of(any::<u8>()).prop_map(|instance| Request::Identify { instance }),
        (any::<u16>(), any::<u8>()).prop_map(|(parameter, instance)| Request::Read { parameter, instance }),
        (any::<u16>(), any::<u8>(), any::<u32>()).prop_map(|(parameter, instance, bits)| Request::Write { parameter, instance, bits }),
        Just(Request::Reset),
        proptest::collection::vec(any::<(u16, u8)>(), 1..=MAX_BULK).prop_map(|list| Request::ReadMany(Bulk::new(&list).unwrap())),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    (any::<u8>(), any::<u16>(), request()).prop_map(|(address, sequence, request)| Query { address, sequence, request })
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Acknowledge),
        any::<u32>().prop_map(Reply::Bits),
        proptest::collection::vec(any::<u32>(), 1..=MAX_BULK).prop_map(Reply::Many),
        any::<u8>().prop_map(|code| Reply::Refuse(ServerError::from_code(code))),
        "[A-Za-z0-9._-][A-Za-z0-9 ._-]{0,18}[A-Za-z0-9._-]".prop_map(Reply::Identity),
    ]
}

fn answers(query: &Query, reply: &Reply) -> Option<Answer> {
    match (query.request, reply) {
        (Request::Write { .. } | Request::Reset, Reply::Acknowledge) => Some(Answer::Acknowledged),
        (Request::Read { .. }, Reply::Bits(bits)) => Some(Answer::Bits(*bits)),
        (Request::Read { .. }, Reply::Many(values)) if values.len() == 1 => Some(Answer::Bits(values[0])),
        (Request::ReadMany(bulk), Reply::Bits(bits)) if bulk.entries().len() == 1 => Some(Answer::Many(vec![*bits])),
        (Request::ReadMany(bulk), Reply::Many(values)) if bulk.entries().len() == values.len() => Some(Answer::Many(values.clone())),
        (Request::Identify { .. }, Reply::Identity(text)) => Some(Answer::Identity(text.clone())),
        (Request::Identify { .. }, Reply::Bits(bits)) => Some(Answer::Identity(format!("{bits:08X}"))),
        (Request::Identify { .. }, Reply::Many(values)) => {
            let digits: Vec<String> = values.iter().map(|v| format!("{v:08X}")).collect();
            Some(Answer::Identity(digits.concat()))
        }
        (_, Reply::Refuse(error)) => Some(Answer::Refused(*error)),
        _ => None,
    }
}

proptest! {
    /// Whatever stands before and after, cut into whatever portions, one whole frame comes out as it went in.
    #[test]
    fn a_frame_survives_noise_around_it(
        query in query(),
        reply in reply(),
        before in proptest::collection::vec(any::<u8>(), 0..80),
        after in "[ -~]{0,40}",
        portion in 1_usize..40,
    ) {
        for (side, bytes) in [
            (Side::Host, query.encode()),
            (Side::Device, reply.encode(&only(Side::Host, &query.encode())).unwrap()),
        ] {
            let mut stream = before.clone();
            stream.extend(&bytes);
            stream.extend(after.bytes());
            let mut decoder = Decoder::new(side);
            let mut found = Vec::new();
            for part in stream.chunks(portion) {
                decoder.push(part);
                found.extend(std::iter::from_fn(|| decoder.pop()));
            }
            let wanted = found.iter().filter(|f| f.encode(side) == bytes).count();
            prop_assert!(wanted >= 1, "lost {:?}", String::from_utf8_lossy(&bytes));
            let frame = found.iter().find(|f| f.encode(side) == bytes).unwrap();
            match side {
                Side::Host => prop_assert_eq!(Request::parse(&frame.payload), Ok(query.request)),
                Side::Device => prop_assert_eq!(query.answer(frame).ok(), answers(&query, &reply)),
            }
        }
    }

    /// No input panics, and what was understood would be sent again as it came.
    #[test]
    fn no_bytes_panic_the_decoder(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'!'), Just(b'#'), Just(b'\r'), Just(b'0')], 0..300)) {
        for side in [Side::Host, Side::Device] {
            for frame in frames(side, &bytes) {
                let again = only(side, &frame.encode(side));
                prop_assert_eq!(&again, &frame);
                let _ = Request::parse(&frame.payload);
                let _ = Payload::parse(&frame.payload);
            }
        }
    }

    /// A reply to one request is taken for another only if both are the same request under the same number.
    #[test]
    fn no_reply_is_taken_for_anothers(ours in query(), theirs in query(), reply in reply()) {
        prop_assume!(ours != theirs);
        let frame = only(Side::Device, &reply.encode(&only(Side::Host, &theirs.encode())).unwrap());
        if ours.address != theirs.address || ours.sequence != theirs.sequence {
            prop_assert!(ours.answer(&frame).is_err());
        }
    }

    /// Damage within a frame is seen: any one character replaced, except in the CRC of an acknowledgement's echo, which is
    /// then the echo of another request.
    #[test]
    fn a_damaged_frame_is_no_answer(ours in query(), reply in reply(), at in any::<proptest::sample::Index>(), by in 1_u8..=255) {
        let mut bytes = reply.encode(&only(Side::Host, &ours.encode())).unwrap();
        let at = at.index(bytes.len());
        let was = bytes[at];
        bytes[at] ^= by;
        // The same digit in the other case says the same.
        prop_assume!(!(bytes[at].is_ascii_hexdigit() && bytes[at].eq_ignore_ascii_case(&was)));
        for frame in frames(Side::Device, &bytes) {
            prop_assert!(ours.answer(&frame).is_err(), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
