//! Names that no customer gets alone: in somebody's hands they would be taken for the house's own.

use crate::local_part;

/// Without separators: `no-reply`, `no.reply` and `noreply` are one.
const RESERVED: [&str; 4] = [
    // Who reads mail at such an address of a domain can get a certificate for it.
    // CA/Browser Forum, Baseline Requirements, 3.2.2.4.4
    "admin administrator hostmaster postmaster webmaster",
    // Addresses that every domain is expected to answer at: RFC 2142.
    "abuse ftp info marketing news noc sales security support usenet uucp www",
    // Accounts that programs and people trust, or take for a machine's.
    "anonymous daemon donotreply everyone guest mailerdaemon nobody noreply owner root service superuser sysadmin \
     system test unknown user",
    // Who writes under such a name is believed to write for the house.
    "account accounts billing compliance contact customer customerservice finance hello help helpdesk hr it \
     legal mail office payments press privacy staff team",
];

/// Whether a legal text is such a name, or made of nothing else: `support.team` is no more a customer than `support`.
pub(crate) fn is_reserved(text: &str) -> bool {
    let bare = text.replace(local_part::is_separator, "");
    is_listed(&bare) || text.split(local_part::is_separator).all(is_listed)
}

fn is_listed(word: &str) -> bool {
    RESERVED.iter().any(|names| names.split(' ').any(|name| name == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_name_is_known_however_it_is_spaced() {
        for name in ["admin", "no-reply", "no.reply", "mailer_daemon", "root", "system", "press"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["ada", "administrata", "root.beer", "admin1"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn a_name_made_of_reserved_names_alone_is_reserved_too() {
        for name in ["support.team", "it.support", "it_support-team", "admin.admin", "account.office"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["root.beer", "frank.office", "support.ada.team", "it.s"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn each_name_in_the_table_can_be_met() {
        for name in RESERVED.iter().flat_map(|names| names.split(' ')) {
            let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
            assert!(bare, "{name:?} holds what is taken out before the look");
        }
    }
}
