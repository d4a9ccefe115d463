//! Whether to believe what a server says that it did: its `usage` held against what was asked and what came. Pure: no connection, no clock.
//!
//! Work per joule stands on these numbers and only the server knows them, so that what cannot be is refused, and no more is counted than what came can hold. What can
//! be is believed: a server that lies within these bounds is not found out here.

use super::client::Usage;
use serde_json::Value;

/// Fewest tokens are one for so many words. Vocabularies have one to two tokens a word; those with tokens across words reach two words.
const WORDS_A_TOKEN: u64 = 4;
/// Most tokens of a word of ours, which are common ones of ten letters at most.
const TOKENS_A_WORD: u64 = 3;
/// Text has more bytes than this for two tokens: English has about four a token, digits and single letters one. Below it an answer is odd.
const BYTES_FOR_TWO: u64 = 3;
/// Chunks of an answer for each token that was asked for: servers send one a token, or fewer. What goes on beyond has no end.
const CHUNKS_A_TOKEN: u64 = 4;
/// Chunks besides: role, usage, the end.
const MORE_CHUNKS: u64 = 64;
/// Longest text of a token, bytes: vocabularies have runs of 128 blanks.
const BYTES_A_TOKEN: u64 = 256;

/// The account of one answer.
#[derive(Debug)]
pub(super) struct Account {
    most_output: u64,
    least_input: u64,
    most_input: u64,
    text_bytes: u64,
    chunks: u64,
    stated: Option<Usage>,
}

impl Account {
    /// Of the answer to this request, whose prompt has so many words (`None` where the prompt is none of ours), from a server that adds at most `template` tokens of its own.
    pub(super) fn new(body: &Value, words: Option<u64>, template: u64) -> Self {
        let whole = |key: &str| body.get(key).and_then(Value::as_u64);
        // Either name may be given besides ours.
        let most = whole("max_tokens").into_iter().chain(whole("max_completion_tokens")).max().unwrap_or(u64::MAX);
        Self {
            most_output: most.saturating_mul(whole("n").unwrap_or(1).max(1)),
            least_input: words.map_or(1, |words| (words / WORDS_A_TOKEN).max(1)),
            // No token of text is less than a byte.
            most_input: template + words.map_or_else(|| body["messages"].to_string().len() as u64, |words| words * TOKENS_A_WORD),
            text_bytes: 0,
            chunks: 0,
            stated: None,
        }
    }

    /// A chunk came with so much text, of the answer or of the thinking before it. The error says why no end is to be expected.
    pub(super) fn chunk(&mut self, bytes: usize) -> Result<(), String> {
        self.text_bytes += bytes as u64;
        self.chunks += 1;
        let most = self.most_output;
        let (chunks, text) = (most.saturating_mul(CHUNKS_A_TOKEN).saturating_add(MORE_CHUNKS), most.saturating_mul(BYTES_A_TOKEN));
        if self.chunks > chunks {
            return Err(format!("the answer goes on after {chunks} chunks where {most} tokens at most were asked for"));
        }
        if self.text_bytes > text {
            return Err(format!("the answer goes on after {text} bytes of text where {most} tokens at most were asked for"));
        }
        Ok(())
    }

    /// The server states the totals so far. What of them may be counted by now, if anything; the error says why none of it is believed.
    pub(super) fn state(&mut self, usage: Usage) -> Result<Option<Usage>, String> {
        let Usage { input, output } = usage;
        if output > self.most_output {
            return Err(format!("usage says {output} completion_tokens where {} at most were asked for", self.most_output));
        }
        if input < self.least_input {
            return Err(format!(
                "usage says {input} prompt_tokens for a prompt of at least {}: either it counts wrongly or it cut the prompt off; give it a longer \
                 context, or take a smaller prompt_words",
                self.least_input
            ));
        }
        if input > self.most_input {
            return Err(format!(
                "usage says {input} prompt_tokens for a prompt that with its template has at most {}: if the server's template and system prompt really are that long, \
                 say so with template_tokens",
                self.most_input
            ));
        }
        if let Some(before) = self.stated
            && (output < before.output || input < before.input)
        {
            return Err(format!("usage falls from {} and {} tokens in and out to {input} and {output}", before.input, before.output));
        }
        self.stated = Some(usage);
        // The first tokens may be no letter yet, or never: that is known at the end. No more is counted than text can hold: what is beyond is special tokens at best.
        let counted = Usage { input, output: output.min(self.text_bytes) };
        Ok((self.text_bytes > 0 || output == 0).then_some(counted))
    }

