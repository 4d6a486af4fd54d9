//! Questions whose answers are words: what `nearest` and `analogy` ask, alone, in batches and in the shell.

use std::process::ExitCode;

use vocable::query::{AnalogyMethod, NearestOptions, ScoredRow, Term};
use vocable::report::json::{AnalogyAnswer, NearestAnswer};
use vocable::{Error, Vectors, report};

use super::arguments::split_sign;
use super::output::{self, Failure, Output};

/// A question whose answers are words.
pub enum Question {
    /// Words near to some and far from others, and to a vector of the caller's own, which has a number.
    Nearest { vector: Option<(u64, Vec<f32>)>, near: Vec<Vec<u8>>, far: Vec<Vec<u8>> },
    /// A is to B as C is to ...
    Analogy { words: [Vec<u8>; 3], method: AnalogyMethod },
}

/// A question, or why a line states none.
pub type Stated = Result<Question, Error>;

/// A question with its answers, or why it has none.
pub type Answered = Result<(Question, Vec<ScoredRow>), Error>;

impl Question {
    /// Words near to those with a `+` or without a sign, and far from those with a `-`.
    pub fn nearest<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Question {
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for word in words {
            let (is_far, word) = split_sign(word);
            if is_far { &mut far } else { &mut near }.push(word.to_vec());
        }
        Question::Nearest { vector: None, near, far }
    }

    /// "a is to b as c is to ...", of three words.
    pub fn analogy(words: &[&[u8]], method: AnalogyMethod) -> Stated {
        match words {
            [a, b, c] => Ok(Question::Analogy { words: [a.to_vec(), b.to_vec(), c.to_vec()], method }),
            words => Err(Error::invalid("analogy", "three words", words.len().to_string())),
        }
    }

    /// The sum of words and vectors that states the question; `None` for one whose scores are no cosines.
    fn terms(&self) -> Option<Vec<(f32, Term<'_>)>> {
        match self {
            Question::Nearest { vector, near, far } => {
                let vector = vector.iter().map(|(_, values)| (1.0, Term::Vector(values)));
                let near = near.iter().map(|word| (1.0, Term::Word(word)));
                let far = far.iter().map(|word| (-1.0, Term::Word(word)));
                Some(vector.chain(near).chain(far).collect())
            }
            Question::Analogy { words: [a, b, c], method: AnalogyMethod::Add } => {
                Some(vec![(1.0, Term::Word(b)), (1.0, Term::Word(c)), (-1.0, Term::Word(a))])
            }
            Question::Analogy { method: AnalogyMethod::Mul, .. } => None,
        }
    }

    /// The answers, best first.
    pub fn answers(&self, vectors: &Vectors, options: &NearestOptions) -> Result<Vec<ScoredRow>, Error> {
        match (self, self.terms()) {
            (Question::Analogy { words: [a, b, c], method }, _) => vectors.analogy(a, b, c, *method, options),
            (_, terms) => vectors.search(&vectors.query(&terms.unwrap_or_default())?, options),
        }
    }

    /// The answers to many questions, in their order: each as [`Question::answers`] gives them, in less time. An error in
    /// place of a question stays one.
    pub fn answer_all(
        questions: Vec<Stated>,
        vectors: &Vectors,
        options: &NearestOptions,
    ) -> Result<Vec<Answered>, Error> {
        let mut queries = Vec::new();
        let mut outcomes = Vec::new();
        for question in questions {
            outcomes.push(question.and_then(|question| {
                match question.terms().map(|terms| vectors.query(&terms)).transpose()? {
                    Some(query) => {
                        queries.push(query);
                        Ok((question, None))
                    }
                    None => {
                        let answers = question.answers(vectors, options)?;
                        Ok((question, Some(answers)))
                    }
                }
            }));
        }
        let mut batch = vectors.nearest_batch(&queries, options)?.into_iter();
        let mut of_batch = |answers: Option<_>| answers.or_else(|| batch.next()).unwrap_or_default();
        let mut complete = |(question, answers)| (question, of_batch(answers));
        Ok(outcomes.into_iter().map(|outcome| outcome.map(&mut complete)).collect())
    }

    /// Prints the answers as JSON.
    pub fn print_json(&self, vectors: &Vectors, answers: &[ScoredRow], output: &mut Output) -> Result<(), Failure> {
        match self {
            Question::Nearest { vector, near, far } => {
                let number = vector.as_ref().map(|(number, _)| *number);
                output.json(&NearestAnswer::new(vectors, number, near, far, answers))
            }
            Question::Analogy { words, method } => {
                output.json(&AnalogyAnswer::new(vectors, words.each_ref(), *method, answers))
            }
        }
    }

    /// Prints the answers, or says that there are none.
    pub fn ask(&self, vectors: &Vectors, options: &NearestOptions, output: &mut Output) -> Result<ExitCode, Failure> {
        let answers = self.answers(vectors, options)?;
        if output.json {
            self.print_json(vectors, &answers, output)?;
        } else {
            output.text(report::answers(vectors, &answers, ""))?;
        }
        if answers.is_empty() && options.k > 0 {
            output.flush()?;
            output::error(nothing(options));
            return Ok(ExitCode::from(1));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Why a question has no answers.
fn nothing(options: &NearestOptions) -> String {
    match options.min_cosine {
        Some(least) => format!("no answer: no word that may answer has a cosine of {least} or more"),
        None => "no answer: no word may answer but those of the question".to_owned(),
    }
}

/// A word for messages and JSON.
pub fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}
