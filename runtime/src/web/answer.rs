//! Answers of the service as answers over HTTP.

use axum::response::{IntoResponse as _, Response};
use hyper::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tonic::{Code, Status};

/// A JSON value, or a refusal.
pub fn json(answer: Result<Value, Status>) -> Response {
    match answer {
        Ok(value) => body(StatusCode::OK, &value),
        Err(status) => refused(&status),
    }
}

/// Why not: the sentence is for a person.
pub fn refused(status: &Status) -> Response {
    let code = match status.code() {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Aborted | Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let kind = format!("{:?}", status.code());
    body(code, &json!({ "error": status.message(), "code": kind }))
}

fn body(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
