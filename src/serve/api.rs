//! Answers to questions, as JSON.

use std::fmt::Display;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot::Receiver;
use tokio::time::timeout;

use super::METHODS;
use super::arguments::Arguments;
use super::endpoints::{Question, openapi};
use super::map::{Of, Wanted, map};
use super::work::{Busy, Search, Work};
use crate::error::Error;
use crate::query::{AnalogyMethod, NearestOptions, ScoredRow, Term};
use crate::report::json::{AnalogyAnswer, NearestAnswer, PredictAnswer, SimilarityAnswer};
use crate::vectors::Vectors;

/// Points of a map, unless told.
const POINTS: usize = 200;

/// Why a request is refused.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub text: String,
}

impl Refusal {
    pub fn new(status: StatusCode, text: impl Display) -> Refusal {
        Refusal { status, text: text.to_string() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = match &error {
            unanswered if unanswered.is_unanswered() => StatusCode::NOT_FOUND,
            Error::Invalid { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Refusal::new(status, error)
    }
}

impl From<Busy> for Refusal {
    fn from(_: Busy) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "more questions than can wait; ask again later")
    }
}

type Body = Result<Vec<u8>, Refusal>;

#[derive(Serialize)]
struct Predictions<'a> {
    predictions: Vec<PredictAnswer<'a>>,
}

/// Answers a question.
pub async fn answer(work: &Arc<Work>, question: Question, arguments: Arguments) -> Body {
    match question {
        Question::About => json(&about(work)),
        Question::OpenApi => json(&openapi(&work.limits)),
        Question::Nearest => nearest(work, &arguments).await,
        Question::Similarity => similarity(work, &arguments).await,
        Question::Analogy => analogy(work, &arguments).await,
        Question::Predict => predict(work, &arguments).await,
        Question::Complete => complete(work, &arguments).await,
        Question::Map => drawn(work, &arguments).await,
    }
}

fn json(value: &impl Serialize) -> Body {
    serde_json::to_vec(value).map_err(|e| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, e))
}

/// Waits for what was put into a queue.
async fn waited<T>(answer: Receiver<T>, limit: Duration) -> Result<T, Refusal> {
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the question came to no end")),
        Err(_) => {
            let text = format!("no answer within {} seconds; ask again later", limit.as_secs_f32());
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text))
        }
    }
}

/// Does short work in its queue, and waits for it.
async fn worked(work: &Arc<Work>, task: impl FnOnce(&Work) -> Body + Send + 'static) -> Body {
    let shared = Arc::clone(work);
    let made = work.question(move || task(&shared))?;
    waited(made, work.limits.answer).await?
}

/// The table that is asked.
fn table(work: &Work, arguments: &Arguments) -> Result<Arc<Vectors>, Refusal> {
    match (arguments.text("table"), &work.served.compared) {
        (Some("second"), Some(compared)) => Ok(Arc::clone(compared)),
        (Some("second"), None) => {
            Err(Refusal::new(StatusCode::NOT_FOUND, "there is no second table: start with --compare FILE"))
        }
        _ => Ok(Arc::clone(&work.served.vectors)),
    }
}

fn options(arguments: &Arguments) -> NearestOptions {
    NearestOptions {
        k: arguments.count("k").unwrap_or(NearestOptions::default().k),
        restrict: arguments.count("restrict"),
        within: None,
        min_cosine: arguments.cosine("min_cosine"),
    }
}

