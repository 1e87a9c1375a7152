use proptest::prelude::*;
use uuid::uuid;

use super::*;

const ID: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");

fn naming(template: &str) -> Naming {
    Naming::new(template.parse().unwrap(), "contoso.com".parse().unwrap())
}

/// The local parts that somebody of these names may get, by the default template.
fn locals(given: &str, surname: &str, display: &str) -> Vec<String> {
    let names = Names::new(Some(given), Some(surname), Some(display));
    let upns = naming("{given}.{surname}|{given}|{surname}|{display}|customer").upns(&names, ID);
    upns.iter().map(|upn| upn.strip_suffix("@contoso.com").unwrap().to_owned()).collect()
}

#[test]
fn names_of_many_scripts_become_readable() {
    for (given, surname, expected) in [
        ("Ada", "King", "ada.king"),
        ("Łukasz", "Żółć", "lukasz.zolc"),
        ("Święcisław", "Brzęczyszczykiewicz", "swiecislaw.brzeczyszczykiewicz"),
        ("Jörg", "Müller", "jorg.muller"),
        ("Änne", "Groß", "anne.gross"),
        ("Øyvind", "Åse", "oyvind.ase"),
        ("Þórður", "Æsir", "thordur.aesir"),
        ("Seán", "O'Brien", "sean.obrien"),
        ("Seán", "O’Brien", "sean.obrien"),
        ("Zoë", "van der Meer", "zoe.van.der.meer"),
        ("Jean-Luc", "Picard", "jean-luc.picard"),
        ("Mary Anne", "Smith-Jones", "mary.anne.smith-jones"),
        ("François", "L'Œuvre", "francois.loeuvre"),
        ("Nguyễn", "Đặng", "nguyen.dang"),
        ("Işık", "Çağlar", "isik.caglar"),
        ("Škoda", "Čapek", "skoda.capek"),
        ("Jose\u{301}", "Nun\u{303}ez", "jose.nunez"),
        ("Elif", "Əliyeva", "elif.eliyeva"),
        ("Олександра", "Шевченко", "oleksandra.shevchenko"),
        ("Юлия", "Щедрин", "yuliya.shchedrin"),
        ("Ђорђе", "Љубић", "djordje.ljubic"),
        ("Ελένη", "Παπαδοπούλου", "eleni.papadopoyloy"),
        ("Στέφανος", "Οικονόμου", "stefanos.oikonomoy"),
        ("Հայկ", "Սարգսյան", "hayk.sargsyan"),
        ("ნინო", "ქართველი", "nino.kartveli"),
        ("محمد", "الخطيب", "mhmd.lkhtyb"),
        ("عبد الرحمن", "بن سعيد", "bd.lrhmn.bn.syd"),
        ("נועה", "בן־דוד", "nvh.vn-dvd"),
        ("小明", "欧阳", "xiaoming.ouyang"),
        ("静怡", "陈", "jingyi.chen"),
        ("さくら", "佐藤", "sakura.zuoteng"),
        ("ジョン・スミス", "", "jiyon-sumisu"),
        ("민준", "김", "minjun.gim"),
        ("สมชาย", "ศรีสุวรรณ", "smchay.srisuwrrn"),
        ("विक्रम", "श्रीवास्तव", "vikrm.srivastv"),
        ("அருண்", "குமார்", "arun.kumar"),
        ("አበበ", "", "abebe"),
        ("ᏣᎳᎩ", "", "tsalagi"),
        ("𝓐𝓭𝓪", "Ｋｉｎｇ", "ada.king"),
        ("ﬁona", "Ⅳ", "fiona.iv"),
        ("Ada", "", "ada"),
        ("", "King", "king"),
        ("unknown", "King", "king"),
        ("Ada", "Unknown", "ada"),
    ] {
        assert_eq!(locals(given, surname, "")[0], expected, "{given} {surname}");
    }
}

#[test]
fn hostile_names_become_clean_ones_or_the_next_alternative() {
    let long = "x".repeat(64);
    for (given, surname, display, expected) in [
        ("Robert'); DROP TABLE users;--", "", "", "robert.drop.table.users"),
        ("' OR 1=1 --", "", "", "or.1.1"),
        ("Ada\r\nBcc: eve", "King", "", "ada.bcc.eve.king"),
        ("Ada\0", "King", "", "ada.king"),
        ("\u{202e}Ada\u{202c}", "\u{200f}King\u{200e}", "", "ada.king"),
        ("\u{200b}", "\u{feff}", "Ada", "ada"),
        ("🎭", "🎟️", "Ada ✨", "ada"),
        ("../../etc/passwd", "", "", "etc.passwd"),
        ("<script>alert(1)</script>", "", "", "script.alert.1.script"),
        ("...", "---", "_Ada_", "ada"),
        ("\u{301}\u{301}", "", "Ada", "ada"),
        ("ada@example.com", "King", "", "king"),
        ("Ada", "king@example.com", "", "ada"),
        ("Ada", "ｋｉｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ", "", "ada"),
        (&"x".repeat(10_000), &"y".repeat(10_000), "", &long),
        (&"\u{301}".repeat(10_000), "", "Ada", "ada"),
    ] {
        assert_eq!(locals(given, surname, display)[0], expected, "{given:?} {surname:?} {display:?}");
    }
}

