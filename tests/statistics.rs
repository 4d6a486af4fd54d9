//! Statistics of a comparison: synthetic results with known statistics, pure chance, and the sentences.
//!
//! Expected values are from SciPy 1.17.1, computed by the quoted lines; `st` is `scipy.stats`.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use rayon::prelude::*;
use vocable::compare::statistics::{
    EmbeddingScores, LEVEL, McNemar, Pair, Paired, Summary, TextDifference, Verdict, holm, pairs, permutation, power,
    seeds_needed,
};

const FROZEN: [f64; 6] = [0.861, 0.874, 0.852, 0.869, 0.881, 0.858];
const TUNED: [f64; 6] = [0.884, 0.879, 0.871, 0.902, 0.889, 0.886];

#[track_caller]
fn near(found: impl IntoIterator<Item = f64>, expected: impl IntoIterator<Item = f64>) {
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found}, expected {expected}");
    }
}

/// `np.mean(a)`, `np.std(a, ddof=1)`, `st.ttest_1samp(a, 0).confidence_interval(0.95)`.
#[test]
fn a_summary_is_scipys() {
    let summary = Summary::of(&FROZEN);
    near([summary.mean, summary.std.unwrap()], [0.8658333333333332, 0.010796604404472124]);
    near(summary.interval.unwrap(), [0.8545029918814222, 0.8771636747852443]);
    let one = Summary::of(&[0.5]);
    assert_eq!((one.mean, one.std, one.interval), (0.5, None, None));
    assert!(Summary::of(&[]).mean.is_nan());
    let same = Summary::of(&[0.1; 7]);
    assert_eq!((same.mean, same.std, same.interval), (0.1, Some(0.0), Some([0.1, 0.1])));
}

/// `t = st.ttest_rel(b, a)`, `t.pvalue`, `t.confidence_interval(0.95)`; `st.permutation_test((b - a,), np.mean,
/// permutation_type="samples", n_resamples=np.inf).pvalue`.
#[test]
fn a_paired_comparison_is_scipys() {
    let paired = Paired::of(&FROZEN, &TUNED, 1).unwrap();
    near([paired.t_p.unwrap(), paired.p()], [0.007790344100775291; 2]);
    near(paired.difference.interval.unwrap(), [0.007748273653858348, 0.030918393012808354]);
    near([paired.permutation.p, paired.permutation.min_p], [0.03125; 2]);
    assert!(paired.permutation.exact);
    let mixed = [0.3, -0.1, 0.25, 0.4, -0.05, 0.1, 0.2, -0.3, 0.15, 0.05, 0.1];
    near([permutation(&mixed, 1).p], [0.1435546875]);
}

#[test]
fn five_seeds_cannot_reach_the_level_by_permutation_and_say_so() {
    let paired = Paired::of(&FROZEN[..5], &TUNED[..5], 1).unwrap();
    assert_eq!((paired.permutation.p, paired.permutation.min_p), (0.0625, 0.0625));
    let variants = [variant("frozen", &FROZEN[..5]), variant("tuned", &TUNED[..5])];
    let note = pairs(&variants, 1).unwrap()[0].permutation_note();
    assert_eq!(note.unwrap(), "with 5 seeds the smallest possible p of the permutation test is 0.0625");
    let variants = [variant("frozen", &FROZEN), variant("tuned", &TUNED)];
    assert_eq!(pairs(&variants, 1).unwrap()[0].permutation_note(), None);
}

/// Sampled sign assignments give about the p-value of all assignments, and never less than 1 / samples.
#[test]
fn many_seeds_are_tested_by_drawn_signs() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let noise = Normal::new(0.4, 1.0).unwrap();
    let differences: Vec<f64> = (0..20).map(|_| noise.sample(&mut rng)).collect();
    let drawn = permutation(&differences, 1);
    assert!(!drawn.exact);
    // All 2^20 assignments, one sign after the other.
    let observed: f64 = differences.iter().sum();
    let sum = |signs: u32| -> f64 {
        (0..20).map(|place| if signs >> place & 1 == 1 { -differences[place] } else { differences[place] }).sum()
    };
    let far = (0..1u32 << 20).into_par_iter().filter(|&signs| sum(signs).abs() >= observed.abs() - 1e-9).count();
    let exact = far as f64 / f64::from(1 << 20);
    let error = 4.0 * (exact * (1.0 - exact) / 65_535.0).sqrt();
    assert!((drawn.p - exact).abs() < error, "{} by drawing, {exact} by counting", drawn.p);
    assert_eq!(drawn, permutation(&differences, 1));
    assert_eq!(permutation(&[1.0; 70], 1).p, 1.0 / 65_536.0);
    assert_eq!((permutation(&[0.0; 40], 1).p, permutation(&[], 1).p, permutation(&[2.0], 1).p), (1.0, 1.0, 1.0));
}

