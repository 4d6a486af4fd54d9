//! Queries: similar words, similarity, analogies and the odd one out.
//!
//!     cargo run --release --example query [VECTORS [WORD...]]
//!
//! Without arguments, it uses the built-in demo vectors. A file is opened in any supported format, such as `glove.6B.50d.txt`.

use vocable::query::{AnalogyMethod, NearestOptions};
use vocable::{Error, Result, Vectors};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let vectors = match arguments.next() {
        Some(path) => Vectors::open(path)?,
        None => Vectors::demo()?,
    };
    println!("{} words, {} dimensions", vectors.len(), vectors.dimension());

    // The nearest neighbours of some words by cosine similarity.
    let mut words: Vec<String> = arguments.collect();
    if words.is_empty() {
        words = ["king", "france", "crocodile"].map(str::to_owned).to_vec();
    }
    let options = NearestOptions { k: 5, ..NearestOptions::default() };
    for word in &words {
        match vectors.nearest(&[word], &[] as &[&str], &options) {
            Ok(neighbours) => {
                println!("\nnearest to {word}:");
                for neighbour in neighbours {
                    println!("  {:.4}  {}", neighbour.score, vectors.word(neighbour.row));
                }
            }
            // An unknown word is an error of its own kind, with suggestions.
            Err(Error::UnknownWord { word, suggestions }) => {
                println!("\nunknown word {word}; similar: {suggestions:?}")
            }
            Err(error) => return Err(error),
        }
    }

    // The similarity of two words is the cosine of their vectors.
    println!("\nsimilarity of france and italy: {:.4}", vectors.similarity("france", "italy")?);

    // "man is to king as woman is to ..."
    let answers = vectors.analogy("man", "king", "woman", AnalogyMethod::Add, &options)?;
    println!("man : king = woman : {}", vectors.word(answers[0].row));

    // The word that is least similar to the mean of all.
    let words = ["king", "queen", "prince", "crocodile"];
    println!("odd one out of {}: {}", words.join(", "), words[vectors.odd(&words)?]);
    Ok(())
}