#[test]
fn an_address_is_never_used_wherever_it_stands() {
    let address = "ada@example.com";
    assert_eq!(
        locals(address, address, address),
        ["customer-4c5d", "customer-2a3b4c5d", "customer-0e1f2a3b4c5d"]
    );
}

#[test]
fn a_taken_name_gets_more_and_more_of_the_users_own_id() {
    let expected = ["ada.king", "ada.king-4c5d", "ada.king-2a3b4c5d", "ada.king-0e1f2a3b4c5d"];
    assert_eq!(locals("Ada", "King", ""), expected);
    assert_eq!(locals("Ada", "King", ""), expected, "and the same on every delivery");
}

#[test]
fn a_suffix_fits_within_the_length_that_is_allowed() {
    let locals = locals(&"x".repeat(50), &format!("y.{}", "z".repeat(50)), "");
    assert_eq!(locals[0].len(), 64);
    assert_eq!(locals[3], format!("{}-0e1f2a3b4c5d", "x".repeat(50)), "no separator before the suffix");
    assert!(locals.iter().all(|local| local.len() <= 64), "{locals:?}");
}

#[test]
fn a_reserved_name_and_one_for_everybody_come_with_a_suffix_only() {
    assert_eq!(locals("Root", "", "")[0], "root-4c5d");
    assert_eq!(locals("No", "Reply", "")[0], "no.reply-4c5d");
    assert_eq!(locals("ＡＤＭＩＮ", "", "")[0], "admin-4c5d");
    assert_eq!(locals("", "", "unknown")[0], "customer-4c5d");
}

#[test]
fn without_any_name_and_without_a_word_for_everybody_there_is_no_candidate() {
    assert_eq!(naming("{given}").upns(&Names::new(None, None, Some("Ada")), ID), Vec::<String>::new());
}

#[test]
fn only_what_a_sign_up_generates_is_a_default() {
    for (upn, expected) in [
        (format!("{ID}@contoso.onmicrosoft.com"), true),
        (format!("{}@contoso.onmicrosoft.com", ID.to_string().to_uppercase()), true),
        (format!("{}@contoso.onmicrosoft.com", ID.simple()), true),
        ("cpim_0b9e3a52-7d0c-4a4c-9d3a-2f5a8a6f1c11@contoso.onmicrosoft.com".to_owned(), true),
        ("CPIM_0b9e3a52-7d0c-4a4c-9d3a-2f5a8a6f1c11@contoso.onmicrosoft.com".to_owned(), true),
        ("cpim_ada@contoso.com".to_owned(), false),
        ("0b9e3a52-7d0c-4a4c-9d3a-2f5a8a6f1c11@contoso.com".to_owned(), false),
        ("ada.king@contoso.com".to_owned(), false),
        (format!("x{ID}@contoso.com"), false),
        (ID.to_string(), false),
        (String::new(), false),
    ] {
        assert_eq!(is_generated_default(&upn, ID), expected, "{upn}");
    }
}

#[test]
fn one_request_sets_the_display_name_too_if_there_is_none() {
    let change =
        |display_name| Change { upns: Vec::new(), display_name }.properties("ada@contoso.com").to_string();
    assert_eq!(change(None), r#"{"userPrincipalName":"ada@contoso.com"}"#);
    let both = r#"{"displayName":"Ada","userPrincipalName":"ada@contoso.com"}"#;
    assert_eq!(change(Some("Ada".to_owned())), both);
}

/// What Entra allows before the @, and what we promise beyond it.
fn is_fine(local: &str) -> bool {
    let doubled = |pair: &[u8]| pair.iter().all(|b| b".-_".contains(b));
    (1..=64).contains(&local.len())
        && local.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b))
        && !local.starts_with(local_part::is_separator)
        && !local.ends_with(local_part::is_separator)
        && !local.as_bytes().windows(2).any(doubled)
        && !reserved::is_reserved(local)
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(any::<char>(), 0..300).prop_map(String::from_iter),
        "[a-zżółćß .'@_-]{0,80}",
        "(admin|root|no-reply|unknown|🎭|\u{202e}|\r\n|x@y\\.z)?",
    ]
}

fn any_template() -> impl Strategy<Value = String> {
    let piece = prop_oneof!["\\{(given|surname|display)\\}", "[a-z0-9]", "[._-]{1,2}[a-z]"];
    let alternative = prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat());
    prop::collection::vec(alternative, 1..4).prop_map(|alternatives| alternatives.join("|"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_names_by_any_template_give_legal_and_distinct_candidates(
        given in any_name(),
        surname in any_name(),
        display in any_name(),
        template in any_template(),
        id in any::<u128>(),
    ) {
        let names = Names::new(Some(&given), Some(&surname), Some(&display));
        let upns = naming(&template).upns(&names, Uuid::from_u128(id));
        for upn in &upns {
            let local = upn.strip_suffix("@contoso.com").unwrap();
            prop_assert!(is_fine(local), "{local}");
        }
        let distinct: std::collections::BTreeSet<_> = upns.iter().collect();
        prop_assert_eq!(distinct.len(), upns.len());
    }

    #[test]
    fn a_display_name_is_never_hidden_or_too_long(given in any_name(), surname in any_name()) {
        if let Some(name) = Names::new(Some(&given), Some(&surname), None).missing_display_name() {
            prop_assert!((1..=256).contains(&name.chars().count()));
            let hidden = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            prop_assert!(!name.contains(hidden));
            prop_assert!(!name.contains('@') && name.trim() == name);
        }
    }
}
