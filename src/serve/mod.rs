//! The vectors in a browser, and their answers over HTTP: a server on the loopback address.
//!
//! [`Server`] holds what was opened ([`Served`]) and answers questions about nothing else: no request names a file. `http` speaks
//! HTTP and refuses what is hostile, `endpoints` says in one table what can be asked and how (the OpenAPI description and the
//! reading of arguments are both made of it), `api` answers, `work` does the answering on threads of its own, behind queues
//! that have an end, and `map` draws, by `tsne` in builds with that feature.

mod api;
mod arguments;
mod endpoints;
mod http;
mod map;
mod page;
mod patience;
mod projection;
#[cfg(feature = "tsne")]
mod tsne;
mod work;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::classifier::Classifier;
use crate::error::{Error, Result};
use crate::query::RowSet;
use crate::vectors::Vectors;
pub use projection::superpose;
#[cfg(feature = "tsne")]
pub use tsne::tsne;

/// What a server answers from: all that it will ever read.
#[derive(Debug)]
pub struct Served {
    /// The vectors.
    pub vectors: Arc<Vectors>,
    /// Vectors to show beside them, as they are after tuning.
    pub compared: Option<Arc<Vectors>>,
    /// The model that predicts.
    pub model: Option<Classifier>,
    /// Words of a list, to draw a map of.
    pub list: Option<RowSet>,
    /// Words with labels, to colour maps by.
    pub labels: Option<Labels>,
}

/// Labels of words.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    names: Vec<String>,
    /// Pairs of a row and an index into `names`, by ascending row.
    rows: Vec<(u32, u32)>,
}

impl Labels {
    /// Labels of rows; of a row that has several, the first counts.
    pub fn new<'a>(labelled: impl IntoIterator<Item = (u32, &'a str)>) -> Labels {
        let mut labels = Labels::default();
        let mut places = hashbrown::HashMap::new();
        for (row, name) in labelled {
            let place = *places.entry(name).or_insert_with(|| {
                labels.names.push(name.to_owned());
                labels.names.len() as u32 - 1
            });
            labels.rows.push((row, place));
        }
        labels.rows.sort_by_key(|&(row, _)| row);
        labels.rows.dedup_by_key(|&mut (row, _)| row);
        labels
    }

    /// The labels, in the order in which they were first met.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows that have one, ascending.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = u32> {
        self.rows.iter().map(|&(row, _)| row)
    }

    /// The label of a row, as an index into [`Labels::names`].
    pub fn of(&self, row: u32) -> Option<u32> {
        let place = self.rows.binary_search_by_key(&row, |&(row, _)| row).ok()?;
        self.rows.get(place).map(|&(_, label)| label)
    }
}

/// How maps are drawn.
const METHODS: &[&str] = if cfg!(feature = "tsne") { &["pca", "tsne"] } else { &["pca"] };

/// What a server lets nobody exceed.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Answers to a question.
    pub k: usize,
    /// Words or texts that a question names.
    pub named: usize,
    /// Points of a map by principal components.
    pub points: usize,
    /// Points of a map by t-SNE.
    pub tsne_points: usize,
    /// Time for a client to send a request, and to take in what it is sent.
    pub patience: Duration,
    /// Time until an answer.
    pub answer: Duration,
    /// Time until a map.
    pub map: Duration,
    /// Connections at a time.
    pub connections: usize,
    /// Questions that wait.
    pub waiting: usize,
    /// Maps that wait.
    pub waiting_maps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body: 1 << 20,
            k: 1000,
            named: 256,
            points: 50_000,
            tsne_points: 20_000,
            patience: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            map: Duration::from_secs(90),
            connections: 256,
            waiting: 1024,
            waiting_maps: 4,
        }
    }
}

/// A server that has its address, and runs when it is told to.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    served: Served,
    limits: Limits,
    stop: watch::Sender<bool>,
}

/// Ends a server, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Asks the server to end: it takes no more connections, and gives answers that are under way a few seconds.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Takes a port of the loopback address (127.0.0.1): `port`, or with 0 one that is free. Nothing is answered yet.
    ///
    /// # Errors
    /// A port that is taken or not granted, or a damaged table file.
    pub fn bind(served: Served, port: u16, limits: Limits) -> Result<Server> {
        served.vectors.check()?;
        served.compared.as_ref().map_or(Ok(()), |vectors| vectors.check())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let taken = |e| Error::io(address.to_string(), "listen there", e);
        let listener = TcpListener::bind(address).map_err(taken)?;
        listener.set_nonblocking(true).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        Ok(Server { listener, address, served, limits, stop: watch::channel(false).0 })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Answers until it is stopped.
    ///
    /// # Errors
    /// A system that grants no more threads or no network.
    pub fn run(self) -> Result<()> {
        let failed = |e| Error::io(self.address.to_string(), "answer there", e);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let work = work::Work::start(self.served, self.limits).map_err(failed)?;
        let stopped = runtime.block_on(http::serve(self.listener, self.address, work, self.stop.subscribe()));
        stopped.map_err(failed)
    }
}
