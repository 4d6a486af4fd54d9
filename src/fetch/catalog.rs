//! The catalog of published vectors: names, addresses, and what is known about the files.

use serde::Serialize;

/// The sources of the facts.
mod source {
    /// GloVe's readme: addresses, vocabulary sizes, licence. The sizes of the archives are those that the servers report.
    pub const GLOVE: &str = "https://github.com/stanfordnlp/GloVe/blob/master/README.md";
    /// gensim-data's list of models: rows, dimension, bytes, MD5 of the file, licence.
    pub const GENSIM: &str = "https://github.com/piskvorky/gensim-data/blob/master/list.json";
    /// fastText's page of English vectors: addresses, licence. The numbers of rows are those of the files' headers.
    pub const ENGLISH: &str = "https://fasttext.cc/docs/en/english-vectors.html";
    /// fastText's page of vectors for 157 languages: addresses, dimension, licence.
    pub const CRAWL: &str = "https://fasttext.cc/docs/en/crawl-vectors.html";
}

const PDDL: &str = "PDDL 1.0, https://opendatacommons.org/licenses/pddl/";
const BY_SA: &str = "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/";

/// Vectors that can be downloaded by name.
#[derive(Debug, Clone, Serialize)]
pub struct CatalogEntry {
    /// The name on the command line.
    pub name: &'static str,
    /// Another common name.
    pub alias: Option<&'static str>,
    /// The training data.
    pub about: &'static str,
    /// The publisher's address of the file.
    pub address: &'static str,
    /// The member to read, if the file is a zip archive.
    pub member: Option<&'static str>,
    /// Number of rows, if a source states it.
    pub rows: Option<usize>,
    /// Numbers per row.
    pub dimension: usize,
    /// Size of the file at the address in bytes, if a source states it.
    pub bytes: Option<u64>,
    /// MD5 of the file at the address in hexadecimal, if the publisher states it.
    pub md5: Option<&'static str>,
    /// The licence and its address.
    pub licence: &'static str,
    /// The source of these facts.
    pub source: &'static str,
}

impl CatalogEntry {
    /// The name of the file: the last part of the address.
    pub fn file_name(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or(self.address)
    }
}

/// A member of one of Stanford's archives.
macro_rules! glove {
    ($name:literal, $archive:literal, $rows:literal, $dimension:literal, $bytes:literal, $about:literal) => {
        CatalogEntry {
            name: $name,
            alias: None,
            about: $about,
            address: concat!("https://nlp.stanford.edu/data/wordvecs/", $archive),
            member: Some(concat!($name, ".txt")),
            rows: Some($rows),
            dimension: $dimension,
            bytes: Some($bytes),
            md5: None,
            licence: PDDL,
            source: source::GLOVE,
        }
    };
}

/// A release of gensim-data.
macro_rules! gensim {
    ($name:literal, $rows:literal, $dimension:literal, $bytes:literal, $md5:literal, $licence:expr, $about:literal) => {
        CatalogEntry {
            name: $name,
            alias: None,
            about: $about,
            address: concat!(
                "https://github.com/RaRe-Technologies/gensim-data/releases/download/",
                $name,
                "/",
                $name,
                ".gz"
            ),
            member: None,
            rows: Some($rows),
            dimension: $dimension,
            bytes: Some($bytes),
            md5: Some($md5),
            licence: $licence,
            source: source::GENSIM,
        }
    };
}

/// One of fastText's archives of English vectors.
macro_rules! english {
    ($name:literal, $archive:literal, $rows:expr, $bytes:expr, $about:literal) => {
        CatalogEntry {
            name: $name,
            alias: None,
            about: $about,
            address: concat!("https://dl.fbaipublicfiles.com/fasttext/vectors-english/", $archive),
            member: Some(concat!($name, ".vec")),
            rows: $rows,
            dimension: 300,
            bytes: $bytes,
            md5: None,
            licence: BY_SA,
            source: source::ENGLISH,
        }
    };
}

/// fastText's vectors of a language.
macro_rules! crawl {
    ($code:literal, $language:literal, $bytes:expr) => {
        CatalogEntry {
            name: concat!("cc.", $code, ".300"),
            alias: None,
            about: concat!($language, ": Common Crawl and Wikipedia"),
            address: concat!("https://dl.fbaipublicfiles.com/fasttext/vectors-crawl/cc.", $code, ".300.vec.gz"),
            member: None,
            rows: None,
            dimension: 300,
            bytes: $bytes,
            md5: None,
            licence: BY_SA,
            source: source::CRAWL,
        }
    };
}

