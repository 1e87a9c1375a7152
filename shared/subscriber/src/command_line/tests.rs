use super::*;
use crate::testing::{Greeter, GreeterCommand};

fn parse(arguments: &[&str]) -> Result<Line<Greeter>, clap::Error> {
    let arguments = ["usher-greeter"].iter().chain(arguments);
    let command = of::<Greeter>("usher-greeter", arguments.clone().map(OsString::from));
    command.try_get_matches_from(arguments).and_then(|matches| Line::from_matches(&matches))
}

fn problem(arguments: &[&str]) -> String {
    parse(arguments).err().unwrap().to_string()
}

fn on_the_bus(arguments: &[&str]) -> (String, Option<Command>) {
    match parse(arguments).unwrap() {
        Line::OnTheBus(line) => (line.own.greeting, line.command),
        Line::Own(..) | Line::Check(..) => panic!("a command that needs no bus"),
    }
}

#[test]
fn help_says_what_the_consumer_does_and_names_every_setting_and_command() {
    let help = problem(&["--help"]);
    assert!(help.starts_with("Greets every new customer."), "{help}");
    for setting in ["SERVICEBUS_CONNECTION_STRING", "CONCURRENCY", "HEALTH_ADDR", "GREETING_FOR_A_TEST"] {
        assert!(help.contains(setting), "{setting}");
    }
    for command in ["run ", "replay ", "rehearse ", "Show how somebody would be greeted"] {
        assert!(help.contains(command), "{command}: {help}");
    }
}

#[test]
fn help_says_that_a_replay_comes_on_top_of_the_replicas() {
    let help = problem(&["--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("A replay counts as one more replica"), "{help}");
}

#[test]
fn help_of_a_replay_names_every_way_to_choose_and_to_slow_down() {
    let help = problem(&["replay", "--help"]);
    assert!(help.starts_with("Run the messages in this consumer's dead-letter queue"), "{help}");
    for flag in ["--reason", "--status", "--older-than", "--since", "--seq", "--rate", "--ramp", "--dry-run"]
    {
        assert!(help.contains(flag), "{flag}: {help}");
    }
}

#[test]
fn without_a_command_it_runs() {
    assert!(matches!(on_the_bus(&["--greeting", "hi"]), (greeting, None) if greeting == "hi"));
    assert!(matches!(on_the_bus(&["--greeting", "hi", "run"]), (_, Some(Command::Run))));
    let replay = on_the_bus(&["--greeting", "hi", "replay", "--reason", "X"]);
    assert!(matches!(replay, (_, Some(Command::Replay(it))) if it.filter.reason.as_deref() == Some("X")));
}

#[test]
fn a_command_of_its_own_takes_the_consumers_settings_and_none_of_the_bus() {
    let arguments = ["rehearse", "Ada", "--greeting", "hi", "--extra-ca-file", "ca.pem"];
    let Line::Own(settings, command) = parse(&arguments).unwrap() else { panic!("on the bus") };
    assert_eq!(command, GreeterCommand::Rehearse { name: "Ada".into() });
    assert_eq!((settings.own.greeting.as_str(), settings.http.extra_ca_file), ("hi", Some("ca.pem".into())));
    let refused = problem(&["rehearse", "Ada", "--greeting", "hi", "--servicebus-topic", "t"]);
    assert!(refused.contains("unexpected argument '--servicebus-topic'"), "{refused}");
}

#[test]
fn a_command_of_its_own_teaches_itself() {
    let help = problem(&["rehearse", "--help"]);
    assert!(help.starts_with("Show how somebody would be greeted.\n\nNobody is greeted."), "{help}");
    assert!(help.contains("GREETING_FOR_A_TEST") && help.contains("USHER_EXTRA_CA_FILE"), "{help}");
    assert!(!help.contains("SERVICEBUS"), "{help}");
    assert_eq!(problem(&["help", "rehearse"]), help);
}

#[test]
fn what_is_missing_is_named_whatever_the_command() {
    for arguments in [&[][..], &["run"], &["replay"], &["rehearse", "Ada"]] {
        let missing = problem(arguments);
        assert!(missing.contains("--greeting <GREETING>"), "{arguments:?}: {missing}");
    }
}

#[test]
fn a_check_takes_the_consumers_settings_and_none_of_the_bus() {
    let arguments = ["check", "--greeting", "hi", "--concurrency", "2"];
    let Line::Check(settings, args) = parse(&arguments).unwrap() else { panic!("no check") };
    assert_eq!((settings.own.greeting.as_str(), args.concurrency.get()), ("hi", 2));
    let help = problem(&["check", "--help"]);
    assert!(help.starts_with("Say of each sign-up") && help.contains("GREETING_FOR_A_TEST"), "{help}");
    assert!(!help.contains("SERVICEBUS"), "{help}");
}

#[test]
fn a_setting_in_front_of_such_a_command_is_refused_rather_than_ignored() {
    let refused = problem(&["--greeting", "hi", "rehearse", "Ada"]);
    assert!(refused.contains("'rehearse' cannot be used with '--greeting <GREETING>'"), "{refused}");
}
