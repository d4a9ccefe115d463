//! Reads the weights of a Llama-shaped model from safetensors files (F32, F16, BF16), in one file or in shards by an index, with the `config.json` beside them.
//!
//! The format is that of github.com/huggingface/safetensors (README, "Format"): eight bytes of length, a JSON header, numbers. Names are those of Hugging Face's
//! Llama family. Nothing is believed before it is checked: the numbers' places must follow each other and fill the file. Every error names file and, where there is
//! one, offset. Not here: the tokenizer, other architectures.

use crate::gguf::{f16, finite, place};
use crate::product::Matrix;
use crate::transformer::{Config, Layer, NORM_EPSILON, ROTARY_BASE, Weights};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest header that the format allows.
const MOST_HEADER: u64 = 100_000_000;
/// Longest context that is kept room for, as for GGUF.
const MOST_CONTEXT: usize = 1024;

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32,
    F16,
    Bf16,
}

impl Kind {
    const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn decode(self, b: &[u8]) -> f32 {
        match self {
            Self::F32 => f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            Self::F16 => f16(u16::from_le_bytes([b[0], b[1]])),
            Self::Bf16 => f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// Where a tensor is: in which shard, from which byte of its file on.
#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    shard: usize,
    dtype: String,
    shape: Vec<u64>,
    at: u64,
    bytes: u64,
}

/// Everything of a model but its numbers.
struct Model {
    shards: Vec<(PathBuf, File)>,
    tensors: HashMap<String, Tensor>,
    config: Config,
}

/// `file`, and what is wrong at which byte of it.
fn at(path: &Path, offset: u64, what: impl std::fmt::Display) -> String {
    format!("{}, offset {offset}: {what}", path.display())
}

/// The header of one file: tensors by name, each with its place in the file.
fn header(path: &Path, shard: usize) -> Result<(File, BTreeMap<String, Tensor>), String> {
    let mut file = File::open(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let length = file.metadata().map_err(|why| format!("{}: {why}", path.display()))?.len();
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes).map_err(|_| at(path, 0, format!("the file has {length} bytes, a header's length takes 8")))?;
    let size = u64::from_le_bytes(bytes);
    if size > MOST_HEADER || size > length.saturating_sub(8) {
        return Err(at(
            path,
            0,
            format!(
                "a header of {size} bytes does not fit into a file of {length} (at most {MOST_HEADER} are allowed): this is no safetensors file"
            ),
        ));
    }
    let mut text = vec![0; size as usize];
    file.read_exact(&mut text).map_err(|why| at(path, 8, why))?;
    if text.first() != Some(&b'{') {
        return Err(at(path, 8, "the header does not begin with {"));
    }
    let mut entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&text).map_err(|why| at(path, 8, format!("the header is no JSON object: {why}")))?;
    entries.remove("__metadata__");
    let base = 8 + size;
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        let wrong = |what: String| at(path, 8, format!("{name}: {what}"));
        let Entry { dtype, shape, data_offsets: [from, to] } = serde_json::from_value(entry).map_err(|why| wrong(why.to_string()))?;
        if from > to || to > length - base {
            return Err(wrong(format!("bytes {from} to {to} are not in the {} that follow the header", length - base)));
        }
        tensors.insert(name, Tensor { shard, dtype, shape, at: base + from, bytes: to - from });
    }
    // They follow each other, without holes, to the end.
    let mut places: Vec<(u64, u64, &String)> = tensors.iter().map(|(name, t)| (t.at, t.bytes, name)).collect();
    places.sort_unstable();
    let mut end = base;
    for (from, bytes, name) in places {
        if from != end {
            return Err(at(
                path,
                from,
                format!("{name} begins here, where {end} is the next byte: tensors must follow each other without holes or overlaps"),
            ));
        }
        end += bytes;
    }
    if end != length {
        return Err(at(path, end, format!("the last tensor ends here, the file at {length}")));
    }
    Ok((file, tensors))
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// What of `config.json` settles the shape.
#[derive(Deserialize)]
struct Described {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: Option<f32>,
    rope_theta: Option<f32>,
    rope_scaling: Option<serde_json::Value>,
    /// How later writers put all of rotation into one table.
    rope_parameters: Option<serde_json::Value>,
    partial_rotary_factor: Option<f32>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    hidden_act: Option<String>,
    sliding_window: Option<usize>,
}

impl Described {
    fn read(path: &Path) -> Result<Config, String> {
        let wrong = |what: String| format!("{}: {what}", path.display());
        let text =
            std::fs::read_to_string(path).map_err(|why| wrong(format!("{why}; the model's config.json must lie beside its weights")))?;
        let d: Self = serde_json::from_str(&text).map_err(|why| wrong(why.to_string()))?;
        if !matches!(d.model_type.as_str(), "llama" | "mistral") {
            return Err(wrong(format!("model_type is \"{}\": llama and mistral are computed", d.model_type)));
        }
        if d.rope_scaling.as_ref().is_some_and(|s| !s.is_null()) {
            return Err(wrong("rope_scaling is set (Llama 3.1's long context), which is not computed".to_owned()));
        }
        let rotary_base = d.rotary_base().map_err(wrong)?;
        if d.attention_bias || d.mlp_bias || d.hidden_act.as_deref().is_some_and(|a| a != "silu") {
            return Err(wrong("biases, or another activation than silu, are not computed".to_owned()));
        }
        if d.head_dim.is_some_and(|n| n.checked_mul(d.num_attention_heads) != Some(d.hidden_size)) {
            return Err(wrong("head_dim times num_attention_heads is not hidden_size, which is not computed".to_owned()));
        }
        let context = d.max_position_embeddings.min(MOST_CONTEXT).min(d.sliding_window.unwrap_or(usize::MAX));
        let config = Config {
            layers: d.num_hidden_layers,
            width: d.hidden_size,
            heads: d.num_attention_heads,
            kv_heads: Some(d.num_key_value_heads.unwrap_or(d.num_attention_heads)),
            hidden: d.intermediate_size,
            vocabulary: d.vocab_size,
            context,
            tied: d.tie_word_embeddings,
            rotary_base,
            epsilon: d.rms_norm_eps.unwrap_or(NORM_EPSILON),
        };
        let sound = config.rotary_base.is_finite() && config.rotary_base > 0.0 && config.epsilon.is_finite() && config.epsilon >= 0.0;
        if !sound {
            return Err(wrong("rope_theta or rms_norm_eps is no positive number".to_owned()));
        }
        config.check().map_err(wrong)?;
        Ok(config)
    }

