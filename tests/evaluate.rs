//! Benchmarks: each protocol compared with a plain reimplementation of its tool.

use std::collections::HashMap;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vocable::Vectors;
use vocable::query::{
    AnalogyDifference, AnalogyProtocol, AnalogyReport, Benchmark, Causes, EvaluateOptions, PairDifference,
    PairProtocol, Pairs, Questions, RowLimit, WordDifference,
};
use vocable::report;

const GENSIM: AnalogyProtocol = AnalogyProtocol::Gensim;
const WORD2VEC: AnalogyProtocol = AnalogyProtocol::Word2vec;
const GLOVE: AnalogyProtocol = AnalogyProtocol::Glove;

/// A plain table of vectors, and questions about it.
struct Case {
    words: Vec<String>,
    /// Of length 1.
    units: Vec<Vec<f64>>,
    vectors: Vectors,
    /// Name and questions of each section.
    sections: Vec<(String, Vec<[String; 4]>)>,
}

impl Case {
    /// Random words in several casings, not all of them ASCII, and questions whose answer is often among the
    /// nearest rows.
    fn drawn(seed: u64, count: usize, dimension: usize, questions: usize) -> Case {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let stems = ["oak", "élan", "straße", "œuvre", "Ire", "жар"];
        let mut words: Vec<String> = vec!["<unk>".to_owned()];
        while words.len() < count {
            let stem = format!("{}{}", stems[rng.random_range(0..stems.len())], rng.random_range(0..count / 6 + 1));
            let word = cased(&stem, &mut rng);
            if !words.contains(&word) {
                words.push(word);
            }
        }
        let last = words.len() - 1;
        words.swap(0, last / 2);
        let values: Vec<f32> = (0..words.len() * dimension).map(|_| rng.random_range(-1.0..1.0)).collect();
        let units: Vec<Vec<f64>> = values
            .chunks(dimension)
            .map(|row| {
                let norm = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
                row.iter().map(|&value| f64::from(value) / norm).collect()
            })
            .collect();
        let mut sections = Vec::new();
        for section in 0..7 {
            let mut asked = Vec::new();
            // One section stays empty, one has unknown words only.
            for _ in 0..if section == 3 { 0 } else { questions } {
                let [a, b, c] = [0; 3].map(|_| rng.random_range(0..words.len()));
                let mut ranked: Vec<usize> = (0..words.len()).filter(|row| ![a, b, c].contains(row)).collect();
                let scores = scores(&units, [a, b, c]);
                ranked.sort_by(|&x, &y| scores[y].total_cmp(&scores[x]));
                let d = ranked[rng.random_range(0..3)];
                let mut question = [a, b, c, d].map(|row| words[row].clone());
                for word in &mut question {
                    if rng.random_range(0..3) == 0 {
                        *word = cased(word, &mut rng);
                    }
                }
                if section == 4 || rng.random_range(0..20) == 0 {
                    question[rng.random_range(0..4)] = "nowhere".to_owned();
                }
                asked.push(question);
            }
            sections.push((format!("section {section}"), asked));
        }
        let vectors = Vectors::new(&words, values, dimension).unwrap();
        Case { words, units, vectors, sections }
    }

    fn questions(&self) -> Questions {
        let mut text = String::new();
        for (name, questions) in &self.sections {
            text.push_str(&format!(": {name}\n"));
            questions.iter().for_each(|words| text.push_str(&format!("{}\n", words.join(" "))));
        }
        Questions::parse(text.as_bytes()).unwrap()
    }

    /// Correct, seen and total questions of each section; `answer` is `None` for a question with an unknown word.
    fn counts(&self, answer: impl Fn(&[String; 4]) -> Option<bool>) -> Vec<[usize; 3]> {
        let section = |(_, questions): &(String, Vec<[String; 4]>)| {
            let answers: Vec<bool> = questions.iter().filter_map(&answer).collect();
            [answers.iter().filter(|right| **right).count(), answers.len(), questions.len()]
        };
        self.sections.iter().map(section).collect()
    }

