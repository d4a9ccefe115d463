//! Published frames first: the specification's own examples in the RTU frames of simplymodbus.ca, and `FINESSE`'s SENECA K107.

use super::*;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|two| (two[0] << 4 | two[1]) as u8).collect()
}

fn bits(pattern: &str) -> Vec<bool> {
    pattern.chars().map(|c| c == '1').collect()
}

/// Request, what it asks, reply, what it answers.
fn published() -> Vec<(&'static str, u8, Request, &'static str, Answer)> {
    let read = |table, at, count| Request::Read { table, at, count };
    vec![
        (
            "11 01 0013 0025 0E84",
            0x11,
            read(Table::Coils, 0x13, 37),
            "11 01 05 CD6BB20E1B 45E6",
            Answer::Bits(bits("1011001111010110010011010111000011011")),
        ),
        (
            "11 02 00C4 0016 BAA9",
            0x11,
            read(Table::DiscreteInputs, 0xC4, 22),
            "11 02 03 ACDB35 2018",
            Answer::Bits(bits("0011010111011011101011")),
        ),
        (
            "11 03 006B 0003 7687",
            0x11,
            read(Table::HoldingRegisters, 0x6B, 3),
            "11 03 06 AE41 5652 4340 49AD",
            Answer::Registers(vec![0xAE41, 0x5652, 0x4340]),
        ),
        ("11 04 0008 0001 B298", 0x11, read(Table::InputRegisters, 8, 1), "11 04 02 000A F8F4", Answer::Registers(vec![10])),
        ("11 05 00AC FF00 4E8B", 0x11, Request::WriteCoil { at: 0xAC, on: true }, "11 05 00AC FF00 4E8B", Answer::Written),
        ("11 06 0001 0003 9A9B", 0x11, Request::WriteRegister { at: 1, value: 3 }, "11 06 0001 0003 9A9B", Answer::Written),
        (
            "11 0F 0013 000A 02 CD01 BF0B",
            0x11,
            Request::WriteCoils { at: 0x13, values: bits("1011001110") },
            "11 0F 0013 000A 2699",
            Answer::Written,
        ),
        (
            "11 10 0001 0002 04 000A 0102 C6F0",
            0x11,
            Request::WriteRegisters { at: 1, values: vec![10, 0x102] },
            "11 10 0001 0002 1298",
            Answer::Written,
        ),
        ("0A 01 04A1 0001 AC63", 0x0A, read(Table::Coils, 0x4A1, 1), "0A 81 02 B053", Answer::Refused(Exception::IllegalAddress)),
    ]
}

fn reply_of(answer: &Answer) -> Reply {
    match answer {
        Answer::Bits(bits) => Reply::Bits(bits.clone()),
        Answer::Registers(values) => Reply::Registers(values.clone()),
        Answer::Written => Reply::Written,
        Answer::Refused(exception) => Reply::Exception(*exception),
    }
}

fn heard(address: u8, stream: &[u8], portion: usize) -> Vec<Heard> {
    let mut decoder = Decoder::new(address);
    let mut found = Vec::new();
    for part in stream.chunks(portion) {
        decoder.push(part);
        found.extend(std::iter::from_fn(|| decoder.pop()));
    }
    found
}

#[test]
fn published_frames_are_written_and_read_byte_for_byte() {
    for (asked, address, request, replied, answer) in published() {
        let query = Query::new(address, request.clone()).unwrap();
        assert_eq!(query.encode(), bytes(asked), "{request:?}");
        let [only] = heard(address, &bytes(asked), 3).try_into().unwrap();
        assert_eq!(Request::parse(&only.pdu), Ok(request));
        assert_eq!(query.find(&bytes(replied)), Some(answer.clone()), "{replied}");
        assert_eq!(reply_of(&answer).encode(address, &only.pdu), bytes(replied), "{answer:?}");
    }
    let seneca = Query::new(1, Request::Read { table: Table::HoldingRegisters, at: 2, count: 8 }).unwrap();
    assert_eq!(seneca.encode(), bytes("01 03 00 02 00 08 E5 CC"));
}

#[test]
fn exceptions_have_their_names() {
    for code in 0..=255 {
        assert_eq!(Exception::from_code(code).code(), code);
    }
    assert!(Exception::from_code(2).to_string().contains("illegal data address"));
    assert!(Exception::from_code(0x42).to_string().contains("66"));
}

