use clap::Parser;

use super::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    bus: BusSettings,
}

/// Parses flags as a user gives them; the settings' own environment variables are assumed unset.
fn settings(flags: &[&str]) -> BusSettings {
    Command::try_parse_from(std::iter::once(&"usher").chain(flags))
        .map_err(|error| error.to_string())
        .unwrap()
        .bus
}

fn connection_string(endpoint: &str, more: &str) -> String {
    format!(
        "--servicebus-connection-string=Endpoint=sb://{endpoint}/;SharedAccessKeyName=n;SharedAccessKey=k;{more}"
    )
}

fn check(flags: &[&str]) -> Result<Checked, (&'static str, String)> {
    settings(flags).check().map_err(|error| (error.setting(), error.to_string()))
}

#[test]
fn azure_is_reached_by_tls_on_the_standard_port() {
    let checked = check(&[&connection_string("contoso.servicebus.windows.net", "")]).unwrap();
    assert_eq!(
        (checked.host.as_str(), checked.port, checked.plain),
        ("contoso.servicebus.windows.net", 5671, false)
    );
}

#[test]
fn websockets_take_port_443() {
    let checked = check(&[
        "--servicebus-namespace=contoso.servicebus.windows.net",
        "--servicebus-transport=websockets",
    ]);
    let checked = checked.unwrap();
    assert_eq!((checked.port, checked.transport), (443, BusTransport::Websockets));
    assert!(matches!(checked.identity, Identity::Ambient));
}

#[test]
fn only_the_emulator_flag_drops_tls_and_only_on_this_machine() {
    let flagged = check(&[&connection_string("127.0.0.1:5673", "UseDevelopmentEmulator=true")]).unwrap();
    assert_eq!((flagged.port, flagged.plain), (5673, true));
    assert!(!check(&[&connection_string("127.0.0.1:5673", "")]).unwrap().plain);
    let (setting, problem) =
        check(&[&connection_string("10.0.0.1", "UseDevelopmentEmulator=true")]).unwrap_err();
    assert_eq!(setting, "SERVICEBUS_CONNECTION_STRING");
    assert!(problem.contains("only for a broker on this machine"), "{problem}");
}

#[test]
fn exactly_one_way_in_is_given() {
    assert_eq!(check(&[]).unwrap_err().0, "SERVICEBUS_CONNECTION_STRING");
    let both = [connection_string("h", ""), "--servicebus-namespace=h".into()];
    assert_eq!(check(&[&both[0], &both[1]]).unwrap_err().0, "SERVICEBUS_NAMESPACE");
}

#[test]
fn a_namespace_is_a_host_name_and_nothing_more() {
    assert_eq!(check(&["--servicebus-namespace=sb://h/"]).unwrap_err().0, "SERVICEBUS_NAMESPACE");
}

#[test]
fn a_key_for_another_topic_is_a_wrong_topic() {
    let (setting, problem) = check(&[&connection_string("h", "EntityPath=other")]).unwrap_err();
    assert_eq!(setting, "SERVICEBUS_TOPIC");
    assert_eq!(problem, "is user-signups, but the connection string is for other");
}

#[test]
fn no_error_and_no_debug_output_quotes_the_secret() {
    let text = "--servicebus-connection-string=Endpoint=nonsense;SharedAccessKeyName=n;SharedAccessKey=hush";
    let settings = settings(&[text]);
    assert!(!format!("{settings:?} {:?}", settings.check().unwrap_err()).contains("hush"));
}
