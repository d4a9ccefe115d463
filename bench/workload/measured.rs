//! Whose energy the work's joules are: what is measured beside the work, and whether the work is where that is. Work of one card over the joules of another is no figure.
//!
//! CUDA and NVML number the same cards in orders of their own (CUDA's default is "fastest first", NVML's goes by the bus, and `CUDA_VISIBLE_DEVICES` hides some from one
//! of them), so a card is told by its UUID or else by its place on the bus, never by a number alone. Not here: asking NVML (the engine does) and CUDA (`gpu`).

use crate::gpu::{Card, Choice, Fault};

/// A GPU as NVML tells of it, as far as it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// `GPU-…`, of an instance `MIG-…`.
    pub uuid: Option<String>,
    /// `00000000:41:00.0`.
    pub bus: Option<String>,
}

/// What is measured beside the work.
#[derive(Clone, Copy, Debug, Default)]
pub enum Measured<'a> {
    /// Nothing: the work is only counted.
    #[default]
    Nothing,
    /// The host's processor.
    Host,
    /// These GPUs.
    Gpus(&'a [Board]),
}

/// Every part of a place on the bus, as numbers: CUDA writes the domain in four digits, NVML in eight.
fn place(bus: &str) -> Option<[u32; 3]> {
    let mut parts = bus.trim().rsplit(':');
    let (device, bus, domain) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    Some([number(domain)?, number(bus)?, number(device.split('.').next()?)?])
}

/// Kind and digits of a UUID.
fn told(uuid: &str) -> Option<(String, String)> {
    uuid.split_once('-').map(|(kind, digits)| (kind.to_ascii_uppercase(), digits.to_ascii_lowercase()))
}

impl Board {
    /// Whether this is that card; `None` where neither UUID nor bus can tell.
    pub(crate) fn is(&self, card: &Card) -> Option<bool> {
        let uuids = self.uuid.as_deref().and_then(told).zip(told(&card.uuid));
        match uuids {
            Some((ours, theirs)) if ours == theirs => return Some(true),
            // An instance and its board, or the instance by an old driver's word, are told by the bus.
            Some((ours, theirs)) if ours.0 == theirs.0 => return Some(false),
            _ => {}
        }
        let buses = self.bus.as_deref().and_then(place).zip(place(&card.bus));
        buses.map(|(ours, theirs)| ours == theirs)
    }

    fn said(&self) -> String {
        match (&self.uuid, &self.bus) {
            (Some(uuid), _) => uuid.clone(),
            (None, Some(bus)) => format!("the GPU at {bus}"),
            (None, None) => "a GPU that tells neither UUID nor bus".to_owned(),
        }
    }
}

