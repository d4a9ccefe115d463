//! Published frames, where there are some, and the sums of the sources' rules.

use super::*;
use proptest::prelude::*;

const MODELS: [Model; 3] = [Model::Tc3625, Model::Tc4820, Model::Tc720];

fn heard(model: Model, stream: &[u8], portion: usize) -> Vec<Heard> {
    let mut decoder = Decoder::new(model);
    let mut found = Vec::new();
    for part in stream.chunks(portion) {
        decoder.push(part);
        found.extend(std::iter::from_fn(|| decoder.pop()));
    }
    found
}

#[test]
fn published_requests_are_written_and_read_byte_for_byte() {
    for (bytes, query, code, value) in [
        (&b"*0001c1\r"[..], Query::read(Model::Tc3625, 0x01), 0x01, None),
        (b"*001c000009c4b4\r", Query::write(Model::Tc3625, 0x1C, 2500).unwrap(), 0x1C, Some(2500)),
        (b"*002d0000000177\r", Query::write(Model::Tc3625, 0x2D, 1).unwrap(), 0x2D, Some(1)),
        (b"*0005c5\r", Query::read(Model::Tc3625, 0x05), 0x05, None),
        (b"*01000021\r", Query::read(Model::Tc4820, 0x01), 0x01, Some(0)),
        (b"*50000025\r", Query::read(Model::Tc4820, 0x50), 0x50, Some(0)),
        (b"*1c09c494\r", Query::write(Model::Tc720, 0x1C, 2500).unwrap(), 0x1C, Some(2500)),
    ] {
        assert_eq!(query.encode(), bytes, "{query:?}");
        let model = if bytes.len() == 8 || bytes.len() == 16 { Model::Tc3625 } else { Model::Tc720 };
        assert_eq!(heard(model, bytes, 1), [Heard::Request { code, value }]);
    }
}

#[test]
fn replies_are_written_and_read_byte_for_byte() {
    let four = Query::read(Model::Tc4820, 0x01);
    assert_eq!(Reply::Damaged.encode(Model::Tc4820), b"*XXXX60^", "published");
    assert_eq!(four.find(b"*XXXX60^"), Some(Answer::Damaged));
    assert_eq!(Reply::Value(2500).encode(Model::Tc720), b"*09c400^");
    assert_eq!(four.find(b"*09c400^"), Some(Answer::Value(2500)));
    assert_eq!(four.find(b"*ffff98^"), Some(Answer::Value(-1)), "FINESSE: -1 is ffff");
    let eight = Query::read(Model::Tc3625, 0x01);
    assert_eq!(eight.find(&Reply::Value(-2500).encode(Model::Tc3625)), Some(Answer::Value(-2500)));
    assert_eq!(eight.find(b"*09c400^"), None, "another layout");
}

#[test]
fn codes_differ_by_model() {
    let [tc3625, tc4820, tc720] = MODELS.map(Codes::of);
    assert_eq!((tc3625.alarms, tc4820.alarms, tc720.alarms), (5, 3, 3));
    assert_eq!((tc3625.second, tc720.second), (Some(6), Some(4)));
    assert_eq!((tc3625.output_write, tc4820.output_write, tc720.output_write), (Some(0x2D), None, Some(0x30)));
    assert_eq!((tc3625.model, tc4820.model, tc720.model), (None, Some((0, 9613)), Some((0, 9625))));
    assert_eq!((tc720.eeprom_write, tc720.eeprom_read, tc720.clear_write), (Some(0x31), Some(0x65), Some(0x75)));
    assert_eq!((Codes::model_of(9625), Codes::model_of(9613), Codes::model_of(0)), (Some(Model::Tc720), Some(Model::Tc4820), None));
    assert_eq!((tc3625.scales[0], tc4820.scales[0], tc720.scales[0]), (100.0, 10.0, 100.0));
}