/// All vectors that can be downloaded, in the order of the listing.
pub static CATALOG: &[CatalogEntry] = &[
    glove!("glove.6B.50d", "glove.6B.zip", 400_000, 50, 862_182_613, "English: Wikipedia 2014 and Gigaword 5"),
    glove!("glove.6B.100d", "glove.6B.zip", 400_000, 100, 862_182_613, "English: Wikipedia 2014 and Gigaword 5"),
    glove!("glove.6B.200d", "glove.6B.zip", 400_000, 200, 862_182_613, "English: Wikipedia 2014 and Gigaword 5"),
    glove!("glove.6B.300d", "glove.6B.zip", 400_000, 300, 862_182_613, "English: Wikipedia 2014 and Gigaword 5"),
    glove!("glove.42B.300d", "glove.42B.300d.zip", 1_917_494, 300, 1_877_800_501, "English: Common Crawl, lower case"),
    glove!("glove.840B.300d", "glove.840B.300d.zip", 2_196_017, 300, 2_176_768_927, "English: Common Crawl"),
    glove!("glove.twitter.27B.25d", "glove.twitter.27B.zip", 1_193_514, 25, 1_520_408_563, "English: tweets"),
    glove!("glove.twitter.27B.50d", "glove.twitter.27B.zip", 1_193_514, 50, 1_520_408_563, "English: tweets"),
    glove!("glove.twitter.27B.100d", "glove.twitter.27B.zip", 1_193_514, 100, 1_520_408_563, "English: tweets"),
    glove!("glove.twitter.27B.200d", "glove.twitter.27B.zip", 1_193_514, 200, 1_520_408_563, "English: tweets"),
    CatalogEntry {
        alias: Some("GoogleNews-vectors-negative300"),
        ..gensim!(
            "word2vec-google-news-300",
            3_000_000,
            300,
            1_743_563_840,
            "a5e5354d40acb95f9ec66d5977d140ef",
            "none stated",
            "English: Google News, words and phrases"
        )
    },
    gensim!(
        "glove-wiki-gigaword-50",
        400_000,
        50,
        69_182_535,
        "c289bc5d7f2f02c6dc9f2f9b67641813",
        PDDL,
        "glove.6B.50d, as gensim has it"
    ),
    gensim!(
        "glove-wiki-gigaword-100",
        400_000,
        100,
        134_300_434,
        "40ec481866001177b8cd4cb0df92924f",
        PDDL,
        "glove.6B.100d, as gensim has it"
    ),
    gensim!(
        "glove-wiki-gigaword-200",
        400_000,
        200,
        264_336_934,
        "59652db361b7a87ee73834a6c391dfc1",
        PDDL,
        "glove.6B.200d, as gensim has it"
    ),
    gensim!(
        "glove-wiki-gigaword-300",
        400_000,
        300,
        394_362_229,
        "29e9329ac2241937d55b852e8284e89b",
        PDDL,
        "glove.6B.300d, as gensim has it"
    ),
    gensim!(
        "glove-twitter-25",
        1_193_514,
        25,
        109_885_004,
        "50db0211d7e7a2dcd362c6b774762793",
        PDDL,
        "glove.twitter.27B.25d, as gensim has it"
    ),
    gensim!(
        "glove-twitter-50",
        1_193_514,
        50,
        209_216_938,
        "c168f18641f8c8a00fe30984c4799b2b",
        PDDL,
        "glove.twitter.27B.50d, as gensim has it"
    ),
    gensim!(
        "glove-twitter-100",
        1_193_514,
        100,
        405_932_991,
        "b04f7bed38756d64cf55b58ce7e97b15",
        PDDL,
        "glove.twitter.27B.100d, as gensim has it"
    ),
    gensim!(
        "glove-twitter-200",
        1_193_514,
        200,
        795_373_100,
        "e52e8392d1860b95d5308a525817d8f9",
        PDDL,
        "glove.twitter.27B.200d, as gensim has it"
    ),
    gensim!(
        "fasttext-wiki-news-subwords-300",
        999_999,
        300,
        1_005_007_116,
        "de2bb3a20c46ce65c9c131e1ad9a77af",
        BY_SA,
        "wiki-news-300d-1M-subword, as gensim has it"
    ),
    gensim!(
        "word2vec-ruscorpora-300",
        184_973,
        300,
        208_427_381,
        "9bdebdc8ae6d17d20839dd9b5af10bc4",
        "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
        "Russian: National Corpus, lemmas with their part of speech"
    ),
    gensim!(
        "conceptnet-numberbatch-17-06-300",
        1_917_247,
        300,
        1_225_497_562,
        "fd642d457adcd0ea94da0cd21b150847",
        "see https://github.com/commonsense/conceptnet-numberbatch/blob/master/LICENSE.txt",
        "many languages: ConceptNet, word2vec, GloVe"
    ),
    english!(
        "wiki-news-300d-1M",
        "wiki-news-300d-1M.vec.zip",
        Some(999_994),
        Some(681_808_098),
        "English: Wikipedia 2017, UMBC, news"
    ),
    english!(
        "wiki-news-300d-1M-subword",
        "wiki-news-300d-1M-subword.vec.zip",
        Some(999_999),
        None,
        "English: the same, trained with subwords"
    ),
    english!("crawl-300d-2M", "crawl-300d-2M.vec.zip", Some(1_999_995), Some(1_523_785_255), "English: Common Crawl"),
    english!(
        "crawl-300d-2M-subword",
        "crawl-300d-2M-subword.zip",
        None,
        None,
        "English: the same, trained with subwords"
    ),
    crawl!("ar", "Arabic", None),
    crawl!("bg", "Bulgarian", None),
    crawl!("bn", "Bengali", None),
    crawl!("ca", "Catalan", None),
    crawl!("cs", "Czech", None),
    crawl!("da", "Danish", None),
    crawl!("de", "German", Some(1_278_030_050)),
    crawl!("el", "Greek", None),
    crawl!("en", "English", Some(1_325_960_915)),
    crawl!("es", "Spanish", None),
    crawl!("fa", "Persian", None),
    crawl!("fi", "Finnish", None),
    crawl!("fr", "French", None),
    crawl!("he", "Hebrew", None),
    crawl!("hi", "Hindi", None),
    crawl!("hu", "Hungarian", None),
    crawl!("id", "Indonesian", None),
    crawl!("it", "Italian", None),
    crawl!("ja", "Japanese", None),
    crawl!("ko", "Korean", None),
    crawl!("nl", "Dutch", None),
    crawl!("no", "Norwegian", None),
    crawl!("pl", "Polish", None),
    crawl!("pt", "Portuguese", None),
    crawl!("ro", "Romanian", None),
    crawl!("ru", "Russian", None),
    crawl!("sv", "Swedish", None),
    crawl!("ta", "Tamil", None),
    crawl!("th", "Thai", None),
    crawl!("tr", "Turkish", None),
    crawl!("uk", "Ukrainian", None),
    crawl!("ur", "Urdu", None),
    crawl!("vi", "Vietnamese", None),
    crawl!("zh", "Chinese", None),
];

