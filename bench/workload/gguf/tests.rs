//! Small files made here, broken ones, and a real model against llama.cpp.

use super::*;
use crate::decoder::Decoder;
use crate::reference;
use std::io::{BufRead, Write};
use std::sync::Arc;

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A file with these weights, as F32, laid out as llama.cpp's converter does.
fn file(w: &Weights) -> Vec<u8> {
    file_with(w, None)
}

/// The same with one more value in its header: key, kind and bytes.
fn file_with(w: &Weights, more: Option<(&str, u32, &[u8])>) -> Vec<u8> {
    let c = w.config;
    let (kv, d) = (c.kv_width(), c.head_width());
    let rows = |m: &Matrix, from: usize, n: usize| -> Vec<f32> {
        (from..from + n).flat_map(|o| (0..m.inputs).map(move |i| m.data[i * m.outputs + o])).collect()
    };
    let interleaved = |rows: Vec<f32>| -> Vec<f32> {
        let order = |r: usize| (r / d) * d + (r % d) / 2 + (r % 2) * d / 2;
        (0..rows.len() / c.width).flat_map(|r| rows[order(r) * c.width..][..c.width].to_vec()).collect()
    };
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), vec![c.width, c.vocabulary], w.embedding.data.clone()),
        ("output_norm.weight".to_owned(), vec![c.width], w.norm.clone()),
    ];
    if let Some(head) = &w.head {
        tensors.push(("output.weight".to_owned(), vec![c.width, c.vocabulary], rows(head, 0, c.vocabulary)));
    }
    for (n, l) in w.layers.iter().enumerate() {
        let mut push = |part: &str, sizes: Vec<usize>, data: Vec<f32>| tensors.push((format!("blk.{n}.{part}.weight"), sizes, data));
        push("attn_q", vec![c.width, c.width], interleaved(rows(&l.qkv, 0, c.width)));
        push("attn_k", vec![c.width, kv], interleaved(rows(&l.qkv, c.width, kv)));
        push("attn_v", vec![c.width, kv], rows(&l.qkv, c.width + kv, kv));
        push("attn_output", vec![c.width, c.width], rows(&l.out, 0, c.width));
        push("ffn_gate", vec![c.width, c.hidden], rows(&l.gate_up, 0, c.hidden));
        push("ffn_up", vec![c.width, c.hidden], rows(&l.gate_up, c.hidden, c.hidden));
        push("ffn_down", vec![c.hidden, c.width], rows(&l.down, 0, c.width));
        push("attn_norm", vec![c.width], l.norm_attention.clone());
        push("ffn_norm", vec![c.width], l.norm_forward.clone());
    }
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((9 + u64::from(more.is_some())).to_le_bytes());
    if let Some((key, kind, value)) = more {
        text(&mut out, key);
        out.extend(kind.to_le_bytes());
        out.extend(value);
    }
    text(&mut out, "general.architecture");
    out.extend(8_u32.to_le_bytes());
    text(&mut out, "llama");
    for (key, n) in [
        ("block_count", c.layers),
        ("embedding_length", c.width),
        ("attention.head_count", c.heads),
        ("attention.head_count_kv", c.kv_width() / d),
        ("feed_forward_length", c.hidden),
        ("context_length", c.context),
    ] {
        text(&mut out, &format!("llama.{key}"));
        out.extend(4_u32.to_le_bytes());
        out.extend((n as u32).to_le_bytes());
    }
    text(&mut out, "llama.rope.freq_base");
    out.extend(6_u32.to_le_bytes());
    out.extend(c.rotary_base.to_le_bytes());
    text(&mut out, "tokenizer.ggml.tokens");
    out.extend(9_u32.to_le_bytes());
    out.extend(8_u32.to_le_bytes());
    out.extend(1_u64.to_le_bytes());
    text(&mut out, "a");
    let mut at = 0;
    for (name, sizes, data) in &tensors {
        text(&mut out, name);
        out.extend((sizes.len() as u32).to_le_bytes());
        out.extend(sizes.iter().flat_map(|n| (*n as u64).to_le_bytes()));
        out.extend(0_u32.to_le_bytes());
        out.extend((at as u64).to_le_bytes());
        at += data.len() * 4;
    }
    out.resize(out.len().next_multiple_of(32), 0);
    tensors.iter().flat_map(|(_, _, data)| data).for_each(|x| out.extend(x.to_le_bytes()));
    out
}

fn read(bytes: &[u8]) -> Result<Weights, String> {
    let mut file = tempfile::NamedTempFile::new().expect("room");
    file.write_all(bytes).expect("room");
    weights(file.path())
}

const SHAPE: Config =
    Config { layers: 2, width: 24, heads: 4, kv_heads: Some(2), hidden: 40, vocabulary: 17, context: 8, rotary_base: 5e4, ..Config::USUAL };

#[test]
fn what_was_written_is_read() {
    for tied in [false, true] {
        let w = Weights::random(Config { tied, ..SHAPE }, 4);
        let back = read(&file(&w)).expect("sound");
        assert_eq!(back.config, w.config);
        let tokens = [3, 11, 0, 16];
        assert_eq!(reference::logits(&w, &tokens), reference::logits(&back, &tokens));
    }
}