    /// gensim's `evaluate_word_analogies`.
    fn by_gensim(&self, restrict: usize) -> Vec<[usize; 3]> {
        let searched = restrict.min(self.words.len());
        let mut ok_vocab: HashMap<String, usize> = HashMap::new();
        for row in (0..searched).rev() {
            ok_vocab.insert(self.words[row].to_uppercase(), row);
        }
        self.counts(|question| {
            let [a, b, c, expected] = question.each_ref().map(|word| word.to_uppercase());
            let named = [*ok_vocab.get(&a)?, *ok_vocab.get(&b)?, *ok_vocab.get(&c)?];
            ok_vocab.get(&expected)?;
            let scores = scores(&self.units, named);
            let mut best: Vec<usize> = (0..searched).filter(|row| !named.contains(row)).collect();
            best.sort_by(|&x, &y| scores[y].total_cmp(&scores[x]));
            let mut predicted = None;
            for row in best.into_iter().take(5) {
                let upper = self.words[row].to_uppercase();
                let ignored = [&a, &b, &c].contains(&&upper);
                predicted = Some(upper);
                if !ignored {
                    break;
                }
            }
            Some(predicted == Some(expected))
        })
    }

    /// word2vec's `compute-accuracy`.
    fn by_word2vec(&self, threshold: usize) -> Vec<[usize; 3]> {
        let words = if threshold == 0 { self.words.len() } else { threshold.min(self.words.len()) };
        let vocab: Vec<String> = self.words[..words].iter().map(|word| word.to_ascii_uppercase()).collect();
        self.counts(|question| {
            let st = question.each_ref().map(|word| word.to_ascii_uppercase());
            let row = |st: &String| vocab.iter().position(|word| word == st);
            let named = [row(&st[0])?, row(&st[1])?, row(&st[2])?];
            row(&st[3])?;
            let scores = scores(&self.units, named);
            let (mut bestd, mut bestw) = (0.0, "");
            for c in (0..words).filter(|c| !named.contains(c)) {
                if scores[c] > bestd {
                    (bestd, bestw) = (scores[c], &vocab[c]);
                }
            }
            Some(bestw == st[3])
        })
    }

    /// GloVe's `evaluate.py`.
    fn by_glove(&self) -> Vec<[usize; 3]> {
        self.counts(|question| {
            let lower = question.each_ref().map(|word| word.to_lowercase());
            let row = |word: &String| self.words.iter().position(|w| w == word && w != "<unk>");
            let (named, expected) = ([row(&lower[0])?, row(&lower[1])?, row(&lower[2])?], row(&lower[3])?);
            let scores = scores(&self.units, named);
            let rows = (0..self.words.len()).filter(|&row| !named.contains(&row) && self.words[row] != "<unk>");
            let best = rows.max_by(|&x, &y| scores[x].total_cmp(&scores[y]));
            Some(best == Some(expected))
        })
    }
}

/// A word in one of five casings.
fn cased(word: &str, rng: &mut ChaCha8Rng) -> String {
    let mut letters = word.chars();
    match rng.random_range(0..5) {
        0 => word.to_uppercase(),
        1 => word.to_lowercase(),
        2 => letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default(),
        _ => word.to_owned(),
    }
}

/// The scores of all rows for b - a + c.
fn scores(units: &[Vec<f64>], [a, b, c]: [usize; 3]) -> Vec<f64> {
    let query: Vec<f64> = (0..units[0].len()).map(|i| units[b][i] - units[a][i] + units[c][i]).collect();
    units.iter().map(|row| row.iter().zip(&query).map(|(x, y)| x * y).sum()).collect()
}

fn counts(report: &AnalogyReport) -> Vec<[usize; 3]> {
    let of = report.sections.iter().map(|section| section.count);
    of.map(|count| [count.correct, count.seen, count.total]).collect()
}