/// `e = st.binomtest(b, b + c, 0.5).pvalue`, `e - st.binom.pmf(b, b + c, 0.5)`; for b = c `1 - st.binom.pmf(b, 2 * b, 0.5) / 2`,
/// and 1 without any such text.
#[test]
fn mcnemars_test_is_scipys() {
    for (b, c, exact, mid_p) in [
        (0, 0, 1.0, 1.0),
        (3, 3, 1.0, 0.84375),
        (1, 6, 0.125, 0.0703125),
        (0, 5, 0.0625, 0.03125),
        (10, 25, 0.016673847800120715, 0.011330984183587134),
        (40, 62, 0.037066767438560584, 0.0296822146316268),
        (400, 470, 0.019267052848609047, 0.017648493324662496),
    ] {
        let test = McNemar::of(b, c);
        near([test.exact, test.mid_p], [exact, mid_p]);
        assert_eq!(McNemar::of(c, b).mid_p, test.mid_p);
    }
    let outcomes = McNemar::of_outcomes(&[true, true, false, false, true], &[true, false, true, false, false]).unwrap();
    assert_eq!((outcomes.only_first, outcomes.only_second), (2, 1));
    assert!(McNemar::of_outcomes(&[true], &[]).is_err());
}

/// Computed by hand, equal to R's `p.adjust(p, "holm")`.
#[test]
fn p_values_are_corrected_as_holm_did() {
    near(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
    near(holm(&[0.6, 0.02, 0.5]), [1.0, 0.06, 1.0]);
    assert!(holm(&[]).is_empty());
}

/// `t = st.t.ppf(1 - level / 2, n - 1)`, `st.nct.sf(t, n - 1, e * n**0.5) + st.nct.cdf(-t, n - 1, e * n**0.5)`; the seeds needed are
/// the first n for which that is at least 0.8.
#[test]
fn power_is_scipys() {
    for (effect, seeds, level, expected) in [
        (0.5, 5, 0.05, 0.1405166899902982),
        (1.0, 10, 0.05, 0.8030968566327219),
        (2.0, 3, 0.05, 0.47074943127843494),
        (0.1, 200, 0.05, 0.2906576176614805),
        (3.0, 2, 0.05, 0.26077071422910975),
        (1.0, 10, 0.05 / 6.0, 0.4693987256390224),
    ] {
        let found = power(effect, seeds, level);
        assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
    }
    for (effect, level, expected) in [
        (3.0, 0.05, Some(4)),
        (2.0, 0.05, Some(5)),
        (1.0, 0.05, Some(10)),
        (0.66, 0.05, Some(21)),
        (0.5, 0.05, Some(34)),
        (0.2, 0.05, Some(199)),
        (0.13, 0.05, Some(467)),
        (1.0, 0.05 / 6.0, Some(16)),
        (0.05, 0.05, None),
        (0.0, 0.05, None),
    ] {
        assert_eq!(seeds_needed(effect * 0.013, 0.013, level), expected, "{effect} at {level}");
    }
    assert_eq!(seeds_needed(0.01, 0.0, 0.05), Some(6));
    assert_eq!(power(1.0, 1, 0.05), 0.0);
}

/// Compared with plain resampling of texts.
#[test]
fn the_bootstrap_over_texts_is_that_of_single_texts() {
    let (first, second) = noise(3, 400, 0.05, 7);
    let found = TextDifference::of(&first, &second, 1).unwrap();
    let share = |runs: &[Vec<bool>], text: usize| runs.iter().filter(|right| right[text]).count() as f64 / 3.0;
    let differences: Vec<f64> = (0..400).map(|text| share(&second, text) - share(&first, text)).collect();
    near([found.difference], [differences.iter().sum::<f64>() / 400.0]);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let resample = |_| (0..400).map(|_| differences[rng.random_range(0..400)]).sum::<f64>() / 400.0;
    let mut means: Vec<f64> = (0..9_999).map(resample).collect();
    means.sort_by(f64::total_cmp);
    // Two such intervals differ by chance: their ends have a standard error of about 1/40 of the width.
    let width = means[9_749] - means[249];
    for (found, plain) in found.interval.into_iter().zip([means[249], means[9_749]]) {
        assert!((found - plain).abs() < 0.04 * width, "{found}, done plainly {plain}, of {width}");
    }
    assert_eq!(found.texts, 400);
    assert_eq!(found.by_seed[2], McNemar::of_outcomes(&first[2], &second[2]).unwrap());
}

#[test]
fn the_same_seed_gives_the_same_bits_at_any_number_of_threads() {
    let (first, second) = noise(2, 300, 0.0, 11);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| TextDifference::of(&first, &second, 9).unwrap())
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(7));
    assert_ne!(one.interval, TextDifference::of(&first, &second, 10).unwrap().interval);
}

