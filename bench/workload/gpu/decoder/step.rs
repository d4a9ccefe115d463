//! How the tokens of a step lie before the kernels, and in which sizes: a step is filled up to the next of a few, so that the same sizes come again and can be recorded.
//!
//! What fills up belongs to nobody: rows whose sequence is [`NOBODY`] are computed like any other but seen by no sequence, attention's places for nobody's rows and empty tiles end at
//! once, and what is chosen for nobody is not looked at. Where everybody takes one token there is nothing to fill up: those steps have as many rows as tokens.
//!
//! Not here: what is computed.

use super::ROWS;
use crate::engine::{Draw, Feed};

/// Query rows of a tile of `attend_many`.
const TILE: usize = 64;
/// `kernels/common.cu` has the same.
pub(super) const NOBODY: u32 = u32::MAX;
/// Rows beyond this many come in multiples of it: products of matrices go by tiles of as many or more.
const COARSE: usize = 32;

/// Sections of a step's inputs, each a stride long.
pub(super) const TOKENS: usize = 0;
pub(super) const SEQUENCES: usize = 1;
pub(super) const POSITIONS: usize = 2;
/// Rows whose attention goes one by one.
pub(super) const SINGLES: usize = 3;
/// The last row of each member of the feed.
pub(super) const WHICH: usize = 4;
/// Two words each.
pub(super) const DRAWS: usize = 5;
/// Four words a tile, to the end.
pub(super) const TILES: usize = 7;

/// All of a step that its launches depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) singles: usize,
    pub(super) tiles: usize,
    pub(super) lasts: usize,
}

impl Size {
    /// Words of a section of the inputs: draws are of eight bytes each, tiles of sixteen, and a card reads them whole only.
    pub(super) const fn stride(self) -> usize {
        stride(self.rows)
    }
}

const fn stride(rows: usize) -> usize {
    rows.next_multiple_of(4)
}

/// A step: its size, and the words that the kernels read.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) size: Size,
    pub(super) words: Vec<u32>,
}

/// The size that `n` rows are filled up to.
const fn filled(n: usize) -> usize {
    if n <= ROWS {
        ROWS
    } else if n <= COARSE {
        COARSE
    } else {
        n.next_multiple_of(COARSE)
    }
}

/// Most rows of a step.
pub(super) const fn most_rows(sequences: usize, chunk: usize) -> usize {
    filled(chunk + sequences)
}

/// Most words of a step.
pub(super) const fn most_words(sequences: usize, chunk: usize) -> usize {
    let tiles = chunk / TILE + sequences + 1;
    TILES * stride(most_rows(sequences, chunk)) + 4 * tiles.next_power_of_two()
}

