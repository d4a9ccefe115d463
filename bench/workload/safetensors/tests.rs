//! What was written is read, by our own writer here and by the format's own in Python (a peer); what is broken is refused with file and offset.

use super::*;
use crate::reference;
use proptest::prelude::*;
use std::process::Command;

const CONFIG: &str = r#"{"model_type": "llama", "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "vocab_size": 5, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 500.0}"#;

/// Every tensor of that model, with its shape.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut all = vec![("model.embed_tokens.weight".to_owned(), vec![5, 8]), ("model.norm.weight".to_owned(), vec![8])];
    all.push(("lm_head.weight".to_owned(), vec![5, 8]));
    for n in 0..2 {
        let own = |part: &str| format!("model.layers.{n}.{part}.weight");
        for (part, shape) in [
            ("self_attn.q_proj", vec![8, 8]),
            ("self_attn.k_proj", vec![4, 8]),
            ("self_attn.v_proj", vec![4, 8]),
            ("self_attn.o_proj", vec![8, 8]),
            ("mlp.gate_proj", vec![6, 8]),
            ("mlp.up_proj", vec![6, 8]),
            ("mlp.down_proj", vec![8, 6]),
            ("input_layernorm", vec![8]),
            ("post_attention_layernorm", vec![8]),
        ] {
            all.push((own(part), shape));
        }
    }
    all
}

/// Number `i` of tensor `n`: small, exact in bf16 and f16.
fn number(n: usize, i: usize) -> f32 {
    ((n * 37 + i * 11) % 64) as f32 / 32.0 - 1.0
}

/// A file of these tensors, as bytes.
fn file(tensors: &[(usize, String, Vec<usize>)], kind: &str) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (n, name, shape) in tensors {
        let from = data.len();
        for i in 0..shape.iter().product() {
            let x = number(*n, i);
            match kind {
                "F32" => data.extend(x.to_le_bytes()),
                _ => data.extend(((x.to_bits() >> 16) as u16).to_le_bytes()),
            }
        }
        header.insert(name.clone(), serde_json::json!({"dtype": kind, "shape": shape, "data_offsets": [from, data.len()]}));
    }
    let text = serde_json::to_vec(&header).expect("JSON");
    [&(text.len() as u64).to_le_bytes()[..], &text, &data].concat()
}

fn numbered() -> Vec<(usize, String, Vec<usize>)> {
    shapes().into_iter().enumerate().map(|(n, (name, shape))| (n, name, shape)).collect()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("config.json"), CONFIG).expect("room");
    folder
}

fn sound(w: &Weights) {
    let index = |name: &str| shapes().iter().position(|(n, _)| n == name).expect("a tensor");
    assert_eq!(w.config.head_width(), 4);
    assert_eq!(w.config.rotary_base, 500.0);
    assert_eq!(w.embedding.data[9], number(0, 9));
    // Row 3 of k, column 2: our row 2, column 8 + 3.
    assert_eq!(w.layers[1].qkv.data[2 * 16 + 11], number(index("model.layers.1.self_attn.k_proj.weight"), 3 * 8 + 2));
    assert_eq!(w.layers[0].gate_up.data[7 * 12 + 6], number(index("model.layers.0.mlp.up_proj.weight"), 7));
    assert_eq!(w.layers[0].down.data[5 * 8 + 1], number(index("model.layers.0.mlp.down_proj.weight"), 6 + 5));
    assert_eq!(w.layers[1].norm_forward[3], number(index("model.layers.1.post_attention_layernorm.weight"), 3));
    assert!(reference::logits(w, &[1, 4]).iter().all(|l| l.is_finite()));
}

#[test]
fn what_was_written_is_read_whole_and_in_shards() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    for kind in ["F32", "BF16"] {
        std::fs::write(&path, file(&numbered(), kind)).expect("room");
        sound(&weights(&path).expect("sound"));
    }
    let all = numbered();
    let mut map = serde_json::Map::new();
    for (name, part) in [("a.safetensors", &all[..7]), ("b.safetensors", &all[7..])] {
        std::fs::write(folder.path().join(name), file(part, "F32")).expect("room");
        map.extend(part.iter().map(|(_, tensor, _)| (tensor.clone(), name.into())));
    }
    let index = folder.path().join("model.safetensors.index.json");
    let write = |map: &serde_json::Map<String, serde_json::Value>| {
        std::fs::write(&index, serde_json::json!({"metadata": {}, "weight_map": map}).to_string()).expect("room");
    };
    write(&map);
    sound(&weights(&index).expect("sound"));
    for (place, words) in [
        ("b.safetensors", "is not in b.safetensors"),
        ("../a.safetensors", "no name of a file beside it"),
        ("c.safetensors", "c.safetensors"),
    ] {
        let mut wrong = map.clone();
        wrong.insert("model.norm.weight".to_owned(), place.into());
        write(&wrong);
        let why = weights(&index).map(drop).expect_err("wrong");
        assert!(why.contains(words), "{place}: {why}");
    }
}

