//! Errors of requests.

use std::fmt::Display;

use hyper::StatusCode;

use super::workers::QueueFull;
use crate::error::Error;

/// An error response.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub message: String,
}

impl ApiError {
    pub fn new(status: StatusCode, message: impl Display) -> ApiError {
        ApiError { status, message: message.to_string() }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        let status = match &error {
            error if error.is_unanswered() => StatusCode::NOT_FOUND,
            Error::Invalid { .. } | Error::UnknownValue { .. } | Error::Other { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError::new(status, error)
    }
}

impl From<QueueFull> for ApiError {
    fn from(_: QueueFull) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests in progress; try again later")
    }
}
