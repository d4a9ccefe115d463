//! Work put away and brought back is the work that was never interrupted: state by state, for every task.

use super::*;
use crate::generate::{Generator, Known, Sampling, Task};
use crate::train::Trainer;
use crate::transformer::{Config, Weights};
use std::sync::Arc;

const SHAPE: Config = Config { layers: 2, width: 32, heads: 4, hidden: 48, vocabulary: 64, context: 24, ..Config::USUAL };

fn make(task: Task, batch: usize) -> Box<dyn Job> {
    let weights = Weights::random(SHAPE, 3);
    if task == Task::Train {
        return Box::new(Trainer::new(weights, 3));
    }
    Box::new(Generator::with(Arc::new(weights), batch, Sampling::Seeded, 3, task))
}

fn identity(task: Task, batch: usize) -> Identity {
    Identity {
        model: "test".into(),
        shape: format!("{SHAPE:?}"),
        task: task.name().into(),
        number: "f32".into(),
        seed: 3,
        batch,
        worker: 0,
    }
}

fn parking(crossing: Crossing, folder: &std::path::Path, task: Task, batch: usize) -> Parking {
    Parking::new(Keeping { crossing, folder: folder.join("checkpoint") }, identity(task, batch))
}

fn steps(job: &mut dyn Job, parking: &mut Parking, count: usize) {
    for _ in 0..count {
        let done = job.step().expect("sound");
        parking.count(done);
    }
}

/// All that decides what comes next: weights or keys and values, draws, prompts, progress.
fn state(job: &mut dyn Job) -> Vec<u8> {
    let mut state = Vec::new();
    job.save(&mut state).expect("a buffer");
    state
}

const ALIVE: &dyn Fn() -> bool = &|| true;

#[test]
fn a_checkpoint_restores_exactly_what_an_uninterrupted_run_has() {
    for task in Task::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let mut parking = parking(Crossing::Checkpoint, folder.path(), *task, 3);
        let (mut straight, mut crossing) = (make(*task, 3), make(*task, 3));
        let mut beside = Parking::new(Keeping::default(), identity(*task, 3));
        for eclipse in 0..3 {
            steps(straight.as_mut(), &mut beside, 17);
            steps(crossing.as_mut(), &mut parking, 17);
            let left = parking.leave(crossing, ALIVE);
            assert_eq!((left.lost, left.wrong), (Done::default(), None));
            assert_eq!(left.bytes, std::fs::metadata(parking.file()).expect("written").len());
            let came;
            (crossing, came) = parking.come(&mut || Ok(make(*task, 3))).expect("back");
            assert_eq!((came.lost, came.wrong, came.bytes), (Done::default(), None, left.bytes));
            assert!(state(straight.as_mut()) == state(crossing.as_mut()), "{task:?}, eclipse {eclipse}");
        }
        steps(straight.as_mut(), &mut beside, 40);
        steps(crossing.as_mut(), &mut parking, 40);
        assert!(state(straight.as_mut()) == state(crossing.as_mut()), "{task:?} afterwards");
        assert_eq!(parking.done, beside.done);
        // The negative control: one step more is another state.
        steps(crossing.as_mut(), &mut parking, 1);
        assert!(state(straight.as_mut()) != state(crossing.as_mut()), "{task:?}");
    }
}

#[test]
fn a_restart_loses_what_is_unfinished_and_does_just_that_again() {
    for task in Task::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let mut parking = parking(Crossing::Restart, folder.path(), *task, 1);
        let mut job = make(*task, 1);
        steps(job.as_mut(), &mut parking, 31);
        let before = state(job.as_mut());
        let done = parking.done;
        let lost = parking.leave(job, ALIVE).lost;
        assert!(!folder.path().join("checkpoint").exists());
        let (mut job, came) = parking.come(&mut || Ok(make(*task, 1))).expect("back");
        assert_eq!((came.lost, came.wrong), (Done::default(), None), "it was counted when it was lost");
        match task {
            Task::Train => assert_eq!(lost, done, "training begins from nothing"),
            Task::Prefill => assert_eq!(lost, Done::default(), "a prompt a step: none is ever unfinished"),
            Task::Decode | Task::Mixed => assert!(lost.output > 0 && lost.output < done.output && lost.input > 0, "{task:?}: {lost:?}"),
        }
        let mut again = Done::default();
        while again.output < lost.output {
            let done = job.step().expect("sound");
            (again.input, again.output) = (again.input + done.input, again.output + done.output);
        }
        assert_eq!(again, lost);
        assert!(state(job.as_mut()) == before, "{task:?}: done again, it is where it was");
    }
}

/// A machine that computes other answers than the known ones: its work is looked at before its memory goes, unless it is to end at once.
#[test]
fn work_that_is_wrong_is_found_out_as_it_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    for (alive, found) in [(true, true), (false, false)] {
        let mut job = Generator::with(Arc::new(Weights::random(SHAPE, 3)), 2, Sampling::Seeded, 3, Task::Decode);
        job.check_against(Arc::new(Known::of(&Weights::random(SHAPE, 4), 3)));
        assert!(job.step().is_err());
        let left = parking(Crossing::Restart, folder.path(), Task::Decode, 2).leave(Box::new(job), &|| alive);
        assert_eq!(left.failed.as_ref().is_some_and(|why| why.contains("computes wrongly")), found, "{left:?}");
        assert!(left.unchecked.output > 0);
    }
}

#[test]
fn a_damaged_or_foreign_file_is_refused_by_name_and_the_work_begins_anew() {
    for task in [Task::Mixed, Task::Train] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut parking = parking(Crossing::Checkpoint, folder.path(), task, 2);
        let mut job = make(task, 2);
        steps(job.as_mut(), &mut parking, 25);
        parking.leave(job, ALIVE);
        let mut bytes = std::fs::read(parking.file()).expect("written");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(parking.file(), bytes).expect("room");
        let (mut job, came) = parking.come(&mut || Ok(make(task, 2))).expect("back");
        assert!(came.wrong.as_ref().is_some_and(|why| why.contains("work-0.checkpoint") && why.contains("checksum")), "{came:?}");
        assert!(came.lost.output > 0, "{task:?}: {came:?}");
        steps(job.as_mut(), &mut parking, 5);
    }
}

#[test]
fn where_nothing_can_be_written_the_loss_is_that_of_a_restart_or_back_to_an_older_one() {
    for task in [Task::Decode, Task::Train] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut parking = parking(Crossing::Checkpoint, folder.path(), task, 2);
        let mut job = make(task, 2);
        steps(job.as_mut(), &mut parking, 10);
        parking.leave(job, ALIVE);
        let (mut job, _) = parking.come(&mut || Ok(make(task, 2))).expect("back");
        let older = parking.done;
        let at_older = state(job.as_mut());
        steps(job.as_mut(), &mut parking, 7);
        let since = Done { input: parking.done.input - older.input, output: parking.done.output - older.output };
        // As if the disk had filled up: nobody lets it write any more.
        let left = parking.leave(job, &|| false);
        assert!(left.wrong.is_some_and(|why| why.contains("cannot write the checkpoint")) && left.bytes == 0);
        let (mut job, came) = parking.come(&mut || Ok(make(task, 2))).expect("back");
        if task == Task::Train {
            assert_eq!((left.lost, came.lost), (Done::default(), since), "the older one counts");
            assert!(state(job.as_mut()) == at_older);
        } else {
            assert!(left.lost.output > 0 && came.lost == Done::default(), "{:?} {:?}", left.lost, came.lost);
        }
    }
}
