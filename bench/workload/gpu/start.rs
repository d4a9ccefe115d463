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
use crate::train::Lesson;
use crate::transformer::Config;
use crate::worker::{Hand, Worker};
use crate::{Error, LEASE};
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
    /// Finds and locks the card; `measured` is the one that is meant where the plan names none. The rest happens on a thread of its own, so this returns at once.
    pub(crate) fn start(plan: &Plan, seed: u64, measured: Option<&str>) -> Result<Worker, Error> {
        Self::start_leased(plan, seed, measured, LEASE)
    }

    pub(crate) fn start_leased(plan: &Plan, seed: u64, measured: Option<&str>, lease: Duration) -> Result<Worker, Error> {
        let config = plan.model.config()?;
        let all = cards()?;
        let choice = match (&plan.card, measured.and_then(Choice::parse)) {
            (Choice::Any, Some(measured)) => measured,
            (named, _) => named.clone(),
        };
        let card = choice.of(&all)?.clone();
        let held = hold(&card.uuid)?;
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
        let plan = plan.clone();
        worker.spawn("work-gpu".to_owned(), move |hand| {
            if let Err(why) = work(hand, &plan, config, seed, &card, held) {
                hand.fail(why);
            }
        })?;
        Ok(worker)
    }
}

fn work(hand: &Hand, plan: &Plan, config: Config, seed: u64, card: &Card, held: Arc<Hold>) -> Result<(), String> {
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
        let mut trainer = Trainer::new(&device, products, config, plan.number, from, plan.sequences(), length, seed).map_err(fault)?;
        trainer.check_against(Lesson::of(&source.whole(), length, seed));
        drop(loaded);
        hand.work(Pace::new(seed), &mut trainer);
    } else {
        let weights = Weights::make(&device, config, plan.number, from).map_err(fault)?;
        let sequences = plan.sequences();
        let decoder = Decoder::new(&device, products, weights, sequences, plan.chunk(&config)).map_err(fault)?;
        let rows = if plan.task == Task::Decode { sequences } else { plan.chunk(&config) };
        decoder.audit(&source, rows).map_err(|e| e.to_string())?;
        let mut generator = Generator::on(Box::new(decoder), sequences, Sampling::Seeded, seed, plan.task);
        generator.check_against(Arc::new(Known::kept(&source, seed)));
        drop(loaded);
        hand.work(Pace::new(seed), &mut generator);
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
        let sequences = plan.sequences();
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
