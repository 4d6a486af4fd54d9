//! Answering, on threads of its own: a queue that has an end for each kind of work, so that a map that takes seconds delays no
//! search, and whoever comes when a queue is full hears so at once.
//!
//! Searches that wait are answered together, as one batch: under load that takes a small part of the time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use super::{Limits, Served};
use crate::error::Result;
use crate::query::{NearestOptions, Query, ScoredRow};
use crate::vectors::Vectors;

/// Searches that are answered as one batch, at the most.
const TOGETHER: usize = 128;

/// What was opened, the limits, and the threads that answer.
#[derive(Debug)]
pub struct Work {
    pub served: Served,
    pub limits: Limits,
    searches: SyncSender<Search>,
    jobs: SyncSender<Job>,
    maps: SyncSender<Job>,
}

/// The queue is full.
#[derive(Debug)]
pub struct Busy;

/// A search among one of the tables.
#[derive(Debug)]
pub struct Search {
    pub vectors: Arc<Vectors>,
    pub query: Query,
    pub k: usize,
    pub restrict: Option<usize>,
    pub min_cosine: Option<f32>,
    reply: oneshot::Sender<Result<Vec<ScoredRow>>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Search {
    /// A search, and where its answers will be.
    pub fn new(
        vectors: &Arc<Vectors>,
        query: Query,
        options: &NearestOptions,
    ) -> (Search, oneshot::Receiver<Result<Vec<ScoredRow>>>) {
        let (reply, answers) = oneshot::channel();
        let &NearestOptions { k, restrict, min_cosine, .. } = options;
        (Search { vectors: Arc::clone(vectors), query, k, restrict, min_cosine, reply }, answers)
    }

    /// Whether both can be answered by one batch; how many answers each wants does not matter.
    fn goes_with(&self, other: &Search) -> bool {
        let limits = |search: &Search| (search.restrict, search.min_cosine.map(f32::to_bits));
        Arc::ptr_eq(&self.vectors, &other.vectors) && limits(self) == limits(other)
    }
}

impl Work {
    /// Starts the threads. They end when the value returned is dropped.
    pub fn start(served: Served, limits: Limits) -> io::Result<Arc<Work>> {
        let (searches, asked) = sync_channel(limits.waiting);
        let (jobs, jobs_asked) = sync_channel(limits.waiting);
        let (maps, maps_asked) = sync_channel(limits.waiting_maps);
        let tables: Vec<Arc<Vectors>> =
            [Some(&served.vectors), served.compared.as_ref()].into_iter().flatten().cloned().collect();
        thread::Builder::new().name("searches".into()).spawn(move || {
            // A server is asked many questions, so codes pay from the first one on.
            for vectors in tables {
                vectors.codes(usize::from(u16::MAX));
            }
            answer_searches(&asked);
        })?;
        for (name, queue) in [("questions", jobs_asked), ("maps", maps_asked)] {
            thread::Builder::new().name(name.into()).spawn(move || {
                for job in queue {
                    let job: Job = job;
                    // An assertion of a library costs its question the answer, not the server its thread.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Arc::new(Work { served, limits, searches, jobs, maps }))
    }

    /// Puts a search into the queue.
    pub fn search(&self, search: Search) -> Result<(), Busy> {
        self.searches.try_send(search).map_err(busy)
    }

    /// Puts other work into the queue that is short; the receiver has what it returns.
    pub fn question<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Busy> {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            if !reply.is_closed() {
                let _ = reply.send(work());
            }
        };
        self.jobs.try_send(Box::new(job)).map_err(busy)?;
        Ok(answer)
    }

    /// Puts a map into its queue. `work` is given a function that tells whether nobody waits for the map any more.
    pub fn map<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Busy> {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            if !reply.is_closed() {
                let made = work(&|| reply.is_closed());
                let _ = reply.send(made);
            }
        };
        self.maps.try_send(Box::new(job)).map_err(busy)?;
        Ok(answer)
    }
}

fn busy<T>(_: TrySendError<T>) -> Busy {
    Busy
}

/// Answers searches, all that wait at once, until nobody can ask any more.
fn answer_searches(asked: &Receiver<Search>) {
    while let Ok(first) = asked.recv() {
        let mut waiting: Vec<Search> = std::iter::once(first).chain(asked.try_iter().take(TOGETHER - 1)).collect();
        waiting.retain(|search| !search.reply.is_closed());
        while let Some(first) = waiting.pop() {
            let (mut together, rest) = waiting.into_iter().partition(|search| search.goes_with(&first));
            waiting = rest;
            together.push(first);
            answer_together(together);
        }
    }
}

fn answer_together(searches: Vec<Search>) {
    let Some(first) = searches.first() else { return };
    let k = searches.iter().map(|search| search.k).max().unwrap_or(0);
    let options = NearestOptions { k, restrict: first.restrict, within: None, min_cosine: first.min_cosine };
    let queries: Vec<Query> = searches.iter().map(|search| search.query.clone()).collect();
    match first.vectors.clone().nearest_batch(&queries, &options) {
        Ok(all) => {
            for (search, mut answers) in searches.into_iter().zip(all) {
                // The order is total, so the best k are the first of more.
                answers.truncate(search.k);
                let _ = search.reply.send(Ok(answers));
            }
        }
        Err(_) => {
            // Each hears for itself what is wrong with the file.
            for search in searches {
                let options = NearestOptions { k: search.k, ..options.clone() };
                let answers = search.vectors.search(&search.query, &options);
                let _ = search.reply.send(answers);
            }
        }
    }
}