impl Step {
    /// Lays the tokens of a feed out, of sequences that hold so many already. `tiled`: those of a prompt are looked back from in tiles.
    pub(super) fn lay(feed: &Feed<'_>, draws: Option<&[Draw]>, lengths: &[usize], tiled: bool) -> Self {
        let real = feed.iter().map(|(_, tokens)| tokens.len()).sum::<usize>();
        let answers = real == feed.len();
        let rows = if answers { real } else { filled(real) };
        let stride = stride(rows);
        let mut words = vec![0_u32; TILES * stride];
        let mut singles = Vec::new();
        let mut row = 0;
        for (n, (sequence, tokens)) in feed.iter().enumerate() {
            let from = lengths[*sequence];
            for (i, token) in tokens.iter().enumerate() {
                words[TOKENS * stride + row + i] = *token;
                words[SEQUENCES * stride + row + i] = *sequence as u32;
                words[POSITIONS * stride + row + i] = (from + i) as u32;
            }
            if tiled && tokens.len() > 1 {
                for tile in (0..tokens.len()).step_by(TILE) {
                    words.extend([*sequence, row + tile, from + tile, TILE.min(tokens.len() - tile)].map(|n| n as u32));
                }
            } else {
                singles.extend(row..row + tokens.len());
            }
            row += tokens.len();
            words[WHICH * stride + n] = (row - 1) as u32;
        }
        words[SEQUENCES * stride + real..(SEQUENCES + 1) * stride].fill(NOBODY);
        singles.extend(real..rows);
        let alone = if answers || singles.is_empty() { singles.len() } else { filled(singles.len()) };
        words[SINGLES * stride..][..alone].fill(NOBODY);
        for (word, single) in words[SINGLES * stride..].iter_mut().zip(&singles) {
            *word = *single as u32;
        }
        let lasts = if answers { real } else { filled(feed.len()).min(lengths.len()) };
        for n in 0..lasts {
            let draw = match draws.and_then(|d| d.get(n)) {
                Some(Draw::By(draw)) => i64::from(*draw),
                _ => -1,
            };
            words[DRAWS * stride + 2 * n] = draw as u32;
            words[DRAWS * stride + 2 * n + 1] = (draw >> 32) as u32;
        }
        let tiles = (words.len() - TILES * stride) / 4;
        let tiles = if tiles == 0 { 0 } else { tiles.next_power_of_two() };
        words.resize(TILES * stride + 4 * tiles, 0);
        Self { size: Size { rows, singles: alone, tiles, lasts }, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay(feed: &[(usize, usize)], held: &[usize], tiled: bool) -> Step {
        let tokens: Vec<Vec<u32>> = feed.iter().map(|(_, n)| (10..10 + *n as u32).collect()).collect();
        let feed: Vec<(usize, &[u32])> = feed.iter().zip(&tokens).map(|((s, _), t)| (*s, &t[..])).collect();
        let draws: Vec<Draw> = (0..feed.len()).map(|n| Draw::By(n as u32)).collect();
        Step::lay(&feed, Some(&draws), held, tiled)
    }

    /// Every real row once in attention, alone or in a tile; every other row nobody's; and all within the room.
    #[test]
    fn every_row_is_looked_back_from_once() {
        for tiled in [false, true] {
            for prompts in [vec![], vec![1], vec![2], vec![65, 1], vec![64, 200, 3], vec![511, 511, 1, 128]] {
                for answers in [0, 1, 5, 60] {
                    let members = prompts.len() + answers;
                    if members == 0 {
                        continue;
                    }
                    let feed: Vec<(usize, usize)> = prompts.iter().copied().chain(vec![1; answers]).enumerate().collect();
                    let held: Vec<usize> = (0..members + 3).collect();
                    let Step { size, words } = lay(&feed, &held, tiled);
                    let real: usize = feed.iter().map(|(_, n)| n).sum();
                    let chunk = prompts.iter().sum();
                    assert!(size.rows <= most_rows(members, chunk) && words.len() <= most_words(members, chunk), "{feed:?}");
                    assert!(size.singles <= size.rows && size.lasts <= members.max(held.len()) && 2 * size.lasts <= 2 * size.rows);
                    let section = |n: usize| &words[n * size.stride()..][..size.rows];
                    let mut seen: Vec<u32> = section(SINGLES)[..size.singles].iter().copied().filter(|r| *r != NOBODY).collect();
                    for tile in words[TILES * size.stride()..].chunks_exact(4) {
                        let [sequence, row, position, count] = [tile[0], tile[1], tile[2], tile[3]];
                        for i in 0..count {
                            assert_eq!(section(SEQUENCES)[(row + i) as usize], sequence);
                            assert_eq!(section(POSITIONS)[(row + i) as usize], position + i);
                        }
                        seen.extend(row..row + count);
                    }
                    seen.sort_unstable();
                    assert_eq!(seen, (0..size.rows as u32).collect::<Vec<_>>(), "{feed:?}");
                    assert_eq!(section(SEQUENCES).iter().filter(|s| **s == NOBODY).count(), size.rows - real);
                    assert_eq!(words.len(), TILES * size.stride() + 4 * size.tiles);
                    assert!(
                        (DRAWS * size.stride()).is_multiple_of(2) && (TILES * size.stride()).is_multiple_of(4),
                        "whole words of a card's"
                    );
                }
            }
        }
    }

    /// As servers have it: some prompts of one length among answers. Sizes recur, and none is a quarter more than was asked for.
    #[test]
    fn steps_come_in_few_sizes() {
        let mut sizes = std::collections::HashSet::new();
        for begin in 0..200 {
            let prompts = 1 + begin * 7 % 4;
            let feed: Vec<(usize, usize)> = (0..256).map(|s| (s, if s < prompts { 128 } else { 1 })).collect();
            let Step { size, .. } = lay(&feed, &vec![begin; 256], true);
            assert!(size.rows < (256 + 127 * prompts) * 5 / 4);
            sizes.insert(size);
        }
        assert_eq!(sizes.len(), 4);
        // Answers alone are not filled up.
        let all: Vec<(usize, usize)> = (0..7).map(|s| (s, 1)).collect();
        assert_eq!(lay(&all, &[3; 9], true).size, Size { rows: 7, singles: 7, tiles: 0, lasts: 7 });
    }
}
