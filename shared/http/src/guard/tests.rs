use super::*;

fn guard(text: &str) -> Guard {
    text.parse().unwrap()
}

fn permits(guard: &Guard, address: &str) -> bool {
    guard.permits(address.parse().unwrap())
}

#[test]
fn what_only_we_can_reach_is_not_public() {
    for address in [
        "0.0.0.0",
        "10.255.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!permits(&Guard::default(), address), "{address}");
    }
}

#[test]
fn what_everybody_can_reach_is_public() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "168.63.129.15",
        "168.63.129.17",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.1.1",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
    ] {
        assert!(permits(&Guard::default(), address), "{address}");
    }
}

#[test]
fn what_is_allowed_by_name_is_allowed_and_nothing_beside_it() {
    let some = guard("10.1.0.0/16, 127.0.0.1,fd12::/64");
    for address in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "fd12::7", "8.8.8.8"] {
        assert!(permits(&some, address), "{address}");
    }
    for address in ["10.2.0.1", "127.0.0.2", "fd12:0:0:1::7", "169.254.169.254"] {
        assert!(!permits(&some, address), "{address}");
    }
    assert!(permits(&guard("true"), "169.254.169.254"));
    assert_eq!(guard("false"), Guard::default());
}

#[test]
fn what_names_no_network_is_refused() {
    for wrong in ["", "yes", "10.0.0.0/33", "10.0.0.0/8,", "example.com"] {
        assert_eq!(wrong.parse::<Guard>(), Err(GuardError), "{wrong:?}");
    }
}

#[test]
fn an_address_is_known_however_it_is_written() {
    for url in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://①②⑦.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
    ] {
        assert!(!Guard::default().permits_host(&Url::parse(url).unwrap()), "{url}");
    }
    assert!(Guard::default().permits_host(&Url::parse("https://example.com/").unwrap()));
}
