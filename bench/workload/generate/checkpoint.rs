//! Where a generator is, written down and taken back: what its sequences hold and would do next, without the weights.
//!
//! Not here: files (`eclipse`), what an engine keeps (`Engine::save`).

use super::Generator;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::io::{self, Read, Write};

/// Marks a checkpoint and its version.
const MAGIC: &[u8; 8] = b"orbkv\0\0\x02";

impl Generator {
    /// Writes where the work is: what the sequences hold and what they would do next. Not the weights.
    pub fn save(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&(self.sequences.len() as u64).to_le_bytes())?;
        for s in &self.sequences {
            out.write_all(&s.rng.get_seed())?;
            out.write_all(&s.rng.get_stream().to_le_bytes())?;
            out.write_all(&s.rng.get_word_pos().to_le_bytes())?;
            for n in [u64::from(s.next), s.ends_at as u64, s.asked, s.prompt.len() as u64] {
                out.write_all(&n.to_le_bytes())?;
            }
            for token in &s.prompt {
                out.write_all(&token.to_le_bytes())?;
            }
        }
        self.engine.save(out)
    }

    /// Goes on from a checkpoint of the same model, batch and task; the tokens that follow are the same as without.
    pub fn load(&mut self, input: &mut impl Read) -> io::Result<()> {
        let other = |what: &str| io::Error::other(format!("this is no checkpoint of this work: {what}"));
        let c = *self.engine.config();
        if &bytes::<8>(input)? != MAGIC {
            return Err(other("it does not begin as one"));
        }
        if u64::from_le_bytes(bytes(input)?) != self.sequences.len() as u64 {
            return Err(other("its batch has another size"));
        }
        for s in &mut self.sequences {
            s.rng = ChaCha8Rng::from_seed(bytes(input)?);
            s.rng.set_stream(u64::from_le_bytes(bytes(input)?));
            s.rng.set_word_pos(u128::from_le_bytes(bytes(input)?));
            let mut number = |most: usize| {
                let n = u64::from_le_bytes(bytes(input)?);
                if n <= most as u64 { Ok(n as usize) } else { Err(other("a number is out of range")) }
            };
            (s.next, s.ends_at) = (number(c.vocabulary - 1)? as u32, number(c.context)?);
            s.asked = number(usize::MAX)? as u64;
            s.passage = None;
            let left = number(c.context)?;
            s.prompt.clear();
            for _ in 0..left {
                let token = u32::from_le_bytes(bytes(input)?);
                s.prompt.push(if (token as usize) < c.vocabulary { token } else { return Err(other("a token is out of range")) });
            }
        }
        self.engine.load(input)
    }
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