/// A file by the format's own writer.
#[test]
fn a_file_of_the_python_library_is_read() {
    let Some(python) = std::env::var_os("ORBITBENCH_PEERS") else {
        eprintln!("SKIPPED: no ORBITBENCH_PEERS: safetensors by its own library");
        return;
    };
    let folder = folder();
    let list = serde_json::to_string(&shapes()).expect("JSON");
    let script = "import json, sys, numpy as np\nfrom safetensors.numpy import save_file\n\
                  tensors = {}\n\
                  for n, (name, shape) in enumerate(json.loads(sys.argv[2])):\n\
                  \x20   i = np.arange(int(np.prod(shape)))\n\
                  \x20   tensors[name] = (((n * 37 + i * 11) % 64) / 32.0 - 1.0).astype(sys.argv[3]).reshape(shape)\n\
                  save_file(tensors, sys.argv[1], metadata={'format': 'pt'})";
    for kind in ["float32", "float16"] {
        let path = folder.path().join("model.safetensors");
        let made = Command::new(&python).args(["-c", script]).arg(&path).args([&list, kind]).output().expect("Python");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        sound(&weights(&path).expect("sound"));
    }
}

#[test]
fn what_cannot_be_computed_is_refused_by_file() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, file(&numbered(), "F32")).expect("room");
    for (from, to, words) in [
        ("\"llama\"", "\"gpt2\"", "llama and mistral"),
        ("\"rope_theta\": 500.0", "\"rope_scaling\": {\"factor\": 8}", "rope_scaling"),
        ("\"vocab_size\": 5", "\"vocab_size\": 6", "expected"),
        ("\"hidden_size\": 8", "\"hidden_size\": 9", "do not divide"),
        ("\"hidden_size\": 8,", "", "hidden_size"),
        ("\"vocab_size\": 5", "\"vocab_size\": 5, \"head_dim\": 3", "head_dim"),
    ] {
        std::fs::write(folder.path().join("config.json"), CONFIG.replace(from, to)).expect("room");
        let why = weights(&path).map(drop).expect_err(words);
        assert!(why.contains(words) && why.contains("json"), "{why}");
    }
    std::fs::remove_file(folder.path().join("config.json")).expect("there");
    assert!(weights(&path).map(drop).expect_err("no config").contains("must lie beside"));
}

#[test]
fn broken_files_are_refused_with_file_and_offset() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let whole = file(&numbered(), "F32");
    let mut hole = numbered();
    hole.truncate(3);
    let cases: [(Vec<u8>, &str); 6] = [
        (whole[..5].to_vec(), "offset 0"),
        (whole[..40].to_vec(), "does not fit"),
        (whole[..whole.len() - 1].to_vec(), "are not in the"),
        ([&whole[..], &[0]].concat(), "the last tensor ends here"),
        ([&3_u64.to_le_bytes()[..], b"[1]"].concat(), "does not begin with {"),
        (file(&hole, "F32"), "there is no"),
    ];
    for (bytes, words) in cases {
        std::fs::write(&path, bytes).expect("room");
        let why = weights(&path).map(drop).expect_err(words);
        assert!(why.contains(words) && why.contains("model.safetensors"), "{why}");
    }
    // One tensor over another.
    let text = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#;
    std::fs::write(&path, [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &[0; 6]].concat()).expect("room");
    let why = weights(&path).map(drop).expect_err("an overlap");
    assert!(why.contains(&format!("offset {}", 8 + text.len() + 2)) && why.contains("overlaps"), "{why}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_file_panics(at in 0..3000_usize, byte: u8, cut in 0..4000_usize) {
        let folder = folder();
        let path = folder.path().join("model.safetensors");
        let mut bytes = file(&numbered(), "BF16");
        let place = at % bytes.len();
        bytes[place] = byte;
        bytes.truncate(cut.max(1));
        std::fs::write(&path, &bytes).expect("room");
        if let Err(why) = weights(&path) {
            prop_assert!(why.contains("model.safetensors"), "{}", why);
        }
    }

    #[test]
    fn no_header_panics(text in "\\{(\"[a-c]\": ?(\\{\"dtype\": ?\"F32\", ?\"shape\": ?\\[[0-9]{0,20}\\], ?\"data_offsets\": ?\\[[0-9]{1,20}, ?[0-9]{1,20}\\]\\}|null|[0-9]+),? ?){0,3}\\}", data in 0..16_usize) {
        let folder = folder();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &vec![0; data]].concat()).expect("room");
        prop_assert!(weights(&path).is_err());
    }
}

