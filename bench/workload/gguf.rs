//! Reads the weights of a Llama-shaped model from a GGUF file (versions 2 and 3; F32, F16, BF16, `Q4_0`, `Q4_1`, `Q8_0`), as f32.
//!
//! The layout is llama.cpp's, `ggml/include/gguf.h` and `ggml-common.h`. Nothing in the file is believed before it is checked: sizes against the file's length,
//! shapes against each other. Not here: the tokenizer (random prompts need none), computing in the quantised form.

use crate::product::Matrix;
use crate::transformer::{Config, Layer, Weights};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest text or list that a sound header has.
const MOST_ITEMS: u64 = 1 << 24;
/// Longest context that is kept room for; files declare far more than a CPU can fill.
const MOST_CONTEXT: usize = 1024;

/// A value of the header, as far as it is of use.
enum Value {
    Whole(u64),
    Real(f64),
    Text(String),
    Other,
}

/// Where a tensor is.
struct Tensor {
    /// Innermost first.
    sizes: Vec<usize>,
    kind: Kind,
    at: u64,
}

/// How numbers are stored: so many in a block of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q8_0,
}

impl Kind {
    fn of(number: u32) -> Result<Self, String> {
        Ok(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            8 => Self::Q8_0,
            30 => Self::Bf16,
            other => {
                return Err(format!(
                    "numbers of GGML type {other}: F32, F16, BF16, Q4_0, Q4_1 and Q8_0 are read; quantise the model to one of them"
                ));
            }
        })
    }

    /// Numbers and bytes of a block.
    const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q8_0 => (32, 34),
        }
    }

    /// One block, as numbers.
    fn decode(self, b: &[u8], out: &mut [f32]) {
        let half = |at: usize| f16(u16::from_le_bytes([b[at], b[at + 1]]));
        let nibbles = |out: &mut [f32], codes: &[u8], value: &dyn Fn(u8) -> f32| {
            for (i, code) in codes.iter().enumerate() {
                out[i] = value(code & 15);
                out[i + 16] = value(code >> 4);
            }
        };
        match self {
            Self::F32 => out[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            Self::F16 => out[0] = half(0),
            Self::Bf16 => out[0] = f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16),
            Self::Q4_0 => nibbles(out, &b[2..18], &|q| half(0) * (f32::from(q) - 8.0)),
            Self::Q4_1 => nibbles(out, &b[4..20], &|q| half(0) * f32::from(q) + half(2)),
            Self::Q8_0 => {
                for (o, q) in out.iter_mut().zip(&b[2..34]) {
                    *o = half(0) * f32::from(q.cast_signed());
                }
            }
        }
    }
}

/// IEEE 754 binary16.
pub(crate) fn f16(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023) / 1024.0);
    sign * match exponent {
        0 => fraction * 2.0_f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * 2.0_f32.powi(exponent - 15),
    }
}

struct Reader {
    input: BufReader<File>,
    length: u64,
}

impl Reader {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|why| format!("the file breaks off in its header ({why})"))?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A number of things, of which none is smaller than a byte.
    fn count(&mut self) -> Result<u64, String> {
        let n = self.u64()?;
        if n > MOST_ITEMS || n > self.length { Err(format!("its header speaks of {n} items, more than there can be")) } else { Ok(n) }
    }

    fn text(&mut self) -> Result<String, String> {
        let mut bytes = vec![0; self.count()? as usize];
        self.input.read_exact(&mut bytes).map_err(|why| format!("the file breaks off in its header ({why})"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn value(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            0 | 1 | 7 => Value::Whole(u64::from(self.bytes::<1>()?[0])),
            2 | 3 => Value::Whole(u64::from(u16::from_le_bytes(self.bytes()?))),
            4 | 5 => Value::Whole(u64::from(self.u32()?)),
            6 => Value::Real(f64::from(f32::from_le_bytes(self.bytes()?))),
            8 => Value::Text(self.text()?),
            9 => {
                let (kind, n) = (self.u32()?, self.count()?);
                if kind == 9 {
                    return Err("its header has lists of lists, which nobody writes".to_owned());
                }
                for _ in 0..n {
                    self.value(kind)?;
                }
                Value::Other
            }
            10 | 11 => Value::Whole(self.u64()?),
            12 => Value::Real(f64::from_le_bytes(self.bytes()?)),
            other => return Err(format!("its header has a value of type {other}, which is none")),
        })
    }
}

/// Everything of a file but its numbers.
struct Header {
    reader: Reader,
    values: HashMap<String, Value>,
    tensors: HashMap<String, Tensor>,
    /// Where the numbers begin.
    base: u64,
}