#[test]
fn what_does_not_fit_is_not_asked() {
    let read = |count| Request::Read { table: Table::InputRegisters, at: 0, count };
    assert_eq!(Query::new(0, read(1)), Err(QueryError::Address(0)));
    assert_eq!(Query::new(248, read(1)), Err(QueryError::Address(248)));
    assert_eq!(Query::new(1, read(0)), Err(QueryError::Count { found: 0, most: 125 }));
    assert_eq!(Query::new(1, read(126)), Err(QueryError::Count { found: 126, most: 125 }));
    let beyond = Request::WriteRegisters { at: 0xFFFF, values: vec![1, 2] };
    assert_eq!(Query::new(1, beyond), Err(QueryError::End { at: 0xFFFF, count: 2 }));
}

#[test]
fn a_device_refuses_by_the_specification() {
    for (pdu, why) in [
        ("2B0E0100", Exception::IllegalFunction),
        ("0300000000", Exception::IllegalValue),
        ("030000007E", Exception::IllegalValue),
        ("0500ACFF01", Exception::IllegalValue),
        ("0300", Exception::IllegalValue),
        ("10000100020300010203", Exception::IllegalValue),
        ("0F0013000A01CD", Exception::IllegalValue),
        ("", Exception::IllegalFunction),
    ] {
        assert_eq!(Request::parse(&bytes(pdu)), Err(why), "{pdu}");
    }
    // Found in the stream though nobody knows its function, so that it can be refused.
    let unknown = frame(7, &bytes("2B0E0100"));
    assert_eq!(heard(7, &unknown, 1).len(), 1);
}

#[test]
fn values_in_registers() {
    let pi = std::f32::consts::PI;
    assert_eq!(Kind::F32.decode(WordOrder::HighFirst, &[0x4049, 0x0FDB]), Some(f64::from(pi)));
    assert_eq!(Kind::F32.decode(WordOrder::LowFirst, &[0x0FDB, 0x4049]), Some(f64::from(pi)));
    assert_eq!(Kind::I16.decode(WordOrder::HighFirst, &[0xFFF6]), Some(-10.0));
    assert_eq!(Kind::I32.encode(WordOrder::LowFirst, -2.4), Ok(vec![0xFFFE, 0xFFFF]));
    assert_eq!(Kind::U32.decode(WordOrder::HighFirst, &[1]), None);
    for (kind, value) in [(Kind::U16, -1.0), (Kind::U16, 65536.0), (Kind::I16, 32768.0), (Kind::F32, f64::NAN), (Kind::F32, 1e300)] {
        assert!(kind.encode(WordOrder::HighFirst, value).is_err(), "{kind:?} {value}");
    }
}

fn table() -> impl Strategy<Value = Table> {
    prop_oneof![Just(Table::Coils), Just(Table::DiscreteInputs), Just(Table::HoldingRegisters), Just(Table::InputRegisters)]
}

fn request() -> impl Strategy<Value = Request> {
    let at = 0..60_000_u16;
    prop_oneof![
        (table(), at.clone(), 1..=125_u16).prop_map(|(table, at, count)| Request::Read { table, at, count }),
        (at.clone(), any::<bool>()).prop_map(|(at, on)| Request::WriteCoil { at, on }),
        (at.clone(), any::<u16>()).prop_map(|(at, value)| Request::WriteRegister { at, value }),
        (at.clone(), proptest::collection::vec(any::<bool>(), 1..200)).prop_map(|(at, values)| Request::WriteCoils { at, values }),
        (at, proptest::collection::vec(any::<u16>(), 1..=123)).prop_map(|(at, values)| Request::WriteRegisters { at, values }),
    ]
}

/// A reply as a device would give it, by a seed for its values.
fn reply(request: &Request, seed: u16) -> Reply {
    match request {
        _ if seed.is_multiple_of(7) => Reply::Exception(Exception::from_code(seed as u8)),
        Request::Read { table, count, .. } if table.bits() => {
            Reply::Bits((0..*count).map(|n| n.wrapping_mul(seed).is_multiple_of(3)).collect())
        }
        Request::Read { count, .. } => Reply::Registers((0..*count).map(|n| n.wrapping_mul(seed)).collect()),
        _ => Reply::Written,
    }
}

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Bits(bits) => Answer::Bits(bits),
        Reply::Registers(values) => Answer::Registers(values),
        Reply::Written => Answer::Written,
        Reply::Exception(exception) => Answer::Refused(exception),
    }
}

