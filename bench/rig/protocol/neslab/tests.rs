//! Published bytes first: the manual's examples as OsmoSystems/calibration-environment `serial_test.py` quotes them.

use super::*;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|two| (two[0] << 4 | two[1]) as u8).collect()
}

const fn tenths(counts: i16) -> Measured {
    Measured { decimals: 1, unit: 1, counts }
}

/// Finds packets as a bath does.
fn heard(stream: &[u8], portion: usize) -> Vec<Heard> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for part in stream.chunks(portion) {
        decoder.push(part);
        found.extend(std::iter::from_fn(|| decoder.pop()));
    }
    found
}

#[test]
fn published_requests_are_written_and_read_byte_for_byte() {
    let on = Switches { unit: Some(true), ..Switches::default() };
    for (hex, address, request) in [
        ("CA 00 01 00 00 FE", 1, Request::Acknowledge),
        ("CA 00 01 09 00 F5", 1, Request::Status),
        ("CA 00 01 20 00 DE", 1, Request::Read(Quantity::Internal)),
        ("CA 00 01 21 00 DD", 1, Request::Read(Quantity::External)),
        ("CA 00 01 70 00 8E", 1, Request::Read(Quantity::Setpoint)),
        ("CA 00 01 40 00 BE", 1, Request::Read(Quantity::LowLimit)),
        ("CA 00 01 60 00 9E", 1, Request::Read(Quantity::HighLimit)),
        ("CA 00 01 76 00 88", 1, Request::Read(Quantity::CoolDerivative)),
        ("CA 00 01 F0 02 01 2C DF", 1, Request::Set(Quantity::Setpoint, 300)),
        ("CA 00 03 F0 02 01 2C DD", 3, Request::Set(Quantity::Setpoint, 300)),
        ("CA 00 01 F0 02 18 6A 8A", 1, Request::Set(Quantity::Setpoint, 6250)),
        ("CA 00 01 81 08 01 02 02 02 02 02 02 02 66", 1, Request::Switch(on)),
    ] {
        assert_eq!(Query::new(address, request).unwrap().encode(), bytes(hex), "{request:?}");
        let [Heard::Sound(packet)] = &heard(&bytes(hex), 1)[..] else { panic!("{hex}") };
        assert_eq!((packet.address, Request::parse(packet)), (address, Ok(request)));
    }
}

#[test]
fn published_replies_are_written_and_read_byte_for_byte() {
    for (hex, address, request, command, answer, reply) in [
        ("CA 00 01 20 03 11 02 71 57", 1, Request::Read(Quantity::Internal), 0x20, Answer::Value(tenths(625)), Reply::Value(tenths(625))),
        (
            "CA 00 03 F0 03 11 01 2C CB",
            3,
            Request::Set(Quantity::Setpoint, 300),
            0xF0,
            Answer::Value(tenths(300)),
            Reply::Value(tenths(300)),
        ),
        (
            "CA 00 01 F0 03 11 01 2C CD",
            1,
            Request::Set(Quantity::Setpoint, 300),
            0xF0,
            Answer::Value(tenths(300)),
            Reply::Value(tenths(300)),
        ),
    ] {
        assert_eq!(Query::new(address, request).unwrap().find(&bytes(hex)), Some(answer), "{hex}");
        assert_eq!(reply.encode(address, command), bytes(hex));
    }
    // The published refusal is of a command that does not exist.
    assert_eq!(Reply::Refuse(Refusal::Command).encode(1, 0x99), bytes("CA 00 01 0F 02 01 99 53"));
    assert_eq!(tenths(625).value(), 62.5);
    assert_eq!(Measured { decimals: 2, unit: 1, counts: -625 }.value(), -6.25);
}

#[test]
fn a_refusal_is_of_the_command_asked() {
    let query = Query::new(1, Request::Status).unwrap();
    assert_eq!(query.find(&Reply::Refuse(Refusal::Checksum).encode(1, 0x09)), Some(Answer::Refused(Refusal::Checksum)));
    assert_eq!(query.find(&Reply::Refuse(Refusal::Checksum).encode(1, 0x20)), None);
    assert_eq!(query.find(&Reply::Refuse(Refusal::Checksum).encode(2, 0x09)), None);
    assert_eq!(Query::new(1, Request::Set(Quantity::Internal, 1)), Err(RequestError::ReadOnly(Quantity::Internal)));
}

#[test]
fn a_damaged_packet_is_told_apart_from_noise() {
    assert_eq!(heard(&bytes("CA 00 01 20 00 DF"), 2), [Heard::Damaged { address: 1, command: 0x20 }]);
    assert_eq!(heard(&bytes("FF CA 00 01 20 00 DF"), 2), []);
    let unknown = Packet { address: 1, command: 0x99, data: Vec::new() };
    assert_eq!(Request::parse(&unknown), Err(RequestError::Command));
}

