//! Reads the weights of a Llama-shaped model from a GGUF file (versions 2 and 3; F32, F16, BF16, `Q4_0`, `Q4_1`, `Q8_0`), as f32.
//!
//! The layout is llama.cpp's, `ggml/include/gguf.h` and `ggml-common.h`. Nothing in the file is believed before it is checked: sizes against the file's length,
//! shapes against each other. Not here: the tokenizer (random prompts need none), computing in the quantised form.

use crate::product::Matrix;
use crate::transformer::{Config, Layer, Weights};
use reader::{MOST_ITEMS, Reader, Value};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest context that is kept room for; files declare far more than a CPU can fill.
const MOST_CONTEXT: usize = 1024;

/// Where a tensor is.
struct Tensor {
    /// Innermost first.
    sizes: Vec<usize>,
    kind: Kind,
    at: u64,
}

impl Tensor {
    /// Where its bytes begin in a file of `length` whose numbers begin at `base`, and how many they are; `None` if they are not all there.
    fn span(&self, base: u64, length: u64) -> Option<(u64, u64)> {
        let (numbers, bytes) = self.kind.block();
        let count = self.sizes.iter().try_fold(1_usize, |all, n| all.checked_mul(*n))?;
        if !self.sizes.first().copied().unwrap_or(1).is_multiple_of(numbers) {
            return None;
        }
        let size = (count / numbers).checked_mul(bytes)? as u64;
        let at = base.checked_add(self.at)?;
        (at.checked_add(size)? <= length).then_some((at, size))
    }
}

/// Every tensor must lie in the file, and no two in one place.
fn apart(tensors: &HashMap<String, Tensor>, base: u64, length: u64) -> Result<(), String> {
    let mut spans = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let (at, size) = tensor.span(base, length).ok_or_else(|| {
            format!("{name} does not fit into the file: it would begin {} bytes after offset {base}, of {length} in all", tensor.at)
        })?;
        spans.push((at, size, name));
    }
    spans.sort_unstable();
    for pair in spans.windows(2) {
        let ((before, size, first), (at, _, second)) = (pair[0], pair[1]);
        if at < before + size {
            return Err(format!("{second} begins at offset {at}, inside of {first}, which ends at {}: the file is damaged", before + size));
        }
    }
    Ok(())
}

/// Of a layer, what is computed with.
const PARTS: [&str; 9] = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "attn_norm", "ffn_norm"];

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
            if places.insert(name.clone(), tensor).is_some() {
                return Err(format!("it has {name} twice"));
            }
        }
        let align = match header.get("general.alignment") {
            Some(Value::Whole(n)) if n.is_power_of_two() && *n <= 1 << 20 => *n,
            Some(_) => return Err("its alignment is no power of two".to_owned()),
            None => 32,
        };
        let end = reader.input.stream_position().map_err(|why| why.to_string())?;
        let base = end.next_multiple_of(align);
        apart(&places, base, length)?;
        Ok(Self { reader, values: header, tensors: places, base })
    }

    fn whole(&self, key: &str) -> Result<usize, String> {
        match self.values.get(key) {
            Some(Value::Whole(n)) if (1..=MOST_ITEMS).contains(n) => Ok(*n as usize),
            Some(_) => Err(format!("its {key} is no whole number from 1 up")),
            None => Err(format!("it does not say its {key}")),
        }
    }

    /// A number that must lie above `least`, or be it where `or_least`.
    fn real_or(&self, key: &str, default: f32, or_least: bool) -> Result<f32, String> {
        let x = match self.values.get(key) {
            None => return Ok(default),
            Some(Value::Real(x)) => *x as f32,
            Some(_) => return Err(format!("its {key} is no real number")),
        };
        let sound = x.is_finite() && (x > 0.0 || or_least && x == 0.0);
        if sound {
            Ok(x)
        } else {
            Err(format!("its {key} is {x}: a positive number is needed; the file is damaged, or was converted wrongly"))
        }
    }

    /// Refuses what is said of rotation beyond its base, in whichever way llama.cpp's converters have put it: it would change every answer.
    fn plain_rotation(&self) -> Result<(), String> {
        let mut keys: Vec<&String> = self.values.keys().filter(|key| key.starts_with("llama.rope.scal")).collect();
        keys.sort_unstable();
        // Of what is scaled, `type` is the most telling; where it is none the rest says nothing.
        if matches!(self.values.get("llama.rope.scaling.type"), Some(Value::Text(kind)) if kind == "none") {
            keys.retain(|key| !key.starts_with("llama.rope.scaling."));
        }
        for key in keys {
            let said = match &self.values[key] {
                Value::Real(x) if *x == 1.0 => continue,
                Value::Real(x) => x.to_string(),
                Value::Whole(n) => n.to_string(),
                Value::Text(text) => text.clone(),
                Value::Other => "a list".to_owned(),
            };
            return Err(format!("its {key} is {said}: scaled rotation (a stretched context) is not computed"));
        }
        Ok(())
    }

    /// Refuses tensors that nobody would compute with: biases above all, whose absence would give another model's answers.
    fn nothing_else(&self, config: &Config) -> Result<(), String> {
        let own = |name: &str| -> bool {
            let Some((layer, part)) = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) else {
                return matches!(name, "token_embd.weight" | "output_norm.weight" | "output.weight");
            };
            let part = part.strip_suffix(".weight").unwrap_or("");
            layer.parse().is_ok_and(|n: usize| n < config.layers) && PARTS.contains(&part)
        };
        let mut unknown: Vec<&String> = self.tensors.keys().filter(|name| !own(name)).collect();
        unknown.sort_unstable();
        unknown.first().map_or(Ok(()), |name| {
            Err(format!(
                "it has {name}, which is no part of the model that it describes and is computed: biases, further norms and layers are not"
            ))
        })
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
            rotary_base: self.real_or("llama.rope.freq_base", crate::transformer::ROTARY_BASE, false)?,
            epsilon: self.real_or("llama.attention.layer_norm_rms_epsilon", crate::transformer::NORM_EPSILON, true)?,
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
        self.plain_rotation()?;
        self.nothing_else(&config)?;
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
        // Looked at for all of them when the header was read.
        let (at, size) = tensor.span(self.base, self.reader.length).ok_or_else(|| format!("{name} does not fit into the file"))?;
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

mod reader;
#[cfg(test)]
#[path = "gguf/tests.rs"]
mod tests;
