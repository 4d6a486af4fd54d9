//! Maps laid upon each other.

/// Turns, mirrors, moves and scales `points` so that they lie as near to `onto` as they can (Procrustes), which makes two maps of
/// the same words comparable. Both have the same number of points.
pub fn superpose(points: &mut [[f32; 2]], onto: &[[f32; 2]]) {
    let centre = |points: &[[f32; 2]]| {
        let sum =
            points.iter().fold([0.0f64; 2], |sum, point| [sum[0] + f64::from(point[0]), sum[1] + f64::from(point[1])]);
        sum.map(|sum| sum / points.len().max(1) as f64)
    };
    let (from, to) = (centre(points), centre(onto));
    // Of the products of both, seen as complex numbers: a turn is the mean of `conj(p) q`, a mirrored turn that of `p q`.
    let (mut turn, mut mirrored, mut size) = ([0.0f64; 2], [0.0f64; 2], 0.0f64);
    for (p, q) in points.iter().zip(onto) {
        let p = [f64::from(p[0]) - from[0], f64::from(p[1]) - from[1]];
        let q = [f64::from(q[0]) - to[0], f64::from(q[1]) - to[1]];
        turn = [turn[0] + p[0] * q[0] + p[1] * q[1], turn[1] + p[0] * q[1] - p[1] * q[0]];
        mirrored = [mirrored[0] + p[0] * q[0] - p[1] * q[1], mirrored[1] + p[0] * q[1] + p[1] * q[0]];
        size += p[0] * p[0] + p[1] * p[1];
    }
    if size <= 0.0 {
        return;
    }
    let mirror = mirrored[0].hypot(mirrored[1]) > turn[0].hypot(turn[1]);
    let [a, b] = if mirror { mirrored } else { turn }.map(|value| value / size);
    for point in points {
        let [x, y] = [f64::from(point[0]) - from[0], f64::from(point[1]) - from[1]];
        let y = if mirror { -y } else { y };
        *point = [(a * x - b * y + to[0]) as f32, (a * y + b * x + to[1]) as f32];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_laid_upon_each_other() {
        let onto: Vec<[f32; 2]> = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [-1.0, 3.0]];
        // Turned by a quarter, mirrored, doubled and moved.
        let mut points: Vec<[f32; 2]> = onto.iter().map(|&[x, y]| [2.0 * y + 5.0, 2.0 * x - 7.0]).collect();
        superpose(&mut points, &onto);
        for (found, expected) in points.iter().flatten().zip(onto.iter().flatten()) {
            assert!((found - expected).abs() < 1e-5, "{points:?}");
        }
        let mut same = vec![[1.0, 1.0]; 4];
        superpose(&mut same, &onto);
        assert_eq!(same, [[1.0, 1.0]; 4]);
    }
}
