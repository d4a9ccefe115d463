//! Where a generator is, written down and taken back: what its sequences hold and would do next, without the weights.
//!
//! Not here: files (`eclipse`), what an engine keeps (`Engine::save`).

use super::Generator;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::io::{self, Read, Write};

/// Marks a generator's state and its version.
const MAGIC: &[u8; 8] = b"orbkv\0\0\x03";

impl Generator {
    /// Writes where the work is: what the sequences hold and what they would do next. Not the weights, nor who follows the known text.
    pub fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&(self.sequences.len() as u64).to_le_bytes())?;
        for s in &self.sequences {
            save_draws(&s.rng, out)?;
            out.write_all(&s.asked.1.to_le_bytes())?;
            for n in [u64::from(s.next), s.ends_at as u64, s.order, s.prompt.len() as u64, s.asked.0.len() as u64] {
                out.write_all(&n.to_le_bytes())?;
            }
            for token in &s.asked.0 {
                out.write_all(&token.to_le_bytes())?;
            }
        }
        self.engine.save(out)
    }

    /// Goes on from a checkpoint of the same model, batch and task; the tokens that follow are the same as without, but for those of sequences that
    /// followed the known text, which do no longer. The next that begins anew by its turn does.
    pub fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        let other = |what: &str| io::Error::other(format!("this is no checkpoint of this work: {what}"));
        let c = *self.engine.config();
        if &bytes::<8>(input)? != MAGIC {
            return Err(other("it does not begin as one"));
        }
        if u64::from_le_bytes(bytes(input)?) != self.sequences.len() as u64 {
            return Err(other("its batch has another size"));
        }
        for s in &mut self.sequences {
            s.rng = load_draws(input)?;
            let asked_at = u128::from_le_bytes(bytes(input)?);
            let mut number = |most: usize| {
                let n = u64::from_le_bytes(bytes(input)?);
                if n <= most as u64 { Ok(n as usize) } else { Err(other("a number is out of range")) }
            };
            (s.next, s.ends_at) = (number(c.vocabulary - 1)? as u32, number(c.context)?);
            s.order = number(usize::MAX)? as u64;
            s.passage = None;
            let (left, prompt) = (number(c.context)?, number(c.context)?);
            let mut asked = Vec::with_capacity(prompt);
            for _ in 0..prompt {
                let token = u32::from_le_bytes(bytes(input)?);
                asked.push(if (token as usize) < c.vocabulary { token } else { return Err(other("a token is out of range")) });
            }
            s.prompt = asked.get(..left).ok_or_else(|| other("more is left of a prompt than there was"))?.to_vec();
            s.asked = (asked, asked_at);
        }
        self.watch_anew();
        self.engine.load(input)
    }
}

/// Where draws stand.
pub(crate) fn save_draws(rng: &ChaCha8Rng, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&rng.get_seed())?;
    out.write_all(&rng.get_stream().to_le_bytes())?;
    out.write_all(&rng.get_word_pos().to_le_bytes())
}

pub(crate) fn load_draws(input: &mut dyn Read) -> io::Result<ChaCha8Rng> {
    let mut rng = ChaCha8Rng::from_seed(bytes(input)?);
    rng.set_stream(u64::from_le_bytes(bytes(input)?));
    rng.set_word_pos(u128::from_le_bytes(bytes(input)?));
    Ok(rng)
}

pub(crate) fn bytes<const N: usize>(input: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
