//! Maps: which words, where they lie, what colour they have.

use std::sync::Arc;

use hashbrown::HashSet;
use rayon::prelude::*;
use serde::Serialize;

use super::Served;
use super::projection::superpose;
#[cfg(feature = "tsne")]
use super::tsne::tsne;
use crate::error::{Error, Result};
use crate::query::NearestOptions;
use crate::vectors::{Projection, Vectors, pca};

/// Which words a map shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Those named and the ones nearest to them.
    Near,
    /// The first rows.
    Frequent,
    /// Those of the list.
    List,
    /// Those with labels.
    Labelled,
    /// Those named alone.
    Words,
}

/// A map that is asked for.
#[derive(Debug)]
pub struct Wanted {
    pub of: Of,
    pub words: Vec<String>,
    pub points: usize,
    pub tsne: bool,
}

/// A map.
#[derive(Debug, Serialize)]
pub struct MapAnswer {
    method: &'static str,
    words: Vec<String>,
    labels: Vec<Option<u32>>,
    maps: Vec<Points>,
    /// Of each word, 1 less the cosine of its vectors in the two tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Vec<f32>>,
    left_out: usize,
}

/// Where the words lie, of one table.
#[derive(Debug, Serialize)]
struct Points {
    x: Vec<f32>,
    y: Vec<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<[f64; 2]>,
}

/// Makes a map of each table that is open, of the words that all of them have.
///
/// # Errors
/// Unknown words, a list or labels that are not there, no word at all; a map that nobody waits for any more.
pub fn map(served: &Served, wanted: &Wanted, cancelled: &dyn Fn() -> bool) -> Result<MapAnswer> {
    let chosen = rows(served, wanted)?;
    let tables: Vec<&Arc<Vectors>> = [Some(&served.vectors), served.compared.as_ref()].into_iter().flatten().collect();
    // The row of a word in every table, where it has a direction in all of them.
    let everywhere = |&row: &u32| -> Option<Vec<u32>> {
        let word = served.vectors.vocabulary().word(row)?;
        let rows: Option<Vec<u32>> = tables.iter().map(|table| table.row_of(word)).collect();
        rows.filter(|rows| rows.iter().zip(&tables).all(|(&row, table)| has_direction(table, row)))
    };
    let found: Vec<Vec<u32>> = chosen.par_iter().filter_map(everywhere).collect();
    if found.is_empty() {
        return Err(Error::invalid("map", "words with a direction in every table", "none"));
    }
    let mut maps: Vec<Projection> = Vec::new();
    let mut all_units: Vec<Vec<f32>> = Vec::new();
    for (which, table) in tables.iter().enumerate() {
        if cancelled() {
            return Err(Error::invalid("map", "someone who waits for it", "nobody"));
        }
        let units = units(table, found.iter().filter_map(|rows| rows.get(which).copied()));
        let mut projection = match wanted.tsne {
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
    let labels = served.labels.as_ref();
    Ok(MapAnswer {
        method: if wanted.tsne { "tsne" } else { "pca" },
        words: first.clone().map(|row| served.vectors.word(row).into_owned()).collect(),
        labels: first.map(|row| labels.and_then(|labels| labels.of(row))).collect(),
        moved: moved(&tables, &all_units),
        left_out: chosen.len() - found.len(),
        maps: maps.into_iter().map(Points::of).collect(),
    })
}

impl Points {
    fn of(projection: Projection) -> Points {
        let along = |axis: usize| projection.points.iter().map(|point| point[axis]).collect();
        Points { x: along(0), y: along(1), explained: projection.explained }
    }
}

fn has_direction(table: &Vectors, row: u32) -> bool {
    table.norm(row).is_some_and(|norm| norm > 0.0 && norm.is_finite())
}

/// The rows of the first table that the map shows, the words named first, each once.
fn rows(served: &Served, wanted: &Wanted) -> Result<Vec<u32>> {
    let vectors = &served.vectors;
    let mut rows: Vec<u32> = wanted.words.iter().map(|word| vectors.require(word)).collect::<Result<_>>()?;
    let missing = |option: &str| Error::invalid("map", format!("a server that was started with {option}"), "none");
    match wanted.of {
        Of::Words => {}
        Of::Frequent => rows.extend(0..vectors.len().min(wanted.points) as u32),
        Of::List => rows.extend(served.list.as_ref().ok_or_else(|| missing("--words"))?.rows()),
        Of::Labelled => rows.extend(served.labels.as_ref().ok_or_else(|| missing("--labels"))?.rows()),
        Of::Near => {
            let k = wanted.points.saturating_sub(wanted.words.len()) / wanted.words.len().max(1);
            let options = NearestOptions { k, ..NearestOptions::default() };
            for word in &wanted.words {
                rows.extend(vectors.nearest(&[word], &[] as &[&str], &options)?.iter().map(|near| near.row));
            }
        }
    }
    let mut seen = HashSet::new();
    rows.retain(|&row| seen.insert(row));
    rows.truncate(wanted.points.max(wanted.words.len()));
    if rows.is_empty() {
        return Err(Error::invalid("word", "a word at least, for such a map", "none"));
    }
    Ok(rows)
}

/// Rows scaled to length 1: `[rows, dimension]`.
fn units(table: &Vectors, rows: impl Iterator<Item = u32>) -> Vec<f32> {
    let mut units = Vec::new();
    for row in rows {
        let norm = f64::from(table.norm(row).unwrap_or(f32::NAN));
        units.extend(table.row(row).unwrap_or_default().iter().map(|&value| (f64::from(value) / norm) as f32));
    }
    units
}

/// How far words moved between two tables of the same dimension.
fn moved(tables: &[&Arc<Vectors>], units: &[Vec<f32>]) -> Option<Vec<f32>> {
    let ([before, after], [a, b]) = (tables, units) else { return None };
    let dimension = before.dimension();
    if after.dimension() != dimension {
        return None;
    }
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let pairs = a.chunks_exact(dimension).zip(b.chunks_exact(dimension));
    Some(pairs.map(|(a, b)| (1.0 - cosine(a, b)).max(0.0) as f32).collect())
}
