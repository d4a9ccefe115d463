//! Tokens a second of the built-in transformer and of candle's Llama, same shape, random f32 weights, one thread, alternating, the best of three each:
//! answers to a prompt of one token until the context is full, and one prompt of the whole context.

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use candle_transformers::models::llama::{Cache, Config as CandleConfig, Llama};
use std::sync::Arc;
use std::time::Instant;
use workload::decoder::Decoder;
use workload::transformer::{Config, Preset, Weights};

fn candle_config(c: &Config) -> CandleConfig {
    CandleConfig {
        hidden_size: c.width,
        intermediate_size: c.hidden,
        vocab_size: c.vocabulary,
        num_hidden_layers: c.layers,
        num_attention_heads: c.heads,
        num_key_value_heads: c.kv_heads.unwrap_or(c.heads),
        use_flash_attn: false,
        rms_norm_eps: f64::from(c.epsilon),
        rope_theta: c.rotary_base,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: None,
        max_position_embeddings: c.context,
        tie_word_embeddings: c.tied,
    }
}

fn theirs(c: &Config, model: &Llama, batch: usize, prompt: usize) -> candle_core::Result<f64> {
    let mut cache = Cache::new(true, DType::F32, &candle_config(c), &Device::Cpu)?;
    let start = Instant::now();
    if prompt > 1 {
        let tokens: Vec<u32> = (0..prompt as u32).map(|i| i % c.vocabulary as u32).collect();
        model.forward(&Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?, 0, &mut cache)?.to_vec2::<f32>()?;
        return Ok(prompt as f64 / start.elapsed().as_secs_f64());
    }
    let mut tokens = vec![3_u32; batch];
    for position in 0..c.context {
        let input = Tensor::new(tokens.clone(), &Device::Cpu)?.unsqueeze(1)?;
        let logits = model.forward(&input, position, &mut cache)?;
        tokens = logits.argmax(1)?.to_vec1()?;
    }
    Ok((batch * c.context) as f64 / start.elapsed().as_secs_f64())
}

fn ours(c: &Config, weights: &Arc<Weights>, batch: usize, prompt: usize) -> f64 {
    let mut decoder = Decoder::new(Arc::clone(weights), batch);
    let start = Instant::now();
    if prompt > 1 {
        let tokens: Vec<u32> = (0..prompt as u32).map(|i| i % c.vocabulary as u32).collect();
        assert!(decoder.feed(&[(0, &tokens)]).iter().all(|l| l.is_finite()));
        return prompt as f64 / start.elapsed().as_secs_f64();
    }
    let mut tokens = vec![3_u32; batch];
    for _ in 0..c.context {
        let logits = decoder.step(&tokens);
        for (token, logits) in tokens.iter_mut().zip(logits.chunks_exact(c.vocabulary)) {
            *token = logits.iter().enumerate().fold((0, f32::MIN), |b, (i, l)| if *l > b.1 { (i as u32, *l) } else { b }).0;
        }
    }
    (batch * c.context) as f64 / start.elapsed().as_secs_f64()
}

fn main() -> candle_core::Result<()> {
    if std::env::var("RAYON_NUM_THREADS").as_deref() != Ok("1") {
        eprintln!("set RAYON_NUM_THREADS=1: candle would use every core, ours uses one");
        std::process::exit(2);
    }
    println!("{:8} {:8} {:>6} {:>12} {:>12} {:>7}", "preset", "task", "batch", "ours tok/s", "candle tok/s", "ratio");
    for preset in [Preset::Tiny, Preset::Small] {
        let c = preset.config();
        let weights = Arc::new(Weights::random(c, 1));
        let variables = VarMap::new();
        let model = Llama::load(VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu), &candle_config(&c))?;
        for (batch, prompt) in [(1, 1), (8, 1), (1, c.context)] {
            let (mut best, mut other) = (0.0_f64, 0.0_f64);
            for _ in 0..3 {
                best = best.max(ours(&c, &weights, batch, prompt));
                other = other.max(theirs(&c, &model, batch, prompt)?);
            }
            let task = if prompt > 1 { "prefill" } else { "decode" };
            println!("{:8} {task:8} {batch:6} {best:12.0} {other:12.0} {:7.2}", preset.name(), best / other);
        }
    }
    Ok(())
}
