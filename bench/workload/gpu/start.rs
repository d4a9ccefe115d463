//! From a plan to work on a card: the card found and locked, what it needs counted, weights drawn there, the answer to check against computed on the host meanwhile.
//!
//! Not here: the computing.

use super::decoder::Decoder;
use super::driver::{Card, Device, cards};
use super::lock::{Hold, hold};
use super::plan::{Choice, Number, Plan};
use super::product::Products;
use super::train::{Trainer, lesson_tokens};
use super::weights::{From, Weights, able};
use super::{Fault, OLDEST};
use crate::eclipse::Identity;
use crate::generate::{Generator, Known, Sampling, Task};
use crate::job::Job;
use crate::measured::{chosen, held};
use crate::model::Model;
use crate::pace::Pace;
use crate::parking::{Keeping, Parking};
use crate::reference::Source;
use crate::replicas::Replicas;
use crate::train::Lesson;
use crate::transformer::Config;
use crate::worker::{Hand, Worker, conclusion};
use crate::{Error, LEASE, Start, Workload};
use std::sync::{Arc, OnceLock};
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
    /// Finds and locks the cards, which are those that are measured or none. The rest happens on a thread of its own for each, so this returns at
    /// once. On several cards there is one replica each, of the same weights with draws of its own. Besides, in words, why it is not known that the work is where it is
    /// measured, if it is not.
    pub(crate) fn start(plan: &Plan, with: &Start<'_>, keeping: &Keeping) -> Result<(Box<dyn Workload>, Option<String>), Error> {
        let seed = with.seed;
        let config = plan.model.config()?;
        let all = cards()?;
        let chosen = chosen(&plan.card, &all, with.measured, with.counted)?;
        let doubt = held(&chosen, with.measured)?;
        // All of them are held before any begins.
        let held = chosen.iter().map(|card| hold(&card.uuid)).collect::<Result<Vec<_>, _>>()?;
        let mut replicas: Vec<Box<dyn Workload>> = Vec::new();
        let right = Arc::new(Right::default());
        for (k, (card, held)) in chosen.into_iter().zip(held).enumerate() {
            let draws = seed.wrapping_add(k as u64);
            replicas.push(Box::new(Self::on(plan, config, (seed, draws), (k, card, held), &right, keeping, LEASE)?));
        }
        Ok((if replicas.len() == 1 { replicas.remove(0) } else { Box::new(Replicas(replicas)) }, doubt))
    }

    /// One replica: its number, and the card that it works on and holds.
    fn on(
        plan: &Plan,
        config: Config,
        seeds: (u64, u64),
        (replica, card, held): (usize, &Card, Arc<Hold>),
        right: &Arc<Right>,
        keeping: &Keeping,
        lease: Duration,
    ) -> Result<Worker, Error> {
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
        let worker = Worker::new(lease, keeping.crossing, description, conclusion(config.parameters(), true));
        let identity = Identity {
            model: plan.model.to_string(),
            shape: format!("{config:?}"),
            task: plan.task.name().to_owned(),
            number: plan.number.name().to_owned(),
            seed: seeds.1,
            batch: plan.sequences(),
            worker: replica,
        };
        let (plan, card, right) = (plan.clone(), card.clone(), Arc::clone(right));
        let parking = Parking::new(keeping.clone(), identity);
        worker.spawn("work-gpu".to_owned(), move |hand| {
            let mut before = Before { made: false, right };
            // The context and all memory on the card go with the job.
            hand.work(Pace::new(seeds.1), parking, &mut || make(hand, &plan, config, seeds, &card, &mut before));
            // Not before the card's memory is given back.
            drop(held);
        })?;
        Ok(worker)
    }
}

/// What is kept from one making of a job to the next, outside its memory.
struct Before {
    /// It was made once, checked and told of.
    made: bool,
    right: Arc<Right>,
}

/// What work is held against, by the reference on the host: of the weights alone, which replicas share, and slow enough to be computed once for all of them.
#[derive(Default)]
struct Right {
    known: OnceLock<Arc<Known>>,
    lesson: OnceLock<Arc<Lesson>>,
}

/// A job on the card, from nothing. `seeds` are that of the weights and of the prompt whose answer is known, and that of draws and pacing.
fn make(hand: &Hand, plan: &Plan, config: Config, seeds: (u64, u64), card: &Card, before: &mut Before) -> Result<Box<dyn Job>, String> {
    let (seed, draws) = seeds;
    let fault = |e: Fault| e.to_string();
    let device = Device::open(card).map_err(fault)?;
    fits(plan, &config, device.free().map_err(fault)?).map_err(fault)?;
    let products = Products::find(&device);
    able(&device, plan.number, &products).map_err(fault)?;
    let first = !std::mem::replace(&mut before.made, true);
    if let Products::Own(why) = &products
        && first
    {
        hand.remark(format!("cuBLASLt is not used ({why}): the products are made by our own kernels, which are slower"));
    }
    if first {
        // A trainer's products have no check of their own: its first step is held against the host's.
        let once = if plan.task == Task::Train { "" } else { "; each product of the blocks once, before the first step" };
        hand.describe(&format!(", products by {}; {}{once}", products.describe(), plan.task.checked()));
    }
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
        // Of as many tokens as the host has computed soon: a whole text of a large model takes it a minute and more.
        let tokens = lesson_tokens(config.parameters(), length);
        if first {
            trainer.check_against(Arc::clone(before.right.lesson.get_or_init(|| Arc::new(Lesson::of(&source.whole(), tokens, seed)))));
        } else {
            trainer.open_with(Lesson::text(&config, tokens, seed));
        }
        return Ok(Box::new(trainer));
    }
    let weights = Weights::make(&device, config, plan.number, from).map_err(fault)?;
    let sequences = plan.sequences();
    let decoder = Decoder::new(&device, products, weights, sequences, plan.chunk(&config)).map_err(fault)?;
    if first {
        // As many rows as steps will have: libraries choose by that.
        decoder.prove(sequences).map_err(fault)?;
        if plan.task != Task::Decode {
            decoder.prove(plan.chunk(&config)).map_err(fault)?;
        }
        let rows = if plan.task == Task::Decode { sequences } else { plan.chunk(&config) };
        decoder.audit(&source, rows).map_err(|e| e.to_string())?;
    }
    let mut generator = Generator::on(Box::new(decoder), sequences, Sampling::Seeded, draws, plan.task);
    generator.check_against(Arc::clone(before.right.known.get_or_init(|| Arc::new(Known::kept(&source, seed)))));
    Ok(Box::new(generator))
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