#[test]
fn a_broken_file_is_refused_and_never_panics() {
    let whole = file(&Weights::random(SHAPE, 4));
    for (bytes, expected) in [
        (b"GGML".to_vec(), "does not begin with GGUF"),
        (whole[..whole.len() - 4].to_vec(), "does not fit into the file"),
        (whole[..100].to_vec(), "breaks off"),
        ([&b"GGUF\x01\0\0\0"[..], &whole[8..]].concat(), "version 1"),
    ] {
        let why = read(&bytes).expect_err(expected);
        assert!(why.contains(expected), "{why}");
    }
    // Any byte of the header changed: refused, or read as something sound.
    for at in 0..700 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let _ = read(&bytes);
    }
}

/// A file with one more value in its header.
fn changed(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    file_with(&Weights::random(SHAPE, 4), Some((key, kind, value)))
}

#[test]
fn what_would_change_the_answers_is_refused_by_name() {
    let string = |word: &str| {
        let mut value = Vec::new();
        text(&mut value, word);
        value
    };
    let real = |x: f32| x.to_le_bytes().to_vec();
    for (key, kind, value, words) in [
        ("llama.rope.scaling.type", 8, string("yarn"), "llama.rope.scaling.type is yarn"),
        ("llama.rope.scaling.factor", 6, real(4.0), "llama.rope.scaling.factor is 4"),
        ("llama.rope.scale_linear", 6, real(2.0), "llama.rope.scale_linear is 2"),
        ("llama.attention.layer_norm_rms_epsilon", 6, real(-1e-5), "llama.attention.layer_norm_rms_epsilon is"),
        ("llama.attention.layer_norm_rms_epsilon", 4, 1_u32.to_le_bytes().to_vec(), "is no real number"),
    ] {
        let why = read(&changed(key, kind, &value)).map(drop).expect_err(words);
        assert!(why.contains(words), "{why}");
    }
    for (key, kind, value) in [("llama.rope.scaling.type", 8, string("none")), ("llama.rope.scaling.factor", 6, real(1.0))] {
        read(&changed(key, kind, &value)).expect("it says nothing");
    }
    for base in [f32::NAN, -1.0, 0.0, f32::INFINITY] {
        let why = read(&file(&Weights::random(Config { rotary_base: base, ..SHAPE }, 4))).map(drop).expect_err("no base");
        assert!(why.contains("llama.rope.freq_base is"), "{why}");
    }
}

