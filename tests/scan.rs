//! The scan of codes returns exactly the results of the f32 scan, for any rows.

use crate::common::Folder;
use proptest::prelude::*;
use vocable::Vectors;
use vocable::files::ElementType;
use vocable::files::Format;
use vocable::query::{NearestOptions, Query, RowSet, ScoredRow, Term};
use vocable::vectors::Scan;

/// A table that has codes from the start, like a table file.
fn coded(rows: &[Vec<f32>]) -> Vectors {
    let folder = Folder::new();
    let words = (0..rows.len()).map(|row| format!("w{row}"));
    let vectors = Vectors::new(words, rows.concat(), rows[0].len()).unwrap();
    vectors.save(folder.path("t"), Format::Table, ElementType::F32).unwrap();
    Vectors::open(folder.path("t")).unwrap()
}

/// Results with scores as bits, so that NaN equals NaN.
fn bits(answers: Vec<ScoredRow>) -> Vec<(u32, u32)> {
    answers.into_iter().map(|answer| (answer.row, answer.score.to_bits())).collect()
}

/// The results of the code scan and of the f32 scan, or both errors.
fn both(vectors: &mut Vectors, words: [&str; 2], options: &NearestOptions) -> [Result<Vec<(u32, u32)>, String>; 2] {
    [Scan::Codes, Scan::F32].map(|scan| {
        vectors.set_scan(scan);
        vectors.nearest(&words[..1], &words[1..], options).map(bits).map_err(|e| e.to_string())
    })
}

/// The results of a plain loop over all rows.
fn plain(vectors: &mut Vectors, query: &Query, options: &NearestOptions) -> Vec<(u32, u32)> {
    vectors.set_scan(Scan::F32);
    let all = vectors.search(query, &NearestOptions { k: usize::MAX, ..NearestOptions::default() }).unwrap();
    let wanted = all.into_iter().filter(|answer| {
        options.restrict.is_none_or(|n| (answer.row as usize) < n)
            && options.within.as_ref().is_none_or(|rows| rows.rows().contains(&answer.row))
            && options.min_cosine.is_none_or(|least| answer.score >= least)
    });
    bits(wanted.take(options.k).collect())
}

/// Rows of one kind: similar, dissimilar, equal, tiny, huge or NaN.
fn row(dimension: usize) -> impl Strategy<Value = Vec<f32>> {
    let values = |range: std::ops::Range<f32>| prop::collection::vec(range, dimension);
    prop_oneof![
        8 => values(-1.0..1.0),
        4 => values(0.99..1.0),
        2 => prop::collection::vec(prop::sample::select(vec![-1.0f32, 0.0, 1.0]), dimension),
        1 => values(-1e-42..1e-42),
        1 => values(-1e-24..1e-24),
        1 => values(-3e37..3e37),
        1 => Just(vec![0.0; dimension]),
        1 => Just((0..dimension).map(|i| if i == 0 { 1.0 } else { 1e-6 }).collect()),
        1 => prop::collection::vec(prop::sample::select(vec![f32::NAN, f32::INFINITY, 1.0]), dimension),
    ]
}

fn table() -> impl Strategy<Value = Vec<Vec<f32>>> {
    (1usize..40).prop_flat_map(|dimension| prop::collection::vec(row(dimension), 1..120))
}

proptest! {
    #[test]
    fn codes_answer_as_the_rows_do(
        rows in table(),
        (a, b) in any::<(prop::sample::Index, prop::sample::Index)>(),
        k in 1usize..20,
        restrict in prop::option::of(1usize..130),
        repeated in any::<bool>(),
    ) {
        let mut rows = rows;
        if repeated {
            // Many ties.
            rows.extend_from_within(..);
        }
        let words = [a, b].map(|word| format!("w{}", word.index(rows.len())));
        let mut vectors = coded(&rows);
        let [codes, f32] = both(&mut vectors, [&words[0], &words[1]], &NearestOptions { k, restrict, ..NearestOptions::default() });
        prop_assert_eq!(codes, f32);
    }
}

proptest! {
    #[test]
    fn batches_answer_as_single_questions_do(
        rows in table(),
        asked in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..40),
        k in 0usize..20,
        restrict in prop::option::of(1usize..130),
        within in prop::option::of(prop::collection::vec(0u32..200, 0..60)),
        min_cosine in prop::option::of(-1.0f32..1.0),
    ) {
        let mut vectors = coded(&rows);
        let queries: Vec<Query> = asked
            .iter()
            .filter_map(|(a, b)| {
                let [a, b] = [a, b].map(|word| format!("w{}", word.index(rows.len())));
                vectors.query(&[(1.0, Term::Word(a.as_bytes())), (-0.5, Term::Word(b.as_bytes()))]).ok()
            })
            .collect();
        let within = within.map(RowSet::from_iter);
        let options = NearestOptions { k, restrict, within, min_cosine };
        let expected: Vec<_> = queries.iter().map(|query| plain(&mut vectors, query, &options)).collect();
        for scan in [Scan::Codes, Scan::F32] {
            vectors.set_scan(scan);
            let many: Vec<_> = vectors.nearest_batch(&queries, &options).unwrap().into_iter().map(bits).collect();
            let single: Vec<_> = queries.iter().map(|query| bits(vectors.search(query, &options).unwrap())).collect();
            prop_assert_eq!(&many, &expected, "{:?}", scan);
            prop_assert_eq!(&single, &expected, "{:?}", scan);
        }
    }
}

#[test]
fn codes_answer_as_the_rows_do_across_tasks_and_threads() {
    // 40,000 rows in a few directions, so that there are ties across tasks; numbers from a simple recurrence.
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let directions: Vec<Vec<f32>> = (0..300).map(|_| (0..7).map(|_| next()).collect()).collect();
    let rows: Vec<Vec<f32>> = (0..40_000).map(|i| directions[i * i % 300].clone()).collect();
    let mut vectors = coded(&rows);
    for k in [1, 10, 500] {
        for word in ["w0", "w17", "w39999"] {
            let [codes, f32] = both(&mut vectors, [word, "w3"], &NearestOptions { k, ..NearestOptions::default() });
            assert_eq!(codes.as_ref().unwrap().len(), k);
            assert_eq!(codes, f32);
        }
    }
    let queries: Vec<Query> =
        (0..150).map(|i| vectors.query(&[(1.0, Term::Word(format!("w{i}").as_bytes()))]).unwrap()).collect();
    let options = NearestOptions { k: 5, restrict: Some(39_990), ..NearestOptions::default() };
    let answers = [Scan::Codes, Scan::F32].map(|scan| {
        vectors.set_scan(scan);
        [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let answers = pool.install(|| vectors.nearest_batch(&queries, &options)).unwrap();
            answers.into_iter().map(bits).collect::<Vec<_>>()
        })
    });
    assert!(answers.as_flattened().iter().all(|found| *found == answers[0][0]));
}

#[test]
fn codes_are_built_for_tables_in_memory_when_they_are_worth_it() {
    let rows: Vec<f32> = (0..20_000 * 3).map(|i| ((i * 7919) % 1000) as f32 - 500.0).collect();
    let vectors = Vectors::new((0..20_000).map(|row| format!("w{row}")), rows, 3).unwrap();
    let before = vectors.memory();
    let ask = || bits(vectors.nearest(&["w5"], &[] as &[&str], &NearestOptions::default()).unwrap());
    let first = ask();
    assert_eq!(vectors.memory(), before);
    (0..30).for_each(|_| assert_eq!(ask(), first));
    assert!(vectors.memory() > before);
}
