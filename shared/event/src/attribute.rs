//! The name of a custom user attribute.

/// Checks a name, for settings that hold one; use it as clap's `value_parser`. No other property of a user may stand in
/// such a place: the names of the built-in ones have no underscore.
///
/// # Errors
/// Says of what form a name is.
pub fn attribute_name(name: &str) -> Result<String, &'static str> {
    let parts = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_'));
    match parts {
        Some((app, own))
            if app.len() == 32
                && app.bytes().all(|b| b.is_ascii_hexdigit())
                && !own.is_empty()
                && own.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
        {
            Ok(name.to_owned())
        }
        _ => Err("must be extension_{app id, 32 hex digits without hyphens}_{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_custom_attribute_has_such_a_name() {
        assert!(attribute_name("extension_0123456789abcdef0123456789abcdef_StripeCustomerId").is_ok());
        for wrong in [
            "mail",
            "extension_0123_StripeCustomerId",
            "extension_0123456789abcdef0123456789abcdef_",
            "extension_0123456789abcdef0123456789abcdef_a-b",
        ] {
            assert!(attribute_name(wrong).is_err(), "{wrong}");
        }
    }
}
