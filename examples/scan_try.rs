use std::time::Instant;
use vocable::Vectors;
use vocable::query::NearestOptions;
use vocable::vectors::Scan;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let mut vectors = Vectors::open(&path).unwrap();
    let words: Vec<String> = (0..200u32).map(|i| vectors.word(i * (vectors.len() as u32 / 201)).into_owned()).collect();
    let mut all = Vec::new();
    for scan in [Scan::F32, Scan::Codes, Scan::Codes] {
        vectors.set_scan(scan);
        let mut times = Vec::new();
        let mut answers = Vec::new();
        for word in &words {
            let t = Instant::now();
            answers.push(vectors.nearest(&[word], &[] as &[&str], &NearestOptions::default()).unwrap());
            times.push(t.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("{scan:?}: {:.2} ms median, {:.2} p99, best {:.2}", times[100], times[197], times[0]);
        all.push(answers);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}