    /// What positions turn by: `rope_theta`, by itself or in `rope_parameters`. Whatever else is said of rotation changes what is computed, and is refused.
    fn rotary_base(&self) -> Result<f32, String> {
        let whole = |part: f64| (part - 1.0).abs() < 1e-9;
        if let Some(part) = self.partial_rotary_factor.filter(|part| !whole(f64::from(*part))) {
            return Err(format!("partial_rotary_factor is {part}: only models that turn all of a head are computed"));
        }
        let table = match &self.rope_parameters {
            None | Some(serde_json::Value::Null) => return Ok(self.rope_theta.unwrap_or(ROTARY_BASE)),
            Some(serde_json::Value::Object(table)) => table,
            Some(other) => return Err(format!("rope_parameters is {other}: expected a table with rope_theta")),
        };
        let mut base = self.rope_theta;
        for (key, value) in table {
            match (key.as_str(), value.as_f64(), value.as_str()) {
                ("rope_theta", Some(theta), _) => {
                    let theta = theta as f32;
                    if base.is_some_and(|other| other != theta) {
                        return Err(format!(
                            "rope_theta is {} and, in rope_parameters, {theta}: one of them is wrong",
                            base.unwrap_or(theta)
                        ));
                    }
                    base = Some(theta);
                }
                ("rope_type" | "type", _, Some("default")) => {}
                ("partial_rotary_factor", Some(part), _) if whole(part) => {}
                _ if value.is_null() => {}
                _ => {
                    return Err(format!(
                        "rope_parameters has {key} = {value} (a scaled or partial rotation), which is not computed: rope_theta and the rope_type \"default\" are"
                    ));
                }
            }
        }
        base.ok_or_else(|| "rope_parameters does not say rope_theta".to_owned())
    }
}

/// Every tensor that is computed with.
fn expected(config: &Config) -> HashSet<String> {
    let mut all: HashSet<String> = ["model.embed_tokens.weight", "model.norm.weight"].map(str::to_owned).into();
    // Tied, it is the embedding once more.
    all.insert("lm_head.weight".to_owned());
    for n in 0..config.layers {
        let parts = [
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj",
        ];
        let norms = ["input_layernorm", "post_attention_layernorm"];
        all.extend(parts.iter().chain(&norms).map(|part| format!("model.layers.{n}.{part}.weight")));
        // What rotation follows from anyway; old writers kept it.
        all.insert(format!("model.layers.{n}.self_attn.rotary_emb.inv_freq"));
    }
    all
}

impl Model {
    fn open(path: &Path) -> Result<Self, String> {
        let folder = path.parent().unwrap_or(Path::new(""));
        // The file that was named first: what is wrong with it is not to be hidden by what lies beside it.
        let mut model = Self { shards: Vec::new(), tensors: HashMap::new(), config: Config::USUAL };
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
            let index: Index = serde_json::from_str(&text).map_err(|why| format!("{}: {why}", path.display()))?;
            let mut files: Vec<&String> = index.weight_map.values().collect();
            files.sort_unstable();
            files.dedup();
            for name in &files {
                // The index may name files beside itself only.
                if Path::new(name).file_name().is_none_or(|own| own != name.as_str()) {
                    return Err(format!("{}: \"{name}\" is no name of a file beside it", path.display()));
                }
                model.add(&folder.join(name))?;
            }
            for (tensor, file) in &index.weight_map {
                let found = model.tensors.get(tensor).map(|t| &model.shards[t.shard].0);
                if found != Some(&folder.join(file)) {
                    return Err(format!("{}: {tensor} is not in {file}", path.display()));
                }
            }
        } else {
            model.add(path)?;
        }
        model.config = Described::read(&folder.join("config.json"))?;
        // A bias or a norm that is left out would give answers of another model.
        let known = expected(&model.config);
        let mut unknown: Vec<(&String, &Tensor)> = model.tensors.iter().filter(|(name, _)| !known.contains(*name)).collect();
        unknown.sort_unstable_by_key(|(name, tensor)| (tensor.shard, tensor.at, *name));
        match unknown.first() {
            Some((name, tensor)) => {
                let more = if unknown.len() > 1 { format!(" (and {} more like it)", unknown.len() - 1) } else { String::new() };
                let file = &model.shards[tensor.shard].0;
                Err(at(
                    file,
                    tensor.at,
                    format!(
                        "{name}{more} is no part of the model that config.json describes and is computed: biases, further norms and layers are not"
                    ),
                ))
            }
            None => Ok(model),
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), String> {
        let (file, tensors) = header(path, self.shards.len())?;
        for (name, tensor) in tensors {
            if let Some(other) = self.tensors.insert(name.clone(), tensor) {
                return Err(format!("{}: {name} is in {} too", path.display(), self.shards[other.shard].0.display()));
            }
        }
        self.shards.push((path.to_owned(), file));
        Ok(())
    }