/// Searches for what `terms` make. Words that are not there take long to tell, since similar ones are named, so they are left to the
/// other queue.
async fn searched(
    work: &Arc<Work>,
    vectors: &Arc<Vectors>,
    terms: &[(f32, Term<'_>)],
    options: &NearestOptions,
) -> Result<Vec<ScoredRow>, Refusal> {
    let words = terms.iter().filter_map(|(_, term)| if let Term::Word(word) = term { Some(*word) } else { None });
    if let Some(missing) =
        words.into_iter().find(|word| vectors.row_of(word).is_none() && vectors.vector(word).is_none())
    {
        let (table, missing) = (Arc::clone(vectors), missing.to_vec());
        let found = work.question(move || table.require(missing).map_err(Refusal::from))?;
        waited(found, work.limits.answer).await??;
    }
    let (search, answers) = Search::new(vectors, vectors.query(terms)?, options);
    work.search(search)?;
    Ok(waited(answers, work.limits.answer).await??)
}

async fn nearest(work: &Arc<Work>, arguments: &Arguments) -> Body {
    let vectors = table(work, arguments)?;
    let (near, far) = (arguments.texts("word"), arguments.texts("not"));
    let vector = arguments.numbers("vector");
    let words = |words: &'_ [String], weight: f32| -> Vec<(f32, Vec<u8>)> {
        words.iter().map(|word| (weight, word.clone().into_bytes())).collect()
    };
    let signed = [words(near, 1.0), words(far, -1.0)].concat();
    let terms = vector.iter().map(|values| (1.0, Term::Vector(values)));
    let terms: Vec<(f32, Term)> =
        terms.chain(signed.iter().map(|(weight, word)| (*weight, Term::Word(word)))).collect();
    let answers = searched(work, &vectors, &terms, &options(arguments)).await?;
    json(&NearestAnswer::new(&vectors, vector.map(|_| 1), near, far, &answers))
}

async fn similarity(work: &Arc<Work>, arguments: &Arguments) -> Body {
    let vectors = table(work, arguments)?;
    let [a, b] = ["a", "b"].map(|name| arguments.text(name).unwrap_or_default().to_owned());
    worked(work, move |_| {
        let cosine = vectors.similarity(&a, &b)?;
        json(&SimilarityAnswer { a, b, cosine })
    })
    .await
}

async fn analogy(work: &Arc<Work>, arguments: &Arguments) -> Body {
    let vectors = table(work, arguments)?;
    let words = ["a", "b", "c"].map(|name| arguments.text(name).unwrap_or_default().to_owned());
    let method = AnalogyMethod::from_str(arguments.text("method").unwrap_or(AnalogyMethod::default().name()))?;
    let options = options(arguments);
    if method == AnalogyMethod::Mul {
        let asked = move |_: &Work| {
            let [a, b, c] = &words;
            let answers = vectors.analogy(a, b, c, method, &options)?;
            json(&AnalogyAnswer::new(&vectors, words.each_ref(), method, &answers))
        };
        return worked(work, asked).await;
    }
    let [a, b, c] = words.each_ref().map(|word| Term::Word(word.as_bytes()));
    let answers = searched(work, &vectors, &[(1.0, b), (1.0, c), (-1.0, a)], &options).await?;
    json(&AnalogyAnswer::new(&vectors, words, method, &answers))
}

async fn predict(work: &Arc<Work>, arguments: &Arguments) -> Body {
    if work.served.model.is_none() {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "there is no model: start with --model FILE"));
    }
    let texts = arguments.texts("text").to_vec();
    worked(work, move |work| {
        let Some(model) = &work.served.model else { return json(&Predictions { predictions: Vec::new() }) };
        let predictions = model.predict(&texts);
        json(&Predictions { predictions: predictions.iter().map(|one| PredictAnswer::new(model, one)).collect() })
    })
    .await
}

async fn complete(work: &Arc<Work>, arguments: &Arguments) -> Body {
    let vectors = table(work, arguments)?;
    let prefix = arguments.text("prefix").unwrap_or_default().to_owned();
    let k = arguments.count("k").unwrap_or(NearestOptions::default().k);
    worked(work, move |_| {
        let words: Vec<String> =
            vectors.complete(&prefix, k).iter().map(|&row| vectors.word(row).into_owned()).collect();
        json(&json!({ "prefix": prefix, "words": words }))
    })
    .await
}

fn drawn(work: &Arc<Work>, arguments: &Arguments) -> impl Future<Output = Body> {
    let of = match arguments.text("of") {
        Some("frequent") => Of::Frequent,
        Some("list") => Of::List,
        Some("labelled") => Of::Labelled,
        Some("words") => Of::Words,
        _ => Of::Near,
    };
    let points = arguments.count("n").unwrap_or(POINTS);
    let wanted =
        Wanted { of, words: arguments.texts("word").to_vec(), points, tsne: arguments.text("method") == Some("tsne") };
    let work = Arc::clone(work);
    async move {
        let most = work.limits.tsne_points;
        if wanted.tsne && points > most {
            return Err(Error::invalid("n", format!("{most} at the most for t-SNE"), points.to_string()).into());
        }
        let shared = Arc::clone(&work);
        let made = work.map(move |cancelled: &dyn Fn() -> bool| {
            map(&shared.served, &wanted, cancelled).map_err(Refusal::from).and_then(|map| json(&map))
        })?;
        waited(made, work.limits.map).await?
    }
}

fn about(work: &Work) -> Value {
    let (served, limits) = (&work.served, &work.limits);
    let table = |vectors: &Arc<Vectors>| {
        // The name alone: where the file lies is nobody's business.
        let path = &vectors.source().path;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        json!({ "name": name, "rows": vectors.len(), "dimension": vectors.dimension() })
    };
    let tables: Vec<Value> =
        [Some(&served.vectors), served.compared.as_ref()].into_iter().flatten().map(table).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "tables": tables,
        "model": served.model.as_ref().map(|model| json!({ "labels": model.labels() })),
        "list": served.list.as_ref().map(|list| list.len()),
        "labels": served.labels.as_ref().map_or(&[][..], |labels| labels.names()),
        "labelled": served.labels.as_ref().map_or(0, |labels| labels.rows().len()),
        "methods": METHODS,
        "limits": {
            "k": limits.k, "named": limits.named, "points": limits.points, "tsne_points": limits.tsne_points,
            "body": limits.body,
        },
    })
}