#[test]
fn tensors_in_one_place_or_none_and_unknown_ones_are_refused() {
    let whole = file(&Weights::random(SHAPE, 4));
    // Of the header's entry of a tensor of two dimensions: name, two sizes, kind, place.
    let entry = |name: &str| whole.windows(name.len()).position(|w| w == name.as_bytes()).expect("there") + name.len();
    let placed = |name: &str, at: u64| {
        let mut bytes = whole.clone();
        bytes[entry(name) + 24..][..8].copy_from_slice(&at.to_le_bytes());
        bytes
    };
    let why = read(&placed("blk.1.attn_k.weight", 0)).map(drop).expect_err("overlap");
    assert!(why.contains("inside of") && why.contains("blk.1.attn_k.weight") && why.contains("token_embd.weight"), "{why}");
    // Far enough to come round to the header.
    for at in [u64::MAX - 31, 0_u64.wrapping_sub(whole.len() as u64), 1 << 40] {
        let why = read(&placed("blk.1.attn_k.weight", at)).map(drop).expect_err("beyond");
        assert!(why.contains("blk.1.attn_k.weight does not fit into the file"), "{why}");
    }
    let named = |from: &str, to: &str| {
        let mut bytes = whole.clone();
        let at = entry(from) - from.len();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    // A bias where a head was: the same length of name.
    let why = read(&named("output.weight", "blk.0.q_bias.")).map(drop).expect_err("unknown");
    assert!(why.contains("it has blk.0.q_bias."), "{why}");
    let why = read(&named("blk.1.attn_k.weight", "blk.0.attn_k.weight")).map(drop).expect_err("twice");
    assert!(why.contains("it has blk.0.attn_k.weight twice"), "{why}");
}

#[test]
fn a_weight_that_is_no_number_is_the_file_s_fault_by_name() {
    let config = Config { layers: 1, width: 16, heads: 2, hidden: 8, vocabulary: 8, context: 8, ..Config::USUAL };
    for odd in [f32::NAN, f32::INFINITY] {
        let mut w = Weights::random(config, 3);
        w.layers[0].down.data[5] = odd;
        let why = read(&file(&w)).map(drop).expect_err("no number");
        assert!(
            why.contains("blk.0.ffn_down.weight")
                && why.contains(&format!("has {odd} as its number"))
                && why.contains("the file is damaged"),
            "{why}"
        );
    }
}

#[test]
fn blocks_are_decoded_as_ggml_defines_them() {
    assert_eq!([0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00].map(f16), [1.0, -2.0, 2.0_f32.powi(-24), 65504.0, f32::INFINITY]);
    assert!(f16(0x7e00).is_nan());
    let mut out = [0.0; 32];
    // Scale 2, minimum 1; codes 0 to 15 in the low halves, 15 to 0 in the high ones.
    let codes: Vec<u8> = (0..16).map(|i| i | (15 - i) << 4).collect();
    Kind::Q4_1.decode(&[&[0x00, 0x40, 0x00, 0x3c][..], &codes].concat(), &mut out);
    assert_eq!((out[0], out[15], out[16], out[31]), (1.0, 31.0, 31.0, 1.0));
    Kind::Q4_0.decode(&[&[0x00, 0x40][..], &codes].concat(), &mut out);
    assert_eq!((out[0], out[15], out[16], out[31]), (-16.0, 14.0, 14.0, -16.0));
    Kind::Q8_0.decode(&[&[0x00, 0x40][..], &[0x80; 32]].concat(), &mut out);
    assert_eq!(out, [-256.0; 32]);
    Kind::Bf16.decode(&[0x80, 0x3f], &mut out[..1]);
    assert_eq!(out[0], 1.0);
}

/// Every number of a model, in a fixed order.
fn all(w: &Weights) -> Vec<&[f32]> {
    fn layer(l: &Layer) -> [&[f32]; 6] {
        [&l.norm_attention, &l.qkv.data, &l.out.data, &l.norm_forward, &l.gate_up.data, &l.down.data]
    }
    let ends = [&w.embedding.data[..], &w.norm, w.head.as_ref().map_or(&[], |head| &head.data)];
    w.layers.iter().flat_map(layer).chain(ends).collect()
}

/// The real model, computed here and by llama.cpp, both in single precision: the same tokens, one by one, as likely here as there.
#[test]
fn a_real_model_says_what_llama_cpp_says() {
    let Some(python) = std::env::var_os("ORBITBENCH_PEERS") else {
        eprintln!("SKIPPED SmolLM2 beside llama.cpp: ORBITBENCH_PEERS names no Python with the packages of tests/peers/requirements.txt");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/llama_greedy.py");
    let room = tempfile::tempdir().expect("room");
    let single = room.path().join("single.gguf");
    let peer = std::process::Command::new(python).args(["-B", script]).arg(&single).output().expect("a Python");
    assert!(peer.status.success(), "{}", String::from_utf8_lossy(&peer.stderr));
    let mut lines = peer.stdout.lines().map(|l| l.expect("text"));
    let published = lines.next().expect("the published model's path");
    // Told to go on, they never take it, however likely.
    let end: usize = lines.next().and_then(|l| l.parse().ok()).expect("the token that ends a text");
    let model = Arc::new(weights(Path::new(&published)).expect("a sound file"));
    // Four bits and a scale are the same numbers by their library and by our reader, to the last bit.
    let again = weights(&single).expect("a sound file");
    assert_eq!(again.config, model.config);
    assert!(all(&again) == all(&model), "their library reads other weights from {published}");
    drop(again);
    let (mut compared, mut furthest) = (0, 0.0_f64);
    for line in lines {
        // The prompt's tokens, those that llama.cpp puts after them, how likely it takes each to be, and the first in double precision.
        let [prompt, theirs, likely, exact] = line.split('|').collect::<Vec<_>>()[..] else { panic!("not four lists: {line}") };
        let tokens = |list: &str| -> Vec<u32> { list.split_whitespace().map(|t| t.parse().expect("a token")).collect() };
        let (prompt, theirs) = (tokens(prompt), tokens(theirs));
        let likely: Vec<f64> = likely.split_whitespace().map(|p| p.parse().expect("a logarithm")).collect();
        assert_eq!((theirs.len(), likely.len()), (32, 32), "{line}");
        let mut decoder = Decoder::new(Arc::clone(&model), 1);
        let mut logits = decoder.feed(&[(0, &prompt)]).to_vec();
        for (n, (token, likely)) in theirs.iter().zip(likely).enumerate() {
            let ours = f64::from(logits[*token as usize]);
            let all = logits.iter().map(|l| (f64::from(*l) - ours).exp()).sum::<f64>().ln();
            let likelier = logits.iter().enumerate().find(|(t, l)| f64::from(**l) > ours && *t != end);
            assert_eq!(likelier, None, "token {n} after {prompt:?}: theirs is {token}");
            if n == 0 {
                let exact: f64 = exact.trim().parse().expect("a logarithm");
                assert!((-all - exact).abs() < 5e-5, "{} is {exact} in double precision", -all);
            }
            furthest = furthest.max((-all - likely).abs());
            compared += 1;
            logits = decoder.feed(&[(0, &[*token])]).to_vec();
        }
    }
    assert_eq!(compared, 96);
    eprintln!("96 of 96 tokens are the likeliest here too; the logarithm of their probability differs by at most {furthest:.1e}");
    assert!(furthest < 1e-3, "the logarithm of a probability differs by {furthest}");
}