/// Pieces that pass for frames of an unknown function by their checksum: inside a long request, and of noise with the beginning of one. Found
/// by two hundred thousand cases of the property below.
#[test]
fn a_piece_that_passes_for_an_unknown_function_costs_no_request_its_bytes() {
    let mut values = vec![53_143, 43_860, 15_323];
    values.resize(14, 0);
    let long = Request::WriteRegisters { at: 0, values };
    let stream = Query::new(1, long.clone()).unwrap().encode();
    let piece = (0..stream.len()).flat_map(|from| (from + 4..stream.len()).map(move |to| (from, to)));
    let passes = |(from, to): (usize, usize)| (stream[from] <= 1) && to - from <= 16 && super::sound(&stream[from..to]);
    assert!(piece.filter(|at| *at != (0, stream.len())).any(passes), "this request has such a piece");
    let pdu = stream[1..stream.len() - 2].to_vec();
    assert_eq!(heard(1, &stream, 1), [Heard { broadcast: false, pdu }]);

    // A frame of function 0x2B whose checksum is the first two bytes of the request after it: heard, and the request no less.
    let request = Query::new(0x11, Request::Read { table: Table::HoldingRegisters, at: 0x6B, count: 3 }).unwrap().encode();
    let mut noise = (0..=u16::MAX).map(|n| vec![0x11, 0x2B, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
    let noise = noise.find(|noise| super::sound(&[noise.as_slice(), &request[..2]].concat())).expect("one of them is");
    let found = heard(0x11, &[noise, request.clone()].concat(), 3);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[1].pdu, request[1..request.len() - 2]);
    // Noise that passes for such a frame together with the whole request: they end with the same byte.
    let request = Query::new(1, Request::Read { table: Table::Coils, at: 0, count: 1 }).unwrap().encode();
    let stream = [vec![0, 158, 215, 13], request.clone()].concat();
    assert!(super::sound(&stream));
    assert_eq!(heard(1, &stream, 1).last().map(|h| h.pdu.clone()), Some(request[1..request.len() - 2].to_vec()));
    // What is written may be a whole request: of this device, or to everybody.
    for address in [0, 1] {
        let mut inner = vec![address, 6, 0, 1, 0, 9];
        inner.extend(CRC.checksum(&inner).to_le_bytes());
        let values = inner.chunks(2).map(|two| u16::from_be_bytes([two[0], two[1]])).chain([7]).collect();
        let outer = Query::new(1, Request::WriteRegisters { at: 0, values }).unwrap().encode();
        assert_eq!(heard(1, &outer, 1), [Heard { broadcast: false, pdu: outer[1..outer.len() - 2].to_vec() }], "{address}");
        assert_eq!(heard(1, &inner, 1).len(), 1, "by itself it is one");
    }
    // And a device still says that it does not know a function, whatever stood before.
    let mut unknown = vec![1, 0x2B, 0x0E, 0x01, 0x00];
    unknown.extend(CRC.checksum(&unknown).to_le_bytes());
    assert_eq!(heard(1, &[request, unknown].concat(), 4).len(), 2);
}

proptest! {
    /// Noise before a request costs only itself; any portions give the same requests. Noise that is itself the beginning of a long one is
    /// not: until that would have ended, whatever comes is its data, which only silence could tell.
    #[test]
    fn a_request_survives_noise_and_portions(
        address in 1_u8..=247,
        request in request(),
        noise in proptest::collection::vec(any::<u8>(), 0..80),
        portion in 1_usize..40,
    ) {
        let mut stream = noise;
        for at in 0..stream.len() {
            let begins = [0, address].contains(&stream[at]) && stream.get(at + 1).is_none_or(|function| [15, 16].contains(function));
            stream[at] = if begins { 0x2B } else { stream[at] };
        }
        stream.extend(Query::new(address, request.clone()).unwrap().encode());
        let found = heard(address, &stream, portion);
        prop_assert_eq!(&found, &heard(address, &stream, stream.len()));
        prop_assert_eq!(Request::parse(&found.last().unwrap().pdu), Ok(request));
    }

    /// So does noise before a reply, and what follows it does not matter.
    #[test]
    fn a_reply_survives_noise_around_it(
        address in 1_u8..=247,
        request in request(),
        seed in any::<u16>(),
        mut stream in proptest::collection::vec(any::<u8>(), 0..80),
        after in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let query = Query::new(address, request.clone()).unwrap();
        let reply = reply(&request, seed);
        stream.extend(reply.encode(address, &query.encode()[1..]));
        let whole = stream.len();
        stream.extend(after);
        prop_assert_eq!(query.find(&stream), Some(answer(reply)));
        prop_assert_eq!(query.find(&stream[..whole - 1]), None, "before its last byte it is none");
    }

    /// A reply to another address, another function or another count is no answer.
    #[test]
    fn no_reply_is_taken_for_anothers(
        (address, other) in (1_u8..=247, 1_u8..=247),
        (ours, theirs) in (request(), request()),
        seed in any::<u16>(),
    ) {
        let query = Query::new(address, ours.clone()).unwrap();
        let stranger = Query::new(other, theirs.clone()).unwrap();
        let reply = reply(&theirs, seed);
        let bytes = reply.encode(other, &stranger.encode()[1..]);
        let alike = address == other && ours.function() == theirs.function()
            && (query.reply_len() == stranger.reply_len() || matches!(reply, Reply::Exception(_)));
        let same_write = !matches!(ours, Request::Read { .. }) && query.encode()[2..6] != stranger.encode()[2..6];
        if !alike || (same_write && !matches!(reply, Reply::Exception(_))) {
            prop_assert_eq!(query.find(&bytes), None);
        }
    }

    #[test]
    fn a_damaged_reply_is_no_answer(request in request(), seed in any::<u16>(), at in any::<proptest::sample::Index>(), by in 1_u8..=255) {
        let query = Query::new(9, request.clone()).unwrap();
        let mut bytes = reply(&request, seed).encode(9, &query.encode()[1..]);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert_eq!(query.find(&bytes), None);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..20], 0..400), request in request()) {
        for found in heard(3, &bytes, 7) {
            let _ = Request::parse(&found.pdu);
        }
        let _ = Request::parse(&bytes);
        let _ = Query::new(3, request).unwrap().find(&bytes);
    }

    #[test]
    fn what_registers_hold_comes_back(value in -2e9..2e9_f64, low in any::<bool>()) {
        let order = if low { WordOrder::LowFirst } else { WordOrder::HighFirst };
        for kind in [Kind::U16, Kind::I16, Kind::U32, Kind::I32, Kind::F32] {
            if let Ok(registers) = kind.encode(order, value) {
                let back = kind.decode(order, &registers).unwrap();
                prop_assert!((back - value).abs() <= 0.5 + 1e-7 * value.abs(), "{kind:?}: {value} came back as {back}");
            }
        }
    }
}

