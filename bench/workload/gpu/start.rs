//! From a plan to work on a card: the card found and locked, what it needs counted, weights drawn there, the answer to check against computed on the host meanwhile.
//!
//! Not here: the computing.

use super::decoder::Decoder;
use super::driver::{Card, Device, cards};
use super::lock::{Hold, hold};
use super::plan::{Choice, Number, Plan};
use super::product::Products;
use super::train::Trainer;
use super::weights::{From, Weights, able};
use super::{Fault, OLDEST};
use crate::generate::{Generator, Known, Sampling, Task};
use crate::model::Model;
use crate::pace::Pace;
use crate::reference::Source;
use crate::replicas::Replicas;
use crate::transformer::Config;
use crate::worker::{Hand, Worker};
use crate::{Error, LEASE, Workload};
use std::sync::Arc;
use std::time::Duration;

/// Left free, for the driver, cuBLASLt's workspace and the kernels.
const MARGIN: u64 = 600 << 20;

/// Starts work on GPUs.
pub(crate) struct Gpu;

/// Whether there is a card to work on, and if not, why.
pub(crate) fn usable() -> Result<(), Fault> {
    let all = cards()?;
    let card = Choice::Any.of(&all)?;
    if card.capability < OLDEST {
        let why = format!("compute capability {}.{} is needed", OLDEST.0, OLDEST.1);
        return Err(Fault::Unable { card: card.name.clone(), why });
    }
    Ok(())
}

impl Gpu {
    /// Finds and locks the cards; `measured` are those that are meant where the plan names none. The rest happens on a thread of its own for each, so this returns at
    /// once. On several cards there is one replica each, of the same weights with draws of its own.
    pub(crate) fn start(plan: &Plan, seed: u64, measured: &[String]) -> Result<Box<dyn Workload>, Error> {
        Self::start_leased(plan, seed, measured, LEASE)
    }

    pub(crate) fn start_leased(plan: &Plan, seed: u64, measured: &[String], lease: Duration) -> Result<Box<dyn Workload>, Error> {
        let config = plan.model.config()?;
        let all = cards()?;
        let choice = match &plan.card {
            Choice::Any if !measured.is_empty() => Choice::parse(&measured.join(",")).ok_or_else(|| Fault::NoCard {
                wanted: measured.join(","),
                there: all.iter().map(|c| c.uuid.clone()).collect::<Vec<_>>().join(", "),
                hint: "; what is measured cannot be found by that name: name the card in --workload cuda:N".to_owned(),
            })?,
            named => named.clone(),
        };
        let chosen = choice.each(&all)?;
        // All of them are held before any begins.
        let held = chosen.iter().map(|card| hold(&card.uuid)).collect::<Result<Vec<_>, _>>()?;
        let mut replicas: Vec<Box<dyn Workload>> = Vec::new();
        for (k, (card, held)) in chosen.into_iter().zip(held).enumerate() {
            let draws = seed.wrapping_add(k as u64);
            replicas.push(Box::new(Self::on(plan, config, (seed, draws), card, held, lease)?));
        }
        Ok(if replicas.len() == 1 { replicas.remove(0) } else { Box::new(Replicas(replicas)) })
    }

    fn on(plan: &Plan, config: Config, seeds: (u64, u64), card: &Card, held: Arc<Hold>, lease: Duration) -> Result<Worker, Error> {
        let seed = seeds.0;
        let description = format!(
            "built-in transformer {}, {}: {}, {}, {} sequences, seed {seed}, on {} ({})",
            plan.model,
            plan.task.name(),
            plan.model.said(&config),
            plan.number.name(),
            plan.sequences(),
            card.name,
            card.uuid,
        );
        let worker = Worker::new(lease, description);
        let (plan, card) = (plan.clone(), card.clone());
        worker.spawn("work-gpu".to_owned(), move |hand| {
            if let Err(why) = work(hand, &plan, config, seeds, &card, held) {
                hand.fail(why);
            }
        })?;
        Ok(worker)
    }
}

/// `seeds` are that of the weights and of the prompt whose answer is known, and that of draws and pacing.
fn work(hand: &Hand, plan: &Plan, config: Config, seeds: (u64, u64), card: &Card, held: Arc<Hold>) -> Result<(), String> {
    let (seed, draws) = seeds;
    let fault = |e: Fault| e.to_string();
    let device = Device::open(card).map_err(fault)?;
    fits(plan, &config, device.free().map_err(fault)?).map_err(fault)?;
    let products = Products::find(&device);
    able(&device, plan.number, &products).map_err(fault)?;
    if let Products::Own(why) = &products {
        hand.remark(format!("cuBLASLt is not used ({why}): the products are made by our own kernels, which are slower"));
    }
    hand.describe(&format!(", products by {}", products.describe()));
    let loaded = match &plan.model {
        Model::Preset(_) => None,
        Model::File(_) => Some(plan.model.weights(config, seed)?),
    };
    let from = loaded.as_ref().map_or(From::Seed(seed), From::Host);
    let source = loaded.as_ref().map_or(Source::random(config, seed), Source::held);
    // FP8 is judged against bf16's weights: what its narrowing costs is part of its error.
    let source = source.rounded(plan.number != Number::F32);
    if plan.task == Task::Train {
        let length = config.context;
        let mut trainer = Trainer::new(&device, products, config, plan.number, from, plan.sequences(), length, draws).map_err(fault)?;
        trainer.check(&source).map_err(|e| e.to_string())?;
        drop(loaded);
        hand.work(Pace::new(draws), || trainer.step());
    } else {
        let weights = Weights::make(&device, config, plan.number, from).map_err(fault)?;
        let sequences = plan.sequences();
        let decoder = Decoder::new(&device, products, weights, sequences + 1, plan.chunk(&config)).map_err(fault)?;
        // As many rows as steps will have: libraries choose by that.
        decoder.prove(sequences).map_err(fault)?;
        if plan.task != Task::Decode {
            decoder.prove(plan.chunk(&config)).map_err(fault)?;
        }
        let mut generator = Generator::on(Box::new(decoder), sequences, Sampling::Seeded, draws, plan.task);
        generator.check_against(Arc::new(Known::from(&source, seed)));
        drop(loaded);
        hand.work(Pace::new(draws), || generator.step());
    }
    // Not before the card's memory is given back.
    drop(held);
    Ok(())
}

/// Refuses what would not fit, with both figures.
fn fits(plan: &Plan, config: &Config, free: u64) -> Result<(), Fault> {
    let needed = if plan.task == Task::Train {
        Trainer::bytes(config, plan.number, plan.sequences(), config.context)
    } else {
        let sequences = plan.sequences() + 1;
        Weights::bytes(config, plan.number) + Decoder::bytes(config, plan.number, sequences, plan.chunk(config))
    };
    let needed = needed as u64;
    if needed + MARGIN > free {
        let gb = |bytes: u64| bytes as f64 / 1e9;
        return Err(Fault::Unable {
            card: "the GPU".to_owned(),
            why: format!(
                "{plan} needs {:.1} GB of its memory, {:.1} GB are free; choose a smaller model or batch=N",
                gb(needed + MARGIN),
                gb(free)
            ),
        });
    }
    Ok(())
}
