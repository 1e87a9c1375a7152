//! User principal names: which are legal, which are generated, which show an address.
//! <https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname>

use uuid::Uuid;

use crate::TENANT_DOMAIN;

/// The most characters before the @.
const LOCAL: usize = 64;
/// The most characters after it.
const DOMAIN: usize = 48;

/// The one that Entra makes for whoever signs up.
pub(crate) fn generated(id: Uuid) -> String {
    format!("{id}@{TENANT_DOMAIN}")
}

/// Whether Entra takes it, its domain being verified apart.
pub(crate) fn is_legal(name: &str) -> bool {
    let Some((local, domain)) = name.split_once('@') else { return false };
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"'.-_!#^~".contains(&b);
    let is_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    (1..=LOCAL).contains(&local.len())
        && (1..=DOMAIN).contains(&domain.len())
        && local.bytes().all(is_allowed)
        && !local.ends_with('.')
        && domain.bytes().all(is_label)
}

/// What stands after the @.
pub(super) fn domain(name: &str) -> &str {
    name.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Whether somebody's address can be read from it, local part and domain, whatever stands between.
pub(crate) fn shows(name: &str, email: &str) -> bool {
    let (name, email) = (name.to_lowercase(), email.to_lowercase());
    let parts = email.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    parts.is_some_and(|(local, domain)| name.contains(local) && name.contains(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_entra_takes_is_legal() {
        let longest = format!("{}@{}", "a".repeat(64), "b".repeat(48));
        for name in ["ada@seats.example", "O'Brien.x_1!#^~-@seats.onmicrosoft.com", &longest] {
            assert!(is_legal(name), "{name}");
        }
    }

    #[test]
    fn what_entra_refuses_is_not() {
        let (long, far) = (format!("{}@a.b", "a".repeat(65)), format!("a@{}", "b".repeat(49)));
        for name in
            ["", "ada", "@seats.example", "ada@", "a@b@c", "a b@c", "zoë@c", "ada.@c", "a+b@c", &long, &far]
        {
            assert!(!is_legal(name), "{name}");
        }
    }

    #[test]
    fn an_address_shows_however_it_is_wrapped() {
        assert!(shows("Ada_example.com#EXT#@seats.example", "ada@example.com"));
        assert!(shows("ada@example.com", "ADA@example.com"));
        assert!(!shows("ada@seats.example", "ada@example.com"));
        assert!(!shows("ada@seats.example", "nobody"));
    }
}