#[test]
fn faults_have_names() {
    let status = Status::of(true, false, &["RTD 1 open", "liquid level low"]);
    assert_eq!((status.on(), status.pump(), status.faults()), (true, true, vec!["RTD 1 open", "liquid level low"]));
    assert_eq!(Status([0, 0, 0, 0x20, 0]).faults(), ["faulted"]);
    assert_eq!(Status::default().faults(), [""; 0]);
}

fn switches() -> impl Strategy<Value = Switches> {
    any::<[Option<bool>; 8]>().prop_map(|[unit, external, faults, mute, auto_restart, fine, full_cooling, serial]| Switches {
        unit,
        external,
        faults,
        mute,
        auto_restart,
        fine,
        full_cooling,
        serial,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let quantity = || proptest::sample::select(Quantity::ALL);
    prop_oneof![
        Just(Request::Acknowledge),
        Just(Request::Status),
        quantity().prop_map(Request::Read),
        (quantity(), any::<i16>())
            .prop_filter_map("it is measured", |(q, n)| Some(Request::Set(q, n)).filter(|r| Query::new(1, *r).is_ok())),
        switches().prop_map(Request::Switch),
    ]
}

fn reply(request: Request, counts: i16) -> (Reply, Answer) {
    let value = Measured { decimals: 2, unit: 1, counts };
    match request {
        _ if counts % 7 == 0 => (Reply::Refuse(Refusal::Command), Answer::Refused(Refusal::Command)),
        Request::Acknowledge => (Reply::Version(1, 2), Answer::Version(1, 2)),
        Request::Status => (Reply::Status(Status([counts as u8; 5])), Answer::Status(Status([counts as u8; 5]))),
        Request::Read(_) | Request::Set(..) => (Reply::Value(value), Answer::Value(value)),
        Request::Switch(switches) => (Reply::Switches(switches), Answer::Switches(switches)),
    }
}

proptest! {
    #[test]
    fn a_reply_survives_noise_around_it(
        request in request(),
        counts in any::<i16>(),
        // Without the lead byte: noise that begins like a packet may end like one, which 8 bits of checksum cannot prevent.
        before in proptest::collection::vec(prop_oneof![0..=0xC9_u8, 0xCB..=0xFF_u8], 0..60),
        after in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let query = Query::new(1, request).unwrap();
        let (reply, answer) = reply(request, counts);
        let mut stream = before;
        stream.extend(reply.encode(1, query.encode()[3]));
        let whole = stream.len();
        stream.extend(after);
        prop_assert_eq!(query.find(&stream), Some(answer));
        prop_assert_eq!(query.find(&stream[..whole - 1]), None);
    }

    #[test]
    fn a_request_survives_noise_and_portions(
        request in request(),
        mut stream in proptest::collection::vec(prop_oneof![0..=0xC9_u8, 0xCB..=0xFF_u8], 0..60),
        portion in 1_usize..30,
    ) {
        stream.extend(Query::new(1, request).unwrap().encode());
        let found = heard(&stream, portion);
        prop_assert_eq!(&found, &heard(&stream, stream.len()));
        let Some(Heard::Sound(packet)) = found.last() else { panic!("lost") };
        prop_assert_eq!(Request::parse(packet), Ok(request));
    }

    #[test]
    fn no_reply_is_taken_for_anothers(ours in request(), theirs in request(), address in 1_u16..3, counts in any::<i16>()) {
        let (query, stranger) = (Query::new(1, ours).unwrap(), Query::new(address, theirs).unwrap());
        let bytes = reply(theirs, counts).0.encode(address, stranger.encode()[3]);
        if address != 1 || query.encode()[3] != stranger.encode()[3] {
            prop_assert_eq!(query.find(&bytes), None);
        }
    }

    #[test]
    fn one_wrong_bit_is_seen(request in request(), counts in any::<i16>(), at in any::<proptest::sample::Index>(), bit in 0..8_u32) {
        let query = Query::new(1, request).unwrap();
        let mut bytes = reply(request, counts).0.encode(1, query.encode()[3]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(query.find(&bytes), None);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xCA), 0_u8..9], 0..300), request in request()) {
        for found in heard(&bytes, 5) {
            if let Heard::Sound(packet) = found {
                let _ = Request::parse(&packet);
            }
        }
        if let Some(Answer::Value(value)) = Query::new(1, request).unwrap().find(&bytes) {
            prop_assert!(value.value().is_finite());
        }
    }
}