const MAP: &str = r#"
[register.supply]
table = "input"
address = 2
type = "i16"
scale = 0.1
unit = "degc"
[register.return]
table = "input"
address = 3
type = "i16"
scale = 0.1
[register.flow]
table = "input"
address = 4
type = "f32"
word_order = "low_first"
[register.level]
table = "input"
address = 9
[register.pump]
table = "coil"
address = 0
writable = true
[register.setpoint]
address = 100
type = "i16"
scale = 0.01
offset = -10.0
writable = true
"#;

fn map(text: &str) -> Result<RegisterMap, signal::Problems> {
    let document = signal::Document::parse("map.toml", text);
    let map = RegisterMap::read(&document.root());
    document.finish(map)
}

#[test]
fn a_map_gives_questions_and_values() {
    let map = map(MAP).unwrap();
    let read = |table, at, count| Request::Read { table, at, count };
    let all = ["supply", "return", "flow", "level", "pump"];
    assert_eq!(
        map.questions(&all),
        [read(Table::Coils, 0, 1), read(Table::InputRegisters, 2, 4), read(Table::InputRegisters, 9, 1)],
        "neighbours in one, holes in none"
    );
    let answer = Answer::Registers(vec![0xFFFF, 215, 0x0FDB, 0x4049]);
    let value = |name: &str| map.get(name).unwrap().value(&answer, 2);
    assert_eq!((value("supply"), value("return")), (Some(-0.1), Some(21.5)));
    assert_eq!(value("flow"), Some(f64::from(std::f32::consts::PI)));
    assert_eq!(value("level"), None, "not in there");
    let nan = Answer::Registers(vec![0, 0x7FC0]);
    assert_eq!(map.get("flow").unwrap().value(&nan, 4), None, "no number is no value");

    let setpoint = map.get("setpoint").unwrap();
    assert_eq!(setpoint.write(20.0), Ok(Request::WriteRegister { at: 100, value: 3000 }));
    assert!(setpoint.write(f64::NAN).is_err() && setpoint.write(1e6).is_err());
    assert_eq!(map.get("pump").unwrap().write(1.0), Ok(Request::WriteCoil { at: 0, on: true }));
}

#[test]
fn a_map_that_contradicts_itself_is_refused_with_every_reason() {
    let wrong = "[register.a]\naddress = 5\ntype = \"u32\"\nscale = 0.0\n[register.b]\naddress = 6\n[register.c]\ntable = \"input\"\naddress = 65535\ntype = \"f32\"\nwritable = true\n";
    let said: Vec<String> = map(wrong).unwrap_err().0.iter().map(ToString::to_string).collect();
    let said = said.join("\n");
    for words in ["lies upon \"a\"", "0 makes every value the same", "cannot write this table", "beyond the last address"] {
        assert!(said.contains(words), "no {words} in {said}");
    }
}