#[test]
fn inconsistent_weights_are_refused() {
    assert!(Paired::of(&[], &[], 1).is_err());
    assert!(Paired::of(&[0.5], &[0.5, 0.6], 1).is_err());
    assert!(Paired::of(&[f64::NAN], &[0.5], 1).is_err());
    for (first, second) in [(vec![], vec![]), (vec![vec![]], vec![vec![]]), (vec![vec![true]], vec![vec![true, false]])]
    {
        assert!(TextDifference::of(&first, &second, 1).is_err(), "{first:?} {second:?}");
    }
    assert!(pairs(&[variant("one", &[0.5])], 1).unwrap().is_empty());
}

/// Outcomes of two embeddings on the same texts: some texts are harder than others, no text is easier for one embedding, except that `gain` is
/// added to the second's chance.
fn noise(seeds: usize, texts: usize, gain: f64, seed: u64) -> (Vec<Vec<bool>>, Vec<Vec<bool>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let chances: Vec<f64> = (0..texts).map(|_| rng.random_range(0.6..1.0)).collect();
    let mut variant = |gain: f64| -> Vec<Vec<bool>> {
        let mut run = |_| chances.iter().map(|chance| rng.random::<f64>() < chance + gain).collect();
        (0..seeds).map(&mut run).collect()
    };
    (variant(0.0), variant(gain))
}

/// `st.binom.interval(0.95, 1000, 0.05)`: among 1,000 comparisons without a difference, a test at the 5 % level finds this
/// many differences.
const BY_CHANCE: std::ops::RangeInclusive<usize> = 37..=64;

/// How many of 1,000 comparisons of two embeddings that are the same a test finds different.
fn found_in_noise(test: impl Fn(u64) -> bool + Sync) -> usize {
    (0..1000u64).into_par_iter().filter(|&seed| test(seed)).count()
}

/// Differences over seeds of two embeddings that are the same.
fn differences_in_noise(seeds: usize, seed: u64) -> Vec<f64> {
    let normal = Normal::new(0.0, 0.01).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..seeds).map(|_| normal.sample(&mut rng) - normal.sample(&mut rng)).collect()
}

#[test]
fn chance_alone_is_found_different_in_five_of_a_hundred_by_the_tests_over_seeds() {
    let t = |seeds: usize| {
        found_in_noise(|seed| {
            let differences = differences_in_noise(seeds, seed);
            let paired = Paired::of(&vec![0.0; seeds], &differences, 1).unwrap();
            let [low, high] = paired.difference.interval.unwrap();
            assert_eq!(paired.p() <= LEVEL, low > 0.0 || high < 0.0);
            paired.p() <= LEVEL
        })
    };
    // 10 seeds count all signs, 20 draw them. The level that 10 can reach is 50/1024.
    let signs = |seeds| found_in_noise(|seed| permutation(&differences_in_noise(seeds, seed), 1).p <= LEVEL);
    for (test, found) in
        [("t, 3", t(3)), ("t, 5", t(5)), ("t, 10", t(10)), ("signs, 10", signs(10)), ("signs, 20", signs(20))]
    {
        assert!(BY_CHANCE.contains(&found), "{test}: {found} of 1,000");
    }
    // Five seeds cannot reach this level.
    assert_eq!(signs(5), 0);
}

#[test]
fn chance_alone_is_found_different_in_five_of_a_hundred_by_the_tests_over_texts() {
    let of = |seed| noise(1, 500, 0.0, seed);
    let mcnemar = |p: fn(McNemar) -> f64| {
        found_in_noise(|seed| {
            let (first, second) = of(seed);
            p(McNemar::of_outcomes(&first[0], &second[0]).unwrap()) <= LEVEL
        })
    };
    let bootstrap = found_in_noise(|seed| {
        let (first, second) = of(seed);
        !TextDifference::of(&first, &second, seed).unwrap().contains_zero()
    });
    let (exact, mid_p) = (mcnemar(|test| test.exact), mcnemar(|test| test.mid_p));
    assert!(BY_CHANCE.contains(&mid_p), "mid-p: {mid_p} of 1,000");
    assert!(BY_CHANCE.contains(&bootstrap), "bootstrap: {bootstrap} of 1,000");
    // Conservative, as exact tests of counts are.
    assert!(exact <= mid_p && exact > 0, "exact: {exact} of 1,000");
}