    /// The numbers of a tensor of this shape.
    fn numbers(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let all = self.shards.iter().map(|(path, _)| path.display().to_string()).collect::<Vec<_>>();
        let tensor = self.tensors.get(name).ok_or_else(|| format!("{}: there is no {name}", all.join(", ")))?;
        let (path, file) = &mut self.shards[tensor.shard];
        let wrong = |what: String| at(path, tensor.at, format!("{name} {what}"));
        let kind = match tensor.dtype.as_str() {
            "F32" => Kind::F32,
            "F16" => Kind::F16,
            "BF16" => Kind::Bf16,
            other => return Err(wrong(format!("is of {other}: F32, F16 and BF16 are read"))),
        };
        if tensor.shape.len() != shape.len() || tensor.shape.iter().zip(shape).any(|(a, b)| *a != *b as u64) {
            return Err(wrong(format!("is {:?}, expected {shape:?} by config.json", tensor.shape)));
        }
        let count: usize = shape.iter().product();
        if tensor.bytes != (count * kind.bytes()) as u64 {
            return Err(wrong(format!("has {} bytes, {count} numbers of {} take {}", tensor.bytes, tensor.dtype, count * kind.bytes())));
        }
        let mut raw = vec![0; count * kind.bytes()];
        file.seek(SeekFrom::Start(tensor.at))
            .and_then(|_| file.read_exact(&mut raw))
            .map_err(|why| wrong(format!("cannot be read: {why}")))?;
        let numbers: Vec<f32> = raw.chunks_exact(kind.bytes()).map(|b| kind.decode(b)).collect();
        finite(&numbers).map_err(wrong)?;
        Ok(numbers)
    }
}

/// The shape of the model.
pub(crate) fn config(path: &Path) -> Result<Config, String> {
    Ok(Model::open(path)?.config)
}

/// The weights of the model.
pub(crate) fn weights(path: &Path) -> Result<Weights, String> {
    let mut model = Model::open(path)?;
    let config = model.config;
    let Config { width, hidden, vocabulary, .. } = config;
    let kv = config.kv_width();
    // Rows are outputs, as with PyTorch: side by side into ours, whose rows are inputs.
    let mut matrix = |inputs: usize, parts: &[(String, usize)]| -> Result<Matrix, String> {
        let outputs = parts.iter().map(|p| p.1).sum::<usize>();
        let mut whole = Matrix { data: vec![0.0; inputs * outputs], inputs, outputs };
        let mut from = 0;
        for (name, outputs) in parts {
            place(&mut whole, from, &model.numbers(name, &[*outputs, inputs])?);
            from += outputs;
        }
        Ok(whole)
    };
    let mut layers = Vec::with_capacity(config.layers);
    for n in 0..config.layers {
        let own = |part: &str| format!("model.layers.{n}.{part}.weight");
        let qkv = [(own("self_attn.q_proj"), width), (own("self_attn.k_proj"), kv), (own("self_attn.v_proj"), kv)];
        layers.push(Layer {
            norm_attention: Vec::new(),
            qkv: matrix(width, &qkv)?,
            out: matrix(width, &[(own("self_attn.o_proj"), width)])?,
            norm_forward: Vec::new(),
            gate_up: matrix(width, &[(own("mlp.gate_proj"), hidden), (own("mlp.up_proj"), hidden)])?,
            down: matrix(hidden, &[(own("mlp.down_proj"), width)])?,
        });
    }
    let head = if config.tied { None } else { Some(matrix(width, &[("lm_head.weight".to_owned(), vocabulary)])?) };
    for (n, layer) in layers.iter_mut().enumerate() {
        layer.norm_attention = model.numbers(&format!("model.layers.{n}.input_layernorm.weight"), &[width])?;
        layer.norm_forward = model.numbers(&format!("model.layers.{n}.post_attention_layernorm.weight"), &[width])?;
    }
    let data = model.numbers("model.embed_tokens.weight", &[vocabulary, width])?;
    let embedding = Matrix { data, inputs: vocabulary, outputs: width };
    let norm = model.numbers("model.norm.weight", &[width])?;
    Ok(Weights { config, embedding, layers, norm, head })
}

#[cfg(test)]
mod tests;
