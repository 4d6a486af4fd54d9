//! The endpoints, in one table: arguments are parsed by it, and the OpenAPI description is generated from it.

use serde_json::{Map, Value, json};

use super::state::{Limits, METHODS};

/// The OpenAPI version of `/v1/openapi.json`.
const OPENAPI_VERSION: &str = "3.1.0";

/// What an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    About,
    Nearest,
    Similarity,
    Analogy,
    Predict,
    Complete,
    Map,
    OpenApi,
}

/// A path, its parameters and its response.
#[derive(Debug)]
pub struct Endpoint {
    pub path: &'static str,
    pub route: Route,
    summary: &'static str,
    pub parameters: &'static [Parameter],
    /// Properties of the response: name, JSON type, description.
    response: &'static [(&'static str, &'static str, &'static str)],
}

/// A parameter of an endpoint.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub value_type: ParameterType,
    pub required: bool,
    description: &'static str,
}

/// The values of a parameter.
#[derive(Debug, Clone, Copy)]
pub enum ParameterType {
    /// A string.
    Text,
    /// Strings: repeated in a query string; an array or a single string in a body.
    Texts,
    /// Numbers: comma-separated in a query string; an array in a body.
    Numbers,
    /// An integer from 1 to a limit.
    Count(MaxCount),
    /// A number from -1 to 1.
    Cosine,
    /// One of these strings.
    Choice(&'static [&'static str]),
}

/// The upper limit of a count.
#[derive(Debug, Clone, Copy)]
pub enum MaxCount {
    Results,
    Points,
    Rows,
}

impl MaxCount {
    pub fn value(self, limits: &Limits) -> usize {
        match self {
            MaxCount::Results => limits.max_k,
            MaxCount::Points => limits.max_points,
            MaxCount::Rows => u32::MAX as usize,
        }
    }
}

const fn required(name: &'static str, value_type: ParameterType, description: &'static str) -> Parameter {
    Parameter { name, value_type, required: true, description }
}

const fn optional(name: &'static str, value_type: ParameterType, description: &'static str) -> Parameter {
    Parameter { name, value_type, required: false, description }
}

const K: Parameter = optional("k", ParameterType::Count(MaxCount::Results), "Number of results. Default: 10.");
const RESTRICT: Parameter = optional(
    "restrict",
    ParameterType::Count(MaxCount::Rows),
    "Search only this many rows from the start of the table (the most frequent words).",
);
const TABLE: Parameter = optional(
    "table",
    ParameterType::Choice(&["first", "second"]),
    "The table of vectors to query. Default: first. A second one exists if the server was started with --compare.",
);

/// All endpoints.
pub static ENDPOINTS: [Endpoint; 8] = [
    Endpoint {
        path: "/v1/about",
        route: Route::About,
        summary: "Information about the server: tables, model, labels and limits.",
        parameters: &[],
        response: &[
            ("version", "string", "Version of Vocable."),
            ("tables", "array", "The open tables: name, rows, dimension."),
            ("model", "object", "The labels of the model; null without a model."),
            ("list_words", "integer", "Number of words in the list; null without a list."),
            ("labels", "array", "The labels of words; empty without labels."),
            ("labelled_words", "integer", "Number of words with a label."),
            ("methods", "array", "The available projection methods of maps."),
            ("limits", "object", "Limits: max_k, max_terms, max_points, max_tsne_points, max_body_bytes."),
        ],
    },
    Endpoint {
        path: "/v1/nearest",
        route: Route::Nearest,
        summary: "Nearest words by cosine similarity, like gensim's most_similar.",
        parameters: &[
            optional("word", ParameterType::Texts, "Positive words. At least one word or a vector is required."),
            optional("not", ParameterType::Texts, "Negative words."),
            optional("vector", ParameterType::Numbers, "A positive vector; it is not normalised."),
            K,
            RESTRICT,
            optional("min_cosine", ParameterType::Cosine, "Omit results with a lower cosine similarity."),
            TABLE,
        ],
        response: &[
            ("vector", "integer", "1 if the query has a vector."),
            ("query", "array", "The positive words."),
            ("not", "array", "The negative words, if any."),
            ("neighbours", "array", "The nearest words, best first: word, row, cosine."),
        ],
    },
    Endpoint {
        path: "/v1/similarity",
        route: Route::Similarity,
        summary: "Cosine similarity of two words.",
        parameters: &[
            required("a", ParameterType::Text, "The first word."),
            required("b", ParameterType::Text, "The second word."),
            TABLE,
        ],
        response: &[
            ("a", "string", "The first word."),
            ("b", "string", "The second word."),
            ("cosine", "number", "The cosine similarity, from -1 to 1."),
        ],
    },
    Endpoint {
        path: "/v1/analogy",
        route: Route::Analogy,
        summary: "Words d such that a is to b as c is to d.",
        parameters: &[
            required("a", ParameterType::Text, "The first word."),
            required("b", ParameterType::Text, "The word related to a."),
            required("c", ParameterType::Text, "The word to find the analogous relation for."),
            optional("method", ParameterType::Choice(&["add", "mul"]), "3CosAdd (add, the default) or 3CosMul (mul)."),
            K,
            RESTRICT,
            TABLE,
        ],
        response: &[
            ("a", "string", "The word a of the request."),
            ("b", "string", "The word b of the request."),
            ("c", "string", "The word c of the request."),
            ("method", "string", "add or mul."),
            ("answers", "array", "The results, best first: word, row, score."),
        ],
    },
    Endpoint {
        path: "/v1/predict",
        route: Route::Predict,
        summary: "Predicted labels of texts. Requires a server that was started with --model.",
        parameters: &[required("text", ParameterType::Texts, "The texts to classify.")],
        response: &[("predictions", "array", "One per text: label, probabilities, words, unknown.")],
    },
    Endpoint {
        path: "/v1/complete",
        route: Route::Complete,
        summary: "Words that begin with a prefix, the most frequent first.",
        parameters: &[required("prefix", ParameterType::Text, "The prefix."), K, TABLE],
        response: &[("prefix", "string", "The prefix of the request."), ("words", "array", "The words.")],
    },
    Endpoint {
        path: "/v1/map",
        route: Route::Map,
        summary: "A two-dimensional map of words, for every open table.",
        parameters: &[
            optional(
                "selection",
                ParameterType::Choice(&["neighbours", "frequent", "list", "labelled", "words"]),
                "Which words to show: the given words and their nearest neighbours (neighbours, the default), the most \
                 frequent words (frequent), the words of the list (list), the words with a label (labelled), or only \
                 the given words (words).",
            ),
            optional("word", ParameterType::Texts, "Words that are always shown."),
            optional("points", ParameterType::Count(MaxCount::Points), "Maximum number of points. Default: 200."),
            optional(
                "method",
                ParameterType::Choice(METHODS),
                "Projection: principal components (pca, the default) or t-SNE (tsne; fewer points; not in every build).",
            ),
        ],
        response: &[
            ("method", "string", "pca or tsne."),
            ("words", "array", "The words, in the order of the points."),
            ("labels", "array", "For each word, an index into the labels of /v1/about, or null."),
            ("maps", "array", "For each table: x and y of the points and, for pca, the explained variance ratios."),
            (
                "cosine_distances",
                "array",
                "With two tables: cosine distances between each word's two vectors, from 0 to 2.",
            ),
            ("words_omitted", "integer", "Number of words with a zero vector, or missing from one of the tables."),
        ],
    },
    Endpoint {
        path: "/v1/openapi.json",
        route: Route::OpenApi,
        summary: "This OpenAPI description.",
        parameters: &[],
        response: &[
            ("openapi", "string", "The OpenAPI version."),
            ("info", "object", "Title and version of the API."),
            ("paths", "object", "The endpoints."),
            ("components", "object", "The schema of error responses."),
        ],
    },
];

