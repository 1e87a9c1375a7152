//! Parameters as Stripe reads them: form-encoded, nested by brackets.

use axum::http::{HeaderMap, header};
use url::form_urlencoded;

use super::errors::Refused;

/// Parameters by their full name, such as `metadata[user]`, in the order of their names.
pub(super) type Params = std::collections::BTreeMap<String, String>;

/// The parameters of a body.
pub(super) fn read_body(headers: &HeaderMap, body: &[u8]) -> Result<Params, Refused> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !body.is_empty() && !content_type.starts_with("application/x-www-form-urlencoded") {
        let message =
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded).";
        return Err(Refused::invalid(message));
    }
    read(body)
}

/// The parameters of a query.
pub(super) fn read_query(query: Option<&str>) -> Result<Params, Refused> {
    read(query.unwrap_or_default().as_bytes())
}

fn read(text: &[u8]) -> Result<Params, Refused> {
    let mut params = Params::new();
    for (name, value) in form_urlencoded::parse(text).into_owned() {
        if params.contains_key(&name) {
            return Err(Refused::invalid(format!("Received duplicate parameter: {name}")).at(&name));
        }
        params.insert(name, value);
    }
    Ok(params)
}

/// Refuses every parameter that isn't among the `known`.
pub(super) fn only(params: &Params, known: &[&str]) -> Result<(), Refused> {
    match params.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(Refused::unknown_parameter(unknown)),
        None => Ok(()),
    }
}

/// The `limit` of a list: 1 to 100, 10 unless told otherwise.
pub(super) fn limit(params: &Params) -> Result<usize, Refused> {
    let Some(limit) = params.get("limit") else { return Ok(10) };
    let integer = limit.parse().map_err(|_| {
        Refused::invalid(format!("Invalid integer: {limit}"))
            .with_code("parameter_invalid_integer")
            .at("limit")
    })?;
    match integer {
        1..=100 => Ok(integer),
        _ => Err(Refused::invalid("This value must be between 1 and 100.").at("limit")),
    }
}
