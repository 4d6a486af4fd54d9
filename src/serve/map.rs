//! Maps: the selection of words, their coordinates and their labels.

use std::sync::Arc;

use hashbrown::HashSet;
use rayon::prelude::*;
use serde::Serialize;
use strum::EnumString;

use super::projection::superpose;
use super::state::AppState;
#[cfg(feature = "tsne")]
use super::tsne::tsne;
use crate::error::{Error, Result};
use crate::query::NearestOptions;
use crate::vectors::{Projection, Vectors, pca};

/// The words that a map shows. The words of the request are always included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Selection {
    /// The words of the request and their nearest neighbours.
    #[default]
    Neighbours,
    /// The most frequent words: the first rows.
    Frequent,
    /// The words of the list.
    List,
    /// The words that have a label.
    Labelled,
    /// Only the words of the request.
    Words,
}

/// A requested map.
#[derive(Debug)]
pub struct MapRequest {
    pub selection: Selection,
    pub words: Vec<String>,
    pub points: usize,
    pub tsne: bool,
}

/// A map.
#[derive(Debug, Serialize)]
pub struct MapResponse {
    method: &'static str,
    words: Vec<String>,
    labels: Vec<Option<u32>>,
    maps: Vec<Points>,
    /// With two tables, the cosine distance between each word's two vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    cosine_distances: Option<Vec<f32>>,
    /// Number of words without a direction, or missing from one of the tables.
    words_omitted: usize,
}

/// Coordinates of the words of one table.
#[derive(Debug, Serialize)]
struct Points {
    x: Vec<f32>,
    y: Vec<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<[f64; 2]>,
}

/// Projects words to two dimensions, for each table. Only words that all tables have are shown.
///
/// # Errors
/// Unknown words, a missing list or missing labels, an empty selection, cancellation.
pub fn map(state: &AppState, request: &MapRequest, cancelled: &dyn Fn() -> bool) -> Result<MapResponse> {
    let selected = select_rows(state, request)?;
    let tables: Vec<&Arc<Vectors>> = [Some(&state.vectors), state.second.as_ref()].into_iter().flatten().collect();
    // The row of a word in each table, if it has a direction in all of them.
    let rows_in_all = |&row: &u32| -> Option<Vec<u32>> {
        let word = state.vectors.vocabulary().word(row)?;
        let rows: Option<Vec<u32>> = tables.iter().map(|table| table.row_of(word)).collect();
        rows.filter(|rows| rows.iter().zip(&tables).all(|(&row, table)| has_direction(table, row)))
    };
    let found: Vec<Vec<u32>> = selected.par_iter().filter_map(rows_in_all).collect();
    if found.is_empty() {
        return Err(Error::invalid("map", "words with a non-zero vector in every table", "none"));
    }
    let mut maps: Vec<Projection> = Vec::new();
    let mut all_units: Vec<Vec<f32>> = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        if cancelled() {
            return Err(Error::other("the map was cancelled"));
        }
        let units = units(table, found.iter().filter_map(|rows| rows.get(index).copied()));
        let mut projection = match request.tsne {
            #[cfg(feature = "tsne")]
            true => tsne(&units, table.dimension(), cancelled)?,
            _ => pca(&units, table.dimension()),
        };
        if let Some(first) = maps.first() {
            superpose(&mut projection.points, &first.points);
        }
        maps.push(projection);
        all_units.push(units);
    }
    let first = found.iter().filter_map(|rows| rows.first().copied());
    let labels = state.labels.as_ref();
    Ok(MapResponse {
        method: if request.tsne { "tsne" } else { "pca" },
        words: first.clone().map(|row| state.vectors.word(row).into_owned()).collect(),
        labels: first.map(|row| labels.and_then(|labels| labels.of(row))).collect(),
        cosine_distances: cosine_distances(&tables, &all_units),
        words_omitted: selected.len() - found.len(),
        maps: maps.into_iter().map(Points::of).collect(),
    })
}

impl Points {
    fn of(projection: Projection) -> Points {
        let axis = |axis: usize| projection.points.iter().map(|point| point[axis]).collect();
        Points { x: axis(0), y: axis(1), explained: projection.explained }
    }
}

fn has_direction(table: &Vectors, row: u32) -> bool {
    table.norm(row).is_some_and(|norm| norm > 0.0 && norm.is_finite())
}

/// The rows of the first table to show, without duplicates; the words of the request come first.
fn select_rows(state: &AppState, request: &MapRequest) -> Result<Vec<u32>> {
    let vectors = &state.vectors;
    let mut rows: Vec<u32> = request.words.iter().map(|word| vectors.require(word)).collect::<Result<_>>()?;
    let missing = |what: &str| Error::other(format!("this server has no {what}"));
    match request.selection {
        Selection::Words => {}
        Selection::Frequent => rows.extend(0..vectors.len().min(request.points) as u32),
        Selection::List => rows.extend(state.list.as_ref().ok_or_else(|| missing("word list"))?.rows()),
        Selection::Labelled => rows.extend(state.labels.as_ref().ok_or_else(|| missing("labels of words"))?.rows()),
        Selection::Neighbours => {
            let k = request.points.saturating_sub(request.words.len()) / request.words.len().max(1);
            let options = NearestOptions { k, ..NearestOptions::default() };
            for word in &request.words {
                rows.extend(vectors.nearest(&[word], &[] as &[&str], &options)?.iter().map(|near| near.row));
            }
        }
    }
    let mut seen = HashSet::new();
    rows.retain(|&row| seen.insert(row));
    rows.truncate(request.points.max(request.words.len()));
    if rows.is_empty() {
        return Err(Error::invalid("word", "at least one word for this selection", "none"));
    }
    Ok(rows)
}

/// Rows scaled to unit length: `[rows, dimension]`.
fn units(table: &Vectors, rows: impl Iterator<Item = u32>) -> Vec<f32> {
    let mut units = Vec::new();
    for row in rows {
        let norm = f64::from(table.norm(row).unwrap_or(f32::NAN));
        units.extend(table.row(row).unwrap_or_default().iter().map(|&value| (f64::from(value) / norm) as f32));
    }
    units
}

/// Cosine distances between the vectors of words in two tables of the same dimension.
fn cosine_distances(tables: &[&Arc<Vectors>], units: &[Vec<f32>]) -> Option<Vec<f32>> {
    let ([before, after], [a, b]) = (tables, units) else { return None };
    let dimension = before.dimension();
    if after.dimension() != dimension {
        return None;
    }
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let pairs = a.chunks_exact(dimension).zip(b.chunks_exact(dimension));
    Some(pairs.map(|(a, b)| (1.0 - cosine(a, b)).max(0.0) as f32).collect())
}