impl Header {
    fn read(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|why| why.to_string())?;
        let length = file.metadata().map_err(|why| why.to_string())?.len();
        let mut reader = Reader { input: BufReader::with_capacity(1 << 20, file), length };
        if &reader.bytes::<4>()? != b"GGUF" {
            return Err("it does not begin with GGUF".to_owned());
        }
        let version = reader.u32()?;
        if !matches!(version, 2 | 3) {
            return Err(format!("it is of version {version}: versions 2 and 3 are read"));
        }
        let (tensors, values) = (reader.count()?, reader.count()?);
        let mut header = HashMap::new();
        for _ in 0..values {
            let (key, kind) = (reader.text()?, reader.u32()?);
            header.insert(key, reader.value(kind)?);
        }
        let mut places = HashMap::new();
        for _ in 0..tensors {
            let name = reader.text()?;
            let dimensions = reader.u32()?;
            if dimensions > 4 {
                return Err(format!("{name} has {dimensions} dimensions"));
            }
            let sizes: Result<Vec<usize>, String> = (0..dimensions).map(|_| Ok(reader.u64()? as usize)).collect();
            let kind = reader.u32()?;
            let tensor = Tensor { sizes: sizes?, kind: Kind::of(kind).map_err(|why| format!("{name} holds {why}"))?, at: reader.u64()? };
            places.insert(name, tensor);
        }
        let align = match header.get("general.alignment") {
            Some(Value::Whole(n)) if n.is_power_of_two() && *n <= 1 << 20 => *n,
            Some(_) => return Err("its alignment is no power of two".to_owned()),
            None => 32,
        };
        let end = reader.input.stream_position().map_err(|why| why.to_string())?;
        Ok(Self { reader, values: header, tensors: places, base: end.next_multiple_of(align) })
    }

    fn whole(&self, key: &str) -> Result<usize, String> {
        match self.values.get(key) {
            Some(Value::Whole(n)) if (1..=MOST_ITEMS).contains(n) => Ok(*n as usize),
            Some(_) => Err(format!("its {key} is no whole number from 1 up")),
            None => Err(format!("it does not say its {key}")),
        }
    }

    fn real_or(&self, key: &str, default: f32) -> f32 {
        if let Some(Value::Real(x)) = self.values.get(key) { *x as f32 } else { default }
    }

    fn config(&self) -> Result<Config, String> {
        let architecture = if let Some(Value::Text(name)) = self.values.get("general.architecture") { name.as_str() } else { "" };
        if architecture != "llama" {
            return Err(format!("its architecture is \"{architecture}\": models of the architecture \"llama\" are computed"));
        }
        let heads = self.whole("llama.attention.head_count")?;
        let config = Config {
            layers: self.whole("llama.block_count")?,
            width: self.whole("llama.embedding_length")?,
            heads,
            kv_heads: Some(self.whole("llama.attention.head_count_kv").unwrap_or(heads)),
            hidden: self.whole("llama.feed_forward_length")?,
            vocabulary: self.tensors.get("token_embd.weight").and_then(|t| t.sizes.get(1).copied()).ok_or("it has no token_embd.weight")?,
            context: self.whole("llama.context_length")?.min(MOST_CONTEXT),
            tied: !self.tensors.contains_key("output.weight"),
            rotary_base: self.real_or("llama.rope.freq_base", crate::transformer::ROTARY_BASE),
            epsilon: self.real_or("llama.attention.layer_norm_rms_epsilon", crate::transformer::NORM_EPSILON),
        };
        config.check()?;
        if let Some(Value::Whole(n)) = self.values.get("llama.rope.dimension_count")
            && *n as usize != config.head_width()
        {
            return Err(format!("it turns {n} of {} dimensions of a head: only models that turn all are computed", config.head_width()));
        }
        if self.tensors.contains_key("rope_freqs.weight") {
            return Err("it scales its rotary frequencies one by one (Llama 3.1's long context), which is not computed".to_owned());
        }
        Ok(config)
    }

    /// The numbers of a tensor of this shape, innermost first.
    fn numbers(&mut self, name: &str, sizes: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.tensors.get(name).ok_or_else(|| format!("it has no {name}"))?;
        if tensor.sizes != sizes {
            return Err(format!("{name} is {:?}, expected {sizes:?}", tensor.sizes));
        }
        let count: usize = sizes.iter().product();
        let (numbers, bytes) = tensor.kind.block();
        let (size, at) = ((count / numbers * bytes) as u64, self.base + tensor.at);
        if !sizes[0].is_multiple_of(numbers) || at.checked_add(size).is_none_or(|end| end > self.reader.length) {
            return Err(format!("{name} does not fit into the file"));
        }
        let kind = tensor.kind;
        self.reader.input.seek(SeekFrom::Start(at)).map_err(|why| why.to_string())?;
        let mut raw = vec![0; size as usize];
        self.reader.input.read_exact(&mut raw).map_err(|why| format!("{name} cannot be read: {why}"))?;
        let mut out = vec![0.0; count];
        for (raw, out) in raw.chunks_exact(bytes).zip(out.chunks_exact_mut(numbers)) {
            kind.decode(raw, out);
        }
        finite(&out).map_err(|what| format!("{name}, whose numbers begin at offset {at}, {what}"))?;
        Ok(out)
    }
}

