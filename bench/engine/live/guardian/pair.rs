//! Two guardians of the same settings: whatever happens to one of them while the engine is stopped, hangs or dies, the other is there and awake. Neither knows of the
//! other; both may put back, which comes to the same.
//!
//! Not here: one guardian's life (`post`), what it does (`guard`).

use super::post::{News, Order, Post};
use std::time::Instant;

/// The guardians of a card.
pub(super) struct Pair([Post; 2]);

impl Pair {
    /// Starts both, or none: the first one's pipe breaks where the second cannot be had, before anything was changed.
    pub(super) fn start(order: &Order) -> Result<Self, String> {
        let first = Post::start(order.clone())?;
        match Post::start(order.clone()) {
            Ok(second) => Ok(Self([first, second])),
            Err(why) => {
                Self::dismiss_one(first);
                Err(why)
            }
        }
    }

    fn dismiss_one(mut post: Post) {
        post.dismiss(Instant::now() + super::RESTORE);
    }

    /// Looks at both and renews their leases.
    pub(super) fn look(&mut self) -> Vec<News> {
        self.0.iter_mut().filter_map(Post::look).collect()
    }

    /// Tells both that the settings are in force again.
    pub(super) fn again(&mut self) {
        self.0.iter_mut().for_each(Post::again);
    }

    /// Tells both that there is nothing left to guard, and waits for their ends until `deadline`.
    pub(super) fn dismiss(&mut self, deadline: Instant) {
        self.0.iter_mut().for_each(Post::release);
        self.0.iter_mut().for_each(|post| post.dismiss(deadline));
    }
}
