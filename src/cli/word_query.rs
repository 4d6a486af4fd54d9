//! Queries whose results are words: those of `nearest` and `analogy`, single, in batches and in the shell.

use std::process::ExitCode;

use clap::builder::TypedValueParser;
use vocable::query::{AnalogyMethod, NearestOptions, ScoredRow, Term};
use vocable::report::json::{AnalogyResult, NearestResult};
use vocable::{Error, Vectors, report};

use super::arguments::split_sign;
use super::output::{self, Failure, Output};
use super::values;

/// A query whose results are words.
pub enum WordQuery {
    /// Words near to some words, far from others, and near to a vector of the user, which has a number.
    Nearest { vector: Option<(u64, Vec<f32>)>, near: Vec<Vec<u8>>, far: Vec<Vec<u8>> },
    /// A is to B as C is to ...
    Analogy { words: [Vec<u8>; 3], method: AnalogyMethod },
}

/// A query and its results.
pub type QueryResults = (WordQuery, Vec<ScoredRow>);

impl WordQuery {
    /// A query for words near to the terms without a sign or with a `+`, and far from those with a `-`.
    pub fn nearest<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> WordQuery {
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for word in words {
            let (is_far, word) = split_sign(word);
            if is_far { &mut far } else { &mut near }.push(word.to_vec());
        }
        WordQuery::Nearest { vector: None, near, far }
    }

    /// The analogy "a is to b as c is to ..." of three words.
    pub fn analogy(words: &[&[u8]], method: AnalogyMethod) -> Result<WordQuery, Error> {
        match words {
            [a, b, c] => Ok(WordQuery::Analogy { words: [a.to_vec(), b.to_vec(), c.to_vec()], method }),
            words => Err(Error::invalid("analogy", "three words", words.len().to_string())),
        }
    }

    /// The weighted sum of words and vectors that the query searches for; `None` for one whose scores are not cosines.
    fn terms(&self) -> Option<Vec<(f32, Term<'_>)>> {
        match self {
            WordQuery::Nearest { vector, near, far } => {
                let vector = vector.iter().map(|(_, values)| (1.0, Term::Vector(values)));
                let near = near.iter().map(|word| (1.0, Term::Word(word)));
                let far = far.iter().map(|word| (-1.0, Term::Word(word)));
                Some(vector.chain(near).chain(far).collect())
            }
            WordQuery::Analogy { words: [a, b, c], method: AnalogyMethod::Add } => {
                Some(vec![(1.0, Term::Word(b)), (1.0, Term::Word(c)), (-1.0, Term::Word(a))])
            }
            WordQuery::Analogy { method: AnalogyMethod::Mul, .. } => None,
        }
    }

    /// The results, best first.
    pub fn results(&self, vectors: &Vectors, options: &NearestOptions) -> Result<Vec<ScoredRow>, Error> {
        match (self, self.terms()) {
            (WordQuery::Analogy { words: [a, b, c], method }, _) => vectors.analogy(a, b, c, *method, options),
            (_, terms) => vectors.search(&vectors.query(&terms.unwrap_or_default())?, options),
        }
    }

    /// The results of many queries, in order: the same as those of [`WordQuery::results`], in less time. An error in place of a query
    /// is passed through.
    pub fn results_of_all(
        queries: Vec<Result<WordQuery, Error>>,
        vectors: &Vectors,
        options: &NearestOptions,
    ) -> Result<Vec<Result<QueryResults, Error>>, Error> {
        let mut sums = Vec::new();
        let mut outcomes = Vec::new();
        for query in queries {
            outcomes.push(query.and_then(
                |query| match query.terms().map(|terms| vectors.query(&terms)).transpose()? {
                    Some(sum) => {
                        sums.push(sum);
                        Ok((query, None))
                    }
                    None => {
                        let results = query.results(vectors, options)?;
                        Ok((query, Some(results)))
                    }
                },
            ));
        }
        let mut batch = vectors.nearest_batch(&sums, options)?.into_iter();
        let mut of_batch = |results: Option<_>| results.or_else(|| batch.next()).unwrap_or_default();
        let mut complete = |(query, results)| (query, of_batch(results));
        Ok(outcomes.into_iter().map(|outcome| outcome.map(&mut complete)).collect())
    }

    /// Prints the results as JSON.
    pub fn print_json(&self, vectors: &Vectors, results: &[ScoredRow], output: &mut Output) -> Result<(), Failure> {
        match self {
            WordQuery::Nearest { vector, near, far } => {
                let number = vector.as_ref().map(|(number, _)| *number);
                output.json(&NearestResult::new(vectors, number, near, far, results))
            }
            WordQuery::Analogy { words, method } => {
                output.json(&AnalogyResult::new(vectors, words.each_ref(), *method, results))
            }
        }
    }

    /// Prints the results, or an error if there are none.
    pub fn run(&self, vectors: &Vectors, options: &NearestOptions, output: &mut Output) -> Result<ExitCode, Failure> {
        let results = self.results(vectors, options)?;
        if output.json {
            self.print_json(vectors, &results, output)?;
        } else {
            output.text(report::scored_words(vectors, &results, ""))?;
        }
        if results.is_empty() && options.k > 0 {
            output.flush()?;
            output::error(no_results(options));
            return Ok(ExitCode::from(1));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Why a query has no results.
fn no_results(options: &NearestOptions) -> String {
    match options.min_cosine {
        Some(min) => format!("no results: no word has a cosine of at least {min}"),
        None => "no results: only the query words themselves match".to_owned(),
    }
}

/// Parses the scoring method of analogies.
pub fn analogy_method() -> impl TypedValueParser<Value = AnalogyMethod> {
    values::described::<AnalogyMethod>(|method| match method {
        AnalogyMethod::Add => "3CosAdd: closest to B - A + C",
        AnalogyMethod::Mul => "3CosMul: product and quotient of cosines",
    })
}

/// A word as text, for messages and JSON.
pub fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}
