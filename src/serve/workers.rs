//! Worker threads with bounded queues: one each for searches, other queries and maps, so that a map that takes seconds does not delay a
//! search. When a queue is full, requests fail at once.
//!
//! All waiting searches are computed as one batch, which is much faster under load.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use super::state::{AppState, Limits};
use crate::error::Result;
use crate::query::{NearestOptions, Query, ScoredRow};
use crate::vectors::Vectors;

/// Maximum number of searches in a batch.
const MAX_BATCH: usize = 128;

/// The state, the limits, and the queues of the worker threads.
#[derive(Debug)]
pub struct Workers {
    pub state: AppState,
    pub limits: Limits,
    searches: SyncSender<Search>,
    queries: SyncSender<Job>,
    maps: SyncSender<Job>,
}

/// The error of a full queue.
#[derive(Debug)]
pub struct QueueFull;

/// A search in one of the tables.
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
    /// A search, and the receiver of its results.
    pub fn new(
        vectors: &Arc<Vectors>,
        query: Query,
        options: &NearestOptions,
    ) -> (Search, oneshot::Receiver<Result<Vec<ScoredRow>>>) {
        let (reply, answers) = oneshot::channel();
        let &NearestOptions { k, restrict, min_cosine, .. } = options;
        (Search { vectors: Arc::clone(vectors), query, k, restrict, min_cosine, reply }, answers)
    }

    /// Whether two searches can be in the same batch; `k` may differ.
    fn can_be_batched_with(&self, other: &Search) -> bool {
        let limits = |search: &Search| (search.restrict, search.min_cosine.map(f32::to_bits));
        Arc::ptr_eq(&self.vectors, &other.vectors) && limits(self) == limits(other)
    }
}

impl Workers {
    /// Starts the threads. They end when the returned value is dropped.
    pub fn start(state: AppState, limits: Limits) -> io::Result<Arc<Workers>> {
        let (searches, search_queue) = sync_channel(limits.max_queued_queries);
        let (queries, query_queue) = sync_channel(limits.max_queued_queries);
        let (maps, map_queue) = sync_channel(limits.max_queued_maps);
        let tables: Vec<Arc<Vectors>> =
            [Some(&state.vectors), state.second.as_ref()].into_iter().flatten().cloned().collect();
        thread::Builder::new().name("searches".into()).spawn(move || {
            // A server runs many searches, so computing the codes at the start pays off.
            for vectors in tables {
                vectors.codes(usize::from(u16::MAX));
            }
            run_searches(&search_queue);
        })?;
        for (name, queue) in [("queries", query_queue), ("maps", map_queue)] {
            thread::Builder::new().name(name.into()).spawn(move || {
                for job in queue {
                    let job: Job = job;
                    // A panic must not end the thread; the request gets an error.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Arc::new(Workers { state, limits, searches, queries, maps }))
    }

    /// Queues a search.
    pub fn search(&self, search: Search) -> Result<(), QueueFull> {
        self.searches.try_send(search).map_err(queue_full)
    }

    /// Queues a short computation; the receiver gets its result.
    pub fn query<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, QueueFull> {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            if !reply.is_closed() {
                let _ = reply.send(work());
            }
        };
        self.queries.try_send(Box::new(job)).map_err(queue_full)?;
        Ok(answer)
    }

    /// Queues a map. `work` gets a function that returns whether the request was cancelled.
    pub fn map<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, QueueFull> {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            if !reply.is_closed() {
                let result = work(&|| reply.is_closed());
                let _ = reply.send(result);
            }
        };
        self.maps.try_send(Box::new(job)).map_err(queue_full)?;
        Ok(answer)
    }
}

fn queue_full<T>(_: TrySendError<T>) -> QueueFull {
    QueueFull
}

/// Runs the searches of a queue in batches, until its senders are dropped.
fn run_searches(queue: &Receiver<Search>) {
    while let Ok(first) = queue.recv() {
        let mut waiting: Vec<Search> = std::iter::once(first).chain(queue.try_iter().take(MAX_BATCH - 1)).collect();
        waiting.retain(|search| !search.reply.is_closed());
        while let Some(first) = waiting.pop() {
            let (mut batch, rest) = waiting.into_iter().partition(|search| search.can_be_batched_with(&first));
            waiting = rest;
            batch.push(first);
            run_batch(batch);
        }
    }
}

/// Runs searches of the same table with the same restrictions.
fn run_batch(searches: Vec<Search>) {
    let Some(first) = searches.first() else { return };
    let k = searches.iter().map(|search| search.k).max().unwrap_or(0);
    let options = NearestOptions { k, restrict: first.restrict, within: None, min_cosine: first.min_cosine };
    let queries: Vec<Query> = searches.iter().map(|search| search.query.clone()).collect();
    match first.vectors.clone().nearest_batch(&queries, &options) {
        Ok(all) => {
            for (search, mut answers) in searches.into_iter().zip(all) {
                // The order is total, so the best k are the first k of a longer list.
                answers.truncate(search.k);
                let _ = search.reply.send(Ok(answers));
            }
        }
        Err(_) => {
            // Each request gets an error of its own.
            for search in searches {
                let options = NearestOptions { k: search.k, ..options.clone() };
                let answers = search.vectors.search(&search.query, &options);
                let _ = search.reply.send(answers);
            }
        }
    }
}
