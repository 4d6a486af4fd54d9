//! Metrics of predictions, compared with scikit-learn 1.9.1.

use vocable::classifier::Metrics;

const NAN: f64 = f64::NAN;

/// Probabilities and gold classes, with scikit-learn's metrics. `NAN` is 0/0.
struct Case {
    probabilities: &'static [f32],
    labels: &'static [u32],
    confusion: &'static [&'static [usize]],
    /// Precision, recall and F1 of each class.
    classes: &'static [[f64; 3]],
    accuracy: f64,
    macro_f1: f64,
    weighted_f1: f64,
    loss: f64,
    calibration_error: f64,
}

/// Two classes; a class never predicted; a class that never occurs; a class that is never predicted and one that neither
/// occurs nor is predicted. Made with
///
/// ```python
/// import numpy as np
/// from sklearn.metrics import *
///
/// def case(seed, n, c, never_predicted=(), never_occurring=()):
///     rng = np.random.default_rng(seed)
///     logits = rng.normal(size=(n, c)) * 1.5
///     y = rng.choice([k for k in range(c) if k not in never_occurring], size=n)
///     logits[np.arange(n), y] += 1.0
///     logits[:, list(never_predicted)] -= 20
///     p = np.exp(logits); p /= p.sum(1, keepdims=True)
///     p = np.round(p, 3).clip(0.001)
///     p[:, -1] = np.round(1 - p[:, :-1].sum(1), 3)
///     return p.astype(np.float32).astype(np.float64), y
///
/// def calibration_error(p, y):
///     top, right = p.max(1), p.argmax(1) == y
///     edges, total = np.linspace(0, 1, 16), 0.0
///     for a, b in zip(edges[:-1], edges[1:]):
///         inside = (top > a) & (top <= b)
///         if inside.any():
///             total += inside.mean() * abs(right[inside].mean() - top[inside].mean())
///     return total
///
/// for p, y in [case(1, 12, 2), case(2, 14, 4, (1,)), case(3, 14, 4, (), (2,)), case(4, 12, 5, (0, 3), (3,))]:
///     labels, hat = range(p.shape[1]), p.argmax(1)
///     print(p, y, confusion_matrix(y, hat, labels=labels))
///     print(np.array(precision_recall_fscore_support(y, hat, labels=labels, zero_division=np.nan)[:3]).T)
///     print(accuracy_score(y, hat), f1_score(y, hat, labels=labels, average="macro", zero_division=0),
///           f1_score(y, hat, labels=labels, average="weighted", zero_division=0),
///           log_loss(y, p, labels=labels), calibration_error(p, y))
/// ```
fn cases() -> Vec<Case> {
    vec![
        Case {
            probabilities: &[
                0.153, 0.847, 0.81, 0.19, 0.844, 0.156, 0.064, 0.936, 0.751, 0.249, 0.145, 0.855, 0.135, 0.865, 0.349,
                0.651, 0.377, 0.623, 0.553, 0.447, 0.806, 0.194, 0.361, 0.639,
            ],
            labels: &[1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1],
            confusion: &[&[4, 1], &[1, 6]],
            classes: &[[0.8, 0.8, 0.8], [0.8571428571428571, 0.8571428571428571, 0.8571428571428571]],
            accuracy: 0.8333333333333334,
            macro_f1: 0.8285714285714285,
            weighted_f1: 0.8333333333333334,
            loss: 0.45269744708421594,
            calibration_error: 0.07283333440621693,
        },
        Case {
            probabilities: &[
                0.686, 0.001, 0.278, 0.035, 0.754, 0.001, 0.085, 0.16, 0.455, 0.001, 0.476, 0.068, 0.124, 0.001, 0.401,
                0.474, 0.541, 0.001, 0.289, 0.169, 0.503, 0.001, 0.234, 0.262, 0.01, 0.001, 0.986, 0.003, 0.041, 0.001,
                0.714, 0.244, 0.477, 0.001, 0.13, 0.392, 0.747, 0.001, 0.065, 0.187, 0.736, 0.001, 0.162, 0.101, 0.127,
                0.001, 0.077, 0.795, 0.012, 0.001, 0.925, 0.062, 0.142, 0.001, 0.351, 0.506,
            ],
            labels: &[3, 2, 0, 3, 3, 1, 1, 0, 3, 0, 1, 0, 3, 2],
            confusion: &[&[1, 0, 2, 1], &[2, 0, 1, 0], &[1, 0, 0, 1], &[3, 0, 1, 1]],
            classes: &[
                [0.14285714285714285, 0.25, 0.18181818181818182],
                [NAN, 0.0, 0.0],
                [0.0, 0.0, 0.0],
                [0.3333333333333333, 0.2, 0.25],
            ],
            accuracy: 0.14285714285714285,
            macro_f1: 0.10795454545454546,
            weighted_f1: 0.14123376623376624,
            loss: 2.869011723295798,
            calibration_error: 0.5228571444749832,
        },
        Case {
            probabilities: &[
                0.901, 0.002, 0.079, 0.018, 0.157, 0.609, 0.015, 0.219, 0.005, 0.982, 0.009, 0.004, 0.271, 0.413,
                0.085, 0.231, 0.229, 0.078, 0.468, 0.225, 0.179, 0.647, 0.144, 0.03, 0.033, 0.098, 0.791, 0.078, 0.259,
                0.617, 0.036, 0.088, 0.62, 0.145, 0.07, 0.165, 0.003, 0.907, 0.046, 0.044, 0.535, 0.372, 0.067, 0.026,
                0.056, 0.05, 0.444, 0.45, 0.367, 0.534, 0.074, 0.025, 0.241, 0.655, 0.073, 0.031,
            ],
            labels: &[1, 1, 0, 1, 3, 0, 3, 0, 0, 3, 0, 3, 0, 1],
            confusion: &[&[2, 4, 0, 0], &[1, 3, 0, 0], &[0, 0, 0, 0], &[0, 1, 2, 1]],
            classes: &[
                [0.6666666666666666, 0.3333333333333333, 0.4444444444444444],
                [0.375, 0.75, 0.5],
                [0.0, NAN, 0.0],
                [1.0, 0.25, 0.4],
            ],
            accuracy: 0.42857142857142855,
            macro_f1: 0.33611111111111114,
            weighted_f1: 0.4476190476190475,
            loss: 1.8898770883406022,
            calibration_error: 0.3859285754816873,
        },
        Case {
            probabilities: &[
                0.001, 0.146, 0.848, 0.001, 0.004, 0.001, 0.284, 0.333, 0.001, 0.381, 0.001, 0.861, 0.13, 0.001, 0.007,
                0.001, 0.009, 0.87, 0.001, 0.119, 0.001, 0.025, 0.334, 0.001, 0.639, 0.001, 0.766, 0.202, 0.001, 0.03,
                0.001, 0.492, 0.039, 0.001, 0.467, 0.001, 0.922, 0.019, 0.001, 0.057, 0.001, 0.754, 0.073, 0.001,
                0.171, 0.001, 0.251, 0.294, 0.001, 0.453, 0.001, 0.612, 0.074, 0.001, 0.312, 0.001, 0.012, 0.682,
                0.001, 0.304,
            ],
            labels: &[1, 1, 0, 4, 2, 0, 0, 1, 4, 4, 0, 4],
            confusion: &[&[0, 4, 0, 0, 0], &[0, 1, 1, 0, 1], &[0, 0, 0, 0, 1], &[0, 0, 0, 0, 0], &[0, 1, 2, 0, 1]],
            classes: &[
                [NAN, 0.0, 0.0],
                [0.16666666666666666, 0.3333333333333333, 0.2222222222222222],
                [0.0, 0.0, 0.0],
                [NAN, NAN, NAN],
                [0.3333333333333333, 0.25, 0.2857142857142857],
            ],
            accuracy: 0.16666666666666666,
            macro_f1: 0.10158730158730159,
            weighted_f1: 0.15079365079365079,
            loss: 3.1557574324314097,
            calibration_error: 0.6144999961058298,
        },
    ]
}

#[test]
fn metrics_equal_those_of_scikit_learn() {
    for (number, case) in cases().iter().enumerate() {
        let metrics = Metrics::of(case.probabilities, case.labels, case.confusion.len());
        let near = |what: &str, found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-12, "{what} of case {number}: {found} is not {expected}");
        };
        assert_eq!(metrics.confusion, case.confusion);
        near("accuracy", metrics.accuracy(), case.accuracy);
        near("macro-F1", metrics.macro_f1(), case.macro_f1);
        near("weighted F1", metrics.weighted_f1(), case.weighted_f1);
        near("log loss", metrics.loss, case.loss);
        near("calibration error", metrics.calibration_error, case.calibration_error);
        for (class, expected) in metrics.classes().iter().zip(case.classes) {
            let found = [class.precision(), class.recall(), class.f1()];
            for (found, &expected) in found.into_iter().zip(expected) {
                assert_eq!(found.is_none(), expected.is_nan(), "case {number}: {class:?}");
                near("a class's figure", found.unwrap_or(0.0), if expected.is_nan() { 0.0 } else { expected });
            }
        }
    }
}