/// The first rows; of 0 all of them, and of `None` as many as the protocol searches.
fn limit(rows: Option<usize>) -> RowLimit {
    match rows {
        None => RowLimit::Protocol,
        Some(0) => RowLimit::All,
        Some(rows) => RowLimit::First(rows),
    }
}

fn restricted(rows: usize) -> EvaluateOptions {
    EvaluateOptions { restrict: limit(Some(rows)), ..EvaluateOptions::default() }
}

#[test]
fn analogies_are_counted_as_the_tools_count_them() {
    let mut right = [0; 3];
    let mut unlike = 0;
    let cases = [(7, 2, 120), (9, 2, 120), (12, 3, 120), (40, 3, 60), (40, 8, 60), (300, 20, 20), (300, 50, 20)];
    for (seed, (rows, dimension, questions)) in (0..).zip(cases) {
        let case = Case::drawn(seed, rows, dimension, questions);
        let asked = case.questions();
        let default = EvaluateOptions::default();
        let evaluate = |protocol, options| case.vectors.evaluate_analogies(&asked, protocol, &options).unwrap();
        let reports = [GENSIM, WORD2VEC, GLOVE].map(|protocol| evaluate(protocol, default));
        let expected = [case.by_gensim(300_000), case.by_word2vec(0), case.by_glove()];
        for (report, expected) in reports.iter().zip(&expected) {
            assert_eq!(&counts(report), expected, "{} over {rows} x {dimension}", report.protocol.name());
            let semantic = expected[..5].iter().map(|count| count[0]).sum();
            assert_eq!((report.semantic().correct, report.rows), (semantic, rows));
            assert_eq!(report.syntactic().seen, expected[5][1] + expected[6][1]);
        }
        for (right, report) in right.iter_mut().zip(&reports) {
            *right += report.all().correct;
        }
        unlike += usize::from(expected[0] != expected[1]) + usize::from(expected[1] != expected[2]);
        for first in [1, 4, rows / 2, rows, rows + 1] {
            let options = restricted(first);
            assert_eq!(counts(&evaluate(GENSIM, options)), case.by_gensim(first), "gensim, {first} of {rows}");
            assert_eq!(counts(&evaluate(WORD2VEC, options)), case.by_word2vec(first), "word2vec, {first} of {rows}");
        }
    }
    // The cases exercise all rules.
    assert!(right.iter().all(|&right| right > 50) && unlike > 10, "{right:?} {unlike}");
}

#[test]
fn more_queries_than_a_batch() {
    let case = Case::drawn(11, 30, 4, 1700);
    let asked = case.questions();
    assert!(asked.len() > 9000);
    let report = case.vectors.evaluate_analogies(&asked, WORD2VEC, &EvaluateOptions::default()).unwrap();
    assert_eq!(counts(&report), case.by_word2vec(0));
}

#[test]
fn unknown_words_count_as_wrong_where_gensim_would_have_it() {
    let case = Case::drawn(5, 40, 3, 30);
    let asked = case.questions();
    let dummy = EvaluateOptions { dummy4unknown: true, ..EvaluateOptions::default() };
    let report = case.vectors.evaluate_analogies(&asked, GENSIM, &dummy).unwrap();
    assert_eq!(counts(&report), case.by_gensim(300_000));
    let all = report.all();
    assert_eq!((all.counted, all.accuracy()), (180, all.correct as f64 / 180.0));
    assert!(all.seen < 150 && all.correct > 0);
    let error = case.vectors.evaluate_analogies(&asked, GLOVE, &dummy).unwrap_err().to_string();
    assert_eq!(error, "dummy4unknown: expected gensim's protocol, found glove");
}

/// A table with obvious cosines.
fn vectors(words: &[(&str, &[f32])]) -> Vectors {
    let values = words.iter().flat_map(|(_, row)| row.iter().copied()).collect();
    Vectors::new(words.iter().map(|(word, _)| word), values, words[0].1.len()).unwrap()
}

