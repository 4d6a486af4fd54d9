//! Aligning two maps of the same words.

/// Rotates, reflects, translates and scales `points` to minimise the squared distances to `target` (Procrustes analysis), so that two
/// maps of the same words can be compared. Both have the same number of points.
pub fn superpose(points: &mut [[f32; 2]], target: &[[f32; 2]]) {
    let centre = |points: &[[f32; 2]]| {
        let sum =
            points.iter().fold([0.0f64; 2], |sum, point| [sum[0] + f64::from(point[0]), sum[1] + f64::from(point[1])]);
        sum.map(|sum| sum / points.len().max(1) as f64)
    };
    let (from, to) = (centre(points), centre(target));
    // With points as complex numbers, the best rotation is the sum of `conj(p) q`, the best one after a reflection that of `p q`.
    let (mut rotation, mut reflection, mut size) = ([0.0f64; 2], [0.0f64; 2], 0.0f64);
    for (p, q) in points.iter().zip(target) {
        let p = [f64::from(p[0]) - from[0], f64::from(p[1]) - from[1]];
        let q = [f64::from(q[0]) - to[0], f64::from(q[1]) - to[1]];
        rotation = [rotation[0] + p[0] * q[0] + p[1] * q[1], rotation[1] + p[0] * q[1] - p[1] * q[0]];
        reflection = [reflection[0] + p[0] * q[0] - p[1] * q[1], reflection[1] + p[0] * q[1] + p[1] * q[0]];
        size += p[0] * p[0] + p[1] * p[1];
    }
    if size <= 0.0 {
        return;
    }
    let reflect = reflection[0].hypot(reflection[1]) > rotation[0].hypot(rotation[1]);
    let [a, b] = if reflect { reflection } else { rotation }.map(|value| value / size);
    for point in points {
        let [x, y] = [f64::from(point[0]) - from[0], f64::from(point[1]) - from[1]];
        let y = if reflect { -y } else { y };
        *point = [(a * x - b * y + to[0]) as f32, (a * y + b * x + to[1]) as f32];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn superpose_aligns_maps() {
        let target: Vec<[f32; 2]> = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [-1.0, 3.0]];
        // Rotated by 90 degrees, reflected, doubled and translated.
        let mut points: Vec<[f32; 2]> = target.iter().map(|&[x, y]| [2.0 * y + 5.0, 2.0 * x - 7.0]).collect();
        superpose(&mut points, &target);
        for (found, expected) in points.iter().flatten().zip(target.iter().flatten()) {
            assert!((found - expected).abs() < 1e-5, "{points:?}");
        }
        let mut same = vec![[1.0, 1.0]; 4];
        superpose(&mut same, &target);
        assert_eq!(same, [[1.0, 1.0]; 4]);
    }
}
