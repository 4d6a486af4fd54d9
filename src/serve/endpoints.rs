//! What can be asked, in one table: arguments are read by it, and the OpenAPI description is made of it.

use serde_json::{Map, Value, json};

use super::{Limits, METHODS};

/// The version of the description that `/v1/openapi.json` follows.
const OPENAPI: &str = "3.1.0";

/// A question that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    About,
    Nearest,
    Similarity,
    Analogy,
    Predict,
    Complete,
    Map,
    OpenApi,
}

/// A path, what it asks, and what it takes.
#[derive(Debug)]
pub struct Endpoint {
    pub path: &'static str,
    pub question: Question,
    summary: &'static str,
    pub parameters: &'static [Parameter],
    /// Properties of the answer: name, JSON type, what it is.
    answer: &'static [(&'static str, &'static str, &'static str)],
}

/// An argument.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    about: &'static str,
}

/// What an argument is made of.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// Texts: in an address the name comes once for each; in a body they are an array, or a single text.
    Texts,
    /// Numbers: in an address with commas between them, in a body an array.
    Numbers,
    /// A whole number from 1 to a limit.
    Count(Most),
    /// A number from -1 to 1.
    Cosine,
    /// One of these.
    Choice(&'static [&'static str]),
}

/// The most that a count may be.
#[derive(Debug, Clone, Copy)]
pub enum Most {
    Answers,
    Points,
    Rows,
}

impl Most {
    pub fn of(self, limits: &Limits) -> usize {
        match self {
            Most::Answers => limits.k,
            Most::Points => limits.points,
            Most::Rows => u32::MAX as usize,
        }
    }
}

const fn required(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter { name, kind, required: true, about }
}

const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter { name, kind, required: false, about }
}

const K: Parameter = optional("k", Kind::Count(Most::Answers), "How many answers; 10 unless told.");
const RESTRICT: Parameter = optional(
    "restrict",
    Kind::Count(Most::Rows),
    "Search only so many rows from the first on: the most frequent words.",
);
const TABLE: Parameter = optional(
    "table",
    Kind::Choice(&["first", "second"]),
    "Which vectors answer: those of --vectors (first), or those of --compare (second).",
);

/// All that can be asked.
pub static ENDPOINTS: [Endpoint; 8] = [
    Endpoint {
        path: "/v1/about",
        question: Question::About,
        summary: "What is open, and the limits.",
        parameters: &[],
        answer: &[
            ("version", "string", "Vocable's version."),
            ("tables", "array", "The tables that are open: name, rows, dimension."),
            ("model", "object", "The model's labels; null without one."),
            ("list", "integer", "Words of the list; null without one."),
            ("labels", "array", "The labels of words; empty without any."),
            ("labelled", "integer", "How many words have one."),
            ("methods", "array", "How maps can be drawn."),
            ("limits", "object", "Most answers, points, named words, bytes of a body."),
        ],
    },
    Endpoint {
        path: "/v1/nearest",
        question: Question::Nearest,
        summary: "The words nearest to words, far from others, or near to a vector; gensim's most_similar.",
        parameters: &[
            optional("word", Kind::Texts, "Words to be near to; at least one word or a vector is needed."),
            optional("not", Kind::Texts, "Words to be far from."),
            optional("vector", Kind::Numbers, "A vector to be near to, which counts as it is."),
            K,
            RESTRICT,
            optional("min_cosine", Kind::Cosine, "Leave out answers with a lower cosine."),
            TABLE,
        ],
        answer: &[
            ("vector", "integer", "1, where the question has a vector."),
            ("query", "array", "Words to be near to."),
            ("not", "array", "Words to be far from, where there are any."),
            ("neighbours", "array", "The answers, best first: word, row, cosine."),
        ],
    },
    Endpoint {
        path: "/v1/similarity",
        question: Question::Similarity,
        summary: "The cosine of two words.",
        parameters: &[required("a", Kind::Text, "A word."), required("b", Kind::Text, "Another."), TABLE],
        answer: &[
            ("a", "string", "A word."),
            ("b", "string", "Another."),
            ("cosine", "number", "Their cosine, from -1 to 1."),
        ],
    },
    Endpoint {
        path: "/v1/analogy",
        question: Question::Analogy,
        summary: "a is to b as c is to what?",
        parameters: &[
            required("a", Kind::Text, "The first word."),
            required("b", Kind::Text, "What belongs to it."),
            required("c", Kind::Text, "The word asked about."),
            optional("method", Kind::Choice(&["add", "mul"]), "3CosAdd, unless told, or 3CosMul."),
            K,
            RESTRICT,
            TABLE,
        ],
        answer: &[
            ("a", "string", "As asked."),
            ("b", "string", "As asked."),
            ("c", "string", "As asked."),
            ("method", "string", "add or mul."),
            ("answers", "array", "The answers, best first: word, row, score."),
        ],
    },
    Endpoint {
        path: "/v1/predict",
        question: Question::Predict,
        summary: "Labels for texts, by the model of --model.",
        parameters: &[required("text", Kind::Texts, "Texts, a label for each.")],
        answer: &[("predictions", "array", "For each text: label, probabilities, words, unknown.")],
    },
    Endpoint {
        path: "/v1/complete",
        question: Question::Complete,
        summary: "Words that begin so: the most frequent first.",
        parameters: &[required("prefix", Kind::Text, "The beginning."), K, TABLE],
        answer: &[("prefix", "string", "As asked."), ("words", "array", "The words.")],
    },
    Endpoint {
        path: "/v1/map",
        question: Question::Map,
        summary: "A map of words in two dimensions, of every table that is open.",
        parameters: &[
            optional(
                "of",
                Kind::Choice(&["near", "frequent", "list", "labelled", "words"]),
                "The words named and those near to them (near, unless told), the most frequent ones, those of --words, \
                 those of --labels, or only the words named.",
            ),
            optional("word", Kind::Texts, "The words named; in any map they are shown too."),
            optional("n", Kind::Count(Most::Points), "How many points at the most; 200 unless told."),
            optional(
                "method",
                Kind::Choice(METHODS),
                "Principal components, unless told, or t-SNE, which allows fewer points, and which not every build of the \
                 program has.",
            ),
        ],
        answer: &[
            ("method", "string", "pca or tsne."),
            ("words", "array", "The words, in the order of the points."),
            ("labels", "array", "For each word an index into the labels of /v1/about, or null."),
            ("maps", "array", "For each table: x and y of each point, and what the axes explain (pca)."),
            ("moved", "array", "With two tables: how far apart a word's neighbourhoods are, from 0 to 1."),
            ("left_out", "integer", "Words that have no direction, or are not in both tables."),
        ],
    },
    Endpoint {
        path: "/v1/openapi.json",
        question: Question::OpenApi,
        summary: "This description.",
        parameters: &[],
        answer: &[
            ("openapi", "string", "Its version."),
            ("info", "object", "What this is."),
            ("paths", "object", "What can be asked."),
            ("components", "object", "What refusals look like."),
        ],
    },
];