fn ask(vectors: &Vectors, questions: &str, protocol: AnalogyProtocol) -> (Questions, AnalogyReport) {
    let questions = Questions::parse(questions.as_bytes()).unwrap();
    let report = vectors.evaluate_analogies(&questions, protocol, &EvaluateOptions::default()).unwrap();
    (questions, report)
}

fn difference(vectors: &Vectors, questions: &str, first: AnalogyReport, second: AnalogyProtocol) -> AnalogyDifference {
    let (questions, second) = ask(vectors, questions, second);
    AnalogyDifference::between(&questions, &first, &second)
}

#[test]
fn why_protocols_differ_is_told_by_what_happened() {
    // b - a + c points at (1, 1): the nearest is another casing of b, which gensim leaves out and word2vec does not.
    let table =
        vectors(&[("a", &[-1.0, 0.0]), ("b", &[0.0, 1.0]), ("c", &[0.0, 1.0]), ("B", &[0.5, 1.0]), ("d", &[1.0, 0.1])]);
    let question = ": s\na b c d\n";
    let (_, gensim) = ask(&table, question, GENSIM);
    assert_eq!((gensim.all().correct, gensim.predictions[0].unwrap().row), (1, Some(4)));
    let found = difference(&table, question, gensim, WORD2VEC);
    let left_out = Causes { excluded: 1, ..Causes::default() };
    assert_eq!(found, AnalogyDifference { both: 1, lost: left_out, ..AnalogyDifference::default() });

    // The only remaining row is in the opposite direction.
    let table = vectors(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0]), ("c", &[0.0, 2.0]), ("d", &[0.5, -1.0])]);
    let (_, gensim) = ask(&table, question, GENSIM);
    let (_, glove) = ask(&table, question, GLOVE);
    assert_eq!([gensim.all().correct, glove.all().correct], [1, 1]);
    let not_positive = Causes { not_positive: 1, ..Causes::default() };
    assert_eq!(difference(&table, question, gensim, WORD2VEC).lost, not_positive);
    let (_, word2vec) = ask(&table, question, WORD2VEC);
    assert_eq!(word2vec.predictions[0].unwrap().row, None);
    assert_eq!(difference(&table, question, word2vec, GLOVE).gained, not_positive);

    // gensim accepts another casing of the answer; among the words it is found only by folding.
    let table =
        vectors(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0]), ("c", &[1.0, 1.0]), ("D", &[0.1, 1.0]), ("d", &[0.0, -1.0])]);
    let questions = ": s\na b c d\nA b c D\nX b c d\na b c E\n";
    let table_with_e =
        vectors(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0]), ("c", &[1.0, 1.0]), ("E", &[0.1, 1.0]), ("d", &[0.0, -1.0])]);
    let (_, gensim) = ask(&table, questions, GENSIM);
    let found = difference(&table, questions, gensim, GLOVE);
    let folding = Causes { folding: 2, ..Causes::default() };
    assert_eq!((found.both, found.only_first, found.only_second, found.lost), (2, 0, 0, folding));
    let (_, gensim) = ask(&table_with_e, questions, GENSIM);
    let found = difference(&table_with_e, questions, gensim, GLOVE);
    let words = WordDifference { by_folding: 1, beyond_rows: 0 };
    assert_eq!((found.only_first, found.words_of_first), (1, words), "only `E` is not lower-case");

    // A row outside the searched ones.
    let asked = Questions::parse(b": s\na b c d\na b c e\n").unwrap();
    let table =
        vectors(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0]), ("c", &[1.0, 1.0]), ("d", &[1.0, 0.5]), ("e", &[0.1, 1.0])]);
    let reports = [4, 0].map(|rows| table.evaluate_analogies(&asked, WORD2VEC, &restricted(rows)).unwrap());
    let found = AnalogyDifference::between(&asked, &reports[0], &reports[1]);
    let rows = Causes { rows: 1, ..Causes::default() };
    assert_eq!((found.only_second, found.both, found.lost, found.gained), (1, 1, rows, Causes::default()));
    assert_eq!(found.words_of_second, WordDifference { by_folding: 0, beyond_rows: 1 });
    assert_eq!(
        report::analogy_differences(&asked, &reports),
        "word2vec compared with word2vec: 1 question with words not in the vocabulary of word2vec (1 word found only beyond row 4); \
         1 correct with word2vec become wrong (by rows beyond 4)"
    );
}

