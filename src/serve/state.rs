//! What the server works with: the opened files and the limits.

use std::sync::Arc;
use std::time::Duration;

use crate::classifier::Classifier;
use crate::query::RowSet;
use crate::vectors::Vectors;

/// Everything that the server gives access to. No request can open another file.
#[derive(Debug)]
pub struct AppState {
    /// The vectors.
    pub vectors: Arc<Vectors>,
    /// A second table of vectors, shown next to the first; for example the same vectors after fine-tuning.
    pub second: Option<Arc<Vectors>>,
    /// The classifier for `/v1/predict`.
    pub model: Option<Classifier>,
    /// Words for the map `list`.
    pub list: Option<RowSet>,
    /// Labels of words, which colour the maps.
    pub labels: Option<Labels>,
}

/// Labels of words.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    names: Vec<String>,
    /// Pairs of a row and an index into `names`, in ascending order of rows.
    rows: Vec<(u32, u32)>,
}

impl Labels {
    /// Labels of rows. If a row has several labels, the first is used.
    pub fn new<'a>(labelled: impl IntoIterator<Item = (u32, &'a str)>) -> Labels {
        let mut labels = Labels::default();
        let mut indices = hashbrown::HashMap::new();
        for (row, name) in labelled {
            let index = *indices.entry(name).or_insert_with(|| {
                labels.names.push(name.to_owned());
                labels.names.len() as u32 - 1
            });
            labels.rows.push((row, index));
        }
        labels.rows.sort_by_key(|&(row, _)| row);
        labels.rows.dedup_by_key(|&mut (row, _)| row);
        labels
    }

    /// The distinct labels, in order of first occurrence.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows that have a label, in ascending order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = u32> {
        self.rows.iter().map(|&(row, _)| row)
    }

    /// The label of a row, as an index into [`Labels::names`].
    pub fn of(&self, row: u32) -> Option<u32> {
        let index = self.rows.binary_search_by_key(&row, |&(row, _)| row).ok()?;
        self.rows.get(index).map(|&(_, label)| label)
    }
}

/// Projection methods of maps in this build.
pub(super) const METHODS: &[&str] = if cfg!(feature = "tsne") { &["pca", "tsne"] } else { &["pca"] };

/// Limits of a server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum size of a request body in bytes.
    pub max_body_bytes: usize,
    /// Maximum number of results of a query.
    pub max_k: usize,
    /// Maximum number of words or texts in a query.
    pub max_terms: usize,
    /// Maximum number of points of a PCA map.
    pub max_points: usize,
    /// Maximum number of points of a t-SNE map.
    pub max_tsne_points: usize,
    /// How long a client may take to send a request, or to read some of a response.
    pub client_timeout: Duration,
    /// How long a query may take.
    pub query_timeout: Duration,
    /// How long a map may take.
    pub map_timeout: Duration,
    /// Maximum number of open connections.
    pub max_connections: usize,
    /// Maximum number of queued queries.
    pub max_queued_queries: usize,
    /// Maximum number of queued maps.
    pub max_queued_maps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_body_bytes: 1 << 20,
            max_k: 1000,
            max_terms: 256,
            max_points: 50_000,
            max_tsne_points: 20_000,
            client_timeout: Duration::from_secs(10),
            query_timeout: Duration::from_secs(10),
            map_timeout: Duration::from_secs(90),
            max_connections: 256,
            max_queued_queries: 1024,
            max_queued_maps: 4,
        }
    }
}