/// Of four embeddings that are the same, some pair is found different in at most five of a hundred comparisons; without correction it would
/// be in about twenty.
#[test]
fn chance_alone_is_found_different_no_more_often_among_six_pairs() {
    let scores = |seed: u64| -> Vec<EmbeddingScores> {
        let normal = Normal::new(0.85, 0.01).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..4).map(|_| variant("same", &(0..6).map(|_| normal.sample(&mut rng)).collect::<Vec<f64>>())).collect()
    };
    let any = |tell: fn(&Pair) -> bool| found_in_noise(|seed| pairs(&scores(seed), 1).unwrap().iter().any(tell));
    let (corrected, alone) = (any(|pair| pair.verdict() != Verdict::Undecided), any(|pair| pair.seeds.p() <= LEVEL));
    assert!(corrected <= *BY_CHANCE.end() && corrected > 0, "corrected: {corrected} of 1,000");
    assert!(alone > 2 * BY_CHANCE.end(), "alone: {alone} of 1,000");
}

fn variant(name: &str, scores: &[f64]) -> EmbeddingScores {
    EmbeddingScores { name: name.to_owned(), scores: scores.to_vec(), correct: None, seconds: None }
}

#[test]
fn a_pair_is_described_in_a_sentence() {
    let said = |variants: &[EmbeddingScores]| pairs(variants, 1).unwrap()[0].sentence();
    let timed =
        |name: &str, scores: &[f64], seconds: f64| EmbeddingScores { seconds: Some(seconds), ..variant(name, scores) };
    let (frozen, tuned) = (timed("frozen", &FROZEN, 10.0), timed("tuned", &TUNED, 23.0));
    let sentence = "tuned beats frozen by 1.9 points (0.8 to 3.1), in 2.3 times the training time";
    assert_eq!(said(&[frozen.clone(), tuned.clone()]), sentence);
    assert_eq!(said(&[tuned.clone(), frozen.clone()]), sentence);
    let same_time = timed("frozen", &FROZEN, 22.8);
    assert_eq!(said(&[tuned, same_time]), "tuned beats frozen by 1.9 points (0.8 to 3.1), in the same training time");
    // Differences of 1.0, -0.6, 0.9, 0.4 and 0 points.
    let (random, oov) =
        (variant("random", &[0.80, 0.81, 0.79, 0.80, 0.82]), variant("oov-only", &[0.81, 0.804, 0.799, 0.804, 0.82]));
    assert_eq!(
        said(&[random.clone(), oov]),
        "no significant difference between random and oov-only with 5 seeds; about 32 seeds would be needed"
    );
    let hardly = variant("oov-only", &[0.801, 0.809, 0.791, 0.799, 0.8201]);
    assert_eq!(
        said(&[random.clone(), hardly]),
        "no significant difference between random and oov-only with 5 seeds; more than 500 seeds would be needed"
    );
    assert_eq!(said(&[random.clone(), random.clone()]), "random and random have the same score with each of 5 seeds");
    assert_eq!(said(&[variant("a", &[0.5]), variant("b", &[0.9])]), "one seed is not enough to compare a and b");
    // With the same difference for each seed t is undefined; six equal signs are significant.
    let (low, high) = (variant("low", &[0.5; 6]), variant("high", &[0.75; 6]));
    assert_eq!(said(&[low, high]), "high beats low by 25.0 points with each of 6 seeds");
    let (low, high) = (variant("low", &[0.5; 3]), variant("high", &[0.75; 3]));
    assert_eq!(
        said(&[low, high]),
        "no significant difference between low and high with 3 seeds; about 6 seeds would be needed"
    );
}

#[test]
fn a_sentence_describes_corrections_and_other_texts() {
    // p = 0.03 alone, which is 0.09 for three comparisons.
    let third = [0.871, 0.874, 0.859, 0.869, 0.889, 0.866];
    let variants =
        [variant("frozen", &FROZEN), variant("third", &third), variant("fourth", &FROZEN.map(|score| score - 0.001))];
    let all = pairs(&variants, 1).unwrap();
    let alone = all[0].seeds.p();
    assert!(alone < LEVEL && all[0].adjusted_p > LEVEL, "{alone}, {}", all[0].adjusted_p);
    let sentence = all[0].sentence();
    assert!(sentence.contains("with 6 seeds after correction for 3 comparisons; about"), "{sentence}");

    // 40 texts, of which the second is correct on one more for each seed.
    let runs =
        |right: usize| -> Vec<Vec<bool>> { (0..6).map(|_| (0..40).map(|text| text < right).collect()).collect() };
    let few =
        |name: &str, scores: &[f64], right| EmbeddingScores { correct: Some(runs(right)), ..variant(name, scores) };
    let pair = &pairs(&[few("frozen", &FROZEN, 34), few("tuned", &TUNED, 35)], 1).unwrap()[0];
    let texts = pair.texts.as_ref().unwrap();
    assert_eq!((texts.by_seed[0].only_first, texts.by_seed[0].only_second), (0, 1));
    assert_eq!(
        pair.sentence(),
        "tuned beats frozen by 1.9 points (0.8 to 3.1); on other test texts it could be 0.0 to 7.5"
    );
}