fn listed(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

/// The cards that are meant. `counted` are NVML's in its order, empty where nobody asked it: then numbers go by the bus, which is that order as far as CUDA shows all.
pub(crate) fn chosen<'a>(choice: &Choice, cards: &'a [Card], measured: Measured<'_>, counted: &[Board]) -> Result<Vec<&'a Card>, Fault> {
    let of = |board: &Board| cards.iter().find(|card| board.is(card) == Some(true));
    let tells = |board: &Board| cards.iter().all(|card| board.is(card).is_some());
    let absent = |wanted: String, hint: &str| Fault::NoCard {
        wanted,
        there: listed(cards.iter().map(|c| format!("{} ({})", c.name, c.uuid))),
        hint: hint.to_owned(),
    };
    let hidden = "; CUDA does not show it to this process: see CUDA_VISIBLE_DEVICES";
    let one = |choice: &Choice| match choice {
        Choice::Index(n) => match counted.get(*n as usize) {
            Some(board) => match of(board) {
                Some(card) => Ok(card),
                None if tells(board) => Err(absent(format!("{n} of NVML's ({})", board.said()), hidden)),
                None => choice.of(cards),
            },
            None => choice.of(cards),
        },
        other => other.of(cards),
    };
    match (choice, measured) {
        // Named by nobody: where it is measured.
        (Choice::Any, Measured::Gpus(boards)) if boards.iter().any(&tells) => boards
            .iter()
            .map(|board| {
                of(board).ok_or_else(|| {
                    absent(board.said(), "; it is measured, and CUDA does not show it to this process: see CUDA_VISIBLE_DEVICES")
                })
            })
            .collect(),
        (Choice::Several(choices), _) => choice.distinct(choices.iter().map(one)),
        (one_card, _) => Ok(vec![one(one_card)?]),
    }
}

/// Holds the work's cards against what is measured: the same, refused, or in words why nobody can tell.
pub(crate) fn held(cards: &[&Card], measured: Measured<'_>) -> Result<Option<String>, Fault> {
    let boards = match measured {
        Measured::Nothing => return Ok(None),
        Measured::Host => &[][..],
        Measured::Gpus(boards) => boards,
    };
    let (mut other, mut open) = (boards.is_empty(), false);
    let mut look = |answers: &mut dyn Iterator<Item = Option<bool>>| {
        let all: Vec<Option<bool>> = answers.collect();
        let there = all.contains(&Some(true));
        open |= !there && all.contains(&None);
        other |= !there && !all.contains(&None);
    };
    // Every card that works is measured, and every one that is measured works.
    for card in cards {
        look(&mut boards.iter().map(|board| board.is(card)));
    }
    for board in boards {
        look(&mut cards.iter().map(|card| board.is(card)));
    }
    let work = listed(cards.iter().map(|c| format!("{} ({} at {})", c.uuid, c.name, c.bus)));
    let named = listed(boards.iter().map(Board::said));
    if other {
        let write = boards.iter().map(|b| b.uuid.clone()).collect::<Option<Vec<_>>>().filter(|uuids| !uuids.is_empty());
        return Err(Fault::Elsewhere {
            work,
            measured: if boards.is_empty() { "the host's processor".to_owned() } else { named },
            there: write.map_or_else(String::new, |uuids| format!("to work where it is measured, --workload cuda:{}:…; ", uuids.join(","))),
            here: cards.iter().map(|c| c.uuid.as_str()).collect::<Vec<_>>().join(","),
        });
    }
    Ok(open.then(|| {
        format!("whether the work is where the energy is measured cannot be told: it is on {work}, and what is measured is {named}")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(uuid: &str, bus: &str) -> Card {
        Card { ordinal: 0, uuid: uuid.to_owned(), name: "Card".to_owned(), bus: bus.to_owned(), capability: (9, 0), memory: 1 }
    }

    fn board(uuid: &str, bus: &str) -> Board {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Board { uuid: some(uuid), bus: some(bus) }
    }

    #[test]
    fn a_card_is_told_by_uuid_and_else_by_its_place_on_the_bus() {
        for (ours, theirs, expected) in [
            (("GPU-0A", ""), ("GPU-0a", "0000:41:00.0"), Some(true)),
            // The bus of a machine may be another after a boot, a UUID is not.
            (("GPU-0a", "00000000:41:00.0"), ("GPU-0b", "0000:41:00.0"), Some(false)),
            (("", "00000000:41:00.0"), ("GPU-0b", "0000:41:00.0"), Some(true)),
            (("", "00000001:41:00.0"), ("GPU-0b", "0000:41:00.0"), Some(false)),
            // A board and an instance of it; one instance is not another.
            (("GPU-0a", "00000000:41:00.0"), ("MIG-1", "0000:41:00.0"), Some(true)),
            (("GPU-0a", "00000000:41:00.0"), ("MIG-1", "0000:42:00.0"), Some(false)),
            (("MIG-1", "00000000:41:00.0"), ("MIG-2", "0000:41:00.0"), Some(false)),
            (("MIG-1", "00000000:41:00.0"), ("GPU-0a", "0000:41:00.0"), Some(true)),
            (("", ""), ("GPU-0b", "0000:41:00.0"), None),
            (("", "?"), ("GPU-0b", "0000:41:00.0"), None),
        ] {
            assert_eq!(board(ours.0, ours.1).is(&card(theirs.0, theirs.1)), expected, "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn a_number_is_nvml_s() {
        let cards = [card("GPU-b", "0000:41:00.0"), card("GPU-a", "0000:81:00.0")];
        let nvml = [board("GPU-c", ""), board("GPU-a", ""), board("GPU-b", "")];
        let uuids = |choice: &str, counted: &[Board]| {
            let choice = Choice::parse(choice).expect("a choice");
            chosen(&choice, &cards, Measured::Nothing, counted).map(|c| c.iter().map(|c| c.uuid.clone()).collect::<Vec<_>>())
        };
        assert_eq!(uuids("1", &nvml).expect("shown"), ["GPU-a"]);
        assert_eq!(uuids("2,1", &nvml).expect("shown"), ["GPU-b", "GPU-a"]);
        let hidden = uuids("0", &nvml).expect_err("CUDA has no such card").to_string();
        assert!(hidden.contains("GPU-c") && hidden.contains("CUDA_VISIBLE_DEVICES"), "{hidden}");
        // Without NVML, or where it tells nothing of them, by the bus.
        assert_eq!(uuids("0", &[]).expect("there"), ["GPU-b"]);
        assert_eq!(uuids("1", &[board("", ""), board("", "")]).expect("there"), ["GPU-a"]);
        assert!(uuids("2", &[]).is_err());
        let measured = [board("GPU-a", "")];
        let found = chosen(&Choice::Any, &cards, Measured::Gpus(&measured), &nvml).expect("there");
        assert_eq!(found[0].uuid, "GPU-a", "where it is measured");
    }

    #[test]
    fn work_elsewhere_than_what_is_measured_is_refused() {
        let (a, b) = (card("GPU-a", "0000:41:00.0"), card("GPU-b", "0000:81:00.0"));
        let (of_a, of_b, silent) = (board("GPU-a", ""), board("GPU-b", ""), board("", ""));
        let told = |cards: &[&Card], boards: &[Board]| held(cards, Measured::Gpus(boards));
        for (cards, boards) in
            [(&[&b][..], std::slice::from_ref(&of_a)), (&[&a], &[of_a.clone(), of_b.clone()]), (&[&a, &b], std::slice::from_ref(&of_b))]
        {
            let why = told(cards, boards).expect_err("another set").to_string();
            for words in ["--workload cuda:GPU-", "--accelerator nvml:GPU-", &cards[0].uuid, boards[0].uuid.as_deref().expect("told")] {
                assert!(why.contains(words), "{words}: {why}");
            }
        }
        for (cards, boards) in [(&[&a][..], &[of_a.clone()][..]), (&[&b, &a], &[of_a.clone(), of_b.clone()])] {
            assert_eq!(told(cards, boards), Ok(None));
        }
        assert!(
            told(&[&a], std::slice::from_ref(&silent))
                .expect("may be")
                .is_some_and(|why| why.contains("cannot be told") && why.contains("GPU-a"))
        );
        let host = held(&[&a], Measured::Host).expect_err("elsewhere").to_string();
        assert!(host.contains("the host's processor") && host.contains("--accelerator nvml:GPU-a") && !host.contains("cuda:"), "{host}");
        assert_eq!(held(&[&a], Measured::Nothing), Ok(None));
    }
}