/// What every question may be refused with.
const REFUSALS: [(&str, &str); 11] = [
    ("400", "Arguments that are not as described, or are not UTF-8."),
    ("403", "A question by a page of another origin."),
    ("404", "A word that is not there, or has no direction; what is not open; a path that does not exist."),
    ("405", "A method other than GET, HEAD and POST."),
    ("408", "A request that did not arrive in time."),
    ("413", "A body over the limit."),
    ("414", "An address that is too long."),
    ("415", "A body that is not application/json."),
    ("421", "A host name that is not this server's."),
    ("431", "Headers that are too long."),
    ("503", "More questions than can wait, or an answer that took too long; ask again later."),
];

/// The OpenAPI description of what is served.
pub fn openapi(limits: &Limits) -> Value {
    let paths: Map<String, Value> =
        ENDPOINTS.iter().map(|endpoint| (endpoint.path.to_owned(), path(endpoint, limits))).collect();
    json!({
        "openapi": OPENAPI,
        "info": {
            "title": "Vocable",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Questions to pretrained word vectors. Arguments stand in the address (GET) or in a JSON object (POST).",
        },
        "paths": paths,
        "components": { "schemas": { "Error": {
            "type": "object",
            "required": ["error"],
            "properties": { "error": { "type": "string", "description": "What was expected and what was found." } },
        } } },
    })
}

fn path(endpoint: &Endpoint, limits: &Limits) -> Value {
    let answer: Map<String, Value> = endpoint
        .answer
        .iter()
        .map(|&(name, kind, about)| {
            // What may be absent is null: no model, no list, tables that cannot be compared.
            let kind = if matches!(name, "model" | "list") { json!([kind, "null"]) } else { json!(kind) };
            (name.to_owned(), json!({ "type": kind, "description": about }))
        })
        .collect();
    let mut responses = json!({ "200": {
        "description": "The answer.",
        "content": { "application/json": { "schema": { "type": "object", "properties": answer } } },
    } });
    for (status, about) in REFUSALS {
        responses[status] = json!({
            "description": about,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
    }
    let parameters: Vec<Value> = endpoint.parameters.iter().map(|parameter| in_address(parameter, limits)).collect();
    let properties: Map<String, Value> =
        endpoint.parameters.iter().map(|parameter| (parameter.name.to_owned(), described(parameter, limits))).collect();
    let needed: Vec<&str> = endpoint.parameters.iter().filter(|one| one.required).map(|one| one.name).collect();
    let body = json!({
        "type": "object", "properties": properties, "required": needed, "additionalProperties": false,
    });
    json!({
        "get": { "summary": endpoint.summary, "parameters": parameters, "responses": responses },
        "post": {
            "summary": endpoint.summary,
            "requestBody": { "required": true, "content": { "application/json": { "schema": body } } },
            "responses": responses,
        },
    })
}

fn in_address(parameter: &Parameter, limits: &Limits) -> Value {
    let mut told = json!({
        "name": parameter.name, "in": "query", "required": parameter.required, "description": parameter.about,
        "schema": schema(parameter.kind, limits),
    });
    if let Kind::Numbers = parameter.kind {
        told["explode"] = json!(false);
    }
    told
}

fn described(parameter: &Parameter, limits: &Limits) -> Value {
    let mut schema = schema(parameter.kind, limits);
    schema["description"] = json!(parameter.about);
    schema
}

fn schema(kind: Kind, limits: &Limits) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" }, "maxItems": limits.named }),
        Kind::Numbers => json!({ "type": "array", "items": { "type": "number" } }),
        Kind::Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most.of(limits) }),
        Kind::Cosine => json!({ "type": "number", "minimum": -1, "maximum": 1 }),
        Kind::Choice(names) => json!({ "type": "string", "enum": names }),
    }
}