/// A weight that is no finite number is the file's fault, and said before anything is computed with it.
pub(crate) fn finite(numbers: &[f32]) -> Result<(), String> {
    match numbers.iter().position(|x| !x.is_finite()) {
        Some(n) => Err(format!(
            "has {} as its number {n}: the file is damaged, or the model was never sound; fetch or convert it anew",
            numbers[n]
        )),
        None => Ok(()),
    }
}

/// Writes `rows` of `inputs` numbers each (one row an output) into columns `from` and on of a matrix.
pub(crate) fn place(matrix: &mut Matrix, from: usize, rows: &[f32]) {
    for (o, row) in rows.chunks_exact(matrix.inputs).enumerate() {
        for (i, w) in row.iter().enumerate() {
            matrix.data[i * matrix.outputs + from + o] = *w;
        }
    }
}

/// llama.cpp's converter stores the two halves of each head's queries and keys interleaved, for rotation by neighbours; ours rotates halves.
fn halves(rows: &[f32], inputs: usize, head_width: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len()];
    for (r, row) in rows.chunks_exact(inputs).enumerate() {
        let (head, i) = (r / head_width, r % head_width);
        let to = head * head_width + i / 2 + (i % 2) * head_width / 2;
        out[to * inputs..][..inputs].copy_from_slice(row);
    }
    out
}

/// The shape of the model in a file.
pub(crate) fn config(path: &Path) -> Result<Config, String> {
    Header::read(path)?.config()
}

/// The weights of the model in a file.
pub(crate) fn weights(path: &Path) -> Result<Weights, String> {
    let mut file = Header::read(path)?;
    let config = file.config()?;
    let Config { width, hidden, vocabulary, .. } = config;
    let (kv, d) = (config.kv_width(), config.head_width());
    let empty = |inputs: usize, outputs: usize| Matrix { data: vec![0.0; inputs * outputs], inputs, outputs };
    let mut layers = Vec::with_capacity(config.layers);
    for n in 0..config.layers {
        let name = |part: &str| format!("blk.{n}.{part}.weight");
        let mut qkv = empty(width, width + 2 * kv);
        place(&mut qkv, 0, &halves(&file.numbers(&name("attn_q"), &[width, width])?, width, d));
        place(&mut qkv, width, &halves(&file.numbers(&name("attn_k"), &[width, kv])?, width, d));
        place(&mut qkv, width + kv, &file.numbers(&name("attn_v"), &[width, kv])?);
        let mut out = empty(width, width);
        place(&mut out, 0, &file.numbers(&name("attn_output"), &[width, width])?);
        let mut gate_up = empty(width, 2 * hidden);
        place(&mut gate_up, 0, &file.numbers(&name("ffn_gate"), &[width, hidden])?);
        place(&mut gate_up, hidden, &file.numbers(&name("ffn_up"), &[width, hidden])?);
        let mut down = empty(hidden, width);
        place(&mut down, 0, &file.numbers(&name("ffn_down"), &[hidden, width])?);
        layers.push(Layer {
            norm_attention: file.numbers(&name("attn_norm"), &[width])?,
            qkv,
            out,
            norm_forward: file.numbers(&name("ffn_norm"), &[width])?,
            gate_up,
            down,
        });
    }
    let embedding = Matrix { data: file.numbers("token_embd.weight", &[width, vocabulary])?, inputs: vocabulary, outputs: width };
    let head = if config.tied {
        None
    } else {
        let mut head = empty(width, vocabulary);
        place(&mut head, 0, &file.numbers("output.weight", &[width, vocabulary])?);
        Some(head)
    };
    let norm = file.numbers("output_norm.weight", &[width])?;
    Ok(Weights { config, embedding, layers, norm, head })
}

#[cfg(test)]
#[path = "gguf/tests.rs"]
mod tests;
