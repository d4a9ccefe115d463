//! Read Device Identification: function 43, MEI type 14 (Modbus Application Protocol Specification V1.1b3, 6.21), the basic stream: vendor, product, revision.
//!
//! It changes nothing in any device that speaks Modbus. Many do not know it and answer with an exception, which tells that they are there.

use super::{frame, sound};
use std::fmt;

const FUNCTION: u8 = 0x2B;
const MEI: u8 = 0x0E;
/// Set in the function of an exception.
const EXCEPTION: u8 = 0x80;

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Object 0.
    pub vendor: Option<String>,
    /// Object 1.
    pub product: Option<String>,
    /// Object 2.
    pub revision: Option<String>,
    /// It is there and does not know the question: the exception's code.
    pub refused: Option<u8>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.refused {
            return write!(f, "a Modbus device that does not say what it is (exception {code})");
        }
        let said: Vec<&str> = [&self.vendor, &self.product, &self.revision].into_iter().flatten().map(String::as_str).collect();
        f.write_str(&said.join(", "))
    }
}

/// The question.
pub fn ask(address: u8) -> Vec<u8> {
    frame(address, &[FUNCTION, MEI, 0x01, 0x00])
}

/// It is this question, in a request's function and data: for the device's side.
pub fn asks(pdu: &[u8]) -> bool {
    matches!(pdu, [FUNCTION, MEI, 0x01, _])
}

/// The answer of a device at `address` that is this, in the order of its objects.
pub fn reply(address: u8, [vendor, product, revision]: [&str; 3]) -> Vec<u8> {
    let mut pdu = vec![FUNCTION, MEI, 0x01, 0x01, 0x00, 0x00, 3];
    for (id, text) in [(0, vendor), (1, product), (2, revision)] {
        let bytes = &text.as_bytes()[..text.len().min(60)];
        pdu.extend([id, bytes.len() as u8]);
        pdu.extend(bytes);
    }
    frame(address, &pdu)
}

/// The answer in what was heard since, if it is there.
pub fn find(address: u8, heard: &[u8]) -> Option<Identity> {
    (0..heard.len()).filter(|from| heard[*from] == address).find_map(|from| read(&heard[from..]))
}

fn read(bytes: &[u8]) -> Option<Identity> {
    match bytes {
        [_, function, code, ..] if *function == FUNCTION | EXCEPTION && sound(bytes.get(..5)?) => {
            Some(Identity { refused: Some(*code), ..Identity::default() })
        }
        // Address, function, MEI type, code, conformity, more follows, next object, number of objects.
        [_, FUNCTION, MEI, 0x01, _, _, _, objects, ..] => {
            let (mut identity, mut at) = (Identity::default(), 8);
            for _ in 0..*objects {
                let (id, length) = (*bytes.get(at)?, usize::from(*bytes.get(at + 1)?));
                let text = String::from_utf8_lossy(bytes.get(at + 2..at + 2 + length)?).trim().to_owned();
                match id {
                    0 => identity.vendor = Some(text),
                    1 => identity.product = Some(text),
                    2 => identity.revision = Some(text),
                    _ => {}
                }
                at += 2 + length;
            }
            sound(bytes.get(..at + 2)?).then_some(identity)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_s_example_is_read() {
        assert_eq!(ask(1)[..5], [1, 0x2B, 0x0E, 0x01, 0x00]);
        assert!(sound(&ask(1)));
        // The words of the example in 6.21, with their lengths.
        let mut pdu = vec![0x2B, 0x0E, 0x01, 0x01, 0x00, 0x00, 3];
        for (id, text) in [(0, "Company identification"), (1, "Product code XX"), (2, "V2.11")] {
            pdu.extend([id, text.len() as u8]);
            pdu.extend(text.bytes());
        }
        let whole = frame(1, &pdu);
        assert_eq!(reply(1, ["Company identification", "Product code XX", "V2.11"]), whole);
        assert!(asks(&[0x2B, 0x0E, 0x01, 0x00]) && !asks(&[0x2B, 0x0D, 0x01, 0x00]));
        let found = find(1, &[&[0, 1, 7][..], &whole].concat()).expect("it is there");
        assert_eq!(found.to_string(), "Company identification, Product code XX, V2.11");
        assert_eq!((find(2, &whole), find(1, &whole[..whole.len() - 1])), (None, None));
        let mut damaged = whole;
        damaged[12] ^= 1;
        assert_eq!(find(1, &damaged), None);
        assert_eq!(find(1, &frame(1, &[0xAB, 1])).expect("an exception").refused, Some(1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            let _ = find(1, &[&[1, 0x2B, 0x0E, 1][..], &bytes].concat());
        }
    }
}
