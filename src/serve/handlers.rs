//! The handlers of the endpoints; each returns JSON.

use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot::Receiver;
use tokio::time::timeout;

use super::arguments::Arguments;
use super::endpoints::{Route, openapi};
use super::error::ApiError;
use super::map::{MapRequest, map};
use super::state::METHODS;
use super::workers::{Search, Workers};
use crate::error::Error;
use crate::query::{AnalogyMethod, NearestOptions, ScoredRow, Term};
use crate::report::json::{AnalogyResult, NearestResult, PredictionResult, SimilarityResult};
use crate::vectors::Vectors;

/// Default number of points of a map.
const DEFAULT_POINTS: usize = 200;

type JsonResult = Result<Vec<u8>, ApiError>;

#[derive(Serialize)]
struct Predictions<'a> {
    predictions: Vec<PredictionResult<'a>>,
}

/// Handles a request.
pub async fn handle(workers: &Arc<Workers>, route: Route, arguments: Arguments) -> JsonResult {
    match route {
        Route::About => json(&about(workers)),
        Route::OpenApi => json(&openapi(&workers.limits)),
        Route::Nearest => nearest(workers, &arguments).await,
        Route::Similarity => similarity(workers, &arguments).await,
        Route::Analogy => analogy(workers, &arguments).await,
        Route::Predict => predict(workers, &arguments).await,
        Route::Complete => complete(workers, &arguments).await,
        Route::Map => draw_map(workers, &arguments).await,
    }
}

fn json(value: &impl Serialize) -> JsonResult {
    serde_json::to_vec(value).map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, e))
}

/// Waits for the result of a queued computation.
async fn wait_for<T>(result: Receiver<T>, limit: Duration) -> Result<T, ApiError> {
    match timeout(limit, result).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error: the computation panicked")),
        Err(_) => {
            let text = format!("timed out after {} seconds; try again later", limit.as_secs_f32());
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text))
        }
    }
}

/// Runs a short computation in the queue for queries, and waits for its result.
async fn run(workers: &Arc<Workers>, task: impl FnOnce(&Workers) -> JsonResult + Send + 'static) -> JsonResult {
    let shared = Arc::clone(workers);
    let result = workers.query(move || task(&shared))?;
    wait_for(result, workers.limits.query_timeout).await?
}

/// The table that a request refers to.
fn table(workers: &Workers, arguments: &Arguments) -> Result<Arc<Vectors>, ApiError> {
    match (arguments.text("table"), &workers.state.second) {
        (Some("second"), Some(second)) => Ok(Arc::clone(second)),
        (Some("second"), None) => Err(ApiError::new(StatusCode::NOT_FOUND, "this server has no second table")),
        _ => Ok(Arc::clone(&workers.state.vectors)),
    }
}

fn search_options(arguments: &Arguments) -> NearestOptions {
    NearestOptions {
        k: arguments.count("k").unwrap_or(NearestOptions::default().k),
        restrict: arguments.count("restrict"),
        within: None,
        min_cosine: arguments.cosine("min_cosine"),
    }
}