/// File extensions that catalog names do not have.
const ENDINGS: [&str; 6] = [".gz", ".zip", ".txt", ".vec", ".bin", ".safetensors"];

/// The entry with this name or alias.
pub fn find(name: &str) -> Option<&'static CatalogEntry> {
    CATALOG.iter().find(|entry| entry.name == name || entry.alias == Some(name))
}

/// Up to three names similar to `name`, the most likely first. File extensions and case are ignored.
pub fn suggest(name: &str) -> Vec<&'static str> {
    let mut bare = name;
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| bare.strip_suffix(ending)) {
        bare = shorter;
    }
    let bare = bare.to_lowercase();
    let max = (bare.chars().count() / 3).clamp(1, 3);
    let names = CATALOG.iter().flat_map(|entry| [Some(entry.name), entry.alias]).flatten();
    let mut near: Vec<(usize, &str)> = names
        .map(|other| (strsim::osa_distance(&bare, &other.to_lowercase()), other))
        .filter(|(distance, _)| *distance <= max)
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_consistent() {
        for (at, entry) in CATALOG.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            assert!(
                entry.name.chars().all(plain) && !entry.name.starts_with('.'),
                "a name is a folder: {}",
                entry.name
            );
            assert!(entry.file_name().chars().all(plain) && entry.file_name().len() > 4, "{}", entry.address);
            assert!(entry.address.starts_with("https://"), "{}", entry.address);
            assert_eq!(entry.member.is_some(), entry.address.ends_with(".zip"), "{}", entry.name);
            assert!(entry.md5.is_none_or(|md5| md5.len() == 32 && md5.bytes().all(|b| b.is_ascii_hexdigit())));
            assert!(entry.dimension > 0 && entry.rows != Some(0));
            let names = CATALOG[at + 1..].iter().flat_map(|other| [Some(other.name), other.alias]).flatten();
            assert!(names.into_iter().all(|other| other != entry.name && Some(other) != entry.alias), "{}", entry.name);
        }
    }

    #[test]
    fn names_and_similar_names() {
        assert_eq!(find("glove.6B.50d").unwrap().member, Some("glove.6B.50d.txt"));
        assert_eq!(find("GoogleNews-vectors-negative300").unwrap().name, "word2vec-google-news-300");
        assert!(find("glove.6b.50d").is_none());
        assert_eq!(suggest("glove.6b.50d.txt")[0], "glove.6B.50d");
        assert_eq!(suggest("googlenews-vectors-negative300.bin.gz")[0], "GoogleNews-vectors-negative300");
        assert!(suggest("reviews.vec").is_empty());
    }
}