/// The manuals' bits, with their examples: 0009 of the two newer models, 9 of the TC-36-25.
#[test]
fn alarms_are_named_as_the_manual_of_the_model_does() {
    for (model, status, words, pressed) in [
        (Model::Tc3625, 0b1001, "temperature high, over-current", false),
        (Model::Tc3625, 0b1_0001, "temperature high, sensor 1 open", false),
        (Model::Tc3625, 1 << 6, "driver's input voltage low", false),
        (Model::Tc720, 0b1001, "temperature 1 high, temperature 2 low", false),
        (Model::Tc720, 1 << 2, "temperature 2 high", false),
        (Model::Tc720, 1 << 6, "input voltage low", false),
        (Model::Tc720, 1 << 7, "", true),
        (Model::Tc720, 1 << 8, "over-current", false),
        (Model::Tc720, 0x180, "over-current", true),
        (Model::Tc4820, 0b1001, "temperature 1 high, temperature 2 low", false),
        (Model::Tc4820, 1 << 6, "", true),
        (Model::Tc720, 0, "", false),
    ] {
        let alarm = Alarm::of(model, status);
        assert_eq!((alarm.words().as_str(), alarm.pressed()), (words, pressed), "{model:?} {status:#b}");
        assert_eq!(alarm.faults() == 0, words.is_empty());
    }
    assert!(Alarm::of(Model::Tc720, 0x200).words().contains("0x200"));
    assert!(Alarm::of(Model::Tc3625, i32::MIN).words().contains("0x80000000"));
}

#[test]
fn what_has_no_digits_is_not_sent() {
    assert!(Query::write(Model::Tc720, 0x1C, 40_000).is_err());
    assert!(Query::write(Model::Tc3625, 0x1C, 40_000).is_ok());
    assert_eq!(heard(Model::Tc720, b"*1c09c495\r", 3), [Heard::Damaged]);
    assert_eq!(heard(Model::Tc720, b"*1c\r", 3), [Heard::Damaged]);
}

fn model() -> impl Strategy<Value = Model> {
    proptest::sample::select(&MODELS[..])
}

proptest! {
    #[test]
    fn a_request_survives_noise_and_portions(
        model in model(),
        code in any::<u8>(),
        value in any::<i16>(),
        mut stream in proptest::collection::vec(any::<u8>(), 0..60),
        portion in 1_usize..30,
    ) {
        stream.extend(Query::write(model, code, i32::from(value)).unwrap().encode());
        let found = heard(model, &stream, portion);
        prop_assert_eq!(&found, &heard(model, &stream, stream.len()));
        prop_assert_eq!(found.last(), Some(&Heard::Request { code, value: Some(i32::from(value)) }));
    }

    #[test]
    fn a_reply_survives_noise_around_it(
        model in model(),
        value in any::<i16>(),
        mut stream in proptest::collection::vec(prop_oneof![0..b'^', b'_'..=0xFF], 0..60),
        after in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let query = Query::read(model, 1);
        stream.extend(Reply::Value(i32::from(value)).encode(model));
        let whole = stream.len();
        stream.extend(after);
        prop_assert_eq!(query.find(&stream), Some(Answer::Value(i32::from(value))));
        prop_assert_eq!(query.find(&stream[..whole - 1]), None);
    }

    /// Replies have nothing that says whose they are but what was written, and that is held against it.
    #[test]
    fn what_was_written_must_come_back(model in model(), ours in any::<i16>(), theirs in any::<i16>()) {
        let query = Query::write(model, 0x1C, i32::from(ours)).unwrap();
        let found = query.find(&Reply::Value(i32::from(theirs)).encode(model));
        prop_assert_eq!(found.is_some(), ours == theirs);
    }

    #[test]
    fn one_wrong_bit_is_seen(model in model(), value in any::<i16>(), at in any::<proptest::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = Reply::Value(i32::from(value)).encode(model);
        let at = at.index(bytes.len());
        let was = bytes[at];
        bytes[at] ^= 1 << bit;
        // The sum's digits in the other case say the same.
        prop_assume!(!bytes[at].eq_ignore_ascii_case(&was));
        prop_assert_eq!(Query::read(model, 1).find(&bytes), None);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'*'), Just(b'\r'), Just(b'^'), Just(b'0')], 0..300)) {
        for model in MODELS {
            let _ = heard(model, &bytes, 7);
            let _ = Query::read(model, 1).find(&bytes);
        }
    }
}