/// Searches the nearest words. Unknown words are reported from the queue for queries, because it takes long to find similar words.
async fn search(
    workers: &Arc<Workers>,
    vectors: &Arc<Vectors>,
    terms: &[(f32, Term<'_>)],
    options: &NearestOptions,
) -> Result<Vec<ScoredRow>, ApiError> {
    let words = terms.iter().filter_map(|(_, term)| if let Term::Word(word) = term { Some(*word) } else { None });
    if let Some(missing) =
        words.into_iter().find(|word| vectors.row_of(word).is_none() && vectors.vector(word).is_none())
    {
        let (table, missing) = (Arc::clone(vectors), missing.to_vec());
        let found = workers.query(move || table.require(missing).map_err(ApiError::from))?;
        wait_for(found, workers.limits.query_timeout).await??;
    }
    let (search, answers) = Search::new(vectors, vectors.query(terms)?, options);
    workers.search(search)?;
    Ok(wait_for(answers, workers.limits.query_timeout).await??)
}

async fn nearest(workers: &Arc<Workers>, arguments: &Arguments) -> JsonResult {
    let vectors = table(workers, arguments)?;
    let (near, far) = (arguments.texts("word"), arguments.texts("not"));
    let vector = arguments.numbers("vector");
    let words = |words: &'_ [String], weight: f32| -> Vec<(f32, Vec<u8>)> {
        words.iter().map(|word| (weight, word.clone().into_bytes())).collect()
    };
    let signed = [words(near, 1.0), words(far, -1.0)].concat();
    let terms = vector.iter().map(|values| (1.0, Term::Vector(values)));
    let terms: Vec<(f32, Term)> =
        terms.chain(signed.iter().map(|(weight, word)| (*weight, Term::Word(word)))).collect();
    let answers = search(workers, &vectors, &terms, &search_options(arguments)).await?;
    json(&NearestResult::new(&vectors, vector.map(|_| 1), near, far, &answers))
}

async fn similarity(workers: &Arc<Workers>, arguments: &Arguments) -> JsonResult {
    let vectors = table(workers, arguments)?;
    let [a, b] = ["a", "b"].map(|name| arguments.text(name).unwrap_or_default().to_owned());
    run(workers, move |_| {
        let cosine = vectors.similarity(&a, &b)?;
        json(&SimilarityResult { a, b, cosine })
    })
    .await
}

async fn analogy(workers: &Arc<Workers>, arguments: &Arguments) -> JsonResult {
    let vectors = table(workers, arguments)?;
    let words = ["a", "b", "c"].map(|name| arguments.text(name).unwrap_or_default().to_owned());
    let method = AnalogyMethod::from_str(arguments.text("method").unwrap_or(AnalogyMethod::default().name()))?;
    let options = search_options(arguments);
    if method == AnalogyMethod::Mul {
        let multiply = move |_: &Workers| {
            let [a, b, c] = &words;
            let answers = vectors.analogy(a, b, c, method, &options)?;
            json(&AnalogyResult::new(&vectors, words.each_ref(), method, &answers))
        };
        return run(workers, multiply).await;
    }
    let [a, b, c] = words.each_ref().map(|word| Term::Word(word.as_bytes()));
    let answers = search(workers, &vectors, &[(1.0, b), (1.0, c), (-1.0, a)], &options).await?;
    json(&AnalogyResult::new(&vectors, words, method, &answers))
}

async fn predict(workers: &Arc<Workers>, arguments: &Arguments) -> JsonResult {
    if workers.state.model.is_none() {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "this server has no model"));
    }
    let texts = arguments.texts("text").to_vec();
    run(workers, move |workers| {
        let Some(model) = &workers.state.model else { return json(&Predictions { predictions: Vec::new() }) };
        let predictions = model.predict(&texts);
        json(&Predictions { predictions: predictions.iter().map(|one| PredictionResult::new(model, one)).collect() })
    })
    .await
}

async fn complete(workers: &Arc<Workers>, arguments: &Arguments) -> JsonResult {
    let vectors = table(workers, arguments)?;
    let prefix = arguments.text("prefix").unwrap_or_default().to_owned();
    let k = arguments.count("k").unwrap_or(NearestOptions::default().k);
    run(workers, move |_| {
        let words: Vec<String> =
            vectors.complete(&prefix, k).iter().map(|&row| vectors.word(row).into_owned()).collect();
        json(&json!({ "prefix": prefix, "words": words }))
    })
    .await
}

fn draw_map(workers: &Arc<Workers>, arguments: &Arguments) -> impl Future<Output = JsonResult> {
    let request = MapRequest {
        selection: arguments.text("selection").and_then(|name| name.parse().ok()).unwrap_or_default(),
        words: arguments.texts("word").to_vec(),
        points: arguments.count("points").unwrap_or(DEFAULT_POINTS),
        tsne: arguments.text("method") == Some("tsne"),
    };
    let workers = Arc::clone(workers);
    async move {
        let max = workers.limits.max_tsne_points;
        if request.tsne && request.points > max {
            return Err(Error::invalid("points", format!("at most {max} for t-SNE"), request.points.to_string()).into());
        }
        let shared = Arc::clone(&workers);
        let result = workers.map(move |cancelled: &dyn Fn() -> bool| {
            map(&shared.state, &request, cancelled).map_err(ApiError::from).and_then(|map| json(&map))
        })?;
        wait_for(result, workers.limits.map_timeout).await?
    }
}

fn about(workers: &Workers) -> Value {
    let (state, limits) = (&workers.state, &workers.limits);
    let table = |vectors: &Arc<Vectors>| {
        // Only the file name, since the path may be private.
        let path = &vectors.source().path;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        json!({ "name": name, "rows": vectors.len(), "dimension": vectors.dimension() })
    };
    let tables: Vec<Value> = [Some(&state.vectors), state.second.as_ref()].into_iter().flatten().map(table).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "tables": tables,
        "model": state.model.as_ref().map(|model| json!({ "labels": model.labels() })),
        "list_words": state.list.as_ref().map(|list| list.len()),
        "labels": state.labels.as_ref().map_or(&[][..], |labels| labels.names()),
        "labelled_words": state.labels.as_ref().map_or(0, |labels| labels.rows().len()),
        "methods": METHODS,
        "limits": {
            "max_k": limits.max_k, "max_terms": limits.max_terms, "max_points": limits.max_points,
            "max_tsne_points": limits.max_tsne_points, "max_body_bytes": limits.max_body_bytes,
        },
    })
}