#[test]
fn gensim_looks_at_five_rows_and_no_further() {
    let casings = ["bcd", "Bcd", "bCd", "bcD", "BCd", "BCD"];
    for (nearer, right) in [(4, 1), (5, 0)] {
        // `nearer` casings of b rank before the answer.
        let mut words: Vec<(&str, &[f32])> = vec![("a", &[1.0, 0.0]), ("d", &[1.0, 2.0]), ("c", &[1.0, 0.0])];
        words.extend(casings[..=nearer].iter().map(|word| (*word, &[0.0f32, 1.0][..])));
        let (_, report) = ask(&vectors(&words), ": s\na bcd c d\n", GENSIM);
        assert_eq!(report.all().correct, right, "{nearer} other casings");
    }
}

#[test]
fn words_without_a_direction_are_seen_and_not_answered() {
    let table = vectors(&[
        ("a", &[0.0, 0.0]),
        ("b", &[0.0, 1.0]),
        ("c", &[1.0, 1.0]),
        ("d", &[0.1, 1.0]),
        ("e", &[-0.1, -1.0]),
    ]);
    for &protocol in AnalogyProtocol::ALL {
        // The second question contains all rows; the terms of the third cancel out.
        let (_, report) = ask(&table, ": s\na b c d\nb c d c\nb d b d\nb c d a\n", protocol);
        assert_eq!(report.all().seen, 4, "{}", protocol.name());
        assert_eq!(report.predictions[0].unwrap().row, None, "{}", protocol.name());
    }
    let pairs = Pairs::parse(b"a\tb\t1\nb\tc\t2\nc\td\t3\nb\td\t5\nd\te\t0\n").unwrap();
    for &protocol in PairProtocol::ALL {
        let report = table.evaluate_pairs(&pairs, protocol, &EvaluateOptions::default()).unwrap();
        // gensim scores a pair with a row of zeros 0, which ranks above -1.
        assert!(report.used == 5 && report.spearman > 0.8, "{report:?}");
    }
}

/// Pearson correlation by its definition.
fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let covariance: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
    let deviation = |values: &[f64], mean: f64| values.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt();
    covariance / deviation(x, mx) / deviation(y, my)
}

/// Ranks by their definition: the number of lower values, plus half of the equal ones.
fn ranks(values: &[f64]) -> Vec<f64> {
    let lower = |value: f64| values.iter().filter(|&&other| other < value).count() as f64;
    let equal = |value: f64| values.iter().filter(|&&other| other == value).count() as f64;
    values.iter().map(|&value| lower(value) + (equal(value) + 1.0) / 2.0).collect()
}

