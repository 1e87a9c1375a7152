//! Which addresses vendors take.

/// Whether an address is valid in the eyes of Stripe and of Mailchimp: `dot-atom@domain.tld` in ASCII. Their exact
/// rules are not published; those here are the ones on which all validators agree.
pub(crate) fn is_valid(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    email.len() <= 254 && local.len() <= 64 && local.split('.').all(is_atom) && is_domain(domain)
}

fn is_atom(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.') && domain.split('.').all(is_label) && top.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_have_them_are_taken() {
        for email in ["ada@example.com", "Ada.Lovelace+seats@post.example", "o'brien@a.co", "x@EXAMPLE.COM"] {
            assert!(is_valid(email), "{email}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_even_if_some_carrier_handed_it_out() {
        for email in
            ["", "ada", "ada@", "@example.com", "ada@localhost", "a..b@example.com", "a.@mail.example"]
        {
            assert!(!is_valid(email), "{email}");
        }
        for email in
            ["łukasz@example.com", "ada@exam ple.com", "ada@@example.com", "ada@-example.com", "a@1.2.3"]
        {
            assert!(!is_valid(email), "{email}");
        }
    }
}