#[test]
fn a_weight_that_is_no_number_is_the_file_s_fault_by_name() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut bytes = file(&numbered(), "F32");
        let end = bytes.len();
        // The last number of the last tensor.
        bytes[end - 4..].copy_from_slice(&odd.to_le_bytes());
        std::fs::write(&path, &bytes).expect("room");
        let why = weights(&path).expect_err("no number");
        assert!(why.contains("model.layers.1.post_attention_layernorm.weight has") && why.contains("the file is damaged"), "{why}");
        assert!(why.contains(&format!("{odd} as its number 7")), "{why}");
    }
}

/// Whatever is beside it.
#[test]
fn a_hostile_header_is_told_of_before_a_config_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    for hostile in [&b"\xff\xff\xff\xff\xff\xff\xff\x7f{"[..], b"\x02\0\0\0\0\0\0\0[]", b"\x01"] {
        std::fs::write(&path, hostile).expect("room");
        let why = config(&path).expect_err("hostile");
        assert!(why.contains("model.safetensors, offset") && !why.contains("config.json"), "{why}");
    }
}

/// How rotation is said by later writers: read where it is the plain one, refused by name where it is not, never left out.
#[test]
fn rotation_in_a_table_is_read_or_refused() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, file(&numbered(), "F32")).expect("room");
    let bare = CONFIG.replace(", \"rope_theta\": 500.0", "");
    let of = |config: &str, more: &str| {
        std::fs::write(folder.path().join("config.json"), config.replacen('{', &format!("{{{more}, "), 1)).expect("room");
        config_of(&path)
    };
    for (config, more) in [
        (bare.as_str(), r#""rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}"#),
        (&bare, r#""rope_parameters": {"rope_theta": 5e5, "partial_rotary_factor": 1.0, "factor": null}"#),
        (&bare, r#""rope_parameters": null, "rope_theta": 500000, "partial_rotary_factor": 1.0"#),
    ] {
        assert_eq!(of(config, more).map(|c| c.rotary_base), Ok(5e5), "{more}");
    }
    for (config, more, words) in [
        (bare.as_str(), r#""rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0}"#, "which is not computed"),
        (&bare, r#""rope_parameters": {"rope_theta": 5e5, "factor": 8.0}"#, "rope_parameters has factor = 8.0"),
        (&bare, r#""rope_parameters": {"full_attention": {"rope_theta": 5e5}}"#, "rope_parameters has full_attention"),
        (&bare, r#""rope_parameters": {"rope_theta": 5e5, "partial_rotary_factor": 0.5}"#, "partial_rotary_factor = 0.5"),
        (&bare, r#""rope_parameters": {"rope_type": "default"}"#, "does not say rope_theta"),
        (&bare, r#""rope_parameters": [5e5]"#, "expected a table"),
        (&bare, r#""partial_rotary_factor": 0.25"#, "partial_rotary_factor is 0.25"),
        (CONFIG, r#""rope_parameters": {"rope_theta": 5e5}"#, "rope_theta is 500 and, in rope_parameters, 500000"),
    ] {
        let why = of(config, more).expect_err(more);
        assert!(why.contains(words) && why.contains("config.json"), "{more}: {why}");
    }
}

fn config_of(path: &Path) -> Result<Config, String> {
    super::config(path)
}

/// A tensor that nobody computes with is not left out in silence.
#[test]
fn a_tensor_too_many_is_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    for (name, refused) in [
        ("model.layers.0.self_attn.q_proj.bias", true),
        ("model.layers.1.self_attn.q_norm.weight", true),
        ("model.layers.2.input_layernorm.weight", true),
        ("model.layers.1.self_attn.rotary_emb.inv_freq", false),
    ] {
        let mut all = numbered();
        all.push((99, name.to_owned(), vec![8]));
        std::fs::write(&path, file(&all, "F32")).expect("room");
        match config_of(&path) {
            Ok(_) => assert!(!refused, "{name}"),
            Err(why) => assert!(refused && why.contains(name) && why.contains("model.safetensors, offset"), "{why}"),
        }
    }
}