/// Error responses that any endpoint can return.
const ERRORS: [(&str, &str); 11] = [
    ("400", "Invalid arguments, or bytes that are not UTF-8."),
    ("403", "A request from a page of another origin."),
    ("404", "An unknown word, a word with a zero vector, a missing table or model, or an unknown path."),
    ("405", "A method other than GET, HEAD and POST."),
    ("408", "The request did not arrive in time."),
    ("413", "The body is too large."),
    ("414", "The URL is too long."),
    ("415", "The body is not application/json."),
    ("421", "The host name is not this server's."),
    ("431", "The headers are too large."),
    ("503", "Too many requests in progress, or a timeout; try again later."),
];

/// The OpenAPI description of all endpoints.
pub fn openapi(limits: &Limits) -> Value {
    let paths: Map<String, Value> =
        ENDPOINTS.iter().map(|endpoint| (endpoint.path.to_owned(), path(endpoint, limits))).collect();
    json!({
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Vocable",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Queries on pretrained word vectors. Arguments are in the query string (GET) or in a JSON object (POST).",
        },
        "paths": paths,
        "components": { "schemas": { "Error": {
            "type": "object",
            "required": ["error"],
            "properties": { "error": { "type": "string", "description": "What is wrong." } },
        } } },
    })
}

fn path(endpoint: &Endpoint, limits: &Limits) -> Value {
    let response: Map<String, Value> = endpoint
        .response
        .iter()
        .map(|&(name, json_type, description)| {
            let nullable = matches!(name, "model" | "list_words");
            let json_type = if nullable { json!([json_type, "null"]) } else { json!(json_type) };
            (name.to_owned(), json!({ "type": json_type, "description": description }))
        })
        .collect();
    let mut responses = json!({ "200": {
        "description": "Success.",
        "content": { "application/json": { "schema": { "type": "object", "properties": response } } },
    } });
    for (status, description) in ERRORS {
        responses[status] = json!({
            "description": description,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
    }
    let parameters: Vec<Value> =
        endpoint.parameters.iter().map(|parameter| query_parameter(parameter, limits)).collect();
    let properties: Map<String, Value> =
        endpoint.parameters.iter().map(|parameter| (parameter.name.to_owned(), property(parameter, limits))).collect();
    let required: Vec<&str> = endpoint.parameters.iter().filter(|one| one.required).map(|one| one.name).collect();
    let body = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
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

fn query_parameter(parameter: &Parameter, limits: &Limits) -> Value {
    let mut described = json!({
        "name": parameter.name, "in": "query", "required": parameter.required, "description": parameter.description,
        "schema": schema(parameter.value_type, limits),
    });
    if let ParameterType::Numbers = parameter.value_type {
        described["explode"] = json!(false);
    }
    described
}

fn property(parameter: &Parameter, limits: &Limits) -> Value {
    let mut schema = schema(parameter.value_type, limits);
    schema["description"] = json!(parameter.description);
    schema
}

fn schema(value_type: ParameterType, limits: &Limits) -> Value {
    match value_type {
        ParameterType::Text => json!({ "type": "string" }),
        ParameterType::Texts => json!({ "type": "array", "items": { "type": "string" }, "maxItems": limits.max_terms }),
        ParameterType::Numbers => json!({ "type": "array", "items": { "type": "number" } }),
        ParameterType::Count(max) => json!({ "type": "integer", "minimum": 1, "maximum": max.value(limits) }),
        ParameterType::Cosine => json!({ "type": "number", "minimum": -1, "maximum": 1 }),
        ParameterType::Choice(names) => json!({ "type": "string", "enum": names }),
    }
}