#[test]
fn pairs_correlate_as_in_gensim() {
    let mut unlike = 0;
    for seed in 0..6 {
        let case = Case::drawn(seed, 60, 5, 0);
        let mut rng = ChaCha8Rng::seed_from_u64(seed + 100);
        let mut drawn: Vec<(String, String, f64)> = Vec::new();
        for _ in 0..80 {
            let [a, b] = [0; 2].map(|_| case.words[rng.random_range(0..60)].clone());
            let (a, b) = if rng.random_range(0..3) == 0 { (cased(&a, &mut rng), b) } else { (a, b) };
            let b = if rng.random_range(0..10) == 0 { "nowhere".to_owned() } else { b };
            if a.to_uppercase() != b.to_uppercase() {
                drawn.push((a, b, f64::from(rng.random_range(0..20)) / 2.0));
            }
        }
        // A repeated pair counts twice.
        drawn.push(drawn[0].clone());
        let text: String = drawn.iter().map(|(a, b, score)| format!("{a}\t{b}\t{score}\n")).collect();
        let pairs = Pairs::parse(text.as_bytes()).unwrap();
        for (restrict, dummy4unknown) in [(None, false), (None, true), (Some(20), false), (Some(0), true)] {
            let options = EvaluateOptions { restrict: limit(restrict), dummy4unknown };
            let [gensim, exact] = [PairProtocol::Gensim, PairProtocol::Exact].map(|protocol| {
                let upper = |word: &str| match protocol {
                    PairProtocol::Gensim => word.to_uppercase(),
                    PairProtocol::Exact => word.to_owned(),
                };
                let searched = restrict.filter(|&n| n > 0).unwrap_or(60);
                let row = |word: &str| case.words[..searched].iter().position(|other| upper(other) == upper(word));
                let (mut cosines, mut scores, mut unknown) = (Vec::new(), Vec::new(), 0);
                for (a, b, score) in &drawn {
                    let cosine = match (row(a), row(b)) {
                        (Some(a), Some(b)) => case.units[a].iter().zip(&case.units[b]).map(|(x, y)| x * y).sum(),
                        _ => {
                            unknown += 1;
                            if !dummy4unknown {
                                continue;
                            }
                            0.0
                        }
                    };
                    cosines.push(cosine);
                    scores.push(*score);
                }
                let report = case.vectors.evaluate_pairs(&pairs, protocol, &options).unwrap();
                assert_eq!((report.used, report.unknown, report.total), (scores.len(), unknown, drawn.len()));
                let spearman = pearson(&ranks(&cosines), &ranks(&scores));
                assert!((report.spearman - spearman).abs() < 1e-9, "{} {spearman}", report.spearman);
                assert!((report.pearson - pearson(&cosines, &scores)).abs() < 1e-9);
                report
            });
            let difference = PairDifference::between(&pairs, &gensim, &exact);
            assert_eq!(difference.only_second, 0);
            assert_eq!(difference.only_first, exact.unknown - gensim.unknown);
            unlike += difference.only_first + difference.other_rows;
        }
    }
    assert!(unlike > 50, "{unlike}");
}

#[test]
fn equal_words_have_equal_cosines() {
    let table = vectors(&[("a", &[0.1, 0.7]), ("b", &[0.3, 0.9]), ("c", &[-1.0, 0.1])]);
    let pairs = Pairs::parse(b"a\ta\t10\nb\tb\t10\nc\tc\t10\na\tb\t5\n").unwrap();
    let report = table.evaluate_pairs(&pairs, PairProtocol::Gensim, &EvaluateOptions::default()).unwrap();
    assert!((report.spearman - 1.0).abs() < 1e-12, "{report:?}");
}

#[test]
fn benchmark_files_are_read_as_editors_leave_them() {
    let table = vectors(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0]), ("c", &[1.0, 1.0]), ("d", &[0.1, 1.0])]);
    for text in [
        ": one\na b c d\n: two\nd c b a\n",
        "\u{feff}: one\r\na b c d\r\n: two\r\nd c b a",
        "\n\n:  one \n\n a\tb  c d \n\n \r\n:\ttwo\n\nd c b a\n\n\n",
    ] {
        let Benchmark::Analogies(questions) = Benchmark::parse(text.as_bytes()).unwrap() else { panic!("{text}") };
        let report = table.evaluate_analogies(&questions, GENSIM, &EvaluateOptions::default()).unwrap();
        let sections: Vec<(&str, usize)> =
            report.sections.iter().map(|section| (section.name.as_str(), section.count.seen)).collect();
        assert_eq!(sections, [("one", 1), ("two", 1)], "{text:?}");
    }
    for text in [
        "a\tb\t1\nb\tc\t2.5\n",
        "\u{feff}a\tb\t1\r\nb\tc\t2.5",
        "\u{feff}# comment\r\nWord 1\tWord 2\tHuman (mean)\r\n\r\na\tb\t1 \r\n# more\r\n  \r\nb\tc\t2.5\r\n",
        "word1\tword2\tSimLex999\na\tb\t1\nb\tc\t2.5\n",
    ] {
        let Benchmark::Pairs(pairs) = Benchmark::parse(text.as_bytes()).unwrap() else { panic!("{text}") };
        assert_eq!(pairs.len(), 2, "{text:?}");
        let report = table.evaluate_pairs(&pairs, PairProtocol::Exact, &EvaluateOptions::default()).unwrap();
        assert_eq!((report.used, report.pearson_95()), (2, None));
    }
}