    /// The answer is over: its usage, `None` if none was stated.
    pub(super) fn close(&self) -> Result<Option<Usage>, String> {
        match self.stated {
            Some(usage) if usage.output > 0 && self.text_bytes == 0 => {
                Err(format!("usage says {} completion_tokens and no text came, neither content nor reasoning", usage.output))
            }
            stated => Ok(stated),
        }
    }

    /// What is odd though it may be once: text has more than a byte a token.
    pub(super) fn doubt(&self) -> Option<String> {
        let output = self.stated?.output;
        (output * BYTES_FOR_TWO > 2 * self.text_bytes).then(|| {
            format!(
                "usage says {output} completion_tokens for {} bytes of text: the rest must be special tokens, or the server counts wrongly",
                self.text_bytes
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn account(more: Value) -> Account {
        let mut body = json!({"messages": [{"role": "user", "content": "one two three four five six seven eight"}], "max_tokens": 64});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        Account::new(&body, Some(8), 256)
    }

    const fn usage(input: u64, output: u64) -> Usage {
        Usage { input, output }
    }

    #[test]
    fn what_can_be_is_believed() {
        for (more, tokens) in [(json!({}), 64), (json!({"max_completion_tokens": 100}), 100), (json!({"n": 2}), 128)] {
            let mut account = account(more);
            account.chunk(400).expect("short");
            assert_eq!(account.state(usage(30, tokens)), Ok(Some(usage(30, tokens))));
            assert_eq!((account.close(), account.doubt()), (Ok(Some(usage(30, tokens))), None));
        }
        let mut silent = account(json!({}));
        assert_eq!(silent.close(), Ok(None), "nothing was stated");
        assert_eq!(silent.state(usage(30, 0)), Ok(Some(usage(30, 0))));
        assert_eq!(silent.close(), Ok(Some(usage(30, 0))), "no token and no text go together");
    }

    #[test]
    fn what_cannot_be_is_refused_with_words() {
        for (statements, words) in [
            (&[usage(30, 65)][..], "65 completion_tokens where 64 at most"),
            (&[usage(30, 1_000_000_000)], "1000000000 completion_tokens"),
            (&[usage(0, 5)], "0 prompt_tokens for a prompt of at least 2"),
            (&[usage(1, 5)], "cut the prompt off"),
            (&[usage(1_000_000, 5)], "1000000 prompt_tokens for a prompt that"),
            // Eight words have 24 tokens at most, and the template 256.
            (&[usage(281, 5)], "say so with template_tokens"),
            // Up and down, each rise counted, would make any number of them.
            (&[usage(30, 50), usage(30, 10)], "falls"),
        ] {
            let mut account = account(json!({}));
            account.chunk(300).expect("short");
            let outcome: Result<Vec<_>, String> = statements.iter().map(|u| account.state(*u)).collect();
            let why = outcome.expect_err(words);
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn tokens_without_text_are_not_counted_and_refused_at_the_end() {
        let mut account = account(json!({}));
        assert_eq!(account.state(usage(30, 64)), Ok(None));
        assert!(account.close().expect_err("no text").contains("no text came"));
        account.chunk(1).expect("short");
        assert_eq!(account.state(usage(30, 64)), Ok(Some(usage(30, 1))), "a token of text has a byte");
        assert!(account.doubt().expect("doubtful").contains("for 1 bytes of text"));
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let mut small = account(json!({}));
        let chunks = (0..10_000).take_while(|_| small.chunk(5).is_ok()).count();
        assert_eq!(chunks as u64, 64 * CHUNKS_A_TOKEN + MORE_CHUNKS);
        let why = account(json!({})).chunk(64 * 256 + 1).expect_err("a book").clone();
        assert!(why.contains("64 tokens at most were asked for"), "{why}");
        // What nobody bounds has no bound.
        let mut open = Account::new(&json!({"messages": []}), None, 256);
        assert!((0..100_000).all(|_| open.chunk(1000).is_ok()));
    }

    #[test]
    fn a_byte_a_token_is_odd() {
        for (bytes, odd) in [(32, true), (47, true), (48, false), (200, false)] {
            let mut account = account(json!({}));
            account.chunk(bytes).expect("short");
            account.state(usage(30, 32)).expect("may be");
            assert_eq!(account.doubt().is_some(), odd, "{bytes} bytes");
        }
    }

    proptest! {
        #[test]
        fn what_is_counted_never_falls_nor_passes_what_was_asked(statements in proptest::collection::vec((0_u64..10_000, 0_u64..200, 0_usize..4), 0..20)) {
            let (mut account, mut last) = (account(json!({})), 0);
            for (input, output, bytes) in statements {
                account.chunk(bytes).expect("short");
                if let Ok(Some(counted)) = account.state(usage(input, output)) {
                    prop_assert!(counted.output >= last && counted.output <= 64);
                    last = counted.output;
                }
            }
        }
    }
}