#[test]
fn problems_of_a_benchmark_file_are_reported_with_their_line() {
    for (text, expected) in [
        (": s\na b c d\na b c\n", "line 3: expected four words, or `: section`, found `a b c`"),
        (": s\na b c d e\n", "line 2: expected four words"),
        ("\n: s\n:t\na b c d\n", "line 3: expected a colon, a space and the name of a section, found `:t`"),
        (":s\na b c d\n", "line 1: expected a colon, a space"),
        (": s\n: \na b c d\n", "line 2: expected a colon, a space"),
        ("a b c d\n: s\n", "line 1: expected a line `: section` before the first question, found `a b c d`"),
        (": s\n: t\n", "expected questions of four words under `: section` lines, found none"),
        ("a\tb\t1\nb\tc\n", "line 2: expected two words and a score, separated by tabs, found `b\\tc`"),
        ("a\tb\t1\n\n#\nb\tc\tnone\n", "line 4: expected a number after two words"),
        ("a\tb\t1,5\n", "line 1: expected a number after two words"),
        ("a\tb\tnan\n", "line 1: expected a number after two words"),
        ("x\ty\tscore\nx\ty\tscore\n", "line 2: expected a number after two words"),
        ("w\tw\tPOS\tS\tc\tc\tc\tA\tS\tS\n", "keep three of them with `cut -f 1,2,4`"),
        ("a,b,1\n", "line 1: expected two words and a score, separated by tabs, found `a,b,1`"),
        ("# nothing\n", "expected word pairs with a score"),
        ("", "expected word pairs with a score"),
    ] {
        let error = Benchmark::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

proptest! {
    #[test]
    fn no_benchmark_file_causes_a_panic(parts in prop::collection::vec(prop::sample::select(vec![
        &b": s"[..], b"\n", b"\r\n", b"\t", b" ", b":", b"a", b"B", b"\xff", b"1.5", b"-", b"#", b"\xef\xbb\xbf", b"1e999",
    ]), 0..40)) {
        let table = vectors(&[("a", &[1.0, 0.0]), ("b", &[0.0, 1.0]), ("1.5", &[0.0, 0.0]), ("c", &[1.0, 1.0])]);
        let options = EvaluateOptions::default();
        match Benchmark::parse(&parts.concat()) {
            Ok(Benchmark::Analogies(questions)) => for &protocol in AnalogyProtocol::ALL {
                let all = table.evaluate_analogies(&questions, protocol, &options).unwrap().all();
                prop_assert!(all.correct <= all.seen && all.seen <= all.total && all.total == questions.len());
            },
            Ok(Benchmark::Pairs(pairs)) => for &protocol in PairProtocol::ALL {
                let report = table.evaluate_pairs(&pairs, protocol, &options).unwrap();
                prop_assert!(report.used + report.unknown == pairs.len());
            },
            Err(error) => prop_assert!(error.to_string().contains("expected")),
        }
    }
}

#[test]
fn words_that_are_not_utf8_are_compared_by_their_bytes() {
    let table =
        Vectors::new([&b"caf\xe9"[..], b"CAF\xe9", b"x", b"y"], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.1, 1.0], 2)
            .unwrap();
    let asked = Questions::parse(b": s\nx CAF\xe9 x y\nx caf\xe9 x y\nx caf\xe8 x y\n").unwrap();
    for &protocol in AnalogyProtocol::ALL {
        let report = table.evaluate_analogies(&asked, protocol, &EvaluateOptions::default()).unwrap();
        assert_eq!(report.all().seen, 2, "{protocol}");
    }
}
